"""What the truth says of images before and after fine-tuning."""
from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image
from toy_distance import ToyDistance
from toys import MIN_AREA, ToyGenerator, make_lq_folder

from mmdesra.detectors import DeSRA
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.evaluation.judge import Judge, find_regions
from mmdesra.evaluation.perceptual import describe_perceptual
from mmdesra.files import read_image, read_mask, write_image
from mmdesra.generators import Upscaler
from mmdesra.ops import local_std

GAN, BETTER, MSE = .15, .05, 0.


def write_truths(folder, lq_paths, amplitude):
    folder.mkdir()
    for path in lq_paths:
        write_image(folder / path.name, Upscaler(ToyGenerator(amplitude))(read_image(path)))
    return folder


@pytest.fixture
def lq_paths(tmp_path):
    return make_lq_folder(tmp_path / 'lq', 3)


def images(tmp_path, gt_dir, out='out', **options):
    return BeforeAfter(tmp_path / 'lq', Upscaler(ToyGenerator(MSE)), DeSRA(min_area=MIN_AREA),
                       tmp_path / out, gt_dir=gt_dir, **options)


def compare(heldout, after=BETTER):
    heldout.measure_before(Upscaler(ToyGenerator(GAN)))
    return heldout.measure_after(Upscaler(ToyGenerator(after)))


def expected_distances(out, gt_dir, folder):
    """Pooled over the images, without any of the code that is tested but the local deviation."""
    sums = {}
    for path in gt_dir.iterdir():
        image, truth = (read_image(file) for file in (out / folder / path.name, path))
        stds = [local_std(torch.from_numpy(one.transpose(2, 0, 1).copy())).numpy()
                for one in (image, truth)]
        difference, pixels = stds[0] - stds[1], image.astype(float) - truth
        mask = read_mask(out / 'mask_before' / path.name)[5:-5, 5:-5]
        for place, here in dict(inside=mask, outside=~mask).items():
            sums.setdefault(place, []).append((
                here.sum(), np.abs(difference)[:, here].mean(0).sum(),
                difference.clip(0)[:, here].mean(0).sum(),
                (pixels**2).mean(2)[5:-5, 5:-5][here].sum(),
                np.abs(pixels).mean(2)[5:-5, 5:-5][here].sum() / 255))
    figures = {}
    for place, rows in sums.items():
        count, error, above, squared, distance = np.sum(rows, axis=0)
        figures[place] = dict(
            pixels=count, texture_error=pytest.approx(error / count),
            texture_above=pytest.approx(above / count),
            psnr=pytest.approx(10 * np.log10(255**2 / (squared / count))),
            perceptual=pytest.approx(distance / count, rel=1e-5))
    return figures


def test_figures_of_all_versions_are_those_of_their_pictures(tmp_path, lq_paths):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, .08)
    comparison = compare(images(tmp_path, gt_dir, perceptual=ToyDistance()))
    assert comparison.truth['images'] == comparison.gt_images == 3
    for version, folder in dict(reference='mse', before='gan_before', after='gan_after').items():
        expected = expected_distances(tmp_path / 'out', gt_dir, folder)
        for place in ('inside', 'outside'):
            assert comparison.truth[place][version] == expected[place]
    assert comparison.perceptual == dict(type='ToyDistance', net='toy', scale=1)


def test_where_the_mse_image_is_the_truth_every_region_is_an_artifact(tmp_path, lq_paths):
    comparison = compare(images(tmp_path, write_truths(tmp_path / 'gt', lq_paths, MSE),
                                perceptual=ToyDistance()))
    inside, regions = comparison.truth['inside'], comparison.truth['regions']
    assert (inside['reference']['texture_error'], inside['reference']['psnr']) == (0, 100)
    assert inside['before']['texture_error'] > inside['after']['texture_error'] > 5
    count = comparison.regions_before
    assert count > 2
    for measure in ('texture', 'perceptual'):
        assert regions['before']['than_reference'][measure] == dict(
            regions=count, farther=count, nearer=0, share=1, share_px=1)
        assert regions['after']['than_before'][measure]['nearer'] == count


def test_where_the_gan_image_is_the_truth_no_region_is_one(tmp_path, lq_paths):
    """The rule finds them all the same: what it sees is that the MSE-SR image lacks them."""
    comparison = compare(images(tmp_path, write_truths(tmp_path / 'gt', lq_paths, GAN)))
    inside, regions = comparison.truth['inside'], comparison.truth['regions']
    assert comparison.regions_before > 2 and inside['before']['texture_error'] == 0
    counts = regions['before']['than_reference']['texture']
    assert (counts['farther'], counts['nearer']) == (0, comparison.regions_before)
    assert regions['after']['than_before']['texture']['share'] == 1  # made worse, everywhere
    assert inside['before']['perceptual'] is None
    assert regions['before']['than_reference']['perceptual'] == dict(
        regions=0, farther=0, nearer=0, share=None, share_px=None)


def test_regions_of_an_image_have_their_own_figures(tmp_path, lq_paths):
    comparison = compare(images(tmp_path, write_truths(tmp_path / 'gt', lq_paths, MSE),
                                perceptual=ToyDistance()))
    assert comparison.left + comparison.gone + comparison.faded == comparison.regions_before
    for name, row in comparison.per_image.items():
        regions = find_regions(read_mask(tmp_path / 'out/mask_before' / name))
        assert [region['area'] for region in row['regions']] == regions.areas.tolist()
        assert [region['box'] for region in row['regions']] == regions.boxes.tolist()
        for region in row['regions']:
            texture = region['texture']
            assert texture['reference'] == 0 < texture['after'] < texture['before']
            # The texture has a third of its strength, and the truth, the MSE-SR image, none.
            assert region['excess_left'] == pytest.approx(
                texture['after'] / texture['before'], abs=.05)
            assert region['perceptual']['before'] > region['perceptual']['after'] > 0
    pooled = sum(row['excess_after'] for row in comparison.per_image.values()) / sum(
        row['excess_before'] for row in comparison.per_image.values())
    assert comparison.excess_left == pytest.approx(pooled)


def test_a_region_that_is_not_found_any_more_may_be_faded_only(tmp_path):
    """D rises over 0.7 where σ falls below 5 on even ground: from 8 that is 5/8 of the excess."""
    (tmp_path / 'lq').mkdir()
    lq = np.full((32, 96, 3), 90, np.uint8)
    lq[10:22, 10:22, 1] = lq[10:22, 60:72, 1] = 220
    Image.fromarray(lq).save(tmp_path / 'lq/even.png')
    heldout = images(tmp_path, None)
    heldout.measure_before(Upscaler(ToyGenerator(8 / 255)))
    for grey_levels, counts in ((5, (0, 2, 0)), (3, (2, 0, 0)), (8, (0, 0, 2))):
        comparison = heldout.measure_after(Upscaler(ToyGenerator(grey_levels / 255)))
        assert (comparison.gone, comparison.faded, comparison.left) == counts
        assert comparison.excess_left == pytest.approx(grey_levels / 8, abs=.05)
        assert comparison.scalars['DeSRA/faded'] == counts[1]
    assert 'removed 0.00%, added 0.00% (0 gone, 0 faded, 2 left), excess left 100.0%' in str(
        comparison)


def test_an_image_without_a_truth_is_left_out_of_these_figures_alone(tmp_path, lq_paths, caplog):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, BETTER)
    (gt_dir / 'image2.png').unlink()
    with caplog.at_level(logging.WARNING, logger='mmdesra'):
        comparison = compare(images(tmp_path, gt_dir))
    assert (comparison.images, comparison.truth['images']) == (3, 2)
    assert 'truth' not in comparison.per_image['image2.png']
    assert comparison.per_image['image2.png']['regions'][0].keys() == {
        'box', 'area', 'fate', 'excess_left'}
    (message,) = caplog.messages
    assert message.startswith('not compared with its ground truth: ')
    assert "holds no image named 'image2'" in message


def test_results_are_json_and_scalars_have_no_unknown_ones(tmp_path, lq_paths):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, BETTER)
    heldout = images(tmp_path, gt_dir)
    comparison = compare(heldout)
    heldout.write(comparison, {})
    results = json.loads((tmp_path / 'out/results.json').read_text())
    assert results['truth'] == comparison.truth and results['perceptual'] is None
    scalars = comparison.scalars
    assert scalars['DeSRA/texture_error_inside'] == results['truth']['inside']['after'][
        'texture_error'] < scalars['DeSRA/texture_error_inside_before']
    assert heldout.scalars_before['DeSRA/texture_error_inside'] == scalars[
        'DeSRA/texture_error_inside_before']
    assert heldout.scalars_before['DeSRA/farther_by_texture'] == scalars[
        'DeSRA/farther_by_texture_before']
    for shown in (scalars, heldout.scalars_before):
        assert np.isfinite(list(shown.values())).all()
        assert not any('perceptual' in name for name in shown)


def test_images_without_artifacts_have_figures_outside_alone(tmp_path):
    paths = make_lq_folder(tmp_path / 'lq', 2, clean=(0, 1))
    heldout = images(tmp_path, write_truths(tmp_path / 'gt', paths, MSE))
    comparison = compare(heldout)
    assert (comparison.excess_left, comparison.gone) == (None, 0)
    assert comparison.truth['inside']['before'] == dict(
        pixels=0, texture_error=None, texture_above=None, psnr=None, perceptual=None)
    assert comparison.truth['outside']['before']['psnr'] == 100
    assert 'DeSRA/psnr_inside' not in comparison.scalars
    row = next(line for line in comparison.table.splitlines() if 'inside: texture e' in line)
    assert row.replace(' ', '') == '|inside:textureerror|-|-|-|'


def test_the_table_says_what_is_missing(tmp_path, lq_paths):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, MSE)
    without = compare(images(tmp_path, gt_dir))
    assert '--perceptual LPIPS --backbone-weights FILE' in without.table
    distance = compare(images(tmp_path, gt_dir, out='other', perceptual=ToyDistance()))
    assert '| inside: ToyDistance (toy) ' in distance.table
    assert '--perceptual' not in distance.table
    count = distance.regions_before
    row = next(line for line in distance.table.splitlines() if 'than MSE-SR, by texture' in line)
    assert row.replace(' ', '').endswith(f'||{count}of{count}|{count}of{count}|')
    assert compare(images(tmp_path, None, out='third')).table == ''


# ---------------------------------------- runs that are resumed


@pytest.mark.parametrize('lost', [['excess', 'truth'], ['truth'], ['truth', 'psnr', 'ssim']])
def test_what_an_earlier_version_did_not_write_is_measured_from_its_pictures(
        tmp_path, lq_paths, lost):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, BETTER)
    expected = compare(images(tmp_path, gt_dir))
    file = tmp_path / 'out/before.json'
    rows = json.loads(file.read_text())
    file.write_text(json.dumps({name: {key: value for key, value in row.items()
                                       if key not in lost} for name, row in rows.items()}))
    resumed = images(tmp_path, gt_dir)
    assert resumed.knows_before
    assert resumed.measure_after(Upscaler(ToyGenerator(BETTER))) == expected


def test_another_perceptual_distance_than_before_is_measured_on_both_sides(tmp_path, lq_paths):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, MSE)
    compare(images(tmp_path, gt_dir, perceptual=ToyDistance()))
    resumed = images(tmp_path, gt_dir, perceptual=ToyDistance(scale=10))
    got = resumed.measure_after(Upscaler(ToyGenerator(BETTER)))
    assert got == compare(images(tmp_path, gt_dir, out='other', perceptual=ToyDistance(scale=10)))


def test_damaged_figures_from_before_end_in_one_line(tmp_path, lq_paths):
    gt_dir = write_truths(tmp_path / 'gt', lq_paths, MSE)
    compare(images(tmp_path, gt_dir))
    file = tmp_path / 'out/before.json'
    rows = json.loads(file.read_text())
    rows['image0.png']['truth']['before'][0] = [1, 2, 3, 4, 5, 6, 7]
    file.write_text(json.dumps(rows))
    with pytest.raises(ValueError, match='before.json: is damaged .*; restore it from a copy'):
        images(tmp_path, gt_dir).measure_after(Upscaler(ToyGenerator(BETTER)))


# ---------------------------------------- the perceptual distance


def test_an_image_too_small_for_the_distance_has_the_other_figures(caplog):
    image = np.random.default_rng(0).integers(0, 256, (19, 30, 3), np.uint8)
    regions = find_regions(np.zeros((19, 30), bool))
    with caplog.at_level(logging.WARNING, logger='mmdesra'):
        (place,) = Judge(ToyDistance()).distances(image, image[::-1].copy(), regions)
    assert place.pixels == 9 * 20 and place.perceptual_pixels == 0
    (message,) = caplog.messages
    assert message == ('no ToyDistance to the truth: expected an image of at least 20x20 px, got '
                       '30x19')


def test_distances_that_are_not_finite_are_refused():
    image = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match='ToyDistance: expected finite distances.*weights'):
        Judge(ToyDistance(scale=float('nan'))).distances(
            image, image + 1, find_regions(np.zeros((20, 30), bool)))


def test_the_description_has_what_decides_distances_alone():
    assert describe_perceptual(None) is None
    assert describe_perceptual(ToyDistance(3)) == dict(type='ToyDistance', net='toy', scale=3)
