"""Which weights a training starts from, and what its log says of them."""
from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import nn
from toy_training import make_runner, model_config, training_config
from toys import ToyGenerator

from mmdesra.engine.start_weights import start_discriminator, start_generator, start_sibling
from mmdesra.generators import CheckpointError

logger = logging.getLogger('test_start_weights')


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.generator_ema = ToyGenerator(), ToyGenerator()
        self.discriminator = nn.Conv2d(3, 2, 3)
        self.gan_loss = 'a loss'


def save(folder, content):
    torch.save(content, folder / 'start.pth')
    return folder / 'start.pth'


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_of_two_sets_the_log_says_which(tmp_path, log, caplog):
    path = save(tmp_path, {'params': ToyGenerator(9).state_dict(),
                           'params-ema': ToyGenerator(.5).state_dict()})
    model = Model()
    start_generator(model, path, logger)
    sibling = ToyGenerator()
    start_sibling(sibling, path, logger)
    assert model.generator.amplitude == model.generator_ema.amplitude == sibling.amplitude == .5
    assert log() == [f'DeSRA: {what} from {path}: BasicSR, params-ema, not params'
                     for what in ('generator', 'MSE-trained sibling')]
    assert {record.levelname for record in caplog.records} == {'WARNING'}  # in quiet runs, too


@pytest.mark.parametrize('prefix', ['', 'module.', '_orig_mod.'])
def test_a_whole_model_brings_its_discriminator(tmp_path, log, prefix):
    state = {f'{prefix}{name}': value for name, value in Model().state_dict().items()}
    path = save(tmp_path, dict(state_dict=state))
    model = Model()
    assert start_discriminator(model, None, path, logger)
    assert torch.equal(model.discriminator.weight, state[f'{prefix}discriminator.weight'])
    assert log() == [f'DeSRA: discriminator from {path}: MMagic, discriminator']


def test_anothers_discriminator_is_not_taken_unasked(tmp_path, log):
    """A generator's file of another code base, whose netD need not be MMagic's network."""
    path = save(tmp_path, dict(netG=ToyGenerator().state_dict(),
                               netD=nn.Conv2d(3, 2, 3).state_dict()))
    model = Model()
    assert not start_discriminator(model, None, path, logger)
    assert model.gan_loss is None and 'switched OFF' in log()[0]
    model = Model()
    assert start_discriminator(model, path, None, logger)
    assert log()[1] == f'DeSRA: discriminator from {path}: netD'


POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 67040989\n'


@pytest.mark.parametrize('start, message', [
    ('https://host/gan.pth', 'https://host/gan.pth: is a URL, .* download it and give the file'),
    ('pointer.pth', 'pointer.pth: is a Git LFS pointer .*: run git lfs pull')])
def test_load_from_is_told_before_mmengine_reads_it(data, tmp_path, start, message):
    """mmengine would download the one, and fail on the other with advice to run what is in it."""
    (tmp_path / 'pointer.pth').write_text(POINTER)
    start = start if '//' in start else str(tmp_path / start)
    runner = make_runner(tmp_path / 'run', data, training_config(model_config(), iterations=1),
                         gan_checkpoint=None)
    runner._load_from = runner.cfg.load_from = start
    with pytest.raises(CheckpointError, match=message):
        runner.train()
    assert not (tmp_path / 'run/pseudo_gt').exists()


def test_a_run_is_not_resumed_from_an_address(data, tmp_path):
    runner = make_runner(tmp_path / 'run', data, training_config(model_config(), iterations=1))
    runner._resume, runner._load_from = True, 's3://bucket/iter_1.pth'
    with pytest.raises(CheckpointError, match=r's3://bucket/iter_1.pth: is an address'):
        runner.train()
    assert not [*Path(tmp_path / 'run').glob('*.pth')]
