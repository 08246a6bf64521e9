from __future__ import annotations

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


def test_one_row_for_a_size_and_memory_of_large_ones(arguments, capfd):
    assert call('benchmarks/benchmark_detection.py', *arguments, '--memory-sizes', 300) == 0
    text = capfd.readouterr().out
    row = re.search(r'\|   500 \|(.*)\|\n', text)[1].split('|')
    reference, ours = (float(cell) for cell in row[:2])
    assert float(row[2].split()[0]) == pytest.approx(reference / ours, abs=.1)
    memory = [float(cell) for cell in row[3:]]
    assert memory[0] > 5  # float64 maps of 500 x 500 px, three of them at least
    assert re.search(r'300 x 300, mask: [0-9.]+ s, [0-9]+ MiB', text)


def test_a_fast_wrong_answer_fails(arguments, capfd, monkeypatch):
    monkeypatch.setattr(DeSRA, 'artifact_map', lambda self, gan, mse: (
        gan[0, 5:-5, 5:-5].float() / 255))
    assert call('benchmarks/benchmark_detection.py', *arguments, '--no-memory') == 1
    assert re.search(r'maps differ by [0-9.e-]+', capfd.readouterr().out)
