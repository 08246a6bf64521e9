"""What a detection run writes, whom it asks for labels, and what is left when it is stopped."""
from __future__ import annotations

import csv
import json
import shutil
import threading
import weakref

import cv2
import numpy as np
import pytest
import torch
from command_lines import held_by_another_run
from known_labels import KnownLabels, store_labels
from scipy import ndimage
from toys import MIN_AREA, ToyGenerator, make_pairs, write_pairs

from mmdesra.apis.detect import detect_folder
from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import DeSRA, build_detector
from mmdesra.errors import InputError
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.evaluation.desra_detector import DeSRADetector
from mmdesra.files import ImageError, read_image, read_mask, write_mask
from mmdesra.generators import GeneratedPairs, StoredPairs, Upscaler
from mmdesra.generators.origin import note_origin
from mmdesra.ops import local_std
from mmdesra.segmentors import LabelFolder

COUNT = 7
CLEAN = 1, 4, 5
FOUND = ['image0', 'image2', 'image3', 'image6']
WEAK = .05
"""Amplitude of a texture that the sea's weight hides."""


def detector():
    return DeSRA(min_area=MIN_AREA)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """LR images, both SR images and stored labels of seven pairs; three are clean."""
    folder = tmp_path_factory.mktemp('pairs')
    write_pairs(folder, COUNT, WEAK, CLEAN)
    store_labels(folder / 'labels', {f'image{k}': read_image(folder / f'gan/image{k}.png')
                                     for k in range(COUNT)})
    return folder


def run(root, out, labels=None, source=None, **options):
    source = source or StoredPairs(root / 'gan', root / 'mse')
    return detect_folder(source, options.pop('detector', detector()), out, labels,
                         show_progress=False, **dict(dict(report=False), **options))


def masks_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def read_rows(out):
    with (out / 'detections.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def read_json(out):
    return json.loads((out / 'detections.json').read_text(), parse_constant=pytest.fail)


# ---------------------------------------- the calls of a segmenter


@pytest.mark.parametrize('batch_size', [1, 3])
def test_a_segmenter_is_called_only_where_there_are_artifacts_without_it(root, tmp_path,
                                                                         batch_size):
    labels = KnownLabels(batch_size=batch_size)
    results = run(root, tmp_path / 'gated', labels)
    assert labels.calls == [FOUND[k:k + batch_size] for k in range(0, len(FOUND), batch_size)]
    assert [result.image for result in results] == [f'image{k}.png' for k in range(COUNT)]
    assert [result.labelled for result in results] == [k not in CLEAN for k in range(COUNT)]

    stored = run(root, tmp_path / 'stored', LabelFolder(root / 'labels'))
    assert masks_of(tmp_path / 'gated/mask') == masks_of(tmp_path / 'stored/mask')
    plain = run(root, tmp_path / 'plain')
    assert 0 < sum(one.artifact_px for one in results) < sum(one.artifact_px for one in plain)
    assert all(one.labelled for one in stored) and not any(one.labelled for one in plain)
    assert [row['labelled'] for row in read_rows(tmp_path / 'gated')] == [
        str(k not in CLEAN) for k in range(COUNT)]
    assert read_json(tmp_path / 'gated')['totals']['labelled'] == len(FOUND)


def test_pseudo_gts_ask_only_where_there_are_artifacts(root, tmp_path):
    masks = {}
    for name, labels in dict(gated=KnownLabels(), stored=LabelFolder(root / 'labels')).items():
        maker = PseudoGTMaker(make_pairs(root / 'lq', WEAK), detector(), labels)
        folder = PseudoGTFolder(tmp_path / name)
        maker.make(folder)
        maker.finish(folder, maker.skipped)
        masks[name] = masks_of(tmp_path / name / 'mask')
        if name == 'gated':
            assert labels.calls == [[stem] for stem in FOUND]
    assert masks['gated'] == masks['stored'] and masks['gated']


def test_the_comparison_asks_only_where_there_are_artifacts(root, tmp_path):
    results = {}
    for name, labels in dict(gated=KnownLabels(), stored=LabelFolder(root / 'labels')).items():
        heldout = BeforeAfter(root / 'lq', Upscaler(ToyGenerator()), detector(), tmp_path / name,
                              labels)
        heldout.measure_before(Upscaler(ToyGenerator(WEAK)))
        if name == 'gated':
            assert labels.calls == [[stem] for stem in FOUND]
            labels.calls.clear()
        results[name] = heldout.measure_after(Upscaler(ToyGenerator(.01)))
        if name == 'gated':
            assert labels.calls == []
    assert results['gated'] == results['stored'] and results['gated'].regions_before > 0


def samples(root):
    for k in range(COUNT):
        yield dict(img_path=f'image{k}.png', **{key: torch.from_numpy(
            read_image(root / f'{folder}/image{k}.png').transpose(2, 0, 1).copy())
            for key, folder in (('pred_img', 'gan'), ('mse_img', 'mse'))})


def test_the_metric_asks_only_where_there_are_artifacts(root):
    figures = []
    for labels in (KnownLabels(batch_size=3), str(root / 'labels')):
        metric = DeSRADetector(detector=detector(), segmentor=labels)
        metric.process(None, list(samples(root)))
        figures.append(metric.evaluate(COUNT))
        if isinstance(labels, KnownLabels):
            assert labels.calls == [[stem] for stem in FOUND]
    assert figures[0] == figures[1] and figures[0]['DeSRA/regions'] > 0


# ---------------------------------------- detections.json


def excess_of(root, name):
    """How much more texture GAN-SR has than MSE-SR, of each pixel."""
    gan, mse = (local_std(torch.from_numpy(read_image(root / kind / name)).permute(2, 0, 1))
                for kind in ('gan', 'mse'))
    return np.pad((gan - mse).clamp(min=0).mean(dim=0).numpy(), 5, 'edge')


def test_images_compared_with_themselves_have_no_strength(root, tmp_path):
    """A detector of GAN-SR images alone is given them twice."""
    class Everywhere(DeSRA):
        def artifact_map(self, gan, mse):
            return torch.zeros([side - 10 for side in gan.shape[1:]])

    run(root, tmp_path, source=StoredPairs(root / 'gan', root / 'gan'), report=True,
        detector=Everywhere(min_area=MIN_AREA))
    entry = read_json(tmp_path)['images'][0]
    assert entry['regions'] == 1 and entry['strength'] is None and entry['strengths'] == []
    assert read_rows(tmp_path)[0]['strength'] == ''


def test_the_json_says_what_was_done_and_found(root, tmp_path):
    results = run(root, tmp_path, KnownLabels())
    content = read_json(tmp_path)
    assert content['detector'] == detector().describe()
    assert content['labels'] == dict(type='KnownLabels')
    assert content['map'] == dict(range=[0, 1], threshold=.7, low_is_artifact=True)
    assert len(content['images']) == COUNT
    for row, entry, result in zip(read_rows(tmp_path), content['images'], results):
        mask = read_mask(tmp_path / 'mask' / entry['image'])
        regions, count = ndimage.label(mask, np.ones((3, 3)))
        boxes = [(columns.start, rows.start, columns.stop - columns.start,
                  rows.stop - rows.start, int((regions == number + 1).sum()))
                 for number, (rows, columns) in enumerate(ndimage.find_objects(regions))]
        assert sorted(map(tuple, entry['boxes'])) == sorted(boxes)
        assert (entry['regions'], entry['artifact_px']) == (count, mask.sum())
        assert entry['largest_px'] == max((box[4] for box in boxes), default=0)
        assert (entry['width'], entry['height']) == (192, 160)
        assert {key: '' if value is None else str(value) for key, value in entry.items()
                if key not in ('boxes', 'strengths')} == row
        excess = excess_of(root, entry['image'])
        strengths = dict(zip(boxes, ndimage.mean(excess, regions, range(1, count + 1))))
        assert entry['strengths'] == pytest.approx(
            [strengths[tuple(box)] for box in entry['boxes']], abs=1e-3)
        assert entry['strength'] == (pytest.approx(excess[mask].mean(), abs=1e-3) if count
                                     else None)
        assert entry == vars(result)
    totals = content['totals']
    area = sum(entry['artifact_px'] for entry in content['images'])
    assert (totals['images'], totals['skipped']) == (COUNT, 0)
    assert totals['images_with_artifacts'] == sum(
        entry['regions'] > 0 for entry in content['images'])
    assert totals['artifact_px'] == area > 0
    assert totals['artifact_share'] == pytest.approx(area / (COUNT * 192 * 160), abs=1e-6)


class Spoiled(StoredPairs):
    """Pairs, some of which fail in ways of their own."""

    def __init__(self, root, errors):
        super().__init__(root / 'gan', root / 'mse')
        self.errors = errors

    def read(self, path):
        if path.stem in self.errors:
            raise self.errors[path.stem]
        return super().read(path)


def test_skipped_images_are_in_the_tables_but_not_in_the_totals(root, tmp_path):
    source = Spoiled(root, dict(image0=ImageError('image0.png: "damaged", é, \udce9')))
    results = run(root, tmp_path, source=source, report=True)
    assert results[0].error == 'image0.png: "damaged", é, \udce9' and not results[1].error
    content = read_json(tmp_path)
    assert content['images'][0] == dict(
        image='image0.png', width=0, height=0, regions=0, artifact_px=0, artifact_share=0,
        largest_px=0, strength=None, largest_dropped_px=0, labelled=False,
        error='image0.png: "damaged", é, \udce9', boxes=[], strengths=[])
    assert content['labels'] is None
    assert (content['totals']['images'], content['totals']['skipped']) == (COUNT - 1, 1)
    assert 'damaged' in (tmp_path / 'report.html').read_text(errors='replace')


def test_all_images_skipped(root, tmp_path):
    run(root, tmp_path, source=Spoiled(root, {f'image{k}': ImageError('no')
                                              for k in range(COUNT)}))
    totals = read_json(tmp_path)['totals']
    assert (totals['images'], totals['skipped'], totals['artifact_share']) == (0, COUNT, 0)


def test_a_mask_of_an_earlier_run_is_told_and_left(root, tmp_path):
    (tmp_path / 'mask').mkdir(parents=True)
    write_mask(tmp_path / 'mask/image0.png', np.ones((3, 3), bool))
    source = Spoiled(root, dict(image0=ImageError('image0.png: damaged'),
                                image1=ImageError('image1.png: damaged')))
    results = run(root, tmp_path, source=source)
    assert results[0].error == (f'image0.png: damaged ({tmp_path}/mask/image0.png is from an '
                                'earlier run)')
    assert results[1].error == 'image1.png: damaged'
    assert read_json(tmp_path)['images'][0]['error'] == results[0].error
    assert read_mask(tmp_path / 'mask/image0.png').shape == (3, 3)


def test_images_are_never_written_over(root, tmp_path):
    """In this folder --save-sr would, and what it wrote would not be what it was."""
    run(root, tmp_path, source=make_pairs(root / 'lq', WEAK), save_sr=True)
    before = files_of(tmp_path / 'sr')
    again = StoredPairs(tmp_path / 'sr/gan', tmp_path / 'sr/mse')
    with pytest.raises(InputError, match='sr/gan/image0.png: lies in a folder that results are'):
        run(root, tmp_path, source=again, save_sr=True)
    with pytest.raises(InputError, match='sr/mse/image0.png: lies in a folder that results are'):
        run(root, tmp_path, source=StoredPairs(root / 'gan', tmp_path / 'sr/mse'), save_sr=True)
    run(root, tmp_path, source=again)
    assert files_of(tmp_path / 'sr') == before


def test_label_maps_are_never_written_over(root, tmp_path):
    shutil.copytree(root / 'labels', tmp_path / 'mask')
    before = files_of(tmp_path / 'mask')
    with pytest.raises(InputError, match='mask/image0.png: lies in a folder that results are'):
        run(root, tmp_path, LabelFolder(tmp_path / 'mask'))
    assert files_of(tmp_path / 'mask') == before


def test_another_run_at_work_in_the_folder_is_not_disturbed(root, tmp_path):
    run(root, tmp_path)
    before = files_of(tmp_path)
    with held_by_another_run(tmp_path), pytest.raises(InputError, match='another run is at work'):
        run(root, tmp_path, detector=DeSRA(.1, MIN_AREA))
    (tmp_path / '.lock').unlink()  # it was killed
    assert files_of(tmp_path) == before
    (tmp_path / 'mask/.image0.png.1.part').write_bytes(b'half of a mask')
    run(root, tmp_path)
    assert files_of(tmp_path) == before


# ---------------------------------------- other units


@pytest.mark.parametrize('name', ['LDLStar', 'TextureDifference', 'SSIM'])
def test_maps_are_saved_between_the_ends_of_their_range(root, tmp_path, name):
    rival = build_detector(dict(type=name, min_area=MIN_AREA))
    run(root, tmp_path, detector=rival, save_map=True)
    low, high = read_json(tmp_path)['map']['range']
    assert (low, high) == rival.map_range
    for k in range(COUNT):
        stored = cv2.imread(str(tmp_path / f'map/image{k}.png'), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16
        pair = [read_image(root / f'{kind}/image{k}.png') for kind in ('gan', 'mse')]
        expected = rival.detect(*pair).map.clip(low, high)
        values = low + stored / 65535 * (high - low)
        np.testing.assert_allclose(values, expected, rtol=0, atol=(high - low) / 65535)
        # What the file tells suffices to find the raw artifacts again.
        assert ((values < rival.threshold) == (expected < rival.threshold)).mean() > .999
    assert stored.max() > 1000


# ---------------------------------------- one after the other, side by side


def test_few_pairs_are_held(root, tmp_path):
    """One is read, one made, one looked at, one written, and one may not be let go of yet."""
    class Counting(StoredPairs):
        held, most = [], 0

        def read(self, path):
            pair = super().read(path)
            self.held.append(weakref.ref(pair.gan))
            Counting.most = max(self.most, sum(held() is not None for held in self.held))
            return pair

    run(root, tmp_path, source=Counting(root / 'gan', root / 'mse'), report=True)
    assert len(Counting.held) == COUNT and Counting.most <= 5


def test_no_thread_is_left(root, tmp_path):
    before = threading.active_count()
    run(root, tmp_path / 'whole')
    with pytest.raises(KeyboardInterrupt):
        run(root, tmp_path / 'stopped', source=Spoiled(root, dict(image2=KeyboardInterrupt)))
    assert threading.active_count() == before


def test_the_passes_of_a_partner_are_said(root, tmp_path):
    def detect(**note):
        partner = ToyGenerator()
        note_origin(partner, dict(meta=dict(mse_partner=note)))
        source = GeneratedPairs(root / 'lq', Upscaler(ToyGenerator(WEAK)), Upscaler(partner))
        out = tmp_path / '-'.join(note)
        run(root, out, source=source, report=True)
        return json.loads((out / 'detections.json').read_text()), (out / 'report.html').read_text()

    found, report = detect(passes=4, iterations=9)
    assert found['pairs']['partner'] == dict(passes=4, iterations=9)
    assert 'mean of 4 passes' in report and 'of the turned image' in report
    assert 'passes' not in detect(iterations=9)[1]


# ---------------------------------------- stopped in the middle


@pytest.mark.parametrize('error', [KeyboardInterrupt, OSError('disk full')])
def test_what_was_done_counts(root, tmp_path, error):
    source = Spoiled(root, dict(image2=ImageError('image2.png: damaged'), image4=error))
    with pytest.raises(error if isinstance(error, type) else OSError):
        run(root, tmp_path, source=source, report=True)
    rows = read_rows(tmp_path)
    assert [row['image'] for row in rows] == [f'image{k}.png' for k in range(4)]
    assert [entry['image'] for entry in read_json(tmp_path)['images']] == [
        row['image'] for row in rows]
    assert sorted(masks_of(tmp_path / 'mask')) == ['image0.png', 'image1.png', 'image3.png']
    report = (tmp_path / 'report.html').read_text()
    assert all(f'image{k}.png' in report for k in range(4)) and 'image5.png' not in report


def test_images_that_waited_for_labels_are_not_told_as_done(root, tmp_path):
    source = Spoiled(root, dict(image3=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(root, tmp_path, KnownLabels(batch_size=10), source)
    assert [row['image'] for row in read_rows(tmp_path)] == ['image1.png']


def test_a_run_that_did_nothing_leaves_the_tables_of_another(root, tmp_path):
    run(root, tmp_path, report=True)
    before = files_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(root, tmp_path, source=Spoiled(root, dict(image0=KeyboardInterrupt)), report=True)
    assert before == files_of(tmp_path)
