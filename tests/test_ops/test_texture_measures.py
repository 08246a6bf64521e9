"""The measures of a texture: closed forms."""
from __future__ import annotations

import numpy as np
import pytest

from mmdesra.ops.texture_measures import measure_texture

SIDE = 32


def wave(across=0., down=0.):
    """A grey wave of amplitude 10 with these cycles in the window, shape (32, 32, 3)."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    values = 10 * np.sin(2 * np.pi * (across * columns + down * rows) + .3)
    return np.repeat(values[..., None], 3, axis=2)


@pytest.mark.parametrize('across, down, angle', [
    (8, 0, 0), (0, 8, 90), (6, 6, 45), (6, -6, -45), (0, 10, 90), (4, 0, 0)])
def test_a_wave(across, down, angle):
    measures = measure_texture(wave(across, down))
    assert measures.strength == pytest.approx(10 / np.sqrt(2))
    assert measures.period == pytest.approx(SIDE / np.hypot(across, down), rel=.01)
    assert measures.coherence == pytest.approx(1, abs=.05)
    assert abs(measures.angle) == pytest.approx(abs(angle), abs=1)
    if abs(angle) != 90:  # 90 and -90 are one direction
        assert measures.angle == pytest.approx(angle, abs=1)
    assert measures.chroma_share == pytest.approx(0, abs=1e-12)


def test_only_waves_that_fit_the_tile_are_a_lattice():
    assert measure_texture(wave(8)).lattice_share == pytest.approx(1)
    assert measure_texture(wave(8, 8)).lattice_share == pytest.approx(1)
    assert measure_texture(wave(7)).lattice_share == pytest.approx(0, abs=1e-12)


def test_white_noise_has_no_direction_and_no_lattice():
    measures = measure_texture(np.random.default_rng(0).normal(0, 5, (64, 64, 3)))
    assert measures.strength == pytest.approx(5, rel=.03)
    assert measures.coherence < .1
    assert measures.lattice_share == pytest.approx(16 / 64**2, rel=.5)
    assert measures.chroma_share == pytest.approx(2 / 3, abs=.02)


def test_chroma_share():
    grey = wave(8)
    red = grey * [1, 0, 0]
    assert measure_texture(red).chroma_share == pytest.approx(2 / 3)
    opposed = grey * [1, -1, 0]
    assert measure_texture(opposed).chroma_share == pytest.approx(1)
    assert np.isnan(measure_texture(opposed).period)  # no luminance to measure


def test_offset_and_shading_do_not_count():
    rows = np.mgrid[:SIDE, :SIDE][0][..., None]
    plain = measure_texture(wave(9))
    offset = measure_texture(wave(9) + np.array([50, -20, 7]))
    assert offset.strength == pytest.approx(plain.strength)
    shaded = measure_texture(wave(9) + 30 * np.sin(2 * np.pi * rows / SIDE))
    assert shaded.period == pytest.approx(plain.period, rel=.05)


def test_a_constant_has_no_texture():
    measures = measure_texture(np.full((SIDE, SIDE, 3), 7))
    assert measures.strength == 0 and np.isnan(measures.period)
    assert np.isnan(measures.chroma_share) and np.isnan(measures.lattice_share)


@pytest.mark.parametrize('shape', [(32, 31, 3), (30, 30, 3), (12, 12, 3), (32, 32), (32, 32, 1)])
def test_other_windows_are_refused(shape):
    with pytest.raises(ValueError, match='a multiple of 4 and at least 16'):
        measure_texture(np.zeros(shape))
