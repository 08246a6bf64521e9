"""What a detector of one's own gets, and is told."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from known_labels import KnownLabels
from scenes import make_labels, make_pair

from mmdesra.detectors import DETECTORS, BaseDetector, DeSRA, build_detector, build_labels
from mmdesra.errors import InputError
from mmdesra.segmentors import LabelFolder


class Difference(BaseDetector):
    """Absolute difference of the grey values; with labels, less where the class is 1."""

    margin = 0
    low_is_artifact = False
    map_range = (0., 255.)
    uses_labels = True

    def __init__(self, threshold=30, **kwargs):
        super().__init__(threshold, **kwargs)

    def artifact_map(self, gan, mse):
        return (gan.float() - mse.float()).abs().mean(dim=0)

    def adjusted_map(self, artifact_map, labels):
        return torch.where(labels == 1, artifact_map / 2, artifact_map)


@pytest.fixture
def registered():
    DETECTORS.register_module(module=Difference)
    yield
    del DETECTORS.module_dict['Difference']


def test_a_detector_that_hands_its_arguments_on(registered):
    detector = build_detector(dict(type='Difference', threshold=40, min_area='1%'))
    assert (detector.threshold, str(detector.min_area)) == (40, '1%')


def test_a_wrong_argument_of_such_a_detector(registered):
    with pytest.raises(InputError, match='cannot be built from .*min_size.* unexpected keyword'):
        build_detector(dict(type='Difference', min_size=3))


@pytest.mark.parametrize('config, message', [
    (dict(type='DeSRA', threshold='high'), "cannot be built from .*'threshold': 'high'"),
    (dict(type='DeSRA', class_table=5), "cannot be built from .*'class_table': 5"),
    (dict(type=5), 'expected one of the detectors .* got 5'), ('', "got ''"),
    (dict(type='os.path.join'), "got 'os.path.join'"),
    (dict(type=BaseDetector, threshold=1), 'cannot be built from .*abstract'),
    (dict(threshold=1), "with a 'type'"),
])
def test_configs_that_are_none(config, message):
    with pytest.raises(InputError, match=message):
        build_detector(config)


def test_a_class_may_stand_in_the_config():
    assert isinstance(build_detector(dict(type=Difference, threshold=3)), Difference)


def test_its_semantic_step_is_asked_for_wherever_it_could_matter():
    """Unless it says more, every label map is wanted; the masks are those of all labels."""
    gan, mse = make_pair(0)
    labels = make_labels(0, gan.shape[:2], [0, 1])
    detector = Difference(min_area=100)
    expected = detector.detect(gan, mse, labels)
    found = detector.detect(gan, mse, lambda: labels)
    assert 0 < expected.area < detector.detect(gan, mse).area
    np.testing.assert_array_equal(found.mask, expected.mask)
    np.testing.assert_array_equal(found.map, expected.map)


@pytest.mark.parametrize('shape', [(200, 241), (190, 230), (200,), (3, 200, 240)])
def test_a_map_of_another_shape_is_an_error(shape):
    class Wrong(Difference):
        def artifact_map(self, gan, mse):
            return torch.zeros(shape)

    with pytest.raises(ValueError, match=r'Wrong to give a finite map of shape \(200, 240\) '
                                         r'\(its margin is 0 px\), got shape \('):
        Wrong().detect(*make_pair())


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_an_error(value):
    """Compared with a threshold, nan would be no artifact."""
    class Broken(Difference):
        def artifact_map(self, gan, mse):
            values = super().artifact_map(gan, mse)
            values[3, 4] = value
            return values

    with pytest.raises(ValueError, match='values that are not finite'):
        Broken().detect(*make_pair())


def test_labels_for_a_detector_without_semantic_step(tmp_path):
    with pytest.raises(InputError, match='SSIM has no semantic step'):
        build_labels(build_detector('SSIM'), KnownLabels())
    assert build_labels(build_detector('SSIM'), None) is None


def test_labels_of_a_detector_that_names_no_classes(tmp_path):
    (tmp_path / 'a.png').touch()
    source = KnownLabels()
    assert Difference().class_names is None and DeSRA().class_names[:2] == ('wall', 'building')
    assert build_labels(Difference(), source) is source
    assert isinstance(build_labels(Difference(), str(tmp_path)), LabelFolder)
