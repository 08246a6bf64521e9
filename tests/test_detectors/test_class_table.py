from __future__ import annotations

import pytest

from mmdesra.detectors import ClassTable
from mmdesra.errors import InputError

HEAD = 'index,class,bin\n'


def test_the_published_table():
    table = ClassTable.load()
    bins = dict(zip(table.names, table.bins))
    assert len(table.names) == len(table.bins) == len(table.weights) == 150
    assert len(bins) == 150  # no name twice
    assert table.names == tuple(name.strip() for name in table.names)
    assert (table.names[0], table.names[7], table.names[149]) == ('wall', 'bed', 'flag')
    known = dict(sea=7, house=7, skyscraper=7, tree=5, grass=5, building=4, animal=3, sky=0)
    assert {name: bins[name] for name in known} == known
    assert set(table.bins) == {*range(10), 11}
    assert table.weights.min() == 1
    assert table.weights[table.names.index('sea')].item() == pytest.approx(20 / 13)


@pytest.mark.parametrize('text', [
    HEAD + '0,fur,10\n1,"sky, at night",-4.5\n',
    '# mine\n\n' + HEAD + '0, fur ,10\n# between\n1,"sky, at night",-4.5\n',
    'bin,index,class\n10,0,fur\n-4.5,1,"sky, at night"\n',
    '\ufeff' + HEAD.replace('\n', '\r\n') + '0,fur,10\r\n1,"sky, at night",-4.5\r\n',  # Excel
])
def test_a_table_of_ones_own(tmp_path, text):
    (tmp_path / 'mine.csv').write_bytes(text.encode())
    table = ClassTable.load(tmp_path / 'mine.csv')
    assert table == ClassTable(('fur', 'sky, at night'), (10, -4.5))
    assert table.weights.tolist() == pytest.approx([2, 20 / 24.5])


def test_no_table(tmp_path):
    for missing in (tmp_path / 'nowhere.csv', tmp_path):
        with pytest.raises(InputError, match=f'{missing}: expected a class table .*no such file'):
            ClassTable.load(missing)


@pytest.mark.parametrize('content, message', [
    ('', 'columns index,class,bin'),
    (HEAD, 'columns index,class,bin'),
    ('index,bin\n0,1\n', 'columns index,class,bin'),
    (HEAD + '1,wall,1\n', 'expected index 0, got 1'),
    (HEAD + '0,wall,1\n2,sky,1\n', 'expected index 1, got 2'),
    (HEAD + '0,wall,high\n', 'numbers for index and bin, .*high'),
    (HEAD + '0,wall\n', 'numbers for index and bin'),
    ('index,bin,class\n0,4\n', 'a name and numbers'),
    (HEAD + '0,wall,20\n', 'class bins below 20, got 20'),
    (HEAD + '0,wall,nan\n', 'class bins below 20, got nan'),
    (b'\x89PNG\r\n\x1a\n\x00\xff', 'CSV text'),
    ('x' * 200_000, 'CSV'),
])
def test_a_malformed_table_is_an_error_that_names_the_file(tmp_path, content, message):
    path = tmp_path / 'mine.csv'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=f'mine.csv: .*{message}'):
        ClassTable.load(path)


def test_what_is_saved_is_read_again(tmp_path):
    table = ClassTable(('fur', 'sky, at "night"', 'bed'), (10, -4.5, 1 / 3))
    table.save(tmp_path / 'mine.csv', ['made of\nnothing', 'index,class'],
               dict(pixels=[1, 2, 3], source=['a', 'b', 'c']))
    assert ClassTable.load(tmp_path / 'mine.csv') == table
    lines = (tmp_path / 'mine.csv').read_text().splitlines()
    assert lines[:3] == ['# made of', '# nothing', '# index,class']
    assert lines[3:5] == ['index,class,bin,pixels,source', '0,fur,10,1,a']
    ClassTable.load().save(tmp_path / 'published.csv')
    assert ClassTable.load(tmp_path / 'published.csv') == ClassTable.load()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['mine.csv', 'published.csv']


def write_released(path, table, **other_bins):
    """The table as DeSRA's authors released theirs: by name, without numbers of the labels."""
    bins = {**dict(zip(table.names, table.bins)), **other_bins}
    lines = [f'{name}--{value:g}' for name, value in sorted(bins.items()) if value is not None]
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_the_released_file_is_a_class_table(tmp_path):
    """By the name of each class, in the order of the data set, whatever that of the file is."""
    path = write_released(tmp_path / 'SSIM_MSE_GAN_threshold.txt', ClassTable.load(), sea=-2.5)
    assert path.read_text().startswith('airplane--1\nanimal--3\n')
    table = ClassTable.load(path)
    expected = ClassTable.load()
    assert table.names == expected.names
    assert dict(zip(table.names, table.bins)) == dict(zip(expected.names, expected.bins), sea=-2.5)
    path.write_text(path.read_text().replace('--', ' -- ').replace('\n', '\r\n') + '\r\n')
    assert ClassTable.load(path) == table


@pytest.mark.parametrize('bins, more, message', [
    (dict(sea=None), '', "lacks 1, such as 'sea'"),
    (dict(ocean=3), '', "has besides 1, such as 'ocean'"),
    (dict(sea=20), '', 'class bins below 20, got 20'),
    ({}, 'sea--8\n', "one bin of a class, got 7 and 8 of 'sea'"),
    ({}, 'sea--high\n', "lines like sea--7, .*got 'sea--high'"),
    ({}, '--3\n', "lines like sea--7, .*got '--3'"),
    ({}, '1,wall,3\n', "lines like sea--7, .*got '1,wall,3'"),
])
def test_a_released_file_that_does_not_fit(tmp_path, bins, more, message):
    path = write_released(tmp_path / 'bins.txt', ClassTable.load(), **bins)
    path.write_text(path.read_text() + more)
    with pytest.raises(InputError, match=f'bins.txt: .*{message}'):
        ClassTable.load(path)
