"""The metric on constructed samples, in mmengine's Evaluator."""
from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from PIL import Image
from toy_distance import ToyDistance
from toy_training import DETECTOR
from toys import ToyGenerator, make_lq_image, write_checkpoints

from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files import ImageError, write_image, write_mask
from mmdesra.generators import CheckpointError, SelfEnsemble, Upscaler

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
    full = torch.ones(HEIGHT, WIDTH, dtype=torch.bool)
    metric.process(None, [dict(sample(stipple(), flat()), gt_mask=full, mask_before=full,
                               img_before=stipple())])
    assert len(pickle.dumps(metric.results)) < 2000 < stipple().numel()
    kept = [value for value in vars(metric.results[0]).values() if isinstance(value, int)]
    assert kept == [1, VALID_AREA, HEIGHT * WIDTH]


# ---------------------------------------- known masks


def region(columns, rows=slice(None)):
    mask = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    mask[rows, columns] = True
    return mask


def test_scores_against_a_human_mask():
    """Closed form: everything in the valid area is detected, half of the image is marked."""
    figures = evaluate([dict(sample(stipple(), flat()), gt_mask=region(slice(0, 50)))])
    common = 45 * (HEIGHT - 10)
    assert figures['DeSRA/IoU'] == pytest.approx(
        common / (VALID_AREA + 50 * HEIGHT - common))
    assert figures['DeSRA/Precision'] == 1  # 45 of 90 columns: exactly half lies in it
    assert figures['DeSRA/Recall'] == 1


def test_scores_are_of_the_samples_that_have_a_mask():
    samples = [dict(sample(stipple(), flat()), gt_mask=region(slice(0, 0))),
               sample(stipple(), flat())]
    figures = evaluate(samples)
    assert (figures['DeSRA/IoU'], figures['DeSRA/Precision']) == (0, 0)
    assert np.isnan(figures['DeSRA/Recall'])
    assert figures['DeSRA/regions'] == 2


def test_removal_and_addition_against_the_mask_from_before():
    now = stipple(slice(60, 100))
    before = region(slice(0, 20)) | region(slice(70, 75)) | region(slice(30, 40))
    figures = evaluate([dict(sample(now, flat()), mask_before=before),
                        dict(sample(flat(), flat()), mask_before=region(slice(0, 0)))],
                       detector=dict(type='DeSRA', min_area=500))
    assert figures['DeSRA/RemovalRate'] == pytest.approx(2 / 3)
    assert figures['DeSRA/AdditionRate'] == 0
    added = evaluate([dict(sample(now, flat()), mask_before=region(slice(0, 20)))],
                     detector=dict(type='DeSRA', min_area=500))
    assert (added['DeSRA/RemovalRate'], added['DeSRA/AdditionRate']) == (1, 1)
    assert 'DeSRA/DetailKept' not in figures


def test_detail_kept_outside_the_mask_from_before():
    before = region(slice(0, 50))
    faded = flat() + (stipple() - flat()) * .5
    entry = dict(sample(faded, faded), mask_before=before, img_before=stipple())
    assert evaluate([entry])['DeSRA/DetailKept'] == pytest.approx(.5, abs=1e-4)
    entry['img_before'] = stipple(slice(0, 40))  # all its detail was inside the mask
    assert evaluate([entry])['DeSRA/DetailKept'] > 100


def test_faded_where_no_artifact_is_found_any_more():
    """A stipple of 8 grey levels is one, of 5 is not: 5/8 of the excess is left."""
    before, after = (flat() + (stipple() - flat()) * (levels / 50) for levels in (8, 5))
    entry = dict(sample(after, flat()), mask_before=region(slice(0, 50)), img_before=before)
    figures = evaluate([entry, dict(entry, mask_before=region(slice(0, 0)))])
    assert figures['DeSRA/RemovalRate'] == 1
    assert [figures[f'DeSRA/{name}'] for name in ('gone', 'faded', 'left')] == [0, 1, 0]
    assert figures['DeSRA/excess_left'] == pytest.approx(5 / 8, abs=1e-3)


# ---------------------------------------- the truth


def truth_figures(samples, **options):
    figures = evaluate(samples, **options)
    return {name[len('DeSRA/'):]: value for name, value in figures.items()}


def test_the_prediction_alone_is_compared_inside_its_own_mask():
    """Closed form: local deviations of 50, 0 and 25 where all is detected."""
    half = flat() + (stipple() - flat()) / 2
    figures = truth_figures([dict(sample(stipple(), flat()), gt_img=half)])
    assert figures['texture_error_inside'] == pytest.approx(25, rel=1e-3)
    assert figures['texture_above_inside'] == pytest.approx(25, rel=1e-3)
    assert figures['texture_error_inside_reference'] == pytest.approx(25, rel=1e-3)
    assert figures['texture_above_inside_reference'] == 0
    assert figures['psnr_inside'] == pytest.approx(20 * np.log10(255 / 25))
    assert np.isnan(figures['psnr_outside'])  # nothing of the valid area is outside
    assert not any('before' in name or 'perceptual' in name for name in figures)


@pytest.mark.parametrize('gt, share', [(flat(), 1), (stipple(), 0)])
def test_share_of_the_regions_that_are_farther_from_the_truth(gt, share):
    figures = truth_figures([dict(sample(two_regions(), flat()), gt_img=gt)],
                            detector=dict(type='DeSRA', min_area=500))
    assert figures['regions'] == 2 and figures['farther_by_texture'] == share


def test_before_and_after_are_compared_inside_the_mask_from_before():
    before = region(slice(0, 50))
    entry = dict(sample(flat(), flat()), mask_before=before, img_before=stipple(), gt_img=flat())
    figures = truth_figures([entry], perceptual=ToyDistance())
    assert figures['texture_error_inside_before'] == pytest.approx(50, rel=1e-3)
    assert figures['perceptual_inside_before'] == pytest.approx(50 / 255)
    assert figures['texture_error_inside'] == figures['perceptual_inside'] == 0
    assert figures['psnr_inside'] == 100
    assert (figures['farther_by_perceptual_before'], figures['farther_by_perceptual']) == (1, 0)


def test_a_sample_without_an_image_from_before_is_in_neither_side():
    """Or before and after would be means over different images."""
    full = dict(sample(flat(), flat()), mask_before=region(slice(0, 50)), img_before=stipple(),
                gt_img=flat())
    other = dict(sample(stipple(), flat()), gt_img=flat())
    figures, alone = truth_figures([full, other]), truth_figures([full])
    for name in alone:
        if 'inside' in name or 'outside' in name:
            assert figures[name] == alone[name], name


def test_truths_from_a_folder(tmp_path, caplog):
    write_image(tmp_path / 'a.png', stipple().permute(1, 2, 0).numpy().astype(np.uint8))
    (tmp_path / 'c.png').write_bytes(b'no image')
    entry = sample(stipple(), flat())
    names = [dict(entry, img_path=f'photos/{name}.jpg') for name in 'abc']
    figures = truth_figures(names, gt_dir=str(tmp_path))
    assert figures['regions'] == 3
    expected = truth_figures([dict(entry, gt_img=stipple())])
    assert {name: value for name, value in figures.items() if 'side' in name} == pytest.approx(
        {name: value for name, value in expected.items() if 'side' in name}, nan_ok=True)
    assert "no image named 'b'" in caplog.text
    assert 'c.jpg: not compared with its ground truth' in caplog.text


@pytest.mark.parametrize('gt', [flat()[..., :50], flat()[:1, :50]])
def test_a_truth_of_another_size_is_reported_and_left_out(gt, caplog):
    figures = truth_figures([dict(sample(stipple(), flat()), gt_img=gt, img_path='a.png')])
    assert set(figures) == {'artifact_images', 'artifact_area', 'regions'}
    assert ('a.png: not compared with its ground truth: expected a ground truth of the size of '
            'the SR image, 100x80, got') in caplog.text


def test_a_grey_truth_stands_for_three_channels():
    entry = sample(stipple(), flat())
    assert truth_figures([dict(entry, gt_img=flat()[:1])]) == pytest.approx(
        truth_figures([dict(entry, gt_img=flat())]), nan_ok=True)


def test_a_truth_under_another_key():
    figures = truth_figures([dict(sample(stipple(), flat()), truth=stipple())], gt_key='truth')
    assert figures['psnr_inside'] == 100


def test_a_detector_without_reference_is_compared_with_the_truth_alone():
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (3, 200, 200), np.uint8))
    figures = truth_figures([dict(pred_img=image, gt_img=image)], detector='NIQE')
    assert 100 in (figures['psnr_inside'], figures['psnr_outside'])
    assert not any(name.endswith('reference') or name.startswith('farther') for name in figures)


def test_a_missing_perceptual_distance_is_said_once(caplog):
    evaluator = Evaluator([dict(type='DeSRADetector')])
    for _ in range(2):
        evaluator.process(data_samples=[dict(sample(stipple(), flat()), gt_img=flat())],
                          data_batch=None)
        evaluator.evaluate(1)
    assert caplog.text.count('no perceptual distance to the truth: it needs the weights') == 1


@pytest.mark.parametrize('config', ['SSIM', dict(type='DeSRA'), dict(net='alex'), DeSRA(), 3])
def test_what_is_no_perceptual_distance_is_refused(config):
    with pytest.raises(InputError, match='expected a perceptual distance, LPIPS or DISTS, got'):
        METRICS.build(dict(type='DeSRADetector', perceptual=config))


@pytest.mark.parametrize('form', [
    lambda mask: mask.unsqueeze(0).to(torch.uint8) * 255,
    lambda mask: mask.float(),
    lambda mask: mask.to(torch.uint8).expand(3, -1, -1),
    lambda mask: mask.numpy(),
    lambda mask: mask[None, None].float() * 255,
], ids=['0/255', 'float 0/1', 'three channels', 'array', 'batch of 1'])
def test_masks_in_any_form(form):
    expected = evaluate([dict(sample(stipple(), flat()), gt_mask=region(slice(3, 60)))])
    assert evaluate([dict(sample(stipple(), flat()), gt_mask=form(region(slice(3, 60))))]
                    ) == expected


def test_masks_and_images_from_folders(tmp_path, caplog):
    """Those that the hook leaves behind."""
    before, gt = region(slice(0, 30)), region(slice(60, 100))
    for name, mask in dict(before=before, gt=gt).items():
        (tmp_path / name).mkdir()
        write_mask(tmp_path / name / 'a.png', mask.numpy())
    (tmp_path / 'gan').mkdir()
    write_image(tmp_path / 'gan/a.png', stipple().permute(1, 2, 0).numpy().astype(np.uint8))
    detector = dict(type='DeSRA', min_area=500)
    options = dict(gt_mask_dir=str(tmp_path / 'gt'), mask_before_dir=str(tmp_path / 'before'),
                   img_before_dir=str(tmp_path / 'gan'), detector=detector)
    entry = sample(two_regions(), flat())
    expected = evaluate([dict(entry, gt_mask=gt, mask_before=before, img_before=stipple())],
                        detector=detector)
    assert len(expected) == 13
    assert evaluate([dict(entry, img_path='photos/a.jpg')], **options) == expected

    figures = evaluate([dict(entry, img_path='a.png'), dict(entry, img_path='b.png')], **options)
    assert figures['DeSRA/IoU'] == expected['DeSRA/IoU']
    assert figures['DeSRA/regions'] == 2 * expected['DeSRA/regions']
    assert "no image named 'b'" in caplog.text


def test_folder_of_masks_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ImageError, match='nowhere: expected a folder'):
        METRICS.build(dict(type='DeSRADetector', gt_mask_dir=str(tmp_path / 'nowhere')))


def test_mask_of_another_size_is_an_error():
    for key, value in dict(gt_mask=torch.ones(3, 3), mask_before=torch.ones(3, 3)).items():
        with pytest.raises(ImageError, match='a.png: expected two masks of one shape'):
            evaluate([dict(sample(stipple(), flat()), **{key: value}, img_path='a.png')])
    with pytest.raises(ImageError, match="sample without a path: expected .* image's size"):
        evaluate([dict(sample(stipple(), flat()), mask_before=region(slice(0, 9)),
                       img_before=flat()[..., :50])])


def test_labels_for_a_detector_without_semantic_step_are_an_error(tmp_path):
    with pytest.raises(InputError, match='SSIM has no semantic step'):
        METRICS.build(dict(type='DeSRADetector', detector='SSIM', segmentor=str(tmp_path)))


# ---------------------------------------- the semantic step


def test_labels_of_the_sample_switch_the_semantic_step_on():
    """A weak texture that is an artifact on the sky (bin 0) and none on the sea (bin 7)."""
    weak = flat() + (stipple() - flat()) * .14
    entry = sample(weak, flat())
    sky, sea = (torch.full((1, HEIGHT, WIDTH), value) for value in (2, 26))
    assert evaluate([entry])['DeSRA/regions'] == 1
    assert evaluate([dict(entry, labels=sky)])['DeSRA/regions'] == 1
    assert evaluate([dict(entry, labels=sea)])['DeSRA/regions'] == 0


def test_labels_that_do_not_fit_name_the_sample():
    for labels, message in ((torch.zeros(3, 3), "image's size"),
                            (torch.full((HEIGHT, WIDTH), 200), r'labels in \[0, 149\]')):
        with pytest.raises(ImageError, match=f'a.png: expected .*{message}'):
            evaluate([dict(sample(stipple(), flat()), labels=labels, img_path='a.png')])


def test_labels_from_a_folder(tmp_path):
    weak = flat() + (stipple() - flat()) * .14
    Image.fromarray(np.full((HEIGHT, WIDTH), 26, np.uint8)).save(tmp_path / 'a.png')
    assert evaluate([dict(sample(weak, flat()), img_path='x/a.jpg')],
                    segmentor=str(tmp_path))['DeSRA/regions'] == 0


# ---------------------------------------- other detectors, nothing to evaluate


def test_any_detector():
    assert evaluate([sample(stipple(), flat())],
                    detector=dict(type='SSIM', min_area=500))['DeSRA/regions'] == 1


def test_detector_without_reference_needs_none():
    """NIQE looks at the GAN-SR image alone."""
    large = np.random.default_rng(0).integers(0, 255, (3, 200, 200)).astype(np.uint8)
    figures = evaluate([dict(pred_img=torch.from_numpy(large))], detector='NIQE')
    assert set(figures) == {'DeSRA/artifact_images', 'DeSRA/regions', 'DeSRA/artifact_area'}


def test_nothing_evaluated_gives_no_figures():
    metric = METRICS.build(dict(type='DeSRADetector'))
    figures = metric.compute_metrics([])
    assert np.isnan(list(figures.values())).all()


def test_second_evaluation_starts_anew():
    evaluator = Evaluator([dict(type='DeSRADetector')])
    for _ in range(2):
        evaluator.process(data_samples=[sample(stipple(), flat())], data_batch=None)
        assert evaluator.evaluate(1)['DeSRA/regions'] == 1


# ---------------------------------------- the reference


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_prediction_that_is_not_finite_is_no_black_image(value):
    image = flat()
    image[0, 5, 5] = value
    with pytest.raises(ImageError, match='a.png: expected finite values, got NaN or infinity'):
        evaluate([dict(sample(image, flat()), img_path='a.png')])


def test_image_that_cannot_be_judged_need_not_end_a_training(tmp_path, caplog):
    Image.fromarray(np.full((HEIGHT, WIDTH), 26, np.uint8)).save(tmp_path / 'a.png')
    samples = [dict(sample(stipple(), flat()), img_path=f'{name}.png') for name in 'ab']
    options = dict(segmentor=dict(folder=str(tmp_path)))
    with pytest.raises(ImageError, match="holds no image named 'b'"):
        evaluate(samples, **options)
    assert evaluate(samples, skip_unusable=True, **options) == evaluate(samples[:1], **options)
    assert 'skipped: ' in caplog.text and "named 'b'" in caplog.text
    assert np.isnan(evaluate(samples[1:], skip_unusable=True, **options)['DeSRA/regions'])


def test_sample_without_reference_is_an_error():
    entry = dict(output=dict(pred_img=flat()), input=flat())
    with pytest.raises(ValueError, match="no 'mse_img'.*give mse_checkpoint.*self-ensemble"):
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


def test_reference_of_the_gan_itself(tmp_path):
    gan, _ = write_checkpoints(tmp_path)
    lq = make_lq_image(0)
    upscaler = Upscaler(ToyGenerator(.15))
    sr, reference = (torch.from_numpy(image.transpose(2, 0, 1)) for image in (
        upscaler(lq), SelfEnsemble(upscaler, 4)(lq, upscaler(lq))))
    expected = evaluate([sample(sr, reference)], detector=DETECTOR)
    assert expected['DeSRA/regions'] > 0
    entry = dict(output=dict(pred_img=sr), input=torch.from_numpy(lq.transpose(2, 0, 1)))
    assert evaluate([entry], detector=DETECTOR, mse_generator='ToyGenerator',
                    reference=dict(type='SelfEnsemble', passes=4),
                    gan_checkpoint=str(gan)) == expected


@pytest.mark.parametrize('options, message', [
    (dict(mse_checkpoint='a.pth', reference='self-ensemble'), 'got both'),
    (dict(reference='partner'), "got 'partner'"),
    (dict(gan_checkpoint='a.pth'), 'without a reference'),
    (dict(reference='self-ensemble', mse_generator='ToyGenerator'), 'random weights')])
def test_references_that_do_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build(dict(type='DeSRADetector', **options))


def test_stored_reference_goes_before_the_checkpoint(tmp_path):
    gan, _ = write_checkpoints(tmp_path)
    entry = dict(sample(stipple(), stipple()), input=flat()[..., ::4, ::4])
    assert evaluate([entry], mse_generator='ToyGenerator',
                    mse_checkpoint=str(gan))['DeSRA/regions'] == 0
