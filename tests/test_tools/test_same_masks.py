"""One mask, whichever way it is asked for: LR or SR images, tool, inferencer or metric."""
from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from command_lines import call
from known_labels import half_sea, store_labels
from mmengine.evaluator import Evaluator
from toy_segmentor import COLOURS, colour_labels, write_colour_model
from toys import MIN_AREA, make_lq_folder, make_pairs, write_checkpoints, write_generator_config

from mmdesra.apis import DeSRAInferencer
from mmdesra.detectors import build_detector
from mmdesra.files import list_images, read_image, read_mask

COUNT = 5
AMPLITUDE = .05
"""Weak enough that the classes of the label maps decide."""


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """LR images (image1 is clean), checkpoints, stored labels, a class table and a segmenter."""
    folder = tmp_path_factory.mktemp('same')
    make_lq_folder(folder / 'lq', COUNT)
    write_checkpoints(folder, AMPLITUDE)
    write_generator_config(folder)
    pairs = make_pairs(folder / 'lq', AMPLITUDE)
    gan = {path.stem: pairs.load(path).gan for path in pairs.paths}
    store_labels(folder / 'seas', gan)
    store_labels(folder / 'colours', gan, colour_labels)
    write_colour_model(folder)
    (folder / 'colours.csv').write_text('index,class,bin\n' + ''.join(
        f'{index},{name},{5 * index}\n' for index, name in enumerate(COLOURS)))
    return folder


class Way:
    """How the semantic step is asked for, on the command line and in Python."""

    def __init__(self, options=(), segmentor=None, labels=None, **detector):
        self.options = options
        self.segmentor = segmentor
        self.labels = labels
        self.detector = dict(dict(type='DeSRA', min_area=MIN_AREA), **detector)


def ways(root):
    table = str(root / 'colours.csv')
    model = dict(config=str(root / 'colour_model.py'), checkpoint=str(root / 'colour_model.pth'),
                 device='cpu', batch_size=2)
    return {
        'no labels': Way(),
        'stored labels': Way(['--labels', root / 'seas'], str(root / 'seas'), half_sea),
        'a segmenter': Way(
            ['--segmentor', model['config'], '--segmentor-checkpoint', model['checkpoint'],
             '--segmentor-batch-size', 2, '--class-table', table, '--device', 'cpu'],
            model, colour_labels, class_table=table),
        'its labels, stored': Way(['--labels', root / 'colours', '--class-table', table],
                                  str(root / 'colours'), colour_labels, class_table=table),
    }


def generators(root):
    return dict(gan_checkpoint=root / 'gan.pth', mse_checkpoint=root / 'mse.pth')


def detect(out, way, *source):
    assert call('detect.py', *source, '--out', out, '--min-area', MIN_AREA, '--no-report',
                *way.options) == 0
    return {path.stem: read_mask(path) for path in list_images(out / 'mask')}


def from_lq(root, out, way):
    options = [part for name, path in generators(root).items()
               for part in ('--' + name.replace('_', '-'), path)]
    return detect(out, way, '--lq', root / 'lq', '--generator', root / 'toy_generator.py',
                  '--save-sr', *options)


def predicted(result):
    assert not any(prediction['error'] for prediction in result['predictions'])
    return {f'image{k}': prediction['mask'] for k, prediction in enumerate(result['predictions'])}


def figures_of_metric(sr, masks, way):
    """Compared with the masks as if they were a person's, or those from before."""
    evaluator = Evaluator([dict(
        type='DeSRADetector', detector=way.detector, segmentor=way.segmentor,
        gt_mask_dir=str(masks), mask_before_dir=str(masks), img_before_dir=str(sr / 'gan'))])
    for path in list_images(sr / 'gan'):
        gan, mse = (torch.from_numpy(read_image(sr / kind / path.name).transpose(2, 0, 1).copy())
                    for kind in ('gan', 'mse'))
        evaluator.process(data_samples=[dict(pred_img=gan, mse_img=mse, img_path=str(path))],
                          data_batch=None)
    return evaluator.evaluate(COUNT)


@pytest.mark.parametrize('name', ['no labels', 'stored labels', 'a segmenter',
                                  'its labels, stored'])
def test_the_same_masks(root, tmp_path, name):
    way = ways(root)[name]
    found = from_lq(root, tmp_path / 'lq', way)
    sr = tmp_path / 'lq/sr'
    others = dict(sr=detect(tmp_path / 'sr', way, '--gan', sr / 'gan', '--mse', sr / 'mse'))

    options = dict(detector=way.detector, segmentor=way.segmentor, device='cpu')
    one = DeSRAInferencer(**generators(root), generator='ToyGenerator', **options)
    others['inferencer, LR files'] = predicted(one(root / 'lq', show_progress=False))
    others['inferencer, SR files'] = predicted(one(gan=sr / 'gan', mse=sr / 'mse',
                                                   show_progress=False))
    if not isinstance(way.segmentor, str):  # stored labels are found by file names
        lq, gan, mse = ([read_image(path) for path in list_images(folder)]
                        for folder in (root / 'lq', sr / 'gan', sr / 'mse'))
        others['inferencer, LR arrays'] = predicted(one(lq, show_progress=False))
        others['inferencer, SR arrays'] = predicted(one(gan=gan, mse=mse, show_progress=False))
    detector = build_detector(way.detector)
    others['library'] = {
        path.stem: detector.detect(*pair, way.labels and way.labels(pair[0])).mask
        for path in list_images(sr / 'gan')
        for pair in [[read_image(sr / kind / path.name) for kind in ('gan', 'mse')]]}
    for way_name, masks in others.items():
        assert masks.keys() == found.keys()
        for stem, mask in masks.items():
            np.testing.assert_array_equal(mask, found[stem], way_name)

    figures = figures_of_metric(sr, tmp_path / 'lq/mask', way)
    totals = json.loads((tmp_path / 'lq/detections.json').read_text())['totals']
    assert figures == {f'DeSRA/{key}': pytest.approx(value, rel=1e-4) for key, value in dict(
        artifact_images=totals['images_with_artifacts'] / COUNT, regions=totals['regions'],
        artifact_area=totals['artifact_share'], IoU=1, Precision=1, Recall=1, RemovalRate=0,
        AdditionRate=0, DetailKept=1, excess_left=1, gone=0, faded=0,
        left=totals['regions']).items()}
    assert totals['regions'] > 0


def test_the_semantic_step_of_these_tests_matters(root, tmp_path):
    """Else they would compare the masks without it with themselves."""
    area = {name: sum(mask.sum() for mask in from_lq(root, tmp_path / name, way).values())
            for name, way in ways(root).items()}
    assert 0 < area['stored labels'] < area['no labels']
    assert 0 < area['a segmenter'] == area['its labels, stored'] < area['no labels']
    totals = json.loads((tmp_path / 'a segmenter/detections.json').read_text())['totals']
    assert totals['labelled'] == COUNT - 1
