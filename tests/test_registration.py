"""The types and configs that `import mmdesra` makes known to mmengine."""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from pathlib import Path

import pytest
from mmengine import registry as mmengine_registry
from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, Registry

import mmdesra
from mmdesra import registration

ENTRIES = [(registry, name, target) for registry, types in registration.TYPES.items()
           for name, target in types.items()]
PROMISED = {('METRICS', 'DeSRADetector'), ('DATASETS', 'PseudoGTDataset'),
            ('TRANSFORMS', 'PseudoGTDataset'), ('HOOKS', 'DeSRAFinetuneHook')}
SMALL_GENERATOR = dict(type='SRResNet', mid_channels=4, num_blocks=1)


@pytest.mark.parametrize('registry, name, target', ENTRIES)
def test_entry_names_a_class_and_stands_in_the_root_registry(registry, name, target):
    module, class_name = target.split(':')
    assert inspect.isclass(getattr(importlib.import_module(module), class_name))
    factory = root_registry(registry).get(name)
    assert factory.__name__ == name
    assert factory.__module__ == module  # what mmengine's log names


@pytest.mark.parametrize('target', sorted({target for _, _, target in ENTRIES}))
def test_class_is_found_in_its_room(target):
    """As configs of the pure Python style import it."""
    module, class_name = target.split(':')
    room = importlib.import_module(module.rpartition('.')[0])
    assert getattr(room, class_name) is getattr(importlib.import_module(module), class_name)
    assert class_name in room.__all__


def test_room_has_no_other_names():
    with pytest.raises(ImportError, match='NoSuchHook'):
        from mmdesra.engine import NoSuchHook  # noqa: F401


def root_registry(name: str) -> Registry:
    """The root registry of that name."""
    return getattr(mmengine_registry, name)


def test_promised_names_are_there():
    assert PROMISED <= {(registry, name) for registry, name, _ in ENTRIES}


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """A module of its own with one class, not imported yet."""
    (tmp_path / 'probe_module.py').write_text(
        'class Probe:\n    def __init__(self, *args, **kwargs):\n'
        '        self.given = args, kwargs\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield registration.make_factory('Probe', 'probe_module:Probe')
    sys.modules.pop('probe_module', None)


def test_factory_imports_the_class_at_the_first_build(probe):
    assert 'probe_module' not in sys.modules
    built = probe(1, two=2)
    assert type(built).__name__ == 'Probe'
    assert built.given == ((1,), {'two': 2})


def test_registering_again_changes_nothing():
    before = {name: set(root_registry(name).module_dict) for name in registration.TYPES}
    registration.register()
    importlib.reload(registration).register()
    importlib.reload(mmdesra)
    assert before == {name: set(root_registry(name).module_dict) for name in registration.TYPES}


def test_name_of_somebody_else_is_not_taken(monkeypatch):
    monkeypatch.setitem(HOOKS.module_dict, 'DeSRAFinetuneHook', object)
    with pytest.raises(KeyError, match='DeSRAFinetuneHook is already registered'):
        registration.register()
    assert HOOKS.get('DeSRAFinetuneHook') is object


def test_other_projects_find_our_types_by_their_plain_name():
    child = Registry('model', parent=MODELS, scope='somebody')
    try:
        assert type(child.build(dict(SMALL_GENERATOR))).__name__ == 'SRResNet'
    finally:
        MODELS.children.pop('somebody')


# ---------------------------------------- `mmdesra::`


def config_of_ours() -> str:
    """The name of a shipped config, such as ``_base_/desra_finetune.py``."""
    folder = Path(mmdesra.__file__).parent / '.mim' / 'configs'
    return min(path.relative_to(folder).as_posix() for path in folder.glob('*/*.py'))


def test_config_is_inherited_by_package_name(tmp_path):
    name = config_of_ours()
    (tmp_path / 'child.py').write_text(f"_base_ = ['mmdesra::{name}']\n")
    child = Config.fromfile(tmp_path / 'child.py')
    direct = Config.fromfile(Path(mmdesra.__file__).parents[1] / 'configs' / name)
    assert set(child.keys()) == set(direct.keys())


def test_missing_config_is_an_error_that_names_it(tmp_path):
    (tmp_path / 'child.py').write_text("_base_ = ['mmdesra::no/such.py']\n")
    with pytest.raises(FileNotFoundError, match='no/such.py'):
        Config.fromfile(tmp_path / 'child.py')


def test_scope_of_inherited_dicts_finds_our_types_and_mmagics(monkeypatch):
    """mmengine marks a dict taken from `mmdesra::...` with `_scope_`; our configs name both."""
    warnings = []  # such as 'mmdesra is not installed', 'Failed to search registry'

    def print_log(message, logger=None, level=logging.INFO):
        if level >= logging.WARNING:
            warnings.append(message)

    monkeypatch.setattr('mmengine.logging.print_log', print_log)
    assert type(MODELS.build(dict(SMALL_GENERATOR, _scope_='mmdesra'))).__name__ == 'SRResNet'
    pytest.importorskip('mmagic.registry')
    network = dict(type='RRDBNet', in_channels=3, out_channels=3, num_blocks=1)
    assert type(MODELS.build(dict(network, _scope_='mmdesra'))).__name__ == 'RRDBNet'
    hook = dict(type='ExponentialMovingAverageHook', module_keys=('generator_ema',))
    assert type(HOOKS.build(dict(hook, _scope_='mmdesra'))).__module__.startswith('mmagic')
    assert warnings == []


def test_scope_is_added_once():
    from mmdesra import registry
    importlib.reload(registry)
    scope = MODELS.children.get('mmagic', MODELS).children['mmdesra']
    registry.add_scope()
    assert MODELS.children.get('mmagic', MODELS).children['mmdesra'] is scope
