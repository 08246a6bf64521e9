"""The study as a participant meets it: in a real browser, with keys, a mouse and a finger."""
from __future__ import annotations

import csv
import io
import json
import time
from collections import Counter

import numpy as np
import pytest
from browser import CHROMIUM, PATIENCE
from command_lines import call
from PIL import Image

from mmdesra.apis.study_answers import read_answers
from mmdesra.visualization.embed import data_uri
from mmdesra.visualization.study import StudyQuestion, write_study

pytestmark = pytest.mark.skipif(not CHROMIUM, reason='needs Chromium or Chrome')

IMAGES, SIZE = 3, (60, 60)
COLORS = dict(after=(0, 160, 0), before=(200, 0, 0), mse=(0, 0, 200))
ARTIFACTS, DETAIL = 'Which has fewer artifacts?', 'Which has more detail?'
PICTURES = "[...document.querySelectorAll('.frame img')].map(image => image.src)"
COUNT = "document.querySelector('#ask .count').textContent"
SCREEN = "['start', 'ask', 'done'].filter(id => !document.getElementById(id).hidden)[0]"
OPEN = "document.querySelector('#ask').getAttribute('aria-busy') === 'false'"
BLOCK_STORAGE = "Storage.prototype.setItem = () => { throw new DOMException('blocked'); }"


def picture(version: str, number: int) -> np.ndarray:
    """One colour a version; its last digit tells the image."""
    return np.full((*SIZE, 3), COLORS[version], np.uint8) + np.uint8(number)


def make_questions(images: int = IMAGES) -> list[StudyQuestion]:
    return [StudyQuestion(f'scene{number}', ('after', other),
                          (picture('after', number), picture(other, number)), text)
            for other, text in (('before', ARTIFACTS), ('mse', DETAIL))
            for number in range(images)]


KNOWN = {data_uri(picture(version, number), lossless=True): (version, f'scene{number}')
         for version in COLORS for number in range(IMAGES)}


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp('study') / 'study.html'
    write_study(path, 'A study', make_questions(), repeats=1)
    return path


@pytest.fixture
def tab(browser, path, tmp_path):
    """The study, freshly opened by somebody new; nothing may go wrong or be fetched."""
    browser.call('Browser.setDownloadBehavior', behavior='allow', downloadPath=str(tmp_path))
    browser.call('Storage.clearDataForOrigin', origin='file://', storageTypes='local_storage')
    browser.open(path)
    browser.problems.clear()
    browser.requests.clear()
    yield browser
    assert not browser.problems
    assert {url.split(':')[0] for url in browser.requests
            if not url.endswith('/study.html')} <= {'data', 'blob', 'about'}


def begin(tab, name):
    tab.run("document.querySelector('input').focus()")
    tab.call('Input.insertText', text=name)
    tab.run("document.querySelector('form button').click()")
    arrive(tab, 1)


def arrive(tab, number):
    """Wait until a question is shown, and may be answered."""
    tab.wait_for(f"{SCREEN} === 'ask' && {COUNT}.startsWith('{number} of ') && {OPEN}")


def answer(tab, key, number):
    """Press a key; then comes question ``number``."""
    tab.press(key)
    arrive(tab, number)


def shown(tab):
    """[(version, image), (version, image)] from left to right."""
    return [KNOWN[uri] for uri in tab.run(PICTURES)]


def downloaded(folder):
    """Wait for the file that was saved."""
    end = time.monotonic() + PATIENCE
    while not list(folder.glob('*.csv')):
        assert time.monotonic() < end, 'nothing was saved'
        time.sleep(0.02)
    return next(folder.glob('*.csv'))


def exported(tab):
    """What the page would save, without answering all of it by hand."""
    return list(csv.DictReader(io.StringIO(tab.run("document.querySelector('textarea').value"))))


def answer_all(tab, study, name, count):
    """Come to the end of the study that is open, as somebody who always chose the left.

    As if it were open in another tab, too, and done there. (What is stored just before a file is
    opened again may reach Chromium's next process too late.)
    """
    people = json.dumps(dict(current=name, people=[[name, [['left', 1]] * count]]))
    event = json.dumps(dict(key=f'mmdesra-study-{study}', newValue=people))
    tab.run(f"""(event => {{
        localStorage.setItem(event.key, event.newValue);
        dispatchEvent(new StorageEvent('storage', event));
    }})({event})""")
    tab.wait_for(f"{SCREEN} === 'done'")


def test_answer_reload_undo_save_and_tally(tab, path, tmp_path, capsys):
    begin(tab, '  Zoë  "Z", x ')
    seen = []
    for number in range(1, 9):
        assert tab.run(COUNT) == f'{number} of 8'
        if number == 4:  # gone and come back: the same question again
            before = shown(tab)
            tab.open(path)
            arrive(tab, 4)
            assert shown(tab) == before
        if number == 6:  # changed their mind
            tab.press('ArrowRight')
            arrive(tab, 7)
            tab.press('Backspace')
            arrive(tab, 6)
        versions = [version for version, _ in shown(tab)]
        seen.append((tab.run("document.querySelector('#question').textContent"), *shown(tab)))
        # More detail than MSE-SR, always; once no difference.
        side = 'ArrowDown' if number == 2 else ('ArrowLeft', 'ArrowRight')[versions.index('after')]
        if number < 8:
            answer(tab, side, number + 1)
    tab.press(side)
    tab.wait_for(f"{SCREEN} === 'done'")
    for question, (left, image), (right, same) in seen:
        assert image == same
        assert {left, right} == {'after', {ARTIFACTS: 'before', DETAIL: 'mse'}[question]}
    texts = [question for question, *_ in seen]
    assert texts in ([ARTIFACTS] * 4 + [DETAIL] * 4, [DETAIL] * 4 + [ARTIFACTS] * 4)

    tab.run("document.querySelector('#done .save').click()")
    name = downloaded(tmp_path).name
    assert name in tab.run("document.querySelector('.saved').textContent")
    assert name.startswith('a-study-') and name.endswith('-Zoë-Z-x.csv')
    answers = read_answers([tmp_path / name]).answers
    assert [(one.left, one.image, one.right) for one in answers] == [
        (left, image, right) for _, (left, image), (right, _) in seen]
    assert {one.participant for one in answers} == {'Zoë "Z", x'}
    assert all(0.3 <= one.seconds < 60 for one in answers)

    assert call('tally_study.py', tmp_path / name, '--json', tmp_path / 'tally.json') == 0
    capsys.readouterr()
    figures = json.loads((tmp_path / 'tally.json').read_text())
    counts = {pair['pair']: {choice: share['count'] for choice, share in pair['choices'].items()}
              for pair in figures['pairs']}
    ties = 'before' if texts[0] == ARTIFACTS else 'mse'
    assert counts == {f'after vs {other}': {
        'after': 3 - (other == ties), other: 0, 'no difference': int(other == ties)}
        for other in ('before', 'mse')}


def test_pictures_are_where_the_answers_say(tab):
    begin(tab, 'eyes')
    tab.settle()
    screen = Image.open(io.BytesIO(tab.screenshot())).convert('RGB')
    for share, (version, _) in zip((.25, .75), shown(tab)):
        color = screen.getpixel((int(share * screen.width), screen.height // 2))
        assert np.abs(np.subtract(color, COLORS[version])).max() < 12


def test_participant_cannot_read_what_is_compared(tab):
    begin(tab, 'curious')
    visible = tab.run('document.body.innerText')
    html = tab.run("[...document.querySelectorAll('main, section')].map(x => x.outerHTML).join()")
    for word in ('after', 'before', 'mse', 'scene'):
        assert word not in visible
        assert f'{word}0' not in html and f'"{word}"' not in html


def test_sides_are_balanced_and_orders_differ(tab, tmp_path):
    path = tmp_path / 'study.html'
    images = 9
    study = write_study(path, 'Many', make_questions(images), repeats=3)
    tab.open(path)
    orders, lefts = set(), Counter()
    people = [f'person{number}' for number in range(24)]
    for name in people:
        answer_all(tab, study, name, 2 * (images + 3))
        rows = exported(tab)
        assert {row['participant'] for row in rows} == {name}
        first = [row for row in rows if row['repeat'] == '0']
        assert len({(row['pair'], row['image']) for row in first}) == len(first) == 2 * images
        for pair in ('after vs before', 'after vs mse'):
            mine = [row for row in rows if row['pair'] == pair]
            asked = [row['image'] for row in mine]
            left = sum(row['left'] == 'after' for row in mine if row['repeat'] == '0')
            assert left in (images // 2, images - images // 2)
            again = [row for row in mine if row['repeat'] == '1']
            assert len(again) == 3
            for row in again:  # later, after a few others, with the sides turned
                earlier = asked.index(row['image'])
                assert mine[earlier]['left'] == row['right']
                assert len(asked) - 1 - asked[::-1].index(row['image']) - earlier > 3
        orders.add(tuple((row['pair'], row['image']) for row in first))
        lefts.update((row['pair'], row['image']) for row in first if row['left'] == 'after')
    assert len(orders) == len(people)
    # Over the participants each image has its sides both ways: 12 of 24 expected, and 3 standard
    # deviations are 7.
    assert all(4 <= lefts[pair, f'scene{number}'] <= 20 for number in range(images)
               for pair in ('after vs before', 'after vs mse'))
    answer_all(tab, study, people[0], 2 * (images + 3))  # asked the same again
    assert tuple((row['pair'], row['image']) for row in exported(tab)
                 if row['repeat'] == '0') in orders


def test_one_press_is_one_answer(tab):
    begin(tab, 'nervous')
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '2'}));"
    tab.run(4 * press)
    arrive(tab, 2)
    assert tab.run("document.querySelector('progress').value") == 1
    tab.run(f"""new Promise(done => {{
        const count = document.querySelector('#ask .count');
        new MutationObserver(() => {{
            {press}  // while the hand is still on the key
            setTimeout(done, 300);
        }}).observe(count, {{childList: true}});
        {press}
    }})""")
    assert tab.run(COUNT) == '3 of 8'


def test_several_people_on_one_device(tab, path):
    begin(tab, 'one')
    answer(tab, 'ArrowLeft', 2)
    tab.run("document.querySelector('.other').click()")
    assert tab.run(SCREEN) == 'start'
    begin(tab, 'two')
    tab.run("document.querySelector('.other').click()")
    tab.run("document.querySelector('input').value = 'one'")
    tab.run("document.querySelector('form button').click()")
    arrive(tab, 2)


def test_without_ties(tab, tmp_path):
    path = tmp_path / 'study.html'
    write_study(path, 'Forced', make_questions(), ties=False)
    tab.open(path)
    assert tab.run("document.querySelector('.ties').offsetHeight") == 0
    begin(tab, 'decided')
    assert 'No difference' not in tab.run('document.body.innerText')
    tab.press('ArrowDown')
    answer(tab, '2', 2)


def test_blocked_storage_is_said_and_saving_works(browser, tab, path, tmp_path):
    blocked = tab.call('Page.addScriptToEvaluateOnNewDocument', source=BLOCK_STORAGE)
    try:
        tab.open(path)
        note = "document.querySelector('#{} .unkept').offsetHeight > 0"
        assert tab.run(note.format('start'))
        begin(tab, 'guest')
        assert tab.run(note.format('ask'))
        assert not tab.run('!!onbeforeunload')
        answer(tab, 'ArrowLeft', 2)
        assert tab.run('!!onbeforeunload')  # the browser asks before the answer is lost
        tab.run("document.querySelector('#ask .save').click()")
        assert not tab.run('!!onbeforeunload')
        assert len(read_answers([downloaded(tmp_path)]).answers) == 1
    finally:
        tab.call('Page.removeScriptToEvaluateOnNewDocument', identifier=blocked['identifier'])
    tab.open(path)
    assert not tab.run(note.format('start'))


def test_both_pictures_are_enlarged_and_moved_alike(tab):
    begin(tab, 'close')
    boxes = """[...document.querySelectorAll('.frame')].map(frame => {
        const box = frame.getBoundingClientRect();
        const image = frame.querySelector('img').getBoundingClientRect();
        return [image.x - box.x, image.y - box.y, image.width, image.height];
    })"""
    left, right = tab.run(boxes)
    assert left == right
    fit = left[2]
    assert fit == 3 * SIZE[1] and left[3] == 3 * SIZE[0]  # small ones are enlarged so far only
    frame = tab.run("(box => [box.x, box.y, box.width, box.height])"
                    "(document.querySelector('.frame').getBoundingClientRect())")
    x, y = left[0] + 80, left[1] + 60
    tab.drag((frame[0] + x, frame[1] + y), (frame[0] + x, frame[1] + y))  # a click
    now, other = tab.run(boxes)
    assert now == other and now[2] == pytest.approx(3 * fit)
    for _ in range(3):
        tab.press('+')
    before = tab.run(boxes)[0]
    assert before[2] == pytest.approx(16 * SIZE[1]) and before[3] > frame[3]
    # What was clicked is where it was, as far as the picture's borders allow.
    tab.drag((frame[0] + 200, frame[1] + 200), (frame[0] + 170, frame[1] + 210))
    now, other = tab.run(boxes)
    assert now == other
    assert now[:2] == pytest.approx([before[0] - 30, before[1] + 10], abs=2)
    tab.press('0')
    assert tab.run(boxes)[0] == left
    tab.press('+')
    answer(tab, 'ArrowLeft', 2)
    assert tab.run(boxes)[0] == left  # the next pair is whole again


def test_wheel_keeps_what_is_below_it(tab):
    begin(tab, 'wheel')
    place = """(frame => {
        const box = frame.getBoundingClientRect();
        const image = frame.querySelector('img').getBoundingClientRect();
        return [image.width, (box.x + 300 - image.x) / image.width,
            (box.y + 400 - image.y) / image.height, box.x + 300, box.y + 400];
    })(document.querySelector('.frame'))"""
    for _ in range(4):
        tab.press('+')
    width, x, y, left, top = tab.run(place)
    tab.call('Input.dispatchMouseEvent', type='mouseWheel', x=left, y=top, deltaX=0, deltaY=-20)
    tab.wait_for(f'{place}[0] > {width}')
    now = tab.run(place)
    assert now[0] == pytest.approx(width * 1.0015**20, rel=1e-3)
    assert now[1:3] == pytest.approx([x, y], abs=2e-3)


def test_phone(browser, tab, path):
    browser.open(path, width=360, height=740)
    begin(tab, 'thumb')
    assert tab.run('document.documentElement.scrollWidth') == 360
    assert tab.run('document.documentElement.scrollHeight') == 740
    tops = tab.run("[...document.querySelectorAll('.frame')].map(x => x.offsetTop)")
    assert tops[1] > tops[0] + 200  # one above the other
    small = tab.run("[...document.querySelectorAll('.choices button')].filter(x => "
                    "Math.min(x.offsetWidth, x.offsetHeight) < 44).length")
    assert small == 0
    x, y = tab.run("(box => [box.x + box.width / 2, box.y + box.height / 2])"
                   "(document.querySelector('[data-choice=right]').getBoundingClientRect())")
    tab.swipe((x, y), (x, y), steps=1)
    tab.run("document.querySelector('[data-choice=right]').click()")  # a finger makes a click
    arrive(tab, 2)
    width = "document.querySelector('.frame img').getBoundingClientRect().width"
    before = tab.run(width)
    tab.swipe((180, tops[0] + 80), (180, tops[0] + 80), steps=1)  # a tap
    tab.wait_for(f'{width} > 2 * {before}')
    tapped = tab.run(width)
    for kind, apart in (('touchStart', 100), ('touchMove', 80), ('touchMove', 60)):  # a pinch
        tab.call('Input.dispatchTouchEvent', type=kind, touchPoints=[
            dict(x=180 + side * apart, y=tops[0] + 100, id=side + 1) for side in (-1, 1)])
    tab.call('Input.dispatchTouchEvent', type='touchEnd', touchPoints=[])
    tab.wait_for(f'{width} < .7 * {tapped}')
    assert tab.run(width) == pytest.approx(.6 * tapped, rel=.02)


def test_dark(browser, tab, path):
    color = 'getComputedStyle(document.body).backgroundColor'
    stage = "getComputedStyle(document.querySelector('.frame')).backgroundColor"
    light = tab.run(color), tab.run(stage)
    browser.open(path, dark=True)
    assert tab.run(color) != light[0]
    assert tab.run(stage) == light[1]  # pictures are judged on the same grey
