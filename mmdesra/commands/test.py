"""Evaluate a generator's checkpoint with the data and the metrics that its config names.

  mmdesra test mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py \\
      work_dirs/desra/iter_1000.pth --out metrics.json
  mmdesra test my_config.py iter_1000.pth \\
      --cfg-options test_dataloader.dataset.data_root=data/Set5

This replaces the test script of MMagic; `mim test mmdesra` runs it. CHECKPOINT may come from a
training run or elsewhere; it must hold all weights of the config's generator. To find and measure
artifacts you need no config: see `mmdesra detect` and `mmdesra evaluate-masks`.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..apis import command_line as cli
from ..apis.launch import add_process_options, default_launcher, in_processes
from ..engine.config_faults import config_faults
from ..engine.finetune_hook import DeSRAFinetuneHook
from ..engine.inherit import is_hook
from ..engine.process_group import LAUNCHERS, end_process_group, join_process_group
from ..engine.start_hook import StartGeneratorHook
from ..engine.start_weights import leave_out_pretrained, start_generator
from ..errors import InputError
from ..files import make_output_folder
from ..files.configs import import_types, merge_options, read_config
from ..files.tables import write_json
from ..generators.wrappers import unwrap

NEEDED = 'test_dataloader', 'test_evaluator', 'test_cfg'


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('config', help='a config file, or a name such as mmagic::srgan_resnet/...')
    parser.add_argument('checkpoint', help='weights of the generator')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write the metrics as JSON')
    parser.add_argument('--work-dir', metavar='DIR',
                        help='where the log goes (default: work_dirs/test_CONFIG_NAME)')
    parser.add_argument('--cfg-options', nargs='+', action=cli.KeyValues, metavar='KEY=VALUE',
                        help='override settings of the config')
    add_process_options(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default=default_launcher(),
                        help='who started this process, one of several (default: pytorch under '
                        'torchrun, else none)')
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def load(args: argparse.Namespace) -> Config:
    """Read the config.

    Raises:
        InputError: If it cannot be read, or does not say how to test.
    """
    config = read_config(args.config)
    merge_options(config, args.cfg_options or {})
    import_types(config, args.config)
    missing = [name for name in NEEDED if not config.get(name)]
    if missing:
        raise InputError(f'{args.config}: expected a config that says how to test, but it has no '
                         f'{", ".join(missing)}')
    config.work_dir = args.work_dir or f'work_dirs/test_{Path(args.config).stem}'
    # mmengine loads a checkpoint without an error if no name fits, and would test random weights.
    config.load_from, config.resume = None, False
    config.custom_hooks = [
        hook for hook in config.get('custom_hooks') or ()
        if not any(is_hook(hook, one.__name__) for one in (DeSRAFinetuneHook, StartGeneratorHook))]
    return config


def main() -> int:
    args = parse_args()
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return in_processes('test', args, test)


def test(args: argparse.Namespace) -> int:
    config = load(args)
    if args.out is not None:
        make_output_folder(args.out.parent)
    kept = KeepMetrics()
    with config_faults(config):
        join_process_group(config, args.launcher)
        runner = Runner.from_cfg(config)
        leave_out_pretrained(runner.model, runner.logger)
        start_generator(unwrap(runner.model), args.checkpoint, runner.logger)
        runner.register_hook(kept, 'LOWEST')
        runner.test()
    if is_main_process():
        for name, value in kept.metrics.items():
            print(f'{name}: {value:.6g}' if isinstance(value, float) else f'{name}: {value}')
        if args.out is not None:
            write_json(args.out, kept.metrics)
    del runner
    end_process_group()
    return 0


class KeepMetrics(Hook):
    """Keeps the metrics of a test: MMagic's loop over several test sets does not return them."""

    def __init__(self) -> None:
        self.metrics: dict[str, Any] = {}

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Take the metrics of all test sets."""
        self.metrics.update(metrics or {})
