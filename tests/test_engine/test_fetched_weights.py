"""Weights that cannot be fetched: which file, from where, put where, and how to do without."""
from __future__ import annotations

from urllib.error import URLError

import pytest
import torch
from mmengine.config import Config

from mmdesra.engine.config_faults import config_faults
from mmdesra.engine.fetched_weights import fetched_weights
from mmdesra.errors import InputError

URL = 'https://download.pytorch.org/models/vgg19-dcbb9e9d.pth'
CONFIG = Config(dict(model=dict(type='SRGAN', perceptual_loss=dict(type='PerceptualLoss'))),
                filename=None)


class PerceptualLoss:
    """In the place of MMagic's, whose VGG19 torchvision fetches by PyTorch's hub."""

    def __init__(self) -> None:
        torch.hub.load_state_dict_from_url(URL, progress=False)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def refuse(*args, **options):
        raise URLError('no route to host')
    monkeypatch.setattr('torch.hub.urlopen', refuse)
    monkeypatch.setattr('torch.hub._hub_dir', str(tmp_path / 'hub'))
    return tmp_path / 'hub/checkpoints'


@pytest.mark.parametrize('block', [fetched_weights, config_faults])
def test_the_file_its_place_and_the_way_out_are_named(no_network, block):
    with pytest.raises(InputError) as error, block(CONFIG):
        PerceptualLoss()
    text = str(error.value)
    assert 'model.perceptual_loss needs vgg19-dcbb9e9d.pth, which cannot be fetched' in text
    assert 'no route to host' in text and URL in text and f'put it into {no_network}' in text
    assert text.endswith('or train without it: --cfg-options model.perceptual_loss=None')


def test_other_errors_pass():
    for error in (OSError('disk full'), RuntimeError('shapes')):
        with pytest.raises(type(error), match=str(error)), fetched_weights(CONFIG):
            raise error
