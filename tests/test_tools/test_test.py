"""`mmdesra test`: a checkpoint judged with a config's own data and metrics."""
from __future__ import annotations

import json
import re

import pytest
import torch
from command_lines import call
from mmengine.config import Config
from toy_training import DETECTOR, model_config
from toys import ToyGenerator, make_lq_folder, write_checkpoints

from mmdesra.detectors import DeSRA
from mmdesra.files import list_images, read_image
from mmdesra.generators import Upscaler

pytestmark = pytest.mark.usefixtures('own_scope')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    make_lq_folder(folder / 'lq', count=2)
    write_checkpoints(folder)
    return folder


@pytest.fixture(scope='module')
def regions(data):
    """From the images and the detector alone."""
    gan, mse = Upscaler(ToyGenerator(.15)), Upscaler(ToyGenerator())
    detector = DeSRA(min_area=DETECTOR['min_area'])
    images = [read_image(path) for path in list_images(data / 'lq')]
    return sum(len(detector.detect(gan(lq), mse(lq)).regions) for lq in images)


@pytest.fixture
def write_config(data, tmp_path):
    def write(**changes):
        pipeline = [dict(type='LoadImageFromFile', key='img', channel_order='rgb'),
                    dict(type='PackInputs')]
        config = dict(
            default_scope='mmagic', experiment_name=tmp_path.name, model=model_config(),
            custom_imports=dict(imports=['toys'], allow_failed_imports=False),
            # A config of a fine-tuning is tested as it is: its hooks have nothing to do.
            custom_hooks=[dict(type='DeSRAFinetuneHook', lq_dir='nowhere'),
                          dict(type='StartGeneratorHook', checkpoint='nowhere.pth')],
            load_from='nowhere.pth',
            test_cfg=dict(type='MultiTestLoop'),
            test_dataloader=dict(
                batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(type='BasicImageDataset', data_root=str(data / 'lq'),
                             data_prefix=dict(img=''), pipeline=pipeline)),
            test_evaluator=dict(type='Evaluator', metrics=[dict(
                type='DeSRADetector', mse_checkpoint=str(data / 'mse.pth'), detector=DETECTOR)]))
        Config(dict(config, **changes)).dump(tmp_path / 'config.py')
        return tmp_path / 'config.py'
    return write


def whole_model():
    return dict(state_dict={f'generator.{name}': value
                            for name, value in ToyGenerator(.15).state_dict().items()})


def generator_alone():
    return dict(params=ToyGenerator(.15).state_dict())


@pytest.mark.parametrize('content', [whole_model, generator_alone])
def test_figures_of_the_checkpoint(content, write_config, regions, tmp_path, capsys):
    torch.save(content(), tmp_path / 'model.pth')
    assert call('test.py', write_config(), tmp_path / 'model.pth', '--work-dir', tmp_path / 'run',
                '--out', tmp_path / 'new' / 'metrics.json') == 0
    figures = json.loads((tmp_path / 'new/metrics.json').read_text())
    assert regions > 0 and figures['DeSRA/regions'] == regions
    assert f'DeSRA/regions: {regions}' in capsys.readouterr().out


@pytest.mark.parametrize('content, changes, said', [
    (dict(params=dict(weight=torch.zeros(3))), {}, 'model.pth .* does not fit the generator'),
    (whole_model(), dict(test_dataloader=None, test_cfg=None, test_evaluator=None),
     ('expected a config that says how to test, but it has no test_dataloader, test_evaluator, '
     'test_cfg')),
    (whole_model(), dict(model=dict(type='NoSuchModel')), 'config.py: .*NoSuchModel')])
def test_what_cannot_be_tested(content, changes, said, write_config, tmp_path, capsys):
    torch.save(content, tmp_path / 'model.pth')
    assert call('test.py', write_config(**changes), tmp_path / 'model.pth', '--work-dir',
                tmp_path / 'run', '--out', tmp_path / 'metrics.json') == 2
    assert not (tmp_path / 'metrics.json').exists()
    (error,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith('error'))
    assert re.search(said, error), error
