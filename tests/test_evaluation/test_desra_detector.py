"""The metric on constructed samples, in mmengine's Evaluator."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from toy_training import DETECTOR
from toys import ToyGenerator, make_lq_image, write_checkpoints

from mmdesra.detectors import DeSRA
from mmdesra.generators import CheckpointError, Upscaler

HEIGHT, WIDTH = 80, 100
VALID_AREA = (HEIGHT - 10) * (WIDTH - 10)
"""Of a mask that is full: the frame of 5 px knows nothing."""


# ---------------------------------------- constructed samples


def flat():
    return torch.full((3, HEIGHT, WIDTH), 100.)


def stipple(columns=slice(None)):
    """Grey levels 50 and 150 in turns, in some columns, on a flat image."""
    image = flat()
    signs = (torch.arange(HEIGHT)[:, None] + torch.arange(WIDTH)) % 2 * 100. - 50
    image[..., columns] += signs[:, columns]
    return image


def sample(gan, mse):
    return dict(output=dict(pred_img=gan), mse_img=mse)


def two_regions():
    image = stipple(slice(0, 30))
    image[..., 70:] = stipple()[..., 70:]
    return image


def evaluate(samples, **options):
    """Through mmengine's Evaluator, one sample a batch."""
    evaluator = Evaluator([dict(type='DeSRADetector', **options)])
    for entry in samples:
        evaluator.process(data_samples=[entry], data_batch=None)
    return evaluator.evaluate(len(samples))


def test_artifact_everywhere():
    assert evaluate([sample(stipple(), flat())]) == {
        'DeSRA/artifact_images': 1, 'DeSRA/regions': 1,
        'DeSRA/artifact_area': pytest.approx(VALID_AREA / (HEIGHT * WIDTH))}


def test_no_artifact():
    assert evaluate([sample(stipple(), stipple())]) == {
        'DeSRA/artifact_images': 0, 'DeSRA/regions': 0, 'DeSRA/artifact_area': 0}


def test_figures_of_several_images():
    samples = [sample(stipple(), flat()), sample(flat(), flat()), sample(two_regions(), flat()),
               sample(stipple(), stipple())]
    detection = DeSRA(min_area=500).detect(*(image.permute(1, 2, 0).numpy().astype(np.uint8)
                                             for image in (two_regions(), flat())))
    assert evaluate(samples, detector=dict(type='DeSRA', min_area=500)) == {
        'DeSRA/artifact_images': .5, 'DeSRA/regions': 3,
        'DeSRA/artifact_area': pytest.approx((VALID_AREA + detection.area) / (4 * HEIGHT * WIDTH))}


def test_area_is_a_share_of_all_pixels_not_a_mean_of_shares():
    large = sample(stipple(), flat())
    small = sample(flat()[..., :20, :20], flat()[..., :20, :20])
    assert evaluate([large, small])['DeSRA/artifact_area'] == pytest.approx(
        VALID_AREA / (HEIGHT * WIDTH + 400))


@pytest.mark.parametrize('form', [
    lambda image: image,
    lambda image: image.unsqueeze(0),
    lambda image: image.to(torch.uint8),
    lambda image: image.to(torch.uint8).unsqueeze(0),
    lambda image: image.double() + .3,
    lambda image: image.numpy(),
], ids=['float', 'batch of 1', 'uint8', 'uint8 batch of 1', 'not rounded', 'array'])
def test_predictions_in_any_form(form):
    expected = evaluate([sample(two_regions(), flat())])
    assert evaluate([sample(form(two_regions()), form(flat()))]) == expected


def test_predictions_beyond_the_range_are_clipped():
    """As they are when an image is written."""
    bright, clipped = stipple() * 3, (stipple() * 3).clamp(0, 255)
    assert evaluate([sample(bright, clipped)])['DeSRA/regions'] == 0


def test_prediction_beside_the_data():
    """mmengine's models put it where they like."""
    entry = dict(sr=stipple(), reference=flat())
    figures = evaluate([entry], pred_key='sr', mse_key='reference')
    assert figures['DeSRA/regions'] == 1


def test_prefix_of_ones_own():
    figures = evaluate([sample(flat(), flat())], prefix='Set5')
    assert set(figures) == {'Set5/artifact_images', 'Set5/regions', 'Set5/artifact_area'}


def test_no_image_is_kept():
    """Results travel between processes, and a validation set may be large."""
    metric = METRICS.build(dict(type='DeSRADetector'))
    metric.process(None, [sample(stipple(), flat()), sample(flat(), flat())])
    assert [set(map(type, result.values())) for result in metric.results] == [{int}] * 2


def test_second_evaluation_starts_anew():
    evaluator = Evaluator([dict(type='DeSRADetector')])
    for _ in range(2):
        evaluator.process(data_samples=[sample(stipple(), flat())], data_batch=None)
        assert evaluator.evaluate(1)['DeSRA/regions'] == 1


# ---------------------------------------- the reference


def test_sample_without_reference_is_an_error():
    entry = dict(output=dict(pred_img=flat()), input=flat())
    with pytest.raises(ValueError, match="no 'mse_img'.*give mse_checkpoint"):
        evaluate([entry])


def test_reference_of_another_size_is_an_error():
    with pytest.raises(ValueError, match='one size, got 100x80 .GAN-SR. and 90x80'):
        evaluate([sample(flat(), flat()[..., :90])])


def test_generator_without_weights_is_an_error():
    with pytest.raises(ValueError, match='mse_generator .*without mse_checkpoint'):
        METRICS.build(dict(type='DeSRADetector', mse_generator='ToyGenerator'))


def test_checkpoint_that_does_not_fit_is_an_error(tmp_path):
    torch.save(dict(weight=torch.zeros(1)), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match='other.pth'):
        METRICS.build(dict(type='DeSRADetector', mse_generator='ToyGenerator',
                           mse_checkpoint=str(tmp_path / 'other.pth')))


def test_reference_from_a_checkpoint(tmp_path):
    """In mmengine's Evaluator, which does not show the model to its metrics."""
    _, mse = write_checkpoints(tmp_path)
    lq = make_lq_image(0)
    gan, reference = (torch.from_numpy(Upscaler(ToyGenerator(amplitude))(lq).transpose(2, 0, 1))
                      for amplitude in (.15, 0))
    expected = evaluate([sample(gan, reference)], detector=DETECTOR)
    assert expected['DeSRA/regions'] > 0
    entry = dict(output=dict(pred_img=gan), input=torch.from_numpy(lq.transpose(2, 0, 1)))
    assert evaluate([entry], detector=DETECTOR, mse_generator='ToyGenerator',
                    mse_checkpoint=str(mse)) == expected


def test_stored_reference_goes_before_the_checkpoint(tmp_path):
    gan, _ = write_checkpoints(tmp_path)
    entry = dict(sample(stipple(), stipple()), input=flat()[..., ::4, ::4])
    assert evaluate([entry], mse_generator='ToyGenerator',
                    mse_checkpoint=str(gan))['DeSRA/regions'] == 0
