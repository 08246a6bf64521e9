from __future__ import annotations

import json

import pytest
from command_lines import call, run
from PIL import Image
from toys import make_lq_image, write_checkpoints, write_generator_config

from mmdesra.detectors.calibrated_file import read_calibrated
from mmdesra.files import read_mask


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    (root / 'photographs').mkdir()
    for number in range(4):
        Image.fromarray(make_lq_image(number, (32, 40))).resize(
            (160, 128), Image.Resampling.BICUBIC).save(root / f'photographs/photo{number}.png')
    write_checkpoints(root)
    write_generator_config(root)
    return root


def arguments(data, out, *more):
    return ('calibrate_detector.py', '--truth', data / 'photographs', '--generator',
            data / 'toy_generator.py', '--gan-checkpoint', data / 'gan.pth', '--mse-checkpoint',
            data / 'mse.pth', '--short-sides', '--min-area', '100', '--steps', '2', '--out', out,
            *more)


def test_a_calibration_and_what_it_is_for(data, tmp_path):
    """Calibrated, compared, used to detect."""
    out = tmp_path / 'toy.safetensors'
    done = run(*arguments(data, out))
    assert done.returncode == 0, done.stderr
    assert 'learnt from 3 pieces of 3 photographs, judged on 1 pieces of 1 others' in done.stdout
    assert 'sees GAN-SR and MSE-SR' in done.stdout
    assert '| strength, calibrated    |' in done.stdout and '| strength, D < 0.7' in done.stdout
    _, card = read_calibrated(out)
    assert card.made['settings']['steps'] == 2 and card.scale == 4
    bench = tmp_path / 'bench'
    assert call('benchmark_truth.py', *arguments(data, bench)[1:9], '--min-area', '100',
                '--out', bench) == 0
    detector = f'{{"type": "TruthCalibrated", "weights": "{out}", "min_area": 100}}'
    assert call('compare_detectors.py', '--gan', bench / 'gan', '--mse', bench / 'mse', '--gt',
                bench / 'gt/strength', '--detector', 'DeSRA', '--detector', f'mine={detector}',
                '--out', tmp_path / 'comparison') == 0
    _, mine = json.loads((tmp_path / 'comparison/comparison.json').read_text())['detectors']
    assert mine['detector'] == 'mine' and 0 < mine['average_precision'] <= 1
    assert len(mine['config']['weights']) == 64
    assert call('detect.py', '--gan', bench / 'gan', '--mse', bench / 'mse', '--detector',
                'TruthCalibrated', '--detector-options', f'weights={out}', '--threshold', '0.02',
                '--min-area', '50', '--out', tmp_path / 'found') == 0
    assert read_mask(tmp_path / 'found/mask/photo0.png').any()


def test_a_detector_that_sees_the_gan_alone_needs_no_mse_images(data, tmp_path):
    out = tmp_path / 'gan_only.safetensors'
    assert call(*arguments(data, out, '--gan-only')) == 0
    assert not read_calibrated(out)[1].uses_mse
    assert call('detect.py', '--gan', data / 'photographs', '--detector', 'TruthCalibrated',
                '--detector-options', f'weights={out}', '--out', tmp_path / 'found') == 0


@pytest.mark.parametrize('more, message', [
    (('--steps', '0'), 'expected at least 1 step'),
    (('--precision', '2'), 'expected a precision'),
    (('--heldout-share', '1'), 'expected a share held out'),
    (('--truth', 'nowhere'), 'nowhere'),
    (('--gan', 'x'), 'give either --generator'),
])
def test_misuse_is_told_in_a_line(data, tmp_path, capsys, more, message):
    assert call(*arguments(data, tmp_path / 'a.safetensors', *more)) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_nothing_is_written_over_unasked(data, tmp_path, capsys):
    out = tmp_path / 'a.safetensors'
    out.write_bytes(b'mine')
    assert call(*arguments(data, out)) == 2
    assert '--overwrite replaces it' in capsys.readouterr().err
    assert call(*arguments(data, tmp_path / 'a.pth')) == 2
    assert 'expected a file .safetensors' in capsys.readouterr().err
    assert out.read_bytes() == b'mine'
    assert call(*arguments(data, out, '--overwrite')) == 0
    read_calibrated(out)
