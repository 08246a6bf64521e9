"""The detector that docs/detectors.md shows, and the table of those that there are."""
from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from command_lines import call
from PIL import Image

from mmdesra.detectors import DETECTORS, build_detector

PAGE = Path(__file__).parents[2] / 'docs' / 'detectors.md'
MARK = '<!-- tests/test_detectors/test_own_detector.py runs this block -->\n'


@pytest.fixture
def source():
    block = PAGE.read_text(encoding='utf-8').split(MARK)[1]
    yield re.match(r'```python\n(.*?)```\n', block, re.DOTALL)[1]
    DETECTORS.module_dict.pop('Checkerboard', None)


def board_pair(amplitude=20):
    mse = np.full((120, 150, 3), 128, np.uint8)
    gan = mse.copy()
    rows, columns = np.mgrid[30:90, 40:110]
    gan[30:90, 40:110] += (amplitude * (-1.)**(rows + columns))[..., None].astype(np.int8).view(
        np.uint8)
    return gan, mse


def test_it_is_about_twenty_lines(source):
    assert 15 <= len([line for line in source.splitlines() if line.strip()]) <= 22


def test_it_is_built_by_its_name_and_finds_what_it_says(source):
    exec(source, {})
    detector = build_detector(dict(type='Checkerboard', min_area=1000))
    detection = detector.detect(*board_pair())
    assert detection.map[60, 75] == pytest.approx(20)
    assert detection.map[:8].max() == detection.map[15, 20] == 0
    assert detection.mask[35:85, 45:105].all() and not detection.mask[:15].any()
    assert not detector.detect(*board_pair(amplitude=5)).mask.any()
    assert build_detector('Checkerboard').describe()['threshold'] == 10


def test_the_command_line_imports_it(source, tmp_path):
    for name, image in zip(('gan', 'mse'), board_pair()):
        (tmp_path / name).mkdir()
        Image.fromarray(image).save(tmp_path / name / 'board.png')
    (tmp_path / 'checkerboard.py').write_text(source)
    assert call('detect.py', '--gan', tmp_path / 'gan', '--mse', tmp_path / 'mse', '--out',
                tmp_path / 'out', '--custom-imports', tmp_path / 'checkerboard.py', '--detector',
                'Checkerboard', '--threshold', '15', '--min-area', '1000') == 0
    mask = np.asarray(Image.open(tmp_path / 'out' / 'mask' / 'board.png'))
    assert mask[35:85, 45:105].all() and not mask[:15].any()


def test_the_table_has_every_detector():
    table = PAGE.read_text(encoding='utf-8').split('\n\nSources:')[0]
    names = re.findall(r'^\| `(\w+)` \|', table, re.MULTILINE)
    ours = [name for name, kind in DETECTORS.module_dict.items()
            if kind.__module__.startswith('mmdesra.')]
    assert sorted(names) == sorted(ours)
    for name in names:
        row = re.search(rf'^\| `{name}` .*', table, re.MULTILINE)[0].split('|')
        kind = DETECTORS.get(name)
        assert row[5].strip() == ('below' if kind.low_is_artifact else 'above')
        default = inspect.signature(kind).parameters['threshold'].default
        if default is None:
            assert row[6].strip() == "the file's"
        else:
            assert row[6].split()[0].strip(';') == f'{default:g}'
