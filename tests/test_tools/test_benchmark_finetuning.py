"""tools/benchmarks/benchmark_finetuning.py: what it trains and prints."""
from __future__ import annotations

import json
import re

import pytest
from command_lines import call
from toy_training import DETECTOR, GT_PATCH_SIZE, make_data, model_config, training_config

pytestmark = pytest.mark.usefixtures('own_scope')

PRINTED = re.compile(
    r'\| iteration +\| +\d\.\d{4} \| +\d\.\d{4} \| '
    r'+[+-]\d+\.\d% \([+-]\d+\.\d% to [+-]\d+\.\d%\) \|\n')


def test_both_sides_train_and_are_compared(tmp_path, capsys):
    data = make_data(tmp_path)
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE,
                heldout_lq_dir='data/nowhere')
    training_config(model_config('RealESRGAN'), hooks=[hook]).dump(tmp_path / 'toy.py')
    arguments = [tmp_path / 'toy.py', '--lq-dir', data.lq, '--gan-checkpoint', data.gan,
                 '--mse-checkpoint', data.mse, '--pseudo-gt-dir', tmp_path / 'pairs',
                 '--turns', 2, '--iterations', 2, '--json', tmp_path / 'figures.json']
    assert call('benchmarks/benchmark_finetuning.py', *arguments) == 0
    assert PRINTED.search(capsys.readouterr().out)
    found = json.loads((tmp_path / 'figures.json').read_text())
    assert found['settings'] == {'pairs': 3, 'batch size': 2, 'turns': 2, 'iterations': 2}
    loading, iterations = (table['rows'] for table in found['tables'])
    assert min(loading[0]['ours ms'], loading[0]['plain ms']) > 0
    assert [row['what'] for row in iterations] == ['iteration', 'processor time of an iteration']
    assert all(min(row['ours s'], row['plain s']) > 0 for row in iterations)
    assert (tmp_path / 'pairs/manifest.json').is_file()
    assert {path.name for path in tmp_path.iterdir()} == {'lq', 'heldout', 'weights', 'toy.py',
                                                          'pairs', 'figures.json'}


@pytest.mark.parametrize('option', ['--turns', '--iterations'])
def test_nothing_to_compare_is_a_usage_error(option, tmp_path, capsys):
    assert call('benchmarks/benchmark_finetuning.py', 'toy.py', '--pseudo-gt-dir', tmp_path,
                option, 0) == 2
    assert 'expected at least 1 turn and 2 iterations' in capsys.readouterr().err
