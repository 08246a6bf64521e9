from __future__ import annotations

import pytest
import torch

import mmdesra  # noqa: F401  (registers the types)
from mmdesra.errors import InputError
from mmdesra.generators import (
    CheckpointError,
    build_generator,
    fingerprint,
    load_generator,
)
from mmdesra.models.srresnet import SRResNet

SMALL = dict(type='SRResNet', mid_channels=4, num_blocks=1, upscale_factor=2)


@pytest.fixture
def config(tmp_path):
    (tmp_path / 'base.py').write_text(f'model = dict(type="SRGAN", generator={SMALL})')
    (tmp_path / 'child.py').write_text(
        '_base_ = "base.py"\nmodel = dict(generator=dict(num_blocks=2))')
    return tmp_path / 'child.py'


def test_a_registered_type():
    generator = build_generator('SRResNet')
    assert isinstance(generator, SRResNet)
    assert len(generator.blocks) == 16
    assert not generator.training


def test_a_dict_which_is_left_as_it_was():
    spec = dict(SMALL)
    assert build_generator(spec).upscale_factor == 2
    assert spec == SMALL


def test_a_config_file(config):
    generator = build_generator(str(config))
    assert (len(generator.blocks), generator.upscale_factor) == (2, 2)
    assert not generator.training


def test_a_generator_with_its_weights(tmp_path, config):
    trained = build_generator(SMALL)
    torch.save(trained.state_dict(), tmp_path / 'weights.pth')
    assert fingerprint(load_generator(SMALL, tmp_path / 'weights.pth')) == fingerprint(trained)
    with pytest.raises(CheckpointError, match=r'missing: blocks\.1'):
        load_generator(str(config), tmp_path / 'weights.pth')


@pytest.mark.parametrize('suffix', ['', '.py'])
def test_a_config_of_mmagic(suffix):
    """The first to import MMagic's models takes about 10 s."""
    pytest.importorskip('mmagic')
    generator = build_generator(
        'mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost' + suffix)
    assert type(generator).__name__ == 'RRDBNet'
    assert len(generator.body) == 23
    assert not generator.training


@pytest.mark.parametrize('spec, message', [
    ('NoSuchNet', "unknown generator type 'NoSuchNet'"),
    ('no_such/config.py', 'no_such/config.py: cannot be read as a config .*FileNotFound'),
    ('no_such_package::config', 'no_such_package::config: cannot be read as a config'),
    ('mmagic::no_such/config', 'mmagic::no_such/config: cannot be read as a config'),
    ('RRDBNet', 'RRDBNet cannot be built .*in_channels.*name a config file'),
    (dict(type='SRResNet', depth=3), "SRResNet cannot be built .*argument 'depth'"),
    (dict(num_blocks=3), 'with its type, got .*num_blocks'),
])
def test_what_cannot_be_built_is_an_error(spec, message):
    pytest.importorskip('mmagic')
    with pytest.raises(InputError, match=message):
        build_generator(spec)


@pytest.mark.parametrize('text, message', [
    ('x = 1', 'expected a config with model.generator'),
    ('model = dict(type="Segmenter")', 'expected a config with model.generator'),
    ('model = dict(generator="SRResNet")', 'expected a config with model.generator'),
    ('model = dict(', 'cannot be read as a config .*SyntaxError'),
])
def test_a_config_without_a_generator_is_an_error(tmp_path, text, message):
    (tmp_path / 'config.py').write_text(text)
    with pytest.raises(InputError, match=f'config.py: {message}'):
        build_generator(str(tmp_path / 'config.py'))


@pytest.mark.parametrize('kind', [SRResNet, 'mmdesra.models.srresnet.SRResNet'])
def test_a_class_or_its_place(kind):
    generator = build_generator({**SMALL, 'type': kind})
    assert isinstance(generator, SRResNet) and len(generator.blocks) == 1


def test_a_class_that_needs_no_arguments():
    assert len(build_generator(SRResNet).blocks) == 16


def test_a_config_of_the_pure_python_style(tmp_path):
    """The model around the generator is not imported."""
    (tmp_path / 'lazy.py').write_text(
        'from mmdesra.models import SRResNet\nfrom no_such_module import SRGAN\n'
        'model = dict(type=SRGAN, generator=dict(type=SRResNet, num_blocks=2))')
    assert len(build_generator(str(tmp_path / 'lazy.py')).blocks) == 2
    (tmp_path / 'bad.py').write_text(
        'from mmdesra.models import NoNet\nmodel = dict(generator=dict(type=NoNet))')
    with pytest.raises(InputError, match=r'bad.py: names something .*Failed to import NoNet'):
        build_generator(str(tmp_path / 'bad.py'))


def test_a_class_that_cannot_be_built_from_its_arguments():
    with pytest.raises(InputError, match=r"^SRResNet cannot be built .*argument 'depth'"):
        build_generator(dict(type=SRResNet, depth=3))


def test_spandrel_by_its_class_needs_a_checkpoint():
    from mmdesra.generators import SpandrelGenerator
    with pytest.raises(InputError, match='by its checkpoint; name one'):
        build_generator(dict(type=SpandrelGenerator))
