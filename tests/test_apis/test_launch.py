"""Starting a command in several processes, `--nproc N`."""
from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from command_lines import PATIENCE, environment, is_of_gloo
from toys import write_pairs

from mmdesra import program
from mmdesra.apis import launch
from mmdesra.apis.launch import STARTED_BY_US, in_processes
from mmdesra.errors import InputError


def start(*words) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, program.__file__, *map(str, words)],
                            env=environment(), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)


@pytest.fixture
def alone(monkeypatch):
    """Started by nobody, with one machine."""
    for name in (STARTED_BY_US, 'TORCHELASTIC_RUN_ID', *launch.SEVERAL_MACHINES):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def started(alone):
    """What would be started, and nothing is."""
    calls = []
    alone.setattr(launch, 'start_processes', lambda *given: calls.append(given) or 7)
    alone.setattr(sys, 'argv', ['mmdesra detect', '--out', 'here'])
    return calls


def options(nproc=None, launcher='none', slurm=None):
    return argparse.Namespace(nproc=nproc, launcher=launcher, slurm=slurm, job_name='a job')


def work(args):
    return f'done by one of {args.launcher}'


@pytest.mark.parametrize('nproc', [None, 1])
def test_a_single_process_is_this_one(nproc, started):
    assert in_processes('detect', options(nproc), work) == 'done by one of none'
    assert not started


def test_several_get_the_same_command_line(started):
    assert in_processes('detect', options(3), work) == 7
    assert started == [(['detect', '--out', 'here'], 3, 1, '')]


def test_one_that_was_started_works_whatever_its_options_say(started, monkeypatch):
    """mim gives `--launcher none` always."""
    monkeypatch.setenv(STARTED_BY_US, 'a folder')
    assert in_processes('detect', options(3), work) == 'done by one of pytorch'
    assert not started


def test_several_machines(started, monkeypatch):
    for name, value in dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='head', PORT='1234').items():
        monkeypatch.setenv(name, value)
    assert in_processes('train', options(1), work) == 7
    assert started == [(['train', '--out', 'here'], 1, 2, '')]
    assert launch._meeting(2) == ['--nnodes=2', '--node-rank=1', '--master-addr=head',
                                  '--master-port=1234']


@pytest.mark.parametrize('values, said', [
    (dict(NNODES='two'), '^NNODES=two: expected a whole number'),
    (dict(NNODES='2', NODE_RANK='0'), 'NNODES=2: expected MASTER_ADDR in the environment'),
    (dict(NNODES='2', NODE_RANK='x', MASTER_ADDR='head'), '^NODE_RANK=x: expected a whole')])
def test_machines_that_could_not_meet(values, said, alone):
    for name, value in values.items():
        alone.setenv(name, value)
    alone.setattr(sys, 'argv', ['mmdesra detect'])
    with pytest.raises(InputError, match=said):
        in_processes('detect', options(2), work)


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm'])
def test_two_ways_at_once_are_refused(launcher, started):
    with pytest.raises(InputError, match=f'^--nproc 2: .* --launcher {launcher} has already'):
        in_processes('detect', options(2, launcher), work)


@pytest.mark.parametrize('text', ['0', '-1', 'gpu', '1.5', ''])
def test_numbers_that_are_none(text, capsys):
    parser = argparse.ArgumentParser()
    launch.add_process_options(parser)
    with pytest.raises(SystemExit, match='2'):
        parser.parse_args([f'--nproc={text}'])
    assert 'expected a number of processes, 1 or more' in capsys.readouterr().err


@pytest.mark.parametrize('codes, worst, said', [
    ({0: 1, 1: 1}, 1, ''), ({0: 1, 1: 2}, 2, ''), ({1: 2, 0: -signal.SIGTERM}, 2, ''),
    ({0: -signal.SIGTERM}, 143, 'process 0 was ended by SIGTERM'), ({}, 1, ''),
    ({0: -signal.SIGTERM, 1: -signal.SIGKILL}, 137, 'process 1 was ended by SIGKILL, as the')])
def test_worst_code(codes, worst, said, caplog):
    assert launch._worst(codes) == worst
    assert said in caplog.text and caplog.text.count('error:') == bool(said)


def test_an_error_that_all_have_is_told_once(alone, tmp_path):
    ended = start('detect', '--gan', tmp_path / 'nowhere', '--out', tmp_path / 'out',
                    '--nproc', 2, '--mse', tmp_path)
    out, err = ended.communicate(timeout=PATIENCE)
    assert ended.returncode == 2
    assert not [line for line in out.splitlines() if line.strip() and not is_of_gloo(line)]
    assert [line for line in err.splitlines() if line.startswith('error: ')] == [
        f'error: {tmp_path / "nowhere"}: expected a folder of images, or an image, found nothing']
    assert 'Traceback' not in err and 'torch.distributed' not in err


@pytest.mark.skipif(os.name != 'posix', reason='needs signals')
def test_ctrl_c_ends_all_of_them(alone, tmp_path):
    gan, mse = write_pairs(tmp_path, 1)
    for folder in (gan, mse):
        for number in range(600):
            shutil.copy(folder / 'image0.png', folder / f'copy{number}.png')
    run = start('detect', '--gan', gan, '--mse', mse, '--nproc', 2, '--out', tmp_path / 'out')
    end = time.monotonic() + PATIENCE
    while not (tmp_path / 'out/mask').is_dir() and time.monotonic() < end:
        assert run.poll() is None, run.stderr.read()
        time.sleep(.05)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=PATIENCE)  # returns when nobody holds the pipe any more
    assert run.returncode == 130
    assert 'Traceback' not in err
    assert err.count('--resume') == 1  # by whichever of the processes it can be said


@pytest.mark.parametrize('note, said', [
    ('stopped: 3 of 9 images are done', 'stopped: 3 of 9 images are done'),
    (None, launch.RESUME)])  # they were killed before they could say it
def test_after_ctrl_c_it_is_said_once_how_to_go_on(note, said, monkeypatch, caplog):
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException

    def interrupted(settings):
        for rank in '01':
            monkeypatch.setenv('RANK', rank)
            if note:
                launch.tell_stopped(note)
        raise SignalException('', signal.SIGINT)

    monkeypatch.setattr(torchrun, 'run', interrupted)
    assert launch.start_processes(['detect'], 2, how_to_go_on=launch.RESUME) == 130
    assert [record.message for record in caplog.records] == [said]
