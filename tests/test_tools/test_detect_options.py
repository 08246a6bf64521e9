"""The options of tools/detect.py that decide the masks: detectors, label maps."""
from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
import torch
from command_lines import call
from known_labels import KnownLabels, store_labels
from toys import MIN_AREA, write_pairs

from mmdesra.apis import detector_options
from mmdesra.detectors import DETECTORS, build_detector
from mmdesra.files import read_image, read_mask, write_image
from mmdesra.ops import clean_mask

NAMES = ['image0', 'image1', 'image2']
OWN_DETECTOR = """
from __future__ import annotations

from dataclasses import dataclass

from mmdesra.detectors import DETECTORS, BaseDetector


@dataclass
class Scale:  # a dataclass looks its module up
    factor: float = 1.


@DETECTORS.register_module(name='{name}')
class Brightness(BaseDetector):
    margin = 0
    low_is_artifact = False
    map_range = (0., 255.)

    def __init__(self, threshold=128, factor=1., **kwargs):
        super().__init__(threshold, **kwargs)
        self.scale = Scale(factor)

    def artifact_map(self, gan, mse):
        return gan.float().mean(dim=0) * self.scale.factor
"""


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('stored')
    write_pairs(folder, 3, amplitude=.05, clean=(1,))
    return folder


@pytest.fixture(autouse=True)
def nothing_stays():
    """Takes back what a test registers and imports."""
    registered, modules, path = dict(DETECTORS.module_dict), set(sys.modules), list(sys.path)
    yield
    DETECTORS.module_dict.clear()
    DETECTORS.module_dict.update(registered)
    sys.path[:] = path
    for name in [name for name in sys.modules if name.startswith('own_')]:
        if name not in modules:
            del sys.modules[name]


def detect(root, out, *options):
    return call('detect.py', '--gan', root / 'gan', '--mse', root / 'mse', '--out', out,
                '--no-report', *options)


def settings_of(out):
    return json.loads((out / 'detections.json').read_text())['detector']


def assert_masks(root, out, **config):
    """Masks and settings are those of the library."""
    detector = build_detector(dict(dict(type='DeSRA'), **config))
    assert settings_of(out) == detector.describe()
    total = 0
    for name in NAMES:
        gan, mse = (read_image(root / kind / f'{name}.png') for kind in ('gan', 'mse'))
        expected = detector.detect(gan, mse).mask
        np.testing.assert_array_equal(read_mask(out / f'mask/{name}.png'), expected)
        total += expected.sum()
    return total


# ---------------------------------------- which detector


@pytest.mark.parametrize('options, config', [
    (['--detector', 'SSIM'], dict(type='SSIM')),
    (['--detector', 'LDLStar', '--threshold', '0.001', '--min-area', '300'],
     dict(type='LDLStar', threshold=.001, min_area=300)),
    (['--detector', '{"type": "TextureDifference", "min_area": "1%"}'],
     dict(type='TextureDifference', min_area='1%')),
    (['--detector', ' {"type": "DeSRA", "threshold": 0.2, "min_area": 500}', '--threshold', '0.6'],
     dict(threshold=.6, min_area=500)),
    (['--detector-options', 'threshold=0.6', 'form=printed', 'min_area=2%'],
     dict(threshold=.6, form='printed', min_area='2%')),
    (['--detector-options', 'threshold=0.2', 'form=printed', '--form', 'released', '--threshold',
      '0.5', '--min-area', '0.4%'], dict(threshold=.5, min_area='0.4%')),
    (['--detector-options', 'threshold=0.2', '--detector-options', 'min_area=7'],
     dict(threshold=.2, min_area=7)),
])
def test_detectors_and_their_arguments(root, tmp_path, options, config):
    assert detect(root, tmp_path, *options) == 0
    assert_masks(root, tmp_path, **config)


@pytest.mark.parametrize('name, content', [
    ('a.py', "detector = dict(type='SSIM', threshold=.9, min_area=100)\n"),
    ('b.py', "type = 'SSIM'\nthreshold = .9\nmin_area = 100\n"),
    ('c.json', '{"detector": {"type": "SSIM", "threshold": 0.9, "min_area": 100}}'),
    ('d.yaml', 'detector:\n  type: SSIM\n  threshold: 0.9\n  min_area: 100\n'),
    ('e.py', "detector = 'SSIM'\n"),
    ('f.py', "_base_ = ['./a.py']\ndetector = dict(threshold=.8)\n"),
    ('g.py', ('from mmdesra.detectors import SSIM\n'
              'detector = dict(type=SSIM, threshold=.9, min_area=100)\n')),
    ('h.py', 'import mmdesra.detectors as d\ntype = d.SSIM\nthreshold = .9\nmin_area = 100\n'),
    ('i.py', 'from mmdesra.detectors import SSIM\ndetector = SSIM\n'),
])
def test_config_files(root, tmp_path, name, content):
    (tmp_path / 'a.py').write_text("detector = dict(type='SSIM', threshold=.9, min_area=100)\n")
    (tmp_path / name).write_text(content)
    assert detect(root, tmp_path, '--detector', tmp_path / name) == 0
    default = dict(type='SSIM', threshold=.9, min_area=100)
    assert_masks(root, tmp_path, **{
        'e.py': dict(type='SSIM'), 'f.py': dict(default, threshold=.8),
        'i.py': dict(type='SSIM')}.get(name, default))
    assert detect(root, tmp_path / 'out', '--detector', tmp_path / name, '--threshold', '.7') == 0
    assert settings_of(tmp_path / 'out')['threshold'] == .7


@pytest.mark.parametrize('options, message', [
    (['--detector', 'Desra'], "expected one of the detectors DISTS, DeSRA, .* got 'Desra'"),
    (['--detector', ''], "got ''"),
    (['--detector', 'os.path.join'], "got 'os.path.join'"),
    (['--detector', '{"type": "DeSRA"'], '{"type": "DeSRA": expected a detector as JSON'),
    (['--detector', '{"type": 5}'], 'got 5'),
    (['--detector', '{"threshold": 0.5}'], "a detector's config with a 'type'"),
    (['--detector', '{"type": "DeSRA", "treshold": 0.5}'], 'DeSRA takes .* got treshold'),
    (['--detector', '{"type": "DeSRA", "threshold": "0.5"}'], "built from .*'threshold': '0.5'"),
    (['--detector', 'nowhere.py'], 'nowhere.py: cannot be read as a config'),
    (['--detector', 'bad.py'], 'bad.py: cannot be read as a config'),
    (['--detector', 'number.py'], r'number.py: expected detector = dict\(type=\.\.\., \.\.\.\)'),
    (['--detector', 'other.py'], r'other.py: expected detector = dict\(type=\.\.\., \.\.\.\)'),
    (['--detector-options', 'threshold'], 'expected KEY=VALUE, got threshold'),
    (['--detector-options', '=.5'], 'expected KEY=VALUE, got =.5'),
    (['--detector-options', 'threshold.=.5'], 'expected KEY=VALUE, got threshold.=.5'),
    (['--detector-options', 'threshold=[1,(2'], 'expected KEY=VALUE, got threshold='),
    (['--detector-options', 'threshold=high'], "built from .*'threshold': 'high'"),
    (['--detector-options', 'window=3'], 'DeSRA takes .* got window'),
    (['--detector', 'SSIM', '--form', 'printed'], 'SSIM takes threshold, min_area, got form'),
    (['--detector', 'SSIM', '--class-table', 'x.csv'], 'SSIM takes .* got class_table'),
    (['--detector', 'SSIM', '--threshold', 'nan'], 'finite threshold, got nan'),
    (['--detector', 'SSIM', '--labels', 'gan'], 'SSIM has no semantic step'),
    (['--detector', 'SSIM', '--segmentor', 'segformer-b5'], 'SSIM has no semantic step'),
    (['--labels', 'gan', '--segmentor', 'segformer-b5'], 'either --labels or --segmentor, got bo'),
    (['--segmentor', 'nothing'], 'nothing: expected segformer-b5, the name of an mmseg config'),
    (['--segmentor', 'segformer-b5', '--device', 'toaster'], 'device toaster: cannot be used'),
    (['--custom-imports', 'no_such_module'], '--custom-imports no_such_module: cannot be importe'),
    (['--custom-imports', 'nowhere.py'], '--custom-imports nowhere.py: cannot be imported'),
    (['--custom-imports', 'bad.py'], r'--custom-imports bad.py: .*ZeroDivisionError'),
])
def test_what_cannot_be_used_is_one_clear_line(root, tmp_path, monkeypatch, capsys, options,
                                               message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'bad.py').write_text('1 / 0\n')
    (tmp_path / 'number.py').write_text('detector = 5\n')
    (tmp_path / 'other.py').write_text("model = dict(type='SSIM')\n")
    (tmp_path / 'gan').symlink_to(root / 'gan')
    assert detect(root, tmp_path / 'out', *options) == 2
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if 'error: ' in line]
    assert len(lines) == 1 and error.count('Traceback') == 0
    assert re.search(message, lines[0]), lines[0]
    assert not (tmp_path / 'out').exists()
    assert 'bad' not in sys.modules


# ---------------------------------------- a detector of the user's own


def brightness_masks(root, threshold, min_area, factor=1.):
    for name in NAMES:
        values = read_image(root / f'gan/{name}.png').mean(axis=2) * factor
        yield name, clean_mask(torch.from_numpy(values > threshold), min_area).numpy()


@pytest.mark.parametrize('way', ['file', 'module', 'config'])
def test_a_detector_of_ones_own(root, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f'own_{way}.py').write_text(OWN_DETECTOR.format(name=f'Own{way}'))
    (tmp_path / 'config.py').write_text(
        f"custom_imports = dict(imports=['own_{way}'])\ndetector = dict(type='Own{way}')\n")
    if way == 'config':  # mmengine's own way; there the module must be on the path
        monkeypatch.syspath_prepend(tmp_path)
        options = ['--detector', 'config.py']
    else:
        imported = tmp_path / 'own_file.py' if way == 'file' else 'own_module'
        options = ['--custom-imports', imported, '--detector', f'Own{way}']
    assert detect(root, tmp_path / 'out', *options, '--detector-options', 'factor=1.1',
                  '--threshold', '120', '--min-area', '50') == 0
    found = 0
    for name, mask in brightness_masks(root, 120, 50, 1.1):
        np.testing.assert_array_equal(read_mask(tmp_path / f'out/mask/{name}.png'), mask)
        found += mask.sum()
    assert 0 < found < 3 * mask.size
    assert settings_of(tmp_path / 'out')['type'] == 'Brightness'


# ---------------------------------------- without MSE-SR images


def test_a_detector_that_needs_no_mse_sr_images(tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / 'gan').mkdir()
    write_image(tmp_path / 'gan/a.png', rng.integers(0, 255, (200, 220, 3)).astype(np.uint8))
    options = ['--out', tmp_path / 'out', '--detector', 'NIQE']
    assert call('detect.py', '--gan', tmp_path / 'gan', *options) == 0
    assert 'semantic step' not in capsys.readouterr().err
    first = (tmp_path / 'out/mask/a.png').read_bytes()
    assert call('detect.py', '--gan', tmp_path / 'gan', '--mse', tmp_path / 'gan', *options) == 0
    assert (tmp_path / 'out/mask/a.png').read_bytes() == first
    assert call('detect.py', '--gan', tmp_path / 'gan', '--out', tmp_path / 'other') == 2
    assert 'give either --gan and --mse' in capsys.readouterr().err
    assert call('detect.py', '--mse', tmp_path / 'gan', *options) == 2


def test_several_files_and_folders(root, tmp_path):
    names = [root / 'gan/image2.png', root / 'gan/image0.png']
    assert call('detect.py', '--gan', *names, '--mse', root / 'mse', '--out', tmp_path) == 0
    assert [image['image'] for image in json.loads(
        (tmp_path / 'detections.json').read_text())['images']] == ['image2.png', 'image0.png']
    (tmp_path / 'else.png').write_bytes((root / 'mse/image0.png').read_bytes())
    assert call('detect.py', '--gan', names[1], '--mse', tmp_path / 'else.png', '--out',
                tmp_path / 'pair') == 0  # two single files are a pair
    for mask in (tmp_path / 'pair/mask').iterdir():
        assert mask.read_bytes() == (tmp_path / 'mask' / mask.name).read_bytes()


# ---------------------------------------- label maps


@pytest.fixture
def labels(root, tmp_path):
    return store_labels(tmp_path / 'labels', {
        name: read_image(root / f'gan/{name}.png') for name in NAMES})


@pytest.mark.parametrize('batch_size', [1, 2])
def test_the_segmenter_is_run_only_where_it_can_change_a_mask(root, tmp_path, labels, capsys,
                                                              monkeypatch, batch_size):
    source = KnownLabels(batch_size=batch_size)
    options = []
    monkeypatch.setattr(detector_options, 'build_labels',
                        lambda detector, config: options.append(config) or source)
    assert detect(root, tmp_path / 'out', '--segmentor', 'mine', '--segmentor-checkpoint', 'w.pth',
                  '--segmentor-batch-size', str(batch_size), '--min-area', MIN_AREA) == 0
    assert source.calls == {1: [['image0'], ['image2']], 2: [['image0', 'image2']]}[batch_size]
    assert options == [dict(config='mine', checkpoint='w.pth', batch_size=batch_size, half=False,
                            device='cuda' if torch.cuda.is_available() else 'cpu')]
    said = capsys.readouterr()
    assert 'segmenter: run on 2 of 3 images' in said.out
    assert 'semantic step: OFF' not in said.err
    monkeypatch.undo()
    assert detect(root, tmp_path / 'stored', '--labels', labels, '--min-area', MIN_AREA) == 0
    assert 'segmenter: run' not in capsys.readouterr().out
    assert detect(root, tmp_path / 'plain', '--min-area', MIN_AREA) == 0
    for name in NAMES:
        gated, stored, plain = (read_mask(tmp_path / kind / f'mask/{name}.png')
                                for kind in ('out', 'stored', 'plain'))
        np.testing.assert_array_equal(gated, stored)
        assert 0 < gated.sum() < plain.sum() or name == 'image1'
