"""Detectors that mark a known part of the image, so that every figure is known."""
from __future__ import annotations

import itertools
import logging
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmdesra.detectors import BaseDetector, DeSRA, detect_image
from mmdesra.errors import InputError
from mmdesra.evaluation import detector_comparison
from mmdesra.evaluation.detector_comparison import compare_detectors
from mmdesra.evaluation.standings import Contestant, Standing, SweepPoint
from mmdesra.files import ImageError, read_mask, write_image, write_mask
from mmdesra.generators import Pair, PairSource, StoredPairs
from mmdesra.ops import MaskScores, score_mask
from mmdesra.segmentors import LabelSource

SIZE = 64, 80


class Red(BaseDetector):
    """The red channel of the GAN-SR image, high = artifact; counts its maps."""

    margin = 0
    min_size = 1
    low_is_artifact = False
    map_range = (0., 255.)

    def __init__(self, threshold=100, min_area=0):
        super().__init__(threshold, min_area)
        self.maps = 0

    def artifact_map(self, gan, mse):
        self.maps += 1
        return gan[0].float()


class Labelled(Red):
    """The label map alone."""

    uses_labels = True

    def adjusted_map(self, artifact_map, labels):
        return labels.float()


class Labels(LabelSource):
    def __init__(self):
        self.asked = []

    def label(self, images, paths):
        self.asked += [path.name for path in paths]
        return [image[..., 1].astype(np.int64) for image in images]

    def describe(self):
        return {}


def image_of(seed):
    """Red and green steps of 0, 50, … 250 in large boxes."""
    rng = np.random.default_rng(seed)
    image = np.zeros((*SIZE, 3), np.uint8)
    for channel in (0, 1):
        image[..., channel] = np.kron(50 * rng.integers(0, 6, (4, 5)), np.ones((16, 16)))
    return image


@pytest.fixture
def folders(tmp_path):
    """gan/, mse/ and gt/ of four images; the last one is clean."""
    for name in ('gan', 'mse', 'gt'):
        (tmp_path / name).mkdir()
    for number in range(4):
        image = image_of(number)
        write_image(tmp_path / f'gan/{number}.png', image)
        write_image(tmp_path / f'mse/{number}.png', image // 2)
        write_mask(tmp_path / f'gt/{number}.png',
                   (image[..., 0] > 160) & (image[..., 1] > 60) & (number < 3))
    return tmp_path


def source_of(folders):
    return StoredPairs(folders / 'gan', folders / 'mse')


def gt_of(folders, number):
    return torch.from_numpy(read_mask(folders / f'gt/{number}.png'))


def expected_scores(folders, detector, **options):
    total = MaskScores()
    for path in sorted((folders / 'gan').iterdir()):
        pair = source_of(folders).load(path)
        mask = detect_image(detector, pair.gan, pair.mse, path).mask
        total += score_mask(torch.from_numpy(mask), gt_of(folders, path.stem), **options)
    return total


def test_every_point_is_what_a_detector_of_that_threshold_gets(folders):
    contestants = [Contestant('red', Red(100), (40, 210, 160)),
                   Contestant('DeSRA', DeSRA(min_area=20), (.5, .9))]
    result = compare_detectors(source_of(folders), contestants, folders / 'gt', p=.3, margin=2)
    red, desra = result.standings
    assert [point.threshold for point in red.sweep] == [210, 160, 100, 40]
    assert [point.threshold for point in desra.sweep] == [.5, .7, .9]
    for point in red.sweep:
        assert point.scores == expected_scores(folders, Red(point.threshold), p=.3, margin=2)
    for point in desra.sweep:
        assert point.scores == expected_scores(folders, DeSRA(point.threshold, 20), p=.3, margin=2)
    assert len({point.scores.pred_px for point in red.sweep}) == 4
    assert red.scores == red.sweep[2].scores
    assert red.best.threshold == 160
    assert result.num_images == 4 and result.skipped == {}


def test_maps_are_made_once_whatever_the_sweep(folders):
    given, chosen = Red(), Red()
    result = compare_detectors(source_of(folders), [
        Contestant('given', given, tuple(range(0, 250, 25))), Contestant('chosen', chosen)],
        folders / 'gt')
    # Those of a few images twice: from them thresholds and the steps of the ranking are chosen.
    assert given.maps == chosen.maps == 4 + 4
    chosen_thresholds = [point.threshold for point in result.standings[1].sweep]
    assert chosen_thresholds == sorted(chosen_thresholds, reverse=True)
    assert {0, 50, 100, 250} <= {*chosen_thresholds}


def test_rows_of_the_images_add_up(folders):
    result = compare_detectors(source_of(folders), [
        Contestant('a', Red(100), (1,)), Contestant('b', Red(160), (1,))], folders / 'gt')
    assert [(row.image, row.detector) for row in result.images] == [
        (f'{number}.png', name) for number in range(4) for name in 'ab']
    for standing in result.standings:
        assert standing.scores == sum(
            (row.scores for row in result.images if row.detector == standing.contestant.name),
            MaskScores())


def test_seconds_are_those_of_all_images(folders, monkeypatch):
    clock = itertools.count(0, 3)
    monkeypatch.setattr(detector_comparison, 'time', SimpleNamespace(perf_counter=lambda: next(
        clock)))
    standing, = compare_detectors(source_of(folders), [Contestant('red', Red(), (1,))],
                                  folders / 'gt').standings
    assert (standing.seconds, standing.seconds_per_image) == (12, 3)


def test_the_best_threshold_is_not_the_most_silent_one():
    silent = MaskScores(images=2, iou_sum=1, clean_images=1, clean_right=1, gt_px=100)
    good = MaskScores(images=2, iou_sum=.6, clean_images=1, pred_px=80, gt_px=100, common_px=70)
    greedy = MaskScores(images=2, iou_sum=.2, clean_images=1, pred_px=900, gt_px=100,
                        common_px=100)
    sweep = [SweepPoint(*point) for point in ((200, silent), (100, good), (10, greedy))]
    assert Standing(Contestant('red', Red()), False, 1, sweep).best.threshold == 100
    nothing_there = [SweepPoint(200, MaskScores(1, 1, 1, 1)), SweepPoint(100, MaskScores(1))]
    assert Standing(Contestant('red', Red()), False, 1, nothing_there).best.threshold == 200


def test_label_maps_are_made_once_an_image_and_shared_without_gating(folders):
    labels = Labels()
    result = compare_detectors(source_of(folders), [
        Contestant('one', Labelled(100), (40,)), Contestant('two', Labelled(250), (40,)),
        Contestant('without', Labelled(100), (40,), with_labels=False),
        Contestant('red', Red(100), (40,))], folders / 'gt', labels)
    assert sorted(labels.asked) == [f'{number}.png' for number in range(4)]
    assert [standing.labelled for standing in result.standings] == [True, True, False, False]
    one, two, without, red = (standing.sweep for standing in result.standings)
    assert without == red
    assert one[-1] == two[-1] != red[-1]  # 'two' detects nothing at its own threshold
    green = MaskScores()
    for number in range(4):
        mask = torch.from_numpy(image_of(number)[..., 1] > 40)
        green += score_mask(mask, gt_of(folders, number))
    # Cleaning 16 px boxes moves borders only, so the figures are near the raw ones.
    assert one[-1].scores.pixel_recall == pytest.approx(green.pixel_recall, abs=.1)


def test_a_source_of_labels_that_nobody_uses_is_not_asked(folders):
    labels = Labels()
    compare_detectors(source_of(folders), [Contestant('red', Red())], folders / 'gt', labels)
    assert labels.asked == []


def test_masks_are_written_on_request(folders, tmp_path):
    compare_detectors(source_of(folders), [Contestant('red: 100/255', Red(), (1,))],
                      folders / 'gt', masks_dir=tmp_path / 'mask')
    for number in range(4):
        expected = detect_image(Red(), *[image_of(number)] * 2, folders).mask
        np.testing.assert_array_equal(
            read_mask(tmp_path / f'mask/red_100_255/{number}.png'), expected)


def test_an_image_that_one_cannot_use_is_skipped_for_all(folders, caplog):
    class Choosy(Red):
        def artifact_map(self, gan, mse):
            if torch.equal(gan, torch.from_numpy(image_of(1)).permute(2, 0, 1)):
                raise RuntimeError('out of memory')
            return super().artifact_map(gan, mse)

    (folders / 'mse/0.png').write_bytes(b'broken')
    write_mask(folders / 'gt/2.png', np.zeros((3, 4), bool))
    write_mask(folders / 'gt/only.png', np.zeros(SIZE, bool))
    write_image(folders / 'gan/more.png', image_of(9))
    with caplog.at_level(logging.WARNING, 'mmdesra'):
        result = compare_detectors(source_of(folders), [
            Contestant('red', Red()), Contestant('choosy', Choosy())], folders / 'gt')
    assert result.num_images == 1
    assert all(point.scores.images == 1 for one in result.standings for point in one.sweep)
    assert result.skipped.keys() == {'0.png', '1.png', '2.png', 'only.png'}
    assert 'mse/0.png' in result.skipped['0.png']
    assert 'out of memory' in result.skipped['1.png']
    assert 'size 80x64, got 4x3' in result.skipped['2.png']
    assert 'no pair has this file stem' in result.skipped['only.png']
    assert result.unscored == ['more.png']
    assert caplog.text.count('skipped: ') == 4 and 'more.png' in caplog.text


def test_a_margin_that_leaves_nothing_skips_the_image(folders):
    result = compare_detectors(source_of(folders), [Contestant('red', Red(), (1,))],
                               folders / 'gt', margin=32)
    assert result.num_images == 0
    assert np.isnan(result.standings[0].seconds_per_image)
    assert 'expected a margin' in result.skipped['0.png']


def test_one_pair_is_held_at_a_time(folders):
    class Watched(PairSource):
        paths = source_of(folders).paths
        held = []

        def make(self, path, files):
            assert sum(reference() is not None for reference in self.held) <= 1  # the last one
            pair = source_of(folders).load(path)
            pair = Pair(pair.gan, pair.mse)
            self.held.append(weakref.ref(pair))
            return pair

    compare_detectors(Watched(), [Contestant('red', Red())], folders / 'gt')
    assert len(Watched.held) == 8


@pytest.mark.parametrize('names, message', [
    ((), 'at least one detector'),
    (('a', 'a'), 'different names, got a twice'),
    (('a b', 'a/b'), 'different names, got a_b twice'),  # their masks would share a folder
])
def test_contestants_need_names(folders, names, message):
    with pytest.raises(InputError, match=message):
        compare_detectors(source_of(folders), [Contestant(name, Red()) for name in names],
                          folders / 'gt')


def test_bad_options_are_errors(folders):
    with pytest.raises(InputError, match='expected p'):
        compare_detectors(source_of(folders), [Contestant('red', Red())], folders / 'gt', p=0)
    with pytest.raises(ImageError, match='expected a folder of images'):
        compare_detectors(source_of(folders), [Contestant('red', Red())], folders / 'nowhere')
