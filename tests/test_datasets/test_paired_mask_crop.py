from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import TRANSFORMS

import mmdesra  # noqa: F401  (registers the transforms)
from mmdesra.datasets.transforms import PairedMaskCrop


def coordinates(height, width):
    """An image whose pixels say where they are: row, column, 0."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.int32)


def sample(height, width, scale, mask, mask_channel=False):
    """LR image, GT and mask of one scene; the mask's pixels say where they are, too."""
    places = np.arange(1, mask.size + 1, dtype=np.int32).reshape(mask.shape)
    places = np.where(mask, places, 0)
    return dict(img=coordinates(height, width), gt=coordinates(height * scale, width * scale),
                mask=places[..., None] if mask_channel else places,
                img_path='photos/a.png', gt_path='pseudo_gt/gt/a.png')


@st.composite
def scenes(draw):
    height, width, scale = (draw(st.integers(1, 12)), draw(st.integers(1, 12)),
                            draw(st.sampled_from([1, 2, 3, 4])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = height * scale, width * scale
    mask = rng.random(size) < draw(st.sampled_from([.01, .1, .9]))
    mask[rng.integers(size[0]), rng.integers(size[1])] = True
    patch = draw(st.integers(1, min(height, width)))
    return (sample(height, width, scale, mask, draw(st.booleans())), mask, scale, patch,
            draw(st.integers(0, 2**32 - 1)))


@settings(max_examples=300, deadline=None)
@given(scenes(), st.sampled_from([0, .5, 1]))
def test_the_three_stay_aligned_and_an_artifact_is_inside(scene, mask_prob):
    results, mask, scale, patch, seed = scene
    np.random.seed(seed)
    results = PairedMaskCrop(patch * scale, mask_prob)(results)
    lq, gt, cropped = results['img'], results['gt'], results['mask']
    assert lq.shape == (patch, patch, 3)
    assert gt.shape == (patch * scale, patch * scale, 3)
    assert cropped.shape == (patch * scale, patch * scale, 1)
    top, left = lq[0, 0, :2]
    np.testing.assert_array_equal(lq, coordinates(top + patch, left + patch)[top:, left:])
    np.testing.assert_array_equal(gt[::scale, ::scale], lq * scale)
    np.testing.assert_array_equal(gt - gt[0, 0], coordinates(*gt.shape[:2]))
    places = gt[..., 0] * mask.shape[1] + gt[..., 1] + 1
    expected = np.where(mask[gt[..., 0], gt[..., 1]], places, 0)
    np.testing.assert_array_equal(cropped[..., 0], expected)
    if mask_prob == 1:
        assert cropped.any()


@pytest.mark.parametrize('pixel, corner', [
    ((0, 0), (0, 0)), ((39, 47), (5, 7)), ((0, 47), (0, 7)), ((39, 0), (5, 0)),
    ((20, 24), (3, 4)), ((23, 27), (3, 4))])
def test_the_patch_is_centred_as_far_as_the_border_allows(pixel, corner):
    mask = np.zeros((40, 48), bool)
    mask[pixel] = True
    results = PairedMaskCrop(20, mask_prob=1)(sample(10, 12, 4, mask))
    assert tuple(results['img'][0, 0, :2]) == corner


def test_every_artifact_pixel_is_as_likely():
    mask = np.zeros((32, 32), bool)
    mask[0, 0] = mask[31, 30:] = True  # two pixels here, one there
    np.random.seed(0)
    corners = [tuple(PairedMaskCrop(8, 1)(sample(8, 8, 4, mask))['img'][0, 0, :2])
               for _ in range(600)]
    assert set(corners) == {(0, 0), (6, 6)}
    assert 340 < corners.count((6, 6)) < 460  # 400 expected, standard deviation 11.5


def test_random_patches_reach_every_place():
    np.random.seed(0)
    mask = np.ones((16, 20), bool)
    corners = {tuple(PairedMaskCrop(8, 0)(sample(4, 5, 4, mask))['img'][0, 0, :2])
               for _ in range(300)}
    assert corners == {(top, left) for top in range(3) for left in range(4)}


def test_mask_prob_is_the_share_of_patches_on_artifacts():
    mask = np.zeros((80, 80), bool)
    mask[0, 0] = True  # a random patch holds it once in 81 times
    np.random.seed(0)
    hits = sum(PairedMaskCrop(8, .5)(sample(20, 20, 4, mask))['mask'].any() for _ in range(600))
    assert 250 < hits < 355


@pytest.mark.parametrize('mask_prob', [0, 1])
def test_without_an_artifact_the_patch_is_anywhere(mask_prob):
    np.random.seed(0)
    corners = {tuple(PairedMaskCrop(8, mask_prob)(
        sample(4, 4, 4, np.zeros((16, 16), bool)))['img'][0, 0, :2]) for _ in range(200)}
    assert len(corners) == 9


def test_the_same_seed_gives_the_same_patch():
    corners = []
    for _ in range(2):
        np.random.seed(5)
        mask = np.random.default_rng(0).random((80, 80)) < .1
        crop = PairedMaskCrop(16)
        corners.append([tuple(crop(sample(20, 20, 4, mask))['img'][0, 0, :2]) for _ in range(20)])
    assert corners[0] == corners[1] and len(set(corners[0])) > 10


@pytest.mark.parametrize('name', ['img', 'gt', 'mask'])
def test_sizes_that_do_not_fit_are_an_error_with_sizes_and_paths(name):
    results = sample(10, 12, 4, np.ones((40, 48), bool))
    results[name] = results[name][:, :-1]
    with pytest.raises(ValueError) as error:
        PairedMaskCrop(16)(results)
    for part in ('photos/a.png', 'pseudo_gt/gt/a.png',
                 *(str(results[key].shape[:2]) for key in ('img', 'gt', 'mask'))):
        assert part in str(error.value)


def test_a_gt_smaller_than_its_lr_image_is_an_error():
    results = sample(10, 12, 1, np.ones((10, 12), bool))
    results['gt'], results['mask'] = results['gt'][:5, :6], results['mask'][:5, :6]
    with pytest.raises(ValueError, match='pseudo_gt/gt/a.png'):
        PairedMaskCrop(4)(results)


@settings(max_examples=100, deadline=None)
@given(scenes(), st.integers(1, 5), st.sampled_from([0, 1]))
def test_patches_begin_on_the_grid(scene, grid, mask_prob):
    """And reach every place on it."""
    results, _, scale, patch, seed = scene
    np.random.seed(seed)
    height, width = results['img'].shape[:2]
    crop = PairedMaskCrop(patch * scale, mask_prob, lq_grid=grid)
    corners = {tuple(crop(dict(results))['img'][0, 0, :2]) for _ in range(40)}
    assert all(top % grid == left % grid == 0 for top, left in corners)
    if not mask_prob and (height - patch) // grid <= 1 and (width - patch) // grid <= 1:
        assert len(corners) == ((height - patch) // grid + 1) * ((width - patch) // grid + 1)
    cropped = crop(dict(results))
    assert cropped['gt'].shape[0] == patch * scale
    np.testing.assert_array_equal(cropped['gt'][::scale, ::scale], cropped['img'] * scale)


def test_a_patch_larger_than_the_image_is_an_error():
    with pytest.raises(ValueError, match=r'at least 11x11 px, got 12x10 \(photos/a.png, '
                       r'pseudo_gt/gt/a.png\); choose a smaller gt_patch_size'):
        PairedMaskCrop(44)(sample(10, 12, 4, np.ones((40, 48), bool)))
    PairedMaskCrop(40)(sample(10, 12, 4, np.ones((40, 48), bool)))


def test_a_patch_that_is_no_multiple_of_the_scale_is_an_error():
    with pytest.raises(ValueError, match='gt_patch_size to be a multiple of the scale 4, got 18'):
        PairedMaskCrop(18)(sample(10, 12, 4, np.ones((40, 48), bool)))


@pytest.mark.parametrize('arguments, message', [
    (dict(gt_patch_size=0), 'gt_patch_size'), (dict(gt_patch_size=-4), 'gt_patch_size'),
    (dict(gt_patch_size=8, mask_prob=1.5), 'mask_prob'),
    (dict(gt_patch_size=8, mask_prob=-.1), 'mask_prob'),
    (dict(gt_patch_size=8, lq_grid=0), 'lq_grid')])
def test_impossible_arguments_are_an_error(arguments, message):
    with pytest.raises(ValueError, match=f'expected {message} .* got'):
        PairedMaskCrop(**arguments)


def test_it_is_registered_and_says_what_it_does():
    crop = TRANSFORMS.build(dict(type='PairedMaskCrop', gt_patch_size=256, mask_prob=.25))
    assert repr(crop) == 'PairedMaskCrop(gt_patch_size=256, mask_prob=0.25, lq_grid=1)'
