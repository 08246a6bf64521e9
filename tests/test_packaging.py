"""What an installed package carries and asks for."""

from __future__ import annotations

import ast
import configparser
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import mmdesra

ROOT = Path(mmdesra.__file__).parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / 'setup.cfg').is_file(), reason='mmdesra is not run from a checkout')
DATA_SUFFIXES = ('.py', '.csv', '.json', '.html', '.yml')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Builds the wheel from a copy of the checkout; returns the names in it."""
    copy = tmp_path_factory.mktemp('checkout')
    for name in ('mmdesra', 'configs'):
        shutil.copytree(ROOT / name, copy / name, symlinks=True,
                        ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.cfg', 'pyproject.toml', 'LICENSE', 'README.md'):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy)
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    done = subprocess.run([sys.executable, '-c', build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(copy / done.stdout.split()[-1]) as file:
        return set(file.namelist())


def test_wheel_carries_the_code_and_its_data(wheel):
    package = ROOT / 'mmdesra'
    expected = {path.relative_to(ROOT).as_posix() for path in package.rglob('*')
                if path.suffix in DATA_SUFFIXES}
    assert {name for name in expected if '/.mim/configs/' not in name} <= wheel


def test_wheel_carries_the_configs_where_mmengine_looks(wheel):
    configs = ROOT / 'configs'
    for suffix in ('.py', '.yml'):
        expected = {f'mmdesra/.mim/configs/{path.relative_to(configs).as_posix()}'
                    for path in configs.rglob(f'*{suffix}')}
        assert expected
        assert expected <= wheel


def test_wheel_carries_nothing_else(wheel):
    assert {name.split('/')[0] for name in wheel} == {
        'mmdesra', f'mmdesra-{mmdesra.__version__}.dist-info'}


def read_pins(name: str) -> dict[str, str]:
    """Reads a list under requirements/: {package: version}."""
    lines = (ROOT / 'requirements' / name).read_text().splitlines()
    pins = [line.split('#')[0].strip() for line in lines]
    return dict(pin.split('==') for pin in pins if pin)


def test_pins_are_exact_and_ranges_are_not():
    for path in (ROOT / 'requirements').glob('*.txt'):
        assert read_pins(path.name), path  # each line is name==version
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    assert '==' not in config['options']['install_requires']


def test_lists_agree_on_versions():
    seen: dict[str, str] = {}
    for path in sorted((ROOT / 'requirements').glob('*.txt')):
        for package, version in read_pins(path.name).items():
            assert seen.setdefault(package.lower(), version) == version


def test_tested_versions_are_within_the_ranges():
    """Of every extra, too: what users are told to install is what the tests run on."""
    pins = {}
    for path in (ROOT / 'requirements').glob('*.txt'):
        pins.update(read_pins(path.name))
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    lists = [config['options']['install_requires'], *config['options.extras_require'].values()]
    for line in '\n'.join(lists).split('\n'):
        if line and not line.startswith('#'):
            requirement = Requirement(line)
            assert pins.get(requirement.name, 'none') in requirement.specifier, line


IMPORTED_AS = dict(pillow='PIL')
BROUGHT_BY_MMENGINE = {'cv2', 'matplotlib', 'yaml'}


@pytest.mark.skipif(sys.version_info < (3, 10), reason='Python 3.9 has no list of its modules')
def test_what_is_imported_is_asked_for():
    """Where nothing but the extra for detection is, everything but the MMagic parts imports."""
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    lines = (config['options']['install_requires']
             + config['options.extras_require']['detection']).split('\n')
    asked = {Requirement(line).name for line in lines if line and not line.startswith('#')}
    known = ({IMPORTED_AS.get(name, name) for name in asked} | BROUGHT_BY_MMENGINE
             | set(sys.stdlib_module_names) | {'mmdesra', 'mmagic', 'mmcv'})
    unknown = {(name, path.name) for path in (ROOT / 'mmdesra').rglob('*.py')
               for name in imported_at_once(path) if name not in known}
    assert not unknown


def imported_at_once(path: Path) -> Iterator[str]:
    """Yields the packages that a module imports outside its functions."""
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split('.')[0]
