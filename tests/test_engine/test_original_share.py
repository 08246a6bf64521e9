"""Pseudo-GT pairs and the original training data in a fixed share per batch."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, HOOKS, MODELS, DefaultScope
from toy_mix import BATCH_SIZE, SHARE, mixed_config, write_original
from toy_training import (
    GT_PATCH_SIZE,
    MMAGICS_CONFIGS,
    Probe,
    make_runner,
    model_config,
    training_config,
)

from mmdesra.datasets.mixed_dataset import MixedDataset
from mmdesra.datasets.pipeline import pseudo_gt_pipeline
from mmdesra.engine.inherit import HOOK, inherit_desra
from mmdesra.errors import InputError
from mmdesra.files import write_image, write_mask
from mmdesra.files.configs import read_config


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    return write_original(tmp_path_factory.mktemp('original'))


@pytest.fixture
def train(data, original):
    def run(work_dir, iterations, resume=False, model='SRGAN', unsharp=False, share=SHARE, **hook):
        config = mixed_config(original, iterations, model, unsharp)
        config.resume = resume
        probe = Probe()
        runner = make_runner(work_dir, data, config, probe, original_share=share, **hook)
        runner.probe = probe
        runner.train()
        return runner

    return run


def paths_of(probe):
    return [[Path(sample.gt_path) for sample in batch['data_samples']] for batch in probe.batches]


@pytest.mark.parametrize('model, unsharp', [('SRGAN', False), ('RealESRGAN', True)])
def test_batches_hold_the_share(train, original, tmp_path, model, unsharp):
    runner = train(tmp_path / 'run', 4, model=model, unsharp=unsharp)
    pseudo_gts = tmp_path / 'run/pseudo_gt/gt'
    batches = paths_of(runner.probe)
    assert len(batches) == 4
    for batch, expected in zip(batches, [2, 1, 2, 1]):
        assert [path.parent for path in batch] == (
            [pseudo_gts] * (BATCH_SIZE - expected) + [original / 'GT'] * expected)
    for sample in runner.probe.samples:
        assert sample.gt_img.shape == (3, GT_PATCH_SIZE, GT_PATCH_SIZE)
        assert ('gt_unsharp' in sample) == unsharp
    assert runner.model.generator.amplitude.item() != runner.probe.start['generator.amplitude']


def test_without_a_share_the_original_data_are_not_read(train, original, tmp_path):
    runner = train(tmp_path / 'run', 2, share=0)
    assert {path.parent for batch in paths_of(runner.probe) for path in batch} == {
        tmp_path / 'run/pseudo_gt/gt'}


def test_resumed_run_sees_and_ends_as_an_undisturbed_one(train, tmp_path, capsys):
    whole = train(tmp_path / 'whole', 4)
    train(tmp_path / 'halves', 2)
    resumed = train(tmp_path / 'halves', 4, resume=True)
    assert 'metainfo' not in capsys.readouterr().out  # mmengine's doubts about the data
    seen = [[path.name for path in batch] for batch in paths_of(resumed.probe)]
    assert seen == [[path.name for path in batch] for batch in paths_of(whole.probe)][2:]
    for ours, theirs in zip(resumed.probe.batches, whole.probe.batches[2:]):
        assert all(map(torch.equal, ours['inputs'], theirs['inputs']))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


@pytest.mark.parametrize('name', MMAGICS_CONFIGS)
def test_original_pipelines_of_mmagic_go_with_ours(name, tmp_path):
    """The configs' own datasets and degradations, on made-up images, up to the model."""
    rng, real = np.random.default_rng(0), 'real' in name
    for folder, side in (('LR', 128), ('GT', 512)):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / 'a.png', rng.integers(0, 256, (side, side, 3), np.uint8))
    write_mask(tmp_path / 'mask.png', np.ones((512, 512), bool))
    config = read_config(name)
    config.train_dataloader.dataset.update(
        data_root=str(tmp_path), ann_file='',
        data_prefix=dict(img='GT' if real else 'LR', gt='GT'))
    paths = dict(img_path=f'{tmp_path}/LR/a.png', gt_path=f'{tmp_path}/GT/a.png',
                 mask_path=f'{tmp_path}/mask.png', sample_idx=0)
    patch = 256 if real else 128
    with DefaultScope.overwrite_default_scope('mmagic'):
        original = DATASETS.build(config.train_dataloader.dataset)
        with pytest.raises(InputError, match=f'got 64x64 .* set gt_patch_size to {patch}'):
            MixedDataset([Compose(pseudo_gt_pipeline(64))(dict(paths))], original)
        mixed = MixedDataset([Compose(pseudo_gt_pipeline(patch))(dict(paths))], original)
        batch = MODELS.build(config.model.data_preprocessor)(
            pseudo_collate([mixed[0], mixed[1]]), training=True)
    assert batch['inputs'].shape == (2, 3, patch // 4, patch // 4)
    assert batch['data_samples'].gt_img.shape == (2, 3, patch, patch)
    assert ('gt_unsharp' in batch['data_samples']) == real
    assert 'mask' not in batch['data_samples']


@pytest.mark.parametrize('missing', ['', 'GT', 'LR'])
def test_original_data_that_do_not_exist_are_named(data, tmp_path, missing):
    root = tmp_path / 'nowhere'
    if missing:
        write_original(root)
        (root / missing).rename(tmp_path / 'elsewhere')
    with pytest.raises(InputError, match=f'^{root / missing}: does not exist; .*data_root'):
        make_runner(tmp_path / 'run', data, mixed_config(root, 1), original_share=SHARE)


@pytest.mark.parametrize('name', MMAGICS_CONFIGS)
def test_annotation_file_of_a_config_is_looked_for(name, data, tmp_path):
    config = read_config(name)
    dataset = config.train_dataloader.dataset
    dataset.data_root = str(tmp_path)
    for folder in dataset.data_prefix.values():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    with pytest.raises(InputError, match=dataset.ann_file):
        inherit_desra(config, lq_dir=str(data.lq), mse_checkpoint='b', original_share=.5)
    (tmp_path / dataset.ann_file).touch()
    before = config.train_dataloader.to_dict()
    inherit_desra(config, lq_dir=str(data.lq), mse_checkpoint='b', original_share=.5)
    assert config.train_dataloader.to_dict() == before


def test_data_in_a_wrapper_and_not_on_this_machine(data, tmp_path):
    config = mixed_config(tmp_path / 'nowhere', 1)
    inner = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=inner)
    options = dict(lq_dir=str(data.lq), mse_checkpoint='b', original_share=.5)
    with pytest.raises(InputError, match='nowhere: does not exist'):
        inherit_desra(config, **options)
    config.train_dataloader.dataset.dataset.data_root = 's3://bucket'
    inherit_desra(config, **options)


def test_original_data_are_set_aside_and_taken_back(data, original):
    """As in a config that was inherited without a share, and dumped; or in configs/desra."""
    before = mixed_config(original, 1).train_dataloader.to_dict()
    options = dict(lq_dir=str(data.lq), mse_checkpoint='b')
    config = inherit_desra(mixed_config('nowhere', 1), **options)
    assert config.train_dataloader.dataset.type == 'AwaitedPseudoGTs'
    config.merge_from_dict({'train_dataloader.dataset.data_root': str(original)})
    inherit_desra(config, **options)
    assert config.train_dataloader.dataset.to_dict() == dict(type='AwaitedPseudoGTs',
                                                             dataset=before['dataset'])
    inherit_desra(config, original_share=.5, **options)
    assert config.train_dataloader.to_dict() == before


def test_placeholder_instead_of_the_original_data(data, tmp_path):
    config = training_config(model_config())
    runner = make_runner(tmp_path / 'run', data, config)
    (hook,) = (hook for hook in runner.hooks if type(hook).__name__ == HOOK)
    hook.original_share = .5
    with pytest.raises(InputError, match='must be the original dataset itself'):
        runner.train()


@pytest.mark.parametrize('share', [1, -.1, float('nan')])
def test_share_out_of_its_range(share):
    with pytest.raises(InputError, match=r'original_share in \[0, 1\), got'):
        HOOKS.build(dict(type=HOOK, lq_dir='a', mse_checkpoint='b', original_share=share))


def test_loop_that_counts_epochs_is_refused(data, original, tmp_path):
    """It would wait for the end of an endless epoch."""
    config = mixed_config(original, 1)
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    config.train_dataloader.sampler = dict(type='DefaultSampler', shuffle=True)
    runner = make_runner(tmp_path / 'run', data, config, original_share=SHARE)
    with pytest.raises(InputError, match='IterBasedTrainLoop.*got EpochBasedTrainLoop'):
        runner.train()


def test_what_the_model_reads_and_the_original_data_lack_is_named(train, tmp_path):
    with pytest.raises(InputError, match='original_share: RealESRGAN reads gt_unsharp of every '
                       "sample, .* none; .*CopyValues.*'gt_unsharp'"):
        train(tmp_path / 'run', 1, model='RealESRGAN', unsharp=False)
