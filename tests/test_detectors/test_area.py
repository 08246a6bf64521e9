from __future__ import annotations

import pytest
import torch

from mmdesra.detectors import RELEASED_AREA, AreaLimit
from mmdesra.ops import WINDOW_SIZE, clean_mask


@pytest.mark.parametrize('text, pixels', [
    (4000, 4000), (4000., 4000), ('4000', 4000), (' 4000 ', 4000), ('12.5', 12.5), (0, 0),
    ('0.4%', 4000), ('0.4 %', 4000), ('100%', 1_000_000), ('0%', 0),
    (AreaLimit(0.004, is_share=True), 4000), ('auto', 4000), (' 0.3%, at least 361 px', 3000),
    ('0.3%,at least 5000', 5000),
])
def test_pixels_and_shares(text, pixels):
    assert AreaLimit.parse(text).pixels(1000, 1000) == pytest.approx(pixels)


def test_only_a_share_follows_the_image():
    assert AreaLimit.parse('1%').pixels(50, 60) == pytest.approx(30)
    assert AreaLimit.parse('40').pixels(50, 60) == 40


@pytest.mark.parametrize('text', [
    '', '%', 'large', '0.4%, at least', '0.4%, at least -3', '4000, at least 3', 'Auto',
    '0.4%, at least 2%', '4000 px', '-1', -1, '-0.1%', '101%', '0.4%%', 'nan', 'nan%', 'inf', None,
    True])
def test_anything_else_is_an_error(text):
    with pytest.raises(ValueError, match='expected an area as pixels .*, as a share'):
        AreaLimit.parse(text)


@pytest.mark.parametrize('text, shown', [
    ('auto', '0.4%, at least 361 px'), ('2%, at least 7.5', '2%, at least 7.5 px'),
    (4000, '4000 px'), ('0.4%', '0.4%'), ('0.7%', '0.7%'), (1234567, '1234567 px')])
def test_it_is_shown_as_it_was_given(text, shown):
    assert str(AreaLimit.parse(text)) == shown


@pytest.mark.parametrize('size, pixels', [
    ((1000, 1000), RELEASED_AREA), ((500, 500), 1000), ((3000, 4000), 48000), ((300, 300), 361),
    ((320, 480), 614.4), ((11, 11), 361), ((1, 90250), 361), ((1, 90251), 361.004)])
def test_by_default_it_follows_the_size_of_the_image_down_to_one_window(size, pixels):
    assert AreaLimit.by_size().pixels(*size) == pytest.approx(pixels)


def test_the_floor_is_a_window_of_artifact_pixels_after_cleaning():
    """Measured, not calculated: the smallest region that a whole window of them leaves."""
    raw = torch.zeros(60, 60, dtype=torch.bool)
    raw[20:20 + WINDOW_SIZE, 20:20 + WINDOW_SIZE] = True
    assert int(clean_mask(raw, 0).sum()) == AreaLimit.by_size().pixels(60, 60) == 361


@pytest.mark.parametrize('text', ['auto', '0.4%', '0.1%, at least 40.5'])
def test_a_share_that_is_shown_can_be_read_again(text):
    limit = AreaLimit.parse(text)
    assert AreaLimit.parse(str(limit)) == limit
