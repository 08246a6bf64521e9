"""The script that cures one model with each reference."""
from __future__ import annotations

import runpy
from types import SimpleNamespace

import pytest
from command_lines import TOOLS

from mmdesra.errors import InputError


@pytest.fixture(scope='module')
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS / 'reproductions')  # as for a script that is run
        return SimpleNamespace(**runpy.run_path(
            str(TOOLS / 'reproductions/compare_references.py')))


def test_runs_of_other_settings_are_refused(script, tmp_path):
    args = SimpleNamespace(out=tmp_path, gan='gan.pth', iters=200)
    for _ in range(2):
        script.check_settings(args)
    with pytest.raises(InputError, match='iters: there 200, now 100.*give another --out'):
        script.check_settings(SimpleNamespace(out=tmp_path, gan='gan.pth', iters=100))


def place(psnr):
    return {version: dict(psnr=psnr + number, texture_error=2., perceptual=None)
            for number, version in enumerate(('reference', 'before', 'after'))}


def row(removed, after):
    return dict(
        outcome='cured', reference='r', pseudo_gts=8, iteration=100, images=5, regions_before=10,
        regions_after=after, removal_rate=removed, faded=2, addition_rate=0., excess_left=.5,
        detail_kept=.98, perceptual=None, truth=dict(inside=place(20.), outside=place(25.)))


def test_each_reference_is_a_column(script):
    table = script.table(dict(sibling=row(.9, 1), partner=row(.5, 5))).splitlines()
    assert [cell.strip() for cell in table[0].strip('|').split('|')] == ['', 'sibling', 'partner']
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in (
        line.strip('|').split('|') for line in table[2:])}
    assert rows['regions'] == ['10 -> 1', '10 -> 5']
    assert rows['removed'] == ['90.0%', '50.0%']
    assert rows['PSNR, dB, inside'] == ['21.00 -> 22.00'] * 2
