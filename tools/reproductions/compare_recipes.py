#!/usr/bin/env python3
"""Fine-tune with one recipe after the other and print what each removed, added and kept.

  bash tools/demo.sh       # leaves photographs and weights in work_dirs/demo
  .venv/bin/python tools/reproductions/compare_recipes.py     # three minutes a recipe on two cores

Prints Markdown (docs/recipes.md shows it) and writes OUT/recipes.json. A recipe that was measured
is not measured again: stop it at any moment and start it anew.
"""
from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from benchmark_harness import describe_machine, hold_settings, in_a_line, once
from demo import DISCRIMINATOR, PAIR, convert_weights, run_command

from mmdesra.apis import command_line as cli
from mmdesra.evaluation.before_after import RESULTS
from mmdesra.evaluation.figures import percent
from mmdesra.evaluation.truth_table import truth_table
from mmdesra.files import list_images, make_output_folder
from mmdesra.files.records import read_json
from mmdesra.files.tables import markdown_table, write_json

CONFIGS = Path(__file__).parents[2] / 'configs/desra'
CHOSEN = 'desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py'
ADVERSARIAL = 'desra_srgan-bn-gan_x4c64b16_1xb16-lr2e-5-30.py'

# Name: config, and what differs from it. Patches of 96 px get a larger batch, so that a step
# sees about as many pixels.
RECIPES: dict[str, tuple[str, list[str]]] = {
    'the chosen one: patch 128, batch 8, no flips, lr 2e-5, 30 iterations': (CHOSEN, []),
    '+ flips and transposes': (CHOSEN, ['custom_hooks.0.flips=True']),
    'patch 96, batch 14': (CHOSEN, ['custom_hooks.0.gt_patch_size=96',
                                    'train_dataloader.batch_size=14']),
    'patch 96, batch 14, + flips and transposes': (CHOSEN, [
        'custom_hooks.0.gt_patch_size=96', 'train_dataloader.batch_size=14',
        'custom_hooks.0.flips=True']),
    'batch norm with the statistics of the patches': (CHOSEN, ['model.generator.norm_eval=False']),
    '60 iterations': (CHOSEN, ['train_cfg.max_iters=60']),
    'L1 + adversarial loss 1e-3, patch 96, batch 16': (ADVERSARIAL, []),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--demo', default='work_dirs/demo', type=Path, metavar='DIR',
                        help='what tools/demo.sh left (default: %(default)s)')
    parser.add_argument('--out', default='work_dirs/recipes', type=Path, metavar='DIR')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    out = make_output_folder(args.out)
    photographs = [path.name for path in list_images(args.demo / 'lq/train')]
    hold_settings(out, dict(recipes=RECIPES, photographs=photographs))
    convert_weights(args.demo / 'checkpoints', [*PAIR, DISCRIMINATOR])
    rows = {}
    for index, (name, (config, options)) in enumerate(RECIPES.items()):
        print(f'=== {name}', flush=True)
        work_dir = out / str(index)
        rows[name] = once(work_dir / 'row.json',
                          partial(run, args.demo, work_dir, config, options))
    machine = describe_machine()
    write_json(out / 'recipes.json', dict(machine=machine, rows=rows))
    print(in_a_line(machine) + '\n')
    print(markdown_table(('recipe', 'regions', 'removed', 'of them faded', 'added', 'excess left',
                          'detail kept'), (
        (name, f'{row["regions_before"]} -> {row["regions_after"]}', percent(row['removal_rate']),
         str(row['faded']), percent(row['addition_rate']), percent(row['excess_left']),
         f'{row["detail_kept"]:.4f}') for name, row in rows.items())))
    for name, row in rows.items():
        if row['truth']:
            print(f'\n{name}\n\n{truth_table(row["truth"], row["perceptual"])}')
    return 0


def run(demo: Path, work_dir: Path, config: str, options: list[str]) -> dict:
    weights = demo / 'checkpoints'
    arguments: list = ['--pseudo-gt-dir', work_dir.parent / 'pseudo_gt']
    if config == ADVERSARIAL:
        arguments += ['--discriminator-checkpoint', weights / 'srgan_gan_discriminator.pth']
    if options:
        arguments += ['--cfg-options', *options]
    run_command('train', CONFIGS / config, '--work-dir', work_dir,
                '--lq-dir', demo / 'lq/train', '--heldout-lq-dir', demo / 'lq/heldout',
                '--heldout-gt-dir', demo / 'gt/heldout',
                '--gan-checkpoint', weights / 'srgan_gan.pth',
                '--mse-checkpoint', weights / 'srgan_mse.pth', *arguments)
    results = read_json(work_dir / 'heldout' / RESULTS, dict, 'run it again')
    del results['per_image']
    return results


if __name__ == '__main__':
    cli.run(main)
