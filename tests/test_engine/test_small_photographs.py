"""Photographs that no patch can be cut from are found before anything is made of them."""
from __future__ import annotations

import logging

import pytest
from toys import make_lq_folder

from mmdesra.datasets.pseudo_gt_dataset import patch_side
from mmdesra.engine.small_photographs import check_photographs
from mmdesra.errors import InputError
from mmdesra.generators import ImageSizes

logger = logging.getLogger('test')


def test_small_ones_are_named_and_the_run_goes_on(tmp_path, caplog):
    make_lq_folder(tmp_path, 2)  # 48x40 px
    make_lq_folder(tmp_path / 'sub', 1, (15, 60))
    (tmp_path / 'sub/image0.png').rename(tmp_path / 'narrow.png')
    check_photographs(tmp_path, False, 64, ImageSizes(4), logger)
    (record,) = caplog.records
    assert record.message == (
        'DeSRA: 1 of 3 photographs are smaller than a patch of 16x16 px (64 px enlarged) and are '
        'not trained on: narrow.png; a smaller gt_patch_size would let them in')
    caplog.clear()
    check_photographs(tmp_path, False, 60, ImageSizes(4), logger)
    assert not caplog.records


@pytest.mark.parametrize('multiple, fitting', [(1, 160), (16, 128)])
def test_where_all_are_too_small_a_patch_that_fits_is_named(tmp_path, multiple, fitting):
    make_lq_folder(tmp_path, 2)
    sizes = ImageSizes(4, multiple, multiple)
    with pytest.raises(InputError) as error:
        check_photographs([tmp_path], False, 256, sizes, logger)
    assert 'all 2 photographs to train on are smaller than a patch of 64x64 px' in str(error.value)
    assert f'--hook-options gt_patch_size={fitting})' in str(error.value)
    check_photographs([tmp_path], False, fitting, sizes, logger)


def test_what_cannot_be_read_is_left_to_whoever_reads_it(tmp_path, caplog):
    make_lq_folder(tmp_path, 1, (8, 8))
    (tmp_path / 'broken.png').write_text('text')
    check_photographs(tmp_path, False, 64, ImageSizes(4), logger)
    assert '1 of 2 photographs' in caplog.text and 'broken' not in caplog.text


def test_a_pipeline_of_a_users_own_says_its_patches():
    pipeline = [dict(type='LoadLRImage'), dict(type='mmagic.PairedRandomCrop', gt_patch_size=96)]
    assert patch_side(dict(pipeline=pipeline, gt_patch_size=256)) == 96
    assert patch_side(dict(pipeline=[max], gt_patch_size=256)) == 1
    assert patch_side(dict(pipeline=None, gt_patch_size=256)) == 256
    assert patch_side({}) == 1
