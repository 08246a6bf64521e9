from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from toys import ToyGenerator

from mmdesra.detectors import DeSRA
from mmdesra.evaluation.before_after import FOLDERS, BeforeAfter
from mmdesra.files import ImageError, read_image, read_mask
from mmdesra.generators import Upscaler
from mmdesra.ops import local_std
from mmdesra.segmentors import LabelFolder

GREEN, RED = 1, 0
STEP = 1 / 255


class RedToy(ToyGenerator):
    """Has its artifacts where the LR image is red instead of green."""

    def forward(self, x):
        return super().forward(x[:, [1, 0, 2]])[:, [1, 0, 2]]


def save_squares(path, *squares):
    """Write a grey LR image of 96×32 px with coloured squares of 12 px, 32 px apart."""
    image = np.full((32, 96, 3), 90, np.uint8)
    for place, channel in squares:
        image[10:22, 32 * place + 10:32 * place + 22, channel] = 220
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def lq_dir(tmp_path):
    """Three images with 2, 1 and 0 green squares, one of them with a red one, too."""
    folder = tmp_path / 'lq'
    save_squares(folder / 'two.png', (0, GREEN), (1, GREEN), (2, RED))
    save_squares(folder / 'one.png', (1, GREEN))
    save_squares(folder / 'none.png')
    return folder


def compare(lq_dir, out_dir, before, after):
    heldout = BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(min_area=200), out_dir)
    heldout.measure_before(Upscaler(before))
    return heldout.measure_after(Upscaler(after))


def test_all_removed_none_added(lq_dir, tmp_path):
    comparison = compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator())
    assert (comparison.images, comparison.regions_before, comparison.regions_after) == (3, 3, 0)
    assert (comparison.removal_rate, comparison.addition_rate) == (1, 0)
    assert comparison.area_after == 0
    # Three squares of 48 SR px; cleaning adds at most 4 px around what the 11×11 window sees.
    assert 3 * 48**2 < comparison.area_before < 3 * (48 + 2 * 9)**2
    assert str(comparison).startswith('3 held-out images: regions 3 -> 0')
    assert 'removed 100.00%, added 0.00%' in str(comparison)


def test_nothing_changes(lq_dir, tmp_path):
    comparison = compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator(.15))
    assert comparison.regions_after == comparison.regions_before == 3
    assert comparison.area_after == comparison.area_before
    assert (comparison.removal_rate, comparison.addition_rate) == (0, 0)
    assert comparison.detail_kept == 1


def test_all_removed_and_one_added_elsewhere(lq_dir, tmp_path):
    comparison = compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), RedToy(.15))
    assert (comparison.regions_before, comparison.regions_after) == (3, 1)
    assert comparison.removal_rate == 1
    assert comparison.addition_rate == pytest.approx(1 / 3)
    rows = comparison.per_image
    assert list(rows) == ['none.png', 'one.png', 'two.png']
    counts = {name: [row[key] for key in ('before', 'after', 'removed', 'added')]
              for name, row in rows.items()}
    assert counts == {'none.png': [0, 0, 0, 0], 'one.png': [1, 0, 1, 0], 'two.png': [2, 1, 2, 1]}
    assert sum(row['area_before'] for row in rows.values()) == comparison.area_before


def test_rates_are_none_where_there_was_nothing(lq_dir, tmp_path):
    comparison = compare(lq_dir, tmp_path / 'out', ToyGenerator(), RedToy(.15))
    assert (comparison.regions_before, comparison.regions_after) == (0, 1)
    assert comparison.removal_rate is None
    assert comparison.addition_rate is None
    assert 'regions 0 -> 1' in str(comparison)
    assert 'nothing to remove' in str(comparison)
    assert '%' not in str(comparison)


@pytest.mark.parametrize('after, kept', [(4, 1), (2, .5), (1, .25), (8, 2), (0, 0)])
def test_detail_kept_is_the_ratio_of_standard_deviations(tmp_path, after, kept):
    """A texture of ±4 grey levels is no artifact; its amplitude is its standard deviation."""
    (tmp_path / 'lq').mkdir()
    Image.new('RGB', (40, 32), (160, 160, 160)).save(tmp_path / 'lq/texture.png')
    heldout = BeforeAfter(tmp_path / 'lq', Upscaler(ToyGenerator(5 * STEP)), DeSRA(),
                          tmp_path / 'out')
    heldout.measure_before(Upscaler(ToyGenerator(4 * STEP)))
    comparison = heldout.measure_after(Upscaler(ToyGenerator(after * STEP)))
    assert comparison.area_before == 0
    assert comparison.detail_kept == pytest.approx(kept, abs=1e-4)


def test_detail_inside_the_masks_does_not_count(lq_dir, tmp_path):
    """Texture that goes with an artifact is no loss: the masks from before cover it."""
    row = compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator()).per_image['two.png']
    assert row['detail_after'] > .95 * row['detail_before']

    def everywhere(generator):
        image = Upscaler(generator)(read_image(lq_dir / 'two.png')).transpose(2, 0, 1)
        return float(local_std(torch.from_numpy(image.copy())).mean(dim=0).sum())

    assert everywhere(ToyGenerator()) < .5 * everywhere(ToyGenerator(.15))


def test_generator_that_diverged_is_an_error(lq_dir, tmp_path):
    """To skip its images would leave a comparison of nothing, with all detail kept."""
    with pytest.raises(ImageError, match='none.png: the generator .*NaN'):
        compare(lq_dir, tmp_path / 'out', ToyGenerator(), ToyGenerator(float('nan')))


def test_pictures_are_those_of_the_generators(lq_dir, tmp_path):
    out = tmp_path / 'out'
    compare(lq_dir, out, ToyGenerator(.15), RedToy(.15))
    lq = read_image(lq_dir / 'two.png')
    expected = dict(mse=ToyGenerator(), gan_before=ToyGenerator(.15), gan_after=RedToy(.15))
    for folder, generator in expected.items():
        np.testing.assert_array_equal(read_image(out / folder / 'two.png'),
                                      Upscaler(generator)(lq))
    before, after = (read_mask(out / folder / 'two.png') for folder in ('mask_before',
                                                                         'mask_after'))
    assert before[64, 64] and before[64, 192] and not before[64, 320]
    assert after[64, 320] and not after[64, 64] and not after[64, 192]


def test_another_process_goes_on_from_disk(lq_dir, tmp_path):
    def new():
        return BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(min_area=200),
                           tmp_path / 'out')

    assert not new().knows_before
    new().measure_before(Upscaler(ToyGenerator(.15)))
    assert new().knows_before
    resumed = new().measure_after(Upscaler(ToyGenerator()))
    assert resumed == compare(lq_dir, tmp_path / 'other', ToyGenerator(.15), ToyGenerator())


def test_after_without_before_is_an_error(lq_dir, tmp_path):
    heldout = BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(), tmp_path / 'out')
    with pytest.raises(FileNotFoundError, match='before.json'):
        heldout.measure_after(Upscaler(ToyGenerator()))


def test_results_are_written_with_seconds(lq_dir, tmp_path):
    heldout = BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(min_area=200),
                          tmp_path / 'out')
    heldout.measure_before(Upscaler(ToyGenerator()))
    comparison = heldout.measure_after(Upscaler(ToyGenerator()))
    heldout.write(comparison, dict(finetune=1.5))
    results = json.loads((tmp_path / 'out/results.json').read_text())
    assert results.pop('seconds') == dict(finetune=1.5)
    assert results.pop('reference').keys() == {'mse_sha256'}
    assert results['removal_rate'] is None  # null, not NaN, which is no JSON
    assert results.keys() == vars(comparison).keys()
    assert all(results[name] == value for name, value in vars(comparison).items())


def test_image_that_cannot_be_used_is_skipped_in_both(lq_dir, tmp_path, caplog):
    expected = compare(lq_dir, tmp_path / 'expected', ToyGenerator(.15), ToyGenerator())
    (lq_dir / 'broken.png').write_bytes((lq_dir / 'two.png').read_bytes()[:60])
    Image.new('RGB', (2, 2)).save(lq_dir / 'tiny.png')  # its SR image is below the window
    assert compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator()) == expected
    assert 'broken.png' in caplog.text
    assert 'tiny.png: expected an image of at least 11x11' in caplog.text
    assert not list((tmp_path / 'out').rglob('broken.png'))


def test_nothing_of_an_earlier_run_in_the_folder_is_left(lq_dir, tmp_path):
    """Its pictures of an image that is not there any more would be shown and averaged over."""
    compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator())
    (tmp_path / 'out/results.json').write_text('{}')
    (lq_dir / 'two.png').unlink()
    compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator())
    names = [str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.*')]
    assert sorted(names) == ['before.json', *sorted(
        f'{folder}/{path.name}' for folder in FOLDERS for path in lq_dir.glob('*.png'))]


def test_image_without_label_map_is_skipped(lq_dir, tmp_path):
    (tmp_path / 'labels').mkdir()
    Image.new('L', (384, 128)).save(tmp_path / 'labels/one.png')
    heldout = BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(min_area=200),
                          tmp_path / 'out', LabelFolder(tmp_path / 'labels'))
    heldout.measure_before(Upscaler(ToyGenerator(.15)))
    assert list(heldout.measure_after(Upscaler(ToyGenerator())).per_image) == ['one.png']


def test_folder_without_images_is_refused(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ImageError, match='empty: holds no image'):
        BeforeAfter(tmp_path / 'empty', Upscaler(ToyGenerator()), DeSRA(), tmp_path / 'out')


def test_image_that_is_gone_is_left_out_of_both_sides(lq_dir, tmp_path, caplog):
    heldout = BeforeAfter(lq_dir, Upscaler(ToyGenerator()), DeSRA(min_area=200), tmp_path / 'out')
    heldout.measure_before(Upscaler(ToyGenerator(.15)))
    (lq_dir / 'two.png').unlink()
    comparison = heldout.measure_after(Upscaler(ToyGenerator()))
    assert (comparison.images, comparison.regions_before, comparison.removal_rate) == (2, 1, 1)
    assert 'two.png' in caplog.text


def test_diverged_generator_is_no_good_result(lq_dir, tmp_path):
    with pytest.raises(ImageError, match='none of the 3 held-out images can be compared'):
        compare(lq_dir, tmp_path / 'out', ToyGenerator(.15), ToyGenerator(float('nan')))
