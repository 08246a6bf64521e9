"""tools/check_gpu.py, tried on the CPU."""
from __future__ import annotations

import json
import os
import re
import sys
import time

import pytest
import torch
from command_lines import TOOLS, call


@pytest.fixture(autouse=True)
def tools_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    yield
    for name in [name for name in sys.modules if name.split('.')[0] == 'gpu_checks']:
        del sys.modules[name]


def check(folder, *options):
    code = call('check_gpu.py', '--device', 'cpu', '--quick', '--out', folder, *options)
    path = folder / 'check_gpu.json'
    return code, json.loads(path.read_text()) if path.is_file() else None


def test_detection_is_compared_and_measured(tmp_path, capfd):
    code, found = check(tmp_path, '--only', 'detection')
    assert (code, found['failures']) == (0, 0), capfd.readouterr().out
    part, = found['parts']
    assert [row['side'] for row in part['rows']] == [128, 256]
    for row in part['rows']:
        assert row['map_error'] == row['mask_px_that_differ'] == 0
        assert min(row['map_pairs_per_s'], row['mask_pairs_per_s'], row['map_share_of_copy']) > 0
    assert found['machine']['torch'] == torch.__version__
    page = (tmp_path / 'check_gpu.md').read_text()
    assert re.search(r'^## detection: ok, \d+ s$', page, re.MULTILINE)
    assert re.search(r'^\| 256 +\| +0 \| +0 \|', page, re.MULTILINE)


def test_what_has_no_time_left_is_a_failure_and_is_named(tmp_path, capfd):
    code, found = check(tmp_path, '--only', 'upscaler', 'finetune', '--minutes', '.001')
    assert code == 1 and found['failures'] == 2
    assert [part['failures'] for part in found['parts']] == [
        ['did not run: the 0.001 minutes were over']] * 2
    assert 'upscaler: FAILED (1)' in (tmp_path / 'check_gpu.md').read_text()


@pytest.mark.parametrize('options,reason', [
    (['--minutes', '0'], 'expected more than 0 minutes'), (['--only', 'nonsense'], 'nonsense'),
    (['--weights', 'nowhere.pth'], 'nowhere.pth: no such file'),
    (['--device', 'gpu'], "expected cuda, cuda:N or cpu, got 'gpu'"),
    (['--only', 'tests', '--skip', 'tests'], 'no part is left to run'),
])
def test_options_that_make_no_sense(options, reason, tmp_path, capfd):
    assert check(tmp_path, *options) == (2, None)
    assert reason in capfd.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_one_line_says_so(tmp_path, capfd):
    assert call('check_gpu.py', '--out', tmp_path) == 2
    assert re.fullmatch(r'error: PyTorch .* finds no such GPU; .*\n', capfd.readouterr().err)


@pytest.mark.parametrize('device,seen,shown', [
    ('cuda', None, '0'), ('cuda:2', None, '2'), ('cuda', '3,5', '3'), ('cuda:1', '3,5', '5'),
    ('cuda', 'GPU-1a,GPU-2b', 'GPU-1a'), ('cuda:1', 'GPU-1a', ''), ('cuda', '', ''),
    ('cpu', '3,5', ''), ('cpu', None, '')])
def test_parts_see_one_gpu(device, seen, shown, monkeypatch):
    import check_gpu
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', seen or '')
    if seen is None:
        monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    assert check_gpu.show_one_device(device) == device.partition(':')[0]
    assert os.environ['CUDA_VISIBLE_DEVICES'] == shown


# ---------------------------------------- the parts, in this process


def settings(folder, **changes):
    from gpu_checks.part import Settings
    return Settings(**{**dict(device=torch.device('cpu'), quick=True, scratch=folder,
                              weights=None, deadline=time.monotonic() + 600), **changes})


def test_an_error_is_noted_with_its_last_lines_and_the_rest_goes_on(tmp_path):
    from gpu_checks.part import Part, run_part

    def run(part: Part, _) -> None:
        part.row('Figures', share=.5)
        for number in range(2):
            with part.section(f'size {number}'):
                raise RuntimeError(f'CUDA error {number}')
        part.row('Figures', share=.25)
        raise ValueError('in the end')

    run_part('odd', run, settings(tmp_path), tmp_path / 'part.json')
    found = json.loads((tmp_path / 'part.json').read_text())
    assert [row['share'] for row in found['rows']] == [.5, .25]
    assert [failure.splitlines()[0] for failure in found['failures']] == [
        'size 0:', 'size 1:', 'odd:']
    assert [failure.splitlines()[-1] for failure in found['failures']] == [
        'RuntimeError: CUDA error 0', 'RuntimeError: CUDA error 1', 'ValueError: in the end']


def test_what_was_measured_before_a_crash_is_kept(tmp_path, monkeypatch):
    """A process that CUDA has spoilt may end in any way."""
    tool = tmp_path / 'check_gpu.py'
    tool.write_text('import pathlib, sys, os\n'
                    'folder = pathlib.Path(sys.argv[sys.argv.index("--scratch") + 1])\n'
                    '(folder / "part.json").write_text(\'{"name": "finetune", "rows": '
                    '[{"table": "T", "x": 1}], "notes": [], "failures": [], "seconds": 0}\')\n'
                    'print("Segmentation fault", flush=True)\n'
                    'os.kill(os.getpid(), 9)\n')
    import argparse

    import check_gpu
    monkeypatch.setattr(check_gpu, '__file__', str(tool))
    args = argparse.Namespace(device='cpu', quick=True, weights=None, minutes=1)
    part = check_gpu.check_in_child(args, 'finetune', tmp_path / 'scratch', time.monotonic() + 60)
    assert part.rows == [dict(table='T', x=1)]
    assert part.failures == ['finetune: ended with code -9\nSegmentation fault']


def test_differences_from_the_cpu_are_failures(tmp_path, monkeypatch):
    from gpu_checks import detection
    from gpu_checks.part import Part

    from mmdesra.detectors import DeSRA

    class Off(DeSRA):
        """Wrong where a device is named, as the one on the GPU is."""

        def __init__(self, device=None, **options):
            super().__init__(**options)
            self.error = 0 if device is None else .01

        def artifact_map(self, gan, mse):
            return super().artifact_map(gan, mse) + self.error

    monkeypatch.setattr(detection, 'DeSRA', Off)
    part = Part('detection')
    detection.measure(part, settings(tmp_path), 128)
    assert part.failures[0] == '128: maps differ from the CPU by 1.0e-02'


def test_figures_of_the_upscaler(tmp_path):
    from gpu_checks import upscaling
    from gpu_checks.part import Part
    part = Part('upscaler')
    upscaling.run(part, settings(tmp_path))
    assert part.failures == []
    assert [(row['precision'], row['way']) for row in part.rows] == [
        ('float32', 'whole'), ('float32', 'tiled'), ('bfloat16', 'whole'), ('bfloat16', 'tiled')]
    assert all(row['megapixels_per_s'] > 0 and row['share_of_bare_network'] > 0
               for row in part.rows)
    assert part.rows[1]['most_levels_from_whole'] <= 1
    assert any('RANDOM weights' in note for note in part.notes)


def test_a_table_of_markdown():
    from gpu_checks.report import draw_table
    assert draw_table([dict(table='T', side=8, share_of_copy=.512, within_2_of_float32=.99951),
                       dict(table='T', side=16, overhead=-.01, peak_mib=None)]) == (
        '| side | share of copy | within 2 of float32 | overhead | peak mib |\n'
        '| ---- | ------------: | ------------------: | -------: | -------: |\n'
        '| 8    |         51.2% |             99.951% |          |          |\n'
        '| 16   |               |                     |    -1.0% |          |')
