from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.evaluation.authors_names import (
    FolderName,
    Role,
    base_of_tuned,
    is_known_model,
    is_only_tuned,
    read_folder_name,
)
from mmdesra.evaluation.published import model_key, published_change, published_scores

RELEASED = {('gan', 'sr'): Role.GAN, ('mse', 'sr'): Role.MSE, ('lr',): Role.LR,
            ('gt', 'mask'): Role.HUMAN, ('desra', 'mask'): Role.STORED, ('seg',): Role.LABELS,
            ('final', 'artifact', 'map'): Role.STORED, ('gan', 'types'): Role.GAN}


@given(st.sampled_from(list(RELEASED)), st.sampled_from(['', '-', '_', ' ', '.', '--']),
       st.sampled_from([str.lower, str.upper, str.title]))
def test_case_and_separators_do_not_matter(words, separator, case):
    assert read_folder_name(separator.join(map(case, words))) == FolderName(RELEASED[words])


@pytest.mark.parametrize('name, expected', [
    ('GT', FolderName(Role.HUMAN)),
    ('GT-Masks', FolderName(Role.HUMAN)),
    ('Human-labeled GT-Mask', FolderName(Role.HUMAN)),
    ('GT-Images', FolderName()),  # photographs
    ('LR_images', FolderName(Role.LR)),
    ('GAN-SR-results', FolderName(Role.GAN)),
    ('rgb_contrast_seg', FolderName(Role.BETWEEN)),
    ('contrast_0.7_erode_5x5_dilation_5x5_hole_3x3', FolderName(Role.BETWEEN)),
    ('LDL_GAN-SR', FolderName(Role.GAN, model='LDL')),
    ('LDL-DeSRA-Mask', FolderName(Role.STORED, model='LDL')),
    ('GAN-SR-DeSRA', FolderName(Role.GAN, is_tuned=True)),
    ('gan_sr_fine-tuned_5k', FolderName(Role.GAN, is_tuned=True)),
    ('DeSRA-GAN-SR', FolderName(Role.GAN, is_tuned=True)),
    ('LDL_GAN-SR_DeSRA', FolderName(Role.GAN, is_tuned=True, model='LDL')),
    ('Real-ESRGAN', FolderName()),
    ('RealESRGAN-SR', FolderName()),
    ('Real-ESR-GAN', FolderName()),
    ('SRGAN', FolderName()),
    ('glass', FolderName()),
    ('DeSRA', FolderName()),
    ('___', FolderName()),
])
def test_other_names(name, expected):
    assert read_folder_name(name) == expected


@pytest.mark.parametrize('name, base', [
    ('LDL-DeSRA', 'ldl'), ('Real-ESRGAN_DeSRA_5k', 'realesrgan'), ('DeSRA-LDL', 'ldl'),
    ('RealESRGANDeSRA', 'realesrgan'), ('SwinIR fine tuned', 'swinir'), ('LDL', ''),
    ('DeSRA', ''), ('Left', ''), ('draft', ''),
])
def test_what_a_fine_tuned_model_is_named_after(name, base):
    assert base_of_tuned(name) == base


def test_names_of_models():
    assert is_only_tuned('DeSRA') and is_only_tuned('fine-tuned') and not is_only_tuned('LDL')
    assert is_known_model('Real_ESRGAN') and is_known_model('ldl-DeSRA')
    assert not is_known_model('sr') and not is_known_model('')
    assert {model_key(name) for name in ('Real-ESRGAN', 'RealESRGAN_x4plus', 'real esrgan')} == {
        'realesrgan'}


def test_the_published_tables():
    """Read off DeSRA's tables by eye."""
    rows = published_scores('Real-ESRGAN')
    assert len(rows) == len(published_scores('ldl')) == 6
    assert (rows['DeSRA-det'].iou, rows['DeSRA-det'].precision, rows['DeSRA-det'].recall) == (
        .511, .7055, .6081)
    assert max(published_scores('LDL').values(), key=lambda row: row.recall).method == (
        'LDL* (0.001)')
    for model in ('LDL', 'RealESRGAN'):  # the tables agree with each other
        assert published_change(model).iou_before == published_scores(model)['DeSRA-det'].iou
    assert published_scores('SRGAN') == {} and published_change('SRGAN') is None
