from __future__ import annotations

import logging

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from toys import ToyGenerator, make_lq_folder

from mmdesra.detectors import DeSRA
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.evaluation.ground_truths import MAX_PSNR, Fidelity, GroundTruths
from mmdesra.files import ImageError, read_image, write_image
from mmdesra.generators import Upscaler
from mmdesra.ops import strips

BEFORE, AFTER = .15, .05


@pytest.fixture
def lq_paths(tmp_path):
    return make_lq_folder(tmp_path / 'lq', 3)


@pytest.fixture
def gt_dir(tmp_path, lq_paths):
    """The MSE-SR images of the toy, with some noise, as another kind of file."""
    folder = tmp_path / 'gt'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for path in lq_paths:
        sr = Upscaler(ToyGenerator())(read_image(path)).astype(int)
        noisy = (sr + rng.integers(-9, 10, sr.shape)).clip(0, 255).astype(np.uint8)
        write_image(folder / f'{path.stem}.bmp', noisy)
    return folder


def compare(lq_dir, out_dir, gt_dir):
    heldout = BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(min_area=200), out_dir,
                          gt_dir=gt_dir)
    heldout.measure_before(Upscaler(ToyGenerator(BEFORE)))
    return heldout, heldout.measure_after(Upscaler(ToyGenerator(AFTER)))


def expected_fidelity(path, gt_dir, amplitude):
    gt = read_image(gt_dir / f'{path.stem}.bmp')
    sr = Upscaler(ToyGenerator(amplitude))(read_image(path))
    similarity = structural_similarity(
        sr, gt, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True)[1]
    return peak_signal_noise_ratio(gt, sr), similarity[5:-5, 5:-5].mean()


def test_psnr_and_ssim_before_and_after_are_means_over_the_images(lq_paths, gt_dir, tmp_path):
    heldout, comparison = compare(tmp_path / 'lq', tmp_path / 'out', gt_dir)
    assert comparison.gt_images == 3
    for stage, amplitude in dict(before=BEFORE, after=AFTER).items():
        rows = [expected_fidelity(path, gt_dir, amplitude) for path in lq_paths]
        psnr, ssim = np.mean(rows, axis=0)
        assert getattr(comparison, f'psnr_{stage}') == pytest.approx(psnr, abs=1e-6)
        assert getattr(comparison, f'ssim_{stage}') == pytest.approx(ssim, abs=1e-6)
        assert comparison.per_image['image0.png'][f'psnr_{stage}'] == pytest.approx(rows[0][0])
    before, after = comparison.psnr_before, comparison.psnr_after
    assert f'PSNR {before:.2f} -> {after:.2f} dB, SSIM' in str(comparison)
    assert 'with GT' not in str(comparison)
    assert heldout.scalars_before['DeSRA/psnr'] == before < after
    assert comparison.scalars['DeSRA/psnr'] == after


def test_scalars_begin_with_nothing_removed_or_added(lq_paths, tmp_path):
    heldout, comparison = compare(tmp_path / 'lq', tmp_path / 'out', None)
    assert heldout.scalars_before == {
        'DeSRA/removal': 0, 'DeSRA/addition': 0, 'DeSRA/detail_kept': 1,
        'DeSRA/regions': comparison.regions_before, 'DeSRA/artifact_px': comparison.area_before,
        'DeSRA/excess_left': 1, 'DeSRA/gone': 0, 'DeSRA/faded': 0}
    assert comparison.scalars['DeSRA/artifact_px'] == comparison.area_after


def test_missing_and_misfitting_ground_truths_are_said_once_and_left_out(
        lq_paths, gt_dir, tmp_path, caplog):
    (gt_dir / 'image0.bmp').unlink()
    Image.new('RGB', (191, 160)).save(gt_dir / 'image1.bmp')
    with caplog.at_level(logging.WARNING, logger='mmdesra'):
        _, comparison = compare(tmp_path / 'lq', tmp_path / 'out', gt_dir)
    assert (comparison.images, comparison.gt_images) == (3, 1)
    assert [row for row in comparison.per_image.values() if 'psnr_after' in row] == [
        comparison.per_image['image2.png']]
    assert str(comparison).endswith('(1 with GT)')
    missing, misfit = caplog.messages
    assert "holds no image named 'image0'" in missing
    assert 'image1.bmp: expected the size of the SR image of' in misfit
    assert '192x160, got 191x160' in misfit


def test_folder_without_any_ground_truth_is_an_error(lq_paths, tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'other.png')
    with pytest.raises(ImageError, match='matched by file stem, e.g. image0.png; found none'):
        GroundTruths(tmp_path, lq_paths)


def test_without_ground_truth_nothing_is_said_of_it(lq_paths, tmp_path):
    _, comparison = compare(tmp_path / 'lq', tmp_path / 'out', None)
    assert (comparison.gt_images, comparison.psnr_before, comparison.ssim_after) == (0, None, None)
    assert 'PSNR' not in str(comparison)
    assert 'DeSRA/psnr' not in comparison.scalars


def test_equal_images_and_strips(monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (90, 40, 3), np.uint8)
    assert Fidelity.of(image, image) == Fidelity(MAX_PSNR, pytest.approx(1))
    other = image[::-1].copy()
    whole = Fidelity.of(image, other)
    monkeypatch.setattr(strips.by_strips, '__defaults__', (1, None))  # as few rows as may be
    assert Fidelity.of(image, other) == Fidelity(whole.psnr, pytest.approx(whole.ssim))
