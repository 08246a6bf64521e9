"""A report of 20,000 images in a real browser, from the disk: what is loaded, and when."""
from __future__ import annotations

import time

import numpy as np
import pytest
from browser import CHROMIUM

from mmdesra.visualization.legend import MapScale
from mmdesra.visualization.report_files import Pictures, ReportFiles
from mmdesra.visualization.report_html import ReportPage
from mmdesra.visualization.report_rows import ReportRow
from mmdesra.visualization.views import make_views

pytestmark = pytest.mark.skipif(not CHROMIUM, reason='needs Chromium or Chrome')

COUNT, SKIPPED = 20_000, 20
SCALE = MapScale(0, 1, True, .7)
HEIGHT, WIDTH = 60, 80
OPENED = "[...document.querySelectorAll('.open')].map(x => x.dataset.name)"
FIRST = "document.querySelectorAll('tbody[data-name]')[{}].dataset.name"
LOADED = "[...document.querySelectorAll('.open .panels img')].every(x => x.naturalWidth > 0)"
PAGER = "document.querySelector('.pager span').textContent"
CLICK = "document.querySelector('{}').click()"
READY = "!document.querySelector('[aria-busy]')"


def area(number):
    """All different, and the worst are scattered over the numbers; every fifth has none."""
    return 0 if number % 5 == 0 else 1 + number * 7919 % COUNT


def row_of(number):
    if number >= COUNT - SKIPPED:
        return ReportRow(f'broken-{number}.png', error='is truncated')
    areas = (area(number),) if area(number) else ()
    return ReportRow(f'image-{number}.png', 10**6, areas, (), number % 997 / 10 if areas else None,
                     True)


ORDER = sorted(range(COUNT - SKIPPED), key=lambda number: (-area(number), number))
"""The worst first."""


WORST_BY_STRENGTH = sorted((number for number in range(COUNT - SKIPPED) if area(number)),
                           key=lambda number: -(number % 997))[:25]


def put(files, numbers):
    """The files of images; their regions lie left and right, the larger one left."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:30, 5:25] = mask[40:50, 60:70] = True
    views, thumb = make_views(dict(gan=image, mse=image, map=np.ones(mask.shape)), mask, SCALE, 99)
    for number in numbers:
        files.put(number, thumb, Pictures(
            row_of(number).name, (WIDTH, HEIGHT), views,
            [[5, 10, 20, 20, 400], [60, 40, 10, 10, 100]], [7.5, 3.25], []))


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """Files have those images that are opened; of others on the screen there is no thumbnail."""
    path = tmp_path_factory.mktemp('large') / 'report.html'
    files = ReportFiles(path)
    put(files, {*ORDER[:260], 19_001})
    rows = {number: row_of(number) for number in range(COUNT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmdesra.visualization.report_html.PAGE_BYTES', 10 * files.size_of(ORDER[0]))
        ReportPage('20,000 images', [('detector', 'DeSRA')], SCALE, rows, files).write(
            path, keep_all=True)
    return path


@pytest.fixture
def tab(browser, path):
    browser.problems.clear()
    browser.requests.clear()
    browser.open(path)
    yield browser
    assert not [one for one in browser.problems if not one.get('url', '').endswith('.jpg')]
    beside = path.parent.as_uri()
    assert all(url.startswith((beside, 'data:')) for url in browser.requests)


def scripts(tab):
    return [url.rpartition('/')[2] for url in tab.requests if url.endswith('.js')]


def names(numbers):
    return [row_of(number).name for number in numbers]


def shown(tab):
    return tab.run("[...document.querySelectorAll('tbody[data-name]')].map(x => x.dataset.name)")


def test_it_opens_with_the_worst_and_loads_nothing_else(browser, tab, path):
    size = path.stat().st_size
    assert size < 2**21
    start = time.monotonic()
    browser.open(path)
    tab.wait_for(LOADED)
    seconds = time.monotonic() - start
    assert seconds < 20, seconds  # a busy machine
    assert shown(tab) == names(ORDER[:250])
    assert tab.run(OPENED) == names(ORDER[:1]) and tab.run('scrollY') == 0
    assert scripts(tab) == []
    assert tab.run(PAGER) == '1 to 250 of 20,000'


def test_a_later_page_and_its_pictures_are_loaded_when_asked_for(tab):
    tab.run(CLICK.format('.pager .after'))
    tab.wait_for(PAGER + " === '251 to 500 of 20,000'")
    assert shown(tab) == names(ORDER[250:500])
    assert scripts(tab) == [name for name in scripts(tab) if name.startswith('rows-')]
    tab.run(CLICK.format('tbody[data-name] button.name'))
    tab.wait_for(LOADED)
    assert tab.run(OPENED) == names([ORDER[250]])
    assert scripts(tab)[1:] == [f'{ORDER[250]}.js']
    tab.run(CLICK.format('.open .go .previous'))  # back to the page before
    tab.wait_for(LOADED)
    assert tab.run(OPENED) == names([ORDER[249]]) and tab.run(PAGER) == '1 to 250 of 20,000'
    tab.run(CLICK.format('.pager .last'))
    assert tab.run(PAGER) == '19,751 to 20,000 of 20,000'
    assert shown(tab)[-1] == row_of(COUNT - 1).name
    assert tab.run("[...document.querySelectorAll('.skipped')].pop().textContent.trim()") == (
        f'broken-{COUNT - 1}.pngskipped: is truncated')


def test_all_are_sorted(tab):
    for key, expected in (
            ('area', ORDER[::-1]), ('strength', WORST_BY_STRENGTH),
            ('name', range(COUNT - SKIPPED))):
        tab.run(CLICK.format(f'[data-key={key}]'))
        tab.wait_for(READY)
        values = [row_of(number) for number in expected[:20]]
        if key == 'name':
            assert shown(tab)[:20] == [row.name for row in values]
            continue
        found = [row_of(int(name[6:-4])) for name in shown(tab)[:20]]
        assert [getattr(row, key) for row in found] == [getattr(row, key) for row in values]
    assert shown(tab)[0] == 'image-0.png'
    assert tab.run("document.querySelectorAll('tbody[data-name]').length") == 250


def test_any_is_found(tab):
    tab.run("document.querySelector('[type=search]').focus()")
    tab.call('Input.insertText', text='E-19000.')
    tab.wait_for("document.querySelector('.count').textContent === '1 of 20,000'")
    assert shown(tab) == ['image-19000.png']
    assert tab.run("document.querySelector('.pager').hidden")
    tab.run("document.querySelector('[type=search]').value = ''")
    tab.run(CLICK.format('.states [value=skipped]'))
    assert shown(tab) == [f'broken-{number}.png' for number in range(COUNT - SKIPPED, COUNT)]


def test_a_row_that_is_loaded_looks_like_one_of_the_page(tab):
    """The same image, once as the file has it, once as it is made from the table."""
    markup = ("(row => row.querySelector('tr').outerHTML.replace(/ (data-)?src=\"[^\"]*\"/g, '')"
              ".replace(/\\s+</g, '<').replace(/ [a-z-]+=\"\"/g, '').split(' ').sort().join(' '))"
              "(document.querySelector('[data-name=\"{}\"]'))")
    tab.run("document.querySelector('.close-all').click()")
    inside = tab.run(markup.format(row_of(ORDER[10]).name))
    tab.run(CLICK.format('.pager .after'))
    tab.wait_for(PAGER + " === '251 to 500 of 20,000'")
    made = tab.run(markup.format(row_of(ORDER[255]).name))
    for row, text in ((row_of(ORDER[10]), inside), (row_of(ORDER[255]), made)):
        for part in (row.name, f'{row.area:,}', f'{row.strength:.2f}', f'{row.area / 1e4:.2f}'):
            assert part in text
    plain = [''.join(char for char in text if not char.isdigit()) for text in (inside, made)]
    assert plain[0] == plain[1]


def test_a_link_to_an_image_that_is_not_on_the_page(browser, tab, path):
    browser.open(path, fragment='#image-19001.png')
    tab.wait_for(OPENED + '.length === 1')
    tab.wait_for(LOADED)
    assert tab.run(OPENED) == ['image-19001.png']


def test_regions_one_after_the_other(tab):
    tab.wait_for(LOADED)
    which = "document.querySelector('.which').textContent"
    box = "(b => [b.x, b.y, b.width, b.height])(document.querySelector('.mark .over').getBBox())"
    tab.run("document.querySelector('.handle').focus()")
    assert tab.run("[...document.querySelectorAll('.regions li')].map(x => x.innerText)") == [
        '1\n400 px\nstrength 7.50', '2\n100 px\nstrength 3.25']
    tab.press('r')
    assert tab.run(which) == 'Region 1 of 1'  # as the row says
    left, top, width, height = tab.run(box)
    assert (left + width / 2, top + height / 2) == pytest.approx((15, 20)) and 20 < width < 30
    tab.press('r')
    left, top, width, height = tab.run(box)
    assert (left + width / 2, top + height / 2) == pytest.approx((65, 45)) and 10 < height < 20
    tab.press('R', shift=True)
    assert tab.run("document.querySelector('.regions [aria-current=true]').innerText"
                   ).startswith('1\n400')


def test_what_is_missing_is_told(browser, path, tmp_path):
    alone = tmp_path / 'report.html'
    alone.write_bytes(path.read_bytes())
    browser.open(alone)
    said = "document.querySelector('.missing').innerText"
    assert browser.run(said) == ''
    browser.run(CLICK.format('[data-key=name]'))
    browser.wait_for(said + " !== ''")
    told = browser.run(said)
    assert 'report_files/rows-' in told and 'must lie beside it' in told
    assert len(shown(browser)) == 250  # what is there is sorted
    assert shown(browser)[0] == min(names(ORDER[:250]), key=lambda name: int(name[6:-4]))


def test_pictures_of_a_later_run_are_not_taken_for_those_of_an_image(browser, path, tmp_path):
    files = ReportFiles(path)
    mine, other = files.files_of(ORDER[255])[1], files.files_of(ORDER[256])[1]
    before = mine.read_bytes()
    mine.write_bytes(other.read_bytes())
    try:
        browser.open(path)
        browser.run(CLICK.format('.pager .after'))
        browser.wait_for(PAGER + " === '251 to 500 of 20,000'")
        browser.run("document.querySelectorAll('button.name')[5].click()")
        browser.wait_for("!document.querySelector('.missing').hidden")
        assert 'a later run' in browser.run("document.querySelector('.missing').textContent")
        assert browser.run(OPENED) == []
    finally:
        mine.write_bytes(before)
