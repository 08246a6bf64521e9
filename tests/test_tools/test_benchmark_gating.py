"""tools/benchmarks/benchmark_gating.py: what it counts, prints, and refuses."""
from __future__ import annotations

import re

import numpy as np
import pytest
from command_lines import call, run_anew
from toys import MIN_AREA, write_pairs

from mmdesra.files import write_image

pytest.importorskip('mmseg', reason='needs MMSegmentation')

from toy_segmentor import write_colour_model

PRINTED = re.compile(r'images: 3; skipped: 0\n.*'
                     r'\| gated +\| +(\d) \| +[\d.]+ \|\n'
                     r'\| ungated +\| +(\d) \| +[\d.]+ \|\n.*'
                     r'\| calls \| +(\d+)% \|\n\| time +\| +-?\d+% \|\n\n'
                     r'masks that differ: 0\n', re.DOTALL)


@pytest.fixture
def pairs(tmp_path):
    """Three pairs, one of which has no artifact."""
    write_pairs(tmp_path, 3, amplitude=.05, clean=(1,))
    return ['--gan', tmp_path / 'gan', '--mse', tmp_path / 'mse', '--min-area', MIN_AREA]


@pytest.fixture
def segmentor(tmp_path):
    """A segmenter in the classes of a table of three."""
    (tmp_path / 'table.csv').write_text('index,class,bin\n0,red,0\n1,green,9\n2,blue,9\n')
    model = write_colour_model(tmp_path)
    return ['--segmentor', model['config'], '--class-table', tmp_path / 'table.csv',
            '--device', 'cpu'], ['--segmentor-checkpoint', model['checkpoint']]


def test_calls_saved_where_there_is_nothing(pairs, segmentor, capsys):
    options, weights = segmentor
    assert call('benchmarks/benchmark_gating.py', *pairs, *options, *weights) == 0
    assert PRINTED.search(capsys.readouterr().out).groups() == ('2', '3', '33')


def test_random_weights_are_said_to_be_random(pairs, segmentor, capsys, caplog):
    assert call('benchmarks/benchmark_gating.py', *pairs, *segmentor[0], '--random-weights') == 0
    assert PRINTED.search(capsys.readouterr().out)
    assert 'RANDOM weights' in caplog.text


def test_stored_labels(pairs, tmp_path, capsys):
    (tmp_path / 'labels').mkdir()
    for number in range(3):
        write_image(tmp_path / f'labels/image{number}.png', np.zeros((160, 192), np.uint8))
    assert call('benchmarks/benchmark_gating.py', *pairs, '--labels', tmp_path / 'labels') == 0
    assert PRINTED.search(capsys.readouterr().out)


@pytest.mark.parametrize('options, message', [
    ([], 'give the segmenter: --segmentor'),
    (['--random-weights'], 'give the segmenter: --segmentor'),
    (['--detector', 'SSIM', '--segmentor', 'segformer-b5'], 'SSIM has no semantic step'),
    (['--detector', 'SSIM', '--segmentor', 'segformer-b5', '--random-weights'],
     'SSIM has no semantic step'),
])
def test_nothing_to_gate_is_one_clear_line(pairs, capsys, options, message):
    assert call('benchmarks/benchmark_gating.py', *pairs, *options) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_warnings_of_other_packages_are_not_for_users(pairs):
    done = run_anew('benchmarks/benchmark_gating.py', *pairs, '--segmentor',
                    'mmseg::no_such/config')
    assert done.returncode == 2
    assert re.fullmatch(r'error: mmseg::no_such/config: cannot be read as a config .*\n',
                        done.stderr)


def test_pair_that_cannot_be_used_is_skipped(pairs, tmp_path, segmentor, capsys):
    (tmp_path / 'gan/image0.png').write_bytes(b'no image')
    options, weights = segmentor
    assert call('benchmarks/benchmark_gating.py', *pairs, *options, *weights) == 1
    output = capsys.readouterr()
    assert 'images: 2; skipped: 1\n' in output.out
    assert re.search(r'\| gated +\| +1 \|', output.out)
    assert 'skipped: ' in output.out + output.err and 'image0.png' in output.out + output.err
