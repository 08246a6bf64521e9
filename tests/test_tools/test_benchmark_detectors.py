from __future__ import annotations

import json

from command_lines import call
from toys import write_pairs


def test_a_row_for_each_detector_and_size(tmp_path, capsys):
    write_pairs(tmp_path)
    assert call('benchmarks/benchmark_detectors.py', '--gan', tmp_path / 'gan', '--mse',
                tmp_path / 'mse', '--detector', 'DeSRA', '--detector', 'slow=SSIM', '--sizes',
                100, 400, '--turns', 2, '--json', tmp_path / 'figures.json') == 0
    (table,) = json.loads((tmp_path / 'figures.json').read_text())['tables']
    rows = table['rows']
    assert [(row['detector'], row['side']) for row in rows] == [
        ('DeSRA', 100), ('slow', 100), ('DeSRA', 400), ('slow', 400)]
    assert all(row['CPU x'] == 1 for row in rows if row['detector'] == 'DeSRA')
    assert rows[-1]['CPU x'] > 1
    assert '| slow     |  400 |' in capsys.readouterr().out


def test_misuse(tmp_path, capsys):
    assert call('benchmarks/benchmark_detectors.py', '--gan', tmp_path, '--mse', tmp_path,
                '--detector', 'DeSRA', '--detector', 'DeSRA') == 2
    assert 'expected names that differ, got DeSRA, DeSRA' in capsys.readouterr().err
    assert call('benchmarks/benchmark_detectors.py', '--gan', tmp_path, '--mse', tmp_path,
                '--detector', 'DeSRA', '--turns', 0) == 2
    assert 'at least 1 turn' in capsys.readouterr().err
