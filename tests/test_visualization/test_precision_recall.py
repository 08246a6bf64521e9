from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from mmdesra.visualization.precision_recall import DPI, HEIGHT, WIDTH, Curve, draw_precision_recall


def draw(*curves):
    content = draw_precision_recall(dict(Regions=curves, Pixels=curves))
    return np.array(Image.open(io.BytesIO(content)).convert('RGB')).astype(int)


def count(image, colour):
    return int((np.abs(image - colour).max(axis=2) < 20).sum())


BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # the first two colours of matplotlib
CURVE = Curve('DeSRA', [.1, .5, .9], [.9, .7, .2], own=1)
OTHER = Curve('LDL*', [.2, .8], [.4, .1], own=0)


def test_a_curve_a_detector_in_both_panels():
    image, alone = draw(CURVE, OTHER), draw(CURVE)
    assert image.shape == (HEIGHT * DPI, WIDTH * DPI, 3)
    half = image.shape[1] // 2
    for panel in (image[:, :half], image[:, half:]):
        assert count(panel, BLUE) > 300 and count(panel, ORANGE) > 300
    assert count(alone, ORANGE) == 0


def test_the_own_threshold_is_marked_and_moves():
    assert (draw(CURVE) != draw(Curve('DeSRA', CURVE.recalls, CURVE.precisions, own=2))).any()


def test_the_eleventh_curve_does_not_look_like_the_first():
    away = Curve('', [2.], [2.], own=0)
    first, eleventh = draw(CURVE, *[away] * 10), draw(*[away] * 10, CURVE)
    top = slice(0, HEIGHT * DPI // 2)  # without the legend
    assert 200 < count(eleventh[top], BLUE) < .9 * count(first[top], BLUE)


def test_points_without_a_precision_are_left_out():
    missing = Curve('DeSRA', [0, *CURVE.recalls], [math.nan, *CURVE.precisions], own=2)
    assert (draw(missing) == draw(CURVE)).all()
    silent = Curve('DeSRA', [0.], [math.nan], own=0)
    assert count(draw(silent)[:HEIGHT * DPI // 2], BLUE) == 0


def test_the_same_curves_are_the_same_file():
    panels = dict(Regions=[CURVE])
    assert draw_precision_recall(panels) == draw_precision_recall(panels)
