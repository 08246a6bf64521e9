"""Train an MSE-trained sibling for a GAN-SR model that was published without one.

The detector compares a GAN-SR image with the image of a sibling that was trained by a pixel loss
only. This command trains such a sibling: the same generator, started from the GAN-trained weights,
with the pixel loss of its config, on photographs of any size:

  mmdesra make-mse-partner mmdesra::desra/desra_realesrgan_c64b23g32_1xb12-lr1e-4-1k.py \\
      --gan-checkpoint x4plus.pth --gt-dir photos --patch-size 128 --batch-size 2 --out partner.pth

Take photographs like those that the model is to enlarge. They are cut into tiles, in the work dir.
Some are held out: when the loss on these no longer falls, the training ends. The partner lies
between the weights at the start and those with the lowest loss (--loss-gain-kept).
WORK_DIR/heldout_loss.csv and .png show the curve. Without --gt-dir the config's own training data
are used, for --max-iters iterations.

The partner is a checkpoint of the generator for --mse-checkpoint of every command. Stop at any
moment and continue with --resume; the result is the same. How good it is: docs/mse_partner.md.
Exit code: 0 = done, 1 = done, but some photographs were skipped (they are named), 2 = an error,
3 = no iteration was better than the weights at the start, and no partner was written.
"""
from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from mmengine.config import Config
from tqdm import tqdm

from ..apis import command_line as cli
from ..apis.training_options import add_run_options, training_config_from
from ..datasets.degradations import DEGRADATIONS
from ..engine.heldout_stop import LEAST_ITERS, PATIENCE
from ..engine.mse_partner import DEFAULT_ITERS, inherit_mse_partner
from ..engine.partner_passes import in_passes
from ..engine.partner_progress import PartnerProgress, PartnerResult
from ..engine.partner_strength import of_the_way
from ..engine.partner_training import CHECK_INTERVAL, HELDOUT_SHARE, make_mse_partner
from ..errors import InputError
from ..files.configs import config_diff, read_config
from ..generators.build import SPANDREL

EXIT_NO_PARTNER = 3


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('config', help='the training config of the GAN-SR model: a file, or a '
                        'name such as mmagic::real_esrgan/...')
    parser.add_argument('--gan-checkpoint', required=True, metavar='FILE',
                        help='weights of the GAN-trained generator, to start from')
    parser.add_argument('--generator', choices=['spandrel'], help="instead of the config's "
                        'generator: the network that spandrel recognises in --gan-checkpoint')
    parser.add_argument('--out', required=True, type=Path, metavar='FILE',
                        help="the file to write the partner's weights to (.pth)")
    parser.add_argument('--overwrite', action='store_true', help='replace --out if it is there')
    cli.add_recursive_option(parser)
    data = parser.add_argument_group('photographs')
    data.add_argument('--gt-dir', nargs='+', metavar='PATH',
                      help='photographs to train on, as ground truths: a folder, a pattern in '
                      "quotes, or several (default: the config's own data)")
    data.add_argument('--patch-size', type=int, metavar='N', help='side of the patches in px of '
                      "the photograph (default: the config's, else 128); smaller photographs are "
                      'left out')
    data.add_argument('--degradation', choices=tuple(DEGRADATIONS), help='how LR images are '
                      'made of photographs: bicubic reduction, or the degradations of Real-ESRGAN '
                      "(default: the config's own if it makes LR images itself, else bicubic)")
    data.add_argument('--scale', type=int, metavar='N', help="the generator's factor from LR to "
                      'SR, if the config says it wrongly (default: it is measured)')
    data.add_argument('--heldout-share', type=float, default=HELDOUT_SHARE, metavar='S',
                      help='share of the photographs that is held out, chosen by their names; '
                      'with 0 the training takes --max-iters iterations (default: %(default)s)')
    data.add_argument('--seed', type=int, default=0, metavar='N',
                      help='which patches are drawn, and how they are degraded (default: '
                      '%(default)s)')
    length = parser.add_argument_group('length')
    length.add_argument('--max-iters', type=int, default=DEFAULT_ITERS, metavar='N',
                        help='the most iterations of training (default: %(default)s)')
    length.add_argument('--least-iters', type=int, default=LEAST_ITERS, metavar='N',
                        help='the fewest iterations of training (default: %(default)s)')
    length.add_argument('--check-interval', type=int, default=CHECK_INTERVAL, metavar='N',
                        help='measure the held-out loss every N iterations (default: '
                        '%(default)s)')
    length.add_argument('--patience', type=int, default=PATIENCE, metavar='N',
                        help='end after N measurements without an improvement (default: '
                        '%(default)s)')
    length.add_argument('--loss-gain-kept', type=float, metavar='S',
                        help='the partner is a part of the way from the weights at the start to '
                        'those that were trained: as little as keeps this share of the fall of '
                        'the held-out loss (default: 1 for bicubic reductions, else 0.9)')
    parser.add_argument('--passes', type=int, metavar='N', help='in how many passes '
                        'the partner is asked for an image, of which the mean is taken: the four '
                        'turns, then those mirrored, from 1 to 8 (default: 1 for bicubic '
                        "reductions and the config's own data, else 4)")
    parser.add_argument('--batch-size', type=int, metavar='N',
                        help="patches in each iteration (default: the config's)")
    add_run_options(parser, 'where logs, tiles and checkpoints go (default: '
                    'work_dirs/mse_partner_CONFIG_NAME)',
                    'optim_wrapper.generator.optimizer.lr=2e-4')
    return parser.parse_args()


def load(args: argparse.Namespace) -> Config:
    """Read the config and apply the options."""
    config = training_config_from(args, 'mse_partner_')
    if args.generator:
        config.model.generator = dict(type=SPANDREL, checkpoint=args.gan_checkpoint)
        config.pop('scale', None)  # it belongs to the config's own generator
    if args.batch_size is not None:
        if args.batch_size < 1:
            raise InputError(f'expected a batch size of at least 1, got {args.batch_size}')
        config.train_dataloader.batch_size = args.batch_size
    return config


def data_options(args: argparse.Namespace) -> dict:
    return dict(photographs=args.gt_dir, max_iters=args.max_iters, scale=args.scale,
                recursive=args.recursive, patch_size=args.patch_size,
                degradation=args.degradation, heldout_share=args.heldout_share,
                seed=args.seed)


class Bar:
    """The progress bar of the training, with the held-out loss."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __call__(self, progress: PartnerProgress) -> None:
        if self._bar is None:
            print(estimate(progress), flush=True)
            self._bar = tqdm(total=progress.max_iters, initial=progress.iteration,
                             desc='partner', unit='iteration')
        self._bar.update(progress.iteration - self._bar.n)
        if progress.losses:
            last, start = progress.losses[-1].loss, progress.losses[0].loss
            self._bar.set_postfix_str(f'held-out loss {last / start:.1%} of the start',
                                      refresh=False)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def estimate(progress: PartnerProgress) -> str:
    left = progress.max_iters - progress.iteration
    until = '; it ends when the held-out loss falls no more' if progress.losses else ''
    size = f', patches of {progress.patch_size} px' if progress.patch_size else ''
    return (f'{progress.seconds_per_iteration:.2f} s an iteration here (batches of '
            f'{progress.batch_size}{size}): at most {progress.seconds_left / 60:.1f} minutes for '
            f'{left} iterations{until}')


def told(result: PartnerResult, out: Path, work_dir: str) -> str:
    if result.before is None or result.after is None:
        return f'{out}: the MSE-trained partner, after {result.done} iterations'
    loss = f'{result.before:.5f} -> {result.after:.5f}'
    if result.path is None:
        return (f'no partner: in {result.done} iterations the loss on {result.heldout} held-out '
                f'photographs was never lower than at the start ({loss} at best, iteration '
                f'{result.iteration}); {out} is not written. {work_dir}/heldout_loss.png shows '
                'it. More photographs, larger batches (--batch-size), another learning rate, or '
                'the degradation that the model was trained on (--degradation) may help')
    which = (f'iteration {result.iteration} of {result.done}{of_the_way(result.strength)}'
             f'{in_passes(result.passes)}')
    return (f'{out}: the MSE-trained partner, {which}; loss on {result.heldout} held-out '
            f'photographs {loss} ({result.after / result.before - 1:+.1%}); '
            f'{result.photographs} were trained on')


def main() -> int:
    args = parse_args()
    config = load(args)
    if args.print_config:
        print(inherit_mse_partner(config, args.gan_checkpoint, **data_options(args)).pretty_text)
        return 0
    with closing(Bar()) as bar:
        result = make_mse_partner(
            config, args.gan_checkpoint, args.out, **data_options(args), overwrite=args.overwrite,
            check_interval=args.check_interval, patience=args.patience,
            least_iters=args.least_iters, loss_gain_kept=args.loss_gain_kept,
            passes=args.passes, report=bar)
    print(config_diff(read_config(args.config), config))
    print(told(result, args.out, config.work_dir))
    for reason in result.skipped:
        print(f'skipped: {reason}')
    if result.path is None:
        return EXIT_NO_PARTNER
    return cli.EXIT_SKIPPED if result.skipped else 0
