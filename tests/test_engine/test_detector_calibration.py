from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_image

from mmdesra.datasets.degradations import BicubicReduction
from mmdesra.datasets.photographs import Cutting
from mmdesra.datasets.truth_samples import MadeFromPhotographs, TruthSample
from mmdesra.detectors import TruthCalibrated
from mmdesra.detectors.calibrated_file import write_calibrated
from mmdesra.engine.detector_calibration import (
    CalibrationSettings,
    calibrate_detector,
    held_out_of,
)
from mmdesra.engine.detector_samples import (
    RAW,
    WEIGHT,
    calibration_sample,
    draw_patch,
    transposed_order,
)
from mmdesra.engine.detector_thresholds import choose_threshold
from mmdesra.errors import InputError
from mmdesra.evaluation.truth_labels import STRENGTH, TruthRules
from mmdesra.generators import Upscaler
from mmdesra.ops import MaskScores
from mmdesra.ops.block_statistics import pair_planes

RULES = TruthRules(min_area=100)
SETTINGS = CalibrationSettings(steps=60, batch_size=4, patch=64, learning_rate=1e-2)


def write_photographs(folder: Path, count=5, clean=()) -> Path:
    folder.mkdir()
    for number in range(count):
        small = make_lq_image(number, (32, 40), clean=number in clean)
        Image.fromarray(small).resize((160, 128), Image.Resampling.BICUBIC).save(
            folder / f'photo{number}.png')
    return folder


def source_of(folder, amplitude=GAN_AMPLITUDE, sibling=True):
    mse = Upscaler(ToyGenerator()) if sibling else None
    return MadeFromPhotographs(folder, Cutting(4), BicubicReduction(4),
                               Upscaler(ToyGenerator(amplitude)), mse)


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    return write_photographs(tmp_path_factory.mktemp('calibration') / 'photographs')


@pytest.fixture(scope='module')
def calibrated(photographs):
    return calibrate_detector(source_of(photographs), RULES, 4, SETTINGS)


def test_it_learns_where_the_toy_is_wrong(photographs, calibrated, tmp_path):
    network, card = calibrated
    write_calibrated(tmp_path / 'toy.safetensors', network, card)
    detector = TruthCalibrated(tmp_path / 'toy.safetensors', min_area=100)
    assert card.uses_mse and card.scale == 4
    assert card.made['heldout'][STRENGTH]['average_precision'] > .6
    assert (card.made['photographs'], len(card.made['heldout_photographs'])) == (4, 1)
    assert len(card.made['gan_sha256']) == 64
    small = make_lq_image(50, (32, 40))  # no photograph of these
    gan, mse = Upscaler(ToyGenerator(GAN_AMPLITUDE))(small), Upscaler(ToyGenerator())(small)
    detection = detector.detect(gan, mse)
    green = (small[..., 1] > 127.5).repeat(4, 0).repeat(4, 1)
    away = ~ndimage.binary_dilation(green, iterations=16)
    assert detection.mask[green].mean() > .7
    assert detection.map[green].mean() > 3 * detection.map[away].mean()
    assert not detector.detect(mse, mse).mask.any()


def test_equal_seeds_make_equal_files_and_leave_others_random_numbers_alone(
        photographs, calibrated, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    again = calibrate_detector(source_of(photographs), RULES, 4, SETTINGS)
    assert torch.equal(torch.rand(2), expected)
    other = calibrate_detector(source_of(photographs), RULES, 4, CalibrationSettings(
        steps=2, batch_size=4, patch=64, seed=1))
    contents = []
    for place, pair in enumerate((calibrated, again, other)):
        write_calibrated(tmp_path / f'{place}.safetensors', *pair)
        contents.append((tmp_path / f'{place}.safetensors').read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_without_a_sibling_the_detector_sees_the_gan_alone(photographs):
    quick = CalibrationSettings(steps=2, patch=64)
    _, card = calibrate_detector(source_of(photographs, sibling=False), RULES, 4, quick)
    assert not card.uses_mse and card.made['mse_sha256'] is None
    _, card = calibrate_detector(source_of(photographs), RULES, 4, quick, uses_mse=False)
    assert not card.uses_mse and card.made['mse_sha256']


def test_a_model_without_artifacts_has_nothing_to_teach(photographs):
    with pytest.raises(InputError, match='no artifact of the kind strength.*nothing to learn'):
        calibrate_detector(source_of(photographs, amplitude=0), RULES, 4, SETTINGS)


def test_a_kind_that_does_not_come_is_told(tmp_path, caplog, photographs):
    rules = TruthRules(min_area=100, even=1e-6)
    with caplog.at_level(logging.WARNING, 'mmdesra'):
        _, card = calibrate_detector(source_of(photographs), rules, 4,
                                     CalibrationSettings(steps=2, patch=64))
    assert 'kind even_ground' in caplog.text
    assert card.made['heldout']['even_ground']['average_precision'] is None


def test_one_photograph_is_not_enough(tmp_path):
    with pytest.raises(InputError, match='at least two photographs'):
        calibrate_detector(source_of(write_photographs(tmp_path / 'one', 1)), RULES, 4, SETTINGS)


def test_who_is_held_out_hangs_on_names_and_seed():
    names = [f'{number}.png' for number in range(40)]
    chosen = held_out_of(names, .2, 0)
    assert len(chosen) == 8 and chosen == held_out_of(names[::-1], .2, 0)
    assert chosen != held_out_of(names, .2, 1)
    assert len(held_out_of(names[:2], .01, 0)) == len(held_out_of(names[:2], .99, 0)) == 1


def sample_of(size=(70, 101)):
    gan, reference, truth = (np.random.default_rng(seed).integers(
        0, 256, (*size, 3)).astype(np.uint8) for seed in range(3))
    truth = truth // 4
    return TruthSample('a', dict(photograph='a.png', file='a.png'), gan, reference // 8, truth)


def test_targets_lie_where_the_planes_do():
    prepared = calibration_sample(sample_of(), RULES, True, True)
    assert prepared.planes.shape == (23, 24, 32) and prepared.targets.shape == (5, 12, 16)
    assert prepared.masks[STRENGTH].shape == prepared.difference.shape == (70, 101)
    weight = prepared.targets[WEIGHT].float().numpy()
    assert weight[0, 0] == pytest.approx((3 / 8)**2, abs=1e-3)  # 5 px of the frame are unknown
    assert weight[4, 5] == 1 and weight[8, 5] == pytest.approx(1 / 8) and not weight[9:].any()
    full = np.zeros((96, 128))
    full[:70, :101] = prepared.masks[STRENGTH]
    np.testing.assert_allclose(prepared.targets[0], full.reshape(12, 8, 16, 8).mean((1, 3)),
                               atol=1e-3)
    assert prepared.targets[RAW].any()
    assert calibration_sample(sample_of(), RULES, False, False).masks == {}


def test_a_transposed_image_has_the_transposed_planes():
    gan, mse = (np.random.default_rng(seed).integers(0, 256, (32, 40, 3)).astype(np.uint8)
                for seed in range(2))
    turned = pair_planes(gan.swapaxes(0, 1), mse.swapaxes(0, 1))
    expected = pair_planes(gan, mse).transpose(1, 2)[transposed_order(23)]
    np.testing.assert_allclose(turned, expected, atol=5e-4)
    np.testing.assert_allclose(pair_planes(gan.swapaxes(0, 1), None),
                               expected[:14], atol=5e-4)


def test_a_mirrored_image_has_the_mirrored_planes():
    gan = np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8)
    np.testing.assert_allclose(pair_planes(gan[:, ::-1], gan[:, ::-1]),
                               pair_planes(gan, gan).flip(2), atol=5e-4)


@pytest.mark.parametrize('side', [32, 64, 128])
def test_patches_have_one_size_and_what_is_missing_has_no_weight(side):
    prepared = calibration_sample(sample_of(), RULES, True, False)
    planes, targets = draw_patch(prepared, side, np.random.default_rng(0))
    assert planes.shape == (23, side // 4, side // 4) and targets.shape == (5, side // 8,
                                                                            side // 8)
    if side == 128:
        assert float(targets[WEIGHT].sum()) == pytest.approx(
            float(prepared.targets[WEIGHT].sum()), rel=1e-3)


def scores(right, found, common=10):
    return MaskScores(1, pred_regions=found, pred_right=right, gt_regions=9, pred_px=40,
                      gt_px=40, common_px=common)


@pytest.mark.parametrize('found, expected', [
    ({.1: scores(5, 20), .5: scores(4, 5), .9: scores(1, 1)}, (.5, True)),
    ({.1: scores(9, 10), .5: scores(4, 5), .9: scores(0, 0, 0)}, (.1, True)),
    ({.1: scores(9, 10), .5: scores(2, 5), .9: scores(1, 1)}, (.9, True)),  # no luck below
    ({.1: scores(5, 20, 30), .5: scores(2, 5, 20)}, (.1, False)),  # none is right often enough
    ({.1: scores(0, 0, 0), .6: scores(0, 0, 0)}, (.6, False)),  # nothing is there to be found
])
def test_the_threshold_is_the_lowest_that_is_right_often_enough(found, expected):
    assert choose_threshold(found, .8) == expected


@pytest.mark.parametrize('values', [
    dict(steps=0), dict(batch_size=0), dict(patch=50), dict(learning_rate=0.),
    dict(weight_decay=-1.), dict(heldout_share=1.), dict(precision=0.), dict(seed=-1)])
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(InputError, match='expected'):
        CalibrationSettings(**values)
