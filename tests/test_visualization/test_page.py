from __future__ import annotations

import base64
import io
import os
import stat
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mmdesra.ops.fading import FATES
from mmdesra.visualization import PageSample, crop_around, write_page
from mmdesra.visualization.fates import FATE_COLORS
from mmdesra.visualization.overlay import INNER_COLOR

VOID = {'meta', 'link', 'img'}


class _Page(HTMLParser):
    """Tags, text and images of a page; fails on a tag that is not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding='utf-8')
        self.open, self.tags, self.texts, self.images = [], [], [], []
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == 'img':
            self.images.append({**dict(attrs), 'in': dict(self.open[-1][1])['class']})
        if tag not in VOID:
            self.open.append((tag, attrs))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append(data.strip())

    def pictures(self, kind):
        return [image for image in self.images if image['in'] == kind]


def _decode(image):
    head, data = image['src'].split(',')
    assert head in ('data:image/jpeg;base64', 'data:image/png;base64')
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def _sample(name='photo.png', seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    height, width = 48, 64
    sr = {key: rng.integers(0, 256, (height, width, 3), np.uint8)
          for key in ('mse', 'gan', 'after')}
    mask = np.zeros((height, width), bool)
    mask[30:40, 40:60] = True
    lq = rng.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return PageSample(**{**dict(name=name, lq=lq, mask=mask, **sr), **kwargs})


def test_page_holds_title_numbers_notes_and_facts(tmp_path):
    path = tmp_path / 'new' / 'page.html'
    write_page(path, 'A run', [('Removal rate', '100 %')], [_sample(facts=[('regions', 3)])],
               notes=['A note.'])
    texts = _Page(path).texts
    for text in ('A run', 'Removal rate', '100 %', 'A note.', 'photo.png', 'regions', '3'):
        assert text in texts


def test_each_sample_has_its_five_pictures_in_order_as_given(tmp_path):
    path = tmp_path / 'page.html'
    write_page(path, 'A run', [], (_sample(name) for name in ('b.png', 'a.png')))
    page = _Page(path)
    labels = ['LR', 'MSE-SR', 'GAN-SR', 'Mask', 'GAN-SR after']
    expected = [f'{name}: {label}' for name in ('b.png', 'a.png') for label in labels]
    assert [image['alt'] for image in page.pictures('full')] == expected
    assert [image['alt'] for image in page.pictures('crop')] == [f'{x}, detail' for x in expected]
    for image in page.images:
        assert image['loading'] == 'lazy' and image['decoding'] == 'async'
    for image in page.pictures('full'):  # LR too: all stand at the same place, at the same size
        assert (image['width'], image['height']) == ('64', '48')


def test_the_truth_is_the_last_picture(tmp_path):
    path, sample = tmp_path / 'page.html', _sample()
    truth = np.random.default_rng(9).integers(0, 256, sample.gan.shape, np.uint8)
    write_page(path, 'A run', [], [_sample(truth=truth)], crop_size=16)
    page = _Page(path)
    assert page.pictures('full')[-1]['alt'] == 'photo.png: Truth'
    assert len(page.pictures('full')) == 6
    np.testing.assert_array_equal(_decode(page.pictures('crop')[-1]),
                                  truth[crop_around(sample.mask, 16)])


def _three_regions():
    mask = np.zeros((48, 64), bool)
    mask[2:12, 2:20] = mask[2:12, 30:50] = mask[30:40, 40:60] = True
    return mask


def test_what_became_of_regions_is_said_and_coloured(tmp_path):
    path = tmp_path / 'page.html'
    sample = _sample(mask=_three_regions(), fates=['faded', 'gone', 'faded'])
    write_page(path, 'A run', [], [sample], crop_size=48)
    page = _Page(path)
    assert ['1 gone', '2 faded'] == [text for text in page.texts if text.split(' ')[-1] in FATES]
    drawn = dict(sample.panels())['Mask']
    for place, fate in (((2, 5), 'faded'), ((2, 35), 'gone'), ((30, 45), 'faded')):
        assert tuple(drawn[place]) == FATE_COLORS[fate]
    assert tuple(FATE_COLORS['left']) not in set(map(tuple, drawn.reshape(-1, 3)))
    plain = dict(_sample(mask=_three_regions()).panels())['Mask']
    assert tuple(plain[2, 5]) == INNER_COLOR  # nothing is known of what became of them


def test_regions_are_a_table_on_demand(tmp_path):
    path = tmp_path / 'page.html'
    rows = [['area', 'became'], ['180', 'gone'], ['<b>', 'left']]
    write_page(path, 'A run', [], [_sample(regions=rows), _sample(regions=rows[:1])])
    page = _Page(path)
    assert page.tags.count('details') == page.tags.count('table') == 1
    start = page.texts.index('area')
    cells = [text for text in page.texts[start:] if text][:6]
    assert cells == ['area', 'became', '180', 'gone', '<b>', 'left']


def test_fates_of_another_number_of_regions_are_an_error(tmp_path):
    with pytest.raises(ValueError, match='each of 3 regions, got 2 fates'):
        write_page(tmp_path / 'page.html', 'A run', [], [
            _sample(mask=_three_regions(), fates=['gone', 'left'])])


def test_sample_without_after_has_four_pictures(tmp_path):
    path = tmp_path / 'page.html'
    write_page(path, 'A run', [], [_sample(after=None)])
    assert len(_Page(path).pictures('full')) == 4


def test_pixels_arrive(tmp_path):
    path, sample = tmp_path / 'page.html', _sample()
    write_page(path, 'A run', [], [sample], crop_size=16)
    page = _Page(path)
    full = [_decode(image) for image in page.pictures('full')]
    np.testing.assert_array_equal(full[0], sample.lq)
    for got, want in zip(full[1:3] + full[4:], (sample.mse, sample.gan, sample.after)):
        error = got.astype(float) - want
        assert np.sqrt((error**2).mean()) < 12  # JPEG, on coloured noise: its worst case
    crop = crop_around(sample.mask, 16)
    details = [_decode(image) for image in page.pictures('crop')]
    upscaled = sample.lq.repeat(4, 0).repeat(4, 1)
    for index, want in ((0, upscaled), (1, sample.mse), (2, sample.gan), (4, sample.after)):
        np.testing.assert_array_equal(details[index], want[crop])


def test_page_needs_no_network(tmp_path):
    path = tmp_path / 'page.html'
    write_page(path, 'A run', [('a', 1)], [_sample()], notes=['b'])
    page = _Page(path)
    assert 'http://' not in page.source and 'https://' not in page.source
    assert "default-src 'none'" in page.source
    assert all(image['src'].startswith('data:') for image in page.images)


def test_text_is_escaped_everywhere(tmp_path):
    evil = '"><img src=x onerror=1>$title<!-- samples -->.png'
    clean, path = tmp_path / 'clean.html', tmp_path / 'page.html'
    write_page(clean, 'x', [('x', 'x')], [_sample('x', facts=[('x', 'x')])], notes=['x'])
    write_page(path, evil, [(evil, evil)], [_sample(evil, facts=[(evil, evil)])], notes=[evil])
    page = _Page(path)
    assert page.tags == _Page(clean).tags
    assert page.texts.count(evil) == 8  # title, h1, summary and facts twice each, note, name
    assert page.images[0]['alt'] == f'{evil}: LR'


def test_name_that_is_no_text_does_not_cost_the_page(tmp_path):
    path = tmp_path / 'page.html'
    write_page(path, 'A run', [], [_sample(os.fsdecode(b'caf\xe9.png'))])
    assert 'caf?.png' in _Page(path).texts


def test_no_samples_is_said(tmp_path):
    path = tmp_path / 'page.html'
    write_page(path, 'A run', [], [])
    assert 'No pictures to show.' in _Page(path).texts


def test_page_is_replaced_whole_and_readable_as_any_file(tmp_path):
    path, plain = tmp_path / 'page.html', tmp_path / 'plain'
    plain.touch()
    for title in ('first', 'second'):
        write_page(path, title, [], [_sample()])
    assert 'second' in _Page(path).texts
    assert sorted(os.listdir(tmp_path)) == ['page.html', 'plain']
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_failure_midway_keeps_the_old_page_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / 'page.html'
    write_page(path, 'old', [], [_sample()])
    before = path.read_bytes()

    def samples():
        yield _sample()
        raise RuntimeError('a truncated image')

    with pytest.raises(RuntimeError, match='truncated'):
        write_page(path, 'new', [], samples())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['page.html']


@pytest.mark.parametrize('change, message', [
    (dict(gan=np.zeros((48, 60, 3), np.uint8)),
     r"'gan' of 'photo.png'.*\(48, 64, 3\), got \(48, 60,"),
    (dict(after=np.zeros((4, 4, 3), np.uint8)), r"'after' of 'photo.png'.*got \(4, 4, 3\)"),
    (dict(truth=np.zeros((4, 4, 3), np.uint8)), r"'truth' of 'photo.png'.*got \(4, 4, 3\)"),
    (dict(lq=np.zeros((12, 16), np.uint8)), r"'lq' of 'photo.png'.*got uint8 \(12, 16\)"),
    (dict(mse=np.zeros((48, 64, 3))), r"'mse' of 'photo.png'.*got float64"),
    (dict(mask=np.zeros((12, 16), bool)), r"'mask' of 'photo.png'.*\(48, 64\), got \(12, 16\)"),
    (dict(mask=None), "'mask' of 'photo.png'.*got NoneType"),
])
def test_bad_sample_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        _sample(**change)


def test_crop_size_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match='positive crop_size, got 0'):
        write_page(tmp_path / 'page.html', 'A run', [], [_sample()], crop_size=0)
    assert not os.listdir(tmp_path)
