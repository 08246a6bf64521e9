"""Stored label maps: found by name, and told apart from those that are shifted by one."""
from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdesra.detectors import DeSRA, build_labels
from mmdesra.errors import InputError
from mmdesra.files import ImageError
from mmdesra.segmentors import LabelFolder, build_segmentor, label_offset

SIZE = 6, 5
IMAGE = np.zeros((*SIZE, 3), np.uint8)
CLASSES = 150


def store(folder, maps, palette=False):
    """Each map is a list of the values in it."""
    folder.mkdir(exist_ok=True)
    for name, values in maps.items():
        image = Image.fromarray(np.resize(np.array(values, np.uint8), SIZE))
        if palette:
            image.putpalette(list(range(256)) * 3)
        image.save(folder / f'{name}.png')
    return folder


def label(source, name='a'):
    return source.label([IMAGE], [Path(f'{name}.jpg')])[0]


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records
            if record.levelno == logging.WARNING and record.name == 'mmdesra']


@pytest.mark.parametrize('palette', [False, True])
@pytest.mark.parametrize('others, offset, expected', [
    (dict(b=[7, 150]), 1, '1 to 150, 0 = none, as in the annotations of ADE20K: b.png holds 150'),
    (dict(b=[7, 255]), 0, None),
    (dict(b=[7, 149]), 0, 'taken as 0 to 149; none of the 2 looked at tells')])
def test_one_map_shows_what_all_are(tmp_path, caplog, palette, others, offset, expected):
    """The map that is read shows nothing itself."""
    folder = store(tmp_path / 'labels', dict(a=[0, 1, 20], **others), palette)
    source = build_labels(DeSRA(), folder)
    wanted = np.resize([255, 0, 19] if offset else [0, 1, 20], SIZE)
    np.testing.assert_array_equal(label(source), wanted)
    assert source.describe() == dict(type='LabelFolder', **dict(label_offset=1) if offset else {})
    messages = warnings_of(caplog)
    assert len(messages) == (expected is not None)
    assert expected is None or expected in messages[0]


@pytest.mark.parametrize('config', [
    lambda folder: dict(folder=folder, label_offset=1),
    lambda folder: LabelFolder(folder, label_offset=1)])
def test_an_offset_that_is_given_counts(tmp_path, caplog, config):
    folder = store(tmp_path / 'labels', dict(a=[0, 1, 150, 255]))
    source = build_segmentor(config(folder), tuple(map(str, range(CLASSES))))
    np.testing.assert_array_equal(label(source), np.resize([255, 0, 149, 255], SIZE))
    assert not warnings_of(caplog)


@pytest.mark.parametrize('offset, value, said', [
    (0, 150, r'\[0, 149\] or 255 \(ignored\), got 150'),
    (1, 151, r'\[1, 150\] or 255 \(ignored\), got 151'),
    (None, 200, r'\[0, 149\] or 255 \(ignored\), got 200')])
def test_a_class_that_is_unknown_is_refused_by_the_maps_own_file_and_value(tmp_path, offset, value,
                                                                           said):
    folder = store(tmp_path / 'labels', dict(a=[0, value]))
    source = build_labels(DeSRA(), dict(folder=folder, label_offset=offset))
    with pytest.raises(ImageError, match=f'labels/a.png: expected labels in {said}; give the '):
        label(source)


def test_maps_that_contradict_each_other_are_an_error(tmp_path):
    folder = store(tmp_path / 'labels', dict(a=[150], b=[255]))
    with pytest.raises(InputError, match='cannot tell .* a.png holds 150, .* b.png holds 255, .*'
                       'Give --label-offset 1 or --label-offset 0'):
        build_labels(DeSRA(), folder)


def test_a_map_that_was_not_looked_at_is_refused_if_it_is_shifted(tmp_path, monkeypatch):
    monkeypatch.setattr(label_offset, 'MAX_MAPS', 2)  # of three: the first and the last
    folder = store(tmp_path / 'labels', dict(a=[1], b=[150], c=[2]))
    source = build_labels(DeSRA(), folder)
    assert label(source).max() == 1
    with pytest.raises(ImageError, match='b.png: holds 150, .*shifted by one.* what was made with '
                       'them is wrong. Run again with --label-offset 1'):
        label(source, 'b')


def test_no_more_pixels_are_looked_at_than_there_is_time_for(tmp_path, monkeypatch):
    monkeypatch.setattr(label_offset, 'MAX_PIXELS', np.prod(SIZE))
    folder = store(tmp_path / 'labels', dict(a=[1], b=[1], c=[150]))
    assert build_labels(DeSRA(), folder).describe() == dict(type='LabelFolder')


def test_a_map_that_cannot_be_read_waits_for_its_turn(tmp_path):
    folder = store(tmp_path / 'labels', dict(a=[0, 1], b=[150]))
    (folder / 'c.png').write_text('no image')
    source = build_labels(DeSRA(), folder)
    assert source.describe()['label_offset'] == 1
    with pytest.raises(ImageError, match='c.png: cannot be read'):
        label(source, 'c')


def test_another_table_has_another_last_class(tmp_path):
    folder = store(tmp_path / 'labels', dict(a=[0, 1, 19]))
    assert label(build_segmentor(folder, tuple(map(str, range(19))))).tolist()[0][:3] == [
        255, 0, 18]
    assert build_segmentor(folder, tuple(map(str, range(20)))).describe() == dict(
        type='LabelFolder')


@pytest.mark.parametrize('offset', [-1, 255, 1.0, True, '1'])
def test_what_is_no_offset(tmp_path, offset):
    folder = store(tmp_path / 'labels', dict(a=[0]))
    with pytest.raises(InputError, match=r'expected a label_offset .* from 0 to 254, got'):
        LabelFolder(folder, offset)


def test_maps_in_sub_folders_are_found_and_judged(tmp_path):
    folder = tmp_path / 'labels'
    folder.mkdir()
    store(folder / 'x', dict(a=[0, 150]))
    source = build_labels(DeSRA(), folder)
    assert source.describe()['label_offset'] == 1
    with pytest.raises(ImageError, match="holds no image named 'a'"):
        label(source)
