from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest
from full_disk import Disk

from mmdesra.errors import InputError
from mmdesra.files.folder_lock import held_folder, hold_folder, holder_of, let_go_of_folder

fork = multiprocessing.get_context('fork')


def hold(folder, pipe):
    hold_folder(folder)
    worker = fork.Process(target=time.sleep, args=[60])  # as a data loader's
    worker.start()
    pipe.send(worker.pid)
    time.sleep(60)


def test_holds_until_its_process_ends_and_no_longer(tmp_path):
    folder = tmp_path / 'run'
    here, there = fork.Pipe()
    holder = fork.Process(target=hold, args=[folder, there])
    holder.start()
    worker = here.recv()
    try:
        with pytest.raises(InputError, match=rf'run: another run .*process {holder.pid} on'):
            hold_folder(folder)
        assert holder_of(folder) == f'process {holder.pid} on {os.uname().nodename}'
        holder.kill()
        holder.join()
        assert holder_of(folder) is None
        os.kill(worker, 0)  # it lives
        hold_folder(folder)
    finally:
        holder.kill()
        os.kill(worker, signal.SIGKILL)
    hold_folder(folder)  # again
    hold_folder(tmp_path / 'another')


def test_folder_that_was_let_go_is_free(tmp_path):
    with held_folder(tmp_path):
        assert holder_of(tmp_path) is None  # no other process
    for _ in range(2):  # nothing happens
        let_go_of_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    here, there = fork.Pipe()
    other = fork.Process(target=hold_and_say, args=[tmp_path, there])
    other.start()
    assert here.recv() == 'held'
    other.join()


def hold_and_say(folder, pipe):
    hold_folder(folder)
    pipe.send('held')


def test_folder_that_was_deleted_is_held_anew(tmp_path):
    hold_folder(tmp_path)
    (tmp_path / '.lock').unlink()
    hold_folder(tmp_path)
    assert (tmp_path / '.lock').read_text() == f'process {os.getpid()} on {os.uname().nodename}\n'


def take_turns(folder):
    for _ in range(40):
        try:
            with held_folder(folder):
                (folder / 'inside').open('x').close()  # nobody else is
                (folder / 'inside').unlink()
        except InputError:
            pass


def test_lock_that_is_removed_lets_nobody_in_beside_its_next_holder(tmp_path):
    others = [fork.Process(target=take_turns, args=[tmp_path]) for _ in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0] * 4


@pytest.mark.parametrize('kind', ['file', 'loop'])
def test_folder_that_cannot_be_is_named(tmp_path, kind):
    path = tmp_path / 'out'
    path.write_text('') if kind == 'file' else path.symlink_to(path)
    with pytest.raises(OSError, match='out: cannot write into this folder'):
        hold_folder(path)


def test_a_full_disk_is_told_and_leaves_no_lock(tmp_path):
    disk = Disk(tmp_path / 'disk')
    try:
        with disk.with_space_for(0), pytest.raises(OSError, match='.lock: cannot be written .*'):
            hold_folder(disk.path)
        assert not list(disk.path.iterdir())
        with held_folder(disk.path):
            pass
    finally:
        disk.close()
