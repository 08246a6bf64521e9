"""mmdesra upscale, blend and convert, as a user types them."""
from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from toys import make_lq_folder, write_checkpoints

from mmdesra import program
from mmdesra.apis.checkpoints import ncnn_hints, upscayl_scale
from mmdesra.files import read_image, read_mask

HEAL = ['--heal', '--min-area', '200', '--save-masks']


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the program in this process; its exit code and what it printed."""
    def run_program(*words):
        monkeypatch.setattr(sys, 'argv', ['mmdesra', *map(str, words)])
        with pytest.raises(SystemExit) as end:
            program.main()
        return end.value.code, capsys.readouterr()
    return run_program


@pytest.fixture
def here(tmp_path):
    """A folder with gan.pth, mse.pth and photos of which the second is clean."""
    write_checkpoints(tmp_path)
    make_lq_folder(tmp_path / 'photos', 3)
    return tmp_path


def upscale(here, *words):
    return ['upscale', here / 'gan.pth', here / 'photos', '--out', here / 'out', '--generator',
            'ToyGenerator', '--device', 'cpu', *words]


def test_photographs_are_enlarged_and_a_bad_one_is_named(run, here):
    code, printed = run(*upscale(here, '--suffix', '', '--outscale', '2'))
    assert code == 0 and printed.out == f'3 images in {here}/out\n'
    assert {path.name: read_image(path).shape for path in (here / 'out').glob('*.png')} == {
        f'image{number}.png': (80, 96, 3) for number in range(3)}
    (here / 'photos/bad.png').write_text('no image')
    code, printed = run(*upscale(here))
    assert code == 1 and 'skipped: 1 of 4' in printed.out
    assert f'skipped: {here}/photos/bad.png: cannot be read' in printed.out + printed.err


def test_nothing_done_is_an_error(run, here):
    (here / 'photos/bad.png').write_text('no image')
    words = [*upscale(here)[:2], here / 'photos/bad.png', *upscale(here)[3:]]
    code, printed = run(*words)
    assert code == 2 and 'error: nothing was done, all 1 images were skipped' in printed.err


def test_artifacts_are_healed_at_once(run, here):
    code, printed = run(*upscale(here, *HEAL, '--mse-checkpoint', here / 'mse.pth'))
    assert code == 0
    masks = [read_mask(here / f'out/mask/image{number}_out.png') for number in range(3)]
    assert masks[0].any() and not masks[1].any() and masks[2].any()
    healed = sum(int(mask.sum()) for mask in masks)
    assert 'px, in 2 of them' in printed.out and f', {healed} px' in printed.out
    lq = read_image(here / 'photos/image0.png').repeat(4, 0).repeat(4, 1)  # what the MSE makes
    np.testing.assert_array_equal(read_image(here / 'out/image0_out.png')[masks[0]], lq[masks[0]])


def test_artifacts_are_healed_without_a_sibling(run, here):
    code, printed = run(*upscale(here, *HEAL, '--reference', 'self-ensemble',
                                 '--reference-options', 'passes=4'))
    assert code == 0, printed.err
    assert 'px, in 2 of them' in printed.out


@pytest.mark.parametrize('words, said', [
    (['--heal'], '--heal needs --mse-checkpoint'), (['--heal'], '--reference self-ensemble'),
    (['--heal', '--mse-checkpoint', 'mse.pth', '--reference', 'self-ensemble'], 'got both'),
    (['--reference', 'self-ensemble'], 'has no effect without --heal'),
    (['--reference-options', 'passes=4'], 'give --reference, too'),
    (['--mse-checkpoint', 'mse.pth'], 'has no effect without --heal'),
    (['--save-masks'], 'has no effect without --heal')])
def test_half_of_healing_is_an_error(run, here, words, said):
    code, printed = run(*upscale(here, *words))
    assert code == 2 and said in printed.err and len(printed.err.splitlines()) == 1


def test_weights_are_blended(run, here):
    words = ['blend', here / 'gan.pth', here / 'mse.pth', '--strength', '0.6', here / 'out.pth']
    code, printed = run(*words)
    assert code == 0 and f'{here}/out.pth: 1 tensors, 1 of which differ' in printed.out
    found = torch.load(here / 'out.pth', weights_only=True)['params']['amplitude']
    before = torch.load(here / 'gan.pth', weights_only=True)['params']['amplitude']
    torch.testing.assert_close(found, .4 * before)
    code, printed = run(*words)
    assert code == 2 and 'only with --overwrite' in printed.err
    code, printed = run(*words[:4], '1.5', here / 'new.pth')
    assert code == 2 and 'strength from 0' in printed.err


def test_a_checkpoint_becomes_onnx(run, here):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    code, printed = run('convert', here / 'gan.pth', here / 'x.onnx', '--generator',
                        'ToyGenerator')
    assert code == 0, printed.err
    assert f'{here}/x.onnx: ToyGenerator x4, checked against PyTorch' in printed.out
    assert (here / 'x.onnx').stat().st_size > 100


def test_options_of_other_forms_are_refused(run, here):
    for words, said in ((['x.onnx', '--to', 'mmagic'], '--to and --role are for .pth'),
                        (['x.pth', '--fp16'], '--fp16 is for .onnx and .param'),
                        (['x.pb'], 'ends in .pth or .safetensors, .onnx or .param')):
        code, printed = run('convert', here / 'gan.pth', here / words[0], *words[1:])
        assert code == 2 and said in printed.err


@pytest.mark.parametrize('name, scale', [
    ('cured', 4), ('cured-x4', 4), ('cured-x2', 2), ('2x_cured', 2), ('CURED_X3', 3)])
def test_upscayl_takes_the_scale_from_the_name(name, scale):
    assert upscayl_scale(name) == scale
    real_esrgan, upscayl = ncnn_hints(name, scale)
    assert f'-n {name} -s {scale}' in real_esrgan and f'takes x{scale} from the name' in upscayl


@pytest.mark.parametrize('name, scale, said', [
    ('cured', 2, 'and x4 from this one: give both files a name with x2'),
    ('cured-x2', 4, 'a name with x4 and without x2 and x3'), ('cured', 8, 'no models of x8')])
def test_a_name_that_upscayl_would_take_wrongly_is_told(name, scale, said):
    assert said in ncnn_hints(name, scale)[1]
