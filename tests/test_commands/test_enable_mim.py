"""`mmdesra enable-mim`: what it writes, what that does to an import, and that it can be undone."""
from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_lines import PATIENCE, environment

from mmdesra.commands import enable_mim


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder in place of site-packages."""
    folder = tmp_path / 'site-packages'
    folder.mkdir()
    monkeypatch.setattr(enable_mim.sysconfig, 'get_paths', lambda: dict(purelib=str(folder)))
    monkeypatch.setattr(enable_mim.site, 'ENABLE_USER_SITE', None)
    return folder


@pytest.fixture
def mim_starts(monkeypatch):
    """Says whether mim is there, and how it answers."""
    def answer(returncode=0, stdout='mim, version 0.3.9\n', stderr='', is_there=True):
        monkeypatch.setattr(enable_mim, 'find_spec', lambda name: is_there or None)
        monkeypatch.setattr(enable_mim, 'ask_mim', lambda: SimpleNamespace(
            returncode=returncode, stdout=stdout, stderr=stderr))
    return answer


def enable(monkeypatch, *options):
    monkeypatch.setattr(sys, 'argv', ['mmdesra enable-mim', *options])
    return enable_mim.main()


def test_written_and_undone(site, mim_starts, monkeypatch, capsys):
    mim_starts()
    assert enable(monkeypatch) == 0
    said = capsys.readouterr().out
    there = [path for path in site.iterdir() if path.is_file()]
    assert len(there) == 2 and all(str(path) in said for path in there)
    assert 'mim starts: mim, version 0.3.9' in said and '--undo' in said
    assert enable(monkeypatch) == 0  # again: nothing more
    assert enable(monkeypatch, '--undo') == 0
    removed = capsys.readouterr().out.partition('removed:')[2].split()
    assert sorted(removed) == sorted(map(str, there))
    assert not [path for path in site.rglob('*') if path.is_file()]
    assert enable(monkeypatch, '--undo') == 0
    assert capsys.readouterr().out == 'nothing was enabled here\n'


@pytest.mark.parametrize('answer, code, said', [
    (dict(is_there=False), 0, 'mim is not installed here: pip install openmim'),
    (dict(returncode=1, stderr="No module named 'pkg_resources'"), 1, "pip install 'setuptools>="),
    (dict(returncode=1, stderr='Trace\nAttributeError: boo\n'), 1,
     'mim does not start: AttributeError: boo')])
def test_it_says_whether_mim_starts(answer, code, said, site, mim_starts, monkeypatch, capsys):
    mim_starts(**answer)
    assert enable(monkeypatch) == code
    assert said in capsys.readouterr().out


def test_the_users_own_folder_is_the_second_choice(site, mim_starts, monkeypatch, tmp_path):
    mim_starts()
    site.rmdir()
    site.write_text('a file is in the way')
    with pytest.raises(enable_mim.InputError, match='Expected a Python environment that you may'):
        enable(monkeypatch)
    monkeypatch.setattr(enable_mim.site, 'ENABLE_USER_SITE', True)
    monkeypatch.setattr(enable_mim.site, 'getusersitepackages', lambda: str(tmp_path / 'user'))
    assert enable(monkeypatch) == 0
    assert (tmp_path / 'user/_mmdesra_import_hook.pth').is_file()
    assert enable(monkeypatch, '--undo') == 0
    assert not [path for path in (tmp_path / 'user').rglob('*') if path.is_file()]


PROGRAM = """
import site, sys
before = set(sys.modules)
site.addsitedir({folder!r})
new = set(sys.modules) - before
import mmagic
print(sorted(new), 'mmdesra.compat' in sys.modules)
"""


@pytest.mark.parametrize('is_there', [True, False])
def test_importing_mmagic_imports_mmdesra_first(site, is_there, mim_starts, monkeypatch, tmp_path):
    """And nothing does so before; nor is it an error where mmdesra is not installed any more."""
    mim_starts()
    assert enable(monkeypatch) == 0
    (tmp_path / 'mmagic').mkdir()
    (tmp_path / 'mmagic/__init__.py').write_text('')
    if not is_there:
        (tmp_path / 'sitecustomize.py').write_text("""
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == 'mmdesra' else find(name, *rest)
""")
    root = Path(enable_mim.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM.format(folder=str(site))], capture_output=True, text=True,
        timeout=PATIENCE, env=dict(environment(), PYTHONPATH=f'{tmp_path}:{root}'), check=True)
    assert done.stdout == f"['_mmdesra_import_hook'] {is_there}\n"
    assert 'rror' not in done.stderr


def test_a_start_without_the_module_is_no_error(site, mim_starts, monkeypatch):
    mim_starts()
    assert enable(monkeypatch) == 0
    (site / '_mmdesra_import_hook.py').unlink()
    done = subprocess.run(
        [sys.executable, '-S', '-c', f'import site; site.addsitedir({str(site)!r})'],
        capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == done.stderr == ''


@pytest.fixture
def mim_with_the_hook(tmp_path, monkeypatch):
    """Something like mim, which looks for packages beside their metadata."""
    for name in ('mim', 'mim/utils'):
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text('')
    (tmp_path / 'mim/utils/utils.py').write_text(f"""
def package2module(package):
    return dict(mmdesra='mmdesra', nowhere='no_such_module')[package]

def get_installed_path(package):
    return dict(mmdesra={str(tmp_path / 'mmdesra')!r}, mim={str(tmp_path / 'mim')!r},
                nowhere='nowhere')[package]
""")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'meta_path', sys.meta_path.copy())
    for name in ('mim', 'mim.utils', 'mim.utils.utils', '_import_hook'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delitem(sys.modules, 'mmdesra.commands._import_hook', raising=False)
    importlib.import_module('mmdesra.commands._import_hook')
    yield importlib.import_module('mim.utils.utils')
    for name in ('mim', 'mim.utils', 'mim.utils.utils', 'mmdesra.commands._import_hook'):
        sys.modules.pop(name, None)


def test_mim_finds_an_editable_package(mim_with_the_hook, tmp_path):
    look_up = mim_with_the_hook.get_installed_path
    assert look_up('mmdesra') == str(Path(enable_mim.__file__).parents[1])
    assert look_up('mim') == str(tmp_path / 'mim')  # where it looks, there it is
    assert look_up('nowhere') == 'nowhere'
