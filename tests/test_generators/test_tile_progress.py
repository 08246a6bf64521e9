"""How far a large image is, beside the bar that counts images."""
from __future__ import annotations

import io

import numpy as np
import pytest
from toys import ToyGenerator, make_lq_folder, make_pairs
from tqdm import tqdm

from mmdesra.apis.detect import detect_with_progress
from mmdesra.detectors import DeSRA
from mmdesra.files.left_out import _said
from mmdesra.generators import GeneratedPairs, Upscaler, tile_progress
from mmdesra.generators import pairs as pairs_module
from mmdesra.generators.tile_progress import tiles_shown

LQ = np.zeros((8, 12, 3), np.uint8)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_bar_counts_tiles_and_forgets_them():
    upscaler, screen = Upscaler(ToyGenerator(), tile=4), Terminal()
    with tqdm(total=1, file=screen, mininterval=0) as bar, tiles_shown(bar, upscaler, name='a'):
        upscaler(LQ)
        assert 'a: tile 1/6' in screen.getvalue() and 'a: tile 5/6' in screen.getvalue()
        assert bar.postfix == ''
    assert upscaler.report_tile is None


def test_elsewhere_lines_say_it_now_and_then(monkeypatch, capsys):
    upscaler, log = Upscaler(ToyGenerator(), tile=4), io.StringIO()
    bar = tqdm(total=3, desc='detect', file=log)
    with tiles_shown(bar, upscaler):
        upscaler(LQ)
    assert 'tile' not in capsys.readouterr().err + log.getvalue()  # not half a minute
    monkeypatch.setattr(tile_progress, 'PATIENCE', 0)
    with tiles_shown(bar, upscaler):
        upscaler(LQ)
    assert capsys.readouterr().err.splitlines()[:2] == [
        'detect, image 1 of 3: tile 1/6', 'detect, image 1 of 3: tile 2/6']


def test_a_bar_that_is_off_is_left_alone(capsys, monkeypatch):
    monkeypatch.setattr(tile_progress, 'PATIENCE', 0)
    upscaler = Upscaler(ToyGenerator(), tile=4)
    with tiles_shown(tqdm(total=1, disable=True), upscaler):
        upscaler(LQ)
    assert capsys.readouterr().err == ''


def test_detection_shows_the_tiles_of_both_generators(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tile_progress, 'PATIENCE', 0)
    make_lq_folder(tmp_path, 1)  # 48x40 px
    source = GeneratedPairs(tmp_path, Upscaler(ToyGenerator(.15), 20),
                            Upscaler(ToyGenerator(), 20))
    assert len(list(detect_with_progress(source, DeSRA()))) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if 'tile' in line]
    assert len(lines) == 2 * 5 and lines[0].endswith('detect, image 1 of 1: tile 1/6')
    assert all(upscaler.report_tile is None for upscaler in source.upscalers)


@pytest.mark.parametrize('tile', [0, 16])
def test_large_photographs_in_one_piece_are_told_of_tiles(tmp_path, tile, monkeypatch, caplog):
    make_lq_folder(tmp_path, 2)
    monkeypatch.setattr(pairs_module, 'LARGE', 48 * 40 - 1)
    _said.clear()
    pairs = make_pairs(tmp_path)
    pairs.gan.tile = tile
    for path in pairs.paths:
        pairs.load(path)
    told = [record.message for record in caplog.records if '--tile 256' in record.message]
    assert len(told) == (not tile)
