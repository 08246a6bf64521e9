"""The command-line options of commands that train: the config, its overrides, the work dir."""
from __future__ import annotations

import argparse
import difflib
import inspect
import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from ..engine.amp import use_amp
from ..engine.inherit import check_training_config
from ..files.configs import import_custom_modules, import_types, merge_options, read_config
from .command_line import KeyValues

logger = logging.getLogger('mmdesra')

NAMES = {'activation_checkpointing', 'auto_scale_lr', 'compile', 'custom_imports',
         'efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg', 'scale',
         'sync_bn', *inspect.signature(Runner).parameters}
"""The top-level settings of a config that mmengine or this package reads."""


def add_run_options(parser: argparse.ArgumentParser, work_dir_help: str,
                    cfg_options_example: str) -> None:
    """Add the options that every training has."""
    parser.add_argument('--work-dir', metavar='DIR', help=work_dir_help)
    parser.add_argument('--resume', action='store_true',
                        help='continue from the latest checkpoint in the work dir')
    parser.add_argument('--amp', action='store_true', help='mixed precision: float16 on a GPU, '
                        'where it saves time and memory; bfloat16 on the CPU, to try it out')
    parser.add_argument('--print-config', action='store_true',
                        help='print the whole config that would be trained, and stop')
    parser.add_argument('--cfg-options', nargs='+', action=KeyValues, metavar='KEY=VALUE',
                        help=f'override settings of the config, e.g. {cfg_options_example}')


def training_config_from(args: argparse.Namespace, work_dir_prefix: str = '') -> Config:
    """Read ``args.config`` with what the options of :func:`add_run_options` say.

    Args:
        args (argparse.Namespace): These options, and ``config``.
        work_dir_prefix (str): Prefix of the default work dir's name, ``work_dirs/PREFIXCONFIG``.

    Raises:
        InputError: If the config cannot be read, has no place for one of ``--cfg-options``, or
            has optimisers that cannot train in mixed precision (``--amp``).
    """
    config, given = read_config(args.config), args.cfg_options or {}
    _warn_of_new_names(config, given)
    merge_options(config, given)
    if any(name.startswith('custom_imports') for name in given):
        import_custom_modules(config, args.config)
    import_types(config, args.config)
    check_training_config(config)
    config.work_dir = args.work_dir or given.get(
        'work_dir', f'work_dirs/{work_dir_prefix}{Path(args.config).stem}')
    config.resume = args.resume or given.get('resume', False)
    return use_amp(config) if args.amp else config


def _warn_of_new_names(config: Config, options: dict) -> None:
    """Warn of options that neither the config nor mmengine knows: probably they are misspelt."""
    for option, value in options.items():
        name = option.partition('.')[0]
        if name not in config and name not in NAMES:
            near = difflib.get_close_matches(name, {*config, *NAMES}, 1)
            logger.warning('--cfg-options %s=%s: the config has no %s%s; it is added, but nothing '
                           'reads it', option, value, name,
                           f' (did you mean {near[0]}?)' if near else '')
