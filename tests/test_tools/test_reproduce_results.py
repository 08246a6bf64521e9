"""The parts of the script that are not training or measuring: those take hours."""
from __future__ import annotations

import runpy
from types import SimpleNamespace

import pytest
from command_lines import TOOLS, call
from toys import make_lq_folder

from mmdesra.errors import InputError


@pytest.fixture(scope='module', autouse=True)
def tools_on_the_path():
    """As for a script that is run from the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS / 'reproductions')
        yield


@pytest.fixture(scope='module')
def script():
    return SimpleNamespace(**runpy.run_path(str(TOOLS / 'reproductions/reproduce_results.py')))


@pytest.fixture
def args(tmp_path):
    for name in ('train', 'test'):
        make_lq_folder(tmp_path / name, count=1)
    for name in ('gan', 'mse'):
        (tmp_path / f'srgan_{name}.pth').write_bytes(name.encode())
    return SimpleNamespace(out=tmp_path, checkpoints=tmp_path, train=tmp_path / 'train',
                           test=dict(photographs=tmp_path / 'test'), test_gt={}, perceptual=None,
                           backbone_weights=None, perceptual_options=None, iters=1000,
                           variation_iters=200)


def test_same_settings_go_on(script, args):
    for _ in range(2):
        script.check_settings(args)


@pytest.mark.parametrize('change', ['weights', 'photographs', 'iterations', 'truths'])
def test_figures_of_other_settings_are_not_taken_over(script, args, change):
    script.check_settings(args)
    if change == 'weights':
        (args.checkpoints / 'srgan_gan.pth').write_bytes(b'others')
    elif change == 'photographs':
        make_lq_folder(args.train, count=2)
    elif change == 'truths':
        args.test_gt = dict(photographs=args.train)
    else:
        args.variation_iters = 300
    with pytest.raises(InputError, match='give another --out'):
        script.check_settings(args)


@pytest.mark.parametrize('option', ['--iters', '--variation-iters'])
@pytest.mark.parametrize('count', ['80', '110'])
def test_iterations_without_a_checkpoint_are_an_error_of_usage(tmp_path, option, count, capsys):
    assert call('reproductions/reproduce_results.py', '--train', tmp_path, '--test',
                f'a={tmp_path}', option, count) == 2
    assert f'expected a multiple of 20 from 100 on, got {count}' in capsys.readouterr().err


def test_variations_are_measured_at_their_end_the_main_run_on_the_way(script, args):
    assert [look.iters for look in script.looks_of(args, 'l1')] == [200]
    assert [look.iters for look in script.looks_of(args, 'plain')] == [1000]
    looks = script.looks_of(args, script.MAIN)
    assert {look.iters for look in looks} == {50, 100, 200, 300, 500, 1000}
    assert looks[-1] == script.final_of(args)  # its pictures are left


def test_tables(script, args):
    row = dict(run='l1', iters=200, weights='EMA', set='photographs', regions_before=10,
               regions_after=3, area_before=5000, area_after=700, iou=.125, removal_rate=.7,
               addition_rate=.1, detail_kept=.98765, faded=4, excess_left=.512, truth=None)
    (table,) = script.make_tables(args, [row])
    cells = [cell.strip() for cell in table.splitlines()[-1].strip('|').split('|')]
    assert cells == ['L1 alone', '200', 'photographs', '10 -> 3', '5000 -> 700', '12.5%', '70.0%',
                     '4', '10.0%', '51.2%', '0.988']
    clean = dict(row, removal_rate=None, addition_rate=None, iou=None, excess_left=None)
    assert next(script.make_tables(args, [clean])).splitlines()[-1].count(' - |') == 4


def test_tables_of_the_truth(script, args):
    distance = dict(pixels=9, texture_error=1.5, texture_above=.25, psnr=30, perceptual=None)
    places = {name: dict(reference=distance, before=distance, after=distance)
              for name in ('inside', 'outside')}
    row = dict(run=script.MAIN, iters=1000, weights='EMA', set='photographs', regions_before=0,
               regions_after=0, area_before=0, area_after=0, iou=None, removal_rate=None,
               addition_rate=None, detail_kept=1, faded=0, excess_left=None, perceptual=None,
               niqe=dict(mse=1, gan_before=2, gan_after=3),
               truth=dict(places, images=7, regions={}))
    _, _, table = script.make_tables(args, [row])
    assert table.startswith('photographs: 7 images with ground truth\n\n| distance to the truth')
    assert '| inside: texture error              |   1.50 |   1.50 |  1.50 |' in table


def test_truths_of_no_test_set_are_an_error_of_usage(tmp_path, capsys):
    assert call('reproductions/reproduce_results.py', '--train', tmp_path, '--test',
                f'a={tmp_path}', '--test-gt', f'b={tmp_path}') == 2
    assert 'expected names of test sets (a), got b' in capsys.readouterr().err
