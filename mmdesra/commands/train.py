"""Fine-tune a GAN-SR model so that it stops inventing artifacts (DeSRA).

Give the config of the model, LR photographs like those it is meant for, and two checkpoints of its
generator: the GAN-trained and the MSE-trained one. First pseudo GTs are made, in
WORK_DIR/pseudo_gt; then the generator is fine-tuned on them:

  mmdesra train mmdesra::desra/desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py \\
      --lq-dir photos --gan-checkpoint srgan_gan.pth --mse-checkpoint srgan_mse.pth \\
      --heldout-lq-dir photos_not_trained_on --work-dir work_dirs/desra

The fine-tuned weights are WORK_DIR/iter_N.pth; every command here reads them. With
--heldout-lq-dir, removal rate, addition rate and detail kept are measured on photographs that were
not trained on: WORK_DIR/before_after.html shows them, WORK_DIR/heldout has figures and pictures.
To measure every N iterations, give --cfg-options train_cfg.val_interval=N.

Stop at any moment and continue with --resume. To train in N processes on this machine, one on each
GPU or sharing the CPU, give --nproc N.
"""
from __future__ import annotations

import argparse
import os
import time
from functools import partial

from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.runner import Runner

from ..apis import command_line as cli
from ..apis.detector_options import add_label_offset, check_segmentor_options
from ..apis.launch import add_process_options, default_launcher, in_processes
from ..apis.perceptual_options import add_perceptual_options, perceptual_from
from ..apis.run_page import write_run_page
from ..apis.training_options import add_run_options, training_config_from
from ..engine.config_faults import config_faults
from ..engine.hook_paths import check_paths
from ..engine.hook_settings import STOPS
from ..engine.inherit import find_hook, inherit_desra
from ..engine.little_memory import too_little_memory
from ..engine.process_group import LAUNCHERS, end_process_group, join_process_group
from ..engine.work_dir import hold_work_dir, work_in
from ..files.configs import config_diff, merge_options, read_config


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('config', help='a config file, or a name such as mmagic::srgan_resnet/...')
    add_run_options(parser, 'where all files are written (default: work_dirs/CONFIG_NAME)',
                    'train_cfg.max_iters=100')
    parser.add_argument('--max-iters', type=int, metavar='N', help='iterations of fine-tuning '
                        '(default: as in a DeSRA config, 1000 for any other)')
    parser.add_argument('--stop', choices=STOPS, help='which weights to keep: those after all '
                        'iterations (default); or, among the validated ones that remove 90%% of '
                        'the held-out regions and add none, those that keep the most detail '
                        '(knee) or those nearest to the ground truths of --heldout-gt-dir '
                        '(truth), in WORK_DIR/knee.pth')
    parser.add_argument('--rounds', type=int, metavar='N', help='divide the iterations into N '
                        'rounds; before each further one, pseudo GTs are made again with the '
                        'generator as fine-tuned so far (default: 1); WORK_DIR/rounds.json has '
                        'figures')
    parser.add_argument('--original-share', type=float, metavar='S', help='share of each batch, '
                        "in [0, 1), that comes from the config's own training data, which must "
                        'exist (--cfg-options train_dataloader.dataset.data_root=DIR); the rest '
                        'are pseudo GTs (default: 0)')
    parser.add_argument('--truth-share', type=float, metavar='S', help='share of each batch, in '
                        '[0, 1), that is made of photographs and their own reductions: the '
                        'photograph is the ground truth. They are those of --truth-dir, else of '
                        '--lq-dir (default: 0)')
    parser.add_argument('--hook-options', nargs='+', action=cli.KeyValues, metavar='KEY=VALUE',
                        help='arguments of DeSRAFinetuneHook, e.g. detector.min_area=1000 '
                        'gt_patch_size=128 tile=256')
    add_process_options(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default=default_launcher(),
                        help='who started this process, one of several (default: pytorch under '
                        'torchrun, else none)')
    # Launchers older than torchrun give the rank on the command line.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)
    cli.add_recursive_option(parser)
    files = parser.add_argument_group('images and weights (default: those of the config)')
    files.add_argument('--lq-dir', nargs='+', metavar='PATH', help='LR images to make pseudo GTs '
                       "from: a folder, a file, a pattern in quotes ('photos/**/*.jpg'), or "
                       'several')
    files.add_argument('--heldout-lq-dir', nargs='+', metavar='PATH', help='LR images to measure '
                       'with, which are not trained on; given like --lq-dir')
    files.add_argument('--heldout-gt-dir', metavar='DIR', help='ground truths of the images in '
                       '--heldout-lq-dir, matched by file stem: adds PSNR, SSIM, and the distance '
                       'to the truth inside and outside the artifacts')
    add_perceptual_options(files)
    files.add_argument('--labels-dir', metavar='DIR', help='label maps for the semantic step')
    add_label_offset(files)
    files.add_argument('--segmentor', metavar='NAME_OR_CONFIG', help='instead of '
                       "--labels-dir: a segmenter, segformer-b5 (the paper's) or an mmseg config")
    files.add_argument('--segmentor-checkpoint', metavar='FILE',
                       help="the segmenter's weights (default: downloaded from where mmseg "
                       'publishes them)')
    files.add_argument('--pseudo-gt-dir', metavar='DIR',
                       help='the folder of pseudo GTs, to read or to make (default: '
                       'WORK_DIR/pseudo_gt)')
    files.add_argument('--truth-dir', nargs='+', metavar='PATH', help='photographs for '
                       '--truth-share (default: those of --lq-dir)')
    files.add_argument('--vgg16-weights', metavar='FILE', help="torchvision's vgg16, trained on "
                       'ImageNet: adds a perceptual loss for the photographs of --truth-share')
    files.add_argument('--gan-checkpoint', metavar='FILE', help='weights to start from')
    files.add_argument('--mse-checkpoint', metavar='FILE',
                       help='weights of the MSE-trained sibling')
    cli.add_reference_options(files)
    files.add_argument('--discriminator-checkpoint', metavar='FILE',
                       help='weights of the discriminator (default: none, and no adversarial '
                       'loss)')
    return parser.parse_args()


def load(args: argparse.Namespace) -> Config:
    config = training_config_from(args)
    options = dict(
        lq_dir=one_or_several(args.lq_dir), heldout_lq_dir=one_or_several(args.heldout_lq_dir),
        heldout_gt_dir=args.heldout_gt_dir, perceptual=perceptual_from(args),
        labels_dir=args.labels_dir, label_offset=args.label_offset,
        recursive=args.recursive or None,
        segmentor=segmentor_of(args), pseudo_gt_dir=args.pseudo_gt_dir,
        gan_checkpoint=args.gan_checkpoint, mse_checkpoint=args.mse_checkpoint,
        discriminator_checkpoint=args.discriminator_checkpoint, reference=cli.reference_from(args),
        original_share=args.original_share, truth_share=args.truth_share,
        truth_dir=one_or_several(args.truth_dir), rounds=args.rounds, stop=args.stop)
    given = dict(args.hook_options or {})
    if args.vgg16_weights:
        given['truth_loss.vgg16_weights'] = args.vgg16_weights
    options.update(hook_options(config, given))
    without = [name for name in options if is_none(args, name)]
    return inherit_desra(config, iterations_of(args), without, **options)


def is_none(args: argparse.Namespace, name: str) -> bool:
    """Whether the options set an argument of the hook to None."""
    return name in (args.hook_options or {}) and args.hook_options[name] is None


def one_or_several(paths: list[str] | None) -> str | list[str] | None:
    return paths[0] if paths and len(paths) == 1 else paths


def iterations_of(args: argparse.Namespace) -> int | None:
    given = (args.cfg_options or {}).get('train_cfg.max_iters')
    return given if args.max_iters is None else args.max_iters


def hook_options(config: Config, options: dict) -> dict:
    """Merge dotted options into the hook's arguments, as ``--cfg-options`` does for configs."""
    hook = Config(dict(find_hook(config) or {}))
    if any(key.startswith('detector.') for key in options):
        hook.setdefault('detector', dict(type='DeSRA'))
    if any(key.startswith('truth_loss.') for key in options):
        hook.setdefault('truth_loss', {})
    merge_options(hook, options, '--hook-options')
    names = {key.partition('.')[0] for key in options}
    return {name: hook[name] for name in names}


def segmentor_of(args: argparse.Namespace) -> dict | None:
    check_segmentor_options(args)
    if not args.segmentor:
        return None
    return dict(config=args.segmentor, checkpoint=args.segmentor_checkpoint)


def main() -> int:
    args = parse_args()
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    config = load(args)
    if args.print_config:
        print(config.pretty_text)
        return 0
    return in_processes('train', args, partial(train, config))


def train(config: Config, args: argparse.Namespace) -> int:
    if args.launcher == 'none':  # before the Runner writes; with several processes the hook locks
        hold_work_dir(config.work_dir)
    hook = find_hook(config)
    assert hook is not None  # see inherit_desra
    check_paths(hook, args.config, config.resume)
    begun = time.time()
    with work_in(config.work_dir), config_faults(config), too_little_memory(
            hook, config):
        join_process_group(config, args.launcher)
        if get_rank() == 0:
            print(config_diff(read_config(args.config), config))
        Runner.from_cfg(config).train()
        is_first = get_rank() == 0
    end_process_group()
    if is_first:
        page = write_run_page(config, hook, begun)
        if page is not None:
            print(f'before and after: {page}')
    return 0
