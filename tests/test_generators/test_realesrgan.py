"""Real-ESRGAN x4plus gives what its authors' code gives, where weights and images are at hand.

MMDESRA_X4PLUS names the weights (any layout that is read), MMDESRA_GOLDEN a folder with
SIZE_lq.png and SIZE_RealESRGAN_x4plus.png of spandrel's tests, for the sizes 16x16 and 64x64.
"""
from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from golden_images import assert_within_levels

from mmdesra.files import read_image
from mmdesra.generators import load_upscaler
from mmdesra.generators.same_layout import write_like

WEIGHTS, GOLDEN = os.environ.get('MMDESRA_X4PLUS'), os.environ.get('MMDESRA_GOLDEN')
pytestmark = pytest.mark.skipif(
    not (WEIGHTS and GOLDEN), reason='MMDESRA_X4PLUS (the weights of RealESRGAN_x4plus) and '
    "MMDESRA_GOLDEN (a folder with its authors' images) are not set")
X4PLUS = dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=64, num_blocks=23,
              growth_channels=32)
SIZES = '16x16', '64x64'


def compare(upscaler, size):
    lq, golden = (read_image(Path(GOLDEN, f'{size}_{name}.png'))
                  for name in ('lq', 'RealESRGAN_x4plus'))
    assert_within_levels(upscaler(lq), golden)


@pytest.fixture(scope='module')
def upscaler():
    pytest.importorskip('mmagic')
    return load_upscaler(X4PLUS, WEIGHTS)


def test_weights_written_as_theirs_give_it_in_another_program(upscaler, tmp_path):
    """spandrel is what chaiNNer and others load weights with; it takes all of them, or none."""
    spandrel = pytest.importorskip('spandrel')
    written = tmp_path / 'cured.pth'
    write_like(WEIGHTS, upscaler.generator.state_dict(), written)
    model = spandrel.ModelLoader().load_from_file(written)
    assert (model.architecture.id, model.scale, model.tags) == ('ESRGAN', 4, ['64nf', '23nb'])

    def enlarge(lq):
        sr = model(torch.from_numpy(lq / 255.).permute(2, 0, 1)[None].float())
        return (sr[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).detach().numpy()

    compare(enlarge, SIZES[0])


@pytest.mark.parametrize('size', SIZES)
def test_genuine_output(upscaler, size):
    compare(upscaler, size)


def test_what_a_cure_writes_has_its_layout(upscaler, tmp_path):
    import spandrel

    from mmdesra.apis.curing.outcome import write_cured
    before = torch.load(WEIGHTS, weights_only=True)
    with torch.no_grad():
        for parameter in upscaler.generator.parameters():
            parameter.mul_(1.01)
    write_cured(Path(WEIGHTS), upscaler, tmp_path / 'cured.pth')
    after = torch.load(tmp_path / 'cured.pth', weights_only=True)
    assert after.keys() == before.keys() >= {'params_ema'}
    assert [(name, value.shape, value.dtype) for name, value in after['params_ema'].items()] == [
        (name, value.shape, value.dtype) for name, value in before['params_ema'].items()]
    theirs = spandrel.ModelLoader().load_from_file(tmp_path / 'cured.pth')  # strictly
    assert (theirs.architecture.name, theirs.scale) == ('ESRGAN', 4)
    assert torch.equal(after['params_ema']['conv_last.bias'],
                       before['params_ema']['conv_last.bias'] * 1.01)
