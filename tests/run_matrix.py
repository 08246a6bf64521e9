#!/usr/bin/env python3
"""Build fresh environments for several Pythons, mmcvs and NumPys, run the tests, print a table.

  python tests/run_matrix.py --scratch /tmp/matrix
  python tests/run_matrix.py --scratch /tmp/matrix --python 3.11 --mmcv full --numpy 2
  python tests/run_matrix.py --scratch /tmp/matrix --python 3.9 /opt/python3.12/bin/python3 \\
      -- -n 2 tests/test_ops

What is tested is the last commit, in a copy. Each Python has an environment of its own, in which
mmcv and NumPy are exchanged. After a failure or a Ctrl-C, the same command goes on with the step
that was not finished, and with the tests that have no result for this commit and these options.
What follows -- goes to pytest.

Python 3.11 gets the exact versions of requirements/, wheels only. The others get, of each package,
the newest wheel up to that version that there is for them. NumPy 2 is the newest that numba and
SciPy take. --mmcv full builds mmcv from its source, 20 to 40 minutes on two cores. An environment
has about 2 GB; with a CUDA build of PyTorch, which many indexes give on Linux, 8 GB. Remove the
scratch folder when done.

The environment variable PIP_ARGS holds more options for pip, such as --find-links with a folder
of wheels; MAX_JOBS and CFLAGS reach the compiler of mmcv.
Exit code: 0 = all tests passed everywhere, 1 = some failed, or a set-up did.
"""
from __future__ import annotations

import argparse
import itertools
import json
import os
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
BACKPORTS = ('attrs', 'exceptiongroup', 'importlib-metadata', 'importlib-resources', 'six',
             'tomli', 'zipp')
"""What packages ask for on older Pythons only, and requirements/ therefore does not list."""
STEPS = ('venv', 'torch', 'packages', 'mmcv', 'numpy', 'checkout')
"""Of the set-up; each builds on those before it."""
BUILD_TOOLS = ('ninja', 'psutil', 'wheel')
SHOWN = ('torch', 'torchvision', 'numpy', 'scipy', 'numba', 'mmagic', 'mmengine')


class SetupError(Exception):
    """A step of the set-up failed; the text says which, and why."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--scratch', type=Path, required=True, help='folder of the environments')
    parser.add_argument('--python', nargs='+', default=['3.9', '3.10', '3.11', '3.12'],
                        help='versions, found as python3.9 and so on, or paths of interpreters')
    parser.add_argument('--mmcv', nargs='+', choices=['lite', 'full'], default=['lite'])
    parser.add_argument('--numpy', nargs='+', choices=['1', '2'], default=['1', '2'])
    parser.add_argument('--limit', type=float, default=180, help='minutes for a run of the tests')
    parser.add_argument('--again', action='store_true', help='run tests that have a result, too')
    parser.add_argument('--table', action='store_true', help='only print the results there are')
    parser.add_argument('pytest_args', nargs='*', metavar='-- PYTEST_ARGS', default=[])
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    args.scratch = args.scratch.resolve()
    args.scratch.mkdir(parents=True, exist_ok=True)
    results = []
    for python in args.python:
        results += run_environment(args, python)
    print_table(results)
    return int(any(not result.get('passed') or result['failures'] for result in results))


def run_environment(args: argparse.Namespace, python: str) -> list[dict[str, Any]]:
    """Runs the tests on one Python with each mmcv and each NumPy; gives a result for each."""
    try:
        environment = Environment(args.scratch, python)
    except SetupError as error:
        return [failed(error, python, '-', '-')]
    results = []
    for mmcv, numpy in itertools.product(args.mmcv, args.numpy):
        file = environment.folder / f'result-mmcv-{mmcv}-numpy{numpy}.json'
        stored = json.loads(file.read_text()) if file.is_file() else {}
        key = dict(commit=commit(), pytest_args=args.pytest_args)
        if args.table or (not args.again and stored.items() >= key.items()):
            results += [stored] if stored else []
            continue
        try:
            environment.set_up(mmcv, numpy)
            result = {**key, **environment.versions(), 'mmcv': f'{mmcv} {pinned("mmcv-lite")}',
                      **environment.test(args.pytest_args, args.limit)}
            if 'passed' in result:  # the tests ran to their end
                file.write_text(json.dumps(result, indent=1))
        except SetupError as error:
            result = failed(error, environment.version, mmcv, f'{numpy}.x')
        results.append(result)
    return results


def failed(error: SetupError, python: str, mmcv: str, numpy: str) -> dict[str, Any]:
    """The result of a set-up that failed."""
    print(f'  failed: {error}', flush=True)
    return dict(python=python, mmcv=mmcv, numpy=numpy, failures={'set-up': str(error)})


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

    def set_up(self, mmcv: str, numpy: str) -> None:
        """Does the steps that were not done, or were done with other inputs.

        Args:
            mmcv: 'lite' or 'full'.
            numpy: '1' or '2'.

        Raises:
            SetupError: A step failed.
        """
        print(f'Python {self.version}, mmcv {mmcv}, NumPy {numpy}.x', flush=True)
        torch, packages = self.requirements('torch'), self.requirements('runtime', 'tests')
        self.step('venv', self.base, self.make_venv)
        self.step('torch', torch.read_text(),
                  lambda: self.install('-c', str(packages), '-r', str(torch)))
        self.step('packages', packages.read_text(),
                  lambda: self.install('--no-deps', '-r', str(packages)))
        base = f'\nin an environment of\n{packages.read_text()}'
        self.step('mmcv', mmcv + base, lambda: self.exchange_mmcv(mmcv))
        self.step('numpy', numpy + base, lambda: self.exchange_numpy(numpy))
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

    def requirements(self, *names: str) -> Path:
        """Writes the lists of requirements/ as this Python takes them into one file."""
        lines = [line.partition('#')[0].strip() for name in names
                 for line in (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()]
        lines = [line if self.version == PINNED else line.replace('==', '<=')
                 for line in lines if line]
        if self.version in ('3.9', '3.10') and 'runtime' in names:
            lines += BACKPORTS
        file = self.folder / f'{"-".join(names)}.txt'
        file.write_text('\n'.join(lines) + '\n')
        return file

    def make_venv(self) -> None:
        self.call(self.base, '-m', 'venv', '--clear', str(self.folder / 'venv'))

    def install(self, *arguments: str, wheels: bool = True) -> None:
        """Installs with pip; byte code is made when a module is first imported."""
        self.call(str(self.python), '-m', 'pip', 'install', '--no-input', '--no-compile',
                  '--disable-pip-version-check', *(['--only-binary', ':all:'] if wheels else []),
                  *shlex.split(os.environ.get('PIP_ARGS', '')), *arguments)

    def exchange_numpy(self, major: str) -> None:
        """Installs another NumPy; those that bound it are named, so that pip heeds them."""
        wanted = f'numpy<={pinned("numpy")}' if major == '1' else 'numpy>=2,<3'
        self.install('--upgrade', '--upgrade-strategy', 'only-if-needed', wanted, 'numba', 'scipy',
                     '-c', str(self.bounds()))

    def bounds(self) -> Path:
        """Holds everything but NumPy at what is installed."""
        freeze = subprocess.check_output(
            [str(self.python), '-m', 'pip', 'list', '--format=freeze'], text=True)
        file = self.folder / 'installed.txt'
        file.write_text(''.join(f'{line}\n' for line in freeze.splitlines()
                                if not line.startswith(('numpy==', 'mmdesra=='))))
        return file

    def exchange_mmcv(self, kind: str) -> None:
        """Installs mmcv-lite or mmcv; they write the same folder, so the other has to go first."""
        version = pinned('mmcv-lite')
        new = f'mmcv-lite=={version}' if kind == 'lite' else str(self.mmcv_wheel(version))
        self.call(str(self.python), '-m', 'pip', 'uninstall', '-y', 'mmcv', 'mmcv-lite')
        self.install('--no-deps', new)

    def mmcv_wheel(self, version: str) -> Path:
        """Builds mmcv with its ops, once for a Python and a PyTorch.

        The compiler's results stay in the folder of the source, so that a build that was stopped
        goes on where it was.
        """
        folder = self.folder.parent / f'mmcv-py{self.version}-torch{self.versions()["torch"]}'
        source = folder / f'mmcv-{version}'
        pip = [str(self.python), '-m', 'pip']
        if not list(folder.glob('*.whl')):
            self.install(*BUILD_TOOLS)
            if not source.is_dir():
                self.call(*pip, 'download', '--no-deps', '--no-build-isolation', '--no-binary',
                          'mmcv', '-d', str(folder), f'mmcv=={version}')
                self.call('tar', '-xf', str(next(folder.glob('*.tar.gz'))), '-C', str(folder))
            self.call(*pip, 'wheel', '-v', '--no-deps', '--no-build-isolation', '-w', str(folder),
                      str(source), MMCV_WITH_OPS='1', MAX_JOBS=os.environ.get('MAX_JOBS', '2'),
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
        # An old Python brings an older one, which pip takes for good enough.
        self.install('--upgrade', f'setuptools=={pinned("setuptools")}')
        self.install('--no-deps', '--no-build-isolation', '--editable', str(self.checkout),
                     wheels=False)

    # -------------------- the tests

    def versions(self) -> dict[str, str]:
        """The versions of Python and of what the tests depend on most."""
        code = ('import importlib.metadata as m, json, platform, sys; '
                'print(json.dumps({"python": platform.python_version(), **{'
                'd.metadata["Name"].lower(): d.version for d in m.distributions()}}))')
        found = json.loads(subprocess.check_output([str(self.python), '-c', code], text=True))
        return {name: found.get(name, '-') for name in ('python', *SHOWN)}

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
                stderr=subprocess.STDOUT, start_new_session=True)
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


def pinned(package: str) -> str:
    """The version of a package in requirements/runtime.txt."""
    text = (ROOT / 'requirements' / 'runtime.txt').read_text()
    return next(line.split()[0].partition('==')[2] for line in text.splitlines()
                if line.startswith(f'{package}=='))


def commit() -> str:
    """The short name of the commit that is tested."""
    return subprocess.check_output(
        ['git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD'], text=True).strip()


def print_table(results: list[dict[str, Any]]) -> None:
    """Prints a row for each result, in Markdown, and below what failed."""
    columns = ('python', 'mmcv', *SHOWN, 'passed', 'failed', 'skipped', 'minutes', 'commit')
    print('\n| ' + ' | '.join(columns) + ' |\n|' + ' --- |' * len(columns))
    for result in results:
        row = {**result, 'failed': len(result['failures'])}
        if 'seconds' in result:
            row['minutes'] = f'{result["seconds"] / 60:.0f}'
        print('| ' + ' | '.join(str(row.get(column, '-')) for column in columns) + ' |')
    for result in results:
        for name, why in result['failures'].items():
            print(f'\nPython {result["python"]}, mmcv {result["mmcv"]}, NumPy {result["numpy"]}: '
                  f'{name}\n  {why}')


if __name__ == '__main__':
    sys.exit(main())
