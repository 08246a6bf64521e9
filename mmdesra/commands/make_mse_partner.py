"""Make the MSE-trained sibling of a GAN-SR model that was published without one.

The detector compares a GAN-SR image with that of a sibling trained by a pixel loss alone. This
trains one: the same generator, started from the GAN-trained weights, by the pixel loss of its
config. On the config's own training data:

  mmdesra make-mse-partner mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py \\
      --gan-checkpoint srgan.pth --out srgan_mse.pth

or, where those are not at hand, on a folder of photographs (cut large ones into tiles first, each
is read whole for one patch):

  mmdesra make-mse-partner CONFIG --gan-checkpoint F --gt-dir photos --out partner.pth

The partner is a checkpoint of the generator that every tool here reads (--mse-checkpoint). Stop at
any moment, go on with --resume. How good it is: docs/mse_partner.md.
Exit code: 0 = done, 1 = done, but some photographs were skipped (they are named), 2 = an error.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from ..apis import command_line as cli
from ..apis.training_options import add_run_options, training_config_from
from ..engine.config_faults import config_faults
from ..engine.mse_partner import DEFAULT_ITERS, inherit_mse_partner, write_partner
from ..engine.work_dir import work_in
from ..errors import InputError
from ..files.atomic import make_output_folder
from ..files.configs import config_diff, read_config
from ..files.folder_lock import held_folder
from ..generators import read_checkpoint
from ..generators.checkpoint import local_checkpoint


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('config', help='the training config of the GAN-SR model: a file, or a '
                        'name such as mmagic::real_esrgan/...')
    parser.add_argument('--gan-checkpoint', required=True, metavar='FILE',
                        help='weights of the GAN-trained generator, to start from')
    parser.add_argument('--out', required=True, type=Path, metavar='FILE',
                        help="the partner's weights, to write (.pth)")
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it is there')
    cli.add_recursive_option(parser)
    parser.add_argument('--gt-dir', metavar='DIR',
                        help='photographs to train on, a folder or a pattern in quotes (default: '
                        "the config's own data). A config "
                        'that makes LR images itself makes them from these; otherwise they are '
                        'reduced bicubically')
    parser.add_argument('--scale', type=int, metavar='N',
                        help='factor of the bicubic reduction, if the config does not say')
    parser.add_argument('--max-iters', type=int, default=DEFAULT_ITERS, metavar='N',
                        help='iterations of training (default: %(default)s)')
    add_run_options(parser, 'where logs and checkpoints go (default: '
                    'work_dirs/mse_partner_CONFIG_NAME)', 'train_dataloader.batch_size=8 '
                    'optim_wrapper.generator.optimizer.lr=2e-4')
    return parser.parse_args()


def load(args: argparse.Namespace) -> Config:
    config = training_config_from(args, 'mse_partner_')
    return inherit_mse_partner(config, args.gan_checkpoint, args.gt_dir, args.max_iters,
                               args.scale, args.recursive)


def check_files(args: argparse.Namespace) -> None:
    """Find now what would otherwise be found after hours."""
    read_checkpoint(args.gan_checkpoint)
    if args.out.is_dir():
        raise InputError(f'{args.out}: is a folder; name a file to write')
    if args.out.exists() and not args.overwrite:
        raise InputError(f'{args.out}: is there already; it is replaced only with --overwrite')
    if args.out.exists() and args.out.samefile(local_checkpoint(args.gan_checkpoint)):
        raise InputError(f'{args.out}: is the checkpoint to start from; name another to write')
    make_output_folder(args.out.parent)


def main() -> int:
    args = parse_args()
    config = load(args)
    if args.print_config:
        print(config.pretty_text)
        return 0
    check_files(args)
    with held_folder(config.work_dir), work_in(config.work_dir), config_faults(config):
        print(config_diff(read_config(args.config), config))
        runner = Runner.from_cfg(config)
        runner.train()
        write_partner(runner.model, args.out)
    print(f'{args.out}: the MSE-trained partner, after {runner.iter} iterations')
    skipped = getattr(runner.train_dataloader.dataset, 'skipped', ())
    for reason in skipped:
        print(f'skipped: {reason}')
    return cli.EXIT_SKIPPED if skipped else 0
