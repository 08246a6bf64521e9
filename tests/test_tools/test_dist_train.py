"""tools/dist_train.sh, on a machine without GPUs."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_lines import PATIENCE, TOOLS, call, environment
from mmengine.registry import DefaultScope
from toy_training import DETECTOR, GT_PATCH_SIZE, make_data, model_config, training_config


def launch(*arguments, script='dist_train.sh'):
    return subprocess.run(
        ['bash', str(TOOLS / script), *map(str, arguments)], text=True, capture_output=True,
        env=dict(environment(), PYTHON=sys.executable), timeout=PATIENCE)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


@pytest.mark.skipif(torch.cuda.is_available(), reason='with GPUs it would use them')
def test_two_processes_make_the_pseudo_gts_of_one_and_train(tmp_path):
    data = make_data(tmp_path)
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    config = tmp_path / 'toy_srgan.py'
    training_config(model_config(), iterations=2, hooks=[hook]).dump(config)
    options = ['--lq-dir', data.lq, '--heldout-lq-dir', data.heldout, '--gan-checkpoint',
               data.gan, '--mse-checkpoint', data.mse]
    done = launch(config, 2, *options, '--amp', '--work-dir', tmp_path / 'two')
    assert done.returncode == 0, done.stderr
    assert "type='CpuAmpOptimWrapper'" in done.stdout
    assert 'terminate called' not in done.stderr
    assert done.stdout.count('+++ for fine-tuning') == 1  # the first process alone says it

    with DefaultScope.overwrite_default_scope('mmengine'):  # a Runner leaves its own behind
        assert call('train.py', config, *options, '--work-dir', tmp_path / 'one') == 0
    pseudo_gts = contents(tmp_path / 'two/pseudo_gt')
    assert len(pseudo_gts) > 3 and Path('manifest.json') in pseudo_gts
    assert pseudo_gts == contents(tmp_path / 'one/pseudo_gt')

    one, two = (json.loads((tmp_path / name / 'heldout/results.json').read_text())
                for name in ('one', 'two'))
    assert two['images'] == one['images'] == 4
    assert two['area_before'] == one['area_before'] > two['area_after']
    assert (tmp_path / 'two/iter_2.pth').is_file()


@pytest.mark.parametrize('script, usage', [('dist_train.sh', 'dist_train.sh CONFIG N'),
                                           ('slurm_train.sh', 'PARTITION JOB_NAME CONFIG')])
def test_too_few_arguments_are_a_usage_error(script, usage):
    done = launch(script=script)
    assert done.returncode == 2
    assert usage in done.stderr


def test_slurm_starts_a_process_for_each_gpu(tmp_path):
    """With a stand-in for srun that prints what it is given."""
    (tmp_path / 'srun').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    done = subprocess.run(
        ['bash', str(TOOLS / 'slurm_train.sh'), 'gpu', 'my job', 'config.py', 'work dir',
         '--stop', 'knee'], text=True, capture_output=True, timeout=PATIENCE,
        env=dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}', GPUS='16',
                 SRUN_ARGS='--mem 8G'))
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert '--ntasks=16' in lines and '--job-name=my job' in lines
    assert lines[lines.index('--mem') + 1] == '8G'
    assert lines[-7:] == ['config.py', '--work-dir', 'work dir', '--launcher', 'slurm', '--stop',
                          'knee']
