"""How soon tools/detect.py answers: what it imports before it knows what to do."""
from __future__ import annotations

import json
import subprocess
import sys

import pytest
from command_lines import PATIENCE, TOOLS, environment
from start_figures import check_start

HEAVY = ('mmagic', 'mmseg', 'mmcv.ops', 'torchvision', 'diffusers', 'transformers', 'spandrel',
         'albumentations', 'lpips', 'numba', 'llvmlite', 'matplotlib', 'pandas', 'skimage',
         'sklearn', 'scipy.stats', 'scipy.signal', 'tensorboard', 'h5py',
         'torch.distributed.optim')
SCRIPT = """
import json, runpy, sys, time
start = time.process_time()
import torch
torch_seconds, start = time.process_time() - start, time.process_time()
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as end:
    code = end.code
print(json.dumps(dict(code=code, seconds=[time.process_time() - start, torch_seconds],
                      modules=list(sys.modules))))
"""


def ask_for_help() -> tuple[float, float]:
    process = subprocess.run([sys.executable, '-c', SCRIPT, str(TOOLS / 'detect.py'), '--help'],
                             env=environment(), capture_output=True, text=True, timeout=PATIENCE,
                             check=True)
    said, found = process.stdout.rstrip().rsplit('\n', 1)
    found = json.loads(found)
    assert said.startswith('usage: ') and found['code'] == 0
    assert not [name for name in HEAVY if name in found['modules']]
    return tuple(found['seconds'])


def test_help_comes_as_soon_as_in_the_last_release():
    check_start('detect.py --help', ask_for_help)


def test_a_dearer_start_is_seen():
    seconds = iter([.95, .92, .91])
    with pytest.raises(AssertionError, match=r'0\.91 of .*in release .* it was 0\.50'):
        check_start('detect.py --help', lambda: (next(seconds), 1.))
    seconds = iter([.95, .6, None])  # the first wrote byte code
    check_start('detect.py --help', lambda: (next(seconds), 1.))
