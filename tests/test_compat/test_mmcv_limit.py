"""A mmcv that is newer than the packages that ask for one."""

from __future__ import annotations

import importlib
import sys
import types

import pytest
from mmengine.utils import digit_version

from mmdesra.compat import watched_imports as watched

CHECK = """
import mmcv
mmcv_minimum_version = '2.0.0'
{name} = '2.2.0'
seen = mmcv.__version__
assert mmcv_minimum_version <= mmcv.__version__ < {name}, 'MMCV is incompatible'
assert {second}, 'another check'
done = True
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Imports a made-up mmdet with a made-up mmcv."""
    if not any(isinstance(finder, watched.WatchingFinder) for finder in sys.meta_path):
        monkeypatch.setattr(sys, 'meta_path', [watched.WatchingFinder(), *sys.meta_path])
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition('.')[0] == 'mmdet']:
        monkeypatch.delitem(sys.modules, name)

    def load(version: str, name: str = 'MMCV_MAX', second: bool = True):
        monkeypatch.setitem(sys.modules, 'mmcv', types.SimpleNamespace(__version__=version))
        (tmp_path / 'mmdet').mkdir()
        (tmp_path / 'mmdet' / '__init__.py').write_text(CHECK.format(name=name, second=second))
        importlib.invalidate_caches()
        return importlib.import_module('mmdet')

    yield load
    sys.modules.pop('mmdet', None)


@pytest.mark.parametrize('name', ['MMCV_MAX', 'mmcv_maximum_version'])
@pytest.mark.parametrize('version', ['2.1.0', '2.2.0', '2.3.6'])
def test_a_newer_mmcv_is_taken(load, name, version):
    module = load(version, name)
    assert module.done and module.seen == version
    assert getattr(module, name) == ('2.2.0' if version < '2.2' else '3.0.0')


@pytest.mark.parametrize('version, settings, told', [
    ('3.0.0', {}, 'MMCV is incompatible'),
    ('1.7.0', {}, 'MMCV is incompatible'),
    ('2.2.0', dict(second=False), 'another check'),
    ('2.2.0', dict(name='limit'), 'MMCV is incompatible'),
])
def test_other_refusals_stand(load, version, settings, told):
    with pytest.raises(AssertionError, match=told):
        load(version, **settings)
    assert 'mmdet' not in sys.modules


def test_mmagic_takes_the_installed_mmcv():
    mmagic, mmcv = pytest.importorskip('mmagic'), importlib.import_module('mmcv')
    assert list(mmagic.mmcv_version)[:3] == list(digit_version(mmcv.__version__))[:3]
