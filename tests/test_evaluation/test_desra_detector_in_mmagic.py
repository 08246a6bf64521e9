"""The metric on a model and data of MMagic, in the evaluators of MMagic and of mmengine."""
from __future__ import annotations

import json
import runpy
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.registry import METRICS, MODELS, DefaultScope
from mmengine.runner import Runner
from PIL import Image
from torch.utils.data import DataLoader
from toy_training import DETECTOR, model_config, training_config
from toys import SCALE, ToyGenerator, make_lq_folder, make_lq_image, write_checkpoints

from mmdesra.detectors import DeSRA
from mmdesra.evaluation.ground_truths import Fidelity
from mmdesra.evaluation.image_figures import ImageFigures, sum_up
from mmdesra.evaluation.image_sums import Before, Known
from mmdesra.evaluation.judge import Judge
from mmdesra.generators import Upscaler

pytestmark = pytest.mark.usefixtures('own_scope')


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


def make_loader(folders, orders, meta_keys=(), batch_size=1, color_types=None):
    """Loads as MMagic's configs do.

    Args:
        folders (dict): Folder of the images for each key of a sample.
        orders (dict): Their channel order, in which they are loaded.
        meta_keys (Sequence[str]): What is packed beside the images.
        color_types (dict, optional): How they are read; by default in colour.
    """
    from mmagic.datasets import BasicImageDataset
    pipeline = [dict(type='LoadImageFromFile', key=key, channel_order=orders.get(key, 'rgb'),
                     color_type=(color_types or {}).get(key, 'color')) for key in folders]
    own = [key for key in folders if key not in ('img', 'gt')]
    pipeline.append(dict(type='PackInputs', data_keys=own,
                         meta_keys=list(meta_keys)))
    with DefaultScope.overwrite_default_scope('mmagic'):
        dataset = BasicImageDataset(
            data_root=str(folders['img'].parent), pipeline=pipeline,
            data_prefix={key: folder.name for key, folder in folders.items()})
    return DataLoader(dataset, batch_size=batch_size, collate_fn=pseudo_collate)


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


def test_reference_of_the_gan_itself(data):
    """Of the evaluated model as it is at first, or of the weights that are named."""
    model, loader = make_model('ToyGenerator', .15), make_lq_loader(data / 'lq')
    own = dict(reference='self-ensemble')
    found = run_mmagic(model, loader, **own)
    assert found['DeSRA/regions'] > 2
    assert run_mmagic(model, loader, **own, gan_checkpoint=str(data / 'gan.pth')) == found
    tuned = make_model('ToyGenerator', .02)
    assert run_mmagic(tuned, loader, **own, gan_checkpoint=str(data / 'gan.pth'))[
        'DeSRA/artifact_area'] < found['DeSRA/artifact_area']


def test_mmagics_own_test_tool(data, expected, tmp_path, monkeypatch):
    """python tools/test.py CONFIG CHECKPOINT --out FILE, as MMagic's users do."""
    tool = Path(find_spec('mmagic').origin).parent / '.mim/tools/test.py'
    pipeline = [dict(type='LoadImageFromFile', key='img', channel_order='rgb'),
                dict(type='PackInputs')]
    config = Config(dict(
        default_scope='mmagic', experiment_name=tmp_path.name, model=model_config(),
        custom_imports=dict(imports=['mmdesra', 'toys'], allow_failed_imports=False),
        test_cfg=dict(type='MultiTestLoop'),
        test_dataloader=dict(
            batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='BasicImageDataset', data_root=str(data / 'lq'),
                         data_prefix=dict(img=''), pipeline=pipeline)),
        test_evaluator=dict(type='Evaluator', metrics=[dict(
            type='DeSRADetector', mse_checkpoint=str(data / 'mse.pth'), detector=DETECTOR)])))
    config.dump(tmp_path / 'config.py')
    state = {f'generator.{name}': value for name, value in ToyGenerator(.15).state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'model.pth')
    monkeypatch.setattr('sys.argv', [
        'test.py', str(tmp_path / 'config.py'), str(tmp_path / 'model.pth'), '--work-dir',
        str(tmp_path / 'run'), '--out', str(tmp_path / 'figures.json')])
    runpy.run_path(str(tool), run_name='__main__')
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert {name: value for name, value in figures.items() if name in expected} == expected


@pytest.mark.parametrize('options', [{}, dict(mse_generator='ToyGenerator')])
def test_a_partner_is_asked_in_the_passes_of_its_file(data, options):
    """The model's own weights: in one pass its own image, the mean of the turned is another."""
    model, loader = make_model('ToyGenerator', .15), make_lq_loader(data / 'lq')
    regions = []
    for passes in (1, 8):
        file = data / f'partner{passes}.pth'
        torch.save(dict(params=ToyGenerator(.15).state_dict(),
                        meta=dict(mse_partner=dict(passes=passes))), file)
        figures = run_mmagic(model, loader, mse_checkpoint=str(file), **options)
        regions.append(figures['DeSRA/regions'])
    assert regions[0] == 0 < regions[1]


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


@pytest.mark.parametrize('run', [run_mmagic, run_mmengine])
@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_the_truth_is_compared_channel_by_channel(data, run, order):
    """The truths are the model's own images: no difference, in whatever order they are loaded."""
    folders = dict(img=data / 'red', gt=data / 'red_sr', mse_img=data / 'red_sr')
    loader = make_loader(folders, dict(img='rgb', gt=order))
    figures = run(make_model('RedStipple', .15), loader)
    assert figures['DeSRA/psnr_outside'] == 100
    assert figures['DeSRA/texture_error_outside'] == 0


# ---------------------------------------- what is known beforehand, packed by MMagic


@pytest.fixture(scope='module')
def known(data):
    """Folders of SR images now, from before, and masks; the figures that follow from them."""
    folder = data / 'known'
    make_lq_folder(folder / 'lq', count=3)
    detector, expected = DeSRA(min_area=DETECTOR['min_area']), []
    for name in ('mse', 'before', 'gt_mask', 'mask_before', 'sea'):
        (folder / name).mkdir()
    for number, path in enumerate(sorted((folder / 'lq').iterdir())):
        lq = np.array(Image.open(path))
        gan, mse, before = (Upscaler(ToyGenerator(amplitude))(lq) for amplitude in (.15, 0, .3))
        mask, mask_before = (detector.detect(image, mse).mask for image in (gan, before))
        mask_before[:, :60] = False  # what lies there now is added
        mask_before[140:150, 140:150] = True  # and this is removed
        gt_mask = np.roll(mask, 12 * (number + 1), axis=0)
        expected.append((gan, mask, Known(gt_mask, Before(mask_before, before), mse)))
        for kind, image in dict(mse=mse, before=before, gt_mask=gt_mask, mask_before=mask_before,
                                sea=np.full(mask.shape, 26)).items():
            image = image.astype(np.uint8) * (255 if image.dtype == bool else 1)
            Image.fromarray(image).save(folder / kind / path.name)
    total = sum_up([ImageFigures.of(*entry, Judge()) for entry in expected])
    assert len(total) == 13
    assert all(0 < total[name] < 1 for name in ('IoU', 'RemovalRate', 'AdditionRate'))
    return folder, {f'DeSRA/{name}': pytest.approx(value) for name, value in total.items()}


def known_loader(folder, color_type='color', order='rgb', batch_size=1):
    names = dict(img='lq', mse_img='mse', gt_mask='gt_mask', mask_before='mask_before',
                 img_before='before')
    return make_loader(
        {key: folder / name for key, name in names.items()}, dict(img='rgb', img_before=order),
        ['img_before_channel_order'], batch_size,
        {key: color_type for key in names if 'mask' in key})


@pytest.mark.parametrize('run', [run_mmagic, run_mmengine])
@pytest.mark.parametrize('options', [
    dict(), dict(color_type='grayscale'), dict(color_type='unchanged'), dict(order='bgr'),
    dict(batch_size=2)], ids=str)
def test_masks_and_images_from_before_arrive(known, run, options):
    folder, expected = known
    assert run(make_model('ToyGenerator', .15), known_loader(folder, **options)) == expected


def test_folders_give_the_same(known):
    """The samples of MMagic say which file they are of."""
    folder, expected = known
    loader = make_loader(dict(img=folder / 'lq', mse_img=folder / 'mse'), dict(img='rgb'))
    folders = dict(gt_mask_dir=str(folder / 'gt_mask'), img_before_dir=str(folder / 'before'),
                   mask_before_dir=str(folder / 'mask_before'))
    for run in (run_mmagic, run_mmengine):
        assert run(make_model('ToyGenerator', .15), loader, **folders) == expected


@pytest.mark.parametrize('color_type', ['color', 'grayscale', 'unchanged'])
def test_label_maps_arrive(known, color_type):
    """All is sea, whose weight hides a weak texture."""
    folder, _ = known
    model = make_model('ToyGenerator', .04)
    folders = dict(img=folder / 'lq', mse_img=folder / 'mse')
    without = run_mmagic(model, make_loader(folders, dict(img='rgb')))
    loader = make_loader(dict(folders, labels=folder / 'sea'), dict(img='rgb'),
                         color_types=dict(labels=color_type))
    with_labels = run_mmagic(model, loader)
    assert with_labels['DeSRA/artifact_area'] < without['DeSRA/artifact_area']
    assert with_labels == run_mmagic(model, make_loader(folders, dict(img='rgb')),
                                     segmentor=str(folder / 'sea'))


class KeepFigures(Hook):
    def after_val_epoch(self, runner, metrics=None):
        self.figures = metrics


def test_the_loop_of_mmagic(known, tmp_path):
    """Runner.val with MMagic's MultiValLoop, which tells its figures to hooks alone."""
    keep = KeepFigures()
    folder, expected = known
    loader = known_loader(folder)
    config = training_config(model_config(discriminator=None))
    with DefaultScope.overwrite_default_scope('mmagic'):
        runner = Runner(
            make_model('ToyGenerator', .15), str(tmp_path), val_dataloader=loader,
            val_cfg=config.val_cfg, default_scope='mmagic', log_level='WARNING',
            experiment_name=tmp_path.name,
            val_evaluator=dict(type='Evaluator', metrics=[
                dict(type='DeSRADetector', detector=DETECTOR)]))
        runner.register_hook(keep)
        runner.val()
    assert keep.figures == expected


def test_psnr_and_ssim_of_the_hook_are_those_of_mmagics_metrics():
    from mmagic.evaluation import psnr, ssim
    image, gt = (make_lq_image(seed) for seed in (0, 1))
    got = Fidelity.of(image, gt)
    assert got.psnr == pytest.approx(psnr(image, gt), abs=1e-6)
    assert got.ssim == pytest.approx(ssim(image, gt), abs=1e-6)
