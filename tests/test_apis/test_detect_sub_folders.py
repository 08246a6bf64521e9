"""Detection on sub-folders, on names in two forms of Unicode, and on images that share a name."""
from __future__ import annotations

import csv
import json
import shutil
import unicodedata

import numpy as np
import pytest
from command_lines import call
from known_labels import store_labels
from toys import MIN_AREA, write_pairs

from mmdesra.apis.detect import detect_folder
from mmdesra.apis.inferencer import DeSRAInferencer
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.files.atomic import make_parent
from mmdesra.generators import StoredPairs
from mmdesra.segmentors import LabelFolder

PLACES = {'image0': 'image0', 'image1': 'x/image0', 'image2': 'x/y/caf\u00e9', 'image3': 'z/b'}
"""Where the images of a flat folder are in the nested one."""


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """The same pairs and label maps in ``flat`` and in ``nested``, there with names in NFD."""
    root = tmp_path_factory.mktemp('pairs')
    write_pairs(root / 'flat', len(PLACES))
    store_labels(root / 'flat/labels', {
        name: read_image(root / f'flat/gan/{name}.png') for name in PLACES})
    for kind in ('gan', 'mse', 'labels'):
        for name, place in PLACES.items():
            form = 'NFD' if kind == 'mse' else 'NFC'
            path = root / 'nested' / kind / unicodedata.normalize(form, f'{place}.png')
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / f'flat/{kind}/{name}.png', path)
    return root


class Stopped(StoredPairs):
    def read(self, path):
        if path.parent.name == 'z':
            raise KeyboardInterrupt
        return super().read(path)


def run(root, out, recursive=True, kind=StoredPairs, **options):
    labels = LabelFolder(root / 'labels', label_offset=0)
    return detect_folder(kind(root / 'gan', root / 'mse', recursive), DeSRA(min_area=MIN_AREA),
                         out, labels, show_progress=False, **options)


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


def test_results_go_to_sub_folders_and_are_those_of_a_flat_folder(root, tmp_path):
    results = run(root / 'nested', tmp_path / 'nested', save_sr=True, save_map=True)
    flat = run(root / 'flat', tmp_path / 'flat', False, save_sr=True, save_map=True)
    assert [result.image for result in results] == [f'{place}.png' for place in PLACES.values()]
    nested, flat_files = files_of(tmp_path / 'nested'), files_of(tmp_path / 'flat')
    for folder, suffix in (('mask', 'png'), ('overlay', 'jpg'), ('map', 'png'),
                           ('sr/gan', 'png'), ('sr/mse', 'png')):
        for name, place in PLACES.items():
            assert (nested.pop(f'{folder}/{place}.{suffix}')
                    == flat_files.pop(f'{folder}/{name}.{suffix}'))
    assert nested.keys() == flat_files.keys() == {'detections.csv', 'detections.json',
                                                  'report.html', 'run.json'}
    assert all(f'{place}.png' in nested['report.html'].decode() for place in PLACES.values())
    assert [result.artifact_px for result in results] == [result.artifact_px for result in flat]


@pytest.mark.parametrize('renamed', [False, True])
def test_a_stopped_run_goes_on(root, tmp_path, renamed):
    """Also where a file system has written the names in another form of Unicode meanwhile."""
    nested = shutil.copytree(root / 'nested', tmp_path / 'nested')
    whole = run(nested, tmp_path / 'whole')
    with pytest.raises(KeyboardInterrupt):
        run(nested, tmp_path / 'out', kind=Stopped)
    seen = []
    if renamed:
        path = nested / 'gan/x/y/caf\u00e9.png'
        path.rename(path.with_name(unicodedata.normalize('NFD', path.name)))

    class Watched(StoredPairs):
        def read(self, path):
            seen.append(path.name)
            return super().read(path)

    assert run(nested, tmp_path / 'out', kind=Watched, resume=True) == whole
    assert seen == ['b.png']
    assert files_of(tmp_path / 'out') == files_of(tmp_path / 'whole')


def test_images_of_one_name_are_skipped_and_the_others_done(root, tmp_path):
    flat = shutil.copytree(root / 'flat', tmp_path / 'flat')
    shutil.copy(flat / 'gan/image1.png', flat / 'gan/image1.bmp')  # read by what it holds
    shutil.copy(flat / 'mse/image2.png', flat / 'mse/image2.bmp')
    (flat / 'gan/f.png').symlink_to('/nowhere/f.png')
    results = run(flat, tmp_path / 'out', recursive=False)
    errors = {result.image: result.error.partition(': ')[2] for result in results if result.error}
    assert errors == {
        'f.png': 'is a link to /nowhere/f.png, which does not exist',
        'image1.bmp': ("shares the stem 'image1' with image1.png; results are named by the stem, "
                       'rename one'),
        'image1.png': ("shares the stem 'image1' with image1.bmp; results are named by the stem, "
                       'rename one'),
        'image2.png': ("shares the stem 'image2' with image2.bmp; results are named by the stem, "
                       'rename one')}
    assert sorted(path.name for path in (tmp_path / 'out/mask').iterdir()) == [
        'image0.png', 'image3.png']


def test_results_below_the_images_are_refused(root, tmp_path):
    nested = shutil.copytree(root / 'nested', tmp_path / 'nested')
    before = files_of(nested)
    for out in ('gan/out', 'mse', 'gan/x'):
        with pytest.raises(InputError, match='whose sub-folders are read, too'):
            run(nested, nested / out)
    assert files_of(nested) == before


def test_the_command_line(root, tmp_path, capsys, caplog):
    gan = shutil.copytree(root / 'nested/gan', tmp_path / 'gan')
    (gan / 'x/c.heic').touch()
    options = ('--mse', f'{root}/nested/mse/**/*.png', '--out', tmp_path / 'out', '--min-area',
               MIN_AREA, '--no-report')
    assert call('detect.py', '--gan', gan, *options) == 0
    told = capsys.readouterr().out
    assert '1 images: ' in told
    assert f'{gan}: 3 images in sub-folders are not read; --recursive (in Python' in told
    assert call('detect.py', '--gan', gan, *options, '--recursive') == 0
    told = capsys.readouterr().out
    assert '4 images: ' in told and f'{gan}: 1 file is left out: x/c.heic' in told
    with (tmp_path / 'out/detections.csv').open() as table:
        assert [row['image'] for row in csv.DictReader(table)] == [
            f'{place}.png' for place in PLACES.values()]
    said = [record.getMessage() for record in caplog.records if str(gan) in record.getMessage()]
    assert len(said) == 2  # once for each command


def test_label_offset_on_the_command_line(root, tmp_path, capsys):
    labels = tmp_path / 'labels'
    for path in (root / 'flat/labels').iterdir():
        labels.mkdir(exist_ok=True)
        shifted = read_image(path)[..., 0] + 1  # as ADE20K's annotations
        write_image(labels / path.name, shifted)
    masks = {}
    for name, folder, offset in (('plain', root / 'flat/labels', 0), ('shifted', labels, 1),
                                 ('wrong', labels, 0)):
        out = tmp_path / name
        assert call('detect.py', '--gan', root / 'flat/gan', '--mse', root / 'flat/mse', '--out',
                    out, '--labels', folder, '--label-offset', offset, '--min-area', 50) == 0
        masks[name] = files_of(out / 'mask')
        manifest = json.loads((out / 'detections.json').read_text())['labels']
        assert manifest.get('label_offset', 0) == offset
    assert masks['plain'] == masks['shifted'] != masks['wrong']
    assert call('detect.py', '--gan', root / 'flat/gan', '--mse', root / 'flat/mse', '--out',
                tmp_path / 'none', '--label-offset', 1) == 2
    assert '--label-offset 1: has no effect without label maps' in capsys.readouterr().err


def test_the_inferencer(root):
    inferencer = DeSRAInferencer(detector=dict(type='DeSRA', min_area=MIN_AREA))
    found = inferencer(gan=root / 'nested/gan', mse=str(root / 'nested/mse'), recursive=True,
                       show_progress=False)['predictions']
    assert [one['image'] for one in found] == [f'{place}.png' for place in PLACES.values()]
    outcome, = inferencer.iterate(gan=root / 'nested/gan', mse=root / 'nested/mse')
    assert outcome.path.name == 'image0.png'


def test_an_mse_image_without_a_gan_image_is_said(tmp_path, caplog):
    for name in ('gan/a', 'mse/a', 'mse/b'):
        write_image(make_parent(tmp_path / f'{name}.png'), np.zeros((12, 12, 3), np.uint8))
    source = StoredPairs(tmp_path / 'gan', tmp_path / 'mse')
    assert [path.name for path in source.paths] == ['a.png']
    assert '1 MSE-SR images have no GAN-SR image of their name and are left out: b.png' \
        in caplog.text
