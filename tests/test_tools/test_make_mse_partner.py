from __future__ import annotations

import pytest
import torch
from command_lines import call, held_by_another_run, run
from PIL import Image
from toy_training import model_config, training_config
from toys import GAN_AMPLITUDE, make_lq_image, write_checkpoints

from mmdesra.files.configs import read_config

pytestmark = pytest.mark.usefixtures('own_scope')


@pytest.fixture
def arguments(tmp_path):
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    Image.fromarray(make_lq_image(0, (150, 160))).save(photographs / 'a.png')
    config = tmp_path / 'toy_srgan.py'
    training_config(model_config()).dump(config)
    gan, _ = write_checkpoints(tmp_path / 'weights')
    return [config, '--gan-checkpoint', gan, '--gt-dir', photographs, '--scale', 4,
            '--work-dir', tmp_path / 'run', '--out', tmp_path / 'made/partner.pth',
            '--cfg-options', f'experiment_name={tmp_path.name}']


def error_of(capsys, *arguments):
    capsys.readouterr()
    assert call('make_mse_partner.py', *arguments) == 2
    *_, error = capsys.readouterr().err.splitlines()
    assert error.startswith('error: ')
    return error


def amplitude(path):
    return torch.load(path, weights_only=True)['params_ema']['amplitude'].item()


def test_makes_a_partner_and_goes_on(arguments, tmp_path, capsys):
    """First as a user does: in a process of its own."""
    out = tmp_path / 'made/partner.pth'
    done = run('make_mse_partner.py', *arguments, '--max-iters', 3)
    assert done.returncode == 0, done.stderr
    first = amplitude(out)
    assert first < GAN_AMPLITUDE - .05
    assert '+    discriminator=None' in done.stdout
    assert f'{out}: the MSE-trained partner, after 3 iterations' in done.stdout

    assert '--overwrite' in error_of(capsys, *arguments)
    assert call('make_mse_partner.py', *arguments, '--max-iters', 4, '--resume',
                '--overwrite') == 0
    assert amplitude(out) < first - .01
    assert 'after 4 iterations' in capsys.readouterr().out


def test_photographs_that_cannot_be_used_are_skipped(arguments, tmp_path, capsys):
    photographs = tmp_path / 'photographs'
    png = (photographs / 'a.png').read_bytes()
    (photographs / 'torn.png').write_bytes(png[:len(png) // 2])
    Image.new('RGB', (90, 20)).save(photographs / 'low.png')
    assert call('make_mse_partner.py', *arguments, '--max-iters', 2) == 1
    printed = capsys.readouterr().out
    assert 'low.png: expected at least 128x128 px, got 90x20' in printed
    assert 'torn.png: cannot be read' in printed
    assert amplitude(tmp_path / 'made/partner.pth') < GAN_AMPLITUDE


def test_prints_the_config_and_writes_nothing(arguments, tmp_path, capsys):
    assert call('make_mse_partner.py', *arguments, '--print-config') == 0
    printed = tmp_path / 'printed.py'
    printed.write_text(capsys.readouterr().out)
    assert read_config(str(printed)).model.discriminator is None
    assert not (tmp_path / 'made').exists()
    assert not (tmp_path / 'run').exists()


def test_folder_of_a_run_that_is_under_way(arguments, tmp_path, capsys):
    with held_by_another_run(tmp_path / 'run'):
        assert 'another run is at work' in error_of(capsys, *arguments)
    assert not (tmp_path / 'made/partner.pth').exists()


def test_errors_are_one_line(arguments, tmp_path, capsys):
    assert 'no such checkpoint' in error_of(capsys, *arguments, '--gan-checkpoint', 'missing.pth')
    assert 'expected a folder of images' in error_of(capsys, *arguments, '--gt-dir', 'missing')
    other = tmp_path / 'other.pth'
    torch.save(dict(params=dict(another=torch.zeros(1))), other)
    assert 'does not fit' in error_of(capsys, *arguments, '--gan-checkpoint', other)
    own = arguments[arguments.index('--gan-checkpoint') + 1]
    assert 'is the checkpoint to start from' in error_of(capsys, *arguments, '--out', own,
                                                         '--overwrite')
