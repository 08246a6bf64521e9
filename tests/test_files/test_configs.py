from __future__ import annotations

import re

import pytest
from mmengine.config import Config

from mmdesra.errors import InputError
from mmdesra.files.configs import merge_options, read_config


@pytest.fixture
def config():
    return Config(dict(schedule=None, hooks=[dict(type='A', n=1), dict(type='B')], steps=(1, 2),
                       loop=dict(n=1)))


def test_options_that_have_a_place(config):
    merge_options(config, {'loop.n': 2, 'hooks.1.n': 3, 'schedule': 'none', 'new.x': 4})
    assert config.to_dict() == dict(
        schedule='none', hooks=[dict(type='A', n=1), dict(type='B', n=3)], steps=(1, 2),
        loop=dict(n=2), new=dict(x=4))


def test_what_the_error_advises_works(config):
    options = {'schedule.type': 'C'}
    with pytest.raises(InputError, match=r'^--cfg-options schedule.type=C: schedule is None .* '
                                         r'add schedule\._delete_=True$'):
        merge_options(config, options)
    merge_options(config, {'schedule._delete_': True, **options})
    assert config.schedule == dict(type='C')


@pytest.mark.parametrize('name, reason', [
    ('steps.0', 'steps is (1, 2) in the config and has no settings'),
    ('loop.n.m', 'loop.n is 1 in the config and has no settings'),
    ('hooks.n', 'hooks is a list in the config; its entries are: hooks.0, hooks.1'),
    ('hooks.2.n', 'hooks is a list in the config; its entries are: hooks.0, hooks.1'),
    ('hooks.0', ('hooks is a list in the config; give single settings of its entry, as '
                 'hooks.0.NAME'))])
def test_option_without_a_place_is_named_and_changes_nothing(config, name, reason):
    before = config.to_dict()
    with pytest.raises(InputError, match=re.escape(f'--x {name}=5: {reason}')):
        merge_options(config, {'loop.k': 1, name: 5}, '--x')
    assert config.to_dict() == before


def test_options_that_contradict_each_other(config):
    with pytest.raises(InputError, match='--cfg-options new new.x: cannot all be set'):
        merge_options(config, {'new': 1, 'new.x': 2})


@pytest.mark.parametrize('text', [
    '!!python/object/apply:os.mkdir [{canary}]',
    'detector: !!python/object/apply:os.mkdir [{canary}]',
    '_base_: ./base.yml',
    '[' * 1_200,
])
def test_yaml_runs_no_code(tmp_path, text):
    (tmp_path / 'base.yml').write_text(f'a: !!python/object/apply:os.mkdir [{tmp_path}/canary]')
    (tmp_path / 'config.yaml').write_text(text.format(canary=tmp_path / 'canary'))
    with pytest.raises(InputError, match=r'config.yaml: cannot be read as a config \(\w+Error'):
        read_config(str(tmp_path / 'config.yaml'))
    assert not (tmp_path / 'canary').exists()


@pytest.mark.parametrize('suffix', ['yaml', 'yml', 'json'])
def test_data_are_read(tmp_path, suffix):
    path = tmp_path / f'config.{suffix}'
    path.write_text('{"detector": {"type": "DeSRA", "threshold": 0.5}}')
    assert read_config(str(path)).detector == dict(type='DeSRA', threshold=.5)
