"""Photographs become pairs as the model's own config makes them, at any patch size and scale."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from toys import make_lq_image

from mmdesra.datasets.degradations import MMAGIC_CONFIG
from mmdesra.datasets.partner_pipeline import patch_pipeline
from mmdesra.datasets.photograph_patches import PhotographPatches
from mmdesra.errors import InputError
from mmdesra.files.configs import read_config

pytestmark = pytest.mark.usefixtures('own_scope')
PAIRS = [dict(type='LoadImageFromFile', key='img'), dict(type='LoadImageFromFile', key='gt'),
         dict(type='PairedRandomCrop', gt_patch_size=96)]


@pytest.fixture(scope='module')
def own():
    return read_config(MMAGIC_CONFIG).train_pipeline


@pytest.fixture(scope='module')
def photograph(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photograph')
    Image.fromarray(make_lq_image(0, (150, 170))).save(folder / 'a.png')
    return folder


def sample(made, photograph, tmp_path):
    return PhotographPatches(str(photograph), str(tmp_path), made.steps, made.patch_size,
                             made.wanted)[0]


@pytest.mark.parametrize('patch, wanted', [(None, 400), (256, 400), (128, 200), (64, 100),
                                           (36, 56), (4, 8)])
def test_own_degradations_at_another_size(own, patch, wanted):
    made = patch_pipeline(own, 4, patch)
    assert (made.patch_size, made.wanted, made.degradation) == (patch or 256, wanted, 'own')
    text = str(made.steps)
    assert f"'target_size': ({wanted // 4}, {wanted // 4})" in text
    assert [step['type'] for step in made.steps][1:] == [step['type'] for step in own][1:]
    assert '(100, 100)' in str(own)  # the config is as it was


@pytest.mark.parametrize('degradation', ['own', 'bicubic', 'realesrgan'])
@pytest.mark.parametrize('scale, patch', [(4, 64), (2, 48), (3, 45)])
def test_sizes_of_samples(own, degradation, scale, patch, photograph, tmp_path):
    if degradation == 'own':
        made = patch_pipeline(own, scale, patch)
    else:
        made = patch_pipeline(PAIRS, scale, patch, degradation)
    found = sample(made, photograph, tmp_path)
    assert found['inputs'].shape == (3, patch // scale, patch // scale)
    assert found['data_samples'].gt_img.shape == (3, patch, patch)
    assert 'gt_unsharp' in found['data_samples']
    lq, gt = found['inputs'].numpy().astype(float), found['data_samples'].gt_img.numpy()
    means = gt.reshape(3, patch // scale, scale, patch // scale, scale).mean((2, 4))
    if degradation == 'bicubic':  # of smooth images the reduction is about the mean
        assert np.abs(lq - means).mean() < 3
    else:
        assert np.abs(lq - means).mean() < 60


def test_by_which_kind_of_model_it_is(own):
    assert patch_pipeline(own, 4).degradation == 'own'
    assert patch_pipeline(own, 4, degradation='bicubic').degradation == 'bicubic'
    for pairs in (PAIRS, []):
        assert patch_pipeline(pairs, 4).degradation == 'bicubic'
    assert patch_pipeline(PAIRS, 4).patch_size == 96
    assert patch_pipeline([], 4).patch_size == 128
    made = patch_pipeline(PAIRS, 4, 64, 'realesrgan')
    assert made.wanted == 100 and 'RandomJPEGCompression' in str(made.steps)


def test_a_crop_alone_is_the_patch():
    own = [dict(type='LoadImageFromFile', key='gt'), dict(type='Crop', keys=['gt'],
                                                          crop_size=(96, 96)),
           dict(type='RandomResize', params=dict(target_size=(24, 24)), keys=['img'])]
    made = patch_pipeline(own, 4, 64)
    assert made.wanted == made.patch_size == 64
    assert made.steps[1]['crop_size'] == (64, 64)
    assert made.steps[2]['params']['target_size'] == (16, 16)


@pytest.mark.parametrize('options, message', [
    (dict(patch_size=30), r'multiple of the scale 4, got 30 \(--patch-size\)'),
    (dict(patch_size=0), 'got 0'), (dict(degradation='blur'), 'bicubic, realesrgan, got blur')])
def test_what_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        patch_pipeline([], 4, **options)
