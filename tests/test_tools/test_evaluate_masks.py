"""tools/evaluate_masks.py: the real command line, and its variants in this process."""
from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from command_lines import call, run

from mmdesra.evaluation.mask_scores import COLUMNS, MaskFolders, score_folders
from mmdesra.files import write_image, write_mask

SIZE = 40, 50


@pytest.fixture
def folders(tmp_path):
    """Three images; the left region is found, the right one is missed, the last is clean."""
    left, right = np.zeros((2, *SIZE), bool)
    left[5:15, 5:15] = right[20:30, 30:40] = True
    masks = dict(pred=(left, left | right, left & False), gt=(left | right, right, left & False),
                 before=(left | right, right, right))
    for folder, images in masks.items():
        (tmp_path / folder).mkdir()
        for number, mask in enumerate(images):
            write_mask(tmp_path / folder / f'image{number}.png', mask)
    return tmp_path


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """Where the figures go that no option places elsewhere."""
    monkeypatch.chdir(tmp_path)


def test_figures_are_written_without_being_asked_for(folders, capsys):
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--gt', folders / 'gt') == 0
    assert 'written: mask_scores.json' in capsys.readouterr().out
    figures = json.loads((folders / 'mask_scores.json').read_text())
    assert figures['scores']['iou'] == pytest.approx(2 / 3)


def test_a_real_command_line(folders):
    done = run('evaluate_masks.py', '--pred', folders / 'pred', '--gt', folders / 'gt',
               '--json', folders / 'out/scores.json', '--csv', folders / 'out/images.csv')
    assert done.returncode == 0, done.stderr
    assert '3 images' in done.stdout
    row = done.stdout.split('| masks ')[1].splitlines()[0].replace(' ', '')
    assert row == '|66.67%|0.6667|0.6667|2/3|2/3|1/1|50.00%|'
    assert 'an image without artifacts counts as IoU 1' in done.stdout
    figures = json.loads((folders / 'out/scores.json').read_text())
    assert figures == score_folders(MaskFolders(
        str(folders / 'pred'), str(folders / 'gt'))).figures()
    with (folders / 'out/images.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row['iou'] for row in rows] == ['0.5', '0.5', '1.0']
    assert rows[2]['precision'] == ''


def test_what_is_skipped_stands_on_a_line_of_its_own(folders):
    (folders / 'pred/image1.png').unlink()
    done = run('evaluate_masks.py', '--pred', folders / 'pred', '--gt', folders / 'gt')
    assert done.returncode == 1
    lines = re.split(r'[\r\n]+', done.stderr)
    assert f"skipped: {folders}/pred: holds no image named 'image1'" in [
        line.partition(' (')[0] for line in lines]


def test_before_and_after(folders, capsys):
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--gt', folders / 'gt',
                '--before', folders / 'before', '--json', folders / 'scores.json') == 0
    output = capsys.readouterr().out
    assert '| before |' in output and '| after  |' in output
    assert 'regions 4 -> 3: removal rate 50.00% (2 removed), addition rate 25.00% (1 added)' \
        in output
    figures = json.loads((folders / 'scores.json').read_text())
    assert figures['changes']['removal_rate'] == .5
    assert figures['scores_before']['iou'] == pytest.approx((1 + 1 + 0) / 3)


def test_each_image_without_ground_truth(folders, capsys):
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--before', folders / 'before',
                '--per-image') == 0
    output = capsys.readouterr().out
    assert 'IoU' not in output
    assert '| image0.png |      2 |     1 |       1 |     0 |' in output


def test_each_image_with_ground_truth_and_detail(folders, capsys):
    for name in ('images_before', 'images_after'):
        (folders / name).mkdir()
        for number in range(3):
            image = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
            write_image(folders / name / f'image{number}.png', image)
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--gt', folders / 'gt',
                '--before', folders / 'before', '--pred-images', folders / 'images_after',
                '--before-images', folders / 'images_before', '--per-image') == 0
    output = capsys.readouterr().out
    assert 'detail kept 1.0000' in output
    assert '| image2.png | 100.00% |         - |      - |            0 / 0 |' in output


@pytest.fixture
def with_images(folders):
    """Noise at four strengths: MSE-SR, after, the truth and before."""
    for name, strength in dict(mse=4, after=30, truth=40, sr=90).items():
        (folders / name).mkdir()
        for number in range(3):
            noise = np.random.default_rng(number).normal(0, 1, (*SIZE, 3))
            image = (128 + strength * noise).clip(0, 255).astype(np.uint8)
            write_image(folders / name / f'image{number}.png', image)
    return folders


def table_of(output, row):
    """The cells of a row of a printed table."""
    line = next(line for line in output.splitlines() if line.startswith(f'| {row} '))
    return [cell.strip() for cell in line.strip('|').split('|')[1:]]


def test_before_and_after_against_the_true_images(with_images, capsys):
    folders = with_images
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--before', folders / 'before',
                '--pred-images', folders / 'after', '--before-images', folders / 'sr',
                '--mse-images', folders / 'mse', '--gt-images', folders / 'truth',
                '--csv', folders / 'images.csv') == 0
    output = capsys.readouterr().out
    assert '0 gone, 2 faded' not in output  # most of the excess, but not of all that is detected
    assert 'excess left' in output and 'against the true images (3 of 3)' in output
    mse, before, after = map(float, table_of(output, 'inside: texture error'))
    assert after < mse < before
    assert table_of(output, 'regions farther than MSE-SR, by texture') == [
        '', '4 of 4', '0 of 4']
    assert 'no perceptual distance to the truth: it needs the weights' in output
    figures = json.loads((folders / 'mask_scores.json').read_text())
    assert figures['truth']['inside']['after']['texture_error'] == pytest.approx(after, abs=.01)
    assert figures['perceptual'] is None
    with (folders / 'images.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[0]['texture_error_inside']) < float(rows[0]['texture_error_inside_before'])
    assert rows[0]['perceptual_inside'] == ''
    assert figures['fading']['gone'] + figures['fading']['faded'] == figures['changes']['removed']


def test_a_gan_alone_against_the_true_images(with_images, capsys):
    """No mask to score against: the true images are the set."""
    folders = with_images
    (folders / 'truth/image1.png').unlink()
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--pred-images', folders / 'sr',
                '--mse-images', folders / 'mse', '--gt-images', folders / 'truth') == 0
    output = capsys.readouterr().out
    assert 'against the true images (2 of 2)' in output
    assert '| MSE-SR | GAN-SR |' in output
    assert table_of(output, 'regions farther than MSE-SR, by texture') == ['', '1 of 1']


def test_an_image_without_a_true_one_keeps_its_other_scores(with_images, capsys, caplog):
    folders = with_images
    (folders / 'truth/image1.png').unlink()
    assert call('evaluate_masks.py', '--pred', folders / 'pred', '--gt', folders / 'gt',
                '--pred-images', folders / 'sr', '--gt-images', folders / 'truth') == 0
    output = capsys.readouterr().out
    assert output.startswith('3 images') and 'against the true images (2 of 3)' in output
    assert 'not compared with its ground truth' in caplog.text


def test_a_perceptual_distance_with_its_weights(with_images, tmp_path_factory, capsys):
    pytest.importorskip('lpips')
    import torch
    import torchvision
    folders = with_images
    torch.manual_seed(0)
    weights = tmp_path_factory.mktemp('weights') / 'squeeze.pth'
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), weights)
    options = ['--pred', folders / 'pred', '--pred-images', folders / 'truth', '--gt-images',
               folders / 'truth', '--perceptual', 'LPIPS', '--backbone-weights', weights]
    assert call('evaluate_masks.py', *options, '--perceptual-options', 'net=squeeze') == 0
    output = capsys.readouterr().out
    assert table_of(output, 'inside: LPIPS (squeeze)') == ['0.000']
    figures = json.loads((folders / 'mask_scores.json').read_text())
    assert figures['perceptual'].keys() == {'type', 'net', 'weights'}
    assert len(figures['perceptual']['weights']) == 64  # a SHA-256
    assert call('evaluate_masks.py', *options) == 2  # these are no weights of AlexNet
    assert "squeeze.pth: expected the weights of torchvision's alexnet" in capsys.readouterr().err


def test_one_bad_image_is_skipped_and_the_exit_code_says_so(folders, capsys):
    (folders / 'pred/image1.png').write_bytes(b'')
    arguments = ['--pred', folders / 'pred', '--gt', folders / 'gt']
    assert call('evaluate_masks.py', *arguments) == 1
    assert 'skipped: 1 of 3' in capsys.readouterr().out
    for number in (0, 2):
        (folders / f'pred/image{number}.png').write_bytes(b'')
    assert call('evaluate_masks.py', *arguments) == 2


@pytest.mark.parametrize('arguments, message', [
    (['--pred', 'pred'], 'give --gt, --before, or both; or --gt-images'),
    (['--pred', 'nowhere', '--gt', 'gt'],
     'nowhere: expected a folder of images, or an image, found nothing'),
    (['--pred', 'pred', '--gt', 'gt', '--p', '2'], 'expected p in (0, 1], got 2'),
    (['--pred', 'pred', '--gt', 'gt', '--margin', '-1'], 'at least 0 px, got -1'),
    (['--pred', 'pred', '--gt', 'gt', '--pred-images', 'x'], 'together'),
    (['--pred', 'pred', '--gt', 'gt', '--mse-images', 'x'], 'SR images together with the MSE-SR'),
    (['--pred', 'pred', '--gt-images', 'x'], 'SR images together with the true ones'),
    (['--pred', 'pred', '--gt', 'gt', '--perceptual', 'LPIPS'], 'expected true images for'),
    (['--pred', 'pred', '--gt', 'gt', '--backbone-weights', 'x'], 'name the perceptual distance'),
    (['--pred', 'pred', '--gt', 'gt', '--perceptual', 'SSIM'], "invalid choice: 'SSIM'"),
    (['--pred', 'pred', '--pred-images', 'pred', '--gt-images', 'gt', '--perceptual', 'LPIPS'],
     'expected backbone_weights'),
])
def test_bad_input_ends_in_one_line(folders, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(folders)
    assert call('evaluate_masks.py', *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert 'Traceback' not in error
