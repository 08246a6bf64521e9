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
    pseudo_gts, alone = (contents(tmp_path / name / 'pseudo_gt') for name in ('two', 'one'))
    assert len(pseudo_gts) > 3 and Path('manifest.json') in pseudo_gts
    described = [json.loads(files.pop(Path('run.json'))) for files in (pseudo_gts, alone)]
    assert described[0]['weights'] == described[1]['weights']
    assert pseudo_gts == alone

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


def test_slurm_is_asked_for_a_process_for_each_gpu(tmp_path):
    """With a stand-in for srun that prints what it is given."""
    (tmp_path / 'srun').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    data = make_data(tmp_path)
    config = tmp_path / 'toy_srgan.py'
    training_config(model_config(), iterations=2).dump(config)
    options = ['--max-iters', '7', '--lq-dir', str(data.lq), '--gan-checkpoint', str(data.gan),
               '--mse-checkpoint', str(data.mse)]
    done = subprocess.run(
        ['bash', str(TOOLS / 'slurm_train.sh'), 'gpu', 'my job', str(config), 'work dir',
         *options], text=True, capture_output=True,
        timeout=PATIENCE, cwd=tmp_path,
        env=dict(environment(), PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}',
                 PYTHON=sys.executable, GPUS='16', SRUN_ARGS='--mem 8G'))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert '--ntasks=16' in lines and '--job-name=my job' in lines
    assert lines[lines.index('--mem') + 1] == '8G'
    words = lines[lines.index('train'):]
    assert words == ['train', str(config), '--slurm', 'gpu', '--job-name', 'my job', '--work-dir',
                     'work dir', *options, '--launcher', 'slurm']
    assert not (tmp_path / 'work dir').exists()  # where it trains, not where it is asked for
