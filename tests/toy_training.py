"""Small configs in the manner of MMagic's, whose GAN-SR model is made of toys."""
from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from toys import MIN_AREA, make_lq_folder, write_checkpoints

from mmdesra.engine.inherit import inherit_desra

OUR_CONFIGS = sorted(map(str, (Path(__file__).parents[1] / 'configs/desra').glob('*.py')),
                     key=lambda path: ('srgan-bn' not in path, path))
"""Those in ``configs/desra``, first the ones of the SRGAN pair with batch norm."""

MMAGICS_CONFIGS = ['mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py',
                   'mmagic::esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py',
                   'mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py']
COUNTER = itertools.count()
DETECTOR = dict(type='DeSRA', min_area=MIN_AREA)
GT_PATCH_SIZE = 64


def make_data(folder: Path) -> SimpleNamespace:
    """Write LR images to train on and held-out ones, and the pair's checkpoints."""
    make_lq_folder(folder / 'lq')
    make_lq_folder(folder / 'heldout', seed=1)
    gan, mse = write_checkpoints(folder / 'weights')
    return SimpleNamespace(lq=folder / 'lq', heldout=folder / 'heldout', gan=gan, mse=mse)


def model_config(model_type: str = 'SRGAN', **changes) -> dict:
    """Return a GAN-SR model with the toy generator and a discriminator of a few channels."""
    model = dict(
        type=model_type,
        generator=dict(type='ToyGenerator'),
        discriminator=dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3,
                           mid_channels=4),
        pixel_loss=dict(type='L1Loss', loss_weight=1.0, reduction='mean'),
        gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=1e-3, real_label_val=1.0,
                      fake_label_val=0),
        train_cfg=dict(), test_cfg=dict(),
        data_preprocessor=dict(type='DataPreprocessor', mean=[0.] * 3, std=[255.] * 3))
    return dict(model, **changes)


def training_config(model: dict, lr: float = .03, iterations: int = 5, val_interval: int = 5000,
                    hooks: Sequence[dict] = ()) -> Config:
    """Return a config as MMagic's are before it inherits the workflow: its data do not exist.

    At the default learning rate 5 iterations take the toy's amplitude from 0.15 to about 0.
    """
    def adam(rate: float) -> dict:
        return dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=rate))

    checkpoint = dict(type='CheckpointHook', interval=2, by_epoch=False, out_dir='./work_dirs',
                      save_best='PSNR', rule='greater')
    return Config(dict(
        custom_imports=dict(imports=['toys'], allow_failed_imports=False),
        default_scope='mmagic',
        model=model,
        train_dataloader=dict(
            batch_size=2, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True),
            dataset=dict(type='BasicImageDataset', data_root='data/nowhere')),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iterations,
                       val_interval=val_interval),
        val_cfg=dict(type='MultiValLoop'),
        val_dataloader=dict(dataset=dict(type='BasicImageDataset', data_root='data/nowhere')),
        val_evaluator=dict(type='Evaluator', metrics=[dict(type='PSNR')]),
        optim_wrapper=dict(constructor='MultiOptimWrapperConstructor', generator=adam(lr),
                           discriminator=adam(1e-3)),
        default_hooks=dict(checkpoint=checkpoint, logger=dict(type='LoggerHook', interval=1)),
        custom_hooks=[dict(type='BasicVisualizationHook', interval=1), *hooks],
        visualizer=dict(type='ConcatImageVisualizer', vis_backends=[dict(type='LocalVisBackend')],
                        fn_key='gt_path', img_keys=['gt_img', 'input', 'pred_img'], bgr2rgb=True),
        log_processor=dict(type='LogProcessor', window_size=100, by_epoch=False),
        log_level='WARNING',
        randomness=dict(seed=0)))


def write_whole_model(path: Path, model: dict, seed: int = 0) -> dict:
    """Write an MMagic checkpoint of a long training, with random weights; return its state."""
    from mmagic.registry import MODELS
    torch.manual_seed(seed)
    module = MODELS.build(dict(model, _scope_='mmagic'))
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=.1)
    torch.save(dict(meta=dict(iter=400000, epoch=0), state_dict=module.state_dict()), path)
    return module.state_dict()


def write_role(path: Path, state: dict, role: str) -> str:
    """Write one part of a model in BasicSR's layout."""
    part = {name[len(role) + 1:]: value for name, value in state.items()
            if name.startswith(f'{role}.')}
    torch.save(dict(params=part), path)
    return str(path)


def make_runner(work_dir: Path, data: SimpleNamespace, config: Config | None = None,
                probe: Hook | None = None, **options) -> Runner:
    """Let a config inherit the workflow and build its Runner.

    Args:
        work_dir (Path): Where the run writes.
        data (SimpleNamespace): From :func:`make_data`.
        config (Config, optional): Default: :func:`training_config` of an SRGAN.
        probe (Hook, optional): Registered after the config's own hooks.
        **options: Arguments of the hook; None takes away one that is given by default.
    """
    config = training_config(model_config()) if config is None else config
    defaults = dict(lq_dir=str(data.lq), heldout_lq_dir=str(data.heldout),
                    gan_checkpoint=str(data.gan), mse_checkpoint=str(data.mse),
                    detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    inherit_desra(config, **{**defaults, **options})
    config.work_dir = str(work_dir)
    # mmengine keeps one log and one message hub for each name in a process.
    config.experiment_name = f'{work_dir.parent.name}-{work_dir.name}-{next(COUNTER)}'
    runner = Runner.from_cfg(config)
    if probe is not None:
        runner.register_hook(probe)
    return runner


def results_of(runner: Runner) -> dict:
    """Read the figures on the held-out images."""
    return json.loads((Path(runner.work_dir) / 'heldout/results.json').read_text())


class Probe(Hook):
    """Notes what the training loop sees, after all other hooks have acted."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.start: dict[str, torch.Tensor] = {}
        self.batches: list[dict] = []
        self.states: list[dict[str, torch.Tensor]] = []

    def before_train(self, runner) -> None:
        self.start = _copy_state(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.batches.append(data_batch)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.states.append(_copy_state(runner))

    @property
    def samples(self) -> list:
        """list: The data samples of all batches."""
        return [sample for batch in self.batches for sample in batch['data_samples']]


def _copy_state(runner: Runner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in runner.model.state_dict().items()}
