"""Reading the files of a study's participants."""
from __future__ import annotations

import pytest

from mmdesra.apis.study_answers import COLUMNS, collect_tables, read_answers
from mmdesra.errors import InputError

HEAD = ','.join(COLUMNS)
GOOD = 'Ann,study-1,after vs before,scene0,before,after,right,2.5,0'


def write(path, *rows, head=HEAD, encoding='utf-8', end='\r\n'):
    path.write_bytes((end.join([head, *rows]) + end).encode(encoding))
    return path


def test_a_row(tmp_path):
    path = write(tmp_path / 'a.csv', GOOD,
                 '"B, ""Bob""",study-1,after vs before,"a,b",after,before,none,0,1')
    answers = read_answers([path])
    first, second = answers.answers
    assert (first.chosen, first.versions) == ('after', ('after', 'before'))
    assert (first.seconds, first.repeat) == (2.5, 0)
    assert (second.participant, second.image) == ('B, "Bob"', 'a,b')
    assert (second.chosen, second.versions, second.repeat) == (None, ('after', 'before'), 1)
    assert (answers.study, answers.problems, answers.duplicates) == ('study-1', [], 0)


def test_what_a_spreadsheet_makes_of_it(tmp_path):
    path = write(tmp_path / 'a.csv', GOOD.replace(',', ';').replace('2.5', '2,5'),
                 head=HEAD.replace(',', ';'), encoding='utf-8-sig', end='\n')
    assert read_answers([path]).answers == read_answers([write(tmp_path / 'b.csv', GOOD)]).answers


def test_columns_in_another_order_and_more_of_them(tmp_path):
    path = write(tmp_path / 'a.csv', 'x,' + ','.join(reversed(GOOD.split(','))),
                 head='note,' + ','.join(reversed(COLUMNS)))
    assert read_answers([path]).answers[0].chosen == 'after'


@pytest.mark.parametrize('row, message', [
    (GOOD.replace('right', 'up'), "expected left, right or none as choice, got 'up'"),
    (GOOD.replace(',before,after,', ',before,before,'), "versions of 'after vs before'"),
    (GOOD.replace(',before,after,', ',mse,after,'), "got 'mse' and 'after'"),
    (GOOD.replace('2.5', 'long'), "number of seconds, 0 or more, got 'long'"),
    (GOOD.replace('2.5', '-1'), "got '-1'"),
    (GOOD.replace('2.5', 'inf'), "got 'inf'"),
    (GOOD[:-1] + '2', "expected 0 or 1 as repeat, got '2'"),
    (GOOD.replace('Ann', ' '), 'a value for participant, got nothing'),
    ('Ann,study-1', 'a value for pair, image'),
    (GOOD + ',more', 'expected 9 values, got 10'),
])
def test_bad_rows_are_named_and_the_others_count(tmp_path, row, message):
    path = write(tmp_path / 'a.csv', row, GOOD.replace('Ann', 'Bob'))
    answers = read_answers([path])
    assert [answer.participant for answer in answers.answers] == ['Bob']
    problem, = answers.problems
    assert problem.startswith(f'{path}, line 2: ') and message in problem


def test_files_that_overlap_count_once(tmp_path):
    half = write(tmp_path / 'half.csv', GOOD)
    whole = write(tmp_path / 'whole.csv', GOOD, GOOD.replace('scene0', 'scene1'))
    answers = read_answers([half, whole])
    assert (len(answers.answers), answers.duplicates, answers.problems) == (2, 1, [])


def test_contradiction_is_named_and_the_first_stays(tmp_path):
    first = write(tmp_path / 'first.csv', GOOD)
    second = write(tmp_path / 'second.csv', GOOD.replace('right', 'left'))
    answers = read_answers([first, second])
    assert [answer.choice for answer in answers.answers] == ['right']
    problem, = answers.problems
    assert f'{second}, line 2: ' in problem and str(first) in problem and 'one name' in problem


def test_file_that_is_no_table_of_answers_is_named(tmp_path):
    other = tmp_path / 'other.csv'
    other.write_text('a,b\n1,2\n')
    binary = tmp_path / 'binary.csv'
    binary.write_bytes(b'\xff\xfe\x00')
    empty = tmp_path / 'empty.csv'
    empty.write_text('')
    good = write(tmp_path / 'good.csv', GOOD)
    answers = read_answers(sorted(tmp_path.glob('*.csv')))
    assert len(answers.answers) == 1
    assert [problem.split(':')[0] for problem in answers.problems] == [
        str(path) for path in (binary, empty, other)]
    with pytest.raises(InputError, match='none that can be used') as error:
        read_answers([other, binary])
    assert str(other) in str(error.value)
    assert read_answers([good]).problems == []


def test_several_studies_are_refused(tmp_path):
    one = write(tmp_path / 'one.csv', GOOD)
    two = write(tmp_path / 'two.csv', GOOD.replace('study-1', 'study-2'))
    with pytest.raises(InputError, match=r'one study, got several.*study-1 \(.*study-2 \('):
        read_answers([one, two])


def test_files_and_folders(tmp_path):
    (tmp_path / 'folder').mkdir()
    b, a = (write(tmp_path / f'folder/{name}.csv', GOOD) for name in 'ba')
    assert collect_tables([tmp_path / 'folder', b]) == [a, b, b]
    (tmp_path / 'none').mkdir()
    for path, message in ((tmp_path / 'none', 'found none'), (tmp_path / 'x.csv', 'no such file')):
        with pytest.raises(InputError, match=message):
            collect_tables([path])


def test_a_line_that_never_ends_is_named(tmp_path):
    (tmp_path / 'long.csv').write_text('"' + 'x' * 200_000)
    with pytest.raises(InputError, match=r'long.csv: expected a table .*field larger than'):
        read_answers([tmp_path / 'long.csv'])


def test_a_table_without_rows_is_named(tmp_path):
    (tmp_path / 'empty.csv').write_text(','.join(COLUMNS) + '\n')
    with pytest.raises(InputError, match='empty.csv: expected answers, found none'):
        read_answers([tmp_path / 'empty.csv'])
