"""Folders of the authors' layout, and of what people make of it."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmdesra.errors import InputError
from mmdesra.evaluation.authors_folder import read_authors_folder
from mmdesra.evaluation.authors_images import ImageTree
from mmdesra.evaluation.authors_names import Role
from mmdesra.files import ImageError, write_image

LDL = {Role.GAN: 'LDL/GAN-SR', Role.MSE: 'LDL/MSE-SR', Role.HUMAN: 'LDL/GT-Mask',
       Role.STORED: 'LDL/DeSRA-Mask', Role.LR: 'LDL/LR'}


def write(root, *folders, names=('a', 'b')):
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            write_image(root / folder / f'{name}.png', np.zeros((4, 4), np.uint8))
    return root


def folders_of(trees, root):
    return {role: str(tree.folder.relative_to(root)) for role, tree in trees.items()}


def read(root, *more):
    """Models as plain names: role to folder, fine-tuned version to the same."""
    found = read_authors_folder([root, *more])
    assert all(set(tree.images) for model in found.models for tree in model.trees.values())
    return {model.place: (folders_of(model.trees, root),
                          {tuned.name: folders_of(tuned.trees, root) for tuned in model.tuned})
            for model in found.models}, found


def test_as_released(tmp_path):
    write(tmp_path, *LDL.values(), *(path.replace('LDL', 'Real-ESRGAN') for path in LDL.values()))
    models, found = read(tmp_path)
    assert models == {'LDL': (LDL, {}), 'Real-ESRGAN': (
        {role: path.replace('LDL', 'Real-ESRGAN') for role, path in LDL.items()}, {})}
    assert not found.left_out and not found.not_needed and not found.class_tables


@pytest.mark.parametrize('spell', [
    lambda path: f'DeSRA-dataset/{path}',
    lambda path: path.lower().replace('-', '_'),
    lambda path: path.replace('GT-Mask', 'Human labelled masks').replace('-SR', '_types'),
    lambda path: f'{path}/sr' if '-SR' in path else path,  # as the released script wants it
    lambda path: path.replace('/', '_'),  # LDL_GAN-SR
    lambda path: '/'.join(reversed(path.split('/'))),  # GAN-SR/LDL
    lambda path: f'a/b.c/{path}',
])
def test_spelt_and_nested_otherwise(tmp_path, spell):
    write(tmp_path, *map(spell, LDL.values()))
    models, found = read(tmp_path)
    (place, (trees, tuned)), = models.items()
    assert place.lower() == 'ldl' and set(trees) == set(LDL) and not tuned
    for role, path in LDL.items():
        assert spell(path).startswith(trees[role])
    assert not found.left_out and not found.not_needed


def test_the_folder_of_one_model(tmp_path, monkeypatch):
    write(tmp_path, *LDL.values())
    found = read_authors_folder([tmp_path / 'LDL'])
    assert [model.place for model in found.models] == ['LDL']
    assert set(found.models[0].trees) == set(LDL)
    monkeypatch.chdir(tmp_path / 'LDL')
    assert [model.place for model in read_authors_folder(['.']).models] == ['LDL']


@pytest.mark.parametrize('results', ['LDL/DeSRA', 'LDL/DeSRA-Mask', 'LDL'])
def test_what_the_released_script_writes(tmp_path, results):
    """As a second folder; its masks are those of the detector, its seg/ the label maps."""
    write(tmp_path / 'data', 'LDL/GAN-SR/sr', 'LDL/MSE-SR/sr', 'LDL/GT-Mask')
    write(tmp_path / 'results', *(f'{results}/{name}/sr' for name in (
        'Final_Artifact_Map', 'seg', 'rgb_contrast', 'rgb_contrast_seg',
        'contrast_0.7_erode_5x5_dilation_5x5_hole_3x3')))
    (tmp_path / f'results/{results}/contrast_0.7_threshold_4000/sr').mkdir(parents=True)
    found = read_authors_folder([tmp_path / 'data', tmp_path / 'results'])
    model, = found.models
    assert model.place == 'LDL' and not model.tuned and not found.left_out
    assert folders_of(model.trees, tmp_path) == {
        Role.GAN: 'data/LDL/GAN-SR', Role.MSE: 'data/LDL/MSE-SR', Role.HUMAN: 'data/LDL/GT-Mask',
        Role.STORED: f'results/{results}/Final_Artifact_Map',
        Role.LABELS: f'results/{results}/seg'}
    assert sorted(path.name for path in found.not_needed) == [
        'contrast_0.7_erode_5x5_dilation_5x5_hole_3x3', 'rgb_contrast', 'rgb_contrast_seg']


@pytest.mark.parametrize('folder, version', [
    ('LDL-DeSRA/GAN-SR', 'LDL-DeSRA'), ('LDL-DeSRA', 'LDL-DeSRA'), ('LDL-DeSRA/sr', 'LDL-DeSRA'),
    ('ldl_desra_5k/gan_sr/sr', 'ldl_desra_5k'), ('LDL/GAN-SR-DeSRA', 'LDL GAN-SR-DeSRA'),
    ('LDL/DeSRA/GAN-SR', 'LDL DeSRA'), ('LDL/fine-tuned', 'LDL fine-tuned'),
    ('GAN-SR/LDL-DeSRA', 'LDL-DeSRA'), ('LDL/LDL-DeSRA', 'LDL-DeSRA'),
    ('LDL-DeSRA_GAN-SR', 'LDL-DeSRA_GAN-SR'),
])
def test_fine_tuned_results(tmp_path, folder, version):
    write(tmp_path, *LDL.values(), folder)
    models, found = read(tmp_path)
    (trees, tuned), = models.values()
    assert trees == LDL and list(tuned) == [version] and list(tuned[version]) == [Role.GAN]
    assert folder.startswith(tuned[version][Role.GAN])
    assert not found.left_out and not found.not_needed


def test_a_fine_tuned_model_with_folders_of_its_own(tmp_path):
    """Its masks count; references and human masks are those of the model, for both."""
    write(tmp_path, *LDL.values(), *(path.replace('LDL', 'LDL-DeSRA') for path in LDL.values()))
    models, found = read(tmp_path)
    assert models == {'LDL': (LDL, {'LDL-DeSRA': {Role.GAN: 'LDL-DeSRA/GAN-SR',
                                                  Role.STORED: 'LDL-DeSRA/DeSRA-Mask'}})}
    assert sorted(path.name for path in found.not_needed) == ['GT-Mask', 'LR', 'MSE-SR']
    assert 'compared by those of LDL' in found.not_needed[tmp_path / 'LDL-DeSRA/GT-Mask']


def test_a_model_that_is_named_like_a_fine_tuned_one_of_none(tmp_path):
    write(tmp_path, *(path.replace('LDL', 'SwinIR-DeSRA') for path in LDL.values()))
    assert list(read(tmp_path)[0]) == ['SwinIR-DeSRA']


def test_several_folders_of_one_model(tmp_path):
    write(tmp_path, *(f'{part}/{path}' for part in ('test', 'train') for path in LDL.values()),
          'test/LDL-DeSRA/GAN-SR', 'LDL-DeSRA/GAN-SR')
    models, found = read(tmp_path)
    assert list(models) == ['test/LDL', 'train/LDL']
    assert list(models['test/LDL'][1]) == ['LDL-DeSRA'] and not models['train/LDL'][1]
    assert 'several folders' in found.left_out[tmp_path / 'LDL-DeSRA/GAN-SR']
    assert [model.name for model in found.models] == ['LDL', 'LDL']


def test_what_is_left_out_is_named(tmp_path):
    write(tmp_path, *LDL.values(), 'SwinIR/GAN-SR', 'SwinIR/MSE-SR', 'pictures', 'LDL/DeSRA',
          'results/LDL/Final_Artifact_Map', '.hidden/LDL2/GT-Mask', '__MACOSX/LDL/GT-Mask')
    (tmp_path / 'Real-ESRGAN.zip').write_bytes(b'PK')
    models, found = read(tmp_path)
    assert models == {'LDL': (LDL, {})}
    left_out = {str(path.relative_to(tmp_path)): why for path, why in found.left_out.items()}
    assert list(left_out) == ['Real-ESRGAN.zip', 'SwinIR/GAN-SR', 'SwinIR/MSE-SR']
    assert 'unpack' in left_out['Real-ESRGAN.zip']
    assert 'no human masks of SwinIR' in left_out['SwinIR/GAN-SR']
    others = {str(path.relative_to(tmp_path)): why for path, why in found.not_needed.items()}
    assert set(others) == {'pictures', 'LDL/DeSRA', 'results/LDL/Final_Artifact_Map'}
    assert 'name does not say' in others['pictures'] and 'name does not say' in others['LDL/DeSRA']
    assert str(tmp_path / 'LDL/DeSRA-Mask') in others['results/LDL/Final_Artifact_Map']


def test_a_folder_of_results_is_passed_over_and_links_are_followed_once(tmp_path):
    write(tmp_path, *LDL.values(), 'out/LDL/GT-Mask', 'elsewhere/GAN-SR')
    (tmp_path / 'LDL/GAN-SR-DeSRA').symlink_to(tmp_path / 'elsewhere/GAN-SR')
    (tmp_path / 'LDL/circle').symlink_to(tmp_path)
    found = read_authors_folder([tmp_path / 'LDL'], skip=[tmp_path / 'out'])
    assert [model.place for model in found.models] == ['LDL']
    assert [tuned.name for tuned in found.models[0].tuned] == ['LDL GAN-SR-DeSRA']


def test_class_tables_are_found(tmp_path):
    write(tmp_path, *LDL.values())
    for name in ('SSIM_MSE_GAN_threshold.txt', 'LDL/thresholds.TXT', 'readme.txt'):
        (tmp_path / name).write_text('')
    tables = read_authors_folder([tmp_path]).class_tables
    assert [path.name for path in tables] == ['SSIM_MSE_GAN_threshold.txt', 'thresholds.TXT']


@pytest.mark.parametrize('folders, message', [
    ([], 'found no human masks'),
    (['LDL/GAN-SR', 'LDL/MSE-SR'], 'found no human masks(.|\n)*LDL/GAN-SR: GAN-SR images, but no'),
    (['photos'], 'found no human masks(.|\n)*photos: its name does not say'),
])
def test_nothing_to_judge(tmp_path, folders, message):
    with pytest.raises(InputError, match=message):
        read_authors_folder([write(tmp_path, *folders)])


def test_no_folder(tmp_path):
    (tmp_path / 'LDL.zip').write_bytes(b'')
    for name, found in ('LDL.zip', 'a file'), ('nowhere', 'nothing'):
        with pytest.raises(InputError, match=f'{name}: expected a folder .* found {found}'):
            read_authors_folder([tmp_path / name])


def test_images_are_found_whatever_subfolders_they_lie_in():
    tree = ImageTree(Path('x'), {('a', '1'): Path('x/a/1.png'), ('b', '1'): Path('x/b/1.png'),
                                 ('2',): Path('x/2.png')})
    assert tree.find(('b', '1')) == Path('x/b/1.png')
    assert tree.find(('sr', '2')) == Path('x/2.png')
    assert tree.find(('sr', 'a', '1')) == Path('x/a/1.png')
    assert tree.sample_names() == {'a__1': ('a', '1'), 'b__1': ('b', '1'), '2': ('2',)}
    with pytest.raises(ImageError, match="holds several images that '1' may stand for: a/1, b/1"):
        tree.find(('1',))
    with pytest.raises(ImageError, match="no image named 'c/1' .*one that it holds is a/1.png"):
        tree.find(('c', '1'))
