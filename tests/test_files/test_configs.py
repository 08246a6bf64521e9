from __future__ import annotations

import re
import sys

import pytest
import torch
from mmengine.config import Config

from mmdesra.errors import InputError
from mmdesra.files.configs import (
    import_types,
    is_lazy,
    merge_options,
    read_config,
    settings_of,
)


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


# ---------------------------------------- the pure Python style


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.fixture
def lazy(tmp_path):
    return write(tmp_path / 'lazy.py', 'import os\nimport sys\nfrom json import dumps\n'
                 'from torch import nn\nimport torch.optim as optim\n'
                 'def double(x):\n    return 2 * x\n'
                 'model = dict(type=nn.Linear, parts=[dict(type=optim.Adam)])\nn = double(1)\n'
                 'place = os.path.join("a", "b")\n')


def test_types_of_the_pure_python_style_are_imported_when_asked_for(lazy):
    config = read_config(lazy)
    assert is_lazy(config)
    assert config.to_dict() == dict(
        model=dict(type='torch.nn.Linear', parts=[dict(type='torch.optim.Adam')]), n=2,
        place='a/b')
    assert config.model.type is torch.nn.Linear
    assert 'torch.nn.Linear' in config.pretty_text


def test_children_in_their_parents_style(lazy, tmp_path):
    child = write(tmp_path / 'child.py', 'from mmengine.config import read_base\n'
                  'with read_base():\n    from .lazy import *\nmodel.update(bias=False)\n')
    config = read_config(child)
    assert is_lazy(config) and config.model.bias is False
    assert config.model.type is torch.nn.Linear


MIXTURES = {
    'text of lazy': "_base_ = ['lazy.py']",
    'lazy of text': 'from mmengine.config import read_base\nwith read_base():\n'
                    '    from .text import *',
    'both': "_base_ = ['plain.py']\nfrom mmengine.config import read_base\nwith read_base():\n"
            '    from .lazy import *',
    'base after import': "from torch import nn\n_base_ = ['plain.py']"}


@pytest.mark.parametrize('text', MIXTURES.values(), ids=MIXTURES)
def test_styles_that_are_mixed(text, lazy, tmp_path):
    write(tmp_path / 'plain.py', 'a = 1')
    write(tmp_path / 'text.py', "_base_ = ['plain.py']")
    message = r'child.py: mixes the two styles .* Write .* same style$'
    with pytest.raises(InputError, match=message):
        read_config(write(tmp_path / 'child.py', text))


def test_delete_that_has_no_effect(lazy, tmp_path):
    """mmengine would merge, and then give it to a class as an argument."""
    child = write(tmp_path / 'child.py', 'from mmengine.config import read_base\n'
                  'with read_base():\n    from .lazy import *\n'
                  'model.update(parts=[dict(_delete_=True)])\n')
    with pytest.raises(InputError, match=r'child.py: model.parts.0._delete_ has no effect .*'
                                         r'merged model.parts.0 .* Assign a new dict'):
        read_config(child)


def test_class_in_a_text_config_can_be_written_down(tmp_path):
    write(tmp_path / 'plain.py', 'a = 1')
    config = read_config(write(
        tmp_path / 'child.py',
        "_base_ = ['plain.py']\nfrom torch import nn\nfrom torch.nn import Linear\n"
        'model = dict(type=nn.ReLU)'))
    assert config.to_dict() == dict(a=1, model=dict(type='torch.nn.modules.activation.ReLU'))
    assert config.model.type is torch.nn.ReLU
    assert not is_lazy(config)


def test_custom_imports_of_the_pure_python_style(tmp_path, monkeypatch):
    """mmengine imports them for the other style only."""
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path / 'some_module_of_mine.py', 'A = 1')
    text = 'from torch import nn\ncustom_imports = dict(imports=["{}"])\n'
    read_config(write(tmp_path / 'good.py', text.format('some_module_of_mine')))
    assert sys.modules.pop('some_module_of_mine').A == 1
    with pytest.raises(InputError, match=r'bad.py: custom_imports: .*no_such_module\)$'):
        read_config(write(tmp_path / 'bad.py', text.format('no_such_module')))


@pytest.mark.parametrize('text, message', [
    ('from torch import Nothing\nt = Nothing', 'Failed to import Nothing from torch in .*line 1'),
    ('import no_such_module as m\nt = m.T', 'Failed to import no_such_module in .*, line 1'),
    ('import torch\nt = [dict(type=torch.nn.Nothing)]', 'Failed to import torch.nn.Nothing')])
def test_type_that_cannot_be_imported(text, message, tmp_path):
    config = read_config(write(tmp_path / 'config.py', text))
    with pytest.raises(InputError, match=f'^some.py: names something that .*{message}'):
        import_types(config, 'some.py')


def test_import_that_is_not_used_is_not_done(tmp_path):
    config = read_config(write(tmp_path / 'config.py', 'from no_such import Thing\na = 1'))
    import_types(config, 'config.py')
    assert settings_of(config) == dict(a=1)


@pytest.mark.parametrize('text, reason', [
    ('raise RuntimeError("a\\n\\nb")', r'RuntimeError: a +b'), ('raise KeyError', 'KeyError'),
    ('custom_imports = dict(imports=["no_such_module"], allow_failed_imports=False)',
     'ImportError: Failed to import no_such_module')])
def test_error_is_one_line(text, reason, tmp_path):
    with pytest.raises(InputError, match=rf'config.py: cannot be read as a config \({reason}\)$'):
        read_config(write(tmp_path / 'config.py', text))
