"""Models of the authors' data, judged; the figures against a second implementation."""
from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import torch
from authors_data import FRAME, make_authors_data, released_metrics
from scipy import ndimage
from toys import MIN_AREA

from mmdesra.detectors import SSIM, DeSRA
from mmdesra.evaluation.authors_folder import read_authors_folder
from mmdesra.evaluation.authors_scores import score_model, tuned_images
from mmdesra.evaluation.authors_sources import RememberedLabels
from mmdesra.evaluation.standings import Contestant
from mmdesra.evaluation.tensors import to_tensor
from mmdesra.files import read_image, read_mask, write_image, write_mask
from mmdesra.ops import compare_regions, detail_outside
from mmdesra.segmentors import LabelSource

INSIDE = slice(FRAME, -FRAME), slice(FRAME, -FRAME)


@pytest.fixture(scope='module')
def released(tmp_path_factory):
    return make_authors_data(tmp_path_factory.mktemp('released'))


@pytest.fixture
def data(released, tmp_path):
    """A copy to change."""
    return shutil.copytree(released, tmp_path / 'data')


def contestants(**options):
    detector = DeSRA(min_area=MIN_AREA, **options)
    return [Contestant('DeSRA', detector, (detector.threshold,)),
            Contestant('SSIM', SSIM(min_area=MIN_AREA), (.3, .6))]


def judge(data, **options):
    model, = read_authors_folder([data]).models
    return score_model(model, contestants(), **options)


def rates(scores):
    return scores.iou, scores.precision, scores.recall


def masks_of(folder):
    return [read_mask(path) for path in sorted(folder.iterdir())]


def detected(data, gan='LDL/GAN-SR'):
    return [DeSRA(min_area=MIN_AREA).detect(
        read_image(path), read_image(data / 'LDL/MSE-SR' / path.name)).mask
        for path in sorted((data / gan).iterdir())]


def test_figures_are_those_of_the_released_scripts(released):
    result = judge(released)
    human = masks_of(released / 'LDL/GT-Mask')
    stored = released_metrics(masks_of(released / 'LDL/DeSRA-Mask'), human)
    assert rates(result.stored.scores) == pytest.approx(stored)
    ours = released_metrics([mask[INSIDE] for mask in detected(released)], human)
    assert rates(result.comparison.standings[0].scores) == pytest.approx(ours)
    assert 0 < stored[0] < 1 and stored[0] != ours[0] and not result.left_out
    assert [point.threshold for point in result.comparison.standings[1].sweep] == [.3, .6]


def test_fine_tuning(released):
    tuned, = judge(released).tuned
    before, after = detected(released), detected(released, 'LDL-DeSRA/GAN-SR')
    human = masks_of(released / 'LDL/GT-Mask')
    changes = [compare_regions(torch.from_numpy(a), torch.from_numpy(b))
               for a, b in zip(before, after)]
    assert tuned.name == 'LDL-DeSRA' and tuned.stored is None
    assert tuned.ours.sums.changes == sum(changes[1:], changes[0])
    assert tuned.ours.sums.changes.removed > 0 and tuned.ours.sums.changes.added > 0
    for scores, masks in (tuned.ours.scores_before, before), (tuned.ours.scores, after):
        ious = [(a & b)[INSIDE].sum() / (a | b)[INSIDE].sum() for a, b in zip(masks, human)]
        assert scores.iou == pytest.approx(np.mean(ious))
    details = [[
        detail_outside(to_tensor(read_image(path)), torch.from_numpy(mask))
        for path, mask in zip(sorted((released / folder).iterdir()), before)]
        for folder in ('LDL-DeSRA/GAN-SR', 'LDL/GAN-SR')]
    assert tuned.ours.sums.detail.kept == pytest.approx(sum(details[0]) / sum(details[1]))


def test_stored_masks_of_a_fine_tuned_model(data):
    """The first image keeps its regions, the others have one that was not there instead."""
    (data / 'LDL-DeSRA/DeSRA-Mask').mkdir()
    before = masks_of(data / 'LDL/DeSRA-Mask')
    for number, mask in enumerate(before):
        after = np.zeros_like(mask)
        after[tuple(np.argwhere(~mask)[0])] = True
        write_mask(data / f'LDL-DeSRA/DeSRA-Mask/image{number}.png', after if number else mask)
    tuned, = judge(data).tuned
    changes = tuned.stored.sums.changes
    counts = [ndimage.label(mask, np.ones((3, 3)))[1] for mask in before]
    assert (changes.before, changes.after) == (sum(counts), counts[0] + 2)
    assert (changes.removed, changes.added) == (sum(counts[1:]), 2)
    assert tuned.stored.scores_before == judge(data).stored.scores
    assert tuned.stored.sums.detail is None


def frame_human(data):
    for path in (data / 'LDL/GT-Mask').iterdir():
        write_mask(path, read_mask(path)[INSIDE])


def whole_stored(data):
    for path in (data / 'LDL/DeSRA-Mask').iterdir():
        write_mask(path, np.pad(read_mask(path), FRAME))


def move_images(data):
    for role in ('GAN-SR', 'MSE-SR'):
        images = list((data / 'LDL' / role).iterdir())
        (data / 'LDL' / role / 'sr').mkdir()
        for path in images:
            path.rename(path.parent / 'sr' / path.name)


def several_types(data):
    """Subfolders in which stems return, as the released script walks through them."""
    for folder in [*(data / 'LDL').iterdir(), data / 'LDL-DeSRA/GAN-SR']:
        for number, path in enumerate(sorted(folder.iterdir())):
            (folder / f'type{number}').mkdir()
            path.rename(folder / f'type{number}/0001.png')


@pytest.mark.parametrize('changes', [
    [frame_human], [whole_stored], [frame_human, whole_stored], [move_images], [several_types]])
def test_frames_and_subfolders_do_not_matter(released, data, changes):
    for change in changes:
        change(data)
    result, expected = judge(data), judge(released)
    assert not result.left_out
    assert result.stored.scores == expected.stored.scores
    for one, other in zip(result.comparison.standings, expected.comparison.standings):
        assert one.scores == other.scores
    for name in ('scores', 'scores_before', 'sums'):
        assert getattr(result.tuned[0].ours, name) == getattr(expected.tuned[0].ours, name)
    assert len({image.image for image in result.stored.images}) == 3


def test_stored_masks_alone(released, data):
    for name in ('LDL/GAN-SR', 'LDL/MSE-SR', 'LDL-DeSRA'):
        shutil.rmtree(data / name)
    result = judge(data)
    assert result.stored.scores == judge(released).stored.scores
    assert result.comparison is None
    message, = result.left_out
    assert message == 'LDL: has no GAN-SR images and no MSE-SR images; no detector can be run'


def test_what_is_missing_is_left_out_of_its_own_table(data):
    (data / 'LDL/DeSRA-Mask/image0.png').unlink()
    (data / 'LDL/MSE-SR/image1.png').unlink()
    (data / 'LDL-DeSRA/GAN-SR/image2.png').unlink()
    write_image(data / 'LDL/GAN-SR/extra.png', np.zeros((8, 8, 3), np.uint8))
    result = judge(data)
    assert [image.image for image in result.stored.done] == ['image1.png', 'image2.png']
    assert {image.image for image in result.comparison.images} == {'image0.png', 'image2.png'}
    assert [image.image for image in result.tuned[0].ours.done] == ['image0.png']
    messages = sorted(result.left_out)
    assert len(messages) == 4
    assert 'GAN-SR: 1 GAN-SR images have no human mask: extra.png' in messages[0]
    for message, what, name in zip(messages[1:], ('MSE-SR image', 'result of LDL-DeSRA',
                                                  'stored mask'), ('image1', 'image2', 'image0')):
        assert f'1 of 3 images have no {what}: {name} (' in message


@pytest.mark.parametrize('role, content, message', [
    ('GT-Mask', np.zeros((20, 20), np.uint8), 'expected a mask of 192x160 .*5 px .*got 20x20'),
    ('GT-Mask', np.arange(160 * 192).reshape(160, 192) % 256, 'two values, got a picture'),
    ('DeSRA-Mask', np.zeros((20, 20), np.uint8), 'expected a mask of 192x160 .*got 20x20'),
    ('GAN-SR', np.zeros((20, 20, 3), np.uint8), 'expected the size of .*MSE-SR.image1.png, 192x1'),
    ('MSE-SR', b'', 'cannot be read'),
    ('../LDL-DeSRA/GAN-SR', np.zeros((20, 20, 3), np.uint8), 'expected the size of .*MSE-SR'),
])
def test_an_image_that_cannot_be_used_is_named_once(data, role, content, message):
    path = data / 'LDL' / role / 'image1.png'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write_image(path, content.astype(np.uint8))
    result = judge(data)
    told, = result.left_out
    assert path.name in told
    assert re.search(message, told), told
    for scores in (result.stored.images, result.tuned[0].ours.images):
        assert len(scores) == 3
    assert len([image for image in result.stored.images if not image.error]) >= 2


def test_two_human_masks_of_one_image(data):
    """It is not known whose the image is, so it is no one's."""
    for number in range(2):
        (data / f'LDL/GT-Mask/type{number}').mkdir()
        shutil.copy(data / 'LDL/GT-Mask/image0.png', data / f'LDL/GT-Mask/type{number}')
    (data / 'LDL/GT-Mask/image0.png').unlink()
    result = judge(data)
    assert {image.image for image in result.comparison.images} == {'image1.png', 'image2.png'}
    assert any('may belong to type0__image0 as well as to type1__image0' in message
               for message in result.left_out)


def test_stored_label_maps_are_used(data):
    labels = np.full((160, 192), 26, np.uint8)  # sea, everywhere
    (data / 'LDL/seg').mkdir()
    for path in (data / 'LDL/GAN-SR').iterdir():
        write_image(data / 'LDL/seg' / path.name, labels)
    result = judge(data)
    standing = result.comparison.standings[0]
    assert standing.labelled and not result.comparison.standings[1].labelled
    shutil.rmtree(data / 'LDL/seg')
    without = judge(data)
    assert standing.scores.pred_px < without.comparison.standings[0].scores.pred_px
    for name in ('scores', 'scores_before'):
        found, expected = (getattr(one.tuned[0].ours, name) for one in (result, without))
        assert found.pred_px < expected.pred_px
    (data / 'LDL/seg').mkdir()
    write_image(data / 'LDL/seg/image0.png', labels)
    result = judge(data)
    assert result.comparison.num_images == 1 and 'seg' in ' '.join(result.left_out)


class Sea(LabelSource):
    """Calls each image sea, and counts."""

    def __init__(self):
        self.count = 0

    def label(self, images, paths):
        self.count += len(images)
        return [np.full(image.shape[:2], 26, np.int64) for image in images]

    def describe(self):
        return {}


def test_a_segmenter_labels_each_image_once(released):
    """3 images before and after fine-tuning, though those before are detected on twice."""
    sea = Sea()
    result = judge(released, segmentor=sea)
    assert result.comparison.standings[0].labelled and 3 <= sea.count <= 6


def test_remembered_labels_are_the_same():
    class Numbered(Sea):
        def label(self, images, paths):
            return [image[..., 0].astype(np.int16) + 1 for image in images]

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (5, 7, 3), dtype=np.uint8) for _ in range(2)]
    source = RememberedLabels(Numbered())
    for _ in range(2):
        for image, found in zip(images, source.label(images, ['x', 'x'])):
            np.testing.assert_array_equal(found, image[..., 0].astype(np.int16) + 1)
            assert found.dtype == np.int16


def test_masks_are_written_in_the_image_s_frame(released, tmp_path):
    judge(released, masks_dir=tmp_path)
    for path, mask in zip(sorted((tmp_path / 'DeSRA').iterdir()), detected(released)):
        np.testing.assert_array_equal(read_mask(path), mask)


def test_images_for_a_page(released):
    model, = read_authors_folder([released]).models
    image, = tuned_images(model, model.tuned[0], contestants()[0], None, ['image2'])
    np.testing.assert_array_equal(image.mask_before, detected(released)[2])
    np.testing.assert_array_equal(image.after, read_image(
        released / 'LDL-DeSRA/GAN-SR/image2.png'))
    np.testing.assert_array_equal(image.human, read_mask(released / 'LDL/GT-Mask/image2.png'))
