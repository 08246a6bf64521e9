"""Checkpoints under kills and full disks; the config of a run that is under way."""
from __future__ import annotations

import resource
import shutil
import zipfile

import pytest
import torch
from command_lines import held_by_another_run
from mmengine.hooks import Hook
from toy_training import make_runner, model_config, training_config

from mmdesra.errors import InputError


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    """The folder of a run of two iterations, with a checkpoint of each."""
    folder = tmp_path_factory.mktemp('trained') / 'run'
    make(folder, data, 2).train()
    return folder


@pytest.fixture
def work_dir(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / 'run')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_2.pth'))
    return folder


def make(folder, data, iterations, resume=False, seed=0, **options):
    config = training_config(model_config(), iterations=iterations)
    config.default_hooks.checkpoint.interval = 1
    config.resume = resume
    config.randomness.seed = seed
    return make_runner(folder, data, config, heldout_lq_dir=None, **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def weights(folder):
    return torch.load(folder / 'iter_2.pth', weights_only=True)['state_dict']


def test_one_seed_one_result(trained, data, tmp_path):
    for seed in (0, 1):
        make(tmp_path / str(seed), data, 2, seed=seed).train()
    again, other = (weights(tmp_path / str(seed)) for seed in (0, 1))
    first = weights(trained)
    assert first.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())
    assert contents(trained / 'pseudo_gt') == contents(tmp_path / '0/pseudo_gt')


def test_pseudo_gts_that_another_run_makes_are_left_alone(data, tmp_path):
    with held_by_another_run(tmp_path / 'pairs'), pytest.raises(
            InputError, match='pairs: another run is at work in this folder .process'):
        make(tmp_path / 'run', data, 1, pseudo_gt_dir=str(tmp_path / 'pairs')).train()
    assert [path.name for path in (tmp_path / 'pairs').iterdir()] == ['.lock']


def test_pseudo_gts_that_are_complete_are_only_read(trained, data, tmp_path):
    """Many runs may have them at once, from a disk that can only be read."""
    made = contents(trained / 'pseudo_gt')
    with held_by_another_run(trained / 'pseudo_gt'):
        make(tmp_path / 'run', data, 1, pseudo_gt_dir=str(trained / 'pseudo_gt')).train()
        (trained / 'pseudo_gt/.lock').unlink()
    assert contents(trained / 'pseudo_gt') == made
    assert (tmp_path / 'run/iter_1.pth').is_file()


def empty_name(folder):
    (folder / 'last_checkpoint').write_text('')


def torn_checkpoint(folder):
    whole = (folder / 'iter_2.pth').read_bytes()
    (folder / 'iter_2.pth').write_bytes(whole[:len(whole) // 2])


def flipped_bit(folder):
    path = folder / 'iter_2.pth'
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    content = bytearray(path.read_bytes())
    content[largest.header_offset + 128 + largest.file_size // 2] ^= 1  # amid the record
    path.write_bytes(content)


def moved_folder(folder):
    (folder / 'last_checkpoint').write_text('/where/it/was/iter_2.pth')


def whole(folder):
    pass


class NotesStart(Hook):
    """Notes the iteration that a run begins at."""

    def before_train(self, runner):
        self.iteration = runner.iter


@pytest.mark.parametrize('what_happened, goes_on_after', [
    (whole, 2), (empty_name, 2), (moved_folder, 2), (torn_checkpoint, 1),
    (flipped_bit, 1)])
def test_resumes_from_the_newest_whole_checkpoint(work_dir, data, capsys, what_happened,
                                                  goes_on_after):
    what_happened(work_dir)
    runner = make(work_dir, data, 3, resume=True)
    start = NotesStart()
    runner.register_hook(start)
    capsys.readouterr()
    runner.train()
    said = capsys.readouterr()
    is_told = 'names no whole checkpoint' in said.out + said.err
    assert is_told == (what_happened is not whole)
    assert start.iteration == goes_on_after
    for number in (2, 3):
        assert torch.load(work_dir / f'iter_{number}.pth', weights_only=True)['meta'][
            'iter'] == number


class Code:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.call = open, (str(path), 'w')

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('by_name', [True, False])
def test_a_checkpoint_with_code_is_not_resumed_from(work_dir, data, by_name):
    path = work_dir / 'iter_2.pth'
    content = torch.load(path, weights_only=True)
    torch.save(dict(content, extra=Code(work_dir / 'canary')), path)
    runner = make(work_dir, data, 3, resume=True)
    runner._load_from = str(path) if by_name else None
    with pytest.raises(InputError, match='iter_2.pth: .* not loaded because that would run code'):
        runner.train()
    assert not (work_dir / 'canary').exists()


def test_begins_anew_where_no_checkpoint_is_whole(work_dir, data):
    for path in work_dir.glob('*.pth'):
        path.write_bytes(b'half')
    runner = make(work_dir, data, 1, resume=True)
    runner.train()
    assert runner.iter == 1
    assert torch.load(work_dir / 'iter_1.pth', weights_only=True)['meta']['iter'] == 1


def test_a_full_disk_leaves_no_half_checkpoint(work_dir, data):
    """The one before stays, whole, and is what the run can be resumed from."""
    runner = make(work_dir, data, 4, resume=True)
    size = (work_dir / 'iter_2.pth').stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))
    try:
        with pytest.raises(OSError, match='iter_3.pth: cannot be written .File too large'):
            runner.train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in work_dir.glob('*.pth')} == {'iter_1.pth', 'iter_2.pth'}
    assert not list(work_dir.glob('.*.part'))
    assert (work_dir / 'last_checkpoint').read_text().endswith('iter_2.pth')


def test_a_refused_run_leaves_the_config_of_the_one_under_way(work_dir, data):
    """Also where the Runner is built first, as MMagic's own tool does."""
    (config,) = work_dir.glob('*.py')
    config.write_text('the config of the other run')
    with held_by_another_run(work_dir):
        runner = make(work_dir, data, 1)
        object.__setattr__(runner.cfg, '_filename', str(config))  # as if it had been read
        runner.dump_config()
        with pytest.raises(InputError, match='another run is at work in this folder'):
            runner.train()
    assert config.read_text() == 'the config of the other run'
    assert list(work_dir.glob('*.py')) == [config]
    runner.dump_config()
    assert config.read_text() != 'the config of the other run'
