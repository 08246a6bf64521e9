"""What mmengine's own EMAHook writes, by a Runner of mmengine's."""
from __future__ import annotations

import logging

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmdesra.generators import convert_checkpoint, fingerprint, load_weights, read_checkpoint


class Model(BaseModel):
    """As MMagic's: a generator within a model. Each iteration pulls it elsewhere."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        result = self.generator(torch.stack(inputs))
        return dict(loss=(result - 3).square().mean()) if mode == 'loss' else result


class Keep(EMAHook):
    """mmengine's hook; it also notes its average, before anything is saved."""

    average = None

    def after_train_iter(self, *arguments, **more):
        super().after_train_iter(*arguments, **more)
        Keep.average = {name: value.clone() for name, value in
                        self.ema_model.module.generator.state_dict().items()}


@pytest.fixture(scope='module')
def run(tmp_path_factory, own_scope):
    folder = tmp_path_factory.mktemp('ema')
    data = [dict(inputs=torch.rand(3, 8, 8)) for _ in range(4)]
    runner = Runner(
        Model(), str(folder), train_dataloader=dict(
            batch_size=2, sampler=dict(type='DefaultSampler', shuffle=False), dataset=data),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=3), custom_hooks=[Keep(momentum=.1)],
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.5)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=3)),
        experiment_name='test_mmengine_ema', log_level='ERROR')
    runner.train()
    return folder / 'iter_3.pth', Keep.average, runner.model.generator.state_dict()


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def filled(state):
    module = network()
    module.load_state_dict(state)
    return fingerprint(module)


def test_state_dict_is_the_average_and_that_is_taken(run, caplog):
    path, average, trained = run
    content = read_checkpoint(path)
    assert 'steps' in content['ema_state_dict'] and 'mmengine_version' in content['meta']
    taken = network()
    said = load_weights(taken, path)
    assert fingerprint(taken) == filled(average) != filled(trained)
    assert said == ("MMagic, generator (where mmengine's EMAHook puts the EMA), not "
                    'ema_state_dict.generator')
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_other_set_is_what_was_trained(run, tmp_path):
    path, _, trained = run
    torch.save(dict(state_dict=read_checkpoint(path)['ema_state_dict']), tmp_path / 'raw.pth')
    taken = network()
    assert load_weights(taken, tmp_path / 'raw.pth') == 'MMagic, generator, without steps'
    assert fingerprint(taken) == filled(trained)


def test_converting_it_takes_the_average(run, tmp_path):
    path, average, _ = run
    done = convert_checkpoint(path, tmp_path / 'out.pth')
    assert 'puts the EMA), not ema_state_dict.generator' in done.layout
    written = torch.load(tmp_path / 'out.pth', weights_only=True)['params_ema']
    assert filled(written) == filled(average)
