"""What the page of a study holds; how it behaves is tested in a browser."""
from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from mmdesra.visualization.embed import data_uri
from mmdesra.visualization.study import StudyQuestion, write_study


def picture(value: int, size=(6, 8)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def make_questions(count=4, versions=('hidden-a', 'hidden-b')) -> list[StudyQuestion]:
    return [StudyQuestion(f'scene{number}', versions, (picture(number), picture(100 + number)),
                          'Which one?') for number in range(count)]


def read(path) -> tuple[str, dict, dict[int, str]]:
    """(the page without key and pictures, the key, the pictures by number)."""
    text = path.read_text()
    scripts = re.findall(r'<script type="text/plain" id="(\S+)">(.*)</script>', text)
    key = json.loads(base64.b64decode(dict(scripts)['key']))
    pictures = {int(name.split('-')[1]): uri for name, uri in scripts if name != 'key'}
    return re.sub('<script type="text/plain".*', '', text), key, pictures


def test_key_leads_from_each_question_to_its_pictures(tmp_path):
    questions = make_questions()
    name = write_study(tmp_path / 'new/study.html', 'A study', questions, repeats=1, ties=False)
    _, key, pictures = read(tmp_path / 'new/study.html')
    assert len(key['questions']) == 4
    for listed, question in zip(key['questions'], questions):
        assert (listed['image'], listed['versions']) == (question.image, ['hidden-a', 'hidden-b'])
        assert (listed['pair'], listed['text']) == ('hidden-a vs hidden-b', 'Which one?')
        assert listed['size'] == [8, 6]
        assert [pictures[number] for number in listed['pictures']] == [
            data_uri(version, lossless=True) for version in question.pictures]
    assert (key['id'], key['repeats'], key['ties']) == (name, 1, False)
    assert re.fullmatch('a-study-[0-9a-f]{8}', name)


def test_nothing_to_read_gives_the_versions_away(tmp_path):
    write_study(tmp_path / 'study.html', 'A study', make_questions())
    source = (tmp_path / 'study.html').read_text()
    assert 'hidden' in read(tmp_path / 'study.html')[0]  # the attribute, so the next can fail
    assert not re.search('hidden-[ab]|scene[0-9]', source)


def test_order_of_pictures_in_the_file_does_not_follow_the_versions(tmp_path):
    write_study(tmp_path / 'study.html', 'A study', make_questions(40))
    _, key, _ = read(tmp_path / 'study.html')
    first_is_lower = sum(a < b for a, b in (one['pictures'] for one in key['questions']))
    assert 10 < first_is_lower < 30


def test_version_in_two_pairs_is_stored_once(tmp_path):
    questions = [StudyQuestion('x', ('a', other), (picture(1), picture(value)), 'Which?')
                 for other, value in (('b', 2), ('c', 3))]
    write_study(tmp_path / 'study.html', 'A study', questions)
    assert len(read(tmp_path / 'study.html')[2]) == 3


def test_same_settings_same_page_and_other_settings_another_name(tmp_path):
    def make(**settings):
        name = write_study(tmp_path / 'study.html', 'A', make_questions(), **settings)
        return name, (tmp_path / 'study.html').read_bytes()

    assert make() == make()
    names = [make(**settings)[0] for settings in (
        {}, dict(seed=1), dict(repeats=1), dict(ties=False), dict(quality=50))]
    assert len(set(names)) == len(names)


def test_jpeg_is_smaller_and_png_is_exact(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    question = StudyQuestion('x', ('a', 'b'), (noise, noise[::-1].copy()), 'Which?')
    write_study(tmp_path / 'png.html', 'A', [question])
    write_study(tmp_path / 'jpeg.html', 'A', [question], quality=60)
    kinds = [{uri.split(';')[0] for uri in read(tmp_path / name)[2].values()}
             for name in ('png.html', 'jpeg.html')]
    assert kinds == [{'data:image/png'}, {'data:image/jpeg'}]
    assert (tmp_path / 'jpeg.html').stat().st_size < (tmp_path / 'png.html').stat().st_size - 9000


def test_texts_are_escaped(tmp_path):
    write_study(tmp_path / 'study.html', '<b>$title</b>', make_questions(), ['<i>intro</i>'])
    page = read(tmp_path / 'study.html')[0]
    assert '<h1>&lt;b&gt;$title&lt;/b&gt;</h1>' in page
    assert '<p>&lt;i&gt;intro&lt;/i&gt;</p>' in page


@pytest.mark.parametrize('versions, pictures, message', [
    (('a', 'a'), (picture(1), picture(2)), "two versions of 'x', got 'a' twice"),
    (('a', 'b'), (picture(1), picture(2, (6, 9))), r'one shape, got \(6, 8, 3\) and \(6, 9, 3\)'),
    (('a', 'b'), (picture(1), picture(2)[..., 0]), "'b' of 'x' to be a non-empty uint8 array"),
])
def test_wrong_pictures_are_refused(versions, pictures, message):
    with pytest.raises(ValueError, match=message):
        StudyQuestion('x', versions, pictures, 'Which?')


@pytest.mark.parametrize('questions, repeats, message', [
    ([], 0, 'at least one question'),
    (make_questions(2) + make_questions(1), 0, "'scene0' of 'hidden-a vs hidden-b' 2 times"),
    (make_questions(3) + make_questions(2, ('a', 'b')), 3, 'expected 0 to 2 repeats.* got 3'),
])
def test_wrong_studies_are_refused(tmp_path, questions, repeats, message):
    with pytest.raises(ValueError, match=message):
        write_study(tmp_path / 'study.html', 'A', questions, repeats=repeats)
    assert not (tmp_path / 'study.html').exists()
