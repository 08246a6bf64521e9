"""A folder shared by several processes ends in the same files as with one."""
from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_lines import call, free_port, run_in_two
from gloo_pair import run_pair
from known_labels import store_labels
from toys import MIN_AREA, write_pairs

from mmdesra.apis.detect import detect_folder
from mmdesra.apis.processes import joined
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.generators import StoredPairs
from mmdesra.segmentors import LabelFolder

COUNT = 7


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Seven pairs with labels: two are clean, two cannot be used, and one is tiny."""
    root = tmp_path_factory.mktemp('pairs')
    write_pairs(root, COUNT, clean=(1, 4))
    store_labels(root / 'labels', {f'image{k}': read_image(root / f'gan/image{k}.png')
                                   for k in range(COUNT)})
    (root / 'gan/image0.png').write_text('words')
    write_image(root / 'mse/image5.png', np.zeros((20, 30, 3), np.uint8))
    return root


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob('*') if path.is_file() and path.name != 'run.json'}


@pytest.mark.slow
def test_torchrun(root, tmp_path, capfd):
    options = ['--gan', root / 'gan', '--mse', root / 'mse', '--min-area', MIN_AREA, '--out']
    assert call('detect.py', *options, tmp_path / 'one') == 1
    alone = capfd.readouterr().out.replace(f'{tmp_path}/one', f'{tmp_path}/two')
    process = run_in_two('detect.py', *options, tmp_path / 'two')
    assert process.returncode == 1, process.stderr
    assert sorted(process.stdout.splitlines()) == sorted(alone.splitlines())
    assert process.stderr.count('semantic step: OFF') == 1
    assert len(set(re.findall(r'\d/(\d) \[', process.stderr))) == 1  # one bar
    assert files_of(tmp_path / 'two') == files_of(tmp_path / 'one')


class Stopping(StoredPairs):
    """Pairs of which one stops the run; notes those that are read."""

    def __init__(self, root, stop=''):
        super().__init__(root / 'gan', root / 'mse')
        self.stop, self.seen = stop, []

    def read(self, path):
        if path.stem == self.stop:
            raise KeyboardInterrupt
        self.seen.append(path.stem)
        return super().read(path)


def test_two_processes(root, tmp_path):
    (root / 'port').write_text(free_port())
    with pytest.raises(KeyboardInterrupt):  # what one process has begun, two go on with
        detect_folder(Stopping(root, 'image3'), DeSRA(min_area=MIN_AREA), root / 'resumed')
    mask = root / 'resumed/mask/image1.png'
    written = mask.stat().st_mtime_ns
    run_pair(str(Path(__file__).with_name('detect_in_two.py')), root)
    alone = detect_folder(StoredPairs(root / 'gan', root / 'mse'), DeSRA(min_area=MIN_AREA),
                          tmp_path, LabelFolder(root / 'labels'), save_map=True)
    assert files_of(root / 'two') == files_of(tmp_path)
    first, second = (json.loads((root / f'rank{rank}.json').read_text()) for rank in range(2))
    assert first['images'] == second['images'] == [result.image for result in alone]

    # Process 1 was stopped at image3, its second; what both had done counts.
    stopped, nowhere = zip(first['errors'], second['errors'])
    assert stopped == ('InputError: process 1 was stopped: disk full', 'OSError: disk full')
    assert all('image1.png: cannot write into this folder' in error for error in nowhere)
    with (root / 'stopped/detections.csv').open(newline='') as table:
        rows = [row['image'] for row in csv.DictReader(table)]
    assert rows == [f'image{k}.png' for k in (0, 1, 2, 4, 6)]
    assert 'was stopped before its end (InputError)' in (root / 'stopped/report.html').read_text()
    assert not [name for name in files_of(root / 'stopped') if '.part' in name or 'lock' in name]

    # What two processes have begun, one goes on with: image5 is read, too, but cannot be used.
    plain = tmp_path / 'plain'
    detect_folder(StoredPairs(root / 'gan', root / 'mse'), DeSRA(min_area=MIN_AREA), plain)
    source = Stopping(root)
    detect_folder(source, DeSRA(min_area=MIN_AREA), root / 'stopped', resume=True)
    assert source.seen == ['image0', 'image3', 'image5']
    assert files_of(root / 'stopped') == files_of(plain) == files_of(root / 'resumed')
    assert mask.stat().st_mtime_ns == written  # not again


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm'])
def test_a_launcher_that_is_none(launcher, monkeypatch):
    for name in ('RANK', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=f'--launcher {launcher}: expected the environment'):
        joined(launcher).__enter__()
