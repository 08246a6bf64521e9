"""--amp: in which precision networks run, and what a checkpoint keeps."""
from __future__ import annotations

from functools import partial

import pytest
import torch
from mmengine.config import Config
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.registry import MODELS
from torch import nn
from toy_training import Probe, make_runner, model_config, training_config, write_role
from toys import GAN_AMPLITUDE, ToyGenerator

from mmdesra.engine import amp
from mmdesra.engine.amp import use_amp
from mmdesra.errors import InputError

EMA_HOOK = dict(type='ExponentialMovingAverageHook', module_keys='generator_ema', interval=1,
                interp_cfg=dict(momentum=.25))
ADAM = dict(type='Adam', lr=.03)


@MODELS.register_module(force=True)
class ConvolvingToy(ToyGenerator):
    """The toy after a convolution that leaves the image as it is, beside a batch norm."""

    def __init__(self, amplitude: float = 0) -> None:
        super().__init__(amplitude)
        self.norm = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.dirac_(self.conv.weight)
        self.seen: list[tuple[bool, torch.dtype]] = []

    def forward(self, x):
        x = self.conv(x)
        x = x + 0 * self.norm(x)
        self.seen.append((torch.is_grad_enabled(), x.dtype))
        return super().forward(x)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Checkpoints of the pair and of a discriminator."""
    from mmagic.registry import MODELS as MMAGIC
    folder = tmp_path_factory.mktemp('weights')
    paths = {}
    for name, amplitude in (('gan', GAN_AMPLITUDE), ('mse', 0)):
        paths[f'{name}_checkpoint'] = str(folder / f'{name}.pth')
        torch.save(dict(params=ConvolvingToy(amplitude).state_dict()), folder / f'{name}.pth')
    network = MMAGIC.build(dict(model_config()['discriminator'], _scope_='mmagic'))
    state = {f'discriminator.{name}': value for name, value in network.state_dict().items()}
    path = write_role(folder / 'discriminator.pth', state, 'discriminator')
    return dict(paths, discriminator_checkpoint=path)


@pytest.fixture
def train(data, weights, tmp_path):
    def run(iterations, resume=False):
        model = model_config('RealESRGAN', generator=dict(type='ConvolvingToy'))
        config = use_amp(training_config(model, iterations=iterations, hooks=[EMA_HOOK]))
        config.resume = resume
        probe = Probe()
        runner = make_runner(tmp_path / 'run', data, config, probe, heldout_lq_dir=None,
                             **weights)
        runner.probe = probe
        dtypes = set()
        runner.model.discriminator.conv_0.register_forward_hook(
            lambda module, inputs, output: dtypes.add(output.dtype))
        runner.train()
        runner.discriminator_dtypes = dtypes
        return runner

    return run


def test_trains_and_resumes_on_the_cpu_in_bfloat16(train):
    first = train(2)
    generator = first.model.generator
    assert {dtype for trains, dtype in generator.seen if trains} == {torch.bfloat16}
    assert first.discriminator_dtypes == {torch.bfloat16}
    # Pseudo GTs are made of images in full precision.
    assert {dtype for trains, dtype in generator.seen if not trains} <= {torch.float32}
    start, end = first.probe.start, first.probe.states[-1]
    assert {value.dtype for value in end.values()} <= {torch.float32, torch.int64}
    assert end['generator.amplitude'] < GAN_AMPLITUDE - .03
    for name in ('generator.norm.running_mean', 'discriminator.conv_9.weight'):
        assert not torch.equal(start[name], end[name]), name
    # Two steps of a momentum of 1/4.
    assert end['generator.amplitude'] < end['generator_ema.amplitude'] < GAN_AMPLITUDE

    resumed = train(3, resume=True)
    assert_same(resumed.probe.start, end)
    assert len(resumed.probe.states) == 1
    assert resumed.optim_wrapper['generator'].optimizer.state_dict()['state'][0]['step'] == 3


def test_scaler_of_a_gpu_resumes_without_trusting_the_file(train, tmp_path, monkeypatch):
    """mmengine's own wrapper, with the CPU in place of the GPU."""
    monkeypatch.setattr(amp, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    monkeypatch.setattr(amp_optimizer_wrapper, 'GradScaler',
                        partial(torch.amp.GradScaler, 'cpu', init_scale=64., growth_interval=2))
    first = train(2)
    assert {dtype for trains, dtype in first.model.generator.seen if trains} == {torch.bfloat16}
    saved = torch.load(tmp_path / 'run/iter_2.pth', weights_only=True)['optimizer']
    assert saved['generator']['loss_scaler']['scale'] == 128
    resumed = train(3, resume=True)
    scalers = {name: resumed.optim_wrapper[name].loss_scaler.state_dict()
               for name in ('generator', 'discriminator')}
    assert scalers['generator']['scale'] == 128
    assert scalers['generator']['_growth_tracker'] == 1
    assert_same(resumed.probe.start, first.probe.states[-1])

    monkeypatch.undo()  # a checkpoint from a GPU goes on without one
    assert train(4, resume=True).probe.states[-1]['generator.amplitude'] < GAN_AMPLITUDE


@pytest.mark.parametrize('device, type_, scale', [('cuda', 'AmpOptimWrapper', 'dynamic'),
                                                  ('cpu', 'CpuAmpOptimWrapper', None)])
def test_every_optimiser_of_a_config(device, type_, scale, monkeypatch):
    monkeypatch.setattr(amp, 'get_device', lambda: device)
    one = Config(dict(optim_wrapper=dict(optimizer=ADAM, clip_grad=dict(max_norm=1))))
    wrapper = use_amp(one).optim_wrapper
    assert (wrapper.type, wrapper.get('loss_scale')) == (type_, scale)
    assert wrapper.optimizer == ADAM and wrapper.clip_grad == dict(max_norm=1)

    several = training_config(model_config()).optim_wrapper
    several.discriminator.update(type='AmpOptimWrapper', loss_scale=512., dtype='float16')
    use_amp(Config(dict(optim_wrapper=several)))
    assert several.generator.type == several.discriminator.type == type_
    assert several.discriminator.get('loss_scale') == (512. if scale else None)
    assert several.constructor == 'MultiOptimWrapperConstructor'


@pytest.mark.parametrize('optim_wrapper, message', [
    (None, 'needs an optim_wrapper'),
    (dict(generator=dict(type='ApexOptimWrapper', optimizer=ADAM)), 'got ApexOptimWrapper')])
def test_what_cannot_train_in_mixed_precision(optim_wrapper, message):
    with pytest.raises(InputError, match=message):
        use_amp(Config(dict(optim_wrapper=optim_wrapper)))


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name, value in state.items():
        assert torch.equal(value, other[name]), name
