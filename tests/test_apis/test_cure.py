"""mmdesra cure, whole, with a network of one weight that makes real artifacts."""
from __future__ import annotations

import json
import re
import shutil
import sys

import numpy as np
import pytest
import torch
from command_lines import call, run_in_two_forks
from PIL import Image
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_image, write_generator_config

from mmdesra.apis.curing import bar, crops, outcome, plan, recipe, record, run, steps
from mmdesra.apis.curing.recipe import Recipe
from mmdesra.apis.curing.run import cure
from mmdesra.engine import partner_watch
from mmdesra.errors import InputError
from mmdesra.generators import GeneratorError
from mmdesra.models.texture_loss import PixelTextureLoss

pytestmark = pytest.mark.usefixtures('own_scope', 'quick')
OPTIONS = dict(max_iters=12, partner_iters=12, degradation='bicubic', device='cpu')
STEPS = 'plan', 'cut', 'cut for the reference', 'partner', 'find', 'finetune', 'truths', 'judge'


@pytest.fixture(scope='module')
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True),
                      raising=False)
        patch.setitem(recipe.RECIPES, 'ToyGenerator', Recipe(lq_patch=16, lr=.03))
        yield


def write_photographs(folder, count=6, clean=False, size=(96, 104)):
    folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(make_lq_image(number, size, clean)).save(folder / f'p{number}.png')
    return folder


@pytest.fixture
def given(tmp_path):
    model = tmp_path / 'gan.pth'
    torch.save(dict(params_ema=ToyGenerator(GAN_AMPLITUDE).state_dict(), step=7), model)
    write_photographs(tmp_path / 'photos/holiday')
    return dict(model=model, photographs=tmp_path / 'photos', out=tmp_path / 'out',
                config=str(write_generator_config(tmp_path)), **OPTIONS)


def amplitude(path):
    return torch.load(path, weights_only=True)['params_ema']['amplitude'].item()


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A cure that nothing disturbs."""
    here = tmp_path_factory.mktemp('whole')
    model = here / 'gan.pth'
    torch.save(dict(params_ema=ToyGenerator(GAN_AMPLITUDE).state_dict(), step=7), model)
    photographs = write_photographs(here / 'photos/holiday').parent
    said = []
    result = cure(model, photographs, here / 'out', said.append,
                  config=str(write_generator_config(here)), **OPTIONS)
    return here / 'out', result, said


def test_the_artifacts_go_and_the_layout_stays(whole):
    out, result, said = whole
    assert result.outcome == record.CURED, result.reasons
    cured = torch.load(out / 'cured.pth', weights_only=True)
    assert cured['step'] == 7
    assert abs(amplitude(out / 'cured.pth')) < GAN_AMPLITUDE - .05
    figures = json.loads((out / 'cure.json').read_text())
    assert figures['trained']['heldout']['removal_rate'] > 0
    inside = figures['truth']['truth']['inside']
    assert inside['after']['psnr'] > inside['before']['psnr']
    assert figures['plan']['partner_iters'] == 12
    assert any('this will take about' in sentence for sentence in said)


def test_what_was_done_is_there_to_see(whole):
    out, _, _ = whole
    page = (out / 'before_after.html').read_text(encoding='utf-8')
    trained = json.loads((out / 'cure.json').read_text())['trained']
    assert f'the result is that of {trained["iteration"]}' in page
    assert page.count('gan.pth') and 'SHA-256' in page
    assert 'texture error inside the artifacts' in (
        out / 'before_after_truth.html').read_text(encoding='utf-8')
    table = (out / 'photographs.csv').read_text().splitlines()
    assert [line.split(',')[0] for line in table[1:]] == [
        f'holiday/p{number}.png' for number in range(6)]
    log = (out / 'cure.log').read_text()
    assert 'DeSRA: the result is' in log
    assert 'Initialization information' not in log
    assert (out / 'work/config.py').is_file()


def test_the_same_command_again_says_the_same(whole, monkeypatch):
    out, result, _ = whole
    before = (out / 'cured.pth').read_bytes()
    monkeypatch.setattr(run, 'finetune', _stop)  # it is not called again
    again = cure(out.parent / 'gan.pth', out.parent / 'photos', out,
                 config=str(out.parent / 'toy_generator.py'), **OPTIONS)
    assert again.reasons == result.reasons
    assert (out / 'cured.pth').read_bytes() == before


def test_what_cannot_be_written_beside_the_weights_is_told(whole, tmp_path, capsys, monkeypatch):
    out, _, _ = whole
    shutil.copytree(out, tmp_path / 'out')
    given = dict(model=out.parent / 'gan.pth', photographs=out.parent / 'photos',
                 out=tmp_path / 'out', config=str(out.parent / 'toy_generator.py'))
    page = tmp_path / 'out/before_after.html'
    page.unlink()
    page.mkdir()  # stands for a full disk
    monkeypatch.setattr(outcome, 'require_packages', lambda _: None)

    def cannot(*args, **options):
        raise GeneratorError('cannot be expressed')
    monkeypatch.setattr(outcome, 'export_checkpoint', cannot)
    assert command_line(given, '--export', 'onnx') == 1
    printed = capsys.readouterr().out
    weights = tmp_path / 'out/cured.pth'
    for name in ('before_after.html', 'cured.onnx'):
        assert re.search(rf'not written: {name}: .*; the weights are there .{weights}', printed)
    assert weights.read_bytes() == (out / 'cured.pth').read_bytes()
    figures = json.loads((tmp_path / 'out/cure.json').read_text())
    assert figures['unwritten'].keys() == {'before_after.html', 'cured.onnx'}
    assert figures['pages'] == ['before_after_truth.html']


def test_other_settings_are_refused(whole):
    out, _, _ = whole
    with pytest.raises(InputError, match='max_iters: there 12, now 5'):
        cure(out.parent / 'gan.pth', out.parent / 'photos', out,
             config=str(out.parent / 'toy_generator.py'), **{**OPTIONS, 'max_iters': 5})


def test_what_another_version_began_is_not_gone_on_with(tmp_path):
    steps.Steps(tmp_path, dict(max_iters=6)).do('plan', dict)
    known = steps.Steps(tmp_path, dict(max_iters=6))
    assert known.knows('plan')
    file = tmp_path / 'steps.json'
    before = file.read_text().replace(f'"format": {steps.FORMAT}', '"format": 1')
    file.write_text(before)
    with pytest.raises(InputError, match='steps.json: .* begun by another version of mmdesra'):
        steps.Steps(tmp_path, dict(max_iters=6))
    assert file.read_text() == before


def test_a_cure_stopped_after_each_step_and_in_the_middle_ends_in_the_same_bytes(
        whole, given, monkeypatch):
    do = steps.Steps.do

    def stop_after(self, name, *args, **options):
        was_known = self.knows(name)
        found = do(self, name, *args, **options)
        if not was_known:
            raise KeyboardInterrupt
        return found

    stopped = []

    def stop_in_training(after_iteration):
        def stop(self, runner, *args, **options):
            after_iteration(self, runner, *args, **options)
            if runner.iter + 1 == 2 and runner.work_dir not in stopped:
                stopped.append(runner.work_dir)
                raise KeyboardInterrupt
        return stop

    monkeypatch.setattr(steps.Steps, 'do', stop_after)
    for hook in (bar.CountIterations, partner_watch.PartnerWatch):
        monkeypatch.setattr(hook, 'after_train_iter', stop_in_training(hook.after_train_iter))
    for _ in range(len(STEPS) + 2):
        with pytest.raises(KeyboardInterrupt):
            cure(**given)
        assert not (given['out'] / 'cured.pth').exists()
    assert len(stopped) == 2
    assert cure(**given).outcome == record.CURED
    assert (given['out'] / 'cured.pth').read_bytes() == (whole[0] / 'cured.pth').read_bytes()


def command_line(given, *more):
    return call('cure.py', given['model'], given['photographs'], '--out', given['out'],
                '--config', given['config'], '--max-iters', OPTIONS['max_iters'],
                '--partner-iters', OPTIONS['partner_iters'], '--degradation', 'bicubic', *more)


def test_exit_codes(given, tmp_path, capsys, monkeypatch):
    photographs = given['photographs']
    (photographs / 'torn.png').write_bytes(
        (photographs / 'holiday/p0.png').read_bytes()[:500])
    mse = tmp_path / 'mse.pth'
    torch.save(dict(params=ToyGenerator(.05).state_dict()), mse)
    assert command_line(given, '--mse', mse) == 1
    assert 'torn.png' in capsys.readouterr().out
    assert (given['out'] / 'cured.pth').is_file()

    write_photographs(tmp_path / 'clean', 3, clean=True)
    clean = dict(given, photographs=tmp_path / 'clean', out=tmp_path / 'nothing')
    assert command_line(clean, '--mse', mse) == 3
    assert '0 artifact regions' in capsys.readouterr().out
    assert not (tmp_path / 'nothing/cured.pth').exists()
    assert json.loads((tmp_path / 'nothing/cure.json').read_text())['outcome'] == record.NOTHING

    monkeypatch.setitem(recipe.RECIPES, 'ToyGenerator', Recipe(lq_patch=16, lr=1e-9))
    idle = dict(given, out=tmp_path / 'idle')
    assert command_line(idle, '--mse', mse) == 4
    printed = capsys.readouterr().out
    assert 'did not help' in printed and 'work/result.pth' in printed
    assert not (tmp_path / 'idle/cured.pth').exists()

    assert command_line(dict(given, model=tmp_path / 'missing.pth')) == 2
    assert command_line(dict(given, out=tmp_path / 'same'), '--mse', given['model']) == 2
    assert 'holds the same weights' in capsys.readouterr().err
    assert command_line(dict(given, photographs=tmp_path / 'missing')) == 2


def test_a_missing_package_is_told_before_anything_is_done(given, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(InputError, match='pip install onnx'):
        cure(**given, export=('onnx',))
    assert not (given['out'] / 'work').exists()


def test_large_photographs_are_cut(given):
    rng = np.random.default_rng(0)
    flat = np.full((400, 500, 3), 90, np.uint8)
    flat[200:, 300:] = rng.integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(flat).save(given['photographs'] / 'large.png')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, 'train_partner', _stop)
        with pytest.raises(KeyboardInterrupt):
            cure(**given)
    rows = [line for line in (given['out'] / 'photographs.csv').read_text().splitlines()
            if line.startswith('large.png')]
    assert 1 <= len(rows) <= 8
    _, _, _, width, height, x, y, *_ = rows[0].split(',')
    assert (int(width), int(height)) == (192, 192)
    assert int(x) >= 200 and int(y) >= 150


@pytest.mark.parametrize('others', [2, 0])
def test_where_the_first_held_out_crops_show_no_artifact_others_are_looked_at(
        others, given, tmp_path, monkeypatch):
    heldout = tmp_path / 'heldout'
    heldout.mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        image = make_lq_image(20 + number, (96, 104), clean=True)
        image[..., 0] = rng.integers(0, 250, image.shape[:2])  # more texture than the others
        Image.fromarray(image).save(heldout / f'clean{number}.png')
    for number in range(others):
        Image.fromarray(make_lq_image(number, (96, 104))).save(heldout / f'green{number}.png')
    monkeypatch.setattr(plan, 'MOST_HELDOUT', 5)
    mse = tmp_path / 'mse.pth'
    torch.save(dict(params=ToyGenerator(.05).state_dict()), mse)
    said = []
    result = cure(**given, report=said.append, heldout=heldout, mse=mse)
    table = (given['out'] / 'photographs.csv').read_text()
    if others:
        assert result.figures['trained']['heldout']['regions_before'] > 0
        assert 'no artifact in 5 held-out crops: 2 others are looked at' in said
        assert table.count(crops.NO_ARTIFACT) == 5
        assert 'green0' in (given['out'] / 'before_after.html').read_text()
    else:
        assert result.outcome == record.NOTHING
        assert 'none in 5 held-out ones' in result.reasons[0]


def test_with_vgg16_half_of_a_batch_is_truths_and_better_photographs_make_the_reference(
        given, tmp_path, monkeypatch):
    weights = tmp_path / 'vgg16.pth'
    weights.write_bytes(b'stands for them')
    better = write_photographs(tmp_path / 'better', 3, size=(200, 210))
    seen = {}

    def stop(*args):
        seen.update(next(one for one in args if isinstance(one, dict) and 'lq_dir' in one))
        raise KeyboardInterrupt

    monkeypatch.setattr(run, 'TruthLoss', lambda vgg16_weights: PixelTextureLoss())
    monkeypatch.setattr(run, 'finetune', stop)
    with pytest.raises(KeyboardInterrupt):
        cure(**given, vgg16_weights=weights, partner_photographs=better)
    wide = given['out'] / 'work/crops/partner'
    assert {path.stem.split('_')[1] for path in wide.iterdir()} == {'p0', 'p1', 'p2'}
    assert {Image.open(path).height for path in wide.iterdir()} == {200}  # whole
    assert seen['truth_share'] == .5
    assert seen['truth_dir'] == str(wide)
    assert seen['truth_degradation'] == 'bicubic'
    assert seen['truth_loss'] == dict(vgg16_weights=str(weights))
    with pytest.raises(InputError, match='vgg16'):  # others are another cure
        cure(**given, partner_photographs=better)


def test_in_two_processes_a_partner_is_trained(given):
    codes, said = run_in_two_forks(
        'cure.py', given['model'], given['photographs'], '--out', given['out'], '--config',
        given['config'], '--max-iters', 2, '--partner-iters', 4, '--degradation', 'bicubic',
        '--min-area', '20')
    assert set(codes) <= {0, 3, 4}, said  # it need not have helped
    known = json.loads((given['out'] / 'work/steps.json').read_text())['done']
    assert known['partner']['done'] == 4 and 0 < known['partner']['strength'] <= 1


def test_one_photograph_to_train_on_makes_no_partner(given, tmp_path):
    for path in sorted((given['photographs'] / 'holiday').iterdir())[:-1]:
        path.unlink()
    heldout = write_photographs(tmp_path / 'heldout', 2)
    said = []
    result = cure(**given, report=said.append, heldout=heldout)
    assert any('fewer than two crops' in sentence for sentence in said)
    assert result.outcome in (record.CURED, record.NO_HELP, record.NOTHING)
    assert json.loads((given['out'] / 'cure.json').read_text())['reference'] == 'self-ensemble'


def _stop(*args, **options):
    raise KeyboardInterrupt
