"""How soon tools/detect.py answers: what it imports before it knows what to do."""
from __future__ import annotations

import json
import subprocess
import sys

from command_lines import PATIENCE, TOOLS, environment

HEAVY = ('mmagic', 'mmseg', 'mmcv.ops', 'torchvision', 'diffusers', 'transformers', 'spandrel',
         'albumentations', 'lpips', 'numba', 'llvmlite', 'matplotlib', 'pandas', 'skimage',
         'sklearn', 'scipy.stats', 'scipy.signal', 'tensorboard', 'h5py',
         'torch.distributed.optim')
SECONDS = 2
"""Of processor time, beyond PyTorch's own import."""

SCRIPT = """
import json, runpy, sys, time
import torch
start = time.process_time()
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit as end:
    code = end.code
print(json.dumps(dict(code=code, seconds=time.process_time() - start, modules=list(sys.modules))))
"""


def test_help_comes_at_once():
    process = subprocess.run([sys.executable, '-c', SCRIPT, str(TOOLS / 'detect.py'), '--help'],
                             env=environment(), capture_output=True, text=True, timeout=PATIENCE,
                             check=True)
    said, found = process.stdout.rstrip().rsplit('\n', 1)
    found = json.loads(found)
    assert said.startswith('usage: ') and found['code'] == 0
    assert not [name for name in HEAVY if name in found['modules']]
    assert found['seconds'] < SECONDS
