"""Where compiled code is kept."""
from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numba
import pytest

from mmdesra.ops import compiled as module
from mmdesra.ops.fused_kernel import difference_block

SOURCE = """
from mmdesra.ops.compiled import compiled

@compiled
def add(a, b):
    return a + b
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Imports a module with a compiled function; gives the function's module."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(numba.config, 'CACHE_DIR', '')
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    (tmp_path / 'source_of_a_kernel.py').write_text(SOURCE)
    yield lambda: importlib.import_module('source_of_a_kernel')
    sys.modules.pop('source_of_a_kernel', None)
    module.cache_folder.cache_clear()


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ('XDG_CACHE_HOME', 'LOCALAPPDATA'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('USERPROFILE', str(tmp_path / 'home'))
    module.cache_folder.cache_clear()
    return tmp_path / 'home'


def kept_in(folder: Path) -> set[str]:
    return {path.suffix for path in folder.rglob('*.nb?')}


def test_it_is_the_users_cache_folder(kernel, home, tmp_path):
    assert kernel().add(1, 2) == 3
    assert kept_in(home) == {'.nbi', '.nbc'}
    assert not kept_in(tmp_path / '__pycache__')
    assert numba.config.CACHE_DIR == ''  # others' functions are none of our business


def test_a_folder_that_the_user_has_set_stays(kernel, home, tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, 'CACHE_DIR', str(tmp_path / 'set'))
    assert kernel().add(1, 2) == 3
    assert kept_in(tmp_path / 'set') == {'.nbi', '.nbc'}
    assert not home.exists()


@pytest.mark.parametrize('fault', ['a file is in the way', 'the disk is full', 'there is no home'])
def test_where_nothing_can_be_kept_it_is_compiled_each_time(fault, kernel, home, tmp_path,
                                                            monkeypatch):
    if fault == 'a file is in the way':
        home.write_text('')
    elif fault == 'the disk is full':
        monkeypatch.setattr(module.tempfile, 'TemporaryFile', no_space)
    else:
        monkeypatch.setattr(Path, 'home', no_home)
    assert kernel().add(1, 2) == 3
    assert not kept_in(tmp_path)


def no_space(**_):
    raise OSError(28, 'No space left on device')


def no_home():
    raise RuntimeError('Could not determine home directory.')


def test_nothing_of_the_packages_own_lies_beside_its_source():
    kept = difference_block.stats.cache_path
    assert kept is None or Path(module.__file__).parent not in Path(kept).parents
