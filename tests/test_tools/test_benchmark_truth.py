"""Photographs of which the toy GAN, by its nature, gets the green parts wrong."""
from __future__ import annotations

import json
import re

import numpy as np
import pytest
from command_lines import call, run
from PIL import Image
from scipy import ndimage
from toys import ToyGenerator, make_lq_image, write_checkpoints, write_generator_config

from mmdesra.files import list_images, read_image, read_mask, write_image
from mmdesra.generators import Upscaler


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """photographs/ of three, one of them without green; checkpoints and a config."""
    root = tmp_path_factory.mktemp('data')
    (root / 'photographs').mkdir()
    for number in range(3):
        small = make_lq_image(number, (30, 40), clean=number == 1)
        smooth = Image.fromarray(small).resize((162, 121), Image.Resampling.BICUBIC)
        smooth.save(root / f'photographs/photo{number}.png')
    write_checkpoints(root)
    write_generator_config(root)
    return root


def arguments(data, out, *more):
    return ('benchmark_truth.py', '--truth', data / 'photographs', '--generator',
            data / 'toy_generator.py', '--gan-checkpoint', data / 'gan.pth', '--out', out, *more)


def masks_of(folder):
    return {path.stem: read_mask(path) for path in list_images(folder)}


def test_a_real_command_line_and_the_comparison_after_it(data, tmp_path):
    out = tmp_path / 'benchmark'
    done = run(*arguments(data, out, '--mse-checkpoint', data / 'mse.pth'))
    assert done.returncode == 0, done.stderr
    assert '3 images; the reference is the MSE-SR' in done.stdout
    assert '| strength    |' in done.stdout and 'no perceptual masks' in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ['gan', 'gt', 'lq', 'manifest.json',
                                                           'mse', 'truth']
    for name, mask in masks_of(out / 'gt/strength').items():
        lq, truth = read_image(out / f'lq/{name}.png'), read_image(out / f'truth/{name}.png')
        assert lq.shape == (30, 40, 3) and truth.shape == (120, 160, 3) and mask.shape == (120,
                                                                                           160)
        np.testing.assert_array_equal(read_image(out / f'gan/{name}.png'),
                                      Upscaler(ToyGenerator(.15))(lq))
        np.testing.assert_array_equal(read_image(out / f'mse/{name}.png'),
                                      Upscaler(ToyGenerator())(lq))
        green = (lq[..., 1] > 127.5).repeat(4, 0).repeat(4, 1)
        if name == 'photo1':
            assert not mask.any()
        else:
            assert mask[ndimage.binary_erosion(green, iterations=6)].mean() > .9
            assert not mask[~ndimage.binary_dilation(green, iterations=20)].any()
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['settings']['degradation'] == 'BicubicReduction'
    assert len(manifest['settings']['gan_sha256']) == 64
    assert manifest['kinds'] == ['strength', 'even_ground'] and manifest['distance'] is None
    assert manifest['images'][1]['strength'] == dict(regions=0, px=0)
    assert call('compare_detectors.py', '--gan', out / 'gan', '--mse', out / 'mse', '--gt',
                out / 'gt/strength', '--min-area', '300', '--out', tmp_path / 'comparison') == 0
    figures, = json.loads((tmp_path / 'comparison/comparison.json').read_text())['detectors']
    assert figures['average_precision'] > .8  # the cleaned mask is wider
    assert figures['average_precision_low'] <= figures['average_precision'] \
        <= figures['average_precision_high']


def test_equal_seeds_give_equal_files(data, tmp_path):
    files = []
    for name, seed in (('a', 1), ('b', 1), ('c', 2)):
        assert call(*arguments(data, tmp_path / name, '--degradation', 'realesrgan', '--crop',
                               '64', '--crops', '2', '--short-sides', '100', '--seed', seed)) == 0
        files.append({path.relative_to(tmp_path / name): path.read_bytes()
                      for path in sorted((tmp_path / name).rglob('*')) if path.is_file()})
    assert files[0] == files[1] != files[2]
    assert len(list_images(tmp_path / 'a/gan')) == 6
    assert json.loads((tmp_path / 'a/manifest.json').read_text())['settings']['crop'] == 64


def test_without_a_sibling_the_bicubic_enlargement_stands_for_it(data, tmp_path, capsys):
    assert call(*arguments(data, tmp_path / 'out')) == 0
    assert 'the reference is the bicubic enlargement' in capsys.readouterr().out
    lq = read_image(tmp_path / 'out/lq/photo0.png')
    expected = Image.fromarray(lq).resize((160, 120), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(read_image(tmp_path / 'out/mse/photo0.png'), expected)


def test_stored_images_give_the_same_masks(data, tmp_path):
    assert call(*arguments(data, tmp_path / 'made', '--mse-checkpoint', data / 'mse.pth')) == 0
    assert call('benchmark_truth.py', '--truth', data / 'photographs', '--gan',
                tmp_path / 'made/gan', '--mse', tmp_path / 'made/mse', '--out',
                tmp_path / 'stored') == 0
    made, stored = (masks_of(tmp_path / f'{name}/gt/strength') for name in ('made', 'stored'))
    assert made.keys() == stored.keys()
    assert all(np.array_equal(made[name], stored[name]) for name in made)


def test_what_cannot_be_used_is_named_and_the_rest_is_made(data, tmp_path, capsys):
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    (photographs / 'broken.jpg').write_bytes(b'no image')
    write_image(photographs / 'small.png', np.zeros((20, 20, 3), np.uint8))
    write_image(photographs / 'whole.png', make_lq_image(0, (64, 64)))
    assert call('benchmark_truth.py', '--truth', photographs, '--generator',
                data / 'toy_generator.py', '--gan-checkpoint', data / 'gan.pth', '--out',
                tmp_path / 'out') == 1
    told = capsys.readouterr().out
    assert 'skipped: broken.jpg' in told and 'skipped: small.png' in told
    assert [path.stem for path in list_images(tmp_path / 'out/gan')] == ['whole']


@pytest.mark.parametrize('more, message', [
    (('--scale', '2'), r'expected the GAN-trained generator to enlarge .* \(--scale 2\)'),
    (('--excess', '-1'), 'expected excess'),
    (('--gan', 'x'), 'give either --generator and --gan-checkpoint'),
    (('--distance-options', 'net=alex'), 'give --distance LPIPS or DISTS, too'),
    (('--crop', '7'), 'expected a crop of at least 32 px'),
])
def test_misuse_is_told_in_a_line(data, tmp_path, capsys, more, message):
    assert call(*arguments(data, tmp_path / 'out', *more)) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, told), told


def test_nothing_is_written_over(data, tmp_path, capsys):
    (tmp_path / 'out/gt/strength').mkdir(parents=True)
    (tmp_path / 'out/gt/strength/mine.png').write_bytes(b'')
    assert call(*arguments(data, tmp_path / 'out')) == 2
    assert 'expected a new or empty folder' in capsys.readouterr().err
