"""The built textures: their spectra are as promised, and as measured on a real pair."""
from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy import special

from mmdesra.ops.artifact_textures import TEXTURES, band_noise
from mmdesra.ops.texture_measures import measure_texture

SIDE = 64

REAL = dict(
    stipple=dict(period=(2.6, 3.5), coherence=(0, .25), chroma_share=(.02, .1),
                 lattice_share=(0, .15)),
    strokes=dict(period=(2.65, 3.6), coherence=(.2, .65), chroma_share=(.02, .1),
                 lattice_share=(0, .19)),
    stripes=dict(period=(2.8, 3.9), coherence=(.55, .92), chroma_share=(.015, .06),
                 lattice_share=(0, .13)),
    grid=dict(lattice_share=(.2, .6), chroma_share=(0, .66)),
    colour_noise=dict(period=(2.6, 3.6), coherence=(0, .25), chroma_share=(.3, .69),
                      lattice_share=(0, .15)))
"""The 5% and 95% quantiles of the real windows (docs/artifact_benchmark.md), a little wider."""


def seeds(count=40):
    return [np.random.default_rng(seed) for seed in range(count)]


@pytest.mark.parametrize('kind', TEXTURES)
def test_each_kind_measures_as_the_real_ones(kind):
    table = [asdict(measure_texture(TEXTURES[kind]((SIDE, SIDE), rng).values))
             for rng in seeds()]
    for name, (low, high) in REAL[kind].items():
        found = np.quantile([row[name] for row in table], [.1, .9])
        assert low <= found[0] and found[1] <= high, (name, found)
    strengths = [row['strength'] for row in table]
    assert np.mean(strengths) == pytest.approx(1, abs=.03)


@pytest.mark.parametrize('kind', TEXTURES)
@pytest.mark.parametrize('shape', [(7, 30), (41, 13)])
def test_equal_seeds_give_equal_textures(kind, shape):
    first, again, other = (TEXTURES[kind](shape, np.random.default_rng(seed))
                           for seed in (3, 3, 4))
    assert first.values.shape == (*shape, 3)
    np.testing.assert_array_equal(first.values, again.values)
    assert first.parameters == again.parameters
    assert not np.allclose(first.values, other.values)


def test_parameters_say_what_was_drawn():
    for rng in seeds(5):
        texture = TEXTURES['stripes']((128, 128), rng)
        measures = measure_texture(texture.values)
        assert measures.period == pytest.approx(texture.parameters['period'], rel=.08)
        assert measures.coherence == pytest.approx(texture.parameters['coherence'], abs=.06)
        off = measures.angle - texture.parameters['angle']
        assert abs((off + 90) % 180 - 90) < 6


def test_a_grid_peaks_at_its_period_and_nowhere_else():
    for rng in seeds(10):
        texture = TEXTURES['grid']((SIDE, SIDE), rng)
        power = (np.abs(np.fft.fft2(texture.values, axes=(0, 1)))**2).sum(axis=2)
        power[0, 0] = 0
        peak = np.unravel_index(power.argmax(), power.shape)
        assert all(index % (SIDE // 4) == 0 for index in peak)
        assert power.max() > 20 * np.median(power)
        assert texture.parameters['period'] == 4


def test_a_grid_is_grey_or_of_one_channel():
    colours = set()
    for rng in seeds(20):
        texture = TEXTURES['grid']((SIDE, SIDE), rng)
        tile = texture.values.reshape(16, 4, 16, 4, 3).mean(axis=(0, 2))
        variances = tile.var(axis=(0, 1))
        colour = texture.parameters['colour']
        if colour == 'grey':
            assert variances.min() > .8 * variances.max()
        else:
            assert ['red', 'green', 'blue'][variances.argmax()] == colour
            assert np.sort(variances)[1] < .05 * variances.max()
        colours.add(colour)
    assert len(colours) > 2


@pytest.mark.parametrize('period', [2.6, 3.2, 4.5, 8])
@pytest.mark.parametrize('coherence', [0, .4, .8])
def test_band_noise_has_the_asked_period_and_coherence(period, coherence):
    noise = band_noise((256, 256), np.random.default_rng(0), period, coherence, 30)
    measures = measure_texture(np.repeat(noise[..., None], 3, axis=2))
    assert measures.period == pytest.approx(period, rel=.03)
    assert measures.coherence == pytest.approx(coherence, abs=.04)
    assert noise.var() == pytest.approx(1, rel=.1)


def test_coherence_is_that_of_the_angular_density():
    """The density exp(k cos 2a) has the coherence I1(k) / I0(k), found here by summing."""
    from mmdesra.ops.artifact_textures import _concentration
    angles = np.linspace(0, 2 * np.pi, 100000, endpoint=False)
    for coherence in (.05, .5, .9, .99):
        kappa = _concentration(coherence)
        density = np.exp(kappa * (np.cos(2 * angles) - 1))
        assert (density * np.cos(2 * angles)).sum() / density.sum() == pytest.approx(coherence)
        assert special.i1e(kappa) / special.i0e(kappa) == pytest.approx(coherence)


@pytest.mark.parametrize('period, coherence', [(2.4, 0), (3, 1), (3, -.1)])
def test_what_cannot_be_is_refused(period, coherence):
    with pytest.raises(ValueError, match=f'got {period} and {coherence}'):
        band_noise((8, 8), np.random.default_rng(0), period, coherence)
