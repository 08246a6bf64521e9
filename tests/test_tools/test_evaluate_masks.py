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


def test_one_bad_image_is_skipped_and_the_exit_code_says_so(folders, capsys):
    (folders / 'pred/image1.png').write_bytes(b'')
    arguments = ['--pred', folders / 'pred', '--gt', folders / 'gt']
    assert call('evaluate_masks.py', *arguments) == 1
    assert 'skipped: 1 of 3' in capsys.readouterr().out
    for number in (0, 2):
        (folders / f'pred/image{number}.png').write_bytes(b'')
    assert call('evaluate_masks.py', *arguments) == 2


@pytest.mark.parametrize('arguments, message', [
    (['--pred', 'pred'], 'give --gt, --before, or both'),
    (['--pred', 'nowhere', '--gt', 'gt'],
     'nowhere: expected a folder of images, or an image, found nothing'),
    (['--pred', 'pred', '--gt', 'gt', '--p', '2'], 'expected p in (0, 1], got 2'),
    (['--pred', 'pred', '--gt', 'gt', '--margin', '-1'], 'at least 0 px, got -1'),
    (['--pred', 'pred', '--gt', 'gt', '--pred-images', 'x'], 'together'),
])
def test_bad_input_ends_in_one_line(folders, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(folders)
    assert call('evaluate_masks.py', *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert 'Traceback' not in error
