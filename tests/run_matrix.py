#!/usr/bin/env python3
"""Build fresh environments for several Pythons and stacks of packages, and run the tests.

  python tests/run_matrix.py --scratch /tmp/matrix
  python tests/run_matrix.py --scratch /tmp/matrix --row 3.13:newest 3.11:onedl
  python tests/run_matrix.py --scratch /tmp/matrix --row /opt/python3.12/bin/python3:newest \\
      -- -n 2 tests/test_ops

A row is a Python and a stack. The stack `newest` is requirements/runtime.txt; the others are the
files of requirements/matrix/: 2023.txt takes its place, the rest name what differs from it.
What is tested is the last commit, in a copy. Each Python has an environment of its own, in which
packages are exchanged. After a failure or a Ctrl-C, the same command goes on with the step that
was not finished, and with the tests that have no result for this commit and these options. What
follows -- goes to pytest.

Python 3.11 gets the exact versions of the lists, wheels only. Older ones get, of each package,
the newest wheel up to that version that there is for them; newer ones the same, but the newest
PyTorch, NumPy and SciPy. The stack `ops` builds mmcv from its source, 20 to 40 minutes on two
cores. An environment has about 2 GB; with a CUDA build of PyTorch, which many indexes give on
Linux, 8 GB. Remove the scratch folder when done.

The environment variable PIP_ARGS holds more options for pip, such as --find-links with a folder
of wheels; MAX_JOBS and CFLAGS reach the compiler of mmcv.
Exit code: 0 = all tests passed everywhere, 1 = some failed, or a set-up did.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PINNED = '3.11'
"""The Python that requirements/ was written for."""
LISTS = ROOT / 'requirements'
NEWEST = 'newest'
INSTEAD = '2023'
"""A stack whose list takes the place of requirements/runtime.txt."""
STACKS = (NEWEST, *sorted(path.stem for path in (LISTS / 'matrix').glob('*.txt')))
ROWS = (*(f'{python}:{NEWEST}' for python in ('3.9', '3.10', '3.11', '3.12', '3.13')),
        *(f'{PINNED}:{stack}' for stack in STACKS if stack != NEWEST))
BACKPORTS = ('attrs', 'exceptiongroup', 'importlib-metadata', 'importlib-resources', 'six',
             'tomli', 'zipp')
"""What packages ask for on older Pythons only, and requirements/ therefore does not list."""
RISING = ('torch', 'torchvision', 'numpy', 'scipy')
"""Of these, Pythons newer than the pinned one get the newest."""
SAME_FOLDER = {'mmcv': 'mmcv', 'mmcv-lite': 'mmcv', 'onedl-mmcv': 'mmcv',
               'mmengine': 'mmengine', 'onedl-mmengine': 'mmengine',
               'mmsegmentation': 'mmseg', 'onedl-mmsegmentation': 'mmseg'}
"""Distributions that write the same folder: of these, a stack has one."""
STEPS = ('venv', 'torch', 'packages', 'checkout')
"""Of the set-up; each builds on those before it."""
FROM_SOURCE = ('mmcv', 'onedl-mmcv', 'onedl-mmsegmentation')
BUILD_TOOLS = ('ninja', 'psutil', 'wheel')
SHOWN = ('torch', 'torchvision', 'numpy', 'opencv-python-headless', 'mmcv', 'mmengine')


class SetupError(Exception):
    """A step of the set-up failed; the text says which, and why."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--scratch', type=Path, required=True, help='folder of the environments')
    parser.add_argument('--row', nargs='+', default=ROWS, metavar='PYTHON:STACK',
                        help='PYTHON: a version, found as python3.9 and so on, or the path of an '
                             f'interpreter; STACK: {", ".join(STACKS)} (default: all rows)')
    parser.add_argument('--limit', type=float, default=180, help='minutes for a run of the tests')
    parser.add_argument('--again', action='store_true', help='run tests that have a result, too')
    parser.add_argument('--table', action='store_true', help='only print the results there are')
    parser.add_argument('pytest_args', nargs='*', metavar='-- PYTEST_ARGS', default=[])
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    args.scratch = args.scratch.resolve()
    args.scratch.mkdir(parents=True, exist_ok=True)
    results = [result for row in args.row for result in run_row(args, *split_row(row))]
    print_table(results)
    return int(any(not result.get('passed') or result['failures'] for result in results))


def split_row(row: str) -> tuple[str, str]:
    """Reads ``PYTHON:STACK``."""
    python, _, stack = row.rpartition(':')
    if not python or stack not in STACKS:
        sys.exit(f'--row {row}: expected PYTHON:STACK with one of the stacks {", ".join(STACKS)}')
    return python, stack


def run_row(args: argparse.Namespace, python: str, stack: str) -> list[dict[str, Any]]:
    """Runs the tests on one Python with one stack; gives its result, if there is one."""
    try:
        environment = Environment(args.scratch, python)
    except SetupError as error:
        return [failed(error, python, stack)]
    file = environment.folder / f'result-{stack}.json'
    stored = json.loads(file.read_text()) if file.is_file() else {}
    key = dict(commit=commit(), pytest_args=args.pytest_args)
    if args.table or (not args.again and stored.items() >= key.items()):
        return [stored] if stored else []
    try:
        environment.set_up(stack)
        result = {**key, 'stack': stack, **environment.versions(),
                  **environment.test(args.pytest_args, args.limit)}
    except SetupError as error:
        return [failed(error, environment.version, stack)]
    if 'passed' in result:  # the tests ran to their end
        file.write_text(json.dumps(result, indent=1))
    return [result]


def failed(error: SetupError, python: str, stack: str) -> dict[str, Any]:
    """The result of a set-up that failed."""
    print(f'  failed: {error}', flush=True)
    return dict(python=python, stack=stack, failures={'set-up': str(error)})


class Environment:
    """A virtual environment for one Python, with a copy of the checkout.

    Args:
        scratch: Where environments lie.
        python: A version such as 3.9, or the path of an interpreter.

    Raises:
        SetupError: There is no such Python.
    """

    def __init__(self, scratch: Path, python: str) -> None:
        found = shutil.which(python if '/' in python else f'python{python}')
        if found is None:
            raise SetupError(f'Expected Python {python} on PATH, but found none; '
                             'name its path: --python /path/to/python3')
        self.base = found
        self.version = subprocess.check_output(
            [found, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], text=True).strip()
        self.folder = scratch / f'py{self.version}'
        self.folder.mkdir(exist_ok=True)
        self.python = self.folder / 'venv' / 'bin' / 'python'
        self.checkout = self.folder / 'checkout'
        self.log = self.folder / 'setup.log'

    # -------------------- set-up

    def set_up(self, stack: str) -> None:
        """Does the steps that were not done, or were done with other inputs.

        Raises:
            SetupError: A step failed.
        """
        print(f'Python {self.version}, stack {stack}', flush=True)
        torch = self.requirements('torch', read_list('torch'))
        packages = self.requirements('packages', packages_of(stack))
        self.step('venv', self.base, self.make_venv)
        self.step('torch', torch.read_text(), lambda: self.install('-r', str(torch)))
        self.step('packages', packages.read_text(), lambda: self.exchange_packages(packages))
        self.step('checkout', commit(), self.install_checkout)

    def step(self, name: str, inputs: str, action: Callable[[], None]) -> None:
        """Runs an action, and then the later ones, unless it was finished with these inputs."""
        stamp = self.folder / f'{name}.done'
        if stamp.is_file() and stamp.read_text() == inputs:
            return
        for later in STEPS[STEPS.index(name):]:
            (self.folder / f'{later}.done').unlink(missing_ok=True)
        print(f'  set-up: {name}', flush=True)
        start = time.monotonic()
        try:
            action()
        except subprocess.CalledProcessError as error:
            lines = [line for line in self.log.read_text().splitlines() if line.strip()]
            told = [line for line in lines if 'error' in line.lower()] or lines or [str(error)]
            raise SetupError(f'step {name}: {told[-1].strip()[:200]} (see {self.log})') from error
        stamp.write_text(inputs)
        print(f'    {time.monotonic() - start:.0f} s', flush=True)

    def call(self, *command: str, cwd: Path | None = None, **variables: str) -> None:
        """Runs a command whose output goes to the log."""
        with self.log.open('w') as log:
            subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, check=True,
                           stdout=log, stderr=subprocess.STDOUT)

    def requirements(self, name: str, versions: dict[str, str]) -> Path:
        """Writes versions of packages as this Python takes them into a file for pip."""
        here, pinned_for = (tuple(map(int, text.split('.'))) for text in (self.version, PINNED))
        lines = []
        for package, version in versions.items():
            sign = '==' if here == pinned_for or package in FROM_SOURCE else '<='
            if here > pinned_for and package in RISING and version == newest(package):
                sign = '>='
            lines.append(f'{package}{sign}{version}')
        if here < pinned_for and name == 'packages':
            lines += BACKPORTS
        file = self.folder / f'{name}.txt'
        file.write_text('\n'.join(lines) + '\n')
        return file

    def make_venv(self) -> None:
        self.call(self.base, '-m', 'venv', '--clear', str(self.folder / 'venv'))

    def install(self, *arguments: str, wheels: bool = True) -> None:
        """Installs with pip; byte code is made when a module is first imported."""
        self.call(str(self.python), '-m', 'pip', 'install', '--no-input', '--no-compile',
                  '--disable-pip-version-check', *(['--only-binary', ':all:'] if wheels else []),
                  *shlex.split(os.environ.get('PIP_ARGS', '')), *arguments)

    def exchange_packages(self, file: Path) -> None:
        """Installs a list; removes first what other stacks have in its place or beside it."""
        wanted = [line for line in file.read_text().splitlines() if line]
        names = {re.split('[<>=]', line)[0] for line in wanted}
        others = {name for stack in STACKS for name in packages_of(stack)} - names
        self.call(str(self.python), '-m', 'pip', 'uninstall', '-y', *sorted(others), 'mmdesra')
        for package in FROM_SOURCE:
            wanted = [str(self.wheel(*line.split('==')))
                      if line.startswith(f'{package}==') else line for line in wanted]
        self.install('--no-deps', '--upgrade', *wanted)  # setuptools is there, and may be old

    def wheel(self, package: str, version: str) -> Path:
        """Builds a package that has no wheel, once for a Python and a PyTorch.

        mmcv is built with its ops: the compiler's results stay in the folder of the source, so
        that a build that was stopped goes on where it was. The forks are Python alone; of mmcv,
        that is what pip makes in a build environment that has no PyTorch.
        """
        folder = self.folder.parent / (f'{package}-{version}-py{self.version}-torch'
                                       f'{self.versions()["torch"]}')
        source = folder / f'{package}-{version}'
        pip = [str(self.python), '-m', 'pip']
        if not list(folder.glob('*.whl')) and package != 'mmcv':
            self.call(*pip, 'wheel', '--no-deps', '-w', str(folder), f'{package}=={version}')
        if not list(folder.glob('*.whl')):
            self.install(*BUILD_TOOLS, 'setuptools<81')  # its setup.py needs pkg_resources
            if not source.is_dir():
                self.call(*pip, 'download', '--no-deps', '--no-build-isolation', '--no-binary',
                          'mmcv', '-d', str(folder), f'mmcv=={version}')
                self.call('tar', '-xf', str(next(folder.glob('*.tar.gz'))), '-C', str(folder))
            # Not pip: after a compiler that failed or was killed it deletes what is compiled.
            self.call(str(self.python), 'setup.py', 'bdist_wheel', '-d', str(folder), cwd=source,
                      MMCV_WITH_OPS='1', MAX_JOBS=os.environ.get('MAX_JOBS', '2'),
                      PATH=f'{self.python.parent}{os.pathsep}{os.environ["PATH"]}')
        return next(folder.glob('*.whl'))

    def install_checkout(self) -> None:
        """Copies the last commit and installs it, editable."""
        archive = self.folder / 'checkout.tar'
        self.call('git', '-C', str(ROOT), 'archive', '--format=tar', '-o', str(archive), 'HEAD')
        shutil.rmtree(self.checkout, ignore_errors=True)
        self.checkout.mkdir()
        self.call('tar', '-xf', str(archive), '-C', str(self.checkout))
        archive.unlink()
        self.install('--no-deps', '--no-build-isolation', '--editable', str(self.checkout),
                     wheels=False)

    # -------------------- the tests

    def versions(self) -> dict[str, str]:
        """The versions of Python and of what the tests depend on most."""
        code = ('import importlib.metadata as m, json, platform, sys; '
                'print(json.dumps({"python": platform.python_version(), **{'
                'd.metadata["Name"].lower(): d.version for d in m.distributions()}}))')
        found = json.loads(subprocess.check_output([str(self.python), '-c', code], text=True))
        shown = {name: found.get(name, '-') for name in ('python', *SHOWN)}
        for name, folder in SAME_FOLDER.items():
            if name in found and folder in shown:
                shown[folder] = f'{name} {found[name]}'
        return shown

    def test(self, pytest_args: list[str], limit: float) -> dict[str, Any]:
        """Runs the tests; gives the counts and, for each failure, its name and last line."""
        print('  tests', flush=True)
        report = self.folder / 'report.xml'
        report.unlink(missing_ok=True)
        log = self.folder / 'tests.log'
        start = time.monotonic()
        with log.open('w') as file:
            process = subprocess.Popen(
                [str(self.python), '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
                 f'--junitxml={report}', *pytest_args], cwd=self.checkout,
                env={'OMP_NUM_THREADS': '1', **os.environ}, stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=os.setpgrp)  # a group to end; a new session would lose its priority
            try:
                process.wait(limit * 60)
            except subprocess.TimeoutExpired:
                return dict(failures={'tests': f'stopped after {limit:g} minutes (see {log})'})
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        seconds = round(time.monotonic() - start)
        if not report.is_file():
            return dict(failures={'tests': f'pytest ended with {process.returncode} (see {log})'})
        return dict(read_report(report), seconds=seconds)


def read_report(report: Path) -> dict[str, Any]:
    """Reads pytest's report."""
    passed, skipped, failures = 0, 0, {}
    for case in ElementTree.parse(report).iter('testcase'):
        trouble = next((part for part in case if part.tag in ('failure', 'error', 'skipped')),
                       None)
        if trouble is None:
            passed += 1
        elif trouble.tag == 'skipped':
            skipped += 1
        else:
            lines = [line[1:].strip() for line in (trouble.text or '').splitlines()
                     if line.startswith('E  ')]
            name = f'{case.get("classname")}::{case.get("name")}'
            failures[name] = lines[-1] if lines else trouble.get('message', '')
    return dict(passed=passed, skipped=skipped, failures=failures)


def read_list(name: str) -> dict[str, str]:
    """Reads a file of requirements/: {package: version}."""
    lines = (line.partition('#')[0].strip()
             for line in (LISTS / f'{name}.txt').read_text().splitlines())
    return dict(line.split('==') for line in lines if line)


def packages_of(stack: str) -> dict[str, str]:
    """The packages of a stack and of the tests, {package: version}."""
    own = {} if stack == NEWEST else read_list(f'matrix/{stack}')
    base = own if stack == INSTEAD else read_list('runtime')
    taken = {SAME_FOLDER[name] for name in own if name in SAME_FOLDER}
    base = {name: version for name, version in base.items()
            if name in own or SAME_FOLDER.get(name) not in taken}
    return {**read_list('tests'), **base, **own}


def newest(package: str) -> str | None:
    """The version of a package in the stack `newest`."""
    return {**read_list('torch'), **read_list('runtime')}.get(package)


def commit() -> str:
    """The short name of the commit that is tested."""
    return subprocess.check_output(
        ['git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD'], text=True).strip()


def print_table(results: list[dict[str, Any]]) -> None:
    """Prints a row for each result, in Markdown, and below what failed."""
    columns = ('python', 'stack', *SHOWN, 'passed', 'failed', 'skipped', 'minutes', 'commit')
    print('\n| ' + ' | '.join(columns) + ' |\n|' + ' --- |' * len(columns))
    for result in results:
        row = {**result, 'failed': len(result['failures'])}
        if 'seconds' in result:
            row['minutes'] = f'{result["seconds"] / 60:.0f}'
        print('| ' + ' | '.join(str(row.get(column, '-')) for column in columns) + ' |')
    for result in results:
        for name, why in result['failures'].items():
            print(f'\nPython {result["python"]}, stack {result["stack"]}: {name}\n  {why}')


if __name__ == '__main__':
    sys.exit(main())
