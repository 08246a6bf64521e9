from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import gamma

from mmdesra.ops.niqe import (
    _asymmetric_gaussian,
    distances,
    luma,
    normalised_coefficients,
    patch_features,
)


def asymmetric_samples(shape, left, right, count=400_000):
    """Samples of the paper's asymmetric generalised Gaussian (eq. 4)."""
    rng = np.random.default_rng(0)
    size = rng.gamma(1 / shape, 1, count)**(1 / shape)
    is_left = rng.random(count) < left / (left + right)
    return np.where(is_left, -left * size, right * size)


@pytest.mark.parametrize('shape, left, right', [
    (2, 1, 1), (1, .5, .5), (.8, .3, .6), (3, 2, 1), (.5, .1, .1)])
def test_the_fit_finds_the_parameters_of_its_own_distribution(shape, left, right):
    samples = asymmetric_samples(shape, left, right).reshape(1, 400, 1000)
    got = [value.item() for value in _asymmetric_gaussian(samples)]
    np.testing.assert_allclose(got, (shape, left, right), rtol=.02)


def test_the_shape_is_the_nearest_of_a_fine_table():
    values = asymmetric_samples(1.3, 1, 1, 9216).reshape(1, 96, 96)
    shapes = np.arange(.2, 10.001, .001)
    ratios = gamma(2 / shapes)**2 / gamma(1 / shapes) / gamma(3 / shapes)
    flat = values.ravel()
    skew = np.sqrt((flat[flat < 0]**2).mean() / (flat[flat > 0]**2).mean())
    ratio = np.abs(flat).mean()**2 / (flat**2).mean()
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1)**2
    expected = shapes[np.argmin((ratios - ratio)**2)]
    assert _asymmetric_gaussian(values)[0].item() == pytest.approx(expected, abs=1e-9)


def test_coefficients_are_those_of_scipy():
    grey = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(float)
    mean, square = (gaussian_filter(plane, 7 / 6, radius=3, mode='nearest')
                    for plane in (grey, grey**2))
    expected = (grey - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
    np.testing.assert_allclose(normalised_coefficients(grey), expected, rtol=0, atol=1e-9)


def test_luma_is_rounded_bt601():
    colours = torch.tensor([[255, 0, 0, 255, 10], [0, 255, 0, 255, 20], [0, 0, 255, 255, 30]])
    assert luma(colours[:, None].to(torch.uint8)).tolist() == [[76, 150, 29, 255, 18]]


def photograph(height=256, width=240):
    image = skimage.data.astronaut()[:height, :width]
    return luma(torch.from_numpy(image.transpose(2, 0, 1).copy()))


def test_features_are_those_of_mmagic():
    """MMagic's NIQE takes patches side by side; inside the image they are ours."""
    mmagic_niqe = pytest.importorskip('mmagic.evaluation.metrics.niqe')
    from mmagic.datasets.transforms import MATLABLikeResize
    window = np.outer(*[np.exp(-np.arange(-3, 4)**2 / (2 * (7 / 6)**2))] * 2)
    window /= window.sum()

    def coefficients(image):
        mean = mmagic_niqe.convolve(image, window, mode='nearest')
        square = mmagic_niqe.convolve(image**2, window, mode='nearest')
        return (image - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)

    grey = photograph()
    half = MATLABLikeResize(keys=None, scale=.5)._resize(grey.numpy()[..., None])[..., 0]
    full, half = coefficients(grey.numpy()), coefficients(half)
    top, left = 60, 44
    expected = [*mmagic_niqe.compute_feature(full[top:top + 96, left:left + 96]),
                *mmagic_niqe.compute_feature(half[30:30 + 48, 22:22 + 48])]
    got = patch_features(grey, [0, top, 160], [left, 100])
    assert got.shape == (3, 2, 36)
    np.testing.assert_allclose(got[1, 0], expected, rtol=0, atol=1e-6)


def test_a_patch_does_not_know_where_its_strip_begins():
    grey = photograph()
    features = patch_features(grey, [100], [60])
    torch.testing.assert_close(patch_features(grey[60:240], [40], [60]), features)
    torch.testing.assert_close(patch_features(grey[:, 20:], [100], [40]), features)


def test_strips_are_wide_enough(monkeypatch):
    grey = photograph()
    features = patch_features(grey, [100], [60])
    monkeypatch.setattr('mmdesra.ops.niqe.STRIP_MARGIN', 100)
    torch.testing.assert_close(patch_features(grey, [100], [60]), features)


def test_white_noise_is_gaussian():
    torch.manual_seed(0)
    features = patch_features(128 + 30 * torch.randn(200, 200, dtype=torch.float64), [50], [50])
    assert features[0, 0, 0].item() > 2  # normalised noise: short tails, unlike a photograph's
    # Neighbours of noise, normalised by their window, are negatively correlated.
    assert (features[0, 0, [3, 7]] < 0).all()


@pytest.mark.parametrize('value', [0, 128, 255])
def test_a_flat_patch_has_no_features_and_no_distance(value):
    grey = torch.full((120, 130), value, dtype=torch.float64)
    features = patch_features(grey, [0, 24], [0, 34])
    assert features.isnan().all()
    assert (distances(features, torch.zeros(36).double(), torch.eye(36).double()) == 0).all()


def test_distances_are_those_of_mahalanobis():
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(size=36), rng.uniform(.5, 2, 36)
    rotation = np.linalg.qr(rng.normal(size=(36, 36)))[0]
    covariance = rotation @ np.diag(spread**2) @ rotation.T
    features = mean + rotation @ (spread * np.eye(36)[3]) * 5  # 5 deviations along one axis
    got = distances(*map(torch.from_numpy, (np.stack([features, mean]), mean, covariance)))
    np.testing.assert_allclose(got, [5, 0], atol=1e-6)


@pytest.mark.parametrize('tops, lefts', [([1], [0]), ([0], [26]), ([-2], [0])])
def test_patches_outside_or_at_odd_pixels_are_an_error(tops, lefts):
    with pytest.raises(ValueError, match='patches of 96x96 px .*inside 120x110 px'):
        patch_features(torch.zeros(110, 120).double(), tops, lefts)
