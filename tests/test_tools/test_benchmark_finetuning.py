"""tools/benchmarks/benchmark_finetuning.py: what it trains and prints."""
from __future__ import annotations

import re

import pytest
from command_lines import call
from toy_training import DETECTOR, GT_PATCH_SIZE, make_data, model_config, training_config

pytestmark = pytest.mark.usefixtures('own_scope')

LINE = (r'{}: ours (\d\.\d{{4}}) s, plain (\d\.\d{{4}}) s; overhead [+-]\d+\.\d% '
        r'\(quartiles of 2 turns: [+-]\d+\.\d% to [+-]\d+\.\d%\)\n')
PRINTED = re.compile(
    r'3 pairs, batch size 2, .*\n'
    r'loading: ours (\d+\.\d) ms a sample, plain (\d+\.\d) ms\n'
    + LINE.format('iteration') + LINE.format('processor time of an iteration'))


def test_both_sides_train_and_are_compared(tmp_path, capsys):
    data = make_data(tmp_path)
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE,
                heldout_lq_dir='data/nowhere')
    training_config(model_config('RealESRGAN'), hooks=[hook]).dump(tmp_path / 'toy.py')
    arguments = [tmp_path / 'toy.py', '--lq-dir', data.lq, '--gan-checkpoint', data.gan,
                 '--mse-checkpoint', data.mse, '--pseudo-gt-dir', tmp_path / 'pairs',
                 '--turns', 2, '--iterations', 2]
    assert call('benchmarks/benchmark_finetuning.py', *arguments) == 0
    figures = PRINTED.search(capsys.readouterr().out)
    assert figures and all(float(figure) > 0 for figure in figures.groups())
    assert (tmp_path / 'pairs/manifest.json').is_file()
    assert {path.name for path in tmp_path.iterdir()} == {'lq', 'heldout', 'weights', 'toy.py',
                                                          'pairs'}


@pytest.mark.parametrize('option', ['--turns', '--iterations'])
def test_nothing_to_compare_is_a_usage_error(option, tmp_path, capsys):
    assert call('benchmarks/benchmark_finetuning.py', 'toy.py', '--pseudo-gt-dir', tmp_path,
                option, 0) == 2
    assert 'expected at least 1 turn and 2 iterations' in capsys.readouterr().err
