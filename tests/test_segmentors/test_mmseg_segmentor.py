"""MMSegSegmentor on real mmseg models: one whose labels are known, and a small SegFormer."""
from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest
import torch
from command_lines import PATIENCE
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope

from mmdesra.errors import InputError
from mmdesra.generators import CheckpointError
from mmdesra.segmentors import MMSegModel, MMSegSegmentor

pytest.importorskip('mmseg', reason='needs MMSegmentation')

from toy_segmentor import (
    COLOURS,
    as_pure_python,
    colour_labels,
    colour_state,
    write_colour_config,
    write_colour_model,
    write_tiny_segformer,
)

SLIDE = "dict(mode='slide', crop_size=(32, 32), stride=(20, 20))"
RESIZE = "dict(type='Resize', scale=(96, 64), keep_ratio=True),"


def make_image(seed, height=40, width=52):
    """Noise of multiples of 4: no two channels tie once mmseg has taken 1, 2 and 3 off."""
    return 4 * np.random.default_rng(seed).integers(0, 64, (height, width, 3), dtype=np.uint8)


def paths(count):
    return [Path(f'image{number}.png') for number in range(count)]


def label(segmentor, *images):
    return segmentor.label(images, paths(len(images)))


@pytest.fixture(scope='module')
def segformer(tmp_path_factory):
    """Arguments for a SegFormer with small widths and random weights, from a bare state dict."""
    return write_tiny_segformer(tmp_path_factory.mktemp('segformer'))


# ---------------------------------------- labels


@pytest.mark.parametrize('test_cfg', ["dict(mode='whole')", SLIDE])
def test_channels_are_not_exchanged(tmp_path, test_cfg):
    segmentor = MMSegSegmentor(**write_colour_model(tmp_path, test_cfg=test_cfg))
    image = make_image(0)
    found, = label(segmentor, image)
    np.testing.assert_array_equal(found, colour_labels(image))
    assert segmentor.class_names == COLOURS


def test_labels_are_indices_of_the_table(tmp_path):
    arguments = write_colour_model(tmp_path, classes=('green ', 'blue', 'red'), order=(1, 2, 0))
    table = ('sky', 'blue ', 'red', 'green', 'tree')
    segmentor = MMSegSegmentor(class_names=table, **arguments)
    image = make_image(1)
    found, = label(segmentor, image)
    np.testing.assert_array_equal(found, np.array([2, 3, 1])[colour_labels(image)])
    assert segmentor.class_names == ('sky', 'blue', 'red', 'green', 'tree')


@pytest.mark.parametrize('scope', ["'mmseg'", 'None'])
def test_config_of_the_pure_python_style(scope, tmp_path):
    options = write_colour_model(tmp_path)
    path = tmp_path / 'lazy.py'
    path.write_text(as_pure_python(Path(options['config']).read_text()).replace(
        "default_scope = 'mmseg'", f'default_scope = {scope}'))
    image = make_image(0)
    found, = label(MMSegSegmentor(**dict(options, config=str(path))), image)
    np.testing.assert_array_equal(found, colour_labels(image))
    path.write_text(path.read_text().replace('FCNHead', 'NoSuchHead'))
    with pytest.raises(InputError, match='lazy.py: names something .*import NoSuchHead'):
        MMSegSegmentor(**dict(options, config=str(path)))


def test_without_a_table_names_may_repeat(tmp_path):
    segmentor = MMSegSegmentor(**write_colour_model(tmp_path, classes=('red', 'other', 'other')))
    image = make_image(1)
    np.testing.assert_array_equal(label(segmentor, image)[0], colour_labels(image))


def test_a_class_that_the_table_lacks(tmp_path):
    arguments = write_colour_model(tmp_path)
    with pytest.raises(InputError, match=r"no 'red', 'blue' \(2 of the 3 .*calibrate-semantics"):
        MMSegSegmentor(class_names=['green', 'sky'], **arguments)


def mmseg_result(model, config, image):
    """What mmseg's own inference finds; an independent way through the model."""
    from mmseg.apis import inference_model
    model.model.cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope('mmseg'):
        result = inference_model(model.model, np.ascontiguousarray(image[..., ::-1]))
    return result.pred_sem_seg.data[0].numpy(), result.seg_logits.data


@pytest.mark.parametrize('test_cfg', ["dict(mode='whole')", SLIDE])
def test_same_as_mmseg(tmp_path, test_cfg):
    arguments = write_tiny_segformer(tmp_path, test_cfg=test_cfg)
    model = MMSegModel(**arguments)
    for image in (make_image(2), make_image(3, 61, 35)):
        labels, logits = mmseg_result(model, arguments['config'], image)
        found, = model.label([image])
        np.testing.assert_array_equal(found, labels)
        assert len(np.unique(found)) > 1
        for index in (0, 6):
            np.testing.assert_allclose(model.class_probability(image, f'class {index}'),
                                       logits.softmax(0)[index].numpy(), atol=1e-6)


@pytest.mark.parametrize('batch_size', [1, 2, 5])
def test_a_batch_as_one_by_one(segformer, batch_size):
    segmentor = MMSegSegmentor(batch_size=batch_size, **segformer)
    sizes = [(40, 52), (61, 35), (40, 52), (40, 52), (200, 64), (61, 35)]
    images = [make_image(seed, *size) for seed, size in enumerate(sizes)]
    together = label(segmentor, *images)
    for image, found in zip(images, together):
        assert found.shape == image.shape[:2]
        np.testing.assert_array_equal(found, label(segmentor, image)[0])
    assert label(segmentor) == []


def test_images_run_together_are_of_one_size_and_few(segformer, monkeypatch):
    model = MMSegModel(batch_size=2, **segformer)
    counts = []
    step = model.model.test_step
    monkeypatch.setattr(model.model, 'test_step', lambda data: (
        counts.append(len(data['inputs'])), step(data))[1])
    model.label([make_image(0), make_image(1, 61, 35), make_image(2), make_image(3)])
    assert counts == [2, 1, 1]


def test_half_precision(segformer):
    image = make_image(4, 120, 90)
    full, half = (MMSegModel(half=half, **segformer) for half in (False, True))
    assert (full.label([image])[0] == half.label([image])[0]).mean() > .9
    difference = half.class_probability(image, 'class 1') - full.class_probability(
        image, 'class 1')
    assert 0 < np.abs(difference).max() < .02


def test_not_a_number_is_not_a_class(segformer):
    model = MMSegModel(**segformer)
    model.model.decode_head.conv_seg.bias[0] = torch.nan
    with pytest.raises(ValueError, match='the segmenter returned NaN or infinity$'):
        model.label([make_image(0)])


@pytest.mark.parametrize('scale', [1, .5])
def test_one_logit_for_two_classes(tmp_path, scale):
    """mmseg's binary models: class 1 where the sigmoid is above the head's threshold."""
    config = write_colour_config(tmp_path, ('clean', 'artifact'),
                                 head='out_channels=1, threshold=.6',
                                 resize=f"dict(type='Resize', scale_factor=float({scale})),")
    weight = torch.tensor([.05, 0, 0]).reshape(1, 3, 1, 1)
    torch.save({'decode_head.conv_seg.weight': weight, 'decode_head.conv_seg.bias':
                torch.tensor([-6.])}, tmp_path / 'binary.pth')
    model = MMSegModel(config, tmp_path / 'binary.pth', device='cpu')
    image = make_image(5)
    probability = model.class_probability(image, 'artifact')
    if scale == 1:
        closed_form = 1 / (1 + np.exp(6 - .05 * (image[..., 0] - 1.)))
        np.testing.assert_allclose(probability, closed_form, atol=1e-5)
    labels, logits = mmseg_result(model, config, image)
    np.testing.assert_array_equal(probability, logits[0].numpy())
    np.testing.assert_array_equal(model.class_probability(image, 'clean'), 1 - probability)
    np.testing.assert_array_equal(model.label([image])[0], labels)
    assert 0 < labels.mean() < 1


def test_probability_of_an_unknown_class(segformer):
    with pytest.raises(InputError, match="no class 'artifact'; it has class 0, class 1"):
        MMSegModel(**segformer).class_probability(make_image(0), 'artifact')


# ---------------------------------------- the process around it


@pytest.fixture(params=[None, 'mmagic', 'mmseg'])
def scope(request):
    saved = DefaultScope._instance_dict.copy()
    DefaultScope._instance_dict.clear()
    if request.param:
        DefaultScope.get_instance('somebody', scope_name=request.param)
    yield request.param
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(saved)


def test_scope_and_registries_stay(scope, segformer):
    import mmseg.models  # noqa: F401  (registers mmseg's own types, once, in mmseg's registries)

    def state():
        current = DefaultScope.get_current_instance()
        return (list(DefaultScope._instance_dict), current and current.scope_name,
                list(MODELS.module_dict), list(TRANSFORMS.module_dict), list(MODELS.children))

    before = state()
    segmentor = MMSegSegmentor(**segformer)
    assert state() == before
    label(segmentor, make_image(0))
    assert state() == before


def test_scope_stays_when_building_fails(scope, tmp_path):
    config = write_colour_config(tmp_path, head="loss_decode=dict(type='NoSuchThing')")
    before = list(DefaultScope._instance_dict)
    with pytest.raises(InputError, match=r'colour_model.py: its model cannot be built'):
        MMSegModel(config, random_weights=True)
    assert list(DefaultScope._instance_dict) == before


def test_mmseg_is_imported_only_when_a_model_is_built():
    code = ('import sys, mmdesra.segmentors; '
            'sys.exit(any(name in sys.modules for name in ("mmseg", "mmcv", "mmagic")))')
    assert subprocess.run([sys.executable, '-c', code], timeout=PATIENCE).returncode == 0


def test_nothing_of_the_segmenter_is_trained(segformer):
    model = MMSegModel(**segformer).model
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


# ---------------------------------------- checkpoints


def save(folder, content):
    torch.save(content, folder / 'weights.pth')
    return folder / 'weights.pth'


def mmengine_checkpoint():
    hub = MessageHub.get_instance('test_mmseg_segmentor')
    hub.update_scalar('train/loss', .5)
    return dict(meta=dict(dataset_meta=dict(classes=('a', 'b ', 'c'), palette=[[0, 0, 0]] * 3)),
                state_dict=colour_state(), message_hub=hub.state_dict())


@pytest.mark.parametrize('content, names', [
    (mmengine_checkpoint(), ('a', 'b', 'c')),
    (dict(meta=dict(CLASSES=['a', 'b', 'c'], PALETTE=[]), state_dict=colour_state()),
     ('a', 'b', 'c')),
    (dict(meta=None, state_dict=colour_state()), COLOURS),
    (colour_state(), COLOURS),
], ids=['mmseg 1.x', 'mmseg 0.x', 'without names', 'bare state dict'])
def test_layouts_of_checkpoints(tmp_path, content, names):
    config = write_colour_config(tmp_path)
    segmentor = MMSegSegmentor(config, save(tmp_path, content), device='cpu')
    assert segmentor.class_names == names
    image = make_image(6)
    np.testing.assert_array_equal(label(segmentor, image)[0], colour_labels(image))


def test_names_of_the_data_set(tmp_path):
    """A config that names no classes, but a data set of mmseg's that has some."""
    config = write_colour_config(tmp_path, None)
    text = config.read_text().replace('BaseSegDataset', 'LoveDADataset').replace(
        'metainfo=dict(classes=None)', '')
    config.write_text(text.replace('num_classes=3', 'num_classes=7'))
    model = MMSegModel(config, random_weights=True)
    assert model.class_names[:3] == ('background', 'building', 'road')


def test_classes_that_nobody_names(tmp_path):
    config, weights = write_colour_config(tmp_path, None), save(tmp_path, colour_state())
    with pytest.raises(InputError, match=r'weights.pth: names no classes.*\(classes\)'):
        MMSegModel(config, weights)
    model = MMSegModel(config, weights, classes=['a', 'b', 'c'])
    assert model.class_names == ('a', 'b', 'c')
    with pytest.raises(InputError, match='names 2 classes, but the model tells 3 apart'):
        MMSegModel(config, weights, classes=['a', 'b'])


def test_a_part_of_the_weights_is_an_error(tmp_path):
    state = colour_state()
    del state['decode_head.conv_seg.bias']
    with pytest.raises(CheckpointError, match=r'weights.pth.* does not fit the segmenter '
                                              r'EncoderDecoder: missing: decode_head.conv_seg.bi'):
        MMSegModel(write_colour_config(tmp_path), save(tmp_path, state))


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_checkpoint_is_not_run(tmp_path):
    content = dict(state_dict=colour_state(), meta=dict(CLASSES=Bomb(tmp_path / 'exploded')))
    with pytest.raises(CheckpointError, match='weights.pth: is damaged, or holds Python objects'):
        MMSegModel(write_colour_config(tmp_path), save(tmp_path, content))
    assert not (tmp_path / 'exploded').exists()


def test_random_weights_only_on_request_and_aloud(tmp_path, caplog):
    config = write_colour_config(tmp_path)
    with pytest.raises(InputError, match=r'colour_model.py: no weights are published under this '
                                         r'name; give a checkpoint \(--segmentor-checkpoint'):
        MMSegModel(config)
    assert not caplog.records
    with caplog.at_level(logging.WARNING, 'mmdesra'):
        MMSegModel(config, random_weights=True)
    assert 'RANDOM weights' in caplog.text


# ---------------------------------------- what else can be wrong


@pytest.mark.parametrize('text, message', [
    ('model = dict(', 'cannot be read as a config'),
    ('x = 1', 'expected the config of an mmseg model, with model and test_pipeline'),
    ("model = dict(type='EncoderDecoder')", 'expected the config of an mmseg model'),
])
def test_configs_that_are_none(tmp_path, text, message):
    config = tmp_path / 'config.py'
    config.write_text(text)
    with pytest.raises(InputError, match=f'config.py: {message}'):
        MMSegModel(config, random_weights=True)


def test_a_model_of_two_images(tmp_path):
    config = write_colour_config(tmp_path)
    config.write_text(config.read_text().replace('LoadImageFromFile',
                                                 'LoadMultipleRSImageFromFile'))
    with pytest.raises(InputError, match='expected a test pipeline with LoadImageFromFile, got '
                                         'LoadMultipleRSImageFromFile, PackSegInputs'):
        MMSegModel(config, random_weights=True)


def test_a_batch_of_none(segformer):
    with pytest.raises(InputError, match='batch size of at least 1, got 0'):
        MMSegModel(batch_size=0, **segformer)


def test_without_mmseg(segformer, monkeypatch):
    monkeypatch.setattr('mmdesra.segmentors.mmseg_config.package_folder', lambda name: None)
    with pytest.raises(InputError, match='needs MMSegmentation.*pip install mmsegmentation'):
        MMSegModel('segformer-b5')


# ---------------------------------------- manifests


def test_description_tells_label_maps_apart(tmp_path):
    arguments = write_colour_model(tmp_path)
    first = MMSegSegmentor(**arguments).describe()
    assert first == MMSegSegmentor(**arguments, batch_size=3).describe()
    assert first['type'] == 'MMSegSegmentor'
    assert len(first['weights_sha256']) == 64
    others = [MMSegSegmentor(**arguments, half=True).describe(),
              MMSegSegmentor(**arguments, class_names=['blue', 'green', 'red']).describe()]
    write_colour_config(tmp_path, resize=RESIZE)
    others.append(MMSegSegmentor(**arguments).describe())
    write_colour_model(tmp_path, order=(2, 1, 0))
    others.append(MMSegSegmentor(**arguments).describe())
    assert all(other != first for other in others)


# ---------------------------------------- files with code in them


@pytest.mark.parametrize('layout', hostile.LAYOUTS, ids=lambda layout: layout.__name__)
def test_code_in_a_checkpoint_is_not_run(tmp_path, layout):
    arguments = write_colour_model(tmp_path)
    path = layout(tmp_path / 'colour.pth', tmp_path / 'canary', dict(state_dict=colour_state()))
    with pytest.raises(CheckpointError, match=path.name):
        MMSegSegmentor(**dict(arguments, checkpoint=path))
    assert not (tmp_path / 'canary').exists()


@pytest.mark.parametrize('line', [
    "model['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint=file)",
    "model['init_cfg'] = dict(type='Pretrained', checkpoint=file)",
    "model['pretrained'] = file", "model['backbone']['pretrained'] = file",
    "model['backbone'] = dict(type='LoadsByItself', weights=file)"])
def test_code_in_a_file_that_the_config_names_is_not_run(tmp_path, line):
    """The checkpoint is the only one that is read; a model that reads more is kept to weights."""
    arguments = write_colour_model(tmp_path)
    path = hostile.zipped(tmp_path / 'pretrained.pth', tmp_path / 'canary', {})
    config = Path(arguments['config'])
    config.write_text(f'{config.read_text()}\nfile = {str(path)!r}\n{line}\n')
    if 'LoadsByItself' in line:
        with pytest.raises(CheckpointError, match='pretrained.pth: .* would run code'):
            MMSegSegmentor(**arguments)
    else:
        MMSegSegmentor(**arguments)
    assert not (tmp_path / 'canary').exists()


@MODELS.register_module(force=True)
class LoadsByItself(torch.nn.Module):
    def __init__(self, weights, **options):
        super().__init__()
        torch.load(weights, weights_only=False)
