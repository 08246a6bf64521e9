from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import pytest

from mmdesra.errors import InputError
from mmdesra.files.records import (
    describe_difference,
    parse_json,
    plain_name,
    read_json,
    to_record,
)


@dataclass(frozen=True)
class Entry:
    name: str
    area: int = 0
    share: float = 0
    found: int | None = None
    is_new: bool = False
    boxes: list[list[int]] = field(default_factory=list)
    place: tuple[int, str] | None = None
    areas: tuple[int, ...] = ()
    names: dict[str, str] = field(default_factory=dict)


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
    entry = Entry('a', 2, .5, 3, True, [[1, 2], []], (1, 'b'), (1, 2, 3), dict(a='b'))
    assert to_record(Entry, json.loads(json.dumps(asdict(entry)))) == entry
    assert to_record(Entry, dict(name='a', place=None, areas=[], boxes=[])) == Entry('a')


def test_settings_that_differ_are_named():
    found = dict(half=False, tile=64, detector=dict(type='DeSRA', bins=[1] * 100), labels=None)
    wanted = dict(half=False, tile=0, detector=dict(type='SSIM', bins=[1] * 100), new=1)
    assert describe_difference(found, wanted) == (
        'tile: there 64, now 0; detector.type: there DeSRA, now SSIM; new: there None, now 1')
    assert describe_difference(found, found) == ''
    long, = describe_difference(dict(bins=[1] * 100), dict(bins=[2])).split('; ')
    assert long.endswith('..., now [2]') and len(long) < 100


@pytest.mark.parametrize('entry', [
    5, None, [], ['name'], {}, dict(name=5), dict(name=None), dict(name='a', area='1'),
    dict(name='a', area=1.5), dict(name='a', area=True), dict(name='a', share='x'),
    dict(name='a', found='x'), dict(name='a', colour='red'), dict(name='a', is_new=1),
    dict(name='a', boxes=5), dict(name='a', boxes=[5]), dict(name='a', boxes=[['5']]),
    dict(name='a', boxes=[[True]]), dict(name='a', place=[1]), dict(name='a', place=[1, 2]),
    dict(name='a', place=[1, 'b', 'c']), dict(name='a', place='1b'), dict(name='a', areas=[None]),
    dict(name='a', areas={}), dict(name='a', names=dict(a=1)), dict(name='a', names=['a'])])
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
