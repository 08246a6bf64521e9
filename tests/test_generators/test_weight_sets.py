"""Which of the sets in a file is taken, under the names that training scripts use."""
from __future__ import annotations

import logging
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from mmdesra.generators import CheckpointError, convert_checkpoint, fingerprint, load_weights
from mmdesra.generators.weight_names import words_of


def tiny(seed=0):
    torch.manual_seed(seed)
    network = nn.Sequential(OrderedDict(
        conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4), last=nn.Conv2d(4, 3, 3)))
    nn.init.normal_(network.bn.running_mean)
    return network


EMA, RAW, OTHER = (tiny(seed).state_dict() for seed in (1, 2, 3))


def before(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


OPTIMIZER = dict(state={0: dict(step=torch.tensor(3.), exp_avg=torch.ones(2, 2))},
                 param_groups=[dict(lr=.1)])
PAIRS = [
    ('params_ema', 'params'), ('params-ema', 'params'), ('PARAMS_EMA', 'PARAMS'),
    ('ema_params', 'params'), ('paramsEma', 'params'), ('paramsema', 'params'),
    ('ema_state_dict', 'state_dict'), ('state_dict_ema', 'state_dict'),
    ('stateDictEma', 'stateDict'), ('model_ema', 'model'), ('ema_model', 'model'),
    ('ema', 'model'), ('EMA', 'net'), ('ema', 'state_dict'), ('model_ema_state_dict', 'model'),
    ('model_ema_state_dict', 'model_state_dict'), ('module_ema', 'module'),
    ('generator_ema', 'generator'), ('g_ema', 'g'), ('G_ema', 'G'), ('netG_ema', 'netG'),
    ('netG-EMA', 'netG'), ('netGEma', 'netG'), ('net_g_ema', 'net_g'), ('ema', 'netG'),
    ('gen_ema', 'gen'), ('ema_0.999', 'model'), ('swa_model', 'model'),
    ('averaged_model', 'model'), ('upscaler_ema', 'upscaler'), ('params_ema', 'params_no_ema')]


@pytest.mark.parametrize('first', ['ema', 'raw'])
@pytest.mark.parametrize('ema, raw', PAIRS)
def test_the_average_is_taken_by_any_name_and_the_other_named(tmp_path, caplog, ema, raw, first):
    content = {ema: EMA, raw: RAW} if first == 'ema' else {raw: RAW, ema: EMA}
    torch.save(dict(content, epoch=3, optimizer=OPTIMIZER, g_optim=OPTIMIZER),
               tmp_path / 'both.pth')
    network = tiny()
    said = load_weights(network, tmp_path / 'both.pth')
    assert fingerprint(network) == fingerprint(tiny(1))
    assert said.removeprefix('BasicSR, ') == f'{ema}, not {raw}'
    [record] = caplog.records  # seen by whoever has set nothing up: it is a choice
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{tmp_path / 'both.pth'}: {said}"


PUT_BY_MMENGINE = "state_dict (where mmengine's EMAHook puts the EMA), not ema_state_dict"
MARKED = dict(meta=dict(mmengine_version='0.10.7'), message_hub={})
LAYOUTS = {
    'nested': (dict(model=dict(params=RAW, params_ema=EMA)),
               'model.params_ema, not model.params'),
    'deep': (dict(checkpoint=dict(state=dict(net=RAW, ema=before('module.', EMA)))),
             'checkpoint.state.ema, not checkpoint.state.net'),
    'in one state dict': (dict(state_dict={**before('generator.', RAW),
                                           **before('generator_ema.', EMA),
                                           **before('discriminator.', OTHER)}),
                          'MMagic, generator_ema, not generator'),
    'a module of its own': (dict(model=RAW, ema=dict(module=EMA, decay=.999)),
                            'ema.module, not model'),
    'shadow': (dict(model=RAW, ema=dict(shadow=EMA, backup={})), 'ema.shadow, not model'),
    'shadow and backup': (dict(ema=dict(backup=RAW, shadow=EMA)), 'ema.shadow, not ema.backup'),
    'a GAN': (dict(g=RAW, d=dict(OTHER), g_ema=EMA), 'g_ema, not g'),
    'only the GAN': (dict(netG=EMA, netD=OTHER), 'netG'),
    'Lightning': (dict(state_dict={**before('model.', EMA), 'loss_fn.vgg.weight': torch.ones(2)},
                       callbacks={}, loops={}), 'state_dict.model, without loss_fn'),
    'Lightning, GAN': (dict(state_dict={**before('net_g.', EMA), **before('net_d.', OTHER)}),
                       'state_dict.net_g'),
    'Lightning, generator': (dict(state_dict={**before('generator.', EMA), 'lpips.x': OTHER[
        'conv.bias'], **before('discriminator.', OTHER)}), 'MMagic, generator'),
    'Lightning, EMA': (dict(state_dict={**before('model.', RAW), **before('model_ema.', EMA)}),
                       'state_dict.model_ema, not state_dict.model'),
    'Lightning, AveragedModel': (
        dict(state_dict={**before('net.', RAW), **before('ema_model.module.', EMA),
                         'ema_model.n_averaged': torch.tensor(3)}),
        'state_dict.ema_model, not state_dict.net, without n_averaged'),
    # Its callback WeightAveraging puts the average in the usual place.
    'Lightning, averaging': (dict(state_dict=EMA, current_model_state=RAW),
                             'state_dict, not current_model_state'),
    'ema_pytorch': (dict(step=3, ema={**before('ema_model.', EMA), 'initted': torch.tensor(True),
                                      **before('online_model.', RAW)}),
                    'ema.ema_model, not ema.online_model, without initted'),
    'beside the names': ({**RAW, **before('ema.', EMA)}, 'ema, not bare state dict'),
    'no average': (dict(params=EMA, params_ema=None), 'BasicSR, params, not params_ema (empty)'),
    'an empty average': (dict(model=EMA, ema={}), 'model, not ema (empty)'),
    'raw by name': (dict(model=EMA, model_without_ema=RAW), 'model, not model_without_ema'),
    'unknown name': (dict(upscaler=EMA, epoch=3), 'upscaler'),
    'one fits': (dict(upscaler=EMA, vgg={'features.0.weight': torch.ones(3)}),
                 'upscaler, not vgg'),
    'usual first': (dict(state_dict=EMA, model=RAW), 'state_dict, not model'),
    'equal averages': (dict(ema_1=EMA, ema_2=without(EMA)), 'ema_1, not ema_2'),
    'torch.compile': (before('_orig_mod.', EMA), 'bare state dict'),
    'compiled within': (dict(params={'conv._orig_mod.weight': EMA['conv.weight'],
                                     **without(EMA, 'conv.weight')}), 'BasicSR, params'),
    'compiled and parallel': (dict(params=before('module._orig_mod.', EMA)), 'BasicSR, params'),
    'wrapped again': (dict(state_dict=before('_orig_mod.module.module.', EMA)), 'state_dict'),
    'FSDP': (before('_fsdp_wrapped_module.', EMA), 'bare state dict'),
    'MMagic, compiled': (dict(state_dict=before('generator._orig_mod.', EMA)),
                         'MMagic, generator'),
    'averaged': ({**before('module.', EMA), 'n_averaged': torch.tensor(9)},
                 'bare state dict, without n_averaged'),
    'mmengine': (dict(MARKED, state_dict=EMA, ema_state_dict=before('module.', RAW)),
                 PUT_BY_MMENGINE),
    'mmengine, no meta': (dict(state_dict=EMA, ema_state_dict={
        'steps': torch.tensor(7), **before('module.', RAW)}),
                          PUT_BY_MMENGINE),
    # The hook exchanges only names with module., and others write of parallel models, too.
    'mmengine, not its hook': (dict(MARKED, state_dict=RAW, ema_state_dict=EMA),
                               'ema_state_dict, not state_dict'),
    'parallel': (dict(state_dict=before('module.', RAW), ema_state_dict=before('module.', EMA)),
                 'ema_state_dict, not state_dict'),
}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts_of_training_scripts(tmp_path, layout):
    content, wanted = LAYOUTS[layout]
    torch.save(content, tmp_path / 'weights.pth')
    network = tiny()
    assert load_weights(network, tmp_path / 'weights.pth') == wanted
    assert fingerprint(network) == fingerprint(tiny(1))


REFUSED = {
    'the average lacks one': (dict(params=RAW, params_ema=without(EMA, 'last.bias')),
                              r'params_ema, not params\) does not fit .*: missing: last.bias'),
    'the average of Lightning': (
        dict(state_dict={**before('model.', RAW), **before('ema_model.', without(
            EMA, 'conv.weight'))}), r'ema_model, not state_dict.model\).* missing: conv.weight'),
    "mmengine's average": (
        dict(MARKED, state_dict=without(EMA, 'last.bias'), ema_state_dict=before('module.', RAW)),
        'puts the EMA.* missing: last.bias'),
    'no names': (dict(model=RAW, ema=dict(shadow_params=[*EMA.values()], decay=.9)),
                 'its average of the weights, ema.shadow_params, has no names'),
    'two averages': (dict(model=RAW, **{'ema_0.99': EMA, 'ema_0.999': OTHER}),
                     'nothing says which is meant: ema_0.99, ema_0.999; save the one'),
    'two networks': (dict(one=EMA, two=RAW), 'nothing says which is meant: one, two'),
    'a discriminator': (dict(netD=RAW), 'a generator, got a model without any; it holds netD'),
    'only an optimizer': (dict(optimizer=OPTIMIZER, epoch=3), 'no weights, only optimizer, epoch'),
    'two that become one': ({**before('_orig_mod.', EMA), **RAW}, 'unexpected: _orig_mod.conv'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_nothing_is_guessed_and_nothing_replaced(tmp_path, case):
    content, message = REFUSED[case]
    torch.save(content, tmp_path / 'weights.pth')
    network = tiny()
    with pytest.raises(CheckpointError, match=f'weights.pth.*{message}'):
        load_weights(network, tmp_path / 'weights.pth')
    assert fingerprint(network) == fingerprint(tiny())


def test_a_file_that_holds_itself_is_read_and_ends(tmp_path):
    content = dict(params=EMA)
    content['again'] = content
    for _ in range(6):
        content = {f'model_{number}': content for number in range(40)}
    torch.save(content, tmp_path / 'weights.pth')
    with pytest.raises(CheckpointError, match='holds no weights'):  # too far within
        load_weights(tiny(), tmp_path / 'weights.pth')


def test_one_set_alone_is_no_warning(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    torch.save(dict(params=EMA), tmp_path / 'one.pth')
    load_weights(tiny(), tmp_path / 'one.pth')
    [record] = caplog.records
    assert record.levelno == logging.INFO and record.getMessage().endswith('BasicSR, params')


class OfItsOwn(nn.Module):
    """A network whose own names are those that scripts write before others."""

    def __init__(self):
        super().__init__()
        self.module, self.model, self.generator = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
        self.model_ema = nn.Linear(2, 2)
        self.register_buffer('n_averaged', torch.tensor(4))


@pytest.mark.parametrize('prefix', ['', 'module.', '_orig_mod.', 'module.module.'])
def test_a_network_with_such_names_keeps_them(tmp_path, prefix):
    torch.save(dict(params=before(prefix, OfItsOwn().state_dict())), tmp_path / 'own.pth')
    network = OfItsOwn()
    if prefix:  # what its parameters are called then cannot be known
        with pytest.raises(CheckpointError, match='does not fit'):
            load_weights(network, tmp_path / 'own.pth')
    else:
        assert load_weights(network, tmp_path / 'own.pth') == 'BasicSR, params'


def test_what_torch_itself_wraps(tmp_path):
    """The oracle of the names: PyTorch's wrappers."""
    network = tiny(1)
    wrapped = dict(compiled=torch.compile(network), averaged=AveragedModel(network),
                   parallel=nn.DataParallel(network),
                   both=nn.DataParallel(torch.compile(nn.DataParallel(network))),
                   averaged_compiled=AveragedModel(torch.compile(network)))
    for name, module in wrapped.items():
        torch.save(dict(params=module.state_dict()), tmp_path / f'{name}.pth')
        filled = tiny()
        said = load_weights(filled, tmp_path / f'{name}.pth')
        assert fingerprint(filled) == fingerprint(network)
        assert said.endswith('without n_averaged') == name.startswith('averaged'), name


def test_a_part_that_alone_is_compiled(tmp_path):
    network = tiny(1)
    network.conv = torch.compile(network.conv)
    assert 'conv._orig_mod.weight' in network.state_dict()
    save_file(network.state_dict(), tmp_path / 'part.safetensors')
    filled = tiny()
    load_weights(filled, tmp_path / 'part.safetensors')
    assert fingerprint(filled) == fingerprint(tiny(1))


@pytest.mark.parametrize('name', ['netG_ema', 'NETG_EMA', 'netGEma', 'net-g-ema', 'Net.G.EMA'])
def test_words_of_a_name(name):
    assert words_of(name) <= {'net', 'g', 'netg', 'ema'} and 'ema' in words_of(name)


def test_no_ema_in_other_words():
    assert not any('ema' in words_of(name) for name in ('schema', 'cinema', 'demand', 'email'))


def test_converting_takes_the_same_and_says_it(tmp_path):
    torch.save({'params': RAW, 'params-ema': EMA}, tmp_path / 'in.pth')
    done = convert_checkpoint(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert done.layout == 'BasicSR, params-ema, not params'
    written = torch.load(tmp_path / 'out.pth', weights_only=True)['params_ema']
    assert all(torch.equal(value, EMA[name]) for name, value in written.items())


def test_converting_what_lightning_wrote(tmp_path):
    """Without a network to fill, only names that are known tell what was before them."""
    names = ('conv_first.weight', 'body.0.conv1.weight', 'upconv1.weight', 'conv_hr.weight')
    state = {name: torch.rand(2) for name in names}
    torch.save(dict(state_dict=before('model.', state)), tmp_path / 'in.ckpt')
    done = convert_checkpoint(tmp_path / 'in.ckpt', tmp_path / 'out.safetensors')
    assert (done.layout, done.network) == ('state_dict.model', 'MSRResNet')
    torch.save(before('model.', dict(x=torch.ones(2), y=torch.ones(2))), tmp_path / 'in.ckpt')
    convert_checkpoint(tmp_path / 'in.ckpt', tmp_path / 'kept.pth')
    kept = torch.load(tmp_path / 'kept.pth', weights_only=True)['params_ema']
    assert {*kept} == {'model.x', 'model.y'}
