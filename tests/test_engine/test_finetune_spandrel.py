"""A network that MMagic lacks, fine-tuned by MMagic and handed back to those that know it."""
from __future__ import annotations

import pytest
import torch
from torch import nn
from toy_training import make_data, make_runner, model_config, training_config

import mmdesra  # noqa: F401  (spandrel needs its mend of torchvision)
from mmdesra.generators import convert_checkpoint

spandrel = pytest.importorskip('spandrel')
EVERYWHERE = dict(type='DeSRA', threshold=1, min_area=0)
"""For generators with random weights: almost each pixel is an artifact."""

EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.25))


def write_compact(path, seed):
    from spandrel.architectures.Compact import Compact
    torch.manual_seed(seed)
    network = Compact(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=1, upscale=4)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=.1)
    torch.save(dict(params=network.state_dict()), path)
    return str(path)


def test_from_its_file_to_its_file(tmp_path):
    gan, mse = (write_compact(tmp_path / f'{name}.pth', seed)
                for seed, name in enumerate(('gan', 'mse')))
    model = model_config('SRGAN', generator=dict(type='SpandrelGenerator', checkpoint=gan))
    config = training_config(model, lr=1e-3, iterations=2, val_interval=1, hooks=[EMA_HOOK])
    runner = make_runner(tmp_path / 'run', make_data(tmp_path / 'data'), config,
                         gan_checkpoint=gan, mse_checkpoint=mse, detector=EVERYWHERE,
                         mse_generator='spandrel')
    runner.train()
    done = convert_checkpoint(tmp_path / 'run/iter_2.pth', tmp_path / 'tuned.pth')
    assert (done.layout, done.network) == ('MMagic, generator_ema, not generator',
                                           'SRVGGNetCompact')
    tuned = spandrel.ModelLoader().load_from_file(tmp_path / 'tuned.pth')
    assert tuned.architecture.id == 'Compact'
    start = torch.load(gan, weights_only=True)['params']
    state = torch.load(tmp_path / 'tuned.pth', weights_only=True)['params_ema']
    trained = runner.model.generator_ema.state_dict()
    assert list(state) == list(start)
    for name, value in state.items():
        assert torch.equal(value, trained[name])
        assert not torch.equal(value, start[name])
        torch.testing.assert_close(value, start[name], rtol=0, atol=.003)  # two steps of 0.001
