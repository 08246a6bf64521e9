"""Getting wheels for another Python and platform, and building that of the checkout."""
from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from pathlib import Path
from tempfile import TemporaryDirectory

from names import normalise

OLD_NAMES = {(2, 5): 'manylinux1', (2, 12): 'manylinux2010', (2, 17): 'manylinux2014'}
NOT_OF_THE_CHECKOUT = ('.*', '__pycache__', '*.egg-info', 'build', 'work_dirs', 'data',
                       'checkpoints')
"""What is left out where git does not say which files are of the checkout."""


class WheelError(RuntimeError):
    """A wheel that cannot be had."""


def platforms_up_to(platform: str) -> list[str]:
    """Return the tags of wheels that run where wheels of a tag run, the newest first.

    pip takes the tags that it is told, and wheels of an older glibc run on a newer one.
    """
    match = re.fullmatch(r'manylinux_2_(\d+)_(\w+)', platform)
    if match is None:
        return [platform]
    minor, machine = int(match[1]), match[2]
    tags = []
    for older in range(minor, 4, -1):
        tags.append(f'manylinux_2_{older}_{machine}')
        if (2, older) in OLD_NAMES:
            tags.append(f'{OLD_NAMES[2, older]}_{machine}')
    return [*tags, f'linux_{machine}']


def download(wanted: Mapping[str, str], folder: Path, python: str, platform: str) -> None:
    """Fetch wheels, each alone; where there is none of a version, the newest that there is.

    Raises:
        WheelError: If there is none for this Python and platform.
    """
    options = ['--python-version', python, '--implementation', 'cp',
               '--abi', f'cp{python.replace(".", "")}', '--abi', 'abi3', '--abi', 'none']
    for tag in platforms_up_to(platform):
        options += ['--platform', tag]
    exact = [f'{name}=={version}' for name, version in wanted.items()]
    if not wanted or not _pip('download', '--no-deps', '--only-binary', ':all:', '-d', str(folder),
                              *options, *exact):
        return
    for name, version in wanted.items():  # one of them spoils the lot
        for requirement in (f'{name}=={version}', name):
            error = _pip('download', '--no-deps', '--only-binary', ':all:', '-d', str(folder),
                         *options, requirement)
            if not error:
                break
            if name in ('torchvision', 'numpy'):  # another one would not fit what is there
                raise WheelError(f'{requirement}: no wheel for Python {python} on {platform}: '
                                 f'{error}')
        else:
            raise WheelError(f'{name}: no wheel for Python {python} on {platform}: {error}')


def build_wheel(checkout: Path, folder: Path) -> None:
    """Build the wheel of the checkout from a copy, so that nothing is left in the checkout.

    Raises:
        WheelError: If it cannot be built.
    """
    with TemporaryDirectory() as scratch:
        source = Path(scratch, 'checkout')
        copy_checkout(checkout, source)
        errors = []
        for isolated in (['--no-build-isolation'], []):  # setuptools of here, or of an index
            errors.append(_pip('wheel', '--no-deps', '-w', str(folder), *isolated, str(source)))
            if not errors[-1]:
                return
    raise WheelError(f'the wheel of {checkout} cannot be built: {"; ".join(errors)}')


def copy_checkout(checkout: Path, target: Path) -> None:
    """Copy the files that git knows, or would know; links stay links."""
    asked = ['git', '-C', str(checkout), 'ls-files', '-z', '--cached', '--others',
             '--exclude-standard']
    try:
        done = subprocess.run(asked, capture_output=True, check=False)
        listed = done.stdout.decode(errors='surrogateescape').split('\0')
        names = [name for name in listed if name] if done.returncode == 0 else []
    except OSError:
        names = []
    if not names:  # an unpacked archive of it
        # Within mmdesra/ a name with a dot is of the package: .mim
        hidden = shutil.ignore_patterns(*NOT_OF_THE_CHECKOUT)
        cached = shutil.ignore_patterns('__pycache__')
        shutil.copytree(checkout, target, symlinks=True, ignore=lambda folder, entries: (
            hidden if Path(folder) == checkout else cached)(folder, entries))
        return
    for name in names:
        path = checkout / name
        if path.is_symlink() or path.is_file():  # one that was deleted is listed, too
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name, follow_symlinks=False)


def describe_wheel(path: Path) -> dict[str, str | int]:
    """Return what a manifest says of a wheel."""
    with zipfile.ZipFile(path) as file:
        name = next(name for name in file.namelist()
                    if re.fullmatch(r'[^/]+\.dist-info/METADATA', name))
        metadata = Parser().parsestr(file.read(name).decode('utf-8'))
    return dict(name=normalise(metadata['Name']), version=metadata['Version'], file=path.name,
                bytes=path.stat().st_size, sha256=sha256_of(path),
                license=_license_of(metadata))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        for block in iter(lambda: file.read(2**20), b''):
            digest.update(block)
    return digest.hexdigest()


def _license_of(metadata: Message) -> str:
    classifiers = [line.rpartition(' :: ')[2] for line in metadata.get_all('Classifier', [])
                   if line.startswith('License :: ') and line != 'License :: OSI Approved']
    said = (metadata['License-Expression'] or metadata['License'] or '').strip()
    said = '' if said.upper() == 'UNKNOWN' else said  # what setuptools writes for none
    first = next(iter(said.splitlines()), '')
    is_text = len(said.splitlines()) > 1 or len(first) > 60
    return (first if first and not is_text else ', '.join(classifiers)) or first[:60] or 'not said'


def _pip(command: str, *arguments: str) -> str:
    """Run pip; return the end of what it said if it failed, else nothing."""
    more = shlex.split(os.environ.get('PIP_ARGS', ''))
    done = subprocess.run(
        [sys.executable, '-m', 'pip', command, '--quiet', '--no-input',
         '--disable-pip-version-check', *more, *arguments],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return ''
    lines = [line for line in done.stdout.splitlines() if line.startswith('ERROR')]
    return ' '.join(lines[-1:]) or done.stdout.strip()[-300:] or f'code {done.returncode}'
