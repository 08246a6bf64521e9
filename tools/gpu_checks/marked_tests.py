"""The tests that need a GPU, by pytest."""
from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from .part import Part, Settings

TESTS = Path(__file__).parents[2] / 'tests' / 'test_cuda'
SUMMARY = re.compile(r'(\d+) (passed|failed|skipped|error)')


def run(part: Part, settings: Settings) -> None:
    """Run them in a process of their own, and count."""
    if not TESTS.is_dir() or importlib.util.find_spec('pytest') is None:
        missing = f'{TESTS} is not there' if not TESTS.is_dir() else 'pytest is not installed'
        part.expect(False, f'the marked tests did not run: {missing}')
        return
    environment = dict(os.environ, MMDESRA_TEST_DEVICE=settings.device.type)
    command = [sys.executable, '-W', 'ignore', '-m', 'pytest', '-q', '-m', 'cuda', '-rfE',
               '--tb=short', '-p', 'no:cacheprovider', '-c', str(TESTS / 'pytest.ini'),
               '--rootdir', str(TESTS.parent), str(TESTS)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True,
                          timeout=settings.seconds_left(), check=False,
                          cwd=settings.scratch)
    lines = done.stdout.strip().splitlines() or ['']
    counts = {word: int(number) for number, word in SUMMARY.findall(lines[-1])}
    part.row('Marked tests', **{word: counts.get(word, 0)
                                for word in ('passed', 'failed', 'error', 'skipped')})
    if done.returncode:
        told = [line for line in lines if line.startswith(('FAILED', 'ERROR', 'E  '))]
        part.failures += told or [*lines[-5:], *done.stderr.strip().splitlines()[-5:]]
    part.expect(counts.get('passed', 0) > 0, f'no test passed: {lines[-1]}')
