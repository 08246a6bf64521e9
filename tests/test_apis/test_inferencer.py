"""DeSRAInferencer: whatever names or holds images in; predictions, files or outcomes out."""
from __future__ import annotations

import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch
from known_labels import KnownLabels, store_labels
from mmengine.registry import INFERENCERS
from toys import MIN_AREA, make_lq_folder, make_lq_image, write_checkpoints, write_pairs

from mmdesra.apis import DeSRAInferencer
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.files import read_image, read_mask
from mmdesra.visualization import draw_overlay

DETECTOR = dict(type='DeSRA', min_area=MIN_AREA)
NAMES = ['image0.png', 'image1.png', 'image2.png']


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Three LR images (image1 is clean), their SR images, and the checkpoints."""
    folder = tmp_path_factory.mktemp('images')
    write_pairs(folder, 3, clean=(1,))
    write_checkpoints(folder)
    return folder


def make(root=None, **options):
    """With the toy generators of ``root``, or without."""
    generators = {} if root is None else dict(
        gan_checkpoint=root / 'gan.pth', mse_checkpoint=root / 'mse.pth',
        generator='ToyGenerator')
    return DeSRAInferencer(**dict(dict(detector=DETECTOR, device='cpu'), **generators, **options))


@pytest.fixture(scope='module')
def inferencer(root):
    return make(root)


def read_all(folder):
    return [read_image(folder / name) for name in NAMES]


@pytest.fixture(scope='module')
def expected(root):
    """The detections, from the images and the detector alone."""
    detections = [DeSRA(min_area=MIN_AREA).detect(gan, mse)
                  for gan, mse in zip(read_all(root / 'gan'), read_all(root / 'mse'))]
    assert [detection.area > 0 for detection in detections] == [True, False, True]
    return detections


def call(inferencer, *inputs, **options):
    return inferencer(*inputs, show_progress=False, **options)


def assert_predictions(result, expected, names=NAMES):
    predictions = result['predictions']
    assert [prediction['image'] for prediction in predictions] == list(names)
    for prediction, detection in zip(predictions, expected):
        np.testing.assert_array_equal(prediction['mask'], detection.mask)
        np.testing.assert_array_equal(prediction['map'], detection.map)
        assert prediction['mask'].dtype == bool and prediction['map'].dtype == np.float32
        assert prediction['artifact_px'] == detection.area
        assert prediction['regions'] == len(detection.regions) == len(prediction['boxes'])
        assert prediction['error'] == ''


# ---------------------------------------- LR images


@pytest.mark.parametrize('form', [
    lambda lq: lq, str, lambda lq: [lq], lambda lq: [lq / name for name in NAMES],
    lambda lq: [str(lq / NAMES[0]), lq / NAMES[1], str(lq / NAMES[2])],
], ids=['folder', 'str', 'list of a folder', 'files', 'files as str or path'])
def test_files_and_folders(root, inferencer, expected, form):
    result = call(inferencer, form(root / 'lq'))
    assert_predictions(result, expected)
    assert result['visualization'] == []


def test_one_file(root, inferencer, expected):
    assert_predictions(call(inferencer, str(root / 'lq/image2.png')), expected[2:], NAMES[2:])


def test_files_beside_folders_in_the_order_given(root, inferencer, expected, tmp_path):
    make_lq_folder(tmp_path / 'other', 1)
    (tmp_path / 'other/image0.png').rename(tmp_path / 'other/zebra.png')
    result = call(inferencer, [tmp_path / 'other/zebra.png', root / 'lq'])
    assert [one['image'] for one in result['predictions']] == ['zebra.png', *NAMES]
    assert_predictions(dict(predictions=result['predictions'][1:]), expected)


def test_arrays(root, inferencer, expected):
    arrays = read_all(root / 'lq')
    names = ['array0', 'array1', 'array2']
    assert_predictions(call(inferencer, arrays), expected, names)
    assert_predictions(call(inferencer, tuple(arrays)), expected, names)
    assert_predictions(call(inferencer, arrays[0]), expected, names[:1])
    assert_predictions(call(inferencer, [array[:, ::-1][:, ::-1] for array in arrays]), expected,
                       names)


def test_more_than_ten_arrays_stay_in_order(inferencer):
    arrays = [make_lq_image(0, (8, 10 + number)) for number in range(12)]
    widths = [one['width'] for one in call(inferencer, arrays)['predictions']]
    assert widths == [4 * (10 + number) for number in range(12)]


def test_arrays_of_opencv(root, expected, tmp_path):
    """BGR in; every picture is the same as from RGB."""
    arrays = read_all(root / 'lq')
    bgr = [array[..., ::-1] for array in arrays]
    turned, plain = make(root, channel_order='bgr'), make(root)
    assert_predictions(call(turned, bgr), expected, ['array0', 'array1', 'array2'])
    results = [call(one, given, return_vis=True) for one, given in ((turned, bgr),
                                                                  (plain, arrays))]
    for one, other in zip(*(result['visualization'] for result in results)):
        np.testing.assert_array_equal(one, other)
    for name, one, given in (('bgr', turned, bgr), ('rgb', plain, arrays)):
        call(one, given, out_dir=tmp_path / name, save_sr=True, save_map=True)
    assert files_of(tmp_path / 'bgr') == files_of(tmp_path / 'rgb')


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*')
            if path.is_file()}


# ---------------------------------------- SR images


@pytest.mark.parametrize('form', [
    lambda folder: folder, lambda folder: [str(folder / name) for name in NAMES]])
def test_stored_pairs(root, expected, form):
    result = call(make(), gan=form(root / 'gan'), mse=root / 'mse')
    assert_predictions(result, expected)


def test_two_single_files_are_a_pair(root, expected, tmp_path):
    (tmp_path / 'other_name.png').write_bytes((root / 'mse/image0.png').read_bytes())
    for pack in (str, lambda path: [path]):
        assert_predictions(call(make(), gan=pack(root / 'gan/image0.png'),
                                mse=pack(tmp_path / 'other_name.png')), expected, NAMES[:1])


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_pairs_of_arrays(root, expected, order, tmp_path):
    gan, mse = ([image[..., ::-1] if order == 'bgr' else image for image in read_all(root / kind)]
                for kind in ('gan', 'mse'))
    one = make(channel_order=order)
    assert_predictions(call(one, gan=gan, mse=mse), expected, ['array0', 'array1', 'array2'])
    assert_predictions(call(one, gan=gan[2], mse=mse[2]), expected[2:], ['array0'])
    call(one, gan=gan, mse=mse, out_dir=tmp_path, save_sr=True)
    for k in range(3):
        np.testing.assert_array_equal(read_image(tmp_path / f'sr/gan/array{k}.png'),
                                      read_image(root / f'gan/image{k}.png'))


def test_gan_alone_where_the_detector_looks_at_nothing_else(root):
    large = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    one = make(detector='NIQE')
    assert call(one, gan=large)['predictions'][0]['error'] == ''
    assert call(one, gan=root / 'gan')['predictions'][0]['image'] == 'image0.png'


# ---------------------------------------- labels


def test_labels_from_a_folder_or_a_source(root, expected, tmp_path):
    labels = store_labels(tmp_path / 'labels', {f'image{k}': image for k, image in enumerate(
        read_all(root / 'gan'))})
    detections = [DeSRA(min_area=MIN_AREA).detect(gan, mse, read_image(path)[..., 0])
                  for gan, mse, path in zip(read_all(root / 'gan'), read_all(root / 'mse'),
                                            sorted(labels.iterdir()))]
    assert detections[0].area < expected[0].area
    asked = KnownLabels(batch_size=2)
    for segmentor in (str(labels), dict(folder=labels), asked):
        result = call(make(segmentor=segmentor), gan=root / 'gan', mse=root / 'mse')
        for prediction, detection in zip(result['predictions'], detections):
            np.testing.assert_array_equal(prediction['mask'], detection.mask)
    assert asked.calls == [['image0', 'image2']]


def test_labels_for_a_detector_without_semantic_step():
    with pytest.raises(InputError, match='SSIM has no semantic step'):
        make(detector='SSIM', segmentor=KnownLabels())


# ---------------------------------------- bad input


@pytest.mark.parametrize('inputs, message', [
    ([], 'expected an image file or a folder of images, got none'),
    (5, 'expected a file, a folder, an array or a list of these, got int'),
    (torch.zeros(3, 8, 8), 'got Tensor'), ((path for path in 'ab'), 'got generator'),
    ([None], r'uint8 arrays of shape \(H, W, 3\), got NoneType'),
    (np.zeros((8, 8, 3)), r'uint8 arrays .* got \(8, 8, 3\) float64'),
    (np.zeros((8, 8), np.uint8), r'got \(8, 8\) uint8'),
    (np.zeros((2, 8, 8, 3), np.uint8), r'got \(2, 8, 8, 3\) uint8'),
    ([np.zeros((8, 8, 3), np.uint8), 'a.png'], 'got str'),
    ('nowhere', 'nowhere: expected a folder of images'),
    (['nowhere.png'], 'nowhere.png: expected a folder of images, or an image, found nothing'),
    (__file__, 'expected a folder of images, or an image .* found another file'),
])
def test_inputs_that_are_none(inferencer, inputs, message):
    with pytest.raises(InputError, match=message):
        call(inferencer, inputs)
    with pytest.raises(InputError, match=message):
        call(inferencer, gan=inputs, mse=inputs)


@pytest.mark.parametrize('options', [
    {}, dict(gan='gan'), dict(mse='mse'), dict(inputs='lq', gan='gan', mse='mse'),
    dict(inputs='lq', gan='gan')])
def test_neither_or_both_ways(inferencer, options):
    with pytest.raises(InputError, match='expected either LR images, or both gan and mse'):
        call(inferencer, **options)


def test_arrays_that_do_not_pair(root):
    arrays = read_all(root / 'gan')
    for gan, mse in ((arrays, arrays[:2]), (arrays, root / 'mse'), (root / 'gan', arrays)):
        with pytest.raises(InputError, match='both files, or both arrays, one for one'):
            call(make(), gan=gan, mse=mse)


def test_lr_images_without_generators(root):
    with pytest.raises(InputError, match='LR images need an inferencer with gan_checkpoint'):
        call(make(), root / 'lq')


def test_an_overlay_cannot_go_both_ways(root, inferencer, tmp_path):
    with pytest.raises(InputError, match='either out_dir'):
        call(inferencer, root / 'lq', out_dir=tmp_path / 'out', return_vis=True)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('options, message', [
    (dict(channel_order='grb'), "one of .*rgb.* got 'grb'"),
    (dict(gan_checkpoint='gan.pth'), 'missing: mse_checkpoint, generator; .*self-ensemble'),
    (dict(gan_checkpoint='gan.pth', reference='self-ensemble'), 'missing: generator'),
    (dict(mse_checkpoint='mse.pth', reference='self-ensemble'), 'got both'),
    (dict(reference='partner'), "got 'partner'"),
    (dict(gan_checkpoint='gan.pth', mse_checkpoint='mse.pth'), 'missing: generator'),
    (dict(gan_checkpoint='no.pth', mse_checkpoint='no.pth', generator='SRResNet'), 'no.pth'),
    (dict(detector='Nobody'), "got 'Nobody'"),
    (dict(segmentor='nothing'), 'nothing: expected segformer-b5'),
])
def test_arguments_that_are_none(options, message):
    with pytest.raises(InputError, match=message):
        make(**options)


def test_a_device_that_is_not_there(root):
    with pytest.raises(InputError, match='device toaster'):
        make(root, **dict(device='toaster'))


def test_one_bad_file_of_many_is_skipped_with_its_error(root, inferencer, expected, tmp_path,
                                                       capsys):
    paths = [root / 'lq' / NAMES[0], tmp_path / 'broken.png', root / 'lq' / NAMES[2]]
    paths[1].write_bytes(paths[0].read_bytes()[:300])
    result = call(inferencer, paths, return_vis=True)
    good = dict(predictions=result['predictions'][::2])
    assert_predictions(good, expected[::2], NAMES[::2])
    broken = result['predictions'][1]
    assert 'broken.png: cannot be read as an image' in broken['error']
    assert broken['mask'] is broken['map'] is result['visualization'][1] is None
    assert 'skipped: ' in capsys.readouterr().out


def test_one_bad_array_of_many_is_skipped_with_its_error(inferencer):
    lq = make_lq_image(0)
    predictions = call(inferencer, [lq, lq[:2, :2], lq])['predictions']
    assert [bool(one['error']) for one in predictions] == [False, True, False]
    assert predictions[1]['error'].startswith('array1: expected an image of at least 11x11')
    pairs = call(make(), gan=[lq, lq], mse=[lq, lq[:-1]])['predictions']
    assert 'array1: expected GAN-SR and MSE-SR images of one size' in pairs[1]['error']


# ---------------------------------------- what comes out


def test_overlays_on_request(root, inferencer, expected):
    overlays = call(inferencer, root / 'lq', return_vis=True)['visualization']
    for overlay, gan, detection in zip(overlays, read_all(root / 'gan'), expected):
        np.testing.assert_array_equal(overlay, draw_overlay(gan, detection.mask))


def test_a_folder_gets_what_the_tool_writes(root, inferencer, expected, tmp_path):
    result = call(inferencer, root / 'lq', out_dir=tmp_path, save_map=True, save_sr=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        'mask', 'overlay', 'map', 'sr', 'detections.csv', 'detections.json', 'report.html',
        'run.json'}
    assert result['visualization'] == []
    for prediction, detection, name in zip(result['predictions'], expected, NAMES):
        assert 'mask' not in prediction and 'map' not in prediction
        assert (prediction['image'], prediction['artifact_px']) == (name, detection.area)
        np.testing.assert_array_equal(read_mask(tmp_path / 'mask' / name), detection.mask)
    assert call(inferencer, root / 'lq/image0.png', out_dir=tmp_path / 'plain', report=False)
    assert {path.name for path in (tmp_path / 'plain').iterdir()} == {
        'mask', 'overlay', 'detections.csv', 'detections.json', 'run.json'}


def test_iterating_keeps_nothing(inferencer, expected):
    lq, alive, most = make_lq_image(0), [], 0
    for outcome in inferencer.iterate([lq] * 8):
        alive.append(weakref.ref(outcome.detection.mask))
        np.testing.assert_array_equal(outcome.detection.mask, expected[0].mask)
        del outcome
        most = max(most, sum(ref() is not None for ref in alive))
    assert len(alive) == 8 and most <= 2


def test_it_says_nothing_when_asked_to(root, inferencer, capfd):
    call(inferencer, root / 'lq')
    assert capfd.readouterr() == ('', '')
    inferencer(root / 'lq')
    assert '3/3' in capfd.readouterr().err


# ---------------------------------------- where it is found


def test_it_is_registered_and_cheap_to_name():
    one = INFERENCERS.build(dict(type='DeSRAInferencer', detector='SSIM'))
    assert isinstance(one, DeSRAInferencer)
    with pytest.raises(ImportError, match='NoSuchInferencer'):
        from mmdesra.apis import NoSuchInferencer  # noqa: F401
    script = ("import sys, mmdesra, mmdesra.apis; "
              "assert not {'mmdesra.detectors', 'mmdesra.generators'} & set(sys.modules); "
              "from mmdesra.apis import DeSRAInferencer; DeSRAInferencer(); "
              "assert not {'mmagic.models', 'mmagic.evaluation', 'mmseg'} & set(sys.modules)")
    subprocess.run([sys.executable, '-c', script], check=True)
