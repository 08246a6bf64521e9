"""Types of configs: in text, as classes and functions, lazily imported."""
from __future__ import annotations

import collections
import json
from functools import partial

import pytest
from mmengine.config import Config, ConfigDict
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.registry import Registry

from mmdesra.files.config_types import (
    build_lazy,
    class_of,
    is_a,
    make_lazy,
    parts_of,
    type_name,
    with_settings,
)


class Base:
    pass


class Derived(Base):
    pass


REGISTRY = Registry('thing')
CHILD = Registry('thing', parent=REGISTRY, scope='somebody')
CHILD.register_module(name='Nickname', module=Derived)


@pytest.mark.parametrize('kind, expected', [
    ('SRGAN', 'SRGAN'), ('mmagic.SRGAN', 'SRGAN'), ('mmagic.models.SRGAN', 'SRGAN'),
    (Base, 'Base'), (json.dumps, 'dumps'), (len, 'len'), (partial(Base), 'Base'),
    (LazyObject('mmagic.models', 'SRGAN'), 'SRGAN'), (LazyObject('collections.abc'), 'abc'),
    (LazyObject(['mmagic.models', 'mmagic.engine']), 'mmagic'),
    (LazyObject('torch').optim.Adam, 'Adam'), (None, ''), (3, 'int')])
def test_bare_name(kind, expected):
    assert type_name(kind) == expected


@pytest.mark.parametrize('kind, registry, expected', [
    (Derived, None, Derived), ('Nickname', REGISTRY, Derived), ('Nickname', None, None),
    ('somebody.Nickname', REGISTRY, Derived), (f'{__name__}.Derived', None, Derived),
    (LazyObject(__name__, 'Derived'), None, Derived), (LazyObject('no.such', 'Thing'), None, None),
    ('no.such.Thing', REGISTRY, None), (json.dumps, None, None), ('json.dumps', None, None),
    (None, REGISTRY, None)])
def test_class_at_hand(kind, registry, expected):
    assert class_of(kind, registry) is expected


@pytest.mark.parametrize('kind, name, expected', [
    ('a.b.Base', 'Base', True), (Derived, 'Base', True), ('Nickname', 'Base', True),
    ('Nickname', 'Derived', True), (Base, 'Derived', False), ('Other', 'Base', False),
    ('BaseOfAnother', 'Base', False), (len, 'Base', False)])
def test_is_a_class_or_is_derived_from_it(kind, name, expected):
    assert is_a(dict(type=kind), name, REGISTRY) is expected


def test_config_without_a_type_is_of_none():
    assert not is_a({}, 'Base')


def test_classes_can_be_written_down_again():
    """Copied by dict(), a config has classes where it had lazy objects."""
    lazy = Config(dict(parts=[dict(type=collections.OrderedDict, f=(json.dumps, 1))],
                       local=lambda: None, size=3))
    local = lazy.local
    make_lazy(lazy)
    (part,) = dict.__getitem__(lazy._cfg_dict, 'parts')
    assert isinstance(dict.__getitem__(part, 'type'), LazyObject)
    assert part.type is collections.OrderedDict and part.f[1] == 3 - 2
    assert lazy.to_dict()['parts'] == [dict(type='collections.OrderedDict',
                                            f=('json.dumps', 1))]
    assert lazy.local is local and lazy.size == 3  # what cannot be imported stays


def test_copy_with_other_settings_stays_lazy():
    config = ConfigDict(type=LazyObject('no.such', 'Thing'), size=1, part=dict(n=1))
    copied = with_settings(config, size=2)
    assert copied.to_dict() == dict(type='no.such.Thing', size=2, part=dict(n=1))
    assert config.size == 1
    assert with_settings(dict(size=1), size=2).size == 2


def test_parts_by_their_places():
    assert dict(parts_of(dict(a=[dict(b=1)], c=(2,)))) == {
        'a': [dict(b=1)], 'a.0': dict(b=1), 'a.0.b': 1, 'c': (2,), 'c.0': 2}


def test_imports_are_tried_wherever_they_stand():
    good = dict(a=[dict(type=LazyObject('json', 'dumps'))])
    build_lazy(good)
    for bad in (LazyObject('json', 'nothing'), LazyAttr('nothing', LazyObject('json')),
                LazyObject('no_such_module')):
        with pytest.raises(ImportError, match='nothing|no_such_module'):
            build_lazy(ConfigDict(a=[dict(type=bad)]))
