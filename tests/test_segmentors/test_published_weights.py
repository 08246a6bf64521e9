"""Published weights of mmseg's models: where they are, and what happens without network."""
from __future__ import annotations

from urllib.error import URLError

import pytest
import torch

from mmdesra.files.download import DownloadError
from mmdesra.segmentors import MMSegModel
from mmdesra.segmentors.mmseg_config import published_weights, read_mmseg_config

pytest.importorskip('mmseg', reason='needs MMSegmentation')


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, an empty cache; returns the addresses that were asked for."""
    asked = []

    def urlopen(request):
        asked.append(request.full_url)
        raise URLError('no network')

    monkeypatch.setattr('torch.hub.urlopen', urlopen)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    return asked


def test_the_paper_s_model():
    url = published_weights('segformer-b5')
    assert url.startswith(('https://download.openmmlab.com/mmsegmentation/',
                           'https://mmassets.onedl.ai/mmsegmentation/'))  # OpenMMLab's, the fork's
    assert 'segformer_mit-b5_640x640' in url
    config = read_mmseg_config('segformer-b5')
    assert config.model.decode_head.num_classes == 150
    assert config.model.backbone.num_layers == [3, 6, 40, 3]
    assert config.test_pipeline[1].scale == (2048, 640)


def test_any_config_of_the_zoo():
    name = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512'
    assert 'segformer_mit-b0_512x512' in published_weights(name)
    assert published_weights(name + '.py') == published_weights(name)
    assert published_weights('mmseg::_base_/models/segformer_mit-b0') is None
    assert published_weights('configs/mine.py') is None


def test_without_network(offline, tmp_path):
    with pytest.raises(DownloadError) as error:
        MMSegModel('segformer-b5')
    url = published_weights('segformer-b5')
    assert offline == [url]
    place = tmp_path / 'cache/hub/checkpoints' / url.rpartition('/')[2]
    assert f'{url} cannot be downloaded' in str(error.value)
    assert f'put it at {place}, or give the file as checkpoint' in str(error.value)
    assert '--segmentor-checkpoint FILE' in str(error.value)


def test_with_a_checkpoint_nothing_is_downloaded(offline, tmp_path):
    """The config names pretrained weights of the backbone; the checkpoint replaces them."""
    name = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512'
    assert 'http' in read_mmseg_config(name).model.backbone.init_cfg.checkpoint
    network = MMSegModel(name, random_weights=True, device='cpu').model
    torch.save(network.state_dict(), tmp_path / 'b0.pth')
    model = MMSegModel(name, tmp_path / 'b0.pth', device='cpu')
    assert offline == []
    assert len(model.class_names) == 150
    assert 'bed' in model.class_names  # mmseg spells it with a space
