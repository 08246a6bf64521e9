from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from toy_segmentor import COLOURS, write_colour_model

from mmdesra.detectors import PAL, build_detector
from mmdesra.ops import clean_mask

pytest.importorskip('mmseg', reason='needs MMSegmentation')

GREEN = dict(artifact_class='green')


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Takes green for an artifact: its probability is the softmax of the three channels."""
    return write_colour_model(tmp_path_factory.mktemp('pal'))


@pytest.fixture
def image():
    image = np.random.default_rng(0).integers(0, 100, (80, 120, 3), dtype=np.uint8)
    image[20:60, 30:90, 1] = 255
    return image


@pytest.fixture
def other(image):
    return image[::-1].copy()


def test_the_map_is_the_probability_of_the_class(model, image, other):
    detector = PAL(**model, **GREEN)
    detection = detector.detect(image, other)
    logits = image.astype(float) - [1, 2, 3]
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(detection.map, powers[..., 1] / powers.sum(-1), atol=1e-5)


def test_the_artifact_is_found_through_the_common_cleaning(model, image, other):
    detection = PAL(**model, **GREEN, min_area=1000).detect(image, other)
    np.testing.assert_array_equal(
        detection.mask, clean_mask(torch.from_numpy(detection.map > .5), 1000))
    assert detection.mask[20:60, 30:90].all() and len(detection.regions) == 1
    np.testing.assert_array_equal(detection.mask,
                                  PAL(**model, **GREEN, min_area=1000).detect(image, image).mask)


def test_the_class_may_be_an_index_and_is_the_second_by_default(model):
    assert COLOURS[1] == 'green'
    expected = PAL(**model, **GREEN).describe()
    for options in (dict(), dict(artifact_class=1)):
        detector = build_detector(dict(type='PAL', **model, **options))
        assert detector.describe() == expected == json.loads(json.dumps(expected))
    assert PAL(**model, artifact_class='red').describe() != expected


@pytest.mark.parametrize('artifact_class, message', [
    ('yellow', "has no class 'yellow'; it has red, green, blue"),
    (3, r'expected artifact_class in \[0, 2\], got 3')])
def test_a_class_that_the_model_lacks_is_an_error(model, artifact_class, message):
    with pytest.raises(ValueError, match=message):
        PAL(**model, artifact_class=artifact_class)


@pytest.mark.parametrize('missing', ['config', 'checkpoint'])
def test_config_and_checkpoint_must_be_given(model, missing):
    with pytest.raises(ValueError, match='PAL needs config and checkpoint.*None'):
        PAL(**{**model, missing: None})
