from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from toys import make_lq_image

from mmdesra.detectors import TruthCalibrated, build_detector, truth_calibrated
from mmdesra.detectors.calibrated_file import CalibrationCard, read_calibrated, write_calibrated
from mmdesra.errors import InputError
from mmdesra.generators import CheckpointError

CARD = CalibrationCard(True, (4, 5, 6), ('strength', 'even_ground'), (.3, .6), 4, 4,
                       dict(seed=0, note='a toy'))


def write(path, card=CARD, seed=0):
    torch.manual_seed(seed)
    network = card.build()
    for parameter in network.parameters():  # so that answers differ from place to place
        torch.nn.init.normal_(parameter, std=.25)
    write_calibrated(path, network, card)
    return path


@pytest.fixture
def weights(tmp_path):
    return write(tmp_path / 'toy.safetensors')


def pair(size=(70, 101)):
    return make_lq_image(0, size), make_lq_image(1, size)


def tensors(*images):
    return [torch.from_numpy(image).permute(2, 0, 1) for image in images]


def test_a_file_is_read_as_it_was_written(weights, tmp_path):
    network, card = read_calibrated(weights)
    assert card == CARD
    write_calibrated(tmp_path / 'again.safetensors', network, card)
    assert (tmp_path / 'again.safetensors').read_bytes() == weights.read_bytes()


def test_the_map_is_a_probability_of_the_images_size(weights):
    detector = build_detector(dict(type='TruthCalibrated', weights=str(weights), min_area=20))
    detection = detector.detect(*pair())
    assert detection.map.shape == (70, 101) and detection.map.dtype == np.float32
    assert 0 <= detection.map.min() < detection.map.max() <= 1
    assert detector.threshold == .3 and detector.uses_mse and not detector.low_is_artifact
    other = build_detector(dict(type='TruthCalibrated', weights=weights, kind='even_ground'))
    assert other.threshold == .6
    assert not np.allclose(other.detect(*pair()).map, detection.map)
    assert other.describe() != detector.describe()
    assert json.dumps(detector.describe())


def test_a_calibration_without_a_sibling_looks_at_the_gan_alone(tmp_path):
    card = CalibrationCard(False, (4, 5, 6), ('strength',), (.3,), 3, 4)
    detector = TruthCalibrated(write(tmp_path / 'gan.safetensors', card))
    gan, mse = pair()
    assert not detector.uses_mse
    np.testing.assert_array_equal(detector.detect(gan, mse).map, detector.detect(gan, gan).map)


def test_with_a_sibling_both_images_count(weights):
    detector = TruthCalibrated(weights)
    gan, mse = pair()
    assert not np.allclose(detector.detect(gan, mse).map, detector.detect(gan, gan).map)


@pytest.mark.parametrize('size', [(32, 32), (4, 4), (33, 95)])
def test_images_of_any_size(weights, size):
    gan, mse = pair((64, 96))
    part = tuple(slice(side) for side in size)
    assert TruthCalibrated(weights).detect(gan[part], mse[part]).map.shape == size


def test_tiles_leave_no_trace(weights, monkeypatch):
    detector = TruthCalibrated(weights)
    gan, mse = (np.tile(image, (2, 2, 1)) for image in pair((310, 405)))
    whole = detector.detect(gan, mse)
    monkeypatch.setattr(truth_calibrated, 'TILE', 128)
    tiled = detector.detect(gan, mse)
    np.testing.assert_allclose(tiled.map, whole.map, atol=1e-5)
    assert np.ptp(whole.map) > .1


def test_a_value_depends_on_less_than_the_overlap_around_it(weights):
    detector = TruthCalibrated(weights)
    gan, mse = (np.tile(image, (2, 2, 1)) for image in pair((256, 256)))
    changed = gan.copy()
    changed[256:260, 256:260] = 255 - changed[256:260, 256:260]
    rows, columns = np.nonzero(detector.detect(gan, mse).map != detector.detect(changed, mse).map)
    reach = max(np.abs(rows - 258).max(), np.abs(columns - 258).max())
    assert 0 < reach < truth_calibrated.OVERLAP - 4


def test_a_threshold_of_ones_own(weights):
    assert TruthCalibrated(weights, threshold=.5).threshold == .5
    with pytest.raises(InputError, match=r'threshold in \(0, 1\), got 1.5'):
        TruthCalibrated(weights, threshold=1.5)


def test_what_is_missing_is_told(weights):
    with pytest.raises(InputError, match='expected weights.*mmdesra calibrate'):
        build_detector('TruthCalibrated')
    with pytest.raises(InputError, match='one of the kinds strength, even_ground, got .visible'):
        TruthCalibrated(weights, kind='visible')


def damaged(weights, tmp_path, tensors=None, card=None, text=None):
    """A copy with other tensors, or another card."""
    with safe_open(weights, 'pt') as file:
        (name, found), = file.metadata().items()
    text = text or json.dumps(dict(json.loads(found), **(card or {})))
    path = tmp_path / 'damaged.safetensors'
    save_file(load_file(weights) if tensors is None else tensors, path, {name: text})
    return path


@pytest.mark.parametrize('card', [
    dict(channels=[4, 5]), dict(channels=[4, 5, 10**9]), dict(channels=[4, 5, 0]),
    dict(channels=[4, 5, '6']), dict(kinds=[]), dict(kinds=['a', 'a']), dict(thresholds=[.3]),
    dict(thresholds=[.3, 1.5]), dict(answers=1), dict(answers=10**9), dict(uses_mse=1),
    dict(scale=0), dict(made=3), dict(more=1)])
def test_a_forged_card_is_refused(weights, tmp_path, card):
    with pytest.raises(CheckpointError, match='damaged.safetensors: its description is damaged'):
        TruthCalibrated(damaged(weights, tmp_path, card=card))


def test_weights_that_do_not_fit_are_refused(weights, tmp_path):
    state = load_file(weights)
    name = 'answer.weight'
    for other, message in (
            ({key: value for key, value in state.items() if key != name}, 'missing: answer'),
            (dict(state, more=torch.zeros(2)), 'unexpected: more'),
            (dict(state, **{name: state[name][:2].clone()}), 'of another shape: answer.weight'),
            (dict(state, **{name: state[name] * float('nan')}), 'NaN or infinity')):
        with pytest.raises(CheckpointError, match=message):
            TruthCalibrated(damaged(weights, tmp_path, other))
    with pytest.raises(CheckpointError, match='of another shape: enter'):
        TruthCalibrated(damaged(weights, tmp_path, card=dict(uses_mse=False)))


def test_another_file_is_refused(weights, tmp_path):
    plain = tmp_path / 'plain.safetensors'
    save_file(dict(a=torch.zeros(2)), plain)
    with pytest.raises(CheckpointError, match='plain.safetensors: expected a calibrated detector'):
        TruthCalibrated(plain)
    with pytest.raises(CheckpointError, match='is of version 9 and this mmdesra reads version 1'):
        TruthCalibrated(damaged(weights, tmp_path, card=dict(version=9)))
    with pytest.raises(CheckpointError, match=r'description is damaged'):
        TruthCalibrated(damaged(weights, tmp_path, text='{'))
    (tmp_path / 'broken.safetensors').write_bytes(weights.read_bytes()[:200])
    with pytest.raises(CheckpointError, match='broken.safetensors: begins as safetensors'):
        TruthCalibrated(tmp_path / 'broken.safetensors')
    with pytest.raises(CheckpointError, match='none.safetensors: no such'):
        TruthCalibrated(tmp_path / 'none.safetensors')
    with pytest.raises(CheckpointError, match=r'model.pth: expected a calibrated detector \(.saf'):
        TruthCalibrated(tmp_path / 'model.pth')
