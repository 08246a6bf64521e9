"""A maker that is killed at any moment and run again leaves what an undisturbed one leaves."""
from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_lines import PATIENCE
from PIL import Image
from toys import make_lq_folder

SERVER = Path(__file__).with_name('killable_maker.py')
KILLED = [-signal.SIGKILL]
DONE = [0]


@pytest.fixture(scope='module')
def run():
    """Run a job in a child process; returns the exit codes of its children."""
    path = os.pathsep.join(sys.path)
    server = subprocess.Popen([sys.executable, str(SERVER)], text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=path))

    def run(**job):
        server.stdin.write(json.dumps(job, default=str) + '\n')
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    assert json.loads(server.stdout.readline()) == 'ready'
    yield run
    server.stdin.close()
    assert server.wait(PATIENCE) == 0


@pytest.fixture(scope='module')
def lq(tmp_path_factory):
    """Three images with artifacts, a clean one, and one that cannot be read."""
    folder = tmp_path_factory.mktemp('kill') / 'lq'
    make_lq_folder(folder, 4, size=(16, 24))
    (folder / 'image4.png').write_bytes(b'no image')
    return folder


@pytest.fixture(scope='module')
def undisturbed(run, lq, tmp_path_factory):
    out = tmp_path_factory.mktemp('undisturbed') / 'out'
    assert run(lq=lq, out=out) == DONE
    found = contents(out)
    assert set(found) == {'gt', 'mask', 'manifest.json',
                          *(f'{kind}/image{k}.png' for kind in ('gt', 'mask') for k in (0, 2, 3))}
    return found


def contents(folder):
    """All there is below a folder, hidden files too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob('*'))}


def test_killed_before_any_change_of_a_file(run, lq, undisturbed, tmp_path):
    for number in range(1, 1000):
        out = tmp_path / str(number)
        codes = run(lq=lq, out=out, die_before=number)
        if codes == DONE:
            break
        assert codes == KILLED
        assert run(lq=lq, out=out) == DONE
        assert contents(out) == undisturbed, f'killed before change {number}'
    assert number > 30
    assert contents(out) == undisturbed


def test_killed_again_and_again(run, lq, undisturbed, tmp_path):
    """Enough changes pass before each kill, sooner or later, for one image to be finished."""
    for seed in range(6):
        rng, out, kills = random.Random(seed), tmp_path / str(seed), 0
        while run(lq=lq, out=out, die_before=rng.randint(18, 26) + kills // 5) == KILLED:
            kills += 1
            assert kills < 50, 'it never gets on'
        assert kills
        assert contents(out) == undisturbed, f'seed {seed}, {kills} kills'


def test_killed_at_random_moments(run, lq, undisturbed, tmp_path):
    start = time.perf_counter()
    run(lq=lq, out=tmp_path / 'timed')
    duration = time.perf_counter() - start
    rng, kills = random.Random(0), 0
    for number in range(12):
        out = tmp_path / str(number)
        if run(lq=lq, out=out, die_after=duration * rng.uniform(.2, .9)) == KILLED:
            kills += 1
        else:
            duration *= .7  # the machine was busier when it was timed
        assert run(lq=lq, out=out) == DONE
        assert contents(out) == undisturbed
    assert kills


def test_killed_while_the_kernel_writes(run, lq, undisturbed, tmp_path):
    """A journal or a file that was half written, at every length that it may have."""
    out = tmp_path / 'out'
    assert run(lq=lq, out=out, finish=False) == DONE
    journal = out / '.journal-0.jsonl'
    whole = journal.read_bytes()
    for length in range(whole.index(b'\n') + 1, len(whole) + 1, 41):
        journal.write_bytes(whole[:length])
        (out / 'gt' / '.image2.png.123.part').write_bytes(b'half a PNG')
        (out / '.manifest.json.123.part').write_bytes(b'{"format": ')
        assert run(lq=lq, out=out) == DONE
        assert contents(out) == undisturbed, f'{length} bytes'


@pytest.mark.parametrize('world_size', [2, 3, 7])
def test_ranks_at_once_make_the_same_folder(run, lq, undisturbed, tmp_path, world_size):
    ranks = [dict(rank=rank) for rank in range(world_size)]
    for number in range(4):
        out = tmp_path / str(number)
        codes = run(lq=lq, out=out, world_size=world_size, finish=False, at_once=ranks)
        assert codes == [0] * world_size
        assert run(lq=lq, out=out) == DONE
        assert contents(out) == undisturbed


def test_ranks_are_killed_and_fewer_go_on(run, lq, undisturbed, tmp_path):
    for number in range(12, 24, 3):
        out = tmp_path / str(number)
        codes = run(lq=lq, out=out, world_size=2, finish=False, die_before=number,
                    at_once=[dict(rank=0), dict(rank=1)])
        assert set(codes) <= {*KILLED, *DONE} and codes != [0, 0], number
        assert run(lq=lq, out=out, world_size=2, rank=1, finish=False) == DONE
        assert run(lq=lq, out=out) == DONE
        assert contents(out) == undisturbed


@pytest.mark.slow
def test_recomposing_killed_before_any_change_of_a_file(run, lq, tmp_path):
    assert run(lq=lq, out=tmp_path / 'made') == DONE

    def copy_and_curate(out):
        shutil.copytree(tmp_path / 'made', out)
        (out / 'mask/image0.png').unlink()
        painted = Image.new('RGB', (96, 64))
        painted.paste((255, 0, 0), (20, 30, 60, 50))
        painted.save(out / 'mask/image1.png')
        painted.save(out / 'mask/image2.png')
        Image.new('L', (96, 64)).save(out / 'mask/image3.png')

    copy_and_curate(tmp_path / 'undisturbed')
    assert run(lq=lq, out=tmp_path / 'undisturbed', recompose=True) == DONE
    expected = contents(tmp_path / 'undisturbed')
    assert {name for name in expected if '/' in name} == {
        'gt/image1.png', 'gt/image2.png', 'mask/image1.png', 'mask/image2.png', 'mask/image3.png',
        'drawn/image1.png', 'drawn/image2.png'}
    for number in range(1, 1000):
        out = tmp_path / str(number)
        copy_and_curate(out)
        codes = run(lq=lq, out=out, recompose=True, die_before=number)
        if codes == DONE:
            break
        assert codes == KILLED
        assert run(lq=lq, out=out, recompose=True) == DONE
        assert contents(out) == expected, f'killed before change {number}'
    assert number > 15
