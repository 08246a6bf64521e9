from __future__ import annotations

import json
import re

import pytest
from command_lines import call
from toys import write_pairs

from mmdesra.detectors import DeSRA


@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pairs')
    write_pairs(folder)
    return ['--gan', folder / 'gan', '--mse', folder / 'mse', '--sizes', 500, '--turns', 1]


@pytest.mark.slow
def test_one_row_for_a_size_and_memory_of_large_ones(arguments, tmp_path, capfd):
    assert call('benchmarks/benchmark_detection.py', *arguments, '--memory-sizes', 300, '--json',
                tmp_path / 'figures.json') == 0
    sizes, memory = json.loads((tmp_path / 'figures.json').read_text())['tables']
    (row,) = sizes['rows']
    assert row['side'] == 500 and row['differs'] == ''
    assert row['ratio (quartiles)']['median'] == pytest.approx(
        row['reference ms'] / row['ours ms'])  # of one turn
    assert row['reference MiB'] > 5  # float64 maps of 500 x 500 px, three of them at least
    assert [(row['side'], row['what']) for row in memory['rows']] == [
        (300, 'map and mask'), (300, 'mask')]
    assert all(row['seconds'] > 0 for row in memory['rows'])
    assert re.search(rf'\| 500 +\| +{row["reference ms"]:.1f} \|', capfd.readouterr().out)


def test_a_fast_wrong_answer_fails(arguments, capfd, monkeypatch):
    monkeypatch.setattr(DeSRA, 'artifact_map', lambda self, gan, mse: (
        gan[0, 5:-5, 5:-5].float() / 255))
    assert call('benchmarks/benchmark_detection.py', *arguments, '--no-memory') == 1
    assert re.search(r'maps differ by [0-9.e-]+', capfd.readouterr().out)
