"""The segmenter runs only where it can change a mask; the masks are those of running it always.

Maps are random, or made of the values just below, at and above the threshold.
"""
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import make_labels, make_pair, smooth_noise

from mmdesra.detectors import ClassTable, DeSRA
from mmdesra.ops import class_weights

PUBLISHED = ClassTable.load()
sides = st.integers(12, 60)
thresholds = st.sampled_from([.05, .35, .7, 1.])
min_areas = st.sampled_from([0, 20, 100, '5%'])
seeds = st.integers(0, 2**32 - 1)


class OfMap(DeSRA):
    """DeSRA on a map D that is given."""

    def __init__(self, difference, **options):
        super().__init__(**options)
        self.difference = torch.from_numpy(difference)

    def artifact_map(self, gan, mse):
        return self.difference


def assert_gated_is_always(detector, gan, mse, labels):
    """Both ways give one mask; returns what the gate did."""
    calls = []

    def segment():
        calls.append(None)
        return labels

    always, gated = detector.detect(gan, mse, labels), detector.detect(gan, mse, segment)
    without = detector.detect(gan, mse)
    np.testing.assert_array_equal(gated.mask, always.mask)
    np.testing.assert_array_equal(gated.map, always.map if calls else without.map)
    assert len(calls) == detector.wants_labels(without)
    if min(detector.class_table.weights) >= 1:
        assert bool(calls) == without.mask.any()
        assert not (always.mask & ~without.mask).any()
    return ('asked' if calls else 'not asked', 'found' if always.mask.any() else 'clean',
            'found without' if without.mask.any() else 'clean without')


def random_map(seed, height, width, threshold):
    """Smooth, so that regions survive the cleaning; half of the maps of a few values only."""
    rng = np.random.default_rng(seed)
    spread = rng.choice([.02, .2])
    values = threshold + rng.uniform(-.05, .35) + spread * smooth_noise(
        rng, (height - 10, width - 10), rng.uniform(1, 6))
    if seed % 2:  # those for which rounding decides
        weights = class_weights(torch.tensor([0., 3., 7., 11., -1., -5.])).numpy()
        values = rng.choice([threshold, threshold / rng.choice(weights)]) + np.round(
            (values - threshold) / spread) * np.float32(2)**-25
    return values.clip(0, 1).astype(np.float32)


def random_table(seed, names=5):
    """Bins below 0 give weights below 1; an eighth of the tables has such a one as its only."""
    rng = np.random.default_rng(seed)
    bins = rng.uniform(-30, 19, names) if seed % 2 else rng.integers(-8, 12, names)
    return ClassTable(tuple(f'class {k}' for k in range(names)), tuple(map(float, bins)))


def run(check, seed, height, width, threshold, min_area, table):
    labels = make_labels(seed, (height, width), [*range(len(table.bins)), 255])
    detector = OfMap(random_map(seed, height, width, threshold), threshold=threshold,
                     min_area=min_area, class_table=table)
    image = np.zeros((height, width, 3), np.uint8)
    check[assert_gated_is_always(detector, image, image, labels)] += 1


def test_random_maps_with_the_published_table():
    seen = Counter()

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(seeds, sides, sides, thresholds, min_areas)
    def check(seed, height, width, threshold, min_area):
        run(seen, seed, height, width, threshold, min_area, PUBLISHED)

    check()
    assert all(seen[kind] > 5 for kind in [
        ('not asked', 'clean', 'clean without'), ('asked', 'found', 'found without'),
        ('asked', 'clean', 'found without')]), seen
    assert len(seen) == 3


def test_random_maps_with_weights_below_1():
    """An image that is clean without labels may have artifacts with them: it is asked for."""
    seen = Counter()

    @settings(max_examples=250, deadline=None, derandomize=True)
    @given(seeds, sides, sides, thresholds, min_areas)
    def check(seed, height, width, threshold, min_area):
        run(seen, seed, height, width, threshold, min_area, random_table(seed // 2))

    check()
    assert all(seen[kind] > 5 for kind in [
        ('not asked', 'clean', 'clean without'), ('asked', 'found', 'found without'),
        ('asked', 'found', 'clean without')]), seen
    assert not any(kind[:2] == ('not asked', 'found') for kind in seen)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (14, 15), elements=st.floats(0, 1, width=32)),
       arrays(np.uint8, (24, 25), elements=st.sampled_from([0, 1, 2, 255])),
       st.lists(st.floats(-1e6, 19.99), min_size=3, max_size=3), st.floats(.001, 1))
def test_arbitrary_maps_labels_and_tables(difference, labels, bins, threshold):
    detector = OfMap(difference, threshold=threshold, min_area=0,
                     class_table=ClassTable(('a', 'b', 'c'), tuple(bins)))
    image = np.zeros((24, 25, 3), np.uint8)
    assert_gated_is_always(detector, image, image, labels)


@pytest.mark.parametrize('bins', [None, (-6., 0., 7.)])
def test_random_images(bins):
    seen = Counter()
    table = ClassTable(('a', 'b', 'c'), bins) if bins else PUBLISHED
    for seed in range(20):
        gan, mse = make_pair(seed, size=(110, 130), share=.2)
        labels = make_labels(seed, (110, 130), [0, 1, 2, 255])
        detector = DeSRA(min_area=100 * seed, class_table=table)
        seen[assert_gated_is_always(detector, gan, mse, labels)] += 1
    assert {kind[0] for kind in seen} == {'asked', 'not asked'}


def test_an_image_of_one_pixel_that_a_sensitive_class_turns():
    """Closed form: 0.75 is clean below 0.7; times 20 / 22 it is 0.68."""
    difference = np.full((20, 20), .75, np.float32)
    image = np.zeros((30, 30, 3), np.uint8)
    table = ClassTable(('plain', 'sensitive'), (0., -2.))
    detector = OfMap(difference, min_area=100, class_table=table)
    labels = np.ones((30, 30), np.uint8)
    assert not detector.detect(image, image).mask.any()
    assert detector.detect(image, image, lambda: labels).area == 400
    published = OfMap(difference, min_area=100)
    published.detect(image, image, lambda: pytest.fail('the published table asks for none'))


def test_a_pixel_whose_product_single_precision_would_round_up():
    """The gate multiplies as the semantic step does; else this image would not be asked for."""
    table = ClassTable(('sensitive',), (-1.,))
    weight = float(table.weights[0])
    values = np.random.default_rng(0).uniform(.3, .9, 10_000).astype(np.float32)
    exact = (values.astype(np.float64) * weight).astype(np.float32)
    value, below = next(pair for pair in zip(values, exact)
                        if pair[1] < pair[0] * np.float32(weight))
    detector = OfMap(np.full((20, 20), value, np.float32), min_area=100, class_table=table,
                     threshold=float(np.nextafter(below, np.float32(1))))
    image = np.zeros((30, 30, 3), np.uint8)
    assert detector.detect(image, image, lambda: np.zeros((30, 30), np.uint8)).area == 400
