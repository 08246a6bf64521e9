from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mmdesra.detectors import BaseDetector, Detection
from mmdesra.evaluation.thresholds import SHARES, SampledMap, in_order
from mmdesra.ops.ranking import RankedPixels


class Low(BaseDetector):
    def artifact_map(self, gan, mse):
        raise NotImplementedError


class High(Low):
    low_is_artifact = False


def detection_of(detector, values):
    full_map = np.pad(values.astype(np.float32), detector.margin, constant_values=99)
    return Detection(full_map, np.zeros(full_map.shape, bool))


@pytest.mark.parametrize('kind, own', [(Low, -1), (High, 2)])  # both call nothing an artifact
@pytest.mark.parametrize('size', [(100, 120), (600, 800)])
def test_thresholds_call_the_shares_of_pixels_artifacts(kind, own, size):
    detector = kind(own)
    values = np.random.default_rng(0).uniform(0, 1, size)
    sampled = SampledMap(detector)
    for half in np.split(values, 2):
        sampled.add(detection_of(detector, half))
    thresholds = sampled.thresholds()
    shares = [np.mean(values < t if detector.low_is_artifact else values > t) for t in thresholds]
    assert thresholds[0] == own
    assert shares == pytest.approx([0, *SHARES], abs=.01)


@pytest.mark.parametrize('kind', [Low, High])
@pytest.mark.parametrize('scale', [.2, 1, 8])
def test_a_ranking_tells_pixels_apart_that_no_sampled_image_has(kind, scale):
    """Artifacts that are in none of the sampled images, below, in and beyond the map's range."""
    detector, rng = kind(.5), np.random.default_rng(0)
    sampled = SampledMap(detector)
    quiet = rng.uniform(.4, .6, (60, 60))
    sampled.add(detection_of(detector, quiet))
    values, mask = rng.normal(.5, .2 * scale, (200, 200)), rng.random((200, 200)) < .03
    values[mask] += rng.normal(-.3 if detector.low_is_artifact else .3, .1, mask.sum()) * scale
    values = values.clip(-.9, None)
    found = RankedPixels.count(values, mask, sampled.edges(), detector.low_is_artifact)
    exact = average_precision_score(
        mask.ravel(), (-values if detector.low_is_artifact else values).ravel())
    assert found.average_precision == pytest.approx(exact, rel=.03)


def test_equal_quantiles_are_one_threshold():
    detector = Low(threshold=.7)
    sampled = SampledMap(detector)
    sampled.add(detection_of(detector, np.full((30, 30), .25)))
    assert sampled.thresholds() == [.25, .7]


def test_without_an_image_there_is_the_detectors_own():
    assert SampledMap(High(threshold=.3)).thresholds() == [.3]


@pytest.mark.parametrize('kind, expected', [(Low, [.1, .5, .9]), (High, [.9, .5, .1])])
def test_the_fewest_artifacts_come_first(kind, expected):
    assert in_order(kind(threshold=.5), [.9, .1, .5]) == expected
