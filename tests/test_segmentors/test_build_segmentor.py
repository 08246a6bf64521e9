from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmdesra.errors import InputError
from mmdesra.segmentors import LabelFolder, MMSegSegmentor, build_segmentor

pytest.importorskip('mmseg', reason='needs MMSegmentation')

from toy_segmentor import COLOURS, write_colour_model


@pytest.fixture
def label_folder(tmp_path):
    folder = tmp_path / 'labels'
    folder.mkdir()
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(folder / 'image.png')
    return folder


def test_a_folder(label_folder):
    for config in (label_folder, str(label_folder), dict(folder=label_folder)):
        assert isinstance(build_segmentor(config), LabelFolder)


def test_none_and_a_source_as_they_are(label_folder):
    source = LabelFolder(label_folder)
    assert build_segmentor(None, COLOURS) is None
    assert build_segmentor(source, COLOURS) is source


def test_a_model(tmp_path):
    config = dict(write_colour_model(tmp_path), half=True, batch_size=7)
    segmentor = build_segmentor(config, ('blue', 'green', 'red'))
    assert isinstance(segmentor, MMSegSegmentor)
    assert segmentor.class_names == ('blue', 'green', 'red')
    assert (segmentor.batch_size, segmentor.model.half) == (7, True)
    assert 'class_names' not in config


@pytest.mark.parametrize('name, message', [
    ('segformer-b6', ('segformer-b6: expected segformer-b5, the name of an mmseg config .* or a '
                      'folder of label maps')),
    ('no/such/config.py', 'no/such/config.py: cannot be read as a config'),
    ('mmseg::segformer/none', 'mmseg::segformer/none: cannot be read as a config'),
    (dict(checkpoint='x.pth'), 'expected the config of a segmenter'),
    (dict(config='x.py', folder='labels'), 'expected the config of a segmenter'),
    (dict(config='x.py', halve=True), 'a segmenter has no such option: .*halve'),
])
def test_none_of_these(name, message):
    with pytest.raises(InputError, match=message):
        build_segmentor(name)
