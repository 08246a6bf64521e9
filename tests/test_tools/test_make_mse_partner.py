from __future__ import annotations

import re

import pytest
import torch
from command_lines import call, held_by_another_run, run_anew
from PIL import Image
from toy_training import model_config, training_config
from toys import GAN_AMPLITUDE, make_lq_image, write_checkpoints

from mmdesra.files.configs import read_config

pytestmark = pytest.mark.usefixtures('own_scope')


@pytest.fixture(autouse=True)
def quick_logs(monkeypatch):
    """Laying configs out takes longer than these runs."""
    monkeypatch.setattr('mmengine.config.config.FormatCode', lambda text, **_: (text, True),
                        raising=False)  # onedl-mmengine lays it out otherwise


@pytest.fixture
def arguments(tmp_path):
    photographs = tmp_path / 'photographs'
    photographs.mkdir()
    for seed, name in enumerate('abc'):
        Image.fromarray(make_lq_image(seed, (70, 80))).save(photographs / f'{name}.png')
    config = tmp_path / 'toy_srgan.py'
    training_config(model_config()).dump(config)
    gan, _ = write_checkpoints(tmp_path / 'weights')
    return [config, '--gan-checkpoint', gan, '--gt-dir', photographs, '--patch-size', 32,
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
    done = run_anew('make_mse_partner.py', *arguments, '--max-iters', 3)
    assert done.returncode == 0, done.stderr
    first = amplitude(out)
    assert first < GAN_AMPLITUDE - .05
    assert '+    discriminator=None' in done.stdout
    assert re.search(r's an iteration here \(batches of 2, patches of 32 px\): at most [\d.]+ '
                     r'minutes for 3 iterations; it ends when', done.stdout)
    assert re.search(rf'{out}: the MSE-trained partner, iteration 3 of 3; loss on 1 held-out '
                     r'photographs 0\.\d+ -> 0\.\d+ \(-\d+\.\d%\); 2 were trained on', done.stdout)
    assert re.search(r'partner: 100%.* 3/3 .*held-out loss \d', done.stderr)

    assert '--overwrite' in error_of(capsys, *arguments)
    assert call('make_mse_partner.py', *arguments, '--max-iters', 4, '--passes', 2, '--resume',
                '--overwrite') == 0
    assert amplitude(out) < first - .01
    assert 'iteration 4 of 4, asked in 2 passes; loss' in capsys.readouterr().out


def test_no_partner_is_an_exit_code_of_its_own(arguments, tmp_path, capsys):
    """From weights that are as near as the toy comes."""
    mse = tmp_path / 'weights/mse.pth'
    arguments = [mse if one == tmp_path / 'weights/gan.pth' else one for one in arguments]
    assert call('make_mse_partner.py', *arguments, '--max-iters', 2) == 3
    printed = capsys.readouterr().out
    assert 'no partner: in 2 iterations the loss on 1 held-out photographs was never' in printed
    assert 'partner.pth is not written' in printed
    assert not (tmp_path / 'made/partner.pth').exists()


def test_a_fixed_length_and_a_batch_size(arguments, tmp_path, capsys):
    assert call('make_mse_partner.py', *arguments, '--max-iters', 2, '--heldout-share', 0,
                '--batch-size', 1, '--degradation', 'realesrgan', '--seed', 3) == 0
    printed = capsys.readouterr().out
    assert 'after 2 iterations' in printed and 'batches of 1, patches of 32 px' in printed
    meta = torch.load(tmp_path / 'made/partner.pth', weights_only=True)['meta']['mse_partner']
    assert (meta['heldout'], meta['batch_size'], meta['degradation'], meta['seed']) == (
        0, 1, 'realesrgan', 3)


def test_photographs_that_cannot_be_used_are_skipped(arguments, tmp_path, capsys):
    photographs = tmp_path / 'photographs'
    png = (photographs / 'a.png').read_bytes()
    (photographs / 'torn.png').write_bytes(png[:len(png) // 2])
    Image.new('RGB', (90, 20)).save(photographs / 'low.png')
    assert call('make_mse_partner.py', *arguments, '--max-iters', 2) == 1
    printed = capsys.readouterr().out
    assert 'low.png: expected a photograph of at least 32x32 px, one patch, got 90x20' in printed
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
    assert 'missing' in error_of(capsys, *arguments, '--gt-dir', 'missing')
    assert 'multiple of the scale 4, got 30' in error_of(capsys, *arguments, '--patch-size', 30)
    assert 'batch size of at least 1, got 0' in error_of(capsys, *arguments, '--batch-size', 0)
    photograph = tmp_path / 'photographs/a.png'
    assert '--heldout-share 0' in error_of(capsys, *arguments, '--gt-dir', photograph)
    other = tmp_path / 'other.pth'
    torch.save(dict(params=dict(another=torch.zeros(1))), other)
    assert 'does not fit' in error_of(capsys, *arguments, '--gan-checkpoint', other)
    own = arguments[arguments.index('--gan-checkpoint') + 1]
    assert 'is the checkpoint to start from' in error_of(capsys, *arguments, '--out', own,
                                                         '--overwrite')


def test_a_network_that_spandrel_knows_in_another_ones_config(arguments, tmp_path, capsys):
    pytest.importorskip('spandrel')
    from spandrel.architectures.Compact import Compact
    network = Compact(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=1, upscale=2)
    torch.save(dict(params=network.state_dict()), tmp_path / 'compact.pth')
    capsys.readouterr()
    assert call('make_mse_partner.py', *arguments, '--gan-checkpoint', tmp_path / 'compact.pth',
                '--generator', 'spandrel', '--print-config') == 0
    printed = tmp_path / 'printed.py'
    printed.write_text(capsys.readouterr().out)
    config = read_config(str(printed))
    assert config.model.generator == dict(type='SpandrelGenerator',
                                          checkpoint=str(tmp_path / 'compact.pth'))
    [reduction] = [step for step in config.train_dataloader.dataset.pipeline
                   if step['type'] == 'mmagic.RandomDownSampling']
    assert reduction['scale_min'] == reduction['scale_max'] == 2  # as the network says
