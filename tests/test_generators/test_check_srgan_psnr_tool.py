"""tools/reproductions/check_srgan_psnr.py: the measure itself, and a run on a small image."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmdesra.models.srresnet import SRResNet


@pytest.fixture(scope='module')
def tool():
    path = Path(__file__).parents[2] / 'tools/reproductions/check_srgan_psnr.py'
    spec = importlib.util.spec_from_file_location('check_srgan_psnr', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flat(value, size=24):
    return np.full((size, size, 3), value, np.uint8)


def test_luma_spans_16_to_235(tool):
    assert tool.luma(flat(0)).max() == 16
    np.testing.assert_allclose(tool.luma(flat(255)), 235, atol=0.02)


def test_psnr_of_a_known_error(tool):
    # 10 grey levels are 10 * 219 / 255 levels of luma.
    expected = 20 * np.log10(255 / (10 * 219 / 255))
    assert tool.psnr_y(flat(110), flat(100)) == pytest.approx(expected)


def test_psnr_leaves_the_border_out(tool):
    gt = flat(100)
    sr = flat(110)
    sr[:4] = 255
    sr[:, -4:] = 0
    assert tool.psnr_y(sr, gt) == tool.psnr_y(flat(110), gt)


def test_run_on_an_image(tool, tmp_path, capsys):
    rng = np.random.default_rng(0)
    # 35 is no multiple of 4: the photograph is cropped.
    Image.fromarray(rng.integers(0, 256, (35, 24, 3), dtype=np.uint8)).save(tmp_path / 'noise.png')
    torch.save({'params': SRResNet().state_dict()}, tmp_path / 'g.pth')
    checkpoint = str(tmp_path / 'g.pth')
    assert tool.main([str(tmp_path / 'noise.png'), '--mse', checkpoint, '--gan', checkpoint]) == 0
    header, row, mean = capsys.readouterr().out.splitlines()
    assert header.split()[2:] == ['bicubic', 'MSE-SR', 'GAN-SR']
    assert row.split()[0] == 'noise' and row.split()[1:] == mean.split()[1:]


def test_missing_checkpoint(tool, tmp_path, capsys):
    assert tool.main(['--mse', str(tmp_path / 'no.pth')]) == 1
    assert 'no.pth: expected a checkpoint, got no such file' in capsys.readouterr().err
