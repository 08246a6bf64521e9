"""What an installed package carries and asks for."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email import message_from_string
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from toy_training import DETECTOR, GT_PATCH_SIZE, make_data, model_config, training_config
from toys import write_pairs

import mmdesra

ROOT = Path(mmdesra.__file__).parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / 'setup.cfg').is_file(), reason='mmdesra is not run from a checkout')
PROGRAM = """
from importlib.metadata import distribution
(program,) = distribution('mmdesra').entry_points
program.load()()
"""
"""What an installer writes into the console script."""

DATA_SUFFIXES = ('.py', '.csv', '.json', '.html', '.css', '.js', '.yml', '.typed')


@pytest.fixture(scope='module')
def wheel_file(tmp_path_factory):
    """Builds the wheel from a copy of the checkout."""
    copy = tmp_path_factory.mktemp('checkout')
    for name in ('mmdesra', 'configs', 'tools'):
        shutil.copytree(ROOT / name, copy / name, symlinks=True,
                        ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.cfg', 'pyproject.toml', 'LICENSE', 'README.md', 'docs/wheel.md'):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    done = subprocess.run([sys.executable, '-c', build], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return copy / done.stdout.split()[-1]


@pytest.fixture(scope='module')
def wheel(wheel_file):
    """The names in the wheel."""
    with zipfile.ZipFile(wheel_file) as file:
        return set(file.namelist())


def test_wheel_carries_the_code_and_its_data(wheel):
    package = ROOT / 'mmdesra'
    expected = {path.relative_to(ROOT).as_posix() for path in package.rglob('*')
                if path.suffix in DATA_SUFFIXES}
    assert {name for name in expected
            if not re.search('/[.]mim/(configs|tools)/', name)} <= wheel


def test_wheel_carries_the_configs_where_mmengine_looks(wheel):
    configs = ROOT / 'configs'
    for suffix in ('.py', '.yml'):
        expected = {f'mmdesra/.mim/configs/{path.relative_to(configs).as_posix()}'
                    for path in configs.rglob(f'*{suffix}')}
        assert expected
        assert expected <= wheel


def test_wheel_carries_the_tools_where_mim_looks(wheel):
    """Those that call a command; tests/test_commands has which these are."""
    assert {'mmdesra/.mim/tools/train.py', 'mmdesra/.mim/tools/test.py',
            'mmdesra/.mim/tools/detect.py'} <= wheel
    assert not [name for name in wheel if '.mim/tools/demo' in name]


def test_wheel_carries_nothing_else(wheel):
    assert {name.split('/')[0] for name in wheel} == {
        'mmdesra', f'mmdesra-{mmdesra.__version__}.dist-info'}


def test_what_the_wheel_says_of_itself(wheel_file):
    """Its text is read where there is no checkout: a link there needs the whole address."""
    with zipfile.ZipFile(wheel_file) as file:
        folder = f'mmdesra-{mmdesra.__version__}.dist-info'
        text = file.read(f'{folder}/METADATA').decode()
        assert file.read(f'{folder}/entry_points.txt').decode() == (
            '[console_scripts]\nmmdesra = mmdesra.program:main\n')
        # mim takes the first for the package.
        assert file.read(f'{folder}/top_level.txt').decode().split() == ['mmdesra']
    metadata = message_from_string(text)
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert '# mmdesra' in metadata.get_payload()
    links = re.findall(r'\]\(([^)]+)\)|(?:src|href)="([^"]+)"', metadata.get_payload())
    assert all(link.startswith(('https://', '#')) for found in links for link in found if link)
    addresses = [metadata['Home-page'], *(metadata.get_all('Project-URL') or ())]
    assert all('https://' in address for address in addresses if address)


@pytest.fixture(scope='module')
def installed(wheel_file, tmp_path_factory):
    """A Python with the wheel and with the packages of this one, far from any checkout."""
    folder = tmp_path_factory.mktemp('elsewhere')
    venv.create(folder / 'venv')
    python = folder / 'venv/bin/python'
    (packages,) = (folder / 'venv').glob('lib/python*/site-packages')
    with zipfile.ZipFile(wheel_file) as file:
        file.extractall(packages)
    theirs = {str(Path(spec.origin).parents[1]) for spec in map(find_spec, ('torch', 'mmengine'))}
    (packages / 'theirs.pth').write_text('\n'.join(theirs))
    (folder / 'empty').mkdir()

    def run(*words):
        environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT / 'tests'))
        return subprocess.run([str(python), '-c', PROGRAM, *map(str, words)],
                              cwd=folder / 'empty', env=environment, capture_output=True,
                              text=True, timeout=600)
    run.packages, run.folder = packages, folder / 'empty'
    return run


@pytest.mark.skipif(os.name != 'posix', reason='knows the folders of an environment there')
def test_commands_from_the_wheel(installed, tmp_path):
    gan, mse = write_pairs(tmp_path, 2)
    done = installed('detect', '--gan', gan, '--mse', mse, '--out', 'artifacts')
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (installed.folder / 'artifacts').iterdir()} >= {
        'report.html', 'detections.csv', 'mask'}

    data = make_data(tmp_path)
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    training_config(model_config(), iterations=1, hooks=[hook]).dump(tmp_path / 'toy.py')
    done = installed('train', tmp_path / 'toy.py', '--nproc', 2, '--lq-dir', data.lq,
                     '--gan-checkpoint', data.gan, '--mse-checkpoint', data.mse)
    assert done.returncode == 0, done.stderr
    assert (installed.folder / 'work_dirs/toy/iter_1.pth').is_file()
    assert (installed.folder / 'work_dirs/toy/pseudo_gt/manifest.json').is_file()
    written = {path.suffix for path in installed.packages.glob('mmdesra/**/*')} - {'', '.pyc'}
    assert written <= set(DATA_SUFFIXES)  # an installer would not remove what is compiled there


@pytest.mark.skipif(os.name != 'posix', reason='knows the folders of an environment there')
def test_a_config_of_the_wheel(installed, tmp_path):
    data = make_data(tmp_path)
    done = installed('train', 'mmdesra::desra/desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py',
                     '--print-config', '--lq-dir', data.lq, '--heldout-lq-dir', data.heldout,
                     '--gan-checkpoint', data.gan, '--mse-checkpoint', data.mse)
    assert done.returncode == 0, done.stderr
    assert "type='DeSRAFinetuneHook'" in done.stdout


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
