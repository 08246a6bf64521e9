"""setup_env.sh with a stand-in for Python that writes down what it was asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_lines import PATIENCE

import mmdesra

SCRIPT = Path(mmdesra.__file__).parents[1] / 'tools/project/setup_env.sh'
pytestmark = pytest.mark.skipif(
    not SCRIPT.is_file() or shutil.which('bash') is None, reason='needs a checkout and bash')

FAKE_PYTHON = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"${FAIL_ON:-never}"*) echo "no space left"; exit 7;; esac
case "$*" in
  "-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python";;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the files that the script reads, and a Python that does nothing."""
    root = tmp_path / 'a checkout'
    for name in ('tools/project', 'requirements', 'mmdesra'):
        (root / name).mkdir(parents=True)
    shutil.copy(SCRIPT, root / 'tools/project')
    for name in ('requirements/torch.txt', 'requirements/runtime.txt', 'requirements/tests.txt',
                 'requirements/demo.txt', 'setup.cfg', 'pyproject.toml', 'mmdesra/version.py'):
        (root / name).write_text(f'{name}\n')
    python = root / 'fake-python'
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    return root


def set_up(root: Path, *lists: str, **environment: str) -> tuple[int, str, list[str]]:
    """Runs the script; returns its exit code, what it printed, and what Python was asked to do."""
    calls = root / 'calls'
    calls.write_text('')
    environment = {**os.environ, 'PYTHON': str(root / 'fake-python'), 'CALLS': str(calls),
                   'PIP_ARGS': '', **environment}
    done = subprocess.run(
        ['bash', 'tools/project/setup_env.sh', *lists], cwd=root, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
    return done.returncode, done.stdout, calls.read_text().splitlines()


def steps(printed: str) -> list[str]:
    """The numbers of the steps that ran."""
    return [line[1] for line in printed.splitlines() if line.startswith('[')]


def test_second_run_asks_python_nothing(checkout):
    code, printed, calls = set_up(checkout, 'tests', PIP_ARGS='--find-links wheels')
    assert (code, steps(printed)) == (0, ['1', '2', '3', '4'])
    installs = [call for call in calls if call.startswith('-m pip install')]
    assert len(installs) == 3
    assert all('--find-links wheels' in call for call in installs)
    assert '--no-deps' not in installs[0] and '-r requirements/torch.txt' in installs[0]
    assert '--no-deps -r requirements/runtime.txt -r requirements/tests.txt' in installs[1]
    assert installs[2].endswith('--no-deps --no-build-isolation --editable .')
    assert set_up(checkout, 'tests') == (0, '', [])


def test_changed_list_is_installed_again_and_another_list_added(checkout):
    set_up(checkout, 'tests')
    (checkout / 'requirements' / 'tests.txt').write_text('new\n')
    assert steps(set_up(checkout, 'tests')[1]) == ['3']
    assert steps(set_up(checkout, 'demo')[1]) == ['3']
    assert set_up(checkout, 'tests') == set_up(checkout, 'demo') == (0, '', [])


def test_failed_step_is_named_and_taken_up_again(checkout):
    code, printed, _ = set_up(checkout, FAIL_ON='-c requirements')
    assert code == 1
    assert steps(printed) == ['1', '2']
    assert 'Set-up failed in step [2/4] PyTorch' in printed
    assert 'no space left' in printed
    code, printed, _ = set_up(checkout)
    assert (code, steps(printed)) == (0, ['2', '3', '4'])


def test_deleted_or_moved_environment_is_made_again(checkout):
    set_up(checkout)
    shutil.rmtree(checkout / '.venv' / 'bin')
    assert steps(set_up(checkout)[1]) == ['1', '2', '3', '4']
    moved = checkout.rename(checkout.with_name('moved'))
    assert steps(set_up(moved)[1]) == ['1', '2', '3', '4']


def test_wrong_python_is_an_error_that_says_what_to_set(checkout):
    code, printed, _ = set_up(checkout, PYTHON='/no/such/python')
    assert code == 1
    assert 'Expected Python 3.11' in printed
    assert 'PYTHON=/path/to/python3.11' in printed


def test_unknown_list_is_an_error(checkout):
    code, printed, calls = set_up(checkout, 'nonsense')
    assert (code, calls) == (1, [])
    assert 'Expected requirements/nonsense.txt' in printed
