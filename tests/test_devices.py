"""Where tensors are: on a GPU that is only imagined, so that this runs anywhere.

PyTorch's fake tensors have a device and no values; mixing two devices is an error, as on a real
GPU. What needs values (masks, figures) is in test_cuda/.
"""
from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode

from mmdesra.detectors import DeSRA
from mmdesra.generators.image_sizes import pad_image
from mmdesra.models.texture_loss import PixelTextureLoss
from mmdesra.ops import difference_map, local_std, niqe
from mmdesra.ops.fused_difference import MAP_FORMS
from mmdesra.ops.ldl import refined_artifact_map
from mmdesra.ops.patches import interpolate_patches
from mmdesra.ops.ssim import structural_similarity

GPU = torch.device('cuda:0')
DETECTOR = DeSRA(device='cuda:0')  # reads its table, which takes values


@pytest.fixture(autouse=True)
def imagined_gpu():
    with FakeTensorMode(), torch.no_grad():
        try:
            torch.conv2d(image(1, 3, 12, 12, dtype=torch.float32),
                         image(3, 1, 11, 1, dtype=torch.float32), groups=3)
        except RuntimeError as error:  # a build for CUDA where there is no driver, say
            pytest.skip(f'PyTorch cannot imagine a GPU here ({error})')
        yield


def image(*shape, dtype=torch.uint8):
    return torch.empty(shape or (3, 40, 48), dtype=dtype, device=GPU)


def test_two_devices_would_be_an_error():
    with pytest.raises(Exception, match='device'):
        image(dtype=torch.float32) + torch.zeros(3, 40, 48)


@pytest.mark.parametrize('form', MAP_FORMS)
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float16, torch.bfloat16, torch.float32])
def test_differences(form, dtype):
    found = difference_map(image(dtype=dtype), image(dtype=dtype), form)
    assert found.device == GPU and found.dtype == torch.float64


def test_the_detector_takes_images_to_its_device():
    gan, mse = (torch.empty(3, 40, 48, dtype=torch.uint8) for _ in range(2))
    assert DETECTOR.artifact_map(gan, mse).device == GPU


def test_measures():
    assert structural_similarity(image(), image()).device == GPU
    scores = niqe.distances(image(4, 3, 36, dtype=torch.float64),
                            torch.zeros(36, dtype=torch.float64),
                            torch.eye(36, dtype=torch.float64))
    placed = interpolate_patches(scores, [0, 24, 48, 72], [0, 24, 48], 96, (168, 144))
    assert placed.device == GPU and placed.shape == (168, 144)
    assert local_std(image()).device == GPU


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_losses(dtype):
    pair = [image(2, 3, 32, 32, dtype=dtype) for _ in range(2)]
    assert PixelTextureLoss()(*pair).device == GPU
    assert refined_artifact_map(*pair, pair[1]).device == GPU


def test_padding():
    assert pad_image(image(), 43, 50).device == GPU
