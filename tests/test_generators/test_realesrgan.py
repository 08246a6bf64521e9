"""Real-ESRGAN x4plus gives what its authors' code gives, where weights and images are at hand.

MMDESRA_X4PLUS names the weights (any layout that is read), MMDESRA_GOLDEN a folder with
SIZE_lq.png and SIZE_RealESRGAN_x4plus.png of spandrel's tests, for the sizes 16x16 and 64x64.
"""
from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from mmdesra.files import read_image
from mmdesra.generators import load_upscaler
from mmdesra.ops.psnr import psnr

WEIGHTS, GOLDEN = os.environ.get('MMDESRA_X4PLUS'), os.environ.get('MMDESRA_GOLDEN')
pytestmark = pytest.mark.skipif(not (WEIGHTS and GOLDEN),
                                reason='MMDESRA_X4PLUS and MMDESRA_GOLDEN are not set')


@pytest.fixture(scope='module')
def upscaler():
    pytest.importorskip('mmagic')
    return load_upscaler(dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=64,
                              num_blocks=23, growth_channels=32), WEIGHTS)


@pytest.mark.parametrize('size', ['16x16', '64x64'])
def test_genuine_output(upscaler, size):
    sr, genuine = (torch.from_numpy(image) for image in (
        upscaler(read_image(Path(GOLDEN, f'{size}_lq.png'))),
        read_image(Path(GOLDEN, f'{size}_RealESRGAN_x4plus.png'))))
    assert psnr(sr, genuine) > 50  # dB; 8 bits and another order of sums


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
