"""The metric on a model and data of MMagic, in the evaluators of MMagic and of mmengine."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS, MODELS, DefaultScope
from PIL import Image
from torch.utils.data import DataLoader
from toy_training import DETECTOR, model_config
from toys import SCALE, ToyGenerator, make_lq_folder, make_lq_image, write_checkpoints

from mmdesra.detectors import DeSRA
from mmdesra.generators import Upscaler


@pytest.fixture(scope='module', autouse=True)
def own_scope():
    """Takes back the default scope that MMagic leaves behind for the whole process."""
    with DefaultScope.overwrite_default_scope('mmengine'):
        yield


@MODELS.register_module(force=True)
class RedStipple(ToyGenerator):
    """Adds its texture to the red channel alone, where the LR image is red."""

    def forward(self, x):
        sr = super().forward(x[:, [1, 0, 2]])[:, [1, 0, 2]]
        plain = x.repeat_interleave(SCALE, -2).repeat_interleave(SCALE, -1)
        return torch.cat([sr[:, :1], plain[:, 1:]], dim=1)


def make_red_folder(folder):
    """Images with red and blue regions at different places."""
    folder.mkdir()
    for number in range(3):
        image = make_lq_image(number, clean=True)
        image[..., 0] = make_lq_image(number)[..., 1]
        image[..., 2] = make_lq_image(number + 50)[..., 1]
        Image.fromarray(image).save(folder / f'image{number}.png')


def make_loader(folders, orders, meta_keys=()):
    """Loads as MMagic's configs do.

    Args:
        folders (dict): Folder of the images for each key of a sample.
        orders (dict): Their channel order, in which they are loaded.
        meta_keys (Sequence[str]): What is packed beside the images.
    """
    from mmagic.datasets import BasicImageDataset
    pipeline = [dict(type='LoadImageFromFile', key=key, channel_order=orders[key])
                for key in folders]
    pipeline.append(dict(type='PackInputs', data_keys=['mse_img'], meta_keys=list(meta_keys)))
    with DefaultScope.overwrite_default_scope('mmagic'):
        dataset = BasicImageDataset(
            data_root=str(folders['img'].parent), pipeline=pipeline,
            data_prefix={key: folder.name for key, folder in folders.items()})
    return DataLoader(dataset, batch_size=1, collate_fn=pseudo_collate)


def make_lq_loader(folder, order='rgb'):
    return make_loader(dict(img=folder), dict(img=order))


def make_model(generator, amplitude):
    model = MODELS.build(dict(
        model_config(generator=dict(type=generator, amplitude=amplitude), discriminator=None),
        _scope_='mmagic'))
    return model.eval()


def run_mmagic(model, loader, **options):
    """What MMagic's MultiValLoop does with MMagic's Evaluator."""
    from mmagic.evaluation import Evaluator as MMagicEvaluator
    evaluator = MMagicEvaluator([dict(type='DeSRADetector', detector=DETECTOR, **options)])
    evaluator.prepare_metrics(model, loader)
    for metrics, sampler in evaluator.prepare_samplers(model, loader):
        for batch in sampler:
            evaluator.process(model.val_step(batch), batch, metrics)
    return evaluator.evaluate()


def run_mmengine(model, loader, **options):
    """What mmengine's ValLoop does."""
    evaluator = Evaluator([dict(type='DeSRADetector', detector=DETECTOR, **options)])
    for batch in loader:
        evaluator.process(data_samples=model.val_step(batch), data_batch=batch)
    return evaluator.evaluate(len(loader.dataset))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    make_lq_folder(folder / 'lq', count=3)
    make_red_folder(folder / 'red')
    write_checkpoints(folder)
    (folder / 'red_sr').mkdir()
    for path in (folder / 'red').iterdir():
        sr = Upscaler(RedStipple(.15))(np.array(Image.open(path)))
        Image.fromarray(sr).save(folder / 'red_sr' / path.name)
    return folder


@pytest.fixture(scope='module')
def expected(data):
    """The figures, from the images and the detector alone."""
    detector = DeSRA(min_area=DETECTOR['min_area'])
    detections = []
    for path in sorted((data / 'lq').iterdir()):
        lq = np.array(Image.open(path))
        detections.append(detector.detect(Upscaler(ToyGenerator(.15))(lq),
                                          Upscaler(ToyGenerator())(lq)))
    counts = [len(detection.regions) for detection in detections]
    assert counts[1] == 0 and sum(counts) > 2
    return {'DeSRA/artifact_images': pytest.approx(2 / 3), 'DeSRA/regions': sum(counts),
            'DeSRA/artifact_area': pytest.approx(
                sum(detection.area for detection in detections) / (3 * 160 * 192))}


def test_both_evaluators_give_the_figures_of_the_images(data, expected):
    model, loader = make_model('ToyGenerator', .15), make_lq_loader(data / 'lq')
    checkpoint = str(data / 'mse.pth')
    assert run_mmagic(model, loader, mse_checkpoint=checkpoint) == expected
    assert run_mmagic(model, loader, mse_checkpoint=checkpoint,
                      mse_generator='ToyGenerator') == expected
    assert run_mmengine(model, loader, mse_checkpoint=checkpoint,
                        mse_generator='ToyGenerator') == expected


def test_evaluated_model_stays_as_it_is(data):
    """The reference is a copy of its generator with other weights."""
    model = make_model('ToyGenerator', .15)
    run_mmagic(model, make_lq_loader(data / 'lq'), mse_checkpoint=str(data / 'mse.pth'))
    assert model.generator.amplitude.item() == pytest.approx(.15)
    assert model.generator.amplitude.requires_grad


def test_second_validation_uses_the_same_reference(data, expected):
    """The evaluated generator has moved on by then."""
    model, loader = make_model('ToyGenerator', .15), make_lq_loader(data / 'lq')
    metric = METRICS.build(dict(type='DeSRADetector', detector=DETECTOR,
                                mse_checkpoint=str(data / 'mse.pth')))
    metric.prepare(model, loader)
    metric.prepare(make_model('ToyGenerator', .9), loader)
    for batch in loader:
        metric.process(batch, [entry.to_dict() for entry in model.val_step(batch)])
    assert metric.evaluate() == expected


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
@pytest.mark.parametrize('run', [run_mmagic, run_mmengine])
def test_reference_generator_sees_what_the_model_saw(data, run, order):
    """With the model's own weights it must give the model's own images: no artifact.

    MMagic hands inputs and predictions to metrics as BGR, whatever the model takes.
    """
    torch.save(RedStipple(.15).state_dict(), data / 'red.pth')
    torch.save(RedStipple(0).state_dict(), data / 'plain.pth')
    model, loader = make_model('RedStipple', .15), make_lq_loader(data / 'red', order)
    figures = {name: run(model, loader, mse_generator='RedStipple',
                         mse_checkpoint=str(data / f'{name}.pth')) for name in ('red', 'plain')}
    assert figures['red']['DeSRA/artifact_images'] == 0
    assert figures['plain']['DeSRA/artifact_images'] == 1


@pytest.mark.parametrize('run', [run_mmagic, run_mmengine])
@pytest.mark.parametrize('order, meta_keys', [
    ('rgb', []), ('rgb', ['mse_img_channel_order']), ('bgr', ['mse_img_channel_order'])],
    ids=['rgb', 'rgb and says so', 'bgr and says so'])
def test_stored_reference_is_compared_channel_by_channel(data, run, order, meta_keys):
    """The stored images are the model's own: no artifact."""
    loader = make_loader(dict(img=data / 'red', mse_img=data / 'red_sr'),
                         dict(img='rgb', mse_img=order), meta_keys)
    model = make_model('RedStipple', .15)
    assert run(model, loader)['DeSRA/artifact_images'] == 0
