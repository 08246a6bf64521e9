"""Maps, masks and measures on a GPU against those of the CPU."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from mmdesra.detectors import DeSRA
from mmdesra.models.texture_loss import PixelTextureLoss
from mmdesra.ops import (
    clean_mask,
    compare_regions,
    detail_outside,
    difference_map,
    fill_holes,
    keep_large_regions,
    label_regions,
    measure_distances,
    niqe,
    score_mask,
)
from mmdesra.ops.fused_difference import MAP_FORMS
from mmdesra.ops.ldl import ldl_artifact_map, refined_artifact_map
from mmdesra.ops.patches import interpolate_patches
from mmdesra.ops.ssim import structural_similarity

pytestmark = pytest.mark.cuda
MIN_AREA = 200


def make_pair(seed=0, size=(300, 260)):
    """A smooth MSE-SR image, and the same with strong noise in blobs."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(*size, 3)), (4, 4, 0))
    base = 128 + 40 * smooth / smooth.std()
    blobs = ndimage.gaussian_filter(rng.normal(size=size), 10)
    strength = np.where(blobs > np.quantile(blobs, .7), 60, 3)[..., None]
    gan = base + strength * rng.normal(size=base.shape)
    gan[:40, :50] = base[:40, :50] = 255  # flat and bright, where single precision cancels
    return [image.clip(0, 255).round().astype(np.uint8) for image in (gan, base)]


def tensors(device, dtype=torch.uint8, **options):
    return [torch.from_numpy(image).permute(2, 0, 1).to(device, dtype)
            for image in make_pair(**options)]


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('form', ['released', 'printed'])
def test_map_and_mask_are_those_of_the_cpu(device, form, seed):
    gan, mse = make_pair(seed)
    expected = DeSRA(form=form, min_area=MIN_AREA).detect(gan, mse)
    detector = DeSRA(form=form, min_area=MIN_AREA, device=device)
    found = detector.detect(gan, mse)
    np.testing.assert_allclose(found.map, expected.map, atol=1e-6)
    assert 0 < found.mask.sum() < found.mask.size
    np.testing.assert_array_equal(found.mask, expected.mask)
    np.testing.assert_array_equal(detector.find_mask(gan, mse), expected.mask)


def test_strips_leave_no_trace(device, monkeypatch):
    gan, mse = make_pair()
    detector = DeSRA(min_area=MIN_AREA, device=device)
    whole = detector.detect(gan, mse)
    monkeypatch.setattr(DeSRA, 'strip_pixels', 40 * 260)
    strips = detector.detect(gan, mse)
    np.testing.assert_allclose(strips.map, whole.map, atol=1e-6)
    np.testing.assert_array_equal(strips.mask, whole.mask)
    np.testing.assert_array_equal(detector.find_mask(gan, mse), whole.mask)


def test_labels_take_the_same_pixels_away(device):
    gan, mse = make_pair()
    labels = np.kron(np.random.default_rng(0).integers(0, 150, (10, 9)), np.ones((30, 30), int))
    labels = labels[:300, :260]
    expected = DeSRA(min_area=MIN_AREA).detect(gan, mse, labels)
    found = DeSRA(min_area=MIN_AREA, device=device).detect(gan, mse, labels)
    np.testing.assert_array_equal(found.mask, expected.mask)
    assert found.area < DeSRA(min_area=MIN_AREA).detect(gan, mse).area


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize('form', MAP_FORMS)
def test_images_of_any_dtype(device, form, dtype):
    """Whole grey levels up to 255 are exact in each."""
    expected = difference_map(*tensors('cpu'), form).double()
    found = difference_map(*tensors(device, dtype), form)
    assert found.device.type == device
    torch.testing.assert_close(found.cpu().double(), expected, rtol=1e-6, atol=1e-6)


def test_figures_of_masks_and_images(device):
    (gan, mse), (other, _) = tensors('cpu'), tensors('cpu', seed=1)
    masks = [clean_mask(difference_map(image, mse) < .7, MIN_AREA) for image in (gan, other)]
    raw = difference_map(gan, mse) < .7
    regions = label_regions(masks[0])
    padded = torch.nn.functional.pad(masks[0], [5] * 4)
    there = lambda *values: [value.to(device) for value in values]  # noqa: E731
    assert len(regions) > 1
    for function, arguments in (
            (clean_mask, (MIN_AREA,)), (keep_large_regions, (MIN_AREA,)), (fill_holes, ())):
        found = function(raw.to(device), *arguments)
        assert found.device.type == device
        assert torch.equal(found.cpu(), function(raw, *arguments))
    assert torch.equal(label_regions(*there(masks[0])).labels, regions.labels)
    assert score_mask(*there(*masks)) == score_mask(*masks)
    assert compare_regions(*there(*masks)) == compare_regions(*masks)
    assert detail_outside(*there(gan, padded)) == pytest.approx(detail_outside(gan, padded))
    inside = label_regions(padded)
    for found, expected in zip(measure_distances(*there(gan, mse), inside),
                               measure_distances(gan, mse, inside)):
        assert found.pixels == expected.pixels
        assert found.texture_error == pytest.approx(expected.texture_error, nan_ok=True)
        assert found.psnr == pytest.approx(expected.psnr, nan_ok=True)


def test_maps_of_other_detectors(device):
    for function in (structural_similarity, ldl_artifact_map):
        found = function(*tensors(device))
        assert found.device.type == device
        torch.testing.assert_close(found.cpu(), function(*tensors('cpu')), rtol=1e-7, atol=1e-9)
    scores = []
    for where in ('cpu', device):
        grey = niqe.luma(tensors(where)[0])
        features = niqe.patch_features(grey, [0, 60, 120], [0, 80])
        model = torch.zeros(36, dtype=torch.float64), torch.eye(36, dtype=torch.float64)
        scores.append(interpolate_patches(niqe.distances(features, *model), [0, 60, 120],
                                          [0, 80], 96, (300, 260)))
    assert scores[1].device.type == device
    # Shapes are found to three digits, and one may fall on the other side.
    torch.testing.assert_close(scores[1].cpu(), scores[0], rtol=1e-2, atol=1e-2)


def batch(device, dtype=torch.float32):
    gan, mse = (image[None, :, 100:196, 60:156] / 255 for image in tensors(device, torch.float32))
    return gan.to(dtype).requires_grad_(), mse.to(dtype)


def test_texture_loss_is_that_of_double_precision_and_so_is_its_slope(device):
    """With TF32, which cuDNN may use by default, the deviation would be off by grey levels."""
    loss = PixelTextureLoss(pixel_weight=0)
    pred, target = batch(device)
    value = loss(pred, target)
    value.backward()
    exact, exact_target = batch('cpu')
    expected = loss(exact, exact_target)
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)
    slope = pred.grad.cpu()
    assert (slope - exact.grad).norm() < 1e-3 * exact.grad.norm()
    with torch.autocast(device, torch.float16 if device == 'cuda' else torch.bfloat16):
        assert loss(*batch(device)).item() == pytest.approx(expected.item(), rel=1e-4)


def test_ldl_loss_map(device):
    (pred, target), (exact, exact_target) = batch(device), batch('cpu')
    found = refined_artifact_map(pred, target, target)
    found.sum().backward()
    expected = refined_artifact_map(exact, exact_target, exact_target)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-7)
    assert torch.isfinite(pred.grad).all()
