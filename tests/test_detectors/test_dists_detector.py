from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scenes import make_pair

from mmdesra.detectors import DISTS
from mmdesra.detectors import dists as dists_file
from mmdesra.models.vgg16 import CHANNELS, STRIDES, VGG16Stages


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    torch.manual_seed(0)
    network = VGG16Stages()
    for layer in network.features.values():
        torch.nn.init.kaiming_normal_(layer.weight)  # so that the last stages see the image, too
    path = tmp_path_factory.mktemp('dists') / 'vgg16.pth'
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope='module')
def learned(tmp_path_factory):
    """In the layout of the authors' file."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp('dists') / 'weights.pt'
    torch.save({name: torch.rand(1, sum(CHANNELS), 1, 1) for name in ('alpha', 'beta')}, path)
    return path


@pytest.fixture(scope='module')
def detector(weights, learned):
    return DISTS(backbone_weights=weights, similarity_weights=learned, min_area=300)


def tensors(*pair):
    return [torch.from_numpy(image.transpose(2, 0, 1).copy()) for image in pair]


@torch.no_grad()
def test_windows_over_the_whole_image_give_the_published_measure(detector, learned, monkeypatch):
    monkeypatch.setattr('cv2.blur', lambda plane, size, borderType: np.full_like(
        plane, plane.mean()))
    gan, mse = tensors(*make_pair(size=(60, 75)))
    x, y = ([stage[0].flatten(1).double() for stage in detector._network(image[None] / 255)]
            for image in (gan, mse))
    texture, structure = [], []
    for first, second in zip(x, y):
        means, centred = zip(*((part.mean(1), part - part.mean(1, keepdim=True))
                               for part in (first, second)))
        product, energy = (centred[0] * centred[1]).mean(1), (first.var(1, correction=0)
                                                              + second.var(1, correction=0))
        texture.append((2 * means[0] * means[1] + 1e-6) / (means[0]**2 + means[1]**2 + 1e-6))
        structure.append((2 * product + 1e-6) / (energy + 1e-6))
    alpha, beta = (value.flatten() for value in torch.load(learned, weights_only=True).values())
    score = alpha @ torch.cat(texture).float() + beta @ torch.cat(structure).float()
    expected = 1 - score / (alpha.sum() + beta.sum())
    assert expected > .01
    np.testing.assert_allclose(detector.artifact_map(gan, mse), expected, rtol=1e-3)


def test_equal_images_have_no_artifact(detector):
    gan, _ = make_pair(size=(61, 75))
    detection = detector.detect(gan, gan)
    assert detection.map.shape == (61, 75) and not detection.mask.any()
    np.testing.assert_allclose(detection.map, 0, atol=1e-6)


def test_an_artifact_is_high_and_in_its_place(detector):
    mse = make_pair(size=(160, 176))[1]
    gan = mse.copy()
    gan[90:140, 30:90] = np.random.default_rng(0).integers(0, 256, (50, 60, 3))
    detection = detector.detect(gan, mse)
    top, left = np.unravel_index(detection.map.argmax(), detection.map.shape)
    assert 80 <= top < 150 and 20 <= left < 100
    inside = detection.map[100:130, 40:80].mean()
    assert inside > 3 * detection.map[:40, 130:].mean()
    np.testing.assert_array_equal(detection.mask, detector.mask_at(detection.map, .31))


def test_tiles_leave_no_trace(weights, learned, monkeypatch):
    detector = DISTS(backbone_weights=weights, similarity_weights=learned, window=5)
    pair = [image[:, :16] for image in tensors(*make_pair(size=(60, 400)))]
    whole = detector.artifact_map(*pair)
    calls = []
    monkeypatch.setattr(dists_file, 'TILE', 96)
    monkeypatch.setattr(detector, '_difference', lambda *images, of=detector._difference: (
        calls.append(images[0].shape[2]), of(*images))[1])
    torch.testing.assert_close(detector.artifact_map(*pair), whole, rtol=0, atol=1e-5)
    assert len(calls) == 5 and max(calls) < 400


def test_uniform_weights_count_stages_alike(weights):
    detector = DISTS(backbone_weights=weights, similarity_weights='uniform')
    for part in detector._weights:
        assert len(part) == sum(CHANNELS)
        np.testing.assert_allclose([stage.sum() for stage in part.split(CHANNELS)], 1 / 12)


def test_weights_of_an_installed_package_are_found(weights, learned, monkeypatch, detector):
    monkeypatch.setattr(dists_file, 'LEARNED_WEIGHTS', {'DISTS_pytorch': learned.name})
    monkeypatch.setattr(dists_file, 'package_folder',
                        lambda name: str(learned.parent) if name == 'DISTS_pytorch' else None)
    found = DISTS(backbone_weights=weights, min_area=300)
    assert found.describe() == detector.describe()
    assert detector.describe() == json.loads(json.dumps(detector.describe()))


def test_missing_weights_are_an_error_that_says_where_to_get_them(weights, monkeypatch):
    monkeypatch.setattr(dists_file, 'package_folder', lambda name: None)
    with pytest.raises(ValueError, match='pip install DISTS-pytorch.*similarity_weights='):
        DISTS(backbone_weights=weights)
    with pytest.raises(ValueError, match='expected backbone_weights'):
        DISTS(similarity_weights='uniform')


def test_another_file_is_an_error_that_names_it(weights, tmp_path):
    torch.save(dict(alpha=torch.rand(1475)), tmp_path / 'a.pt')
    with pytest.raises(ValueError, match='a.pt: expected DISTS weights.* 1475 .*beta is not'):
        DISTS(backbone_weights=weights, similarity_weights=tmp_path / 'a.pt')


@pytest.mark.parametrize('options', [dict(window=32), dict(similarity_weights='uniform'),
                                     dict(window=33), dict(threshold=.2)])
def test_options_are_described_or_refused(weights, learned, detector, options):
    given = dict(backbone_weights=weights, similarity_weights=learned, min_area=300) | options
    if options.get('window') == 32:
        with pytest.raises(ValueError, match='odd window of at least 3 px, got 32'):
            DISTS(**given)
    else:
        assert DISTS(**given).describe() != detector.describe()


def test_an_image_below_the_network_is_an_error(detector):
    small = np.zeros((31, 64, 3), np.uint8)
    with pytest.raises(ValueError, match='at least 32x32 px .*DISTS.*got 64x31'):
        detector.detect(small, small)
    edge = np.zeros((32, 32, 3), np.uint8)
    assert detector.detect(edge, edge).map.shape == (32, 32) and STRIDES[-1] == 16
