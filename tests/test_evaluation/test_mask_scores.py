from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image

from mmdesra.errors import InputError
from mmdesra.evaluation.image_sums import ImageSums
from mmdesra.evaluation.mask_scores import COLUMNS, MaskFolders, score_folders
from mmdesra.files import ImageError, read_mask, write_image, write_mask
from mmdesra.ops import DetailChange, MaskScores, compare_regions, detail_outside, score_mask

SIZE = 40, 50
BOXES = dict(one=(5, 15, 5, 15), two=(20, 35, 20, 40), tiny=(0, 3, 45, 50))


def mask_of(*names):
    mask = np.zeros(SIZE, bool)
    for name in names:
        top, bottom, left, right = BOXES[name]
        mask[top:bottom, left:right] = True
    return mask


def write_masks(folder, **masks):
    folder.mkdir()
    for name, boxes in masks.items():
        write_mask(folder / f'{name}.png', mask_of(*boxes))
    return folder


@pytest.fixture
def pred(tmp_path):
    return write_masks(tmp_path / 'pred', a=['one'], b=['one', 'two'], c=[])


@pytest.fixture
def gt(tmp_path):
    return write_masks(tmp_path / 'gt', a=['one', 'two'], b=['two'], c=[])


@pytest.fixture
def before(tmp_path):
    return write_masks(tmp_path / 'before', a=['one', 'two', 'tiny'], b=['two'], c=[])


def listing(root):
    return {path: path.read_bytes() for path in root.rglob('*') if path.is_file()}


def test_the_set_is_the_sum_of_its_images(pred, gt):
    result = score_folders(MaskFolders(pred, gt))
    expected = [score_mask(torch.from_numpy(mask_of(*a)), torch.from_numpy(mask_of(*b)))
                for a, b in ((['one'], ['one', 'two']), (['one', 'two'], ['two']), ([], []))]
    assert [image.scores for image in result.images] == expected
    assert result.scores == sum(expected, MaskScores())
    assert result.scores.iou == pytest.approx((100 / 400 + 300 / 400 + 1) / 3)
    assert (result.scores.precision, result.scores.recall) == (2 / 3, 2 / 3)
    assert (result.scores_before, result.sums) == (None, ImageSums())


def test_p_and_margin_reach_every_image(tmp_path):
    pred = write_masks(tmp_path / 'pred', a=['one', 'tiny'])
    gt = write_masks(tmp_path / 'gt', a=['one'])
    write_mask(pred / 'a.png', mask_of('one', 'tiny') & (np.arange(SIZE[1]) < 47))  # tiny: 3 × 2
    write_mask(gt / 'a.png', mask_of('one', 'tiny'))  # 3 × 5, of which 40% are detected
    assert score_folders(MaskFolders(pred, gt)).scores.gt_found == 1
    assert score_folders(MaskFolders(pred, gt), p=.4).scores.gt_found == 2
    assert score_folders(MaskFolders(pred, gt), margin=5).scores.gt_regions == 1


def test_before_fine_tuning(pred, gt, before):
    result = score_folders(MaskFolders(pred, gt, before))
    assert result.scores == score_folders(MaskFolders(pred, gt)).scores
    assert result.scores_before == score_folders(MaskFolders(before, gt)).scores
    changes = [compare_regions(torch.from_numpy(mask_of(*a)), torch.from_numpy(mask_of(*b)))
               for a, b in ((['one', 'two', 'tiny'], ['one']), (['two'], ['one', 'two']))]
    assert [image.sums.changes for image in result.images[:2]] == changes
    assert result.sums.changes.removal_rate == 2 / 4
    assert result.sums.changes.addition_rate == 1 / 4


def test_before_fine_tuning_without_ground_truth(pred, before):
    result = score_folders(MaskFolders(pred, before=before))
    assert (result.scores, result.scores_before) == (None, None)
    assert result.sums.changes.before == 4
    assert 'scores' not in result.figures()


def test_detail_kept_is_measured_outside_the_masks_from_before(tmp_path, pred, before):
    rng = np.random.default_rng(0)
    details = []
    for name in 'abc':
        images = rng.integers(0, 256, (2, *SIZE, 3), np.uint8)
        images[1] //= 2
        mask = torch.from_numpy(np.array(mask_of(*dict(a=BOXES, b=['two'], c=[])[name])))
        for folder, image in zip(('images_before', 'images_after'), images):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_image(tmp_path / folder / f'{name}.png', image)
        details.append(DetailChange(*(
            detail_outside(torch.from_numpy(image.transpose(2, 0, 1).copy()), mask)
            for image in images)))
    result = score_folders(MaskFolders(pred, before=before, before_images=tmp_path /
                                       'images_before', pred_images=tmp_path / 'images_after'))
    assert [image.sums.detail for image in result.images] == details
    assert result.sums.detail.kept == pytest.approx(.5, abs=.01)
    assert result.figures()['detail_kept'] == result.sums.detail.kept


def test_figures_are_json_with_null_for_what_is_unknown(tmp_path):
    nothing = write_masks(tmp_path / 'nothing', a=[])
    figures = score_folders(MaskFolders(nothing, nothing, nothing)).figures()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures['scores']['iou'] == 1
    assert figures['scores']['clean_images'] == figures['images'] == 1
    for part, names in dict(scores=('precision', 'recall', 'pixel_precision', 'artifact_iou'),
                            changes=('removal_rate', 'addition_rate')).items():
        assert [figures[part][name] for name in names] == [None] * len(names)


def test_rows_have_only_columns_of_the_table(pred, gt, before):
    for image in score_folders(MaskFolders(pred, gt, before)).images:
        assert set(image.row()) <= set(COLUMNS)


def test_images_that_cannot_be_scored_are_named_and_skipped(tmp_path, pred, gt, caplog):
    good = score_folders(MaskFolders(pred, gt))
    for folder, name in ((gt, 'missing'), (gt, 'sizes'), (gt, 'broken'), (gt, 'grey')):
        write_mask(folder / f'{name}.png', mask_of('one'))
    write_mask(pred / 'sizes.png', np.zeros((SIZE[0], SIZE[1] - 1), bool))
    (pred / 'broken.png').write_bytes(b'no image')
    write_image(pred / 'grey.png', np.full(SIZE, 100, np.uint8))
    files = listing(tmp_path)
    with caplog.at_level(logging.WARNING, 'mmdesra'):
        result = score_folders(MaskFolders(pred, gt))
    assert result.scores == good.scores
    assert [image.image for image in result.done] == ['a.png', 'b.png', 'c.png']
    errors = {image.image: image.error for image in result.images if image.error}
    assert errors.keys() == {'missing.png', 'sizes.png', 'broken.png', 'grey.png'}
    assert f"{pred}: holds no image named 'missing'" in errors['missing.png']
    assert 'expected one size, got 49x40 (pred), 50x40 (gt)' in errors['sizes.png']
    assert f'{pred}/broken.png' in errors['broken.png']
    assert 'grey.png: expected a mask, 0 for the ground' in errors['grey.png']
    assert len(caplog.records) == 4
    assert listing(tmp_path) == files


def test_masks_of_other_programs_score_as_ours_do(pred, gt, caplog):
    good = score_folders(MaskFolders(pred, gt))
    for number, path in enumerate(sorted(gt.iterdir())):
        mask = read_mask(path)
        strokes = np.zeros((*mask.shape, 4), np.uint8)
        strokes[..., 3] = mask * 255
        Image.fromarray([mask.astype(np.uint8), strokes, mask.astype(np.uint16) * 65535][number]
                        ).save(path)
    result = score_folders(MaskFolders(pred, gt))
    assert result.scores == good.scores
    assert 'read as two values: 0 is ground, 1 is artifact' in caplog.text


def test_predictions_outside_the_set_are_said_aloud(pred, gt, caplog):
    write_mask(pred / 'more.png', mask_of('one'))
    with caplog.at_level(logging.WARNING, 'mmdesra'):
        result = score_folders(MaskFolders(pred, gt))
    assert result.unscored == ['more.png']
    assert len(result.done) == 3
    assert '1 masks have no partner' in caplog.text and 'more.png' in caplog.text


@pytest.mark.parametrize('given, message', [
    (dict(), 'to score against'),
    (dict(gt='g', pred_images='a'), 'together'),
    (dict(before='b', before_images='a'), 'together'),
    (dict(gt='g', pred_images='a', before_images='a'), 'with the masks from before'),
])
def test_folders_that_make_no_sense_are_errors(given, message):
    with pytest.raises(InputError, match=message):
        MaskFolders('p', **given)


@pytest.mark.parametrize('options, message', [
    (dict(p=0), r'p in \(0, 1\], got 0'),
    (dict(p=1.1), r'p in \(0, 1\], got 1.1'),
    (dict(margin=-1), 'at least 0 px, got -1'),
])
def test_bad_options_are_errors_before_anything_is_read(pred, gt, options, message):
    with pytest.raises(InputError, match=message):
        score_folders(MaskFolders(pred, gt), **options)


def test_a_margin_that_leaves_nothing_is_an_error_of_the_image(pred, gt):
    result = score_folders(MaskFolders(pred, gt), margin=20)
    assert not result.done
    assert 'a.png: expected a margin' in result.images[0].error


@pytest.mark.parametrize('part', ['pred', 'gt', 'before'])
def test_a_folder_that_does_not_exist_is_an_error(tmp_path, pred, gt, before, part):
    folders = dict(pred=pred, gt=gt, before=before)
    with pytest.raises(ImageError, match='nowhere: expected a folder of images'):
        score_folders(MaskFolders(**dict(folders, **{part: tmp_path / 'nowhere'})))


def test_formats_may_differ_if_the_stems_agree(tmp_path, pred, gt):
    (pred / 'a.png').unlink()
    write_mask(pred / 'a.bmp', mask_of('one'))
    assert len(score_folders(MaskFolders(pred, gt)).done) == 3
