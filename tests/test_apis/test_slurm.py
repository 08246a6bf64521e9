"""Starting a command under Slurm, `--slurm PARTITION`, with stand-ins for its programs."""
from __future__ import annotations

import csv
import os
import subprocess
import sys
from argparse import Namespace

import pytest
from command_lines import PATIENCE, environment
from toys import write_pairs

from mmdesra import program
from mmdesra.apis.launch import STARTED_BY_US, in_processes
from mmdesra.apis.slurm import srun_command
from mmdesra.errors import InputError

VARIABLES = ('GPUS', 'GPUS_PER_NODE', 'CPUS_PER_TASK', 'SRUN_ARGS', STARTED_BY_US)
SRUN = """#!/bin/sh
# Starts the two processes of a job, here, as srun does on its nodes; tells its options.
while [ "${1#-}" != "$1" ]; do echo "option: $1" >&2; shift; [ "$1" = gpu ] && shift; done
export SLURM_NTASKS=2 SLURM_NODELIST=here MASTER_ADDR=127.0.0.1
SLURM_PROCID=1 SLURM_LOCALID=1 "$@" & SLURM_PROCID=0 SLURM_LOCALID=0 "$@"
code=$?
wait $! || code=$?
exit $code
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def start(folder, *words) -> subprocess.CompletedProcess:
    (folder / 'bin').mkdir()
    (folder / 'bin/srun').write_text(SRUN)
    (folder / 'bin/srun').chmod(0o755)
    path = f'{folder / "bin"}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.run([sys.executable, program.__file__, *map(str, words)], text=True,
                          env=dict(environment(), PATH=path), capture_output=True,
                          timeout=PATIENCE)


@pytest.mark.parametrize('variables, expected', [
    ({}, ('--ntasks=8', '--gres=gpu:8', '--ntasks-per-node=8', '--cpus-per-task=5')),
    (dict(GPUS='16'), ('--ntasks=16', '--gres=gpu:8', '--ntasks-per-node=8')),
    (dict(GPUS='2'), ('--ntasks=2', '--gres=gpu:2', '--ntasks-per-node=2')),
    (dict(GPUS='8', GPUS_PER_NODE='4', CPUS_PER_TASK='7'),
     ('--ntasks=8', '--gres=gpu:4', '--ntasks-per-node=4', '--cpus-per-task=7')),
    (dict(SRUN_ARGS="--mem 8G --comment 'two words'"), ('--mem', '8G', '--comment', 'two words'))])
def test_what_is_asked_of_slurm(variables, expected, alone):
    for name, value in variables.items():
        alone.setenv(name, value)
    command = srun_command(['program.py', 'train', 'a b.py'], 'gpu', 'my job')
    assert command[:4] == ['srun', '-p', 'gpu', '--job-name=my job']
    assert command[-7:] == [sys.executable, '-u', 'program.py', 'train', 'a b.py', '--launcher',
                            'slurm']
    assert set(expected) <= set(command[:-7])


@pytest.mark.parametrize('variables, said', [
    (dict(GPUS='all'), '^GPUS=all: expected a whole number'),
    (dict(SRUN_ARGS="--comment 'open"), "^SRUN_ARGS=--comment 'open: No closing quotation")])
def test_variables_that_cannot_be_read(variables, said, alone):
    for name, value in variables.items():
        alone.setenv(name, value)
    with pytest.raises(InputError, match=said):
        srun_command(['program.py'], 'gpu', 'job')


@pytest.mark.parametrize('given, said', [
    (dict(launcher='pytorch'), '^--slurm gpu: starts processes, but --launcher pytorch has'),
    (dict(nproc=2), '^--slurm gpu and --nproc 2: expected one of them'),
    ({}, '^--slurm gpu: expected the program srun on PATH, found none')])
def test_what_cannot_be_started(given, said, alone, tmp_path):
    alone.setenv('PATH', str(tmp_path))
    args = dict(dict(nproc=None, slurm='gpu', job_name='job', launcher='none'), **given)
    with pytest.raises(InputError, match=said):
        in_processes('detect', Namespace(**args), lambda args: 0)


def test_the_processes_of_slurm_share_the_images(tmp_path):
    gan, mse = write_pairs(tmp_path, 4)
    done = start(tmp_path, 'detect', '--gan', gan, '--slurm', 'gpu', '--mse', mse,
                 '--out', tmp_path / 'out', '--job-name', 'mine')
    assert done.returncode == 0, done.stderr
    assert 'option: --job-name=mine' in done.stderr
    with (tmp_path / 'out/detections.csv').open() as file:
        assert len(list(csv.DictReader(file))) == 4
    assert done.stdout.count('report.html') == 1  # the first process alone says it


@pytest.mark.slow
def test_the_exit_code_is_that_of_the_processes(tmp_path):
    done = start(tmp_path, 'detect', '--gan', tmp_path / 'nowhere', '--mse', tmp_path,
                 '--out', tmp_path / 'out', '--slurm', 'gpu')
    assert done.returncode == 2
    assert 'expected a folder of images, or an image, found nothing' in done.stderr
