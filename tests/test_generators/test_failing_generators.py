"""Whatever either generator does wrong on one image is told of that image alone, on every path.

It returns NaN or infinity, raises anything, or makes an image of another size.
"""
from __future__ import annotations

from html import unescape

import pytest
import torch
import toys
from networks import Enlarging
from PIL import Image

from mmdesra.apis import DeSRAInferencer
from mmdesra.apis.detect import detect_folder
from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import build_detector
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.evaluation.desra_detector import DeSRADetector
from mmdesra.files import ImageError
from mmdesra.generators import GeneratedPairs, GeneratorError, Upscaler, as_reference

WIDTH = 52
"""Of the image that the broken generator fails on; the others are 48 px wide."""


class Failing(toys.ToyGenerator):
    """Fails on the images of one width."""

    def __init__(self, amplitude, fail):
        super().__init__(amplitude)
        self.fail = fail

    def forward(self, x):
        sr = super().forward(x)
        return self.fail(sr) if x.shape[-1] == WIDTH else sr


def value(number):
    return lambda sr: sr.index_fill(-1, torch.tensor([7]), number)


def raising(error):
    def fail(_):
        raise error
    return fail


NOT_FINITE = 'NaN or infinity'
FAILURES = {
    'GAN nan': (value(float('nan')), NOT_FINITE),
    'MSE nan': (value(float('nan')), NOT_FINITE),
    'GAN inf': (value(float('inf')), NOT_FINITE),
    'MSE -inf': (value(-float('inf')), NOT_FINITE),
    'GAN assertion': (raising(AssertionError('odd size')), '(AssertionError: odd size)'),
    'MSE index': (raising(IndexError()), '(IndexError)'),
    'MSE memory': (raising(RuntimeError('CUDA out of memory. It')), '--tile 256'),
    'GAN size': (lambda sr: sr[..., 4:], 'makes (1, 3, 160, 204) of (1, 3, 40, 52), which'),
    'MSE list': (lambda sr: [sr], 'makes a list of an image'),
}


@pytest.fixture(params=FAILURES)
def generators(request):
    """(GAN, MSE, (name of the broken one, what is said of it))"""
    broken = request.param[:3]
    fail, message = FAILURES[request.param]
    kinds = [('GAN', toys.GAN_AMPLITUDE), ('MSE', 0)]
    return *(Upscaler(Failing(amplitude, fail) if name == broken
                      else toys.ToyGenerator(amplitude)) for name, amplitude in kinds), (
                          broken, message)


@pytest.fixture
def lq_dir(tmp_path):
    toys.make_lq_folder(tmp_path / 'lq', 2)
    Image.fromarray(toys.make_lq_image(9, (40, WIDTH))).save(tmp_path / 'lq' / 'image9.png')
    return tmp_path / 'lq'


@pytest.fixture
def detector():
    return build_detector(dict(type='DeSRA', min_area=toys.MIN_AREA))


def is_named(message, broken, name='image9.png'):
    which, reason = broken
    return (f'{name}: the {which}-trained generator failed on this image of 52x40 px (' in message
            and reason in message)


def test_detecting(generators, lq_dir, detector, tmp_path):
    gan, mse, broken = generators
    results = detect_folder(GeneratedPairs(lq_dir, gan, mse), detector, tmp_path / 'out',
                            show_progress=False)
    assert [bool(result.error) for result in results] == [False, False, True]
    assert is_named(results[2].error, broken)
    assert is_named(unescape((tmp_path / 'out' / 'report.html').read_text()), broken)
    assert not (tmp_path / 'out' / 'mask' / 'image9.png').exists()


def test_arrays(generators, detector):
    gan, mse, broken = generators
    inferencer = DeSRAInferencer(detector=detector)
    inferencer._pair = gan, as_reference(mse)
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
    assert [record.message for record in caplog.records if is_named(record.message, broken)]
    assert not (tmp_path / 'out' / 'mask_before' / 'image9.png').exists()
    assert list(measured.measure_after(gan).per_image) == ['image0.png', 'image1.png']


def test_the_metric(generators):
    _, mse, broken = generators
    metric = DeSRADetector(skip_unusable=False)
    metric._made = as_reference(mse)
    lq = torch.from_numpy(toys.make_lq_image(9, (40, WIDTH)).transpose(2, 0, 1))
    sample = dict(input=lq, pred_img=lq.repeat_interleave(4, 1).repeat_interleave(4, 2),
                  img_path='photos/image9.png')
    if broken[0] == 'GAN':  # it is the model that is measured
        metric.process(None, [sample])
    else:
        with pytest.raises(ImageError) as error:
            metric.process(None, [sample])
        assert is_named(str(error.value), broken)


def test_all_held_out_images_fail_for_one_reason(detector, tmp_path):
    toys.make_lq_folder(tmp_path / 'lq', 2, (40, WIDTH))
    measured = BeforeAfter(tmp_path / 'lq', Upscaler(toys.ToyGenerator()), detector,
                           tmp_path / 'out')
    with pytest.raises(ImageError, match=r'none of the 2 held-out images can be used; .*'
                       r'image0\.png: the GAN-trained generator failed .*\(IndexError\)'):
        measured.measure_before(Upscaler(Failing(.1, raising(IndexError()))))


def test_siblings_enlarge_by_one_factor(lq_dir):
    with pytest.raises(GeneratorError, match='GAN-trained one with x4 and the MSE-trained one with'
                       ' x2'):
        GeneratedPairs(lq_dir, Upscaler(toys.ToyGenerator()), Upscaler(Enlarging(2)))
