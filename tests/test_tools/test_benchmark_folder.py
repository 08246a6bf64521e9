"""tools/benchmarks/benchmark_folder.py: what it runs, prints, and finds."""
from __future__ import annotations

import re

import pytest
from command_lines import call
from toys import MIN_AREA, make_lq_folder, write_checkpoints, write_generator_config

from mmdesra.datasets import pseudo_gt_maker

PASSES = ['the two generators alone', 'pseudo GTs, plain order', 'pseudo GTs',
          'detection, plain order', 'detection']


@pytest.fixture
def options(tmp_path):
    make_lq_folder(tmp_path / 'lq', 3, size=(24, 28))
    (tmp_path / 'lq/image2.png').write_text('words')
    gan, mse = write_checkpoints(tmp_path)
    return ['--lq', tmp_path / 'lq', '--gan-checkpoint', gan, '--mse-checkpoint', mse,
            '--generator', write_generator_config(tmp_path), '--min-area', MIN_AREA]


def test_both_orders_are_measured_and_write_the_same(options, capsys):
    (options[1] / 'image2.png').unlink()
    assert call('benchmarks/benchmark_folder.py', *options, '--rounds', 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 'images: 2; rounds: 2' in lines
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in lines if line.startswith('|')][2:]
    assert [row[0] for row in rows] == PASSES
    assert rows[0][2:4] == ['1.000 (1.000 to 1.000)', '1.000']
    for row in rows:
        assert float(row[1]) >= 0 and 0 <= float(row[4].rstrip('%')) <= 100
        assert re.fullmatch(r'[\d.]+ \([\d.]+ to [\d.]+\)', row[2])
    assert lines[-1] == 'files of both orders: the same'


def test_other_files_are_found(options, capsys, monkeypatch):
    (options[1] / 'image2.png').unlink()
    composed = iter(range(100))
    monkeypatch.setattr(pseudo_gt_maker, 'compose_pseudo_gt',
                        lambda gan, mse, mask: gan + next(composed))
    assert call('benchmarks/benchmark_folder.py', *options, '--rounds', 1) == 1
    assert 'NOT THE SAME' in capsys.readouterr().out


def test_an_image_that_cannot_be_read_ends_it(options, capsys):
    assert call('benchmarks/benchmark_folder.py', *options, '--rounds', 1) == 2
    assert 'image2.png: cannot be read as an image' in capsys.readouterr().err
