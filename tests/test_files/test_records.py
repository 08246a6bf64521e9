from __future__ import annotations

from dataclasses import dataclass

import pytest

from mmdesra.errors import InputError
from mmdesra.files.records import parse_json, plain_name, read_json, to_record


@dataclass(frozen=True)
class Entry:
    name: str
    area: int = 0
    share: float = 0
    found: int | None = None


def test_json_is_read():
    assert parse_json('{"a": [1, 2.5, null, "NaN"]}') == {'a': [1, 2.5, None, 'NaN']}


@pytest.mark.parametrize('text', ['', '{', 'NaN', '[Infinity]', '{"a": -Infinity}',
                                  '[' * 100_000, '{"a":' * 100_000])
def test_what_is_no_json_of_ours_is_an_error(text):
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize('text', ['{', '[1]', '{"b": 1}', '5', '\xff'])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, text):
    (tmp_path / 'figures.json').write_text(text, encoding='latin-1')
    with pytest.raises(InputError, match=r'figures.json: is damaged \(.+\); delete it'):
        read_json(tmp_path / 'figures.json', lambda content: content['a'], 'delete it')


def test_a_record_is_built():
    assert to_record(Entry, dict(name='a', share=1)) == Entry('a', 0, 1)
    assert to_record(Entry, dict(name='a', found=None)) == Entry('a')


@pytest.mark.parametrize('entry', [
    5, None, [], ['name'], {}, dict(name=5), dict(name=None), dict(name='a', area='1'),
    dict(name='a', area=1.5), dict(name='a', area=True), dict(name='a', share='x'),
    dict(name='a', found='x'), dict(name='a', colour='red')])
def test_what_is_no_record_is_an_error(entry):
    with pytest.raises(ValueError, match='expected|missing|unexpected'):
        to_record(Entry, entry)


@pytest.mark.parametrize('name', ['a.png', 'a b', '..a', 'ä', 'a\nb', '-', '"><img src=x>.png'])
def test_a_plain_name(name):
    assert plain_name(name) == name


@pytest.mark.parametrize('name', ['', '.', '..', '../a', '/a', 'a/', 'a/b', 'a\0', None, 5, ['a']])
def test_a_name_that_leads_elsewhere_is_an_error(name):
    with pytest.raises(ValueError, match='expected a plain file name'):
        plain_name(name)
