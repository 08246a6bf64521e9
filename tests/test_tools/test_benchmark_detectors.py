from __future__ import annotations

import re

from command_lines import call
from toys import write_pairs


def test_a_row_for_each_detector_and_size(tmp_path, capsys):
    write_pairs(tmp_path)
    assert call('benchmarks/benchmark_detectors.py', '--gan', tmp_path / 'gan', '--mse',
                tmp_path / 'mse', '--detector', 'DeSRA', '--detector', 'slow=SSIM', '--sizes',
                100, 400, '--turns', 2) == 0
    rows = re.findall(r'\| (DeSRA|slow) +\| +(\d+) \| +(\d+) \| +([\d.]+) \|',
                      capsys.readouterr().out)
    assert [row[:2] for row in rows] == [('DeSRA', '100'), ('slow', '100'), ('DeSRA', '400'),
                                         ('slow', '400')]
    assert all(float(row[3]) == 1 for row in rows if row[0] == 'DeSRA')
    assert float(rows[-1][3]) > 1


def test_misuse(tmp_path, capsys):
    assert call('benchmarks/benchmark_detectors.py', '--gan', tmp_path, '--mse', tmp_path,
                '--detector', 'DeSRA', '--turns', 0) == 2
    assert 'at least 1 turn' in capsys.readouterr().err
