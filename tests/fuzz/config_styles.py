"""Cases about training configs: the style that a config is written in changes nothing."""
from __future__ import annotations

from pathlib import Path

from lazy_configs import bare, write_lazy
from mmengine.config import Config
from toy_training import model_config, training_config
from toys import make_lq_folder, write_checkpoints

from mmdesra.engine.amp import use_amp
from mmdesra.engine.inherit import inherit_desra
from mmdesra.engine.mse_partner import inherit_mse_partner
from mmdesra.files.configs import read_config

from .damage import Rng, chance, pick
from .judge import RIGHT, Refusal, ask, check

EMA = dict(type='ExponentialMovingAverageHook', module_keys=('generator_ema',), interval=1,
           interp_cfg=dict(momentum=.001))
OPTIONS = {
    'rounds': (1, 2, 0), 'stop': ('iterations', 'knee', 'soon'), 'flips': (True, False),
    'original_share': (0, .25, 1.5), 'gt_patch_size': (64, 128), 'mask_prob': (.5, 2),
    'heldout_lq_dir': ('lq', None), 'tile': (0, 16, -1), 'wanted_removal': (.9, 'all'),
}
"""Settings of the hook, some of them senseless: those are refused alike."""


def config_style_case(rng: Rng, folder: Path) -> str:
    """A config in text and in the pure Python style, with the same options."""
    gan, mse = write_checkpoints(folder / 'weights')
    make_lq_folder(folder / 'lq', count=1)
    with_ema = chance(rng, .5)
    model = model_config('RealESRGAN', is_use_ema=True) if with_ema else model_config('SRGAN')
    config = training_config(model, hooks=[EMA] if with_ema else [])
    config.dump(folder / 'text.py')
    write_lazy(folder / 'lazy.py', config)
    options = dict(lq_dir=str(folder / 'lq'), gan_checkpoint=str(gan), mse_checkpoint=str(mse))
    for name in OPTIONS:
        if chance(rng, .3):
            value = pick(rng, OPTIONS[name])
            options[name] = str(folder / value) if value == 'lq' else value
    with_amp, is_partner = chance(rng, .3), chance(rng, .2)

    def inherit(style: str) -> dict:
        read = read_config(str(folder / style))
        merged = (inherit_mse_partner(read, gan, str(folder / 'lq'), 5) if is_partner else
                  inherit_desra(read, int(rng.integers(1, 9)), **options))
        return _comparable(use_amp(merged) if with_amp else merged)

    state = rng.bit_generator.state
    ends = []
    for style in ('text.py', 'lazy.py'):
        rng.bit_generator.state = state
        try:
            ends.append(ask(lambda style=style: inherit(style), folder, 'DeSRAFinetuneHook'))
        except Refusal as refusal:
            ends.append(str(refusal).replace(style, ''))
    check(ends[0] == ends[1], f'the styles differ: {ends}')
    if isinstance(ends[0], str):
        raise Refusal(ends[0])
    return RIGHT


def _comparable(config: Config) -> dict:
    settings = bare(config.to_dict())
    settings.pop('custom_imports', None)
    return settings
