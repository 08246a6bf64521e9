"""What a cure writes is read by those that know the network, as what came in was."""
from __future__ import annotations

import pytest
import torch

import mmdesra  # noqa: F401  (spandrel needs its mend of torchvision)
from mmdesra.apis.curing.outcome import write_cured
from mmdesra.generators import load_upscaler
from mmdesra.generators.recognise import recognise

spandrel = pytest.importorskip('spandrel')
NETWORKS = {
    'ESRGAN': ('RRDBNet', dict(num_filters=4, num_blocks=2, scale=4)),  # x4plus, but small
    'Compact': ('SRVGGNetCompact', dict(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=2,
                                        upscale=4)),
    'SPAN': ('SPAN', dict(num_in_ch=3, num_out_ch=3, feature_channels=4, upscale=4)),
    'SwinIR': ('SwinIR', dict(img_size=16, embed_dim=8, depths=[2], num_heads=[2], window_size=8,
                              mlp_ratio=2, upscale=4, upsampler='nearest+conv'))}


def network_of(name):
    __import__(f'spandrel.architectures.{name}')
    package = getattr(spandrel.architectures, name)
    torch.manual_seed(0)
    network = getattr(package, name)(**NETWORKS[name][1])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=.05)
    return network


def basicsr_keys(name, network):
    """The names of x4plus's file: spandrel's network has those of the older ESRGAN."""
    state = network.state_dict()
    if name != 'ESRGAN':
        return state
    from mmdesra.generators.basicsr_keys import to_basicsr
    names = to_basicsr(state)
    return {names[one]: value for one, value in state.items()}


@pytest.mark.parametrize('key, half', [('params_ema', False), (None, True)])
@pytest.mark.parametrize('name', NETWORKS)
def test_the_file_is_what_came_in_with_other_weights(tmp_path, name, key, half):
    network = network_of(name).eval()
    with torch.no_grad():
        network(torch.rand(1, 3, 16, 16))
    state = {one: value.half() if half and value.is_floating_point() else value.clone()
             for one, value in basicsr_keys(name, network).items()}
    model, result, cured = (tmp_path / f'{part}.pth' for part in ('model', 'result', 'cured'))
    torch.save(state if key is None else {key: state}, model)

    spec = recognise(model).generator
    trained = load_upscaler(spec, model).generator
    with torch.no_grad():  # as a training leaves it: what is run with is made when it runs
        for one, parameter in trained.named_parameters():
            if 'eval_conv' not in one:
                parameter.mul_(1.25)
    torch.save(dict(params=trained.state_dict()), result)
    upscaler = load_upscaler(spec, result)
    write_cured(model, upscaler, cured)

    content = torch.load(cured, weights_only=True)
    written = content if key is None else content[key]
    assert [(one, value.shape, value.dtype) for one, value in written.items()] == [
        (one, value.shape, value.dtype) for one, value in state.items()]
    assert not any(torch.equal(value, state[one]) for one, value in written.items()
                   if one.endswith('weight'))
    theirs = spandrel.ModelLoader().load_from_file(cured)  # strictly
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        expected = upscaler.generator.eval()(image).clamp(0, 1)
        got = theirs.model.float().eval()(image).clamp(0, 1)
    torch.testing.assert_close(got, expected, rtol=0, atol=2e-2 if half else 1e-4)
