from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from mmdesra.apis import contestants as contestants_module
from mmdesra.apis.contestants import labels_for, read_contestants
from mmdesra.detectors import SSIM, AreaLimit
from mmdesra.errors import InputError


def read(*texts, **options):
    return [(one.name, one.detector.describe()['type'], one.detector.threshold,
             str(one.detector.min_area), one.with_labels)
            for one in read_contestants(texts, **options)]


@pytest.mark.parametrize('text, expected', [
    ('DeSRA', ('DeSRA', 'DeSRA', .7, '4000 px', True)),
    ('paper=DeSRA', ('paper', 'DeSRA', .7, '4000 px', True)),
    ('LDLStar:threshold=1e-3', ('LDLStar:threshold=1e-3', 'LDLStar', .001, '4000 px', True)),
    ('LDL* 0.001=LDLStar:threshold=0.001,min_area=0.4%',
     ('LDL* 0.001', 'LDLStar', .001, '0.4%', True)),
    ('DeSRA:form=printed, threshold=0.5', ('DeSRA:form=printed, threshold=0.5', 'DeSRA', .5,
                                           '4000 px', True)),
    ('plain=DeSRA:labels=False', ('plain', 'DeSRA', .7, '4000 px', False)),
    ('{"type": "DeSRA"}', ('DeSRA', 'DeSRA', .7, '4000 px', True)),
    ('{"type": "SSIM", "threshold": 0.5}', ('SSIM:threshold=0.5', 'SSIM', .5, '4000 px', True)),
    ('a b={"type": "SSIM", "threshold": 0.5, "labels": false}',
     ('a b', 'SSIM', .5, '4000 px', False)),
])
def test_what_a_command_line_can_say(text, expected):
    assert read(text) == [expected]


def test_config_files_of_any_name(tmp_path):
    path = tmp_path / 'my=detector.py'
    path.write_text("detector = dict(type='DeSRA', threshold=.4)\n")
    assert read(str(path), f'mine={path}') == [
        (name, 'DeSRA', .4, '4000 px', True) for name in (str(path), 'mine')]


def test_the_common_area_is_for_those_that_say_none():
    areas = [row[3] for row in read('DeSRA', 'SSIM:min_area=5', min_area='0.1%')]
    assert areas == ['0.1%', '5 px']


def test_sweeps_belong_to_names():
    one, two = read_contestants(['ab=DeSRA', 'LDLStar:threshold=1'],
                                thresholds=['LDLStar:threshold=1=0.1,1e-2', 'ab=.5'])
    assert (one.thresholds, two.thresholds) == ((.5,), (.1, .01))


@pytest.mark.parametrize('text, message', [
    ('Desra', "Desra: expected one of the detectors .*DeSRA.*, got 'Desra'"),
    ('DeSRA:treshold=1', 'DeSRA:treshold=1: the detector DeSRA takes threshold, .* got treshold'),
    ('DeSRA:0.5', "expected NAME:KEY=VALUE,KEY=VALUE, got '0.5'"),
    ('DeSRA:threshold=2', 'DeSRA:threshold=2: expected a threshold'),
    ('DeSRA:labels=off', "expected labels=True or labels=False, got 'off'"),
    ('{"type": "DeSRA"', 'expected a detector as JSON'),
    ('x={"threshold": 1}', "with a 'type'"),
    ('nowhere.py', 'nowhere.py: cannot be read'),
])
def test_what_cannot_be_read_is_an_error_that_names_it(text, message):
    with pytest.raises(InputError, match=message):
        read_contestants([text])


@pytest.mark.parametrize('threshold, message', [
    ('SSIM=0.5', 'thresholds for SSIM: no detector has this name; there are DeSRA'),
    ('DeSRA=low', 'DeSRA=low: expected NAME=T,T,… with numbers'),
    ('0.5', 'no detector has this name'),
])
def test_bad_sweeps_are_errors(threshold, message):
    with pytest.raises(InputError, match=message):
        read_contestants(['DeSRA'], thresholds=[threshold])


def test_bad_areas_are_errors():
    with pytest.raises(InputError, match='expected an area'):
        read_contestants(['DeSRA'], min_area='large')
    assert AreaLimit.parse('5') == read_contestants(['DeSRA'], '5')[0].detector.min_area


def options(**given):
    return argparse.Namespace(**dict(dict(
        labels=None, label_offset=None, segmentor=None, segmentor_checkpoint=None,
        segmentor_batch_size=1,
        half=False, device='cpu'), **given))


def test_labels_need_a_detector_that_uses_them(tmp_path):
    with pytest.raises(InputError, match='SSIM has no semantic step'):
        labels_for(options(labels=str(tmp_path)), read_contestants(['SSIM']))


def test_one_segmenter_speaks_of_one_tables_classes(tmp_path):
    (tmp_path / 'table.csv').write_text('index,class,bin\n0,moon,1\n')
    contestants = read_contestants(['DeSRA', f'mine=DeSRA:class_table={tmp_path}/table.csv'])
    with pytest.raises(InputError, match='class tables of the same classes'):
        labels_for(options(segmentor='segformer-b5'), contestants)


def test_a_detector_without_a_class_table_may_use_labels(monkeypatch):
    class OwnClasses(SSIM):
        uses_labels = True

    monkeypatch.setattr(contestants_module, 'labels_from', lambda args, detector: detector)
    own = replace(read_contestants(['SSIM'])[0], detector=OwnClasses())
    assert labels_for(options(segmentor='segformer-b5'), [own]) is own.detector


def test_it_is_said_aloud_that_the_semantic_step_is_off(capsys):
    assert labels_for(options(), read_contestants(['SSIM', 'DeSRA'])) is None
    assert 'semantic step: OFF' in capsys.readouterr().err
    assert labels_for(options(), read_contestants(['SSIM'])) is None
    assert capsys.readouterr().err == ''
