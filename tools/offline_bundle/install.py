"""Install mmdesra from this bundle. No package index is asked.

  bash install.sh                 into the Python that runs (an active environment, say)
  bash install.sh --target DIR    into a folder, for PYTHONPATH
  bash install.sh --venv DIR      into a new environment that sees the packages of that Python

Packages that are there already stay as they are. PYTHON names the Python to install for; what
follows -- is handed to pip.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

from names import normalise, standing_for

ROOT = Path(__file__).resolve().parents[1]
OURS = 'mmdesra'
IMPORTED_AS = {'torch': 'PyTorch', 'numpy': 'NumPy', 'scipy': 'SciPy',
               'opencv-python-headless': 'OpenCV'}


class InstallError(RuntimeError):
    """What keeps the bundle from being installed here."""


def parse_args() -> argparse.Namespace:
    arguments, more = sys.argv[1:], []
    if '--' in arguments:
        place = arguments.index('--')
        arguments, more = arguments[:place], arguments[place + 1:]
    parser = argparse.ArgumentParser(
        prog='install.sh', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--target', type=Path, metavar='DIR', help='install into this folder')
    where.add_argument('--venv', type=Path, metavar='DIR', help='install into this environment, '
                       'which is made if it is not there')
    parser.add_argument('--replace', action='store_true',
                        help='replace packages that are there in another version')
    parser.add_argument('--no-test', action='store_true',
                        help='do not try the installation in the end')
    args = parser.parse_args(arguments)
    args.pip = more
    return args


def check_python(manifest: dict[str, Any]) -> None:
    """Refuse another Python or platform than the wheels are for."""
    here = f'{sys.version_info[0]}.{sys.version_info[1]}'
    if here != manifest['python']:
        raise InstallError(f'the bundle is for Python {manifest["python"]}, but {sys.executable} '
                           f'is {here}; set PYTHON=/path/to/python{manifest["python"]}, or make '
                           f'a bundle with --python {here}')
    match = re.fullmatch(r'manylinux_(\d+)_(\d+)_(\w+)', manifest['platform'])
    if match is None:
        return
    machine = platform.machine()
    if sys.platform != 'linux' or machine != match[3]:
        raise InstallError(f'the bundle is for Linux on {match[3]}, got {sys.platform} on '
                           f'{machine}; make one with --platform')
    name, version = platform.libc_ver()
    needed, found = (int(match[1]), int(match[2])), tuple(map(int, re.findall(r'\d+', version)))
    if name != 'glibc' or found[:2] < needed:
        raise InstallError(f'the bundle is for glibc {match[1]}.{match[2]} or newer, got '
                           f'{name or "another C library"} {version}; make one with --platform '
                           f'manylinux_{"_".join(map(str, found[:2] or (2, 17)))}_{machine}')


def check_wheels(manifest: dict[str, Any]) -> None:
    """Refuse a wheel that is not the one that was bundled."""
    for one in manifest['packages']:
        path = ROOT / 'wheels' / one['file']
        if not path.is_file():
            raise InstallError(f'{path}: is missing; unpack the archive again')
        if hashlib.sha256(path.read_bytes()).hexdigest() != one['sha256']:
            raise InstallError(f'{path}: is damaged (its sha256 is not that of MANIFEST.md); '
                               'copy and unpack the archive again')


def packages_there(path: Path | None = None) -> dict[str, str]:
    """Return the packages that Python finds, or those in a folder: version by name."""
    found: dict[str, str] = {}
    for one in (metadata.distributions() if path is None
                else metadata.distributions(path=[str(path)])):
        if one.metadata['Name']:
            found.setdefault(normalise(one.metadata['Name']), one.version)
    return found


def check_node(manifest: dict[str, Any], there: dict[str, str]) -> None:
    """Refuse a node that lacks what was counted on; tell of another version."""
    carried = {one['name'] for one in manifest['packages']}
    missing = [name for name in ('torch', *manifest['counted_on'])
               if standing_for(name, there) is None and name not in carried]
    if missing:
        names = ', '.join(IMPORTED_AS.get(name, name) for name in missing)
        raise InstallError(f'the bundle counts on {names}, which {sys.executable} does not have. '
                           'Set PYTHON to the Python that has, install it, or make a bundle with '
                           '--have and what "pip list" prints here')
    for name in ('torch', 'numpy'):
        planned, found = manifest[name], there.get(name)
        if planned and found and found.split('.')[:2] != planned.split('.')[:2]:
            print(f'note: the bundle was made for {IMPORTED_AS[name]} {planned}, here is {found}'
                  + ('; its torchvision may lack its operators, which nothing here calls'
                     if name == 'torch' and 'torchvision' in carried else ''))


def choose_wheels(manifest: dict[str, Any], there: dict[str, str], replace: bool) -> list[str]:
    """Return the wheels to install; say what stays as it is."""
    chosen, kept = [], []
    for one in manifest['packages']:
        other = None if one['name'] == OURS else standing_for(one['name'], there)
        if other is not None and there[other] == one['version']:
            continue
        if other is not None and not (replace and other == one['name']):
            kept.append(f'{other} {there[other]}')
        else:
            chosen.append(str(ROOT / 'wheels' / one['file']))
    if kept:
        print('stay as they are:', ', '.join(kept))
    return chosen


def make_venv(folder: Path) -> str:
    """Make an environment that sees this Python's packages; return its Python.

    A Python that is itself an environment's is not looked through by venv; its packages are named
    in a .pth file.
    """
    python = folder / 'bin' / 'python'
    if not python.is_file():
        run([sys.executable, '-m', 'venv', '--system-site-packages', str(folder)],
            f'no environment can be made in {folder}')
        if sys.prefix != sys.base_prefix:
            ask = 'import sysconfig; print(sysconfig.get_paths()["purelib"])'
            inside = subprocess.run([str(python), '-c', ask], text=True, check=True,
                                    stdout=subprocess.PIPE).stdout.strip()
            paths = dict.fromkeys(sysconfig.get_paths()[name] for name in ('purelib', 'platlib'))
            Path(inside, 'packages_below.pth').write_text('\n'.join(paths) + '\n')
    return str(python)


def run(command: list[str], otherwise: str, **environment: str) -> None:
    """Run a program with a line for when it fails."""
    if subprocess.run(command, env=dict(os.environ, **environment), check=False).returncode:
        raise InstallError(otherwise)


def install(args: argparse.Namespace, manifest: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Install into where the arguments say; return the Python and its environment variables."""
    there = packages_there()
    check_node(manifest, there)
    python, extra = sys.executable, list[str]()
    environment: dict[str, str] = {}
    if args.venv:
        if args.venv.is_dir():
            there.update(packages_there(next(iter(args.venv.glob('lib/python*/site-packages')),
                                             args.venv)))
        python = make_venv(args.venv.resolve())
    elif args.target:
        if args.target.is_dir():
            there.update(packages_there(args.target))
        extra = ['--target', str(args.target.resolve()), '--upgrade']
        below = os.environ.get('PYTHONPATH')
        environment = dict(PYTHONPATH=os.pathsep.join(filter(None, [str(args.target.resolve()),
                                                                    below])))
    wheels = choose_wheels(manifest, there, args.replace)
    # --force-reinstall: a newer bundle of ours may have the same version.
    for chosen, options in (([path for path in wheels if is_ours(path)], ['--force-reinstall']),
                            ([path for path in wheels if not is_ours(path)], [])):
        if chosen:
            run([python, '-m', 'pip', 'install', '--quiet', '--no-index', '--no-deps',
                 '--find-links', str(ROOT / 'wheels'), '--no-input', '--no-warn-script-location',
                 '--disable-pip-version-check', *extra, *options, *args.pip, *chosen],
                f'pip of {python} failed, see above')
    print(f'{len(wheels)} packages were installed into '
          f'{args.target or args.venv or sys.prefix}')
    return python, environment


def is_ours(path: str) -> bool:
    return Path(path).name.startswith(f'{OURS}-')


def main() -> None:
    args = parse_args()
    try:
        manifest = json.loads((ROOT / 'MANIFEST.json').read_text(encoding='utf-8'))
        check_python(manifest)
        check_wheels(manifest)
        python, environment = install(args, manifest)
        if not args.no_test:
            run([python, '-W', 'ignore', str(ROOT / 'parts' / 'smoke_test.py')],
                'it is installed, but trying it failed, see above', **environment)
    except (InstallError, OSError) as error:
        sys.exit(f'error: {error}')
    if environment:
        print('to use it: export PYTHONPATH=' + environment['PYTHONPATH'])
    elif args.venv:
        print(f'to use it: source {args.venv}/bin/activate')


if __name__ == '__main__':
    main()
