from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image
from toys import MIN_AREA, SCALE, make_lq_folder, make_lq_image, make_pairs

from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.datasets.pipeline import pseudo_gt_pipeline
from mmdesra.datasets.pseudo_gt_dataset import PseudoGTDataset
from mmdesra.datasets.pseudo_gt_folder import PseudoGTError, PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.datasets.transforms import PairedMaskCrop
from mmdesra.detectors import build_detector
from mmdesra.files import read_image, read_mask, write_image, write_mask


def make(lq, out, recompose=False, **config):
    detector = build_detector(dict(dict(type='DeSRA', min_area=MIN_AREA), **config))
    return make_pseudo_gts(make_pairs(lq), detector, out, recompose=recompose)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """LR images in lq/ (image1 is clean, broken.png none) and their pseudo GTs in out/."""
    root = tmp_path_factory.mktemp('made')
    make_lq_folder(root / 'lq')
    (root / 'lq/broken.png').write_text('text')
    make(root / 'lq', root / 'out')
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy for the test to change; its manifest names the LR images of the copy."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    make(tmp_path / 'lq', tmp_path / 'out')
    return tmp_path


def test_samples_name_the_files_of_each_pair(made):
    dataset = PseudoGTDataset(str(made / 'out'))
    assert len(dataset) == 3
    for index, name in enumerate(['image0', 'image2', 'image3']):
        assert dataset[index] == dict(
            key=name, img_path=str(made / f'lq/{name}.png'),
            gt_path=str(made / f'out/gt/{name}.png'),
            mask_path=str(made / f'out/mask/{name}.png'), sample_idx=index)
    assert dataset.metainfo == dict(dataset_type='pseudo_gt', task_name='sisr')


def test_it_is_registered_and_takes_what_base_datasets_take(made):
    dataset = DATASETS.build(dict(
        type='PseudoGTDataset', data_root=str(made / 'out'), metainfo=dict(author='me'),
        lazy_init=True, indices=2, pipeline=[lambda sample: sample['key']]))
    assert isinstance(dataset, PseudoGTDataset)
    dataset.full_init()
    assert [dataset[index] for index in range(len(dataset))] == ['image0', 'image2']
    assert dataset.metainfo['author'] == 'me'


def test_a_path_object_will_do(made):
    assert len(PseudoGTDataset(made / 'out', lq_dir=made / 'lq')) == 3


def test_the_folder_moves_freely(root):
    (root / 'out').rename(root / 'elsewhere')
    sample = PseudoGTDataset(root / 'elsewhere')[0]
    assert sample['gt_path'] == str(root / 'elsewhere/gt/image0.png')
    assert sample['img_path'] == str(root / 'lq/image0.png')


def test_moved_lr_images_are_found_by_lq_dir(root):
    (root / 'lq').rename(root / 'moved')
    with pytest.raises(PseudoGTError, match='lq/image0.png: is missing; .* as lq_dir'):
        PseudoGTDataset(root / 'out')
    assert PseudoGTDataset(root / 'out', lq_dir=root / 'moved')[0]['img_path'] == str(
        root / 'moved/image0.png')


@pytest.mark.parametrize('lq_dir', ['x' * 5000, 'a\0b'])
def test_a_folder_of_lr_images_that_cannot_be_is_missing(root, lq_dir):
    with pytest.raises(PseudoGTError, match='is missing; .* Give their folder as lq_dir'):
        PseudoGTDataset(root / 'out', lq_dir=lq_dir)


def test_lr_images_of_the_same_names_are_not_mistaken(root):
    make_lq_folder(root / 'others', seed=1)
    with pytest.raises(PseudoGTError, match='others/image0.png: is not the LR image that'):
        PseudoGTDataset(root / 'out', lq_dir=root / 'others')


def test_clean_and_broken_lr_images_are_not_needed(root):
    (root / 'lq/image1.png').unlink()
    (root / 'lq/broken.png').unlink()
    assert len(PseudoGTDataset(root / 'out')) == 3


def test_a_missing_gt_is_an_error(root):
    (root / 'out/gt/image2.png').unlink()
    with pytest.raises(PseudoGTError, match='gt/image2.png: is missing; .* --recompose') as error:
        PseudoGTDataset(root / 'out')
    assert 'lq_dir' not in str(error.value)
    make(root / 'lq', root / 'out', recompose=True)
    assert len(PseudoGTDataset(root / 'out')) == 3


def test_a_deleted_mask_leaves_its_pair_out(root):
    (root / 'out/mask/image2.png').unlink()
    assert [sample['key'] for sample in PseudoGTDataset(root / 'out')] == ['image0', 'image3']
    make(root / 'lq', root / 'out', recompose=True)
    assert [sample['key'] for sample in PseudoGTDataset(root / 'out')] == ['image0', 'image3']


def test_a_repainted_mask_is_an_error_until_it_is_recomposed(root):
    mask = read_mask(root / 'out/mask/image2.png')
    write_mask(root / 'out/mask/image2.png', mask[::-1])
    with pytest.raises(PseudoGTError, match='mask/image2.png: was changed .* --recompose'):
        PseudoGTDataset(root / 'out')
    make(root / 'lq', root / 'out', recompose=True)
    assert len(PseudoGTDataset(root / 'out')) == 3


def test_an_added_mask_waits_until_it_is_recomposed(root):
    shutil.copy(root / 'out/mask/image0.png', root / 'out/mask/image1.png')
    assert len(PseudoGTDataset(root / 'out')) == 3
    make(root / 'lq', root / 'out', recompose=True)
    assert len(PseudoGTDataset(root / 'out')) == 4


def test_no_pair_is_an_error(made, tmp_path):
    make(made / 'lq', tmp_path / 'out', min_area=10**6)
    with pytest.raises(PseudoGTError, match='out: holds no pair .* in 4 images'):
        PseudoGTDataset(tmp_path / 'out')


def test_no_image_that_can_be_used_is_an_error_that_says_why(tmp_path):
    make_lq_folder(tmp_path / 'lq', 2, (2, 2))
    make(tmp_path / 'lq', tmp_path / 'out')
    with pytest.raises(PseudoGTError, match='none of the 2 LR images could be used. image0.png: '
                       '.* got 8x8'):
        PseudoGTDataset(tmp_path / 'out')


def test_pairs_smaller_than_a_patch_are_left_out_and_named(root, mmagic_scope, caplog):
    write_image(root / 'lq/image0.png', make_lq_image(0, (24, 48)))
    make(root / 'lq', root / 'out')
    for patch, names in ((96, ['image0', 'image2', 'image3']), (100, ['image2', 'image3'])):
        caplog.clear()
        dataset = PseudoGTDataset(root / 'out', gt_patch_size=patch)
        assert [dataset.get_data_info(index)['key'] for index in range(len(dataset))] == names
        assert all(sample['data_samples'].gt_img.shape == (3, patch, patch) for sample in dataset)
        assert ('gt/image0.png: expected at least one patch of 100x100 px, got 192x96'
                in caplog.text) == (patch == 100)
    with pytest.raises(PseudoGTError, match='all 3 are smaller than a patch of 164x164 px'):
        PseudoGTDataset(root / 'out', gt_patch_size=164)


def test_patches_begin_on_a_grid(made, mmagic_scope):
    dataset = PseudoGTDataset(made / 'out', gt_patch_size=64, lq_grid=8)
    assert 'lq_grid=8' in repr(dataset.pipeline)


def test_an_interrupted_folder_is_an_error(root):
    with pytest.raises(PseudoGTError, match='missing: holds no manifest.json'):
        PseudoGTDataset(root / 'missing')
    detector = build_detector(dict(type='DeSRA', min_area=MIN_AREA))
    maker = PseudoGTMaker(make_pairs(root / 'lq'), detector)
    maker.make(PseudoGTFolder(root / 'new'))
    with pytest.raises(PseudoGTError, match='new: holds no manifest.json; .* interrupted'):
        PseudoGTDataset(root / 'new')
    maker.make(PseudoGTFolder(root / 'out'))
    with pytest.raises(PseudoGTError, match='out: its making is under way or was interrupted'):
        PseudoGTDataset(root / 'out')


def test_a_manifest_cannot_lead_elsewhere(root):
    manifest = root / 'out/manifest.json'
    content = json.loads(manifest.read_text())
    content['records'][0]['lq'] = '../lq/image0.png'
    manifest.write_text(json.dumps(content))
    with pytest.raises(PseudoGTError, match='plain file name'):
        PseudoGTDataset(root / 'out')


# The default pipeline

@pytest.fixture(scope='module')
def mmagic_scope():
    pytest.importorskip('mmagic')
    with DefaultScope.overwrite_default_scope('mmagic'):
        yield


def pack(root, patch, mask_prob=1):
    return PseudoGTDataset(root / 'out', pipeline=pseudo_gt_pipeline(patch, mask_prob))


def test_the_pipeline_feeds_mmagic_models(made, mmagic_scope):
    np.random.seed(0)
    dataset = pack(made, 64)
    assert isinstance(dataset.pipeline, Compose)
    for sample in dataset:
        inputs, data = sample['inputs'], sample['data_samples']
        assert inputs.shape == (3, 16, 16) and inputs.dtype == torch.uint8
        assert data.gt_img.shape == data.gt_unsharp.shape == (3, 64, 64)
        assert torch.equal(data.gt_img, data.gt_unsharp)
        assert data.mask.shape == (1, 64, 64) and data.mask.any()


def test_the_loaded_patches_are_the_pair(made, mmagic_scope):
    """The whole images: what was the generators' input and output, in RGB."""
    dataset = PseudoGTDataset(made / 'out', pipeline=pseudo_gt_pipeline(160))
    for index, name in enumerate(['image0', 'image2', 'image3']):
        data = dataset[index]
        lq, gt = (read_image(made / path / f'{name}.png') for path in ('lq', 'out/gt'))
        patch = data['inputs'].permute(1, 2, 0).numpy()
        left = next(left for left in range(9) if (lq[:, left:left + 40] == patch).all())
        window = np.s_[:, SCALE * left:SCALE * left + 160]
        np.testing.assert_array_equal(data['data_samples'].gt_img.permute(1, 2, 0), gt[window])
        mask = read_mask(made / f'out/mask/{name}.png')
        np.testing.assert_array_equal(data['data_samples'].mask[0], mask[window] * np.uint8(255))


LQ = make_lq_image(0)


def save_turned(path, **options):
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(LQ).save(path, exif=exif, **options)


def save_palette(path):
    Image.fromarray(LQ).quantize(60).save(path)


@pytest.mark.parametrize('suffix, save', [
    ('.png', lambda path: Image.fromarray(LQ[..., 1]).save(path)),
    ('.png', lambda path: Image.fromarray(np.dstack([LQ, LQ[..., 0]])).save(path)),
    ('.png', lambda path: Image.fromarray(np.dstack([LQ[..., 1], LQ[..., 0]])).save(path)),
    ('.png', lambda path: cv2.imwrite(str(path), LQ[..., ::-1].astype(np.uint16) * 256 + 200)),
    ('.png', lambda path: cv2.imwrite(str(path), LQ[..., 1].astype(np.uint16) * 256 + 200)),
    ('.png', save_turned), ('.png', save_palette),
    ('.webp', lambda path: save_turned(path, lossless=True)),  # OpenCV does not turn it
    ('.jpg', lambda path: write_image(path, LQ, quality=90)),  # and rounds otherwise
], ids=['grey', 'alpha', 'grey alpha', '16 bits', '16 bits grey', 'turned', 'palette',
        'turned WebP', 'JPEG'])
def test_training_sees_the_lr_image_that_the_generator_saw(tmp_path, mmagic_scope, suffix, save):
    path = tmp_path / f'lq/a{suffix}'
    path.parent.mkdir()
    save(path)
    make(tmp_path / 'lq', tmp_path / 'out')
    data = PseudoGTDataset(tmp_path / 'out', pipeline=pseudo_gt_pipeline(160))[0]
    patch, lq = data['inputs'].permute(1, 2, 0).numpy(), read_image(path)
    assert any((lq[top:top + 40, left:left + 40] == patch).all()
               for top in range(lq.shape[0] - 39) for left in range(lq.shape[1] - 39))


def test_a_patch_that_is_too_large_names_the_files(made, mmagic_scope):
    """Before a worker meets it; the crop itself says it, too."""
    with pytest.raises(PseudoGTError, match='all 3 are smaller than a patch of 164x164 px'):
        pack(made, 164)
    step = PairedMaskCrop(164)
    sample = dict(img=np.zeros((40, 48, 3)), gt=np.zeros((160, 192, 3)), mask=np.zeros((160, 192)),
                  img_path='lq/image0.png', gt_path='gt/image0.png')
    with pytest.raises(ValueError, match=r'at least 41x41 px, got 48x40 \(lq/image0.png, '):
        step.transform(sample)
