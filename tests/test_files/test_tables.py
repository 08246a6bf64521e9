from __future__ import annotations

import csv
import json
import math
import os

import pytest

from mmdesra.files.tables import markdown_table, write_csv, write_json


def test_csv_comes_back_with_empty_cells_for_none(tmp_path):
    write_csv(tmp_path / 'table.csv', ['name', 'x'], [dict(name='a, "b"', x=None), dict(x=.5)])
    with (tmp_path / 'table.csv').open(newline='', encoding='utf-8') as file:
        assert list(csv.DictReader(file)) == [dict(name='a, "b"', x=''), dict(name='', x='0.5')]


def test_csv_takes_file_names_that_are_no_text(tmp_path):
    write_csv(tmp_path / 'table.csv', ['name'], [dict(name=os.fsdecode(b'\xff.png'))])
    assert (tmp_path / 'table.csv').read_text(encoding='utf-8').split() == ['name', '\\udcff.png']


def test_json_never_holds_nan(tmp_path):
    write_json(tmp_path / 'good.json', dict(rate=None))
    assert json.loads((tmp_path / 'good.json').read_text()) == dict(rate=None)
    with pytest.raises(ValueError):
        write_json(tmp_path / 'bad.json', dict(rate=math.nan))
    assert not (tmp_path / 'bad.json').exists()


def test_json_has_lists_of_numbers_on_one_line(tmp_path):
    content = dict(bins=[0, -1.5, 1e-07, 1e+20], boxes=[[1, 2], [3]], none=[], one=[None, True],
                   names=['1', '[\n 2\n]', '[ 3 ]'])
    write_json(tmp_path / 'some.json', content)
    text = (tmp_path / 'some.json').read_text()
    assert json.loads(text) == content
    assert ' "bins": [0, -1.5, 1e-07, 1e+20],\n "boxes": [\n  [1, 2],\n  [3]\n ],\n' in text


def test_markdown_is_padded_and_escaped():
    assert markdown_table(['', 'IoU'], [['a|b', '51.1'], ['c', '-']]).splitlines() == [
        '|      |  IoU |', '| ---- | ---: |', '| a\\|b | 51.1 |', '| c    |    - |']


def test_a_markdown_table_may_have_no_rows():
    assert markdown_table(['a', 'b'], []).splitlines() == ['| a   |   b |', '| --- | --: |']
