from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hard_images import make_blotches, seeds, turned, turns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mmdesra.ops import MaskScores, label_regions, score_mask


def mask_of(*boxes, size=(40, 40)):
    mask = torch.zeros(size, dtype=torch.bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


SQUARE = (10, 20, 10, 20)  # 100 px
HALF = (10, 20, 10, 15)
LESS = (10, 20, 10, 14)
AWAY = (30, 35, 30, 35)


@pytest.mark.parametrize('pred, gt, iou, right, found', [
    ([SQUARE], [SQUARE], 1, 1, 1),
    ([SQUARE], [AWAY], 0, 0, 0),
    ([HALF], [SQUARE], .5, 1, 1),  # exactly half of the ground truth is found
    ([LESS], [SQUARE], .4, 1, 0),
    ([SQUARE], [HALF], .5, 1, 1),
    ([SQUARE], [LESS], .4, 0, 1),
    ([SQUARE, AWAY], [SQUARE], .8, 1, 1),
    ([SQUARE], [SQUARE, AWAY], .8, 1, 1),
    # one large detection over two regions: neither is missed, and it is not right
    ([(0, 40, 0, 40)], [SQUARE, AWAY], 125 / 1600, 0, 2),
    # two detections of 40 px each find a region of 100 px together, not alone
    ([LESS, (10, 20, 16, 20)], [SQUARE], .8, 2, 1),
])
def test_one_image_in_closed_form(pred, gt, iou, right, found):
    scores = score_mask(mask_of(*pred), mask_of(*gt))
    assert (scores.pred_regions, scores.gt_regions) == (len(pred), len(gt))
    assert (scores.pred_right, scores.gt_found) == (right, found)
    assert scores.iou == pytest.approx(iou)
    assert scores.precision == right / len(pred)
    assert scores.recall == found / len(gt)


def test_both_masks_empty_is_a_full_agreement_without_a_precision_or_recall():
    scores = score_mask(mask_of(), mask_of())
    assert scores == MaskScores(images=1, iou_sum=1, clean_images=1, clean_right=1)
    assert scores.iou == 1
    for figure in ('artifact_iou', 'precision', 'recall', 'pixel_iou', 'pixel_precision',
                   'pixel_recall'):
        assert math.isnan(getattr(scores, figure))


def test_nothing_detected_finds_nothing_and_has_no_precision():
    scores = score_mask(mask_of(), mask_of(SQUARE))
    assert (scores.iou, scores.artifact_iou, scores.recall, scores.pixel_recall) == (0, 0, 0, 0)
    assert math.isnan(scores.precision) and math.isnan(scores.pixel_precision)


def test_a_detection_where_nothing_is_has_no_recall():
    scores = score_mask(mask_of(SQUARE), mask_of())
    assert (scores.iou, scores.precision, scores.pixel_precision) == (0, 0, 0)
    assert math.isnan(scores.recall) and math.isnan(scores.pixel_recall)
    assert math.isnan(scores.artifact_iou)
    assert (scores.clean_images, scores.clean_right) == (1, 0)


def test_clean_images_reward_silence_in_the_mean_only():
    half, alarm, silence = (score_mask(mask_of(*pred), mask_of(*gt)) for pred, gt in (
        ([HALF], [SQUARE]), ([AWAY], []), ([], [])))
    total = sum([half, alarm, silence, silence], MaskScores())
    assert (total.clean_images, total.clean_right) == (3, 2)
    assert total.iou == pytest.approx((.5 + 0 + 1 + 1) / 4)
    assert total.artifact_iou == pytest.approx(.5)
    assert total.pixel_iou == pytest.approx(50 / (100 + 25))


def test_no_images_have_no_figures():
    assert math.isnan(MaskScores().iou)


def test_iou_is_the_mean_of_the_images_and_the_rest_is_pooled():
    small = score_mask(mask_of(AWAY, SQUARE), mask_of(AWAY))  # IoU .2, 1 of 2 right, 1 of 1
    large = score_mask(mask_of((0, 40, 0, 20)), mask_of((0, 40, 0, 40)))  # IoU .5, all right
    missed = score_mask(mask_of(), mask_of(SQUARE, AWAY))
    total = sum([small, large, missed], MaskScores())
    assert (total.images, total.clean_images) == (3, 0)
    assert total.artifact_iou == total.iou
    assert total.pixel_iou == pytest.approx((25 + 800) / (125 + 1600 + 125))
    assert total.iou == pytest.approx((.2 + .5 + 0) / 3)
    assert total.precision == pytest.approx(2 / 3)
    assert total.recall == pytest.approx(2 / 4)
    assert total.pixel_precision == pytest.approx((25 + 800) / (125 + 800))
    assert total.pixel_recall == pytest.approx((25 + 800) / (25 + 1600 + 125))


def test_a_share_of_exactly_p_is_enough():
    gt = mask_of((0, 1, 0, 100), size=(2, 100))
    for covered in range(1, 101):
        pred = mask_of((0, 1, 0, covered), size=(2, 100))
        p = float(f'{covered / 100:.2f}')
        assert score_mask(pred, gt, p=p).gt_found == 1
        assert score_mask(pred, gt, p=min(p + .001, 1)).gt_found == (covered == 100)


def test_the_margin_leaves_out_the_frame_of_both_masks():
    pred = mask_of((0, 10, 5, 15))
    gt = mask_of((5, 10, 5, 15), (0, 4, 20, 30))
    assert score_mask(pred, gt).iou == pytest.approx(50 / 140)
    assert score_mask(pred, gt, margin=5) == MaskScores(1, 1.0, 0, 0, 1, 1, 1, 1, 50, 50, 50)
    assert score_mask(pred, gt, margin=19).images == 1


@pytest.mark.parametrize('pred, gt, options, message', [
    (mask_of(), mask_of(size=(40, 41)), {}, r'one shape, got \(40, 40\) and \(40, 41\)'),
    (mask_of(), mask_of(), dict(p=0), r'p in \(0, 1\], got 0'),
    (mask_of(), mask_of(), dict(p=1.5), r'p in \(0, 1\], got 1.5'),
    (mask_of(), mask_of(), dict(margin=20), r'margin .* \(40, 40\), got 20'),
    (mask_of(), mask_of(), dict(margin=-1), 'margin .* got -1'),
])
def test_bad_arguments_are_errors(pred, gt, options, message):
    with pytest.raises(ValueError, match=message):
        score_mask(pred, gt, **options)


def count_by_hand(mask, other, p):
    """Regions of ``mask``, and those covered by ``other``, in exact fractions."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    shares = [Fraction(int(other[labels == k].sum()), int((labels == k).sum()))
              for k in range(1, count + 1)]
    return count, sum(share >= p for share in shares)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1),
       st.fractions(Fraction(1, 20), 1, max_denominator=20), st.integers(0, 3))
def test_scores_of_noise_are_those_counted_one_by_one(seed, pred_share, gt_share, p, margin):
    rng = np.random.default_rng(seed)
    pred, gt = (rng.random((12, 15)) < share for share in (pred_share, gt_share))
    scores = score_mask(torch.from_numpy(pred), torch.from_numpy(gt), float(p), margin)
    pred, gt = (mask[margin:12 - margin, margin:15 - margin] for mask in (pred, gt))
    assert (scores.pred_regions, scores.pred_right) == count_by_hand(pred, gt, p)
    assert (scores.gt_regions, scores.gt_found) == count_by_hand(gt, pred, p)
    common, union = np.logical_and(pred, gt).sum(), np.logical_or(pred, gt).sum()
    assert scores.iou == pytest.approx(common / union if union else 1)
    assert (scores.clean_images, scores.clean_right) == (not gt.any(), union == 0)
    assert (scores.pred_px, scores.gt_px, scores.common_px) == (pred.sum(), gt.sum(), common)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1))
def test_swapping_the_masks_swaps_precision_and_recall(seed, pred_share, gt_share):
    rng = np.random.default_rng(seed)
    pred, gt = (torch.from_numpy(rng.random((9, 9)) < share) for share in (pred_share, gt_share))
    one, other = score_mask(pred, gt), score_mask(gt, pred)
    assert one.iou == other.iou
    assert (one.pred_right, one.pred_regions) == (other.gt_found, other.gt_regions)


FIGURES = ('iou', 'artifact_iou', 'precision', 'recall', 'pixel_iou', 'pixel_precision',
           'pixel_recall')
some_sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))
ps = st.floats(.01, 1)


def blotches(seed, size):
    return [torch.from_numpy(make_blotches(seed + number, size)) for number in range(2)]


@settings(max_examples=40, deadline=None)
@given(seeds, some_sizes, ps, turns)
def test_scores_do_not_turn_and_stay_in_their_range(seed, size, p, how):
    pred, gt = blotches(seed, size)
    scores = score_mask(pred, gt, p)
    assert score_mask(turned(pred, how), turned(gt, how), p) == scores
    for figure in FIGURES:
        value = getattr(scores, figure)
        assert math.isnan(value) or 0 <= value <= 1, figure
    assert scores + MaskScores() == scores
    assert scores.common_px <= min(scores.pred_px, scores.gt_px)


@settings(max_examples=30, deadline=None)
@given(seeds, some_sizes, ps)
def test_a_mask_agrees_with_itself_and_an_empty_one_with_no_other(seed, size, p):
    mask = blotches(seed, size)[0]
    empty = torch.zeros_like(mask)
    for figure in FIGURES:
        value = getattr(score_mask(mask, mask, p), figure)
        assert value == 1 or (math.isnan(value) and not mask.any())
    missed, alarm = score_mask(empty, mask, p), score_mask(mask, empty, p)
    assert missed.iou == alarm.iou == (not mask.any())
    assert missed.gt_found == alarm.pred_right == missed.pred_regions == alarm.gt_regions == 0
    assert missed.gt_regions == alarm.pred_regions == len(label_regions(mask))
    assert alarm.clean_images == 1 and missed.clean_images == (not mask.any())


@settings(max_examples=30, deadline=None)
@given(seeds, some_sizes, st.tuples(ps, ps))
def test_a_lower_share_is_easier(seed, size, shares):
    easy, hard = (score_mask(*blotches(seed, size), p) for p in sorted(shares))
    assert easy.pred_right >= hard.pred_right and easy.gt_found >= hard.gt_found
    assert easy.iou == hard.iou
