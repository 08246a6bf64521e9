from __future__ import annotations

import pytest

from mmdesra.detectors import AreaLimit


@pytest.mark.parametrize('text, pixels', [
    (4000, 4000), (4000., 4000), ('4000', 4000), (' 4000 ', 4000), ('12.5', 12.5), (0, 0),
    ('0.4%', 4000), ('0.4 %', 4000), ('100%', 1_000_000), ('0%', 0),
    (AreaLimit(0.004, is_share=True), 4000),
])
def test_pixels_and_shares(text, pixels):
    assert AreaLimit.parse(text).pixels(1000, 1000) == pytest.approx(pixels)


def test_only_a_share_follows_the_image():
    assert AreaLimit.parse('1%').pixels(50, 60) == pytest.approx(30)
    assert AreaLimit.parse('40').pixels(50, 60) == 40


@pytest.mark.parametrize('text', [
    '', '%', 'large', '4000 px', '-1', -1, '-0.1%', '101%', '0.4%%', 'nan', 'nan%', 'inf', None,
    True])
def test_anything_else_is_an_error(text):
    with pytest.raises(ValueError, match='expected an area as pixels .* or as a share'):
        AreaLimit.parse(text)


@pytest.mark.parametrize('text, shown', [
    (4000, '4000 px'), ('0.4%', '0.4%'), ('0.7%', '0.7%'), (1234567, '1234567 px')])
def test_it_is_shown_as_it_was_given(text, shown):
    assert str(AreaLimit.parse(text)) == shown
