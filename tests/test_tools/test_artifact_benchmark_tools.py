"""The command lines around the artifact benchmark: make, detect, evaluate; measure."""
from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from command_lines import call, run
from test_evaluation.benchmark_scenes import SIZE, write_pairs

from mmdesra.files import read_mask, write_mask

OPTIONS = ['--count', 6, '--areas', 500, 1500, '--clean-pairs', 2, '--strengths', 20, 40,
           '--clean-by', 'DeSRA', 'SSIM']


@pytest.fixture(scope='module')
def pairs(tmp_path_factory):
    gan, mse = write_pairs(tmp_path_factory.mktemp('pairs'), dirty=(1,))
    return ['--gan', gan, '--mse', mse]


@pytest.fixture(scope='module')
def benchmark(pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp('tool') / 'out'
    process = run('make_artifact_benchmark.py', *pairs, '--out', out, *OPTIONS)
    assert process.returncode == 0, process.stderr
    assert '6 images from 2 pairs, ' in process.stdout and '1 images untouched' in process.stdout
    return out


def rows_of(text):
    return [[cell.strip() for cell in line.strip('| ').split('|')]
            for line in text.splitlines() if line.startswith('|')]


def test_a_benchmark_is_made_detected_on_and_evaluated(benchmark, tmp_path, capsys):
    stems = {path.stem for path in (benchmark / 'gt').iterdir()}
    assert len(stems) == 6
    for folder in ('gan', 'mse'):
        assert {path.stem for path in (benchmark / folder).iterdir()} == stems
    manifest = json.loads((benchmark / 'manifest.json').read_text())
    assert manifest['settings']['strengths'] == [20, 40]
    placed = sum(len(image['artifacts']) for image in manifest['images'])

    assert call('detect.py', '--gan', benchmark / 'gan', '--mse', benchmark / 'mse', '--out',
                tmp_path / 'desra', '--min-area', 200) == 0
    capsys.readouterr()
    assert call('evaluate_benchmark.py', '--benchmark', benchmark, '--pred',
                f'DeSRA={tmp_path}/desra/mask', f'truth={benchmark}/gt',
                '--csv', tmp_path / 'recall.csv') == 0
    head, _, whole, *rows = rows_of(capsys.readouterr().out)
    assert head == ['artifacts', 'placed', 'DeSRA', 'truth']
    assert whole[:2] == ['all', str(placed)] and whole[3] == '1.00'
    assert 0 < float(whole[2]) <= 1
    titles = [row[0] for row in rows]
    assert {'20', '40'} <= set(titles) and 'smooth' in titles
    smooth = rows[titles.index('smooth')]
    assert smooth[2] == '1.00'  # strong ones on smooth content are what it is made for
    with (tmp_path / 'recall.csv').open(newline='') as file:
        table = list(csv.DictReader(file))
    assert table[0] == dict(artifacts='all', detector='DeSRA', placed=str(placed),
                            found=str(round(float(whole[2]) * placed)))


def test_by_several_properties(benchmark, capsys):
    assert call('evaluate_benchmark.py', '--benchmark', benchmark, '--pred', benchmark / 'gt',
                '--by', 'strength', 'content') == 0
    head, _, *rows = rows_of(capsys.readouterr().out)
    assert head[2] == 'gt'
    assert rows and all(row[0].split()[0] in ('20', '40') for row in rows)


def test_missing_masks_are_named(benchmark, tmp_path, capsys):
    for path in sorted((benchmark / 'gt').iterdir())[1:]:
        write_mask(tmp_path / path.name, read_mask(path))
    assert call('evaluate_benchmark.py', '--benchmark', benchmark, '--pred', tmp_path) == 1
    missing = min((benchmark / 'gt').iterdir()).stem
    assert f'skipped: {tmp_path.name}: {missing}: ' in capsys.readouterr().out


def test_bad_pairs_are_skipped(tmp_path, capsys):
    gan, mse = write_pairs(tmp_path)
    (gan / 'photo0.png').write_text('text')
    assert call('make_artifact_benchmark.py', '--gan', gan, '--mse', mse, '--out',
                tmp_path / 'out', *OPTIONS) == 1
    assert 'skipped: photo0.png: ' in capsys.readouterr().out


@pytest.mark.parametrize('options, message', [
    (['--count', 0], 'a count of at least 1, got 0'),
    (['--areas', 500, 400], 'the smaller first'),
    (['--clean-by', 'Nobody'], "got 'Nobody'"),
])
def test_usage_errors_make_nothing(pairs, tmp_path, capsys, options, message):
    assert call('make_artifact_benchmark.py', *pairs, '--out', tmp_path / 'out', *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_made_benchmark_is_not_overwritten(pairs, benchmark, capsys):
    assert call('make_artifact_benchmark.py', *pairs, '--out', benchmark, *OPTIONS) == 2
    assert 'expected a new or empty folder' in capsys.readouterr().err


def test_two_columns_of_one_name_are_an_error(benchmark, capsys):
    assert call('evaluate_benchmark.py', '--benchmark', benchmark, '--pred', benchmark / 'gt',
                f'gt={benchmark}/mse') == 2
    assert 'there is another gt; name them: NAME=DIR' in capsys.readouterr().err


def test_no_benchmark_is_an_error(tmp_path, capsys):
    assert call('evaluate_benchmark.py', '--benchmark', tmp_path, '--pred', tmp_path) == 2
    assert 'manifest.json: no such file' in capsys.readouterr().err


def test_artifacts_are_measured(pairs, tmp_path, capsys):
    """photo1 has white noise of strength 30 in its upper half."""
    mask = np.zeros(SIZE, bool)
    mask[:SIZE[0] // 2] = True
    for number in range(3):
        write_mask(tmp_path / f'photo{number}.png', mask if number == 1 else mask & False)
    assert call('measure_artifacts.py', *pairs, '--mask', tmp_path) == 0
    text = capsys.readouterr().out
    assert '75 windows' in text
    figures = {row[0]: row[1:] for row in rows_of(text)}
    assert figures['figure'] == ['5%', '25%', '50%', '75%', '95%', '99%']
    assert float(figures['strength'][2]) == pytest.approx(30, rel=.1)
    assert float(figures['chroma_share'][2]) == pytest.approx(2 / 3, abs=.02)
    assert call('measure_artifacts.py', *pairs, '--coherence', .99, 1) == 2
    assert 'no window could be measured' in capsys.readouterr().err
