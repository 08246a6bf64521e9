"""Many pairs: order, batches of labels, errors that stay with their image, memory."""
from __future__ import annotations

import weakref

import numpy as np
import pytest
from known_labels import KnownLabels, half_sea, store_labels

from mmdesra.detectors import DeSRA, build_detector, detect_image, detect_pairs
from mmdesra.files import ImageError
from mmdesra.generators import ArrayPairs, Pair
from mmdesra.segmentors import LabelFolder

DETECTOR = DeSRA(min_area=500)
KINDS = 'acaacaaaca'  # artifact, clean


def make_images(kind):
    """A flat MSE-SR image and the same with weak stipple, none on the sea; or without (clean)."""
    mse = np.full((70, 120, 3), 100, np.uint8)
    gan = mse.copy()
    if kind == 'a':
        rows, columns = np.mgrid[:50, :100]
        gan[10:60, 10:110] = np.where((rows + columns) % 2, 106, 94)[..., None]
    return Pair(gan, mse)


def source_of(kinds, bad=()):
    def load(kind, path):
        if path.stem in bad:
            raise ImageError(f'{path}: damaged')
        return make_images(kind)
    return ArrayPairs(list(kinds), load)


def artifacts_of(kinds):
    return [f'array{number}' for number, kind in enumerate(kinds) if kind == 'a']


def outcomes_of(labels=None, kinds=KINDS, **options):
    found = list(detect_pairs(DETECTOR, source_of(kinds, **options), labels))
    assert len(found) == len(kinds)
    return {outcome.path.stem: outcome for outcome in found}


def folder_of(tmp_path, kinds=KINDS, function=half_sea):
    images = {f'array{number}': make_images(kind).gan for number, kind in enumerate(kinds)}
    return LabelFolder(store_labels(tmp_path / 'labels', images, function))


def test_the_scene_depends_on_the_labels():
    pair = make_images('a')
    without, with_labels = (DETECTOR.detect(pair.gan, pair.mse, labels)
                            for labels in (None, half_sea(pair.gan)))
    assert without.mask[12:58, 12:108].all()
    assert with_labels.mask[12:58, 12:55].all() and not with_labels.mask[:, 66:].any()


def test_without_labels_outcomes_come_in_order():
    found = list(detect_pairs(DETECTOR, source_of(KINDS, bad=['array4'])))
    assert [outcome.path.stem for outcome in found] == [f'array{k}' for k in range(len(KINDS))]
    assert [bool(outcome.error) for outcome in found] == [k == 4 for k in range(len(KINDS))]
    assert not any(outcome.labelled for outcome in found)


@pytest.mark.parametrize('batch_size', [1, 2, 3, 4, 7, 50])
def test_labels_are_asked_for_in_batches_where_there_are_artifacts(batch_size, tmp_path):
    labels = KnownLabels(batch_size=batch_size)
    found = outcomes_of(labels)
    assert labels.asked == artifacts_of(KINDS)
    full, rest = divmod(len(artifacts_of(KINDS)), batch_size)
    assert [len(call) for call in labels.calls] == [batch_size] * full + [rest] * bool(rest)
    stored = outcomes_of(folder_of(tmp_path))
    for name, outcome in found.items():
        assert outcome.labelled == (name in labels.asked)
        np.testing.assert_array_equal(outcome.detection.mask, stored[name].detection.mask)
        assert stored[name].labelled
    assert found['array0'].detection.area < outcomes_of()['array0'].detection.area


def test_each_outcome_has_the_pair_and_the_labels_of_its_own_path():
    """Sea above in even images, below in odd ones."""
    def numbered(image):
        labels = np.full(image.shape[:2], 2, np.uint8)
        labels[slice(0, 35) if image[0, 0, 0] % 2 else slice(35, None)] = 26
        return labels

    def load(number, path):
        pair = make_images('a')
        for image in (pair.gan, pair.mse):
            image[:3] = number
        return pair

    labels = KnownLabels(numbered, batch_size=4)
    outcomes = list(detect_pairs(DETECTOR, ArrayPairs(list(range(7)), load), labels))
    assert [len(call) for call in labels.calls] == [4, 3]
    for outcome in outcomes:
        number = int(outcome.path.stem[len('array'):])
        assert outcome.pair.gan[0, 0, 0] == number
        halves = outcome.detection.mask[:31].any(), outcome.detection.mask[39:].any()
        assert halves == ((False, True) if number % 2 else (True, False))


@pytest.mark.parametrize('batch_size', [1, 3])
def test_an_image_that_fails_in_a_batch_is_reported_alone(batch_size):
    labels = KnownLabels(batch_size=batch_size, bad=['array2', 'array6'])
    found = outcomes_of(labels)
    assert [name for name, outcome in found.items() if outcome.error] == ['array2', 'array6']
    assert found['array2'].error == 'array2: no labels for this one'
    assert found['array2'].detection is found['array2'].pair is None
    good = KnownLabels()
    for name, outcome in outcomes_of(good).items():
        if not found[name].error:
            np.testing.assert_array_equal(found[name].detection.mask, outcome.detection.mask)
            assert found[name].labelled == outcome.labelled


@pytest.mark.parametrize('function, message', [
    (lambda image: half_sea(image)[:-1], 'array3: expected a label map of integers'),
    (lambda image: half_sea(image).astype(float), 'array3: expected a label map of integers'),
    (lambda image: half_sea(image) + 200, r'array3: expected labels in \[0, 149\]')])
def test_a_label_map_that_does_not_fit_spoils_no_other(function, message):
    def third(image):
        return function(image) if image[0, 0, 0] == 3 else half_sea(image)

    def load(number, path):
        pair = make_images('a')
        pair.gan[0, 0] = number
        return pair

    outcomes = {outcome.path.stem: outcome for outcome in detect_pairs(
        DETECTOR, ArrayPairs(list(range(6)), load), KnownLabels(third, batch_size=4))}
    assert [name for name, outcome in outcomes.items() if outcome.error] == ['array3']
    with pytest.raises(ImageError, match=message):
        raise ImageError(outcomes['array3'].error)
    assert all(outcome.labelled for name, outcome in outcomes.items() if name != 'array3')


def test_a_segmenter_that_runs_out_of_memory_tries_one_by_one():
    def label(images, paths):
        if len(images) > 1:
            raise RuntimeError('out of memory')
        return [half_sea(image) for image in images]

    labels = KnownLabels(batch_size=4)
    labels.label = label
    assert not any(outcome.error for outcome in outcomes_of(labels).values())


def test_missing_stored_labels_are_known_at_once_and_also_of_clean_images(tmp_path):
    labels = folder_of(tmp_path, kinds=KINDS[:8])
    found = outcomes_of(labels)
    assert [name for name, outcome in found.items() if outcome.error] == ['array8', 'array9']


def test_nothing_is_asked_for_a_detector_without_semantic_step():
    labels = KnownLabels()
    assert len(list(detect_pairs(build_detector('SSIM'), source_of('aaa'), labels))) == 3
    assert labels.calls == []


@pytest.mark.parametrize('batch_size', [1, 4])
def test_little_more_than_a_batch_of_images_is_held(batch_size):
    alive, most = [], [0]

    def load(kind, path):
        pair = make_images(kind)
        alive.append(weakref.ref(pair.gan))
        most[0] = max(most[0], sum(ref() is not None for ref in alive))
        return pair

    source = ArrayPairs('acaaaacaaaaacacaaaaaac', load)
    for outcome in detect_pairs(DETECTOR, source, KnownLabels(batch_size=batch_size)):
        assert outcome.pair.gan is not None
    # Those that wait, the last one that was handed out, those that are loaded and looked at,
    # and one that a thread may not have let go of.
    assert most[0] <= batch_size + 4


def test_one_image_asks_only_if_it_must(tmp_path):
    labels, path = KnownLabels(), tmp_path / 'x.png'
    for kind, calls in dict(c=0, a=1).items():
        pair = make_images(kind)
        detection = detect_image(DETECTOR, pair.gan, pair.mse, path, labels)
        assert len(labels.calls) == calls
        np.testing.assert_array_equal(
            detection.mask, DETECTOR.detect(pair.gan, pair.mse, half_sea(pair.gan)).mask)
    with pytest.raises(ImageError, match='x.png: no labels'):
        pair = make_images('a')
        detect_image(DETECTOR, pair.gan, pair.mse, path, KnownLabels(bad=['x']))
