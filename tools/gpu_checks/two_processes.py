"""Two processes that train together on one GPU."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .finetuning import make_config
from .part import Part, Settings

FOLDER = 'two_processes'


def run(part: Part, settings: Settings) -> None:
    """Start them under torchrun; in the end both must have the same weights."""
    folder = settings.scratch / FOLDER
    small = Settings(settings.device, True, folder, None, settings.deadline)
    config = make_config(small, folder)
    config.dump(folder / 'config.py')
    part.notes.append('Small networks: it is tried, not measured. Processes that share a GPU meet '
                      'by way of the CPU (gloo); NCCL would refuse.')
    environment = dict(os.environ, OMP_NUM_THREADS=os.environ.get('OMP_NUM_THREADS', '1'))
    command = [sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run', '--standalone',
               '--nproc_per_node', '2', str(Path(__file__).parents[1] / 'check_gpu.py'),
               '--device', settings.device.type, '--join', str(folder)]
    done = subprocess.run(command, env=environment, text=True, timeout=settings.seconds_left(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        told = [line for line in done.stdout.splitlines() if line.strip()]
        first = next((place for place, line in enumerate(told) if 'Error' in line), len(told))
        part.failures.append('\n'.join(told[max(first - 8, 0):first + 4]))
        return
    found = [json.loads((folder / f'rank{rank}.json').read_text()) for rank in range(2)]
    for rank, one in enumerate(found):
        part.row('Two processes', process=rank, device=one['device'], backend=one['backend'],
                 iterations=one['iterations'], weights_sha256=one['weights'][:12],
                 peak_mib=one['peak_mib'])
    part.expect(found[0]['weights'] == found[1]['weights'],
                'the weights of the two processes differ')
    part.expect(all(one['device'].startswith(settings.device.type) for one in found),
                f'expected both to train on {settings.device.type}')


def join(folder: Path) -> int:
    """Be one of the two."""
    import torch
    from harness.clock import MIB
    from mmengine.config import Config
    from mmengine.runner import Runner
    from torch import distributed

    from mmdesra.engine.process_group import end_process_group, join_process_group
    from mmdesra.generators.checkpoint import fingerprint
    from mmdesra.generators.wrappers import generator_of
    config = Config.fromfile(folder / 'config.py')
    join_process_group(config, 'pytorch')
    runner = Runner.from_cfg(config)
    runner.train()
    generator = generator_of(runner.model)
    device = next(generator.parameters()).device
    (folder / f'rank{distributed.get_rank()}.json').write_text(json.dumps(dict(
        device=str(device), backend=str(distributed.get_backend()), iterations=runner.iter,
        weights=fingerprint(generator),
        peak_mib=torch.cuda.max_memory_allocated() / MIB if device.type == 'cuda' else None)))
    del runner, generator
    end_process_group()
    return 0
