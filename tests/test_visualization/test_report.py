from __future__ import annotations

import base64
import io
import json
import os
import re
import stat
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from mmdesra.errors import InputError
from mmdesra.visualization import ReportSample, ReportWriter, draw_heatmap
from mmdesra.visualization.legend import MapScale
from mmdesra.visualization.report_files import ReportFiles
from mmdesra.visualization.report_rows import ReportRows

VOID = {'meta', 'link', 'img', 'input', 'col'}


class _Report(HTMLParser):
    """Rows, texts and scripts of a report; fails on a tag that is not closed in order."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding='utf-8')
        self.open, self.tags, self.texts = [], [], []
        self.rows, self.scripts, self.thumbs, self.styles = [], {}, [], []
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if 'data-number' in attrs:
            self.rows.append(dict(attrs, texts=[]))
        if 'data-src' in attrs:
            self.thumbs.append(attrs['data-src'])
        if 'style' in attrs:
            self.styles.append(attrs['style'])
        assert ('src' not in attrs and 'href' not in attrs) or tag == 'link'
        if tag not in VOID:
            self.open.append((tag, attrs))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        tag, attrs = self.open[-1] if self.open else ('', {})
        if tag == 'script' and 'id' in attrs:
            self.scripts[attrs['id']] = self.scripts.get(attrs['id'], '') + data
        elif data.strip():
            self.texts.append(data.strip())
            if any(name == 'tbody' for name, _ in self.open):
                self.rows[-1]['texts'].append(data.strip())

    def meta(self, number=0):
        return json.loads(unquote(self.scripts[f'pictures-{number}']))

    def picture(self, key, view='whole', number=0):
        view, = [one for one in self.meta(number)['views'] if one['key'] == view]
        head, data = view['pictures'][key].split(',')
        assert head in ('data:image/jpeg;base64', 'data:image/png;base64')
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))

    def total(self, label):
        return self.texts[self.texts.index(label) + 1]


def _sample(name='photo.png', areas=(200,), seed=0, height=48, width=64, **kwargs):
    rng = np.random.default_rng(seed)
    gan, mse = rng.integers(0, 256, (2, height, width, 3), np.uint8)
    mask = np.zeros((height, width), bool)
    for row, area in enumerate(areas):  # each a line or a box of its own
        mask[12 * row:12 * row + 10].T.flat[:area] = True
    lq = rng.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    artifact_map = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return ReportSample(**{**dict(name=name, gan=gan, mse=mse, map=artifact_map, mask=mask, lq=lq),
                           **kwargs})


def _write(path, *samples, skipped=(), title='A run', **kwargs):
    with ReportWriter(path, title, **kwargs) as report:
        for sample in samples:
            report.add(sample)
        for name, reason in skipped:
            report.add_skipped(name, reason)
    return _Report(path)


def test_table_is_sorted_by_area_with_skipped_images_last(tmp_path):
    report = _write(tmp_path / 'new' / 'r.html', _sample('a', [50]), _sample('b', [90, 30]),
                    _sample('c', []), _sample('d', [110]), skipped=[('e', 'is truncated')])
    assert [row['data-name'] for row in report.rows] == ['b', 'd', 'a', 'c', 'e']
    assert report.rows[0]['texts'] == ['b', '2', '120', '3.91 %', '90', '–']
    assert report.rows[3]['texts'] == ['c', '0', '0', '0.00 %', '0', '–']
    assert report.rows[4]['texts'] == ['e', 'skipped: is truncated']
    assert [row['class'].split()[0] for row in report.rows] == [*['found'] * 3, 'clean', 'skipped']
    assert report.rows[0]['data-area'] == '120' and report.rows[0]['data-largest'] == '90'


def test_header_holds_title_settings_and_totals(tmp_path):
    report = _write(tmp_path / 'r.html', _sample('a', [50]), _sample('b', [90, 30]),
                    _sample('c', []), skipped=[('e', '')], summary=[('detector', 'DeSRA')])
    assert report.total('detector') == 'DeSRA'
    assert 'A run' in report.texts
    assert [report.total(label) for label in
            ('images', 'with artifacts', 'regions', 'artifact px', 'artifact share', 'skipped')
            ] == ['3', '2 (66.7 %)', '3', '170', '1.84 %', '1']
    assert 'skipped: no reason given' in report.texts


def test_a_share_that_is_not_nothing_does_not_read_as_nothing(tmp_path):
    report = _write(tmp_path / 'r.html', _sample('a', [1], height=200, width=200))
    assert report.rows[0]['texts'][3] == '< 0.01 %'


def test_pictures_arrive(tmp_path):
    sample = _sample(facts=[('classes', 'sky')])
    report = _write(tmp_path / 'r.html', sample)
    view, = report.meta()['views']
    assert (view['size'], view['shown']) == ([48, 64], ['size', '64 × 48 px'])
    assert sorted(view['pictures']) == ['gan', 'lq', 'map', 'mse']
    assert report.meta()['name'] == 'photo.png' and report.meta()['size'] == [64, 48]
    assert report.meta()['facts'] == [['classes', 'sky']]
    np.testing.assert_array_equal(report.picture('lq'), sample.lq)
    for key, want in (('gan', sample.gan), ('mse', sample.mse), ('map', draw_heatmap(sample.map))):
        error = report.picture(key).astype(float) - want
        assert np.sqrt((error**2).mean()) < 16  # JPEG, on coloured noise: its worst case
    assert view['outline'].startswith('M0.5 0.5')
    assert view['focus'] == [.5, .5]  # the largest region is in view wherever that is


def test_report_needs_no_network_and_decodes_nothing_at_once(tmp_path):
    report = _write(tmp_path / 'r.html', _sample(), summary=[('a', 1)])
    assert not re.search('https?:', report.source)
    assert "img-src data: 'self' file:" in report.source
    assert "script-src 'unsafe-inline' 'self' file:" in report.source
    assert "default-src 'none'" in report.source
    assert len(report.thumbs) == 1  # and the parser above lets no tag have a src


def test_without_lr_images_there_is_none(tmp_path):
    report = _write(tmp_path / 'r.html', _sample(lq=None))
    assert 'lq' not in report.meta()['views'][0]['pictures']


def test_map_is_drawn_in_native_units(tmp_path):
    native = np.full((48, 64), 0.015)
    native[:, 32:] = 0.001
    report = _write(tmp_path / 'r.html', _sample(map=native), map_range=(0, 0.02),
                    low_is_artifact=False, threshold=0.005)
    got = report.picture('map').astype(int)
    want = draw_heatmap(np.array([[0.25, 0.95]]))[0].astype(int)
    assert abs(got[:, :30] - want[0]).max() < 8 and abs(got[:, 34:] - want[1]).max() < 8


@pytest.mark.parametrize('low_is_artifact, flagged, ends', [
    (True, '--from:0%;--to:25%', ['0 · artifact', 'no artifact · 0.02']),
    (False, '--from:25%;--to:100%', ['0 · no artifact', 'artifact · 0.02']),
])
def test_legend_marks_the_threshold_and_names_the_ends(tmp_path, low_is_artifact, flagged, ends):
    scale = dict(map_range=(0, 0.02), low_is_artifact=low_is_artifact, threshold=0.005)
    report = _write(tmp_path / 'r.html', _sample(map=np.full((48, 64), 0.01)), **scale)
    assert 'threshold 0.005' in report.texts
    assert [report.texts[report.texts.index(end)] for end in ends] == ends
    assert report.styles.count('--at:25%') == 2 and flagged in report.styles
    bar = next(style for style in report.styles if 'gradient' in style)
    first, last = bar.split(', ')[1], bar.split(', ')[-1].rstrip(')')
    assert {first, last} == {'#000004', '#fcffa4'} and (first == '#fcffa4') == low_is_artifact
    assert 'grey: no score' not in report.texts


def test_legend_says_what_lies_beyond_the_scale(tmp_path):
    native = np.full((48, 64), 0.01)
    native[0, :2] = 3, np.nan
    report = _write(tmp_path / 'r.html', _sample(map=native), map_range=(0, 0.02),
                    low_is_artifact=False, threshold=0.1)
    assert 'artifact · ≥ 0.02' in report.texts and '0 · no artifact' in report.texts
    assert 'grey: no score' in report.texts
    assert '--at:100%' in report.styles


def test_text_is_escaped_everywhere(tmp_path):
    evil = '"></script><img src=x onerror=1>$title<!-- rows -->.png'
    clean = _write(tmp_path / 'clean.html', _sample('x', facts=[('x', 'x')]),
                   skipped=[('x', 'x')], summary=[('x', 'x')])
    report = _write(tmp_path / 'r.html', _sample(evil, facts=[(evil, evil)]), title=evil,
                    skipped=[(evil, evil)], summary=[(evil, evil)])
    assert report.tags == clean.tags
    assert report.texts.count(evil) == 6  # title, h1, summary twice, two names
    assert f'skipped: {evil}' in report.texts
    assert report.meta()['facts'] == [[evil, evil]]
    assert [row['data-name'] for row in report.rows] == [evil, evil]


def test_name_that_is_no_text_does_not_cost_the_report(tmp_path):
    report = _write(tmp_path / 'r.html', _sample(os.fsdecode(b'caf\xe9.png')))
    assert report.rows[0]['texts'][0] == 'caf?.png'


def test_pictures_of_images_without_artifacts_can_be_limited(tmp_path):
    report = _write(tmp_path / 'r.html', _sample('a', []), _sample('b', []), _sample('c', [30]),
                    max_clean=1)
    assert {row['data-name']: 'pictured' in row['class'] for row in report.rows} == dict(
        a=True, b=False, c=True)
    assert {'pictures-0', 'pictures-2'} == set(report.scripts)
    assert len(report.thumbs) == 3 and report.total('images') == '3'


def test_large_images_are_reduced_and_the_largest_region_is_shown_at_full_size(tmp_path):
    height, width = 900, 2400
    mask = np.zeros((height, width), bool)
    mask[700:702, 2000:2002] = True  # too small to be seen in the reduced mask's mean
    sample = _sample(height=height, width=width, mask=mask)
    report = _write(tmp_path / 'r.html', sample, max_side=600)
    whole, region = report.meta()['views']
    assert whole['size'] == [225, 600]
    assert whole['shown'][1] == '2400 × 900 px, reduced to 600 × 225 px' and whole['outline']
    assert report.picture('gan').shape == (225, 600, 3)
    assert region['shown'][1] == 'x 1600 to 2400, y 100 to 900 of 2400 × 900 px, at full size'
    assert region['outline'] == 'M400.5 600.5L400.5 601.5L401.5 601.5L401.5 600.5Z'
    error = report.picture('gan', 'region').astype(float) - sample.gan[100:900, 1600:]
    assert np.sqrt((error**2).mean()) < 16
    lq = sample.lq.repeat(4, 0).repeat(4, 1)[100:900, 1600:]
    error = report.picture('lq', 'region').astype(float) - lq
    assert np.sqrt((error**2).mean()) < 16


def test_magnified_picture_starts_at_the_largest_region(tmp_path):
    mask = np.zeros((400, 800), bool)
    mask[40:80, 600:660] = mask[300:320, 30:40] = True
    report = _write(tmp_path / 'r.html', _sample(height=400, width=800, mask=mask))
    view, = report.meta()['views']
    assert view['focus'] == [630 / 800, 60 / 400]


def test_large_image_without_artifacts_has_no_region_to_show(tmp_path):
    report = _write(tmp_path / 'r.html', _sample(areas=[]), max_side=32)
    view, = report.meta()['views']
    assert not view['outline'] and view['size'] == [24, 32]


def test_no_images_is_said(tmp_path):
    report = _write(tmp_path / 'r.html')
    assert 'No images.' in report.texts and report.total('with artifacts') == '0 (0.00 %)'


@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError])
def test_stopped_run_leaves_a_report_that_says_so(tmp_path, error):
    path = tmp_path / 'r.html'
    _write(path, _sample('old'))
    with pytest.raises(error), ReportWriter(path, 'A run') as writer:
        writer.add(_sample('done'))
        raise error
    report = _Report(path)
    assert [row['data-name'] for row in report.rows] == ['done']
    assert (f'This run was stopped before its end ({error.__name__}): the report holds the 1 '
            'images done until then.') in report.texts
    assert os.listdir(tmp_path) == ['r.html']


def test_run_stopped_before_the_first_image_keeps_the_old_report(tmp_path):
    path = tmp_path / 'r.html'
    _write(path, _sample('old'))
    before = path.read_bytes()
    with pytest.raises(RuntimeError), ReportWriter(path, 'A run'):
        raise RuntimeError
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['r.html']


def test_failed_write_keeps_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / 'r.html'
    _write(path, _sample('old'))
    before = path.read_bytes()

    def fail(*_):
        raise OSError('No space left on device')

    with pytest.raises(OSError, match='No space'), ReportWriter(path, 'A run') as writer:
        writer.add(_sample('new'))
        monkeypatch.setattr(ReportFiles, 'pictures', fail)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['r.html']


def test_report_is_readable_as_any_file(tmp_path):
    path, plain = tmp_path / 'r.html', tmp_path / 'plain'
    plain.touch()
    _write(path, _sample())
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize('change, message', [
    (dict(gan=np.zeros((48, 60, 3), np.uint8)), r"'gan' of 'photo.png'.*got \(48, 60, 3\)"),
    (dict(lq=np.zeros((12, 16), np.uint8)), r"'lq' of 'photo.png'.*got uint8 \(12, 16\)"),
    (dict(map=np.zeros((48, 64), np.uint8)), r"'map' of 'photo.png'.*got uint8 \(48, 64\)"),
    (dict(map=np.zeros((38, 54))), r"'map' of 'photo.png'.*\(48, 64\), got \(38, 54\)"),
    (dict(mask=np.zeros((12, 16), bool)), r"'mask' of 'photo.png'.*\(48, 64\), got \(12, 16\)"),
])
def test_bad_sample_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        _sample(**change)


@pytest.mark.parametrize('change, message', [
    (dict(max_side=0), 'positive max_side'), (dict(max_clean=-1), 'max_clean of 0 or more'),
    (dict(map_range=(1, 0)), 'low < high'),
])
def test_bad_settings_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        ReportWriter(tmp_path / 'r.html', 'A run', **change)
    assert not os.listdir(tmp_path)


def test_images_of_another_part_stand_among_the_own(tmp_path):
    samples = [_sample('a', [50]), _sample('b', [90]), _sample('c', []), _sample('d', [70])]
    whole = _write(tmp_path / 'whole' / 'r.html', *samples, skipped=[('e', 'truncated')])
    path = tmp_path / 'parts' / 'r.html'
    rows = ReportRows(MapScale(0, 1, True, .7), ReportFiles(path))
    rows.add(samples[1], 1)
    rows.add(samples[2], 2)
    with ReportWriter(path, 'A run') as report:
        report.take_in(rows.rows)
        report.add(samples[3], 3)
        report.add_skipped('e', 'truncated', 4)
        report.add(samples[0], 0)
    assert _Report(path).source == whole.source
    assert os.listdir(path.parent) == ['r.html']


# ---------------------------------------- how strong regions are, and where


def test_regions_are_listed_from_the_largest_on(tmp_path):
    report = _write(tmp_path / 'r.html', _sample('a', [50, 90, 30], strengths=[2., 8., 5.]),
                    _sample('b', [70], strengths=[1.5]), _sample('c', [40]))
    meta = report.meta()
    assert meta['regions'] == [[0, 12, 9, 10, 90], [0, 0, 5, 10, 50], [0, 24, 3, 10, 30]]
    assert meta['strengths'] == [8, 2, 5]
    strength = (2 * 50 + 8 * 90 + 5 * 30) / 170
    assert [row['data-strength'] for row in report.rows] == [f'{strength:.3f}', '1.5', '']
    assert [row['texts'][-1] for row in report.rows] == [f'{strength:.2f}', '1.50', '–']
    assert report.meta(2)['strengths'] == [] and len(report.meta(2)['regions']) == 1


def test_strengths_of_other_regions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="the strengths of the 2 regions of 'photo.png', got 1"):
        _write(tmp_path / 'r.html', _sample(areas=[50, 90], strengths=[2.]))


def test_the_words_are_explained(tmp_path):
    report = _write(tmp_path / 'r.html', words=[('form', 'How it is computed.')])
    assert report.total('form') == 'How it is computed.'
    assert 'pixel errors alone' in report.total('MSE-SR')
    assert 'low resolution' in report.total('LR')


# ---------------------------------------- what does not fit into the page


@pytest.fixture
def small_page(monkeypatch):
    """A page of three rows, and of the pictures of about two images."""
    monkeypatch.setattr('mmdesra.visualization.report_html.PAGE_ROWS', 3)
    monkeypatch.setattr('mmdesra.visualization.report_html.PAGE_BYTES', 45_000)


def _beside(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}


def _data(path):
    text = path.read_text()
    assert text.startswith("mmdesraData('") and text.endswith("');\n")
    return json.loads(unquote(text[len("mmdesraData('"):-len("');\n")]))


AREAS = [10, 60, 20, 50, 30, 40]
ORDER = [1, 3, 5, 4, 2, 0]


def _many(path, count=6, **kwargs):
    return _write(path, *(_sample(f'{number}.png', [AREAS[number]], number)
                          for number in range(count)), **kwargs)


def test_the_rest_lies_beside_the_page(tmp_path, small_page):
    report = _many(tmp_path / 'r.html', skipped=[('broken', 'truncated')])
    assert [row['data-name'] for row in report.rows] == ['1.png', '3.png', '5.png']
    inside = [name for name in report.scripts if name.startswith('pictures')]
    assert inside == ['pictures-1', 'pictures-3']
    files = tmp_path / 'r_files'
    rows, = (name for name in _beside(files) if name.startswith('rows-'))
    assert _beside(files) == {rows, '0/5.js', *(f'0/{number}.{suffix}' for number in (4, 2, 0)
                                                for suffix in ('js', 'jpg'))}
    table = _data(files / rows)
    assert [row[:5] for row in table] == [
        *([number, f'{number}.png', 'found', 1, AREAS[number]] for number in ORDER),
        [6, 'broken', 'skipped', 0, 0]]
    assert table[-1][-1] == 'truncated' and rows in report.source
    assert _data(files / '0/5.js')['name'] == '5.png'
    whole = _many(tmp_path / 'again' / 'r.html', skipped=[('broken', 'truncated')])
    assert whole.source == report.source  # the same images, the same names of files


def test_a_report_that_fits_is_one_file(tmp_path, monkeypatch, small_page):
    monkeypatch.setattr('mmdesra.visualization.report_html.PAGE_BYTES', 10**6)
    _many(tmp_path / 'r.html', 3)
    assert os.listdir(tmp_path) == ['r.html']


def test_a_later_report_takes_away_what_it_has_no_need_of(tmp_path, small_page):
    path = tmp_path / 'r.html'
    _many(path)
    mine = tmp_path / 'r_files' / '0' / 'notes.txt'
    mine.write_text('mine')
    (tmp_path / 'r_files' / 'rows-of-mine.js').write_text('mine')
    _many(path, 4)
    assert _beside(tmp_path / 'r_files') > {'0/2.js', '0/0.jpg', '0/notes.txt', 'rows-of-mine.js'}
    assert sum(name.startswith('rows-') for name in _beside(tmp_path / 'r_files')) == 2
    assert not {'0/4.js', '0/3.js'} & _beside(tmp_path / 'r_files')
    _many(path, 1)
    assert _beside(tmp_path / 'r_files') == {'0/notes.txt', 'rows-of-mine.js'}


def test_files_stay_where_a_stopped_run_can_go_on(tmp_path, small_page):
    path = tmp_path / 'r.html'
    with pytest.raises(KeyboardInterrupt), ReportWriter(path, 'A', is_resumable=True) as report:
        rows = {number: report.add(_sample(f'{number}.png', [AREAS[number]], number), number)
                for number in range(4)}
        raise KeyboardInterrupt
    assert _beside(tmp_path / 'r_files') >= {f'0/{number}.{suffix}' for number in range(4)
                                             for suffix in ('js', 'jpg')}
    with ReportWriter(path, 'A run', is_resumable=True) as report:
        report.take_in(rows)
        for number in (4, 5):
            report.add(_sample(f'{number}.png', [AREAS[number]], number), number)
    found = path.read_bytes(), _beside(tmp_path / 'r_files')
    _many(tmp_path / 'whole' / 'r.html')
    assert found == ((tmp_path / 'whole' / 'r.html').read_bytes(),
                     _beside(tmp_path / 'whole' / 'r_files'))


def test_a_write_that_fails_leaves_nothing_beside(tmp_path, monkeypatch, small_page):
    monkeypatch.setattr(ReportFiles, 'thumb', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _many(tmp_path / 'r.html')
    assert not (tmp_path / 'r_files' / '0').exists() and not (tmp_path / 'r.html').exists()


@pytest.mark.parametrize('name', [
    "');alert(1);('.png", '</script><script>alert(1)</script>.png', 'a\\u0027.png', 'n\nn.png',
    '%27.png', 'caf\xe9 \u2028 😀.png'])
def test_no_name_ends_the_data_of_a_file(tmp_path, small_page, name):
    monster = _sample(name, [10], facts=[(name, name)])
    report = _write(tmp_path / 'r.html', *(_sample(f'{k}', [90 - k]) for k in range(3)), monster)
    data = _data(tmp_path / 'r_files/0/3.js')
    assert data['name'] == name and data['facts'] == [[name, name]]
    assert ReportFiles(tmp_path / 'r.html').is_data(3)
    rows, = (tmp_path / 'r_files').glob('rows-*.js')
    assert _data(rows)[3][1] == name and 'alert(1)' not in report.source


@pytest.mark.parametrize('content', [
    b'', b"mmdesraData('');alert('1');\n", b"alert('1');\n", b"mmdesraData('\\x27');\n",
    b"mmdesraData('\xff');\n", b"mmdesraData('a\nb');\n", b"mmdesraData('a');"])
def test_a_file_that_is_more_than_data_is_known(tmp_path, content):
    files = ReportFiles(tmp_path / 'r.html')
    path = files.files_of(7)[1]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert not files.is_data(7)
    with pytest.raises(InputError, match='7.js: is damaged'):
        files.pictures(7)


@pytest.mark.parametrize('old, new', [
    ('data:image/jpeg;base64,', 'https://example.org/xx/'), ('"key":"whole"', '"key":"wh><e"'),
    ('"gan":"data', '"g><":"data'), ('"views":[', '"veiws":['), ('"size":[', '"siez":[')])
def test_pictures_that_are_none_are_known(tmp_path, small_page, old, new):
    _many(tmp_path / 'r.html')
    files = ReportFiles(tmp_path / 'r.html')
    assert files.pictures(0)
    path = files.files_of(0)[1]
    content = unquote(path.read_text())
    assert old in content
    path.write_text(content.replace(old, new).replace('<', '%3C'))
    with pytest.raises(InputError, match='0.js: is damaged'):
        files.pictures(0)
