"""detect.py and make_pseudo_gt.py with generators that take some sizes only, or fail."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from command_lines import call, run
from networks import random_weights
from toys import make_lq_image

from mmdesra.apis import DeSRAInferencer
from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.generators import Upscaler, load_generator

pytest.importorskip('mmagic')
SIZES = dict(odd=(41, 53), even=(40, 48), wide=(13, 301), dot=(1, 1), sliver=(3, 5))
TOO_SMALL = ('dot', 'sliver')
"""For the detector's window, not for the generator."""
REACH = 76
"""How far the networks below see, at x1; 17 convolutions of 4 px."""


def write_generator(folder, scale):
    """An RRDBNet with random weights: a config and two checkpoints, as options."""
    from mmagic.registry import MODELS
    network = dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=4, num_blocks=1,
                   growth_channels=4, upscale_factor=scale)
    folder.mkdir(exist_ok=True)
    (folder / 'generator.py').write_text(f'model = dict(type="SRGAN", generator={network})')
    for seed, name in enumerate(('gan', 'mse')):
        built = random_weights(MODELS.build(dict(network, _scope_='mmagic')), .2, seed)
        torch.save(dict(params_ema=built.state_dict()), folder / f'{name}.pth')
    return ['--generator', folder / 'generator.py', '--gan-checkpoint', folder / 'gan.pth',
            '--mse-checkpoint', folder / 'mse.pth', '--min-area', 1]


@pytest.fixture(scope='module')
def lq(tmp_path_factory):
    folder = tmp_path_factory.mktemp('lq')
    rng = np.random.default_rng(0)
    for name, size in SIZES.items():
        write_image(folder / f'{name}.png', rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    return folder


@pytest.mark.parametrize('scale', [1, 2])
def test_images_of_all_sizes_are_done_also_by_tiles(scale, lq, tmp_path, capsys):
    options = write_generator(tmp_path / 'weights', scale)
    for out, more in (('whole', []), ('tiles', ['--tile', 25, '--tile-pad', REACH])):
        assert call('detect.py', '--lq', lq, '--out', tmp_path / out, *options, '--save-sr',
                    '--no-report', *more) == 1
        said = capsys.readouterr()
        assert 'failed on this image' not in said.out + said.err
        listed = json.loads((tmp_path / out / 'detections.json').read_text())['images']
        assert {row['image'] for row in listed if row['error']} == {
            f'{name}.png' for name in TOO_SMALL}
    for name in ('odd', 'even', 'wide'):
        whole, tiles = (read_image(tmp_path / out / f'sr/gan/{name}.png').astype(int)
                        for out in ('whole', 'tiles'))
        assert whole.shape == (SIZES[name][0] * scale, SIZES[name][1] * scale, 3)
        assert whole.std() > 20
        assert np.abs(whole - tiles).max() <= 1
        assert (np.abs(whole - tiles) > 0).mean() < .01
    assert call('make_pseudo_gt.py', '--lq', lq, '--out', tmp_path / 'gt', *options,
                '--tile', 9) == 1
    assert {path.name for path in (tmp_path / 'gt/gt').iterdir()} == {
        'odd.png', 'even.png', 'wide.png'}


def test_images_too_small_for_the_detector_are_enlarged_all_the_same(lq, tmp_path):
    options = write_generator(tmp_path / 'weights', 2)
    upscale = Upscaler(load_generator(str(options[1]), options[3]), tile=2)
    for name, (height, width) in SIZES.items():
        assert upscale(read_image(lq / f'{name}.png')).shape == (2 * height, 2 * width, 3)


FAILING = """
custom_imports = dict(imports=['failing_generator'])
model = dict(type='SRGAN', generator=dict(type='FailingGenerator'))
"""
MODULE = """
import torch
from mmengine.registry import MODELS
from networks import Raising

@MODELS.register_module(force=True)
class FailingGenerator(Raising):
    def __init__(self):
        super().__init__(IndexError('no such place'), width=41)
"""


@pytest.fixture
def failing(tmp_path, monkeypatch):
    (tmp_path / 'failing_generator.py').write_text(MODULE)
    (tmp_path / 'failing.py').write_text(FAILING)
    (tmp_path / 'lq').mkdir()
    for name, gain in (('weights', 1.), ('mse_weights', .5)):
        torch.save(dict(gain=torch.full((1, ), gain)), tmp_path / f'{name}.pth')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))  # for another process
    monkeypatch.syspath_prepend(tmp_path)
    return ['--generator', tmp_path / 'failing.py', '--gan-checkpoint', tmp_path / 'weights.pth',
            '--mse-checkpoint', tmp_path / 'mse_weights.pth']


def test_only_the_image_on_which_a_generator_fails_is_skipped(failing, tmp_path):
    for name, width in (('a', 40), ('b', 41), ('c', 42)):
        write_image(tmp_path / f'lq/{name}.png', make_lq_image(0, (30, width)))
    reason = ('b.png: the GAN-trained generator failed on this image of 41x30 px (IndexError: no '
              'such place)')
    process = run('detect.py', '--lq', tmp_path / 'lq', '--out', tmp_path / 'out', *failing)
    said = process.stdout + process.stderr
    assert process.returncode == 1, said
    assert reason in said and 'Traceback' not in said
    assert 'nothing was done' not in said
    assert reason in (tmp_path / 'out/detections.csv').read_text()
    assert {path.stem for path in (tmp_path / 'out/mask').iterdir()} == {'a', 'c'}
    assert call('make_pseudo_gt.py', '--lq', tmp_path / 'lq', '--out', tmp_path / 'gt',
                *failing) == 1
    manifest = json.loads((tmp_path / 'gt/manifest.json').read_text())
    assert [record['name'] for record in manifest['records']] == ['a', 'c']
    assert manifest['skipped']['b.png'].endswith(reason)


@pytest.mark.parametrize('tool', ['detect.py', 'make_pseudo_gt.py'])
def test_all_images_fail(tool, failing, tmp_path, capsys):
    for name in 'ab':
        write_image(tmp_path / f'lq/{name}.png', make_lq_image(0, (30, 41)))
    assert call(tool, '--lq', tmp_path / 'lq', '--out', tmp_path / 'out', *failing) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith('error: nothing was done, all 2 images were skipped; ')
    assert last.endswith('a.png: the GAN-trained generator failed on this image of 41x30 px '
                         '(IndexError: no such place)')


@pytest.mark.parametrize('tool', ['detect.py', 'make_pseudo_gt.py'])
def test_networks_that_need_more_than_an_image_are_refused(tool, lq, tmp_path, capsys):
    for name, message in {
            'mmagic::liif/liif-edsr-norm_c64b16_1xb16-1000k_div2k.py':
                'error: LIIFEDSRNet cannot be used as a generator here: it needs the coordinates',
            'UNetDiscriminatorWithSpectralNorm': 'cannot be built'}.items():
        assert call(tool, '--lq', lq, '--out', tmp_path / 'out', '--generator', name,
                    '--gan-checkpoint', 'none.pth', '--mse-checkpoint', 'none.pth') == 2
        [*_, last] = capsys.readouterr().err.splitlines()
        assert message in last
        assert not (tmp_path / 'out').exists()


def test_a_network_that_is_no_generator_is_refused(lq, tmp_path):
    network = dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3, mid_channels=4)
    from mmagic.registry import MODELS
    torch.save(MODELS.build(dict(network, _scope_='mmagic')).state_dict(), tmp_path / 'd.pth')
    with pytest.raises(InputError, match='^UNetDiscriminatorWithSpectralNorm cannot be used .*: it'
                       r' makes \(1, 1, 8, 8\) of \(1, 3, 8, 8\), which is no RGB image'):
        DeSRAInferencer(gan_checkpoint=tmp_path / 'd.pth', mse_checkpoint=tmp_path / 'd.pth',
                        generator=network)
