"""Pseudo GTs of LR images in sub-folders, of names in two forms of Unicode, and of one name."""
from __future__ import annotations

import json
import shutil
import unicodedata

import pytest
from toys import GAN_AMPLITUDE, MIN_AREA, ToyGenerator, make_lq_folder

from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.datasets.pseudo_gt_dataset import PseudoGTDataset
from mmdesra.datasets.pseudo_gt_folder import PseudoGTError, PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files import read_mask, write_mask
from mmdesra.generators import GeneratedPairs, Upscaler

COMPOSED, APART = (unicodedata.normalize(form, 'caf\u00e9') for form in ('NFC', 'NFD'))


def pairs_of(lq, recursive=True):
    return GeneratedPairs(lq, Upscaler(ToyGenerator(GAN_AMPLITUDE)), Upscaler(ToyGenerator()),
                          recursive)


def make(lq, out, recompose=False):
    return make_pseudo_gts(pairs_of(lq), DeSRA(min_area=MIN_AREA), out, recompose=recompose)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp('pseudo_gt')
    paths = make_lq_folder(root / 'flat', 3, clean=())
    for path, place in zip(paths, ('a', 'x/a', f'x/{COMPOSED}')):
        target = root / f'lq/{place}.png'
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    make(root / 'lq', root / 'out')
    return root


@pytest.fixture
def root(made, tmp_path):
    return shutil.copytree(made, tmp_path / 'root')


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file() and path.name not in (
                'manifest.json', 'run.json')}


def rename(folder, old, new):
    for path in list(folder.rglob(f'{old}.png')):
        path.rename(path.with_name(f'{new}.png'))


def test_both_images_of_one_stem_get_a_pair(root):
    names = ['a', 'x/a', f'x/{COMPOSED}']
    assert sorted(files_of(root / 'out')) == sorted(
        f'{kind}/{name}.png' for kind in ('gt', 'mask') for name in names)
    manifest = PseudoGTFolder(root / 'out').read_manifest()
    assert [(record.name, record.lq) for record in manifest.records] == [
        (name, f'{name}.png') for name in names]
    assert [sample['key'] for sample in (
        PseudoGTDataset(str(root / 'out'), lq_dir=str(root / 'lq'))[k] for k in range(3))] == names


@pytest.mark.parametrize('what', ['lq', 'out', 'both'])
def test_another_form_of_unicode_changes_nothing(root, what):
    """As where a folder was copied by way of a Mac: LR images, masks, or both are renamed."""
    for folder in dict(lq=['lq'], out=['out'], both=['lq', 'out'])[what]:
        rename(root / folder, COMPOSED, APART)
    before = files_of(root / 'out')
    dataset = PseudoGTDataset(str(root / 'out'), lq_dir=str(root / 'lq'))
    assert len(dataset) == 3 and {sample['key'] for sample in map(dataset.get_data_info, range(3))
                                  } == {'a', 'x/a', f'x/{COMPOSED}'}
    folder = PseudoGTFolder(root / 'out')
    maker = PseudoGTMaker(pairs_of(root / 'lq'), DeSRA(min_area=MIN_AREA))
    assert maker.skipped == {}
    make(root / 'lq', root / 'out')
    make(root / 'lq', root / 'out', recompose=True)
    assert files_of(root / 'out') == before
    assert len(folder.read_manifest().records) == 3


def test_a_mask_in_a_sub_folder_is_followed(root):
    path = root / 'out/mask/x/a.png'
    mask = read_mask(path)
    mask[:40, :40] = True
    write_mask(path, mask)
    with pytest.raises(PseudoGTError, match='x/a.png: was changed after its pseudo GT'):
        PseudoGTDataset(str(root / 'out'), lq_dir=str(root / 'lq'))
    before = files_of(root / 'out')
    make(root / 'lq', root / 'out', recompose=True)
    changed = {name for name, content in files_of(root / 'out').items()
               if content != before.get(name)}
    assert changed == {'gt/x/a.png', 'drawn/x/a.png'}


def test_a_second_image_of_the_name_does_not_delete_a_mask(root):
    """A person may have repainted it."""
    shutil.copy(root / 'flat/image1.png', root / 'lq/x/a.bmp')
    before = files_of(root / 'out')
    for recompose in (False, True):
        with pytest.raises(PseudoGTError, match=r"mask/x/a.png: is of an LR image that cannot be "
                           r"used now: .*x/a.*shares the stem 'a' with a.*; .*rename one"):
            make(root / 'lq', root / 'out', recompose)
    assert files_of(root / 'out') == before


def test_a_link_that_is_broken_now_does_not_delete_a_mask(root):
    (root / 'lq/x/a.png').unlink()
    (root / 'lq/x/a.png').symlink_to('/nowhere/a.png')
    before = files_of(root / 'out')
    with pytest.raises(PseudoGTError, match='cannot be used now: .*is a link to /nowhere/a.png'):
        make(root / 'lq', root / 'out')
    assert files_of(root / 'out') == before


def test_images_of_one_name_are_skipped_from_the_start(root):
    shutil.copy(root / 'flat/image1.png', root / 'lq/x/a.bmp')
    manifest = make(root / 'lq', root / 'new')
    assert [record.name for record in manifest.records] == ['a', f'x/{COMPOSED}']
    assert sorted(manifest.skipped) == ['x/a.bmp', 'x/a.png']


def test_a_sub_folder_that_leads_elsewhere_is_refused(root, tmp_path):
    shutil.move(root / 'out/mask/x', tmp_path / 'elsewhere')
    (root / 'out/mask/x').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(PseudoGTError, match='mask/x: expected .* itself, got a link'):
        PseudoGTFolder(root / 'out').read_manifest()


def test_pseudo_gts_do_not_go_below_the_lr_images(root):
    with pytest.raises(InputError, match='whose sub-folders are read, too'):
        make(root / 'lq', root / 'lq/out')


def test_several_folders(root):
    """Their images are told apart by the folders, in the manifest too."""
    manifest = make_pseudo_gts(pairs_of([root / 'lq', root / 'lq/x'], recursive=False),
                               DeSRA(min_area=MIN_AREA), root / 'new')
    assert {record.name for record in manifest.records} == {'a', 'x/a', f'x/{COMPOSED}'}
    content = json.loads((root / 'new/manifest.json').read_text())
    assert content['lq_dir'] == str((root / 'lq').resolve())
    assert len(PseudoGTDataset(str(root / 'new'))) == 3
