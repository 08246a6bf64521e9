"""tools/detect.py: the real command line, and its variants in this process."""
from __future__ import annotations

import csv
import json
import os
import re
import shlex

import cv2
import numpy as np
import pytest
import torch
from command_lines import call, run, run_anew
from PIL import Image
from toys import (
    MIN_AREA,
    make_lq_folder,
    make_lq_image,
    make_pairs,
    write_checkpoints,
    write_generator_config,
    write_pairs,
)

from mmdesra.detectors import AreaLimit, build_detector
from mmdesra.files import read_image, read_mask, write_image
from mmdesra.files.run_description import describe_weights, read_description
from mmdesra.generators import StoredPairs
from mmdesra.models.srresnet import SRResNet
from mmdesra.visualization import draw_overlay

SEMANTIC_STEP_OFF = 'semantic step: OFF'
COLUMNS = ['image', 'width', 'height', 'regions', 'artifact_px', 'artifact_share', 'largest_px',
           'strength', 'largest_dropped_px', 'labelled', 'error']
FILES = ['detections.csv', 'detections.json', 'report.html', 'run.json']
SEA = 26
SIZE = 160, 192
MARGIN = 5


@pytest.fixture(scope='module')
def stored(tmp_path_factory):
    """The folders of three pairs; image1 is clean."""
    return write_pairs(tmp_path_factory.mktemp('stored'), clean=(1,))


@pytest.fixture(scope='module')
def generated(tmp_path_factory):
    """The options that name three LR images, the toy generator and its checkpoints."""
    root = tmp_path_factory.mktemp('generated')
    make_lq_folder(root / 'lq', 3)
    gan, mse = write_checkpoints(root)
    return ['--lq', root / 'lq', '--gan-checkpoint', gan, '--mse-checkpoint', mse, '--generator',
            write_generator_config(root)]


def detect(folders, out, *options):
    """Call the tool with SR images; returns its exit code."""
    options = options if '--min-area' in options else ('--min-area', MIN_AREA, *options)
    return call('detect.py', '--gan', folders[0], '--mse', folders[1], '--out', out, *options)


def read_table(out):
    with (out / 'detections.csv').open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        rows = {row['image']: row for row in reader}
    assert reader.fieldnames == COLUMNS
    return rows


def total_area(out):
    return sum(int(row['artifact_px']) for row in read_table(out).values())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def expected(folders, name, **config):
    detector = build_detector(dict(dict(type='DeSRA', min_area=MIN_AREA), **config))
    return detector.detect(*(read_image(folder / name) for folder in folders))


def assert_masks(out, folders, **config):
    """Each mask and each row of the table is the library's."""
    rows = read_table(out)
    assert len(rows) == len(names(folders[0]))
    for name, row in rows.items():
        detection = expected(folders, name, **config)
        stem = name.rsplit('.', 1)[0]
        np.testing.assert_array_equal(read_mask(out / f'mask/{stem}.png'), detection.mask)
        areas = detection.regions.areas.tolist()
        assert int(row['regions']) == len(areas)
        assert int(row['artifact_px']) == sum(areas) == detection.mask.sum()
        assert int(row['largest_px']) == max(areas, default=0)
        assert float(row['artifact_share']) == pytest.approx(detection.mask.mean(), abs=1e-6)
    return sum(int(row['regions']) for row in rows.values())


def test_out_holds_masks_overlays_maps_and_a_table(stored, tmp_path, capsys):
    assert detect(stored, tmp_path / 'out', '--save-map') == 0
    assert names(tmp_path / 'out') == sorted([*FILES, 'map', 'mask', 'overlay'])
    for folder, suffix in dict(mask='png', overlay='jpg', map='png').items():
        assert names(tmp_path / 'out' / folder) == [f'image{k}.{suffix}' for k in range(3)]
    assert assert_masks(tmp_path / 'out', stored) > 2
    rows = read_table(tmp_path / 'out')
    for row in rows.values():
        assert (row['width'], row['height'], row['error']) == ('192', '160', '')
    assert rows['image1.png']['regions'] == rows['image1.png']['artifact_px'] == '0'
    for k in range(3):
        mask = cv2.imread(str(tmp_path / f'out/mask/image{k}.png'), cv2.IMREAD_UNCHANGED)
        assert mask.shape == SIZE and mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
        stored_map = cv2.imread(str(tmp_path / f'out/map/image{k}.png'), cv2.IMREAD_UNCHANGED)
        detection = expected(stored, f'image{k}.png')
        assert stored_map.shape == SIZE and stored_map.dtype == np.uint16
        np.testing.assert_allclose(stored_map / 65535, detection.map, rtol=0, atol=1 / 65535)
        frame = stored_map.copy()
        frame[MARGIN:-MARGIN, MARGIN:-MARGIN] = 65535
        assert (frame == 65535).all()
        overlay, gan = (read_image(path).astype(int) for path in (
            tmp_path / f'out/overlay/image{k}.jpg', stored[0] / f'image{k}.png'))
        drawn = draw_overlay(gan.astype(np.uint8), mask > 0)
        assert np.abs(overlay - drawn).mean() < 8  # JPEG
        if mask.any():
            assert np.abs(overlay - gan)[mask > 0].mean() > 15
    output = capsys.readouterr()
    assert '3 images: 2 with artifacts' in output.out
    assert f'{total_area(tmp_path / "out")} artifact pixels' in output.out
    assert f'{tmp_path}/out/detections.csv' in output.out
    assert SEMANTIC_STEP_OFF in output.err


def test_without_save_map_there_is_no_map(stored, tmp_path):
    assert detect(stored, tmp_path / 'deep/er/out') == 0
    assert names(tmp_path / 'deep/er/out') == sorted([*FILES, 'mask', 'overlay'])


def test_sr_images_are_written_on_request(generated, tmp_path):
    assert call('detect.py', *generated, '--out', tmp_path / 'out', '--save-sr') == 0
    assert names(tmp_path / 'out') == sorted([*FILES, 'mask', 'overlay', 'sr'])
    pairs = make_pairs(generated[1])
    for path in pairs.paths:
        for kind in ('gan', 'mse'):
            np.testing.assert_array_equal(read_image(tmp_path / 'out/sr' / kind / path.name),
                                          getattr(pairs.load(path), kind))
    assert detect((tmp_path / 'out/sr/gan', tmp_path / 'out/sr/mse'), tmp_path / 'again') == 0


def test_by_default_the_smallest_region_follows_the_image(stored, tmp_path):
    options = ['--gan', stored[0], '--mse', stored[1], '--out', tmp_path / 'out']
    assert call('detect.py', *options) == 0
    assert_masks(tmp_path / 'out', stored, min_area=361, threshold=.7, form='released')
    settings = json.loads((tmp_path / 'out/detections.json').read_text())['detector']
    assert settings['min_area'] == '0.4%, at least 361 px'


def test_what_is_dropped_for_its_size_is_named_with_what_shows_it(stored, tmp_path, capsys):
    assert detect(stored, tmp_path / 'out', '--min-area', '4000') == 0
    found = {name: max(area for area in expected(stored, name, min_area=0).regions.areas.tolist()
                       or [0] if area <= 4000) for name in names(stored[0])}
    largest = max(found, key=found.get)
    area = found[largest]
    images = sum(value > 0 for value in found.values())
    text = (f'regions in {images} images, the largest with {area:,} px in {largest}; '
            f'--min-area {area - 1} shows it')
    assert f'dropped for their size (4000 px): {text}' in capsys.readouterr().out
    assert text in (tmp_path / 'out/report.html').read_text()
    with (tmp_path / 'out/detections.csv').open() as file:
        rows = {row['image']: row['largest_dropped_px'] for row in csv.DictReader(file)}
    assert rows == {name: str(value) for name, value in found.items()}
    assert detect(stored, tmp_path / 'out', '--min-area', str(area - 1)) == 0
    shown = read_mask(tmp_path / 'out/mask' / largest)
    assert shown.sum() >= area
    assert f'px in {largest}' not in capsys.readouterr().out


def test_nothing_is_said_where_nothing_is_dropped(stored, tmp_path, capsys):
    assert detect(stored, tmp_path / 'out', '--min-area', '0') == 0
    assert 'dropped' not in capsys.readouterr().out
    assert 'dropped for size' not in (tmp_path / 'out/report.html').read_text()


@pytest.mark.parametrize('options, config', [
    (['--threshold', '0.05'], dict(threshold=.05)), (['--threshold', '1'], dict(threshold=1.)),
    (['--min-area', '2%'], dict(min_area='2%')), (['--min-area', '1500'], dict(min_area=1500)),
    (['--min-area', '0.4%'], dict(min_area=AreaLimit(.004, is_share=True))),
    (['--min-area', '0'], dict(min_area=0)), (['--form', 'printed'], dict(form='printed'))])
def test_options_reach_the_detector(stored, tmp_path, options, config):
    assert detect(stored, tmp_path / 'out', *options) == 0
    assert_masks(tmp_path / 'out', stored, **config)


def test_a_share_is_one_of_the_image(stored, tmp_path):
    """2% of 192x160 px are 614.4 px."""
    assert detect(stored, tmp_path / 'out', '--min-area', '2%') == 0
    areas = [area for name in names(stored[0])
             for area in expected(stored, name, min_area=0).regions.areas.tolist()]
    assert min(areas) < 614 < max(areas)
    assert sum(int(row['regions']) for row in read_table(tmp_path / 'out').values()) == sum(
        area > 614.4 for area in areas)


def write_labels(folder, value, size=SIZE, stems=('image0', 'image1', 'image2')):
    folder.mkdir(exist_ok=True)
    for stem in stems:
        write_image(folder / f'{stem}.png', np.full(size, value, np.uint8))
    return folder


def test_labels_switch_the_semantic_step_on(tmp_path, capsys):
    """The bin of the sea, 7, multiplies D by 20 / 13: what was below 0.7 is above."""
    folders = write_pairs(tmp_path, amplitude=.05)
    areas = {}
    for name, value in dict(none=255, sea=SEA).items():
        labels = write_labels(tmp_path / name, value)
        assert detect(folders, tmp_path / f'out_{name}', '--labels', labels) == 0
        areas[name] = total_area(tmp_path / f'out_{name}')
    assert SEMANTIC_STEP_OFF not in capsys.readouterr().err
    assert detect(folders, tmp_path / 'out') == 0
    assert SEMANTIC_STEP_OFF in capsys.readouterr().err
    assert assert_masks(tmp_path / 'out', folders)
    assert areas['sea'] < areas['none'] == total_area(tmp_path / 'out')


def test_a_class_table_of_ones_own(tmp_path):
    folders = write_pairs(tmp_path)
    labels = write_labels(tmp_path / 'labels', 0)
    areas = []
    for number in (0, 19):
        table = tmp_path / f'table{number}.csv'
        table.write_text(f'index,class,bin\n0,thing,{number}\n')
        assert detect(folders, tmp_path / 'out', '--labels', labels, '--class-table', table) == 0
        areas.append(total_area(tmp_path / 'out'))
    assert areas[1] < areas[0]


def test_labels_that_do_not_fit_skip_their_image(stored, tmp_path, capsys):
    labels = write_labels(tmp_path / 'labels', SEA, stems=['image0'])
    write_labels(labels, SEA, (40, 48), ['image1'])
    assert detect(stored, tmp_path / 'out', '--labels', labels) == 1
    rows = read_table(tmp_path / 'out')
    assert not rows['image0.png']['error']
    assert 'label map' in rows['image1.png']['error'] and '192x160' in rows['image1.png']['error']
    assert "no image named 'image2'" in rows['image2.png']['error']
    write_labels(labels, 200)
    assert detect(stored, tmp_path / 'out', '--labels', labels) == 2
    assert all('[0, 149] or 255' in row['error'] for row in read_table(tmp_path / 'out').values())


# Bad input, by the real command line

def damage(gan_dir, mse_dir):
    """Add one file of each kind to a folder of pairs; returns what is to be said of each."""
    gan, mse = read_image(gan_dir / 'image0.png'), read_image(mse_dir / 'image0.png')
    png = (gan_dir / 'image0.png').read_bytes()

    def write(name, gan_image, mse_image=mse):
        for folder, image in ((gan_dir, gan_image), (mse_dir, mse_image)):
            (folder / name).write_bytes(image) if isinstance(image, bytes) else write_image(
                folder / name, image)

    write_image(gan_dir / 'no_partner.png', gan)
    write('other_size.png', gan[:, :-1])
    write('transposed.png', gan.transpose(1, 0, 2))
    write('truncated.png', png[:len(png) // 2])
    write('truncated_mse.png', gan, png[:len(png) // 2])
    write('text.png', b'these are words, not pixels\n')
    write('empty.png', b'')
    write('small.png', gan[:10, :40], mse[:10, :40])
    (gan_dir / 'notes.txt').write_text('no image, and not named like one')
    return {'no_partner.png': 'no_partner.png: has no MSE-SR partner: .*/mse',
            'other_size.png': 'other_size.png: .*191x160 .* 192x160',
            'transposed.png': 'transposed.png: .*160x192 .* 192x160',
            'truncated.png': 'gan/truncated.png: cannot be read as an image',
            'truncated_mse.png': 'mse/truncated_mse.png: cannot be read as an image',
            'text.png': 'gan/text.png: cannot be read as an image',
            'empty.png': 'gan/empty.png: cannot be read as an image',
            'small.png': 'small.png: .*at least 11x11 px .*got 40x10'}


def add_unusual(gan_dir, mse_dir):
    """Add files that must work; returns (name, mode that their pixels are stored in)."""
    gan, mse = read_image(gan_dir / 'image0.png'), read_image(mse_dir / 'image0.png')
    alpha = np.arange(gan[..., 0].size, dtype=np.uint8).reshape(SIZE)
    for folder, image in ((gan_dir, gan), (mse_dir, mse)):
        Image.fromarray(image[..., 1]).save(folder / 'grey.png')
        Image.fromarray(np.dstack([image, alpha])).save(folder / 'alpha.png')
        Image.fromarray(np.dstack([image[..., 1], alpha])).save(folder / 'grey_alpha.png')
        cv2.imwrite(str(folder / 'deep.png'), image[..., ::-1].astype(np.uint16) * 256 + 99)
        cv2.imwrite(str(folder / 'deep_grey.png'), image[..., 1].astype(np.uint16) * 256 + 99)
        Image.fromarray(image[:11, :11]).save(folder / 'window.png')
    Image.fromarray(gan).save(gan_dir / 'partner.png')
    Image.fromarray(mse).save(mse_dir / 'partner.webp', lossless=True)
    Image.fromarray(mse).save(mse_dir / 'extra.png')  # without GAN-SR image: not asked for
    return ['grey', 'alpha', 'grey_alpha', 'deep', 'deep_grey', 'window', 'partner']


def test_each_bad_file_is_reported_and_skipped_and_the_rest_is_done(tmp_path):
    gan, mse = write_pairs(tmp_path)
    bad = damage(gan, mse)
    good = ['image0', 'image1', 'image2', *add_unusual(gan, mse)]
    out = tmp_path / 'out'
    process = run('detect.py', '--gan', gan, '--mse', mse, '--out', out, '--min-area', '0.4%',
                  '--save-map')
    assert process.returncode == 1, process.stderr
    assert 'Traceback' not in process.stdout + process.stderr
    assert SEMANTIC_STEP_OFF in process.stderr
    assert f'{len(good)} images: ' in process.stdout
    assert f'skipped: {len(bad)} of ' in process.stdout
    rows = read_table(out)
    assert rows.keys() == {*bad, *(f'{name}.png' for name in good)}
    said = process.stdout + process.stderr
    for name, message in bad.items():
        assert re.search(message, rows[name]['error']), rows[name]
        assert re.search(f'skipped: .*{message}', said), name
        assert rows[name]['regions'] == '0'
    for folder, suffix in dict(mask='png', overlay='jpg', map='png').items():
        assert names(out / folder) == sorted(f'{name}.{suffix}' for name in good)
    masks = {name: read_mask(out / f'mask/{name}.png') for name in good}
    assert masks['image0'].any() and masks['window'].shape == (11, 11)
    for name in ('alpha', 'deep', 'partner'):
        np.testing.assert_array_equal(masks[name], masks['image0'])
    for name in ('grey_alpha', 'deep_grey'):
        np.testing.assert_array_equal(masks[name], masks['grey'])
    assert masks['grey'].any() and not any(rows[f'{name}.png']['error'] for name in good)


def test_where_nothing_can_be_done_the_exit_code_is_2(tmp_path, capsys):
    gan, mse = write_pairs(tmp_path, count=1)
    (gan / 'image0.png').write_text('text')
    assert detect((gan, mse), tmp_path / 'out') == 2
    assert 'cannot be read as an image' in read_table(tmp_path / 'out')['image0.png']['error']
    assert 'skipped: 1 of 1' in capsys.readouterr().out


@pytest.mark.parametrize('which', [0, 1])
@pytest.mark.parametrize('content', [None, 'nothing', 'no_image', 'file'])
def test_a_folder_without_images_is_an_error(stored, tmp_path, capsys, which, content):
    folders = list(stored)
    folders[which] = tmp_path / 'images'
    if content == 'file':
        folders[which].touch()
    elif content:
        folders[which].mkdir()
    if content == 'no_image':
        (folders[which] / 'notes.txt').touch()
    assert detect(folders, tmp_path / 'out') == 2
    assert not (tmp_path / 'out').exists()
    assert f'error: {folders[which]}: ' in capsys.readouterr().err


@pytest.mark.parametrize('out', ['file', 'file/out', 'file/deep/er'])
def test_an_output_that_cannot_be_written_is_an_error(stored, tmp_path, capsys, out):
    (tmp_path / 'file').write_text('mine')
    assert detect(stored, tmp_path / out) == 2
    assert f'error: {tmp_path / out}: cannot write into this folder' in capsys.readouterr().err
    assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize('blocked', ['mask', 'overlay', 'map'])
def test_a_result_folder_that_cannot_be_written_is_an_error(stored, tmp_path, capsys, blocked):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / blocked).touch()
    assert detect(stored, tmp_path / 'out', '--save-map') == 2
    assert f'out/{blocked}: cannot write into this folder' in capsys.readouterr().err


def test_results_are_replaced(stored, tmp_path):
    detect(stored, tmp_path / 'out', '--threshold', '1')
    detect(stored, tmp_path / 'out')
    assert_masks(tmp_path / 'out', stored)


def test_ctrl_c_leaves_what_was_done(stored, tmp_path, monkeypatch, capsys):
    read = StoredPairs.read

    def read_but_one(self, path):
        if path.stem == 'image2':
            raise KeyboardInterrupt
        return read(self, path)

    monkeypatch.setattr(StoredPairs, 'read', read_but_one)
    assert detect(stored, tmp_path / 'out') == 130
    assert names(tmp_path / 'out') == sorted([
        '.progress', *FILES, 'mask', 'overlay', 'report_files'])
    assert list(read_table(tmp_path / 'out')) == ['image0.png', 'image1.png']
    assert ('stopped: 2 of 3 images are done; `mmdesra detect --resume`, with the same settings, '
            'goes on from there\n' in capsys.readouterr().err)
    monkeypatch.undo()
    assert detect(stored, tmp_path / 'out', '--resume') == 0
    assert names(tmp_path / 'out') == sorted([*FILES, 'mask', 'overlay'])
    assert_masks(tmp_path / 'out', stored)


def test_a_name_that_is_no_text_is_reported_too(tmp_path, capsys):
    """Old archives unpack to such names on Linux; a terminal cannot print them as they are."""
    folders = write_pairs(tmp_path, count=2)
    for folder in folders:
        (folder / 'image0.png').rename(folder / 'caf\udce9.png')
    (folders[0] / 'd\udce9j\udce0.png').write_text('text')
    assert detect(folders, tmp_path / 'out') == 1
    assert (tmp_path / 'out/mask/caf\udce9.png').exists()
    rows = read_table(tmp_path / 'out')
    assert len(rows) == 3 and sum(bool(row['error']) for row in rows.values()) == 1


# From LR images

def test_lr_images_and_two_checkpoints(generated, tmp_path):
    lq = generated[1]
    arguments = ['--min-area', MIN_AREA, '--out']
    process = run_anew('detect.py', *generated, *arguments, tmp_path / 'out')
    assert process.returncode == 0, process.stderr
    folders = write_pairs(tmp_path, clean=(1,))
    assert names(lq) == names(folders[0])
    assert assert_masks(tmp_path / 'out', folders)
    assert SEMANTIC_STEP_OFF in process.stderr
    described = read_description(tmp_path / 'out')
    given = [*map(str, [*generated, *arguments, tmp_path / 'out'])]
    assert shlex.split(described.command)[-len(given):] == given
    page = (tmp_path / 'out/report.html').read_text()
    for name, option in (('GAN-SR', '--gan-checkpoint'), ('MSE-SR', '--mse-checkpoint')):
        file = describe_weights(generated[generated.index(option) + 1])
        assert described.weights[name] == file and str(file) in page
    assert described.begun in page and f'numpy {np.__version__}' in page
    for number, options in enumerate([['--tile', 16], ['--tile', 7, '--tile-pad', 0]]):
        assert call('detect.py', *generated, *options, *arguments, tmp_path / f'{number}') == 0
        assert_masks(tmp_path / f'{number}', folders)


def test_a_registered_type_in_half_precision(generated, tmp_path):
    for seed, name in enumerate(('gan', 'mse')):
        torch.manual_seed(seed)
        torch.save(dict(params=SRResNet().state_dict()), tmp_path / f'{name}.pth')
    lq = tmp_path / 'lq'
    make_lq_folder(lq, 1, (8, 9))
    for options in ([], ['--half']):
        assert call('detect.py', '--lq', lq, '--gan-checkpoint', tmp_path / 'gan.pth',
                    '--mse-checkpoint', tmp_path / 'mse.pth', '--generator', 'SRResNet',
                    '--out', tmp_path / 'out', *options) == 0
    assert read_table(tmp_path / 'out')['image0.png']['width'] == '36'


def test_bad_lr_images_are_skipped(generated, tmp_path, capsys):
    lq = tmp_path / 'lq'
    paths = make_lq_folder(lq, 2)
    png = paths[0].read_bytes()
    (lq / 'truncated.png').write_bytes(png[:len(png) // 2])
    write_image(lq / 'tiny.png', make_lq_image(0, (2, 2)))
    Image.fromarray(make_lq_image(0)[..., 1]).save(lq / 'grey.png')
    assert call('detect.py', '--lq', lq, *generated[2:], '--out', tmp_path / 'out') == 1
    rows = read_table(tmp_path / 'out')
    assert {name for name, row in rows.items() if row['error']} == {'truncated.png', 'tiny.png'}
    assert 'at least 11x11' in rows['tiny.png']['error']


def replace_option(options, name, value):
    options = list(options)
    options[options.index(name) + 1] = value
    return options


@pytest.mark.parametrize('role', ['--gan-checkpoint', '--mse-checkpoint'])
@pytest.mark.parametrize('write, message', [
    (lambda path: None, 'no such checkpoint file'),
    (lambda path: path.mkdir(), 'no such checkpoint file'),
    (lambda path: path.write_text('text'), "is a text of 4 bytes ('text')"),
    (lambda path: path.write_bytes(b''), 'is empty (0 bytes)'),
    (lambda path: torch.save(dict(params=dict(gain=torch.ones(1))), path),
     'missing: amplitude; unexpected: gain'),
    (lambda path: torch.save(dict(params=dict(amplitude=torch.ones(2))), path),
     'of another shape: amplitude'),
])
def test_a_checkpoint_that_cannot_be_used_is_an_error(generated, tmp_path, capsys, role, write,
                                                      message):
    write(tmp_path / 'bad.pth')
    options = replace_option(generated, role, tmp_path / 'bad.pth')
    assert call('detect.py', *options, '--out', tmp_path / 'out') == 2
    error = capsys.readouterr().err
    assert f'error: {tmp_path}/bad.pth' in error and message in error
    assert not (tmp_path / 'out').exists()


class Code:
    """What a malicious checkpoint holds: loading it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize('role', ['--gan-checkpoint', '--mse-checkpoint'])
@pytest.mark.parametrize('zipped', [True, False])
def test_code_in_a_checkpoint_does_not_run(generated, tmp_path, capsys, role, zipped):
    trap = tmp_path / 'trap'
    content = dict(params=dict(amplitude=torch.ones(1)), extra=Code(trap))
    torch.save(content, tmp_path / 'evil.pth', _use_new_zipfile_serialization=zipped)
    options = replace_option(generated, role, tmp_path / 'evil.pth')
    assert call('detect.py', *options, '--out', tmp_path / 'out') == 2
    assert not trap.exists() and not (tmp_path / 'out').exists()
    error = capsys.readouterr().err
    assert 'evil.pth: ' in error and 'would run code' in error
    torch.load(tmp_path / 'evil.pth', weights_only=False)
    assert trap.is_dir()  # the trap would have worked


# Usage

@pytest.mark.parametrize('change, message', [
    (lambda options: [], '--out'),
    (lambda options: ['--out', 'out'], 'give either --gan and --mse, or all of --lq'),
    (lambda options: ['--gan', 'gan', '--out', 'out'], 'give either --gan and --mse'),
    (lambda options: [*options, '--gan', 'gan'], 'give either --gan and --mse'),
    (lambda options: options[2:], 'give either --gan and --mse'),
    (lambda options: [*options, '--threshold', 'high'], "invalid float value: 'high'"),
    (lambda options: [*options, '--threshold', '1.5'], r'threshold in (0, 1], got 1.5'),
    (lambda options: [*options, '--threshold', 'nan'], r'threshold in (0, 1], got nan'),
    (lambda options: [*options, '--min-area', 'big'], "(by the image's size), got 'big'"),
    (lambda options: [*options, '--min-area', '400%'], "(by the image's size), got '400%'"),
    (lambda options: [*options, '--min-area', '-5'], "(by the image's size), got '-5'"),
    (lambda options: [*options, '--form', 'other'], 'invalid choice'),
    (lambda options: [*options, '--tile', '-1'], 'got -1'),
    (lambda options: [*options, '--tile', '8', '--tile-pad', '-1'], 'got 8, -1'),
    (lambda options: [*options, '--device', 'toaster'], 'toaster'),
    (lambda options: [*options, '--class-table', 'no.csv'], 'no.csv'),
    (lambda options: [*options, '--labels', 'no_labels'], 'no_labels: expected a folder'),
    (lambda options: replace_option(options, '--lq', 'no_lq'), 'no_lq: expected a folder'),
    (lambda options: replace_option(options, '--generator', 'SuperNet'),
     "unknown generator type 'SuperNet'"),
    (lambda options: replace_option(options, '--generator', 'no_config.py'), 'no_config.py'),
])
def test_usage_errors(generated, tmp_path, monkeypatch, capsys, change, message):
    monkeypatch.chdir(tmp_path)
    options = change([*generated, '--out', 'out'])
    assert call('detect.py', *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('error: ') == 1
    assert not (tmp_path / 'out').exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs a machine without CUDA')
def test_a_device_that_is_not_there_is_an_error(generated, tmp_path, capsys):
    assert call('detect.py', *generated, '--out', tmp_path / 'out', '--device', 'cuda') == 2
    assert 'error: device cuda' in capsys.readouterr().err


def test_help_is_for_newcomers(capsys):
    assert call('detect.py', '--help') == 0
    text = capsys.readouterr().out
    for part in ('--gan results/gan --mse results/mse', 'mask/NAME.png', 'Exit code', '0.4%',
                 'ADE20K', '(default): 0.4%, at least 361 px'):
        assert part in text
