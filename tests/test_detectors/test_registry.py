from __future__ import annotations

import numpy as np
import pytest
from mmengine.config import ConfigDict
from mmengine.config.lazy import LazyObject

from mmdesra.detectors import DeSRA, build_detector
from mmdesra.errors import InputError


@pytest.mark.parametrize('config', [
    'DeSRA', dict(type='DeSRA', min_area='auto'), ConfigDict(type='DeSRA', threshold=0.7), DeSRA,
    dict(type=DeSRA), dict(type='mmdesra.detectors.DeSRA'),
    ConfigDict(type=LazyObject('mmdesra.detectors', 'DeSRA'))])
def test_name_and_dicts_build_the_same_detector(config):
    detector = build_detector(config)
    assert isinstance(detector, DeSRA)
    assert detector.describe() == DeSRA().describe()


def test_a_detector_is_returned_as_it_is_and_a_dict_left_as_it_was():
    detector, config = DeSRA(), dict(type='DeSRA')
    assert build_detector(detector) is detector
    build_detector(config)
    assert config == dict(type='DeSRA')


@pytest.mark.parametrize('config', [5, None, ['DeSRA'], dict(threshold=.5)])
def test_what_is_no_config_is_an_error(config):
    with pytest.raises(InputError, match="expected a detector's config with a 'type', got "):
        build_detector(config)


def test_an_unknown_name_is_an_error():
    with pytest.raises(InputError, match="one of the detectors .*DeSRA.* got 'NoSuchDetector'"):
        build_detector('NoSuchDetector')


@pytest.mark.parametrize('name', ['.', '..', '../DeSRA', '/etc/hostname', 'a.b', '', 5, None])
def test_what_is_no_name_is_an_error(name):
    """mmengine tries to import what stands before a dot."""
    with pytest.raises(InputError, match='one of the detectors .*DeSRA.* got '):
        build_detector(dict(type=name))


def test_an_argument_that_it_does_not_take_is_an_error():
    with pytest.raises(InputError, match='DeSRA takes threshold, min_area.* got tresh'):
        build_detector(dict(type='DeSRA', tresh=.5))
    with pytest.raises(InputError, match='detector DeSRA takes threshold, min_area.* got tresh'):
        build_detector(dict(type=DeSRA, tresh=.5))


def test_a_wrong_argument_is_an_error_of_the_detector():
    with pytest.raises(ValueError, match=r'threshold in \(0, 1\], got 3'):
        build_detector(dict(type='DeSRA', threshold=3))


OPTIONS = [dict(), dict(threshold=.6), dict(form='printed'), dict(min_area=1234567),
           dict(min_area=1234568), dict(min_area='0.4%'), dict(min_area='0.40001%')]


def test_the_description_tells_apart_what_gives_other_masks(tmp_path):
    (tmp_path / 'bins.csv').write_text('index,class,bin\n0,all,3\n')
    options = [*OPTIONS, dict(class_table=tmp_path / 'bins.csv')]
    descriptions = [str(DeSRA(**option).describe()) for option in options]
    assert len(set(descriptions)) == len(options)
    assert descriptions == [str(DeSRA(**option).describe()) for option in options]


def test_the_description_goes_through_json():
    import json
    description = DeSRA(min_area=np.float64(1000)).describe()
    assert json.loads(json.dumps(description)) == description


class Offered(DeSRA):

    def __init__(self, device='cpu', **options):
        super().__init__(**options)
        self.device = device


def test_what_is_offered_goes_to_those_who_take_it():
    """A --device is for detectors that have a network, and their config goes before it."""
    assert build_detector(dict(type=Offered), device='cuda').device == 'cuda'
    assert build_detector(dict(type=Offered, device='mps'), device='cuda').device == 'mps'
    assert build_detector(dict(type='DeSRA'), device='cuda').describe() == DeSRA().describe()
