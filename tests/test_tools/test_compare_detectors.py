"""tools/compare_detectors.py: the real command line, and its variants in this process."""
from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from command_lines import call, run
from PIL import Image
from toys import MIN_AREA, make_lq_folder, make_pairs, write_checkpoints, write_generator_config

from mmdesra.detectors import DETECTORS, build_detector
from mmdesra.evaluation.mask_scores import MaskFolders, score_folders
from mmdesra.files import read_image, read_mask, write_image, write_mask

FILES = ['comparison.csv', 'comparison.json', 'comparison.md', 'images.csv',
         'precision_recall.png', 'sweep.csv']
OWN_DETECTOR = """
from mmdesra.detectors import DETECTORS, BaseDetector


@DETECTORS.register_module(force=True)
class Everything(BaseDetector):
    low_is_artifact = False

    def __init__(self, threshold=-1, min_area=4000):
        super().__init__(threshold, min_area)

    def artifact_map(self, gan, mse):
        return 0. * gan[0, 5:-5, 5:-5]
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """lq/, gan/, mse/, gt/ (what DeSRA detects) and labels/ (half of each image is class 2)."""
    root = tmp_path_factory.mktemp('data')
    make_lq_folder(root / 'lq', 3)
    pairs = make_pairs(root / 'lq')
    for name in ('gan', 'mse', 'gt', 'labels'):
        (root / name).mkdir()
    for path in pairs.paths:
        pair = pairs.load(path)
        write_image(root / 'gan' / path.name, pair.gan)
        write_image(root / 'mse' / path.name, pair.mse)
        detection = build_detector(dict(type='DeSRA', min_area=MIN_AREA)).detect(
            pair.gan, pair.mse)
        write_mask(root / 'gt' / path.name, detection.mask)
        labels = np.full(detection.mask.shape, 255, np.uint8)
        labels[:, :96] = 26  # sea
        write_image(root / 'labels' / path.name, labels)
    return root


def compare(data, out, *options):
    return call('compare_detectors.py', '--gan', data / 'gan', '--mse', data / 'mse', '--gt',
                data / 'gt', '--min-area', MIN_AREA, '--out', out, *options)


def read_table(path):
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_a_real_command_line(data, tmp_path):
    out = tmp_path / 'out'
    done = run('compare_detectors.py', '--gan', data / 'gan', '--mse', data / 'mse', '--gt',
               data / 'gt', '--min-area', MIN_AREA, '--detector', 'DeSRA', '--detector',
               'DeSRA:threshold=0.3', '--detector', 'LDL*={"type": "LDLStar"}',
               '--thresholds', 'DeSRA=0.5,0.9', '--out', out)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == FILES
    table = (out / 'comparison.md').read_text()
    for part in table.split('\n\n')[1], table.split('\n\n')[3]:
        assert part in done.stdout
    assert '| DeSRA               | 100.0 |    1.0000 | 1.0000 |' in done.stdout
    rows = {row['detector']: row for row in read_table(out / 'comparison.csv')}
    assert list(rows) == ['DeSRA', 'DeSRA:threshold=0.3', 'LDL*']
    assert rows['DeSRA']['iou'] == rows['DeSRA']['precision'] == rows['DeSRA']['recall'] == '1.0'
    assert float(rows['DeSRA:threshold=0.3']['iou']) < 1
    assert all(float(row['seconds_per_image']) > 0 for row in rows.values())
    sweep = read_table(out / 'sweep.csv')
    assert [(row['threshold'], row['own']) for row in sweep if row['detector'] == 'DeSRA'] == [
        ('0.5', 'False'), ('0.7', 'True'), ('0.9', 'False')]
    assert len([row for row in sweep if row['detector'] == 'LDL*']) > 10
    assert len(read_table(out / 'images.csv')) == 9
    figures = json.loads((out / 'comparison.json').read_text())
    assert figures['images'] == 3 and figures['gt'] == str(data / 'gt')
    assert figures['detectors'][0]['config']['min_area'] == f'{MIN_AREA} px'
    assert figures['detectors'][0]['best']['threshold'] == .7
    assert Image.open(out / 'precision_recall.png').size[0] > 1000


def test_the_figures_are_those_of_the_masks(data, tmp_path):
    assert compare(data, tmp_path, '--save-masks', '--p', '0.8', '--margin', '5', '--detector',
                   'DeSRA:threshold=0.5') == 0
    scores = score_folders(MaskFolders(tmp_path / 'mask/DeSRA_threshold=0.5', data / 'gt'), .8, 5)
    row, = read_table(tmp_path / 'comparison.csv')
    for name in ('iou', 'precision', 'recall', 'pixel_iou'):
        assert float(row[name]) == getattr(scores.scores, name)
    detector = build_detector(dict(type='DeSRA', threshold=.5, min_area=MIN_AREA))
    for path in (data / 'gan').iterdir():
        mask = detector.detect(read_image(path), read_image(data / 'mse' / path.name)).mask
        np.testing.assert_array_equal(
            read_mask(tmp_path / 'mask/DeSRA_threshold=0.5' / path.name), mask)


def test_labels_with_and_without(data, tmp_path, capsys):
    assert compare(data, tmp_path, '--labels', data / 'labels', '--detector', 'DeSRA',
                   '--detector', 'plain=DeSRA:labels=False') == 0
    output = capsys.readouterr()
    assert '| DeSRA (with label maps) |' in output.out and '| plain  ' in output.out
    assert 'semantic step: OFF' not in output.err
    labelled, plain = read_table(tmp_path / 'comparison.csv')
    assert (labelled['labels'], plain['labels']) == ('True', 'False')
    assert int(labelled['pred_px']) < int(plain['pred_px'])  # the sea is judged leniently


def test_generated_pairs_give_the_same_figures(data, tmp_path):
    gan, mse = write_checkpoints(tmp_path)
    assert call('compare_detectors.py', '--lq', data / 'lq', '--gan-checkpoint', gan,
                '--mse-checkpoint', mse, '--generator', write_generator_config(tmp_path), '--gt',
                data / 'gt', '--min-area', MIN_AREA, '--out', tmp_path / 'out') == 0
    row, = read_table(tmp_path / 'out/comparison.csv')
    assert (row['detector'], row['iou']) == ('DeSRA', '1.0')


def test_a_detector_of_the_users_own(data, tmp_path, monkeypatch):
    monkeypatch.setattr(DETECTORS, '_module_dict', dict(DETECTORS.module_dict))  # it stays here
    (tmp_path / 'everything.py').write_text(OWN_DETECTOR)
    (tmp_path / 'config.py').write_text("detector = dict(type='Everything', threshold=-2)\n")
    assert compare(data, tmp_path / 'out', '--custom-imports', tmp_path / 'everything.py',
                   '--detector', f'all={tmp_path}/config.py') == 0
    row, = read_table(tmp_path / 'out/comparison.csv')
    assert (row['threshold'], row['pixel_recall']) == ('-2', '1.0')


def test_an_image_that_cannot_be_used_is_skipped(data, tmp_path, capsys):
    (tmp_path / 'gt').mkdir()
    for path in (data / 'gt').iterdir():
        (tmp_path / 'gt' / path.name).write_bytes(path.read_bytes())
    write_mask(tmp_path / 'gt/image0.png', np.zeros((5, 5), bool))
    arguments = ['--gt', tmp_path / 'gt']
    assert compare(data, tmp_path / 'out', *arguments) == 1
    assert 'skipped: 1 of 3' in capsys.readouterr().out
    figures = json.loads((tmp_path / 'out/comparison.json').read_text())
    assert list(figures['skipped']) == ['image0.png'] and figures['images'] == 2
    for number in (1, 2):
        write_mask(tmp_path / f'gt/image{number}.png', np.zeros((5, 5), bool))
    assert compare(data, tmp_path / 'none', *arguments) == 2
    assert not (tmp_path / 'none').exists()


@pytest.mark.parametrize('options, message', [
    (['--detector', 'Desra'], "got 'Desra'"),
    (['--detector', 'DeSRA', '--detector', 'DeSRA'], 'different names, got DeSRA twice'),
    (['--thresholds', 'SSIM=0.5'], 'no detector has this name'),
    (['--gt', 'nowhere'], 'nowhere: expected a folder of images'),
    (['--p', '0'], 'expected p in (0, 1]'),
    (['--lq', 'x'], 'give either --gan and --mse'),
    (['--detector', 'LDLStar', '--labels', 'x'], 'LDLStar has no semantic step'),
])
def test_bad_input_ends_in_one_line(data, tmp_path, capsys, options, message):
    assert compare(data, tmp_path / 'out', *options) == 2
    error = capsys.readouterr().err
    assert message in error and 'Traceback' not in error
