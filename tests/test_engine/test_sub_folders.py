"""A run whose photographs, ground truths and label maps are in sub-folders."""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from toy_training import make_data, make_runner, model_config, results_of, training_config

from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image

SCALE = 4


def nest(folder, images):
    """Put each image into a sub-folder, so that all have one file name."""
    for number, path in enumerate(images):
        target = folder / f'{"abc"[number]}/photo{path.suffix}'
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


@pytest.fixture(scope='module')
def nested(tmp_path_factory):
    root = tmp_path_factory.mktemp('nested')
    flat = make_data(root / 'flat')
    data = SimpleNamespace(gan=flat.gan, mse=flat.mse)
    for kind in ('lq', 'heldout'):
        images = sorted(getattr(flat, kind).iterdir())[::2]  # both have artifacts
        setattr(data, kind, nest(root / kind, images))
        for path in getattr(data, kind).rglob('*.png'):
            image = read_image(path).repeat(SCALE, 0).repeat(SCALE, 1)
            inside = path.relative_to(getattr(data, kind))
            (root / 'gt' / inside).parent.mkdir(parents=True, exist_ok=True)
            write_image(root / 'gt' / inside, image)
            labels = np.full(image.shape[:2], 2, np.uint8)
            labels[0, 0] = 150
            (root / 'labels' / inside).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(root / 'labels' / inside)
    return data, root


@pytest.fixture(scope='module')
def runner(nested, tmp_path_factory):
    data, root = nested
    config = training_config(model_config(), val_interval=3)
    runner = make_runner(tmp_path_factory.mktemp('run'), data, config, recursive=True,
                         heldout_gt_dir=str(root / 'gt'), labels_dir=str(root / 'labels'))
    runner.train()
    return runner


def test_all_are_used_by_their_names(runner):
    results = results_of(runner)
    assert sorted(results['per_image']) == ['a/photo.png', 'b/photo.png']
    assert results['gt_images'] == 2 and results['psnr_after'] > results['psnr_before']
    out = Path(runner.work_dir)
    for folder in ('pseudo_gt/gt', 'heldout/gan_after', 'heldout/mask_before', 'heldout/mse'):
        assert sorted(path.relative_to(out / folder).as_posix()
                      for path in (out / folder).rglob('*.png')) == ['a/photo.png', 'b/photo.png']
    worst = sorted(path.name for path in (out / 'heldout/worst').iterdir())
    assert [name[2:] for name in worst] in (['a_photo.png', 'b_photo.png'],
                                            ['b_photo.png', 'a_photo.png'])


def test_the_offset_of_the_label_maps_is_found_and_remembered(runner):
    manifest = json.loads((Path(runner.work_dir) / 'pseudo_gt/manifest.json').read_text())
    assert manifest['made_with']['labels'] == dict(type='LabelFolder', label_offset=1)
    assert [record['name'] for record in manifest['records']] == ['a/photo', 'b/photo']


def test_validation_finds_the_label_maps(runner):
    log = next(Path(runner.work_dir).glob('*/vis_data/scalars.json')).read_text()
    rows = [json.loads(line) for line in log.splitlines()]
    regions = [row['DeSRA/regions'] for row in rows if 'DeSRA/regions' in row]
    assert regions and np.isfinite(regions).all()  # nan: no image could be judged


def test_without_recursive_the_folder_is_empty(nested, tmp_path):
    data, _ = nested
    with pytest.raises(InputError, match='holds no image .*2 images in sub-folders are not read'):
        make_runner(tmp_path / 'run', data)


def test_a_pattern(nested, tmp_path):
    data, _ = nested
    runner = make_runner(tmp_path / 'run', data, lq_dir=f'{data.lq}/*/*.png',
                         heldout_lq_dir=[f'{data.heldout}/a', f'{data.heldout}/b'])
    runner.train()
    assert sorted(results_of(runner)['per_image']) == ['a/photo.png', 'b/photo.png']


def test_a_work_dir_below_the_photographs_is_refused(nested):
    data, _ = nested
    with pytest.raises(InputError, match='whose sub-folders are read, too'):
        make_runner(data.lq / 'run', data, recursive=True, heldout_lq_dir=None).train()
