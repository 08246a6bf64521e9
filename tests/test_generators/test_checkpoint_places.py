"""Where a checkpoint is said to be: on this machine, or not."""
from __future__ import annotations

from pathlib import Path

import command_lines
import pytest
import torch
from torch import nn
from toys import ToyGenerator, make_lq_folder, write_checkpoints, write_generator_config

from mmdesra.apis import DeSRAInferencer
from mmdesra.detectors import build_detector
from mmdesra.engine.finetune_hook import DeSRAFinetuneHook
from mmdesra.errors import InputError
from mmdesra.evaluation.desra_detector import DeSRADetector
from mmdesra.generators import CheckpointError, convert_checkpoint, load_generator, read_checkpoint

URL = 'https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth'
ADDRESSES = {
    URL: 'is a URL', 'HTTP://host/x.pth': 'is a URL', 'ftp://host/x.pth': 'is a URL',
    'www.host.org/x.pth': 'is a URL', 'huggingface.co/a/b/x.pth': 'is a URL',
    'drive.google.com/file/d/x': 'is a URL',
    's3://bucket/x.pth': r'is an address \(s3://\) of a store or a model zoo',
    'cluster:s3://bucket/x.pth': r'is an address \(s3://\)',
    'openmmlab://resnet50': r'is an address \(openmmlab://\)',
    'torchvision://vgg19': r'is an address \(torchvision://\)',
    'hf://a/b': r'is an address \(hf://\)'}


@pytest.mark.parametrize('address', ADDRESSES)
@pytest.mark.parametrize('kind', [str, Path])  # a Path makes one slash of two
def test_an_address_is_refused_as_one(address, kind):
    with pytest.raises(CheckpointError, match=f': {ADDRESSES[address]}') as error:
        read_checkpoint(kind(address))
    assert 'download it and give the file' in str(error.value)
    assert str(error.value).startswith(str(kind(address)))


def test_a_file_url_is_to_be_a_path():
    with pytest.raises(CheckpointError, match='file:///x.pth: is a URL; give the path alone'):
        read_checkpoint('file:///x.pth')


def test_files_whose_names_resemble_addresses_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('www.x.pth', 'a:b.pth', 'zoo:/x.pth'):
        Path(name).parent.mkdir(exist_ok=True)
        torch.save(dict(params=dict(x=torch.ones(1))), name)
        assert read_checkpoint(name).keys() == {'params'}


def refused(call):
    with pytest.raises(InputError, match='RealESRGAN_x4plus.pth: is a URL.*download it and give'):
        call()


def hook(**checkpoints):
    return DeSRAFinetuneHook(**{**dict(lq_dir='photos', mse_checkpoint='mse.pth'), **checkpoints})


@pytest.mark.parametrize('call', [
    lambda: load_generator('ToyGenerator', URL),
    lambda: load_generator('spandrel', URL),
    lambda: convert_checkpoint(URL, 'out.pth'),
    lambda: DeSRADetector(mse_checkpoint=URL),
    lambda: DeSRAInferencer(gan_checkpoint=URL, mse_checkpoint='x', generator='ToyGenerator'),
    lambda: hook(mse_checkpoint=URL),
    lambda: hook(gan_checkpoint=URL),
    lambda: hook(discriminator_checkpoint=URL),
    lambda: build_detector(dict(type='DISTS', similarity_weights=URL, backbone_weights=URL)),
], ids=range(9))
def test_it_is_refused_wherever_a_checkpoint_can_be_given(call):
    refused(call)


PAIR = '--lq', 'lq', '--generator', 'toy_generator.py', '--out', 'out'


@pytest.mark.parametrize('tool, options', [
    ('detect.py', (*PAIR, '--mse-checkpoint', 'mse.pth', '--gan-checkpoint', URL)),
    ('detect.py', (*PAIR, '--gan-checkpoint', 'gan.pth', '--mse-checkpoint', URL)),
    ('make_pseudo_gt.py', (*PAIR, '--mse-checkpoint', 'mse.pth', '--gan-checkpoint', URL)),
    ('convert_checkpoint.py', (URL, 'out.pth')),
])
def test_the_tools_say_it_in_one_line(tmp_path, monkeypatch, capsys, tool, options):
    monkeypatch.chdir(tmp_path)
    make_lq_folder(tmp_path / 'lq', 1)
    write_generator_config(tmp_path)
    write_checkpoints(tmp_path)
    assert command_lines.call(tool, *options) == 2
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith(f'error: {URL}: is a URL')
    assert 'Traceback' not in error
    assert not (tmp_path / 'out').exists() or not [*(tmp_path / 'out').iterdir()]


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    torch.save(dict(params=nn.Conv2d(3, 3, 3).state_dict()), tmp_path / 'x.pth')
    assert read_checkpoint('~/x.pth').keys() == {'params'}
    with pytest.raises(CheckpointError, match=rf'{tmp_path}/y.pth: no such checkpoint file'):
        read_checkpoint('~/y.pth')
    with pytest.raises(CheckpointError, match='~nobody_of_this_name/x.pth: no such'):
        read_checkpoint('~nobody_of_this_name/x.pth')
    convert_checkpoint('~/x.pth', tmp_path / 'out.pth')


def test_a_folder_names_the_files_in_it(tmp_path):
    for name in ('a.pth', 'b.safetensors', 'README'):
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match='is a folder; give one of the files in it: a.pth'):
        read_checkpoint(tmp_path)


def test_a_broken_link_names_what_it_is_to(tmp_path):
    (tmp_path / 'x.pth').symlink_to('gone.pth')
    with pytest.raises(CheckpointError, match='x.pth: no such .* is a link to gone.pth, which is'):
        read_checkpoint(tmp_path / 'x.pth')


def test_no_name():
    with pytest.raises(CheckpointError, match='expected a checkpoint file, got an empty name'):
        read_checkpoint('')


@pytest.mark.parametrize('tool', ['detect.py', 'make_pseudo_gt.py'])
def test_the_tools_say_which_set_was_taken(tmp_path, monkeypatch, caplog, tool):
    monkeypatch.chdir(tmp_path)
    make_lq_folder(tmp_path / 'lq', 1)
    config = write_generator_config(tmp_path)
    for name, amplitude in (('gan', .15), ('mse', 0.)):
        torch.save({'params': ToyGenerator(9).state_dict(),
                    'params-ema': ToyGenerator(amplitude).state_dict()}, f'{name}.pth')
    assert command_lines.call(tool, '--lq', 'lq', '--generator', config, '--gan-checkpoint',
                              'gan.pth', '--mse-checkpoint', 'mse.pth', '--out', 'out') == 0
    said = [record.getMessage() for record in caplog.records]
    assert [line for line in said if 'params' in line] == [
        f'{name}.pth: BasicSR, params-ema, not params' for name in ('gan', 'mse')]
