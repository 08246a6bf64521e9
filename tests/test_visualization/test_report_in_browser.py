"""The report as a user meets it: in a real browser, with a mouse, a finger and keys."""
from __future__ import annotations

import io

import numpy as np
import pytest
from browser import CHROMIUM
from PIL import Image

from mmdesra.visualization import ReportSample, ReportWriter

pytestmark = pytest.mark.skipif(not CHROMIUM, reason='needs Chromium or Chrome')

COUNT, HEIGHT, WIDTH = 200, 48, 72
GREEN, BLUE, RED = (0, 160, 0), (0, 0, 200), (200, 0, 0)
"""LR, MSE-SR and GAN-SR have one colour each, so that a screenshot tells which is where."""
NAMES = "[...document.querySelectorAll('tbody')].filter(x => !x.hidden).map(x => x.dataset.name)"
SORT = "document.querySelector('[data-key={}]').click()"
OPEN = "document.querySelectorAll('button.name')[{}].click()"
LOADED = '[...document.images].filter(image => image.src).length'


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    """A report of 200 images; image-N has N % 7 regions of N px each."""
    path = tmp_path_factory.mktemp('report') / 'report.html'
    with ReportWriter(path, 'A run', [('detector', 'DeSRA')], (0, 2), True, 0.5) as report:
        for number in range(COUNT):
            mask = np.zeros((HEIGHT, WIDTH), bool)
            for region in range(number % 7):
                mask[:, 10 * region:10 * region + 8].T.flat[:number] = True
            images = [np.full((HEIGHT, WIDTH, 3), color, np.uint8) for color in (RED, BLUE)]
            report.add(ReportSample(f'image-{number}', *images, np.full(mask.shape, 0.4), mask,
                                    np.full((12, 18, 3), GREEN, np.uint8)))
        report.add_skipped('broken', 'is truncated')
    return path


@pytest.fixture
def tab(browser, path):
    """The report, freshly opened on a desktop; nothing may go wrong in it or be fetched."""
    browser.problems.clear()
    browser.requests.clear()
    _open(browser, path)
    yield browser
    assert not browser.problems
    assert {url.split(',')[0] for url in browser.requests} <= {
        path.as_uri(), 'data:image/jpeg;base64', 'data:image/png;base64', 'data:'}


def _open(browser, path, **options):
    """Open a report, and close what it opens by itself."""
    browser.open(path, **options)
    browser.run("document.querySelector('.close-all').click()")


def _box(tab, selector):
    """(left, top, width, height) of an element on the screen."""
    return tab.run(f"(box => [box.x, box.y, box.width, box.height])"
                   f"(document.querySelector('{selector}').getBoundingClientRect())")


def _colors(tab, selector, *shares):
    """Colours at shares of an element's width, a quarter down its height."""
    tab.settle()
    left, top, width, height = _box(tab, selector)
    image = Image.open(io.BytesIO(tab.screenshot())).convert('RGB')
    return [image.getpixel((int(left + share * width), int(top + height / 4)))
            for share in shares]


def _is(color, expected):
    return max(abs(a - b) for a, b in zip(color, expected)) < 20


def _open_first_in_view(tab, index=0):
    tab.run(OPEN.format(index))
    tab.run("document.querySelector('.check input').click()")  # no outline over the colours
    tab.run("document.querySelector('.stage').scrollIntoView({block: 'center'})")
    tab.settle()


def test_columns_sort_both_ways_with_skipped_images_last(tab):
    area = {f'image-{n}': n * (n % 7) for n in range(COUNT)}
    names = tab.run(NAMES)
    assert [area[name] for name in names[:-1]] == sorted(area.values(), reverse=True)
    assert names[-1] == 'broken'
    tab.run(SORT.format('area'))
    names = tab.run(NAMES)
    assert [area[name] for name in names[:-1]] == sorted(area.values())
    assert names[-1] == 'broken'
    tab.run(SORT.format('name'))
    assert tab.run(NAMES)[:3] == ['image-0', 'image-1', 'image-2']  # as numbers, not as text
    tab.run(SORT.format('largest'))
    assert tab.run(NAMES)[:3] == ['image-199', 'image-198', 'image-197']
    assert tab.run("[...document.querySelectorAll('[aria-sort]')].map(x => x.textContent)"
                   ) == ['Largest px']


def test_search_and_choice_narrow_the_table(tab):
    tab.run("document.querySelector('[type=search]').focus()")
    tab.call('Input.insertText', text='E-19')
    assert sorted(tab.run(NAMES)) == sorted(
        ['image-19', *(f'image-{n}' for n in range(190, 200))])
    assert tab.run("document.querySelector('.count').textContent") == '11 of 201'
    tab.run("document.querySelector('.states [value=clean]').click()")
    assert tab.run(NAMES) == ['image-196']
    tab.run("document.querySelector('.states [value=skipped]').click()")
    assert tab.run(NAMES) == []


def test_pictures_are_loaded_only_near_the_screen(tab):
    tab.settle()
    assert 10 < tab.run(LOADED) < 40  # thumbnails
    tab.run("document.querySelector('.open-all').click()")
    tab.settle()
    loaded = ("[...document.querySelectorAll('tbody.open')]"
              ".map(x => !!x.querySelector('.canvas img').src)")
    assert (sum(tab.run(loaded)), len(tab.run(loaded))) == (pytest.approx(3, abs=2), COUNT)
    assert tab.run(loaded)[0]
    tab.run("document.querySelectorAll('tbody')[150].scrollIntoView()")
    tab.settle()
    assert tab.run(loaded)[150] and not tab.run(loaded)[0]  # what was left is let go
    assert tab.run(LOADED) < 150
    tab.run("document.querySelector('.close-all').click()")
    assert tab.run("document.querySelectorAll('.detail').length") == 0


def test_mouse_moves_the_divider(tab):
    _open_first_in_view(tab)
    assert [_is(*pair) for pair in zip(_colors(tab, '.stage', .2, .45, .55, .8),
                                       (BLUE, BLUE, RED, RED))] == [True] * 4
    left, top, width, height = _box(tab, '.stage')
    tab.drag((left + width / 2, top + height / 2), (left + .75 * width, top + height / 2))
    assert [_is(*pair) for pair in zip(_colors(tab, '.stage', .2, .7, .8),
                                       (BLUE, BLUE, RED))] == [True] * 3
    tab.drag((left + .1 * width, top + height / 2), (left + .1 * width, top + height / 2))
    assert _is(_colors(tab, '.stage', .2)[0], RED)


def test_keys_move_the_divider_choose_and_go_on(tab):
    tab.run("document.querySelector('button.name').focus()")
    tab.press('ArrowDown')
    assert tab.run('document.activeElement.textContent') == tab.run(NAMES)[1]
    tab.run('document.activeElement.click()')
    tab.run("document.querySelector('.handle').focus()")
    value = "+document.querySelector('.handle').ariaValueNow"
    tab.press('ArrowLeft')
    assert tab.run(value) == 48
    tab.press('PageUp')
    assert tab.run(value) == 58
    tab.press('End')
    assert tab.run(value) == 100
    tab.press('1', 'Digit1', shift=True)
    tab.press('4', 'Digit4')
    tags = "[...document.querySelectorAll('.tag')].map(x => x.textContent)"
    assert tab.run(tags) == ['LR', 'Map']
    tab.press('n')
    assert tab.run("[...document.querySelectorAll('.open')].map(x => x.dataset.name)"
                   ) == [tab.run(NAMES)[2]]
    assert tab.run(tags) == ['LR', 'Map'] and tab.run(value) == 100  # looked at alike
    assert tab.run('location.hash') == '#' + tab.run(NAMES)[2]
    tab.press('Escape')
    assert tab.run("document.querySelectorAll('.open').length") == 0
    assert tab.run('document.activeElement.textContent') == tab.run(NAMES)[2]


def test_any_two_versions_can_be_compared(tab):
    _open_first_in_view(tab)
    colors = dict(lq=GREEN, mse=BLUE, gan=RED)
    for left, right in (('lq', 'gan'), ('gan', 'mse'), ('mse', 'lq')):
        for side, kind in (('left', left), ('right', right)):
            tab.run(f"document.querySelector('.side-{side} [value={kind}]').click()")
        got = _colors(tab, '.stage', .3, .7)
        assert _is(got[0], colors[left]) and _is(got[1], colors[right])
    shown = "getComputedStyle(document.querySelector('.map-legend')).display"
    assert tab.run(shown) == 'none'
    tab.call('Emulation.setDeviceMetricsOverride', width=800, height=600, deviceScaleFactor=1,
             mobile=False)  # where the other legend is out of sight
    tab.run("document.querySelector('.side-right [value=map]').click()")
    assert tab.run(shown) == 'block'


def test_outline_and_tint_of_the_mask(tab):
    tab.run(OPEN.format(0))
    hidden = "[...document.querySelectorAll('.canvas svg')].map(x => x.hasAttribute('hidden'))"
    assert tab.run(hidden) == [True, True, False]  # tint left, tint right, lines
    tab.run("document.querySelector('.check input').click()")
    assert tab.run(hidden) == [True, True, True]
    tab.run("document.querySelector('.side-right [value=mask]').click()")
    assert tab.run(hidden) == [True, False, False]
    x, y, width, height = tab.run("(b => [b.x, b.y, b.width, b.height])(document.querySelector("
                                  "'.canvas .lines .over').getBBox())")
    mask_width = 10 * (int(tab.run(NAMES)[0][6:]) % 7 - 1)  # middles of the first and last region
    assert (x, y) == (0.5, 0.5) and width >= mask_width and height <= HEIGHT


def test_threshold_stands_where_its_value_is(tab):
    tab.run(OPEN.format(0))
    bar, mark = _box(tab, '.panels .colors'), _box(tab, '.panels .colors i')
    assert mark[0] + mark[2] / 2 - bar[0] == pytest.approx(bar[2] * 0.5 / 2, abs=1)
    texts = tab.run("document.querySelector('.panels .legend').innerText").split('\n')
    assert texts == ['threshold 0.5', '0 · artifact', 'no artifact · 2']


def test_magnified_picture_moves_below_the_divider(tab):
    tab.call('Emulation.setDeviceMetricsOverride', width=280, height=600, deviceScaleFactor=1,
             mobile=False)
    _open_first_in_view(tab)
    tab.run("document.querySelector('.zoom [value=\"4\"]').click()")
    tab.settle()
    assert _box(tab, '.canvas')[2] == 4 * WIDTH
    left, top, width, _height = _box(tab, '.stage')
    assert width < 4 * WIDTH
    before = tab.run("document.querySelector('.scroll').scrollLeft")
    handle = _box(tab, '.handle')[0]
    step = 10 if before < 10 else -10
    tab.drag((left + .2 * width, top + 40), (left + .2 * width - step, top + 40))
    assert tab.run("document.querySelector('.scroll').scrollLeft") == pytest.approx(
        before + step, abs=1)
    assert _box(tab, '.handle')[0] == handle  # it stays, and still cuts there
    colors = _colors(tab, '.stage', .47, .53)  # nearer than what was moved
    assert _is(colors[0], BLUE) and _is(colors[1], RED)


def test_phone_needs_no_sideways_scrolling_and_a_finger_moves_the_divider(browser, tab, path):
    _open(browser, path, width=360, height=740)
    overflow = 'document.documentElement.scrollWidth'
    assert tab.run(overflow) == 360
    assert _box(tab, '.row th')[2] > 300  # a list, no squeezed columns
    _open_first_in_view(tab)
    assert tab.run(overflow) == 360
    left, top, width, height = _box(tab, '.stage')
    tab.swipe((left + .5 * width, top + height / 2), (left + .2 * width, top + height / 2))
    assert tab.run("+document.querySelector('.handle').ariaValueNow") == 20
    assert [_is(*pair) for pair in zip(_colors(tab, '.stage', .1, .4), (BLUE, RED))] == [True] * 2
    scrolled = tab.run('scrollY')
    tab.swipe((left + .7 * width, top + height / 2), (left + .7 * width, top + height / 2 - 150))
    tab.wait_for(f'scrollY > {scrolled} + 50')  # the page scrolls, the divider stays
    assert tab.run("+document.querySelector('.handle').ariaValueNow") == 20
    small = tab.run("[...document.querySelectorAll('button, .choice label')].filter(x => "
                    "x.offsetParent && Math.min(x.offsetWidth, x.offsetHeight) < 30).length")
    assert small == 0  # a finger hits them


def test_link_to_an_image_opens_it(browser, tab, path):
    browser.open(path, fragment='#image-150')
    assert tab.run("document.querySelector('.open').dataset.name") == 'image-150'


def test_dark_and_printed(browser, tab, path):
    background = 'getComputedStyle(document.body).backgroundColor'
    light = tab.run(background)
    _open(browser, path, dark=True)
    assert tab.run(background) != light
    tab.run(OPEN.format(0))
    tab.call('Emulation.setEmulatedMedia', media='print')
    visible = "(x => !!x && x.offsetHeight > 0)(document.querySelector('{}'))"
    shown = {name: tab.run(visible.format(name)) for name in
             ('h1', 'table', '.panels img', '.panels .legend', '.stage', '.tools', '.go')}
    assert shown == {'h1': True, 'table': True, '.panels img': True, '.panels .legend': True,
                     '.stage': False, '.tools': False, '.go': False}
    tab.call('Emulation.setEmulatedMedia', media='')


def test_file_names_run_no_code(browser, tmp_path):
    """In the table, in an image's data, in what is shown when it opens, in the reason skipped."""
    evil = '"><img src=x onerror="window.ran=1"></script><script>window.ran=1</script>.png'
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with ReportWriter(tmp_path / 'evil.html', evil, [(evil, evil)]) as report:
        report.add(ReportSample(evil, image, image, np.ones((HEIGHT, WIDTH)),
                                np.ones((HEIGHT, WIDTH), bool), facts=[(evil, evil)]))
        report.add_skipped(evil, f'{evil}: cannot be read')
    browser.problems.clear()
    _open(browser, tmp_path / 'evil.html')
    browser.run(OPEN.format(0))
    browser.settle()
    assert browser.run(NAMES) == [evil, evil]
    assert browser.run("document.body.innerText.split('window.ran=1').length") > 6
    assert browser.run("[...document.images].some(image => image.src.endsWith('/x'))") is False
    assert browser.run('typeof window.ran') == 'undefined'
    assert not browser.problems
