"""What a run shows of the held-out images: scalars and pictures in the visualizer, and files."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from toy_training import make_runner, model_config, results_of, training_config
from toys import ToyGenerator

from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.generators import Upscaler

ITERATIONS, SECOND_ROUND = 3, 1


@pytest.fixture(scope='module')
def gt_dir(data, tmp_path_factory):
    """The MSE-SR images: the nearer the toy comes to them, the higher are PSNR and SSIM."""
    folder = tmp_path_factory.mktemp('gt')
    for path in data.heldout.glob('*.png'):
        write_image(folder / path.name, Upscaler(ToyGenerator())(read_image(path)))
    return folder


@pytest.fixture(scope='module')
def distance(tmp_path_factory):
    """LPIPS on a network of random weights."""
    pytest.importorskip('lpips')
    import torchvision
    path = tmp_path_factory.mktemp('weights') / 'squeezenet.pth'
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    return dict(type='LPIPS', net='squeeze', backbone_weights=str(path))


@pytest.fixture(scope='module')
def runner(data, gt_dir, distance, tmp_path_factory):
    pytest.importorskip('tensorboard')
    config = training_config(model_config(), iterations=ITERATIONS)
    config.log_level = 'INFO'
    config.visualizer.vis_backends = [dict(type='LocalVisBackend'),
                                      dict(type='TensorboardVisBackend')]
    runner = make_runner(tmp_path_factory.mktemp('shown') / 'run', data, config,
                         heldout_gt_dir=str(gt_dir), perceptual=distance, rounds=2)
    runner.train()
    runner.visualizer.close()
    return runner


@pytest.fixture(scope='module')
def events(runner):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    (path,) = Path(runner.work_dir).glob('*/vis_data/events.out.*')
    return EventAccumulator(str(path)).Reload()


def test_figures_at_the_start_and_after_each_round_are_scalars(runner, events):
    results = results_of(runner)
    rounds = json.loads((Path(runner.work_dir) / 'rounds.json').read_text())
    names = dict(removal=(0, 'removal_rate'), addition=(0, 'addition_rate'),
                 detail_kept=(1, 'detail_kept'), psnr=(results['psnr_before'], 'psnr_after'),
                 regions=(results['regions_before'], 'regions_after'),
                 artifact_px=(results['area_before'], 'area_after'),
                 ssim=(results['ssim_before'], 'ssim_after'))
    for name, (before, after) in names.items():
        shown = [(event.step, event.value) for event in events.Scalars(f'DeSRA/{name}')]
        assert shown == [(0, pytest.approx(before)),
                         (SECOND_ROUND, pytest.approx(rounds[0]['heldout'][after])),
                         (ITERATIONS, pytest.approx(results[after]))]
    assert results['gt_images'] == results['truth']['images'] == 4
    assert rounds[0]['heldout']['truth']['images'] == 4
    inside = results['truth']['inside']
    for name in ('texture_error', 'texture_above', 'psnr', 'perceptual'):
        shown = [event.value for event in events.Scalars(f'DeSRA/{name}_inside')]
        assert shown == [pytest.approx(inside['before'][name]),
                         pytest.approx(rounds[0]['heldout']['truth']['inside']['after'][name]),
                         pytest.approx(inside['after'][name])]
    assert results['perceptual'].keys() == {'type', 'net', 'weights'}
    shares = [event.value for event in events.Scalars('DeSRA/farther_by_texture')]
    assert shares[0] == 1  # the truths are the MSE-SR images
    assert results['psnr_after'] > results['psnr_before']


def test_the_worst_images_are_files_and_pictures_of_the_visualizer(runner, events):
    folder = Path(runner.work_dir) / 'heldout/worst'
    names = sorted(path.name for path in folder.iterdir())
    rows = results_of(runner)['per_image']
    worst = sorted((name for name, row in rows.items() if row['area_before']), reverse=True,
                   key=lambda name: (rows[name]['area_after'], rows[name]['area_before']))
    assert names == [f'{rank}_{name}' for rank, name in enumerate(worst, 1)]
    assert len(names) == 3  # the fourth image is clean
    for rank, name in enumerate(names, 1):
        picture = read_image(folder / name)
        (event,) = events.Images(f'worst_{rank}')
        assert event.step == ITERATIONS
        assert (event.height, event.width) == picture.shape[:2]
        (local,) = Path(runner.work_dir).glob(f'*/vis_data/vis_image/worst_{rank}_*.png')
        assert (read_image(local) == picture).all()


def test_a_table_of_the_truth_is_in_the_log(runner):
    (log,) = Path(runner.work_dir).glob('*/*.log')
    text = log.read_text()
    assert '| distance to the truth ' in text and '| inside: LPIPS (squeeze) ' in text


def test_a_perceptual_distance_without_ground_truths_is_refused(data, tmp_path):
    with pytest.raises(InputError, match='perceptual needs heldout_gt_dir'):
        make_runner(tmp_path / 'run', data, perceptual='LPIPS')


def test_a_perceptual_distance_without_weights_is_refused(data, gt_dir, tmp_path):
    with pytest.raises(InputError, match='expected backbone_weights, the file of .*alexnet'):
        make_runner(tmp_path / 'run', data, heldout_gt_dir=str(gt_dir), perceptual='LPIPS')


def test_ground_truths_without_their_lr_images_are_refused(data, gt_dir, tmp_path):
    with pytest.raises(InputError, match='heldout_gt_dir needs heldout_lq_dir'):
        make_runner(tmp_path / 'run', data, heldout_lq_dir=None, heldout_gt_dir=str(gt_dir))
