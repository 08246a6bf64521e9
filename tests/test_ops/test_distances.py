from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from mmdesra.ops import Distance, label_regions, measure_distances
from mmdesra.ops.distances import add_up

SIZE = 40, 50


def random_image(seed, size=SIZE):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, *size), np.uint8))


def chessboard(amplitude, size=SIZE):
    rows, columns = torch.arange(size[0]).view(-1, 1), torch.arange(size[1])
    return (100 + amplitude * ((rows + columns) % 2.)).expand(3, -1, -1)


def regions_of(*boxes, size=SIZE):
    mask = torch.zeros(size, dtype=torch.bool)
    for box in boxes:
        mask[box] = True
    return label_regions(mask)


LEFT, RIGHT = (slice(10, 20), slice(8, 20)), (slice(5, 35), slice(30, 40))
FRAME = slice(0, 4), slice(0, 9)


def scipy_std(image):
    """An independent local standard deviation of the valid area."""
    values = image.numpy().astype(float)

    def mean(channels):
        return np.stack([ndimage.gaussian_filter(plane, 1.5, radius=5) for plane in channels])

    variance = mean(values**2) - mean(values)**2
    return np.sqrt(variance.clip(0) + 1e-8)[:, 5:-5, 5:-5]


def test_an_image_is_at_no_distance_from_itself():
    image = random_image(0)
    for place in measure_distances(image, image, regions_of(LEFT, RIGHT)):
        assert (place.texture_error, place.texture_above, place.psnr) == (0, 0, np.inf)


@pytest.mark.parametrize('shift', [1, 20])
def test_a_constant_shift_costs_psnr_alone(shift):
    image = chessboard(30)
    outside, inside = measure_distances(image + shift, image, regions_of(LEFT))
    for place in (outside, inside):
        assert place.texture_error == pytest.approx(0, abs=1e-9)
        assert place.psnr == pytest.approx(20 * np.log10(255 / shift))
    assert (outside.pixels, inside.pixels) == (30 * 40 - 120, 120)


@pytest.mark.parametrize('amplitude, truth, error, above', [
    (60, 20, 20, 20), (20, 60, 20, 0), (60, 0, 30, 30), (0, 60, 30, 0)])
def test_chessboards_differ_by_half_of_their_amplitudes(amplitude, truth, error, above):
    """A chessboard's local standard deviation is half of its amplitude; of a flat image, 0."""
    for place in measure_distances(chessboard(amplitude), chessboard(truth), regions_of(LEFT)):
        assert place.texture_error == pytest.approx(error, rel=1e-3)
        assert place.texture_above == pytest.approx(above, rel=1e-3, abs=1e-3)


def test_noise_of_a_known_strength_on_a_flat_truth():
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 10, (3, 300, 300)))
    flat = torch.full_like(noise, 128)
    (outside,) = measure_distances(flat + noise, flat, regions_of(size=(300, 300)))
    # The window's variance of white noise is σ² (1 - Σ w²), and its root is a little smaller.
    weights = np.exp(-np.arange(-5, 6)**2 / 4.5)
    expected = 10 * np.sqrt(1 - ((weights / weights.sum())**2).sum()**2)
    assert outside.texture_error == pytest.approx(expected, rel=.02)
    assert outside.texture_above == pytest.approx(outside.texture_error, abs=1e-3)
    assert outside.psnr == pytest.approx(20 * np.log10(255 / 10), abs=.1)


def test_sums_by_region_are_those_of_scipy():
    image, truth = random_image(0), random_image(1) // 2
    regions = regions_of(LEFT, RIGHT)
    distance = torch.rand(SIZE)
    difference = scipy_std(image) - scipy_std(truth)
    labels = regions.labels.numpy()[5:-5, 5:-5]
    squared = ((image.double() - truth.double())**2).mean(0).numpy()[5:-5, 5:-5]
    got = measure_distances(image, truth, regions, distance)
    assert len(got) == 3
    for number, place in enumerate(got):
        here = labels == number
        assert place.pixels == place.perceptual_pixels == here.sum()
        assert place.texture_error == pytest.approx(np.abs(difference)[:, here].mean())
        assert place.texture_above == pytest.approx(difference.clip(0)[:, here].mean())
        assert place.psnr == pytest.approx(10 * np.log10(255**2 / squared[here].mean()))
        assert place.perceptual == pytest.approx(
            distance.numpy()[5:-5, 5:-5][here].mean(), rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(11, 45), st.integers(11, 45))
def test_places_add_up_whatever_the_mask(seed, share, height, width):
    rng = np.random.default_rng(seed)
    image, truth = (random_image(number, (height, width)) for number in (seed, seed + 1))
    mask = torch.from_numpy(rng.random((height, width)) < share)
    whole = measure_distances(image, truth, regions_of(size=(height, width)))
    places = measure_distances(image, truth, label_regions(mask))
    assert len(whole) == 1 and whole[0].pixels == (height - 10) * (width - 10)
    total = add_up(places)
    assert total.pixels == whole[0].pixels
    for name in ('texture_error', 'texture_above', 'psnr'):
        assert getattr(total, name) == pytest.approx(getattr(whole[0], name))
    for place in places:
        assert place.above_sum <= place.error_sum + 1e-9


@given(st.integers(0, 2**32 - 1))
def test_strips_leave_no_trace(seed):
    image, truth = random_image(seed, (90, 20)), random_image(seed + 1, (90, 20))
    regions = regions_of((slice(20, 70), slice(6, 12)), size=(90, 20))
    whole, strips = (measure_distances(image, truth, regions, strip_pixels=pixels)
                     for pixels in (2**19, 1))
    for one, other in zip(whole, strips):
        assert one.pixels == other.pixels
        for name in ('error_sum', 'above_sum', 'squared_sum'):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12)


def test_error_is_symmetric_and_parts_into_above_and_below():
    image, truth, regions = random_image(0), random_image(1) // 3, regions_of(LEFT)
    for one, other in zip(measure_distances(image, truth, regions),
                          measure_distances(truth, image, regions)):
        assert one.texture_error == pytest.approx(other.texture_error)
        assert one.texture_error == pytest.approx(one.texture_above + other.texture_above)


def test_a_region_in_the_frame_has_no_pixel_and_no_figure():
    _, inside = measure_distances(random_image(0), random_image(1), regions_of(FRAME),
                                  torch.zeros(SIZE))
    assert inside == Distance()
    assert np.isnan([inside.texture_error, inside.texture_above, inside.psnr,
                     inside.perceptual]).all()


def test_without_a_perceptual_distance_there_is_none():
    (outside,) = measure_distances(random_image(0), random_image(1), regions_of())
    assert outside.perceptual_pixels == 0 and np.isnan(outside.perceptual)


@pytest.mark.parametrize('change, message', [
    (dict(truth=torch.zeros(3, 40, 49)), r'truth of the size of the image, \(40, 50\), got'),
    (dict(regions=regions_of(size=(40, 49))), 'regions of the size'),
    (dict(perceptual=torch.zeros(30, 40)), r'perceptual of the size .* got \(30, 40\)'),
    (dict(image=torch.zeros(3, 10, 50), truth=torch.zeros(3, 10, 50),
          regions=regions_of(size=(10, 50))), 'at least 11x11'),
])
def test_what_does_not_fit_is_refused(change, message):
    arguments = dict(image=random_image(0), truth=random_image(1), regions=regions_of())
    with pytest.raises(ValueError, match=message):
        measure_distances(**{**arguments, **change})
