from __future__ import annotations

import math

import pytest

from mmdesra.evaluation.truth_sums import relative_distance


def version(texture_error=2., psnr=20., perceptual=None, pixels=9):
    return dict(pixels=pixels, texture_error=texture_error, texture_above=0., psnr=psnr,
                perceptual=perceptual)


def figures(inside, outside):
    return {place: dict(before=before, after=after)
            for place, (before, after) in (('inside', inside), ('outside', outside))}


def test_mean_of_the_two_places_by_the_perceptual_distance():
    assert relative_distance(figures(
        (version(perceptual=.4), version(perceptual=.2)),
        (version(perceptual=.2), version(perceptual=.3)))) == pytest.approx((.5 + 1.5) / 2)


def test_without_it_texture_and_pixels_count_alike():
    """Half the texture error at twice the root mean squared error is no gain."""
    twice = 20 * math.log10(2)
    same = figures((version(2., 20.), version(1., 20. - twice)), (version(), version()))
    assert relative_distance(same) == pytest.approx(1)
    nearer = figures((version(2., 20.), version(1., 20. + twice)), (version(), version()))
    assert relative_distance(nearer) == pytest.approx((.5 + 1) / 2)


def test_a_place_without_pixels_is_left_out():
    empty = version(None, None, pixels=0)
    halved = (version(perceptual=.4), version(perceptual=.2))
    assert relative_distance(figures((empty, empty), halved)) == pytest.approx(.5)


@pytest.mark.parametrize('unknown', [None, figures((None, None), (None, None))])
def test_what_is_unknown(unknown):
    assert relative_distance(unknown) is None
