from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.hooks import Hook
from PIL import Image
from toy_training import make_runner, model_config, results_of, training_config
from toys import ToyGenerator, make_lq_folder

from mmdesra.engine.knee import Curve, Point, choose_knee
from mmdesra.errors import InputError
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.files import read_image, write_image
from mmdesra.generators import Upscaler, load_weights, read_checkpoint


def point(iteration, removal, addition=0., detail=1., distance=None):
    return Point(iteration, 0, 0, removal, addition, detail, distance)


# ---------------------------------------- the choice


def test_most_detail_among_those_that_remove_enough_and_add_nothing():
    points = [point(1, .5, detail=1.), point(2, .9, detail=.97), point(3, 1., detail=.98),
              point(4, 1., .1, .99), point(5, 1., detail=.9)]
    assert choose_knee(points) == points[2]
    assert choose_knee(points, wanted_removal=.5) == points[0]


def test_where_none_removes_enough_the_one_that_removes_the_most():
    points = [point(1, .2, detail=.99), point(2, .6, detail=.9), point(3, .6, detail=.95),
              point(4, .8, addition=.2)]
    assert choose_knee(points) == points[2]


def test_by_the_truth_the_nearest_among_those_that_remove_enough():
    points = [point(1, .5, distance=.5), point(2, .9, detail=.99, distance=.9),
              point(3, 1., detail=.9, distance=.8), point(4, 1., distance=.85),
              point(5, 1., .1, distance=.1), point(6, 1.)]
    assert choose_knee(points, by_truth=True) == points[2]
    assert choose_knee(points[:1] + points[4:5], by_truth=True) == points[0]


def test_no_choice():
    assert choose_knee([]) is None
    assert choose_knee([point(1, 1., addition=.1)]) is None


def test_of_equals_the_earliest():
    points = [point(1, 1., detail=.9), point(2, 1., detail=.9)]
    assert choose_knee(points) == points[0]


SHARES = st.sampled_from([0., .3, .9, 1.])


@given(st.lists(st.tuples(SHARES, SHARES, SHARES), max_size=8))
@pytest.mark.parametrize('by_truth', [False, True])
def test_a_new_point_changes_the_choice_to_itself_or_not_at_all(by_truth, shares):
    """So it is enough to keep the weights of the best so far."""
    points = [point(number, *values, distance=values[-1])
              for number, values in enumerate(shares, 1)]
    for end in range(1, len(points) + 1):
        now, before = (choose_knee(points[:last], by_truth=by_truth) for last in (end, end - 1))
        assert now == before or now == points[end - 1]


def test_curve_is_read_again_up_to_the_resumed_iteration(tmp_path):
    curve = Curve(tmp_path / 'curve.json', until=0)
    for iteration in (10, 20, 30):
        curve.add(point(iteration, .5))
    assert Curve(tmp_path / 'curve.json', until=20).points == curve.points[:2]
    assert Curve(tmp_path / 'curve.json', until=0).points == []


# ---------------------------------------- in a real Runner


class Amplitudes(Hook):
    """Sets the toy's amplitude after each iteration: what fine-tuning does, by heart."""

    def __init__(self, amplitudes):
        self.amplitudes = amplitudes

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        with torch.no_grad():
            runner.model.generator.amplitude.fill_(self.amplitudes[runner.iter])


def train(tmp_path, data, amplitudes, name='run', **options):
    config = training_config(model_config(), iterations=len(amplitudes))
    runner = make_runner(tmp_path / name, data, config, Amplitudes(amplitudes),
                         watch_interval=1, **options)
    runner.train()
    return runner



def kept_amplitude(path):
    generator = ToyGenerator()
    load_weights(generator, path)
    return generator.amplitude.item()


def read_curve(tmp_path, name='run'):
    return json.loads((tmp_path / name / 'heldout/curve.json').read_text())


def test_the_truth_chooses_the_iteration(data, tmp_path):
    """Here the truth is the toy at an amplitude of 0: .02 keeps more, 0 is nearer."""
    (tmp_path / 'gt').mkdir()
    for path in data.heldout.glob('*.png'):
        write_image(tmp_path / 'gt' / path.name, Upscaler(ToyGenerator())(read_image(path)))
    train(tmp_path, data, [.14, .02, 0., .15], stop='truth', heldout_gt_dir=str(tmp_path / 'gt'))
    distances = [row['distance'] for row in read_curve(tmp_path)]
    assert distances[2] < distances[1] < distances[0] < 1 < distances[3] + .1
    assert kept_amplitude(tmp_path / 'run/knee.pth') == 0


def test_weights_of_the_knee_are_kept_and_measured(data, tmp_path):
    """The artifacts are gone at .02; the texture of the toy is its amplitude, so .02 keeps more
    than 0 does."""
    runner = train(tmp_path, data, [.14, .02, 0., .15], stop='knee')
    curve = read_curve(tmp_path)
    assert [row['iteration'] for row in curve] == [1, 2, 3, 4]
    assert [row['removal_rate'] for row in curve] == [0, 1, 1, 0]
    weights = tmp_path / 'run/knee.pth'
    assert kept_amplitude(weights) == pytest.approx(.02)
    assert read_checkpoint(weights)['meta']['iter'] == 2
    results = results_of(runner)
    assert results['removal_rate'] == 1 and results['regions_after'] == 0
    assert results['detail_kept'] == pytest.approx(curve[1]['detail_kept'])
    assert float(runner.model.generator.amplitude) == pytest.approx(.15)  # left as trained
    after = np.array(Image.open(tmp_path / 'run/heldout/mask_after/image0.png'))
    assert not after.any()


def test_without_the_knee_the_last_weights_are_the_result(data, tmp_path):
    runner = train(tmp_path, data, [.02, .15])
    assert results_of(runner)['removal_rate'] == 0
    assert [row['removal_rate'] for row in read_curve(tmp_path)] == [1, 0]


def test_curve_is_a_picture_and_scalars_of_the_visualizer(data, tmp_path):
    train(tmp_path, data, [.14, .02], stop='knee')
    with Image.open(tmp_path / 'run/heldout/curve.png') as picture:
        assert min(picture.size) > 300
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    seen = {row['step']: row['DeSRA/removal'] for row in rows if 'DeSRA/removal' in row}
    assert seen == {0: 0, 1: 0, 2: 1}


def test_a_resumed_run_knows_what_was_seen(data, tmp_path):
    amplitudes = [.14, .02, 0., .15]
    train(tmp_path, data, amplitudes, 'whole', stop='knee')
    train(tmp_path, data, amplitudes[:2], 'parts', stop='knee')
    config = training_config(model_config(), iterations=4)
    config.resume = True
    runner = make_runner(tmp_path / 'parts', data, config, Amplitudes(amplitudes),
                         watch_interval=1, stop='knee')
    runner.train()
    assert read_curve(tmp_path, 'parts') == read_curve(tmp_path, 'whole')
    assert kept_amplitude(tmp_path / 'parts/knee.pth') == pytest.approx(.02)
    assert results_of(runner)['removal_rate'] == 1


def test_where_every_iteration_adds_the_last_weights_are_the_result(data, tmp_path, monkeypatch,
                                                                    capsys):
    """Clean held-out images stay clean or get new regions; here some are clean, some are not."""
    import mmdesra.engine.knee_watch as knee_watch
    monkeypatch.setattr(knee_watch, 'choose_knee', lambda *_: None)
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/knee.pth').write_bytes(b'earlier')
    runner = train(tmp_path, data, [.02, .15], stop='knee')
    assert results_of(runner)['removal_rate'] == 0
    assert (tmp_path / 'run/knee.pth').read_bytes() == b'earlier'
    assert 'that of the last one; ' + str(tmp_path / 'run/knee.pth') in capsys.readouterr().out


def test_seconds_of_watching_are_apart(data, tmp_path):
    seconds = results_of(train(tmp_path, data, [.1, .1]))['seconds']
    assert seconds['watch'] > 0 and seconds['finetune'] > 0


@pytest.mark.parametrize('amplitudes, expected', [
    ([.14, .1, .02], [1, 2, 3]),  # the knee is the end
    ([.02, .14, .15], [1, 2, 3, 3])],  # the third time with the weights of the first
    ids=['the end', 'before the end'])
def test_no_weights_are_measured_twice(data, tmp_path, monkeypatch, amplitudes, expected):
    """Though rounds, the watch and the end of the run all ask."""
    measure, asked = BeforeAfter.measure_after, []

    def count(self, *args, **kwargs):
        asked.append(runner.iter)
        return measure(self, *args, **kwargs)

    monkeypatch.setattr(BeforeAfter, 'measure_after', count)
    config = training_config(model_config(), iterations=3)
    runner = make_runner(tmp_path / 'run', data, config, Amplitudes(amplitudes),
                         watch_interval=1, stop='knee', rounds=2)
    runner.train()
    assert asked == expected
    assert results_of(runner)['removal_rate'] == 1
    assert not np.array(Image.open(tmp_path / 'run/heldout/mask_after/image0.png')).any()


def test_heldout_images_without_artifacts_are_nothing_to_watch(data, tmp_path, capsys):
    """Said once, and nothing is said of iterations that would have added artifacts."""
    make_lq_folder(tmp_path / 'clean', count=1, clean=(0,))
    train(tmp_path, data, [.14, .1], stop='knee', heldout_lq_dir=str(tmp_path / 'clean'))
    said = capsys.readouterr().out
    assert said.count('nothing to watch') == 1
    assert 'without added artifacts' not in said


def test_loop_that_counts_epochs(data, tmp_path):
    """Its iterations are those of the pseudo GTs, of which there are three."""
    config = training_config(model_config())
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=2)
    config.train_dataloader.sampler.type = 'DefaultSampler'
    runner = make_runner(tmp_path / 'run', data, config, Amplitudes([.14, .02, .1, .15]),
                         stop='knee', watch_interval=3)
    runner.train()
    assert [row['iteration'] for row in read_curve(tmp_path)] == [3, 4]
    assert runner.max_iters == 4


@pytest.mark.parametrize('options, message', [
    (dict(stop='sometime'), "one of .*'knee'.*'sometime'"),
    (dict(stop='knee', heldout_lq_dir=None), 'need heldout_lq_dir'),
    (dict(stop='truth', heldout_lq_dir=None), 'need heldout_lq_dir'),
    (dict(stop='truth'), 'needs heldout_gt_dir'),
    (dict(watch_interval=5, heldout_lq_dir=None), 'need heldout_lq_dir'),
    (dict(watch_interval=0), 'watch_interval to be a whole number of at least 1'),
    (dict(wanted_removal=1.5), r'wanted_removal in \[0, 1\]')])
def test_options_that_make_no_sense(data, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        make_runner(tmp_path / 'run', data, **options)
