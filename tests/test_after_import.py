"""When mmengine's Runner is seen to: as soon as it is there, and not before."""
from __future__ import annotations

import subprocess
import sys

import pytest
from command_lines import PATIENCE, environment

WATCHED = """
from mmengine.runner import CheckpointLoader, Runner
from mmdesra.engine.safe_runs import IS_OURS
loader = CheckpointLoader._get_checkpoint_loader('weights.pth')
assert hasattr(loader, IS_OURS), loader
assert loader.__name__ == 'load_from_local'
assert Runner.train.__wrapped__.__name__ == 'train' and Runner.__init__.__wrapped__
assert not hasattr(Runner.train.__wrapped__, '__wrapped__')
"""


@pytest.mark.parametrize('program', [
    """import mmdesra, sys
assert 'mmengine.runner' not in sys.modules
import importlib
importlib.reload(mmdesra)""",
    """import mmengine.runner, sys, mmdesra
for name in [name for name in sys.modules if name.startswith('mmdesra')]:
    del sys.modules[name]
import mmdesra"""], ids=['before', 'after'])
def test_the_runner_is_seen_to_once(program):
    done = subprocess.run([sys.executable, '-c', program + WATCHED], env=environment(),
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
