"""Full and read-only disks, folders in the way, two runs at once: each tool that writes."""
from __future__ import annotations

import csv
import itertools
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command_lines import call, held_by_another_run
from full_disk import Disk
from mmengine.registry import DefaultScope
from toy_training import DETECTOR, GT_PATCH_SIZE, model_config, training_config
from toys import (
    MIN_AREA,
    make_pairs,
    write_checkpoints,
    write_generator_config,
    write_pairs,
)

from mmdesra.apis.run_page import PAGE
from mmdesra.apis.study_answers import COLUMNS
from mmdesra.detectors import build_detector
from mmdesra.detectors.class_table import ADE20K_TABLE
from mmdesra.files import write_image, write_mask

RUNS = itertools.count()


@dataclass(frozen=True)
class Tool:
    """How to call a tool.

    Attributes:
        options: Its arguments; takes the folder of the data and that of the results.
        name: A file that it writes there.
        has_folder: Whether it fills a folder of its own, ``out``, which others must keep out of.
        again: What is added to write over the results of an earlier run; None: it never does.
        varies: Names of files that say when or where they were made.
        grows: Names of files that sum up what was done so far, also when a run is stopped.
    """
    options: Callable[[Path, Path], list]
    name: str
    has_folder: bool = False
    again: tuple[str, ...] | None = ()
    varies: tuple[str, ...] = ()
    grows: tuple[str, ...] = ()

    def call(self, script: str, data: Path, out: Path, again: bool = False) -> int:
        options = [*self.options(data, out), *(self.again if again else ())]
        if 'toy_srgan.py' in self.varies:
            # mmengine keeps one log for each name and second in a process.
            options += ['--cfg-options', f'experiment_name=run{next(RUNS)}']
        return call(script, *options)

    def results(self, out: Path) -> dict[str, bytes | None]:
        """Return what it has written, without what says when or where."""
        return {str(path.relative_to(out)): None if matches(path, self.varies)
                else path.read_bytes() for path in sorted(out.rglob('*')) if path.is_file()
                and not any(part[:2] == '20' for part in path.relative_to(out).parts)}


def matches(path: str | Path, patterns: tuple[str, ...]) -> bool:
    return any(Path(path).match(pattern) for pattern in patterns)


def pairs_of(data: Path) -> list:
    return ['--gan', data / 'gan', '--mse', data / 'mse', '--min-area', MIN_AREA]


def generators_of(data: Path) -> list:
    return ['--gan-checkpoint', data / 'gan.pth', '--mse-checkpoint', data / 'mse.pth']


TOOLS = {
    'detect.py': Tool(
        lambda data, out: [*pairs_of(data), '--out', out / 'out', '--save-map'],
        'out/mask/image1.png', has_folder=True, again=('--resume',),
        varies=('run.json',), grows=('detections.*', 'report.html')),
    'make_pseudo_gt.py': Tool(
        lambda data, out: ['--lq', data / 'lq', '--generator', data / 'toy_generator.py',
                           *generators_of(data), '--min-area', MIN_AREA, '--out', out / 'out'],
        'out/gt/image1.png', has_folder=True, varies=('run.json',)),
    'convert_checkpoint.py': Tool(
        lambda data, out: [data / 'gan.pth', out / 'converted.pth'], 'converted.pth',
        again=('--overwrite',)),
    'evaluate_masks.py': Tool(
        lambda data, out: ['--pred', data / 'gt', '--gt', data / 'gt', '--json',
                           out / 'scores.json', '--csv', out / 'images.csv'], 'scores.json'),
    'compare_detectors.py': Tool(
        lambda data, out: [*pairs_of(data), '--gt', data / 'gt', '--save-masks', '--out',
                           out / 'out'], 'out/sweep.csv', has_folder=True,
        varies=('comparison.*',)),
    'evaluate_desra.py': Tool(
        lambda data, out: [data, '--no-rivals', '--save-masks', '--out', out / 'out'],
        'out/images.csv', has_folder=True, varies=('results.*',)),
    'make_study.py': Tool(
        lambda data, out: ['--pair', data / 'gan', data / 'mse', '--out', out / 'study.html'],
        'study.html'),
    'tally_study.py': Tool(
        lambda data, out: [data / 'answers.csv', '--json', out / 'tally.json', '--csv',
                           out / 'tally.csv'], 'tally.json'),
    'make_artifact_benchmark.py': Tool(
        lambda data, out: [*pairs_of(data)[:4], '--out', out / 'out', '--count', 2, '--areas',
                           100, 200, '--clean-pairs', 1, '--clean-by', 'DeSRA'],
        'out/manifest.json', has_folder=True, again=None),
    'calibrate_semantics.py': Tool(
        lambda data, out: [*pairs_of(data), '--labels', data / 'labels', '--out', out / 'out',
                           '--min-pixels', 100], 'out/class_table.csv'),
    'train.py': Tool(
        lambda data, out: [data / 'toy_srgan.py', *generators_of(data), '--lq-dir', data / 'lq',
                           '--heldout-lq-dir', data / 'lq', '--max-iters', 2,
                           '--work-dir', out / 'out'],
        'out/iter_2.pth', has_folder=True, again=('--resume',),
        varies=('toy_srgan.py', '*.pth', 'last_checkpoint', 'results.json', 'run.json')),
    'make_mse_partner.py': Tool(
        lambda data, out: [data / 'toy_srgan.py', '--gan-checkpoint', data / 'gan.pth',
                           '--gt-dir', data / 'gan', '--scale', 4, '--max-iters', 2,
                           '--work-dir', out / 'out', '--out', out / 'partner.pth'],
        'partner.pth', has_folder=True, again=('--overwrite',),
        varies=('toy_srgan.py', 'last_checkpoint', 'iter_*.pth')),
}


@pytest.fixture(scope='module', autouse=True)
def own_scope():
    """Takes back the default scope that a Runner leaves behind for the whole process."""
    with DefaultScope.overwrite_default_scope('mmengine'):
        yield


@pytest.fixture(autouse=True)
def new_names(monkeypatch):
    """mmengine keeps one log for each name in a process."""
    monkeypatch.setattr('mmengine.runner.Runner._log_env', lambda *_: None)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """What all tools read."""
    root = tmp_path_factory.mktemp('data')
    write_pairs(root)
    write_checkpoints(root)
    write_generator_config(root)
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    training_config(model_config(), hooks=[hook]).dump(root / 'toy_srgan.py')
    pairs = make_pairs(root / 'lq')
    for name in ('gt', 'labels'):
        (root / name).mkdir()
    for path in pairs.paths:
        pair = pairs.load(path)
        mask = build_detector(dict(type='DeSRA', min_area=MIN_AREA)).detect(pair.gan,
                                                                           pair.mse).mask
        write_mask(root / 'gt' / path.name, mask)
        write_image(root / 'labels' / path.name, np.full(mask.shape, 26, np.uint8))
    with (root / 'answers.csv').open('w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(['Ann', 'study-1', 'a vs b', f'image{number}', 'a', 'b', 'left', 2., 0]
                       for number in range(9))
    return root


@pytest.fixture(scope='module')
def undisturbed(data, tmp_path_factory):
    """Returns a folder of a tool's results."""
    folders = {}

    def make(script):
        if script not in folders:
            folders[script] = tmp_path_factory.mktemp('undisturbed')
            assert TOOLS[script].call(script, data, folders[script]) == 0
        return folders[script]

    return make


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path / 'disk')
    yield disk
    disk.close()


def error_of(capsys, script, data, out, again=False):
    """Run a tool that must fail; return its one line."""
    capsys.readouterr()
    assert TOOLS[script].call(script, data, out, again) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith('error: ')]
    assert len(errors) == 1, lines
    assert not any('Traceback' in line for line in lines), lines
    return errors[0]


def leftovers(folder):
    return [path.name for path in folder.rglob('.*') if path.is_file()]


@pytest.mark.parametrize('script, share', [
    *((script, .6) for script in TOOLS), ('detect.py', 0)])
def test_a_full_disk(data, undisturbed, disk, capsys, script, share):
    """It is told, nothing is half there, and with more space the results are those of always."""
    tool, wanted = TOOLS[script], undisturbed(script)
    # Without the page of train, which is large: nothing else would find too little space.
    size = sum(path.stat().st_size for path in wanted.rglob('*')
               if path.is_file() and path.name != PAGE)
    with disk.with_space_for(int(size * share)):
        error = error_of(capsys, script, data, disk.path)
    assert str(disk.path) in error
    assert 'No space left' in error or not disk.is_real
    expected, found = tool.results(wanted), tool.results(disk.path)
    assert not [name for name in leftovers(disk.path) if not name.startswith('.journal-')]
    for name, content in found.items():
        if not matches(name, ('.journal-*', *tool.grows)):
            assert content == expected.get(name, content), name
    if tool.again is None:
        shutil.rmtree(disk.path / 'out')
    assert tool.call(script, data, disk.path, again=bool(tool.again)) == 0
    assert tool.results(disk.path) == expected


def test_a_training_whose_page_cannot_be_written_says_that_the_weights_are_there(
        data, tmp_path, capsys):
    page = tmp_path / 'out' / PAGE
    page.mkdir(parents=True)  # stands for a full disk
    error = error_of(capsys, 'train.py', data, tmp_path)
    assert f'{page}: the page cannot be written' in error
    [weights] = re.findall(r'weights are there: (\S+)', error)
    assert Path(weights).is_file()
    page.rmdir()
    assert TOOLS['train.py'].call('train.py', data, tmp_path, again=True) == 0
    assert page.is_file()


@pytest.mark.parametrize('script', TOOLS)
def test_a_disk_that_can_only_be_read(data, disk, capsys, script):
    if not disk.can_be_read_only:
        pytest.skip('root may write everywhere')
    with disk.read_only():
        error = error_of(capsys, script, data, disk.path)
    assert str(disk.path) in error
    assert 'cannot' in error
    assert not list(disk.path.iterdir())


@pytest.mark.parametrize('script', TOOLS)
def test_a_folder_where_a_file_is_to_be(data, tmp_path, capsys, script):
    tool = TOOLS[script]
    (tmp_path / tool.name / 'mine').mkdir(parents=True)
    error = error_of(capsys, script, data, tmp_path, again=bool(tool.again))
    assert str(tmp_path / tool.name) in error
    assert (tmp_path / tool.name / 'mine').is_dir()


@pytest.mark.parametrize('script', TOOLS)
def test_a_link_that_leads_nowhere_but_to_itself(data, tmp_path, capsys, script):
    loop = tmp_path / 'loop'
    loop.symlink_to(loop)
    assert str(loop) in error_of(capsys, script, data, loop)
    assert [path.name for path in tmp_path.iterdir()] == ['loop']


def written_over(data: Path, out: Path) -> dict[str, tuple[Path, Path, list]]:
    """Return, by tool: what it would lose, where that is, and the arguments that ask for it."""
    def more(script: str, *options) -> list:
        return [*TOOLS[script].options(data, out), *options]

    answers, classes = out / 'tally.csv', out / 'out/class_table.csv'
    masks, photos = out / 'out/mask/DeSRA', out / 'out/heldout/mse'
    return {
        'tally_study.py': (data / 'answers.csv', answers, [answers, '--csv', answers]),
        'calibrate_semantics.py': (ADE20K_TABLE, classes, more(
            'calibrate_semantics.py', '--classes', classes)),
        'compare_detectors.py': (data / 'gt', masks, more('compare_detectors.py', '--gt', masks)),
        'train.py': (data / 'lq', photos, more('train.py', '--heldout-lq-dir', photos))}


@pytest.mark.parametrize('script', written_over(Path(), Path()))
def test_what_is_read_is_not_written_over(data, tmp_path, capsys, script):
    source, target, arguments = written_over(data, tmp_path)[script]
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    before = contents(target)
    assert call(script, *arguments) == 2
    assert f'{target}: is read by this command' in capsys.readouterr().err
    assert contents(target) == before


def contents(path: Path) -> dict[str, bytes]:
    files = path.rglob('*') if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize('script', [name for name, tool in TOOLS.items() if tool.has_folder])
def test_two_runs_at_once(data, undisturbed, tmp_path, capsys, script):
    out = tmp_path / 'made'
    if TOOLS[script].again is not None:
        shutil.copytree(undisturbed(script), out)
    before = TOOLS[script].results(out)
    with held_by_another_run(out / 'out'):
        error = error_of(capsys, script, data, out, again=bool(TOOLS[script].again))
    assert f'{out}/out: another run is at work in this folder' in error
    (out / 'out/.lock').unlink()
    assert TOOLS[script].results(out) == before
