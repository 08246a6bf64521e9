from __future__ import annotations

import json

import numpy as np
import pytest
import skimage.data
import torch

from mmdesra.detectors import NIQE
from mmdesra.detectors import niqe as niqe_file
from mmdesra.ops.niqe import distances, luma, patch_features

MODEL_SIZE = 36


@pytest.fixture(scope='module')
def photograph():
    return skimage.data.astronaut()[:200, :260]


@pytest.fixture(scope='module')
def model_file(tmp_path_factory, photograph):
    """A model of the photograph itself, for machines without MMagic."""
    grey = luma(torch.from_numpy(photograph.transpose(2, 0, 1).copy()))
    begins = [list(range(0, side - 95, 8)) for side in grey.shape]
    features = patch_features(grey, *begins).reshape(-1, MODEL_SIZE).numpy()
    path = tmp_path_factory.mktemp('niqe') / 'model.npz'
    np.savez(path, mu_pris_param=features.mean(0)[None],
             cov_pris_param=np.cov(features, rowvar=False) + 1e-3 * np.eye(MODEL_SIZE))
    return path


def test_a_pixel_at_a_centre_has_the_score_of_its_patch(photograph, model_file):
    detector = NIQE(pristine_model=model_file, stride=20)
    detection = detector.detect(photograph, photograph)
    assert detection.map.shape == photograph.shape[:2]
    grey = luma(torch.from_numpy(photograph.transpose(2, 0, 1).copy()))
    with np.load(model_file) as model:
        mean, covariance = (torch.from_numpy(model[name]) for name in
                            ('mu_pris_param', 'cov_pris_param'))
    score = distances(patch_features(grey, [40], [60]), mean[0], covariance)[0, 0].item()
    centre = detection.map[40 + 47:40 + 49, 60 + 47:60 + 49].mean()  # it lies between pixels
    assert centre == pytest.approx(score, rel=.02)
    assert (detection.map[:48] == detection.map[0]).all()  # above the first centre: the nearest


def test_noise_is_unnatural_and_the_mse_image_does_not_matter(photograph, model_file):
    rng = np.random.default_rng(0)
    gan = photograph.copy()
    gan[:, :110] = rng.integers(0, 256, gan[:, :110].shape)
    detector = NIQE(pristine_model=model_file, min_area=1000, threshold=15)
    assert not detector.detect(photograph, gan).mask.any()
    detection = detector.detect(gan, photograph)
    assert detection.mask[:, :60].all() and not detection.mask[:, 180:].any()
    np.testing.assert_array_equal(detector.detect(gan, gan).map, detection.map)


@pytest.mark.parametrize('value', [0, 255])
def test_a_flat_image_has_no_artifact(value, model_file):
    flat = np.full((96, 130, 3), value, np.uint8)
    detection = NIQE(pristine_model=model_file, min_area=0).detect(flat, flat)
    assert (detection.map == 0).all() and not detection.mask.any()


def test_the_published_model_comes_with_mmagic(photograph):
    pytest.importorskip('mmagic')
    detector = NIQE()
    assert detector.detect(photograph, photograph).map.min() > 1
    assert json.loads(json.dumps(detector.describe())) == detector.describe()


def test_without_a_model_the_error_says_where_to_get_one(monkeypatch):
    monkeypatch.setattr(niqe_file, 'package_folder', lambda name: None)
    with pytest.raises(ValueError, match='pip install mmagic.*or give pristine_model'):
        NIQE()


def test_another_file_is_an_error_that_names_it(tmp_path):
    text, arrays = tmp_path / 'a.txt', tmp_path / 'b.npz'
    text.write_text('no arrays')
    np.savez(arrays, mu_pris_param=np.zeros(35), cov_pris_param=np.zeros((36, 36)))
    broken = tmp_path / 'c.npz'
    np.savez(broken, mu_pris_param=np.full(36, np.nan), cov_pris_param=np.eye(36))
    for path in (text, arrays, broken, tmp_path / 'none.npz'):
        with pytest.raises(ValueError, match=f'{path.name}: expected an .npz file with mu_pris'):
            NIQE(pristine_model=path)


@pytest.mark.parametrize('stride', [0, 7, -2])
def test_an_odd_stride_is_an_error(stride):
    with pytest.raises(ValueError, match=f'even stride of at least 2 px, got {stride}'):
        NIQE(stride=stride)


def test_an_image_below_a_patch_is_an_error(model_file):
    small = np.zeros((200, 95, 3), np.uint8)
    with pytest.raises(ValueError, match=r'at least 96x96 px .*got 95x200'):
        NIQE(pristine_model=model_file).detect(small, small)


def test_the_description_tells_models_and_strides_apart(model_file):
    pytest.importorskip('mmagic')
    options = [dict(), dict(stride=48), dict(pristine_model=model_file)]
    assert len({str(NIQE(**option).describe()) for option in options}) == 3
