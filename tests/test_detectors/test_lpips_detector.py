from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import pytest
import torch
from scenes import make_pair

from mmdesra.detectors import LPIPS
from mmdesra.detectors import lpips as lpips_file

pytestmark = pytest.mark.skipif(
    None in map(importlib.util.find_spec, ('lpips', 'torchvision')),
    reason='needs lpips and torchvision')


def squeezenet():
    import torchvision
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp('lpips') / 'squeezenet1_1.pth'
    torch.save(squeezenet().state_dict(), path)
    return path


@pytest.fixture(scope='module')
def detector(weights):
    return LPIPS(net='squeeze', backbone_weights=weights, min_area=500, threshold=.05)


@pytest.mark.filterwarnings('ignore')
def test_the_map_is_that_of_the_package(detector):
    """Built by the package as it is meant to be built, with the backbone put in its place."""
    import lpips
    import torchvision
    backbone = squeezenet()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torchvision.models, 'squeezenet1_1', lambda pretrained: backbone)
        model = lpips.LPIPS(net='squeeze', spatial=True, verbose=False)
    pair = make_pair(size=(64, 96))
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in pair]
    with torch.no_grad():
        expected = model(*(tensor / 255 for tensor in tensors), normalize=True)[0, 0]
    detection = detector.detect(*pair)
    assert expected.std() > 0
    np.testing.assert_allclose(detection.map, expected, rtol=1e-4, atol=1e-6)


def test_the_layers_weights_are_those_of_the_package(detector):
    heads = [value for name, value in detector._model.state_dict().items()
             if name.startswith('lins')]
    assert len(heads) == 7 and all((head >= 0).all() and head.any() for head in heads)


def test_equal_images_have_no_artifact(detector):
    gan, _ = make_pair(size=(61, 75))
    detection = detector.detect(gan, gan)
    assert detection.map.shape == (61, 75)
    assert not detection.map.any() and not detection.mask.any()


def test_an_artifact_is_high_and_found(detector):
    gan, mse = make_pair(size=(160, 200), share=.2)
    detection = detector.detect(gan, mse)
    inside = np.abs(gan.astype(int) - mse).max(axis=2) > 40
    assert detection.map[inside].mean() > 1.2 * detection.map[~inside].mean()
    np.testing.assert_array_equal(detection.mask, detector.mask_at(detection.map, .05))


def test_large_images_are_computed_in_tiles(detector, monkeypatch):
    pair = make_pair(size=(160, 224))
    whole = detector.detect(*pair).map
    monkeypatch.setattr(lpips_file, 'TILE', 48)
    monkeypatch.setattr(lpips_file, 'OVERLAP', 32)
    tiled = detector.detect(*pair).map
    assert np.corrcoef(whole.ravel(), tiled.ravel())[0, 1] > .9


def test_the_description_is_json_and_tells_weights_apart(detector, tmp_path):
    state = squeezenet().state_dict()
    state['features.0.bias'] += 1
    torch.save(state, tmp_path / 'other.pth')
    other = LPIPS(net='squeeze', backbone_weights=tmp_path / 'other.pth', min_area=500,
                  threshold=.05)
    assert detector.describe() == json.loads(json.dumps(detector.describe()))
    assert detector.describe() != other.describe()


def test_weights_of_another_net_are_an_error(weights):
    with pytest.raises(ValueError, match="squeezenet1_1.pth: expected .*torchvision's alexnet"):
        LPIPS(net='alex', backbone_weights=weights)


def test_missing_weights_and_unknown_nets_are_errors():
    with pytest.raises(ValueError, match='expected backbone_weights.*squeezenet1_1'):
        LPIPS(net='squeeze')
    with pytest.raises(ValueError, match="expected net to be one of .*'vgg'.* got 'resnet'"):
        LPIPS(net='resnet')


def test_without_the_package_the_error_says_what_to_install(monkeypatch, weights):
    monkeypatch.setitem(sys.modules, 'lpips', None)
    with pytest.raises(ValueError, match='pip install lpips torchvision'):
        LPIPS(net='squeeze', backbone_weights=weights)


def test_an_image_below_the_network_is_an_error(detector):
    small = np.zeros((31, 64, 3), np.uint8)
    with pytest.raises(ValueError, match='at least 32x32 px .*LPIPS.*got 64x31'):
        detector.detect(small, small)
