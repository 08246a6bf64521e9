"""tools/calibrate_semantics.py: image pairs built so that each class has a known bin."""
from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from command_lines import call, run
from toys import make_lq_folder, write_checkpoints, write_generator_config

from mmdesra.apis import calibrate as api
from mmdesra.detectors import ClassTable, DeSRA
from mmdesra.files import ImageError, read_image, read_mask, write_image, write_mask
from mmdesra.generators import StoredPairs
from mmdesra.ops.statistics import STABILITY
from mmdesra.segmentors import LabelSource

SIDE = 120
BINS = {'sky': 0, 'wall': 1, 'tree': 5, 'sea': 7, 'tower': 11}
NAMES = list(BINS)
MSE_AMPLITUDE = 24


def checkers(amplitude):
    """A checkerboard around 128, whose local standard deviation is the amplitude everywhere."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return 128 + amplitude * (1 - 2 * ((rows + columns) % 2))


def gan_amplitude(difference):
    """The amplitude for which D has this value beside the MSE-SR image's."""
    candidates = np.arange(MSE_AMPLITUDE, 127)
    values = (2 * MSE_AMPLITUDE * candidates + STABILITY) / (
        MSE_AMPLITUDE**2 + candidates**2 + STABILITY)
    return candidates[np.abs(values - difference).argmin()]


def write_set(root):
    """One pair a class: half of the image with D = 1, half in the middle of the class's bin."""
    for folder in ('gan', 'mse', 'labels'):
        (root / folder).mkdir(parents=True)
    for index, value in enumerate(BINS.values()):
        gan = checkers(MSE_AMPLITUDE)
        gan[:, SIDE // 2:] = checkers(gan_amplitude(1 - (value + .5) / 20))[:, SIDE // 2:]
        for folder, image in dict(gan=gan, mse=checkers(MSE_AMPLITUDE)).items():
            write_image(root / folder / f'{index}.png',
                        np.dstack([image] * 3).astype(np.uint8))
        write_image(root / 'labels' / f'{index}.png', np.full((SIDE, SIDE), index, np.uint8))
    (root / 'names.txt').write_text('\n'.join(NAMES) + '\n')
    return root


@pytest.fixture(scope='module')
def known(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp('known'))


def arguments(root, out, *options):
    return ['--gan', root / 'gan', '--mse', root / 'mse', '--labels', root / 'labels',
            '--classes', root / 'names.txt', '--out', out, *options]


def calibrate(root, out, *options):
    return call('calibrate_semantics.py', *arguments(root, out, *options))


def rows(out):
    lines = (out / 'class_table.csv').read_text().splitlines()
    return {row['class']: row for row in csv.DictReader(x for x in lines if x[0] != '#')}


def test_the_table_that_made_the_images_is_found(known, tmp_path):
    done = run('calibrate_semantics.py', *arguments(known, tmp_path / 'out', '--clean'))
    assert done.returncode == 0, done.stderr
    table = ClassTable.load(tmp_path / 'out/class_table.csv')
    assert dict(zip(table.names, table.bins)) == BINS
    valid = (SIDE - 10)**2
    assert {row['pixels'] for row in rows(tmp_path / 'out').values()} == {str(valid)}
    assert {row['source'] for row in rows(tmp_path / 'out').values()} == {'calibrated'}
    assert '5 of 5 classes calibrated on 5 pairs' in done.stdout
    report = json.loads((tmp_path / 'out/calibration.json').read_text())
    assert (report['pairs'], report['skipped'], report['share']) == (5, {}, .85)
    for entry in report['classes']:
        assert sum(entry['counts']) == entry['pixels'] == valid
        assert np.cumsum(entry['counts']) / valid == pytest.approx(
            entry['cumulative_shares'], abs=1e-6)


def test_the_found_table_is_accepted_by_the_detector_and_clears_its_own_pixels(known, tmp_path):
    assert calibrate(known, tmp_path / 'out', '--clean') == 0
    folders = ['--gan', known / 'gan', '--mse', known / 'mse', '--min-area', 200]
    assert call('detect.py', *folders, '--out', tmp_path / 'plain') == 0
    assert call('detect.py', *folders, '--out', tmp_path / 'adjusted', '--labels',
                known / 'labels', '--class-table', tmp_path / 'out/class_table.csv') == 0
    for index, value in enumerate(BINS.values()):
        plain, adjusted = (read_mask(tmp_path / folder / f'mask/{index}.png')
                           for folder in ('plain', 'adjusted'))
        assert plain.any() == (value >= 7)  # the interval's middle is below 0.7
        assert not adjusted.any()


def test_detected_regions_do_not_count_unless_the_images_are_said_to_be_clean(known, tmp_path):
    assert calibrate(known, tmp_path / 'out', '--min-area', 200, '--min-pixels', 100) == 0
    # The lower half of sea and tower is taken for artifacts; what is left of them is D = 1.
    assert {name: float(row['bin']) for name, row in rows(tmp_path / 'out').items()} == dict(
        BINS, sea=0, tower=0)
    assert int(rows(tmp_path / 'out')['sea']['pixels']) < .6 * (SIDE - 10)**2
    assert calibrate(known, tmp_path / 'large', '--min-area', '90%', '--min-pixels', 100) == 0
    assert {name: float(row['bin']) for name, row in rows(tmp_path / 'large').items()} == BINS
    assert 'area above 200 px' in (tmp_path / 'out/class_table.csv').read_text()


def test_masks_say_what_does_not_count(known, tmp_path):
    (tmp_path / 'masks').mkdir()
    for index in range(len(BINS)):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[:, SIDE // 2 - 5:] = NAMES[index] == 'tree'
        write_mask(tmp_path / f'masks/{index}.png', mask)
    options = ['--masks', tmp_path / 'masks', '--min-pixels', 100]
    assert calibrate(known, tmp_path / 'out', *options) == 0
    assert {name: float(row['bin']) for name, row in rows(tmp_path / 'out').items()} == dict(
        BINS, tree=0)
    (tmp_path / 'masks/2.png').unlink()
    write_mask(tmp_path / 'masks/3.png', np.zeros((7, 9), bool))
    assert calibrate(known, tmp_path / 'less', *options) == 1
    skipped = json.loads((tmp_path / 'less/calibration.json').read_text())['skipped']
    assert "no image named '2'" in skipped['2.png']
    assert 'size of the SR image 120x120, got 9x7' in skipped['3.png']


def test_rare_classes_keep_the_bins_they_had(known, tmp_path):
    ClassTable((*NAMES, 'fur'), (9, 9, 9, 9, 9, 3.5)).save(tmp_path / 'before.csv')
    for k in (1, 3):  # less of wall and sea
        labels = np.full((SIDE, SIDE), 255, np.uint8)
        labels[20:-20, 20:-20] = k
        (tmp_path / 'labels').mkdir(exist_ok=True)
        write_image(tmp_path / f'labels/{k}.png', labels)
    for k in (0, 2, 4):
        write_image(tmp_path / f'labels/{k}.png', np.full((SIDE, SIDE), k, np.uint8))
    assert calibrate(known, tmp_path / 'out', '--labels', tmp_path / 'labels', '--classes',
                     tmp_path / 'before.csv', '--clean') == 0
    found = rows(tmp_path / 'out')
    assert {name: float(row['bin']) for name, row in found.items()} == dict(
        BINS, wall=9, sea=9, fur=3.5)
    assert [row['source'] for row in found.values()] == [
        'calibrated', 'fallback', 'calibrated', 'fallback', 'calibrated', 'fallback']
    assert [found[name]['pixels'] for name in ('wall', 'fur')] == ['6400', '0']


def test_the_published_classes_are_the_default(known, tmp_path, capsys):
    options = arguments(known, tmp_path / 'out', '--clean')
    del options[options.index('--classes'):options.index('--classes') + 2]
    assert call('calibrate_semantics.py', *options) == 0
    table, published = ClassTable.load(tmp_path / 'out/class_table.csv'), ClassTable.load()
    assert table.names == published.names
    assert table.bins[:5] == tuple(BINS.values()) and table.bins[5:] == published.bins[5:]
    assert '5 of 150 classes' in capsys.readouterr().out


def test_bad_images_are_skipped_and_named(known, tmp_path, capsys):
    root = write_set(tmp_path / 'set')
    (root / 'gan/broken.png').write_text('no image')
    write_image(root / 'gan/alone.png', read_image(root / 'gan/0.png'))
    for folder in ('gan', 'mse'):
        write_image(root / folder / 'unlabelled.png', read_image(root / folder / '0.png'))
        write_image(root / folder / 'strange.png', read_image(root / folder / '0.png'))
        write_image(root / folder / 'other.png', read_image(root / folder / '0.png'))
    write_image(root / 'labels/strange.png', np.full((SIDE, SIDE), 99, np.uint8))
    write_image(root / 'labels/other.png', np.zeros((5, 7), np.uint8))
    assert calibrate(root, tmp_path / 'out', '--clean') == 1
    assert {name: float(row['bin']) for name, row in rows(tmp_path / 'out').items()} == BINS
    skipped = json.loads((tmp_path / 'out/calibration.json').read_text())['skipped']
    messages = {'broken.png': 'cannot be read as an image', 'alone.png': 'no MSE-SR partner',
                'unlabelled.png': "no image named 'unlabelled'",
                'strange.png': r'strange.png: expected labels in [0, 4] or 255',
                'other.png': "labels/other.png: expected a label map of the image's size 120x120, "
                             'got 7x5'}
    assert set(skipped) == set(messages)
    assert all(messages[name] in skipped[name] for name in messages)
    assert 'skipped: 5 of 10' in capsys.readouterr().out


@pytest.mark.parametrize('options, message', [
    (['--share', '85'], 'share in [0, 1), got 85'),
    (['--min-pixels', '0'], 'pixels of at least 1, got 0'),
    (['--min-pixels', '99999'], 'no class has 99999 pixels without artifacts, the most frequent'),
    (['--min-area', 'big'], 'expected an area'),
    (['--classes', 'nothing.txt'], 'nothing.txt: expected a class table (.csv) or class names'),
    (['--classes', 'nothing.csv'], 'nothing.csv: expected a class table (CSV), found no'),
    (['--masks', 'nowhere'], 'nowhere: expected a folder'),
])
def test_settings_that_cannot_work_write_nothing(known, tmp_path, capsys, options, message):
    assert calibrate(known, tmp_path / 'out', *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists() or not list((tmp_path / 'out').iterdir())


@pytest.mark.parametrize('drop, message', [('--mse', '--gan and --mse'),
                                           ('--labels', '--labels or --segmentor')])
def test_what_is_missing_is_named(known, tmp_path, capsys, drop, message):
    options = arguments(known, tmp_path / 'out')
    del options[options.index(drop):options.index(drop) + 2]
    assert call('calibrate_semantics.py', *options) == 2
    assert message in capsys.readouterr().err


def test_a_set_without_a_usable_pair_is_an_error(known, tmp_path, capsys):
    (tmp_path / 'labels').mkdir()
    write_image(tmp_path / 'labels/of_another_set.png', np.zeros((5, 5), np.uint8))
    assert calibrate(known, tmp_path / 'out', '--labels', tmp_path / 'labels') == 2
    output = capsys.readouterr()
    assert 'no pair can be used' in output.err


def test_from_lr_images_and_generators(tmp_path):
    make_lq_folder(tmp_path / 'lq', 2)
    gan, mse = write_checkpoints(tmp_path)
    (tmp_path / 'labels').mkdir()
    for k in range(2):
        write_image(tmp_path / f'labels/image{k}.png', np.full((160, 192), k, np.uint8))
    options = ['--lq', tmp_path / 'lq', '--gan-checkpoint', gan, '--mse-checkpoint', mse,
               '--generator', write_generator_config(tmp_path), '--labels', tmp_path / 'labels',
               '--out', tmp_path / 'out', '--clean']
    assert call('calibrate_semantics.py', *options) == 0
    found = rows(tmp_path / 'out')
    assert found['wall']['pixels'] == found['building']['pixels'] == str(150 * 182)
    # A fifth of the first image is artifacts; the second has none.
    assert float(found['wall']['bin']) > 5 and float(found['building']['bin']) == 0


class Batches(LabelSource):
    """Labels 0.png with 0 and so on, notes how many were asked for, and chokes on one image."""

    def __init__(self, batch_size, bad=()):
        self.batch_size, self.bad, self.asked = batch_size, bad, []

    def label(self, images, paths):
        self.asked.append(len(images))
        if any(path.stem in self.bad for path in paths):
            raise ImageError('choked')
        return [np.full(image.shape[:2], int(path.stem)) for image, path in zip(images, paths)]

    def describe(self):
        return {}


@pytest.mark.parametrize('size, bad, asked', [
    (2, (), [2, 2, 1]), (5, (), [5]), (2, ('3',), [2, 2, 1, 1, 1])])
def test_a_segmenter_gets_batches_and_one_bad_image_costs_only_itself(known, size, bad, asked):
    labels = Batches(size, bad)
    result = api.calibrate(StoredPairs(known / 'gan', known / 'mse'), labels,
                           ClassTable(tuple(NAMES), (9,) * 5), DeSRA(), api.everywhere)
    assert labels.asked == asked
    assert set(result.skipped) == {f'{stem}.png' for stem in bad}
    assert dict(zip(NAMES, result.table.bins)) == {**BINS, **{NAMES[int(k)]: 9 for k in bad}}
