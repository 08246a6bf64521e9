"""NaN and infinity from either generator end in an error that names the image, on every path."""
from __future__ import annotations

import pytest
import torch
import toys
from PIL import Image

from mmdesra.apis import DeSRAInferencer
from mmdesra.apis.detect import detect_folder
from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import build_detector
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.generators import GeneratedPairs, Upscaler

WIDTH = 52
"""Of the image that the broken generator fails on; the others are 48 px wide."""


class Overflowing(toys.ToyGenerator):
    """Fails on the images of one width, by half precision or by itself."""

    def __init__(self, amplitude, value):
        super().__init__(amplitude)
        self.value = value

    def forward(self, x):
        sr = super().forward(x)
        return sr.index_fill(-1, torch.tensor([7]), self.value) if x.shape[-1] == WIDTH else sr


@pytest.fixture(params=[('GAN', float('nan')), ('MSE', float('nan')), ('GAN', float('inf')),
                        ('MSE', -float('inf'))], ids=lambda case: f'{case[0]} {case[1]}')
def generators(request):
    """(GAN, MSE, name of the broken one)"""
    broken, value = request.param
    kinds = [('GAN', toys.GAN_AMPLITUDE), ('MSE', 0)]
    return *(Upscaler(Overflowing(amplitude, value) if name == broken
                      else toys.ToyGenerator(amplitude)) for name, amplitude in kinds), broken


@pytest.fixture
def lq_dir(tmp_path):
    toys.make_lq_folder(tmp_path / 'lq', 2)
    Image.fromarray(toys.make_lq_image(9, (40, WIDTH))).save(tmp_path / 'lq' / 'image9.png')
    return tmp_path / 'lq'


@pytest.fixture
def detector():
    return build_detector(dict(type='DeSRA', min_area=toys.MIN_AREA))


def is_named(message, broken, name='image9.png'):
    return (f'{name}: the ' in message and f'{broken}-trained generator failed' in message
            and 'NaN or infinity' in message)


def test_detecting(generators, lq_dir, detector, tmp_path):
    gan, mse, broken = generators
    results = detect_folder(GeneratedPairs(lq_dir, gan, mse), detector, tmp_path / 'out',
                            show_progress=False)
    assert [bool(result.error) for result in results] == [False, False, True]
    assert is_named(results[2].error, broken)
    assert is_named((tmp_path / 'out' / 'report.html').read_text(), broken)
    assert not (tmp_path / 'out' / 'mask' / 'image9.png').exists()


def test_arrays(generators, detector):
    gan, mse, broken = generators
    inferencer = DeSRAInferencer(detector=detector)
    inferencer._upscalers = gan, mse
    found = inferencer([toys.make_lq_image(0), toys.make_lq_image(9, (40, WIDTH))],
                       show_progress=False)['predictions']
    assert not found[0]['error'] and is_named(found[1]['error'], broken, 'array1')
    assert found[1]['mask'] is None


def test_making_pseudo_gts(generators, lq_dir, detector, tmp_path):
    gan, mse, broken = generators
    maker = PseudoGTMaker(GeneratedPairs(lq_dir, gan, mse), detector)
    folder = PseudoGTFolder(tmp_path / 'out')
    maker.make(folder)
    assert list(maker.skipped) == ['image9.png']
    assert is_named(maker.skipped['image9.png'], broken)
    assert not (tmp_path / 'out' / 'gt' / 'image9.png').exists()


def test_held_out_images(generators, lq_dir, detector, tmp_path, caplog):
    gan, mse, broken = generators
    measured = BeforeAfter(lq_dir, mse, detector, tmp_path / 'out')
    measured.measure_before(gan)
    assert [record.message for record in caplog.records if 'image9.png' in record.message
            and f'{broken}-trained generator failed' in record.message]
    assert not (tmp_path / 'out' / 'mask_before' / 'image9.png').exists()
