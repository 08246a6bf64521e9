"""Inheriting the workflow in a config file: the same as with `mmdesra train`, under any tool."""
from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from toy_training import MMAGICS_CONFIGS, write_role, write_whole_model
from toys import make_lq_folder

from mmdesra.commands import run, train
from mmdesra.datasets.awaited_pseudo_gts import AwaitedPseudoGTs
from mmdesra.errors import InputError

ROOT = Path(__file__).parents[2]
FRAGMENT = str(ROOT / 'configs/_base_/desra_finetune.py')
REAL_ESRGAN, ESRGAN, SRGAN = MMAGICS_CONFIGS
NAMES = ('experiment_name', 'work_dir')
"""In which the two ways differ: a config file calls itself by a name of its own."""


def write_child(path: Path, base: str, fragment: str = FRAGMENT, extra: str = '',
                **options) -> str:
    """Write the config of a few lines that configs/desra/README.md shows."""
    path.write_text(f"""
_base_ = ['{base}', '{fragment}']

experiment_name = '{path.stem}-{path.parent.name}'
work_dir = f'./work_dirs/{{experiment_name}}'

custom_imports = _base_.desra_custom_imports
custom_hooks = _base_.custom_hooks + _base_.desra_hooks
custom_hooks[-1].update({options!r})
default_hooks = _base_.desra_default_hooks
train_cfg = _base_.desra_train_cfg
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='AwaitedPseudoGTs', dataset=_base_.train_dataloader.dataset))
val_cfg = val_dataloader = val_evaluator = None
{extra}""")
    return str(path)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    for seed, name in enumerate(('lq', 'heldout')):
        make_lq_folder(folder / name, 2, (32, 34), seed=seed)
    return SimpleNamespace(lq_dir=str(folder / 'lq'), heldout_lq_dir=str(folder / 'heldout'))


def config_of_the_tool(monkeypatch, *arguments: str) -> Config:
    monkeypatch.setattr(sys, 'argv', ['mmdesra train', *arguments])
    return train.load(train.parse_args())


def plain(settings):
    """Without the scopes that mmengine notes where a dict came from another package's config."""
    if isinstance(settings, dict):
        return {key: plain(value) for key, value in settings.items() if key != '_scope_'}
    return [plain(value) for value in settings] if isinstance(settings, list) else settings


@pytest.mark.parametrize('base, fragment', [
    (REAL_ESRGAN, FRAGMENT), (ESRGAN, FRAGMENT), (SRGAN, 'mmdesra::_base_/desra_finetune.py')],
    ids=['Real-ESRGAN', 'ESRGAN', 'SRGAN'])
def test_same_config_as_with_flags(base, fragment, data, tmp_path, monkeypatch):
    """But for the fragment's own keys and the names that a config file gives itself."""
    ours = Config.fromfile(write_child(
        tmp_path / 'child.py', base, fragment, lq_dir=data.lq_dir,
        heldout_lq_dir=data.heldout_lq_dir, gan_checkpoint='gan.pth', mse_checkpoint='mse.pth',
        detector=dict(type='DeSRA', min_area=1000)))
    tools = config_of_the_tool(
        monkeypatch, base, '--lq-dir', data.lq_dir, '--heldout-lq-dir', data.heldout_lq_dir,
        '--gan-checkpoint', 'gan.pth', '--mse-checkpoint', 'mse.pth',
        '--hook-options', 'detector.min_area=1000')
    ours, tools = plain(ours.to_dict()), plain(tools.to_dict())
    for name in NAMES:
        assert ours.pop(name) != tools.pop(name)
    ours = {key: value for key, value in ours.items() if not key.startswith('desra_')}
    assert ours == tools


def test_tool_takes_the_child_as_it_is(data, tmp_path, monkeypatch):
    path = write_child(tmp_path / 'child.py', SRGAN, lq_dir=data.lq_dir, gan_checkpoint='gan.pth',
                       mse_checkpoint='mse.pth')
    tools, ours = config_of_the_tool(monkeypatch, path), Config.fromfile(path)
    tools.work_dir = ours.work_dir
    assert tools.to_dict() == ours.to_dict()


@pytest.fixture
def mmagics_tool(monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '0')  # MMagic's would set it, for the tests to come

    def run_it(*arguments: str) -> None:
        monkeypatch.setattr(sys, 'argv', ['mmdesra run', 'mmagic::tools/train.py', *arguments])
        monkeypatch.setattr(sys, 'path', sys.path.copy())
        assert run.main() == 0
    return run_it


def test_runs_under_mmagics_own_tool(data, tmp_path, mmagics_tool):
    """Real-ESRGAN, with few channels; none of the data that MMagic's config names exist."""
    model = """
model = dict(
    generator=dict(mid_channels=4, num_blocks=1, growth_channels=4),
    discriminator=dict(mid_channels=4),
    perceptual_loss=None)
train_cfg = dict(_base_.desra_train_cfg, max_iters=3)
train_dataloader.update(batch_size=2, num_workers=0)
"""
    path = write_child(
        tmp_path / 'child.py', REAL_ESRGAN, extra=model, gt_patch_size=64, **vars(data),
        gan_checkpoint=str(tmp_path / 'gan.pth'), mse_checkpoint=str(tmp_path / 'mse.pth'),
        detector=dict(type='DeSRA', threshold=1, min_area=0))
    config = Config.fromfile(path)
    for seed, name in enumerate(('gan', 'mse')):
        state = write_whole_model(tmp_path / 'whole.pth', config.model, seed=seed)
        write_role(tmp_path / f'{name}.pth', state, 'generator')
    mmagics_tool(path, '--work-dir', str(tmp_path / 'run'))

    results = json.loads((tmp_path / 'run/heldout/results.json').read_text())
    assert results['images'] == 2
    assert len(list((tmp_path / 'run/pseudo_gt/gt').iterdir())) == 2
    (log,) = (tmp_path / 'run').glob('*/*.log')
    assert 'momentum of the EMA raised from 0.001 to 0.5' in log.read_text()
    end = torch.load(tmp_path / 'run/iter_3.pth', weights_only=True)['state_dict']
    assert any(name.startswith('generator_ema') for name in end)
    (dumped,) = (tmp_path / 'run').glob('*/vis_data/config.py')
    config.work_dir, config.launcher = str(tmp_path / 'run'), 'none'
    assert plain(Config.fromfile(dumped).to_dict()) == plain(config.to_dict())


def test_hook_that_was_forgotten_is_named(tmp_path, data, mmagics_tool):
    path = write_child(
        tmp_path / 'child.py', SRGAN, extra="""
model = dict(
    generator=dict(mid_channels=4, num_blocks=1), discriminator=dict(mid_channels=4),
    perceptual_loss=None)
custom_hooks = _base_.custom_hooks
train_dataloader.update(num_workers=0)
""", lq_dir=data.lq_dir, mse_checkpoint='mse.pth')
    with pytest.raises(InputError, match='DeSRAFinetuneHook, which must be among'):
        mmagics_tool(path, '--work-dir', str(tmp_path / 'run'))


def test_placeholder_has_a_length_for_samplers():
    assert len(AwaitedPseudoGTs(dict(type='Anything'))) == 1


@pytest.mark.parametrize('script, message', [
    ('nowhere.py', 'nowhere.py: expected a Python script'),
    ('mmagic::tools/nothing.py', 'nothing.py: expected a Python script'),
    ('no_such_package::tools/train.py', "'no_such_package' is not installed")])
def test_script_that_is_not_there(script, message, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['mmdesra run', script])
    with pytest.raises(SystemExit, match=message):
        run.main()
