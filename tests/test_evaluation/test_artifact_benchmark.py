"""Making a benchmark with known masks, and the recall of the artifacts in it."""
from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch

from mmdesra.detectors import build_detector
from mmdesra.errors import InputError
from mmdesra.evaluation.artifact_benchmark import (
    BORDER,
    CONTENT_LIMITS,
    CONTENT_SHARE,
    GAP,
    BenchmarkSettings,
    make_artifact_benchmark,
)
from mmdesra.evaluation.benchmark_manifest import BenchmarkManifest
from mmdesra.evaluation.clean_pairs import CLEAN_BY, rank_pairs
from mmdesra.evaluation.placed_recall import GROUPS, break_down, match_artifacts
from mmdesra.files import read_image, read_mask, write_mask
from mmdesra.generators import StoredPairs
from mmdesra.ops import MARGIN, label_regions, local_std
from mmdesra.ops.artifact_textures import TEXTURES

from .benchmark_scenes import SIZE, write_pairs

SMALL = dict(count=10, areas=(400, 1500), clean_pairs=2)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Folders of three pairs; photo1 is dirty."""
    return write_pairs(tmp_path_factory.mktemp('pairs'), dirty=(1,))


@pytest.fixture(scope='module')
def benchmark(folders, tmp_path_factory):
    """A benchmark's folder and manifest."""
    out = tmp_path_factory.mktemp('benchmark') / 'out'
    return out, make_artifact_benchmark(StoredPairs(*folders), out, BenchmarkSettings(**SMALL))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob('*')) if path.is_file()}


def load(out, image):
    return (read_image(out / f'gan/{image.name}.png'), read_image(out / f'mse/{image.name}.png'),
            read_mask(out / f'gt/{image.name}.png'))


def test_equal_seeds_give_equal_bytes(folders, benchmark, tmp_path):
    again, other = tmp_path / 'again', tmp_path / 'other'
    make_artifact_benchmark(StoredPairs(*folders), again, BenchmarkSettings(**SMALL))
    assert contents(again) == contents(benchmark[0])
    make_artifact_benchmark(StoredPairs(*folders), other, BenchmarkSettings(**SMALL, seed=1))
    assert contents(other).keys() == contents(again).keys()
    first, second = ({one.area for image in BenchmarkManifest.read(out).images
                      for one in image.artifacts} for out in (again, other))
    assert len(first & second) < 3  # chance


def test_the_pairs_change_only_under_the_masks(folders, benchmark):
    out, manifest = benchmark
    assert len(manifest.images) == 10
    for image in manifest.images:
        gan, mse, mask = load(out, image)
        clean_gan, clean_mse = (read_image(folder / image.source) for folder in folders)
        np.testing.assert_array_equal(mse, clean_mse)
        np.testing.assert_array_equal(gan[~mask], clean_gan[~mask])
        assert mask.any() == bool(image.artifacts)
        if mask.any():
            assert (gan != clean_gan).any(axis=2)[mask].mean() > .6


def test_the_masks_are_the_placed_areas(benchmark):
    out, manifest = benchmark
    for image in manifest.images:
        mask = load(out, image)[2]
        regions = label_regions(torch.from_numpy(mask))
        assert sorted(regions.areas.tolist()) == sorted(one.area for one in image.artifacts)
        assert not (mask[:BORDER].any() or mask[-BORDER:].any()
                    or mask[:, :BORDER].any() or mask[:, -BORDER:].any())
        for number, one in enumerate(image.artifacts):
            region = (regions.labels == regions.labels[one.row, one.column]).numpy()
            assert region.sum() == one.area
            rows, columns = np.nonzero(mask & ~region)
            distances = np.maximum(abs(rows[:, None] - np.nonzero(region)[0][::7]),
                                   abs(columns[:, None] - np.nonzero(region)[1][::7]))
            assert number == 0 or distances.min() > GAP


def test_the_manifest_says_what_lies_there(folders, benchmark):
    """Strength and content, measured again from the files."""
    out, manifest = benchmark
    assert BenchmarkManifest.read(out) == BenchmarkManifest.read(out)
    assert [image.artifacts for image in BenchmarkManifest.read(out).images] == [
        image.artifacts for image in manifest.images]
    seen = set()
    for image in manifest.images:
        gan, mse, mask = load(out, image)
        added = gan.astype(float) - read_image(folders[0] / image.source)
        std = local_std(torch.from_numpy(mse.transpose(2, 0, 1).copy())).mean(dim=0).numpy()
        std = np.pad(std, MARGIN, mode='edge')
        regions = label_regions(torch.from_numpy(mask)).labels.numpy()
        for one in image.artifacts:
            region = regions == regions[one.row, one.column]
            strength = np.sqrt((added[region]**2).mean())
            assert strength == pytest.approx(one.strength_left, abs=1e-3)
            assert strength == pytest.approx(one.strength, rel=.05)  # nothing clips here
            assert std[region].mean() == pytest.approx(one.local_std, abs=1e-3)
            shares = {name: ((std >= low) & (std < high))[region].mean()
                      for name, (low, high) in CONTENT_LIMITS.items()}
            dominant = [name for name, share in shares.items() if share > CONTENT_SHARE - 1e-9]
            assert one.content == (dominant[0] if dominant else 'mixed')
            assert one.kind in TEXTURES and one.parameters
            seen.add(one.content)
    assert len(seen) >= 3


def test_combinations_are_dealt_evenly(folders, tmp_path):
    settings = BenchmarkSettings(count=40, areas=(300, 600), clean_pairs=1, strengths=(8., 20.),
                                 untouched_share=0)
    manifest = make_artifact_benchmark(StoredPairs(*folders), tmp_path / 'out', settings)
    artifacts = [one for image in manifest.images for one in image.artifacts]
    assert all(1 <= len(image.artifacts) <= 3 for image in manifest.images)
    for name in GROUPS:
        counts = Counter(getattr(one, name) for one in artifacts)
        assert max(counts.values()) <= 1.35 * min(counts.values()), counts
    areas = [one.area for one in artifacts]
    assert 300 <= min(areas) < 340 and 540 < max(areas) <= 600


def test_a_share_stays_untouched(folders, benchmark):
    out, manifest = benchmark
    untouched = [image for image in manifest.images if not image.artifacts]
    assert len(untouched) == 2
    for image in untouched:
        gan, _, mask = load(out, image)
        np.testing.assert_array_equal(gan, read_image(folders[0] / image.source))
        assert not mask.any()


def test_the_cleanest_pairs_are_taken(folders, benchmark):
    manifest = benchmark[1]
    assert {image.source for image in manifest.images} == {'photo0.png', 'photo2.png'}
    assert all(set(pair['marked_px']) == set(CLEAN_BY) for pair in manifest.clean_pairs)
    ranked, skipped = rank_pairs(StoredPairs(*folders), [
        build_detector(dict(type=name, min_area=100)) for name in CLEAN_BY])
    assert ranked[-1].path.name == 'photo1.png' and not skipped
    assert min(ranked[-1].marked_px) > max(ranked[0].marked_px)


class Marks:
    """Stands in for a detector that marks so many pixels of each pair, in turn."""

    def __init__(self, *areas):
        self.areas = iter(areas)

    def detect(self, gan, mse, labels=None):
        mask = np.zeros(gan.shape[:2], bool)
        mask.flat[:next(self.areas)] = True
        from mmdesra.detectors import Detection
        return Detection(mask.astype(np.float32), mask)


def test_each_detector_has_one_vote(folders):
    """The places count, not the areas: (1, 3), (2, 1), (3, 2) have the worst places 3, 2, 3."""
    ranked, _ = rank_pairs(StoredPairs(*folders), [Marks(0, 1, 2), Marks(9000, 10, 500)])
    assert [(pair.path.stem, pair.place) for pair in ranked] == [
        ('photo1', 2), ('photo0', 3), ('photo2', 3)]
    assert ranked[0].marked_px == (1, 10)
    ranked, _ = rank_pairs(StoredPairs(*folders), [Marks(0, 5, 0), Marks(7, 7, 7)])
    assert [pair.place for pair in ranked] == [1, 1, 3]  # equals share a place
    ranked, _ = rank_pairs(StoredPairs(*folders), [])
    assert [pair.path.stem for pair in ranked] == ['photo0', 'photo1', 'photo2']


def test_a_folder_with_images_is_refused(folders, benchmark):
    with pytest.raises(InputError, match='gan: expected a new or empty folder'):
        make_artifact_benchmark(StoredPairs(*folders), benchmark[0], BenchmarkSettings(**SMALL))


def test_pairs_that_cannot_be_used_are_named(tmp_path):
    gan, mse = write_pairs(tmp_path, count=2)
    (gan / 'photo0.png').write_text('text')
    manifest = make_artifact_benchmark(StoredPairs(gan, mse), tmp_path / 'out',
                                       BenchmarkSettings(**SMALL))
    assert 'cannot be read' in manifest.skipped['photo0.png']
    assert {image.source for image in manifest.images} == {'photo1.png'}
    (gan / 'photo1.png').write_text('text')
    with pytest.raises(InputError, match='none of 2 pairs can be used'):
        make_artifact_benchmark(StoredPairs(gan, mse), tmp_path / 'other')


def test_images_without_room_are_said(folders, tmp_path):
    settings = BenchmarkSettings(count=2, areas=(40000, 45000), untouched_share=0)
    with pytest.raises(InputError, match=f'{SIZE[1]}x{SIZE[0]} has no room'):
        make_artifact_benchmark(StoredPairs(*folders), tmp_path / 'out', settings)


@pytest.mark.parametrize('change', [
    dict(count=0), dict(seed=-1), dict(areas=(50, 100)), dict(areas=(500, 400)),
    dict(strengths=()), dict(strengths=(0.,)), dict(max_artifacts=0), dict(untouched_share=1.5),
    dict(clean_pairs=-1)])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(InputError, match='expected'):
        BenchmarkSettings(**change)


# The recall of the artifacts placed

def test_recall_counts_artifacts_of_which_half_is_detected(benchmark, tmp_path):
    out, manifest = benchmark
    expected = Counter()
    for number, image in enumerate(manifest.images):
        mask = load(out, image)[2]
        regions = label_regions(torch.from_numpy(mask)).labels.numpy()
        pred = ~mask  # what is detected elsewhere does not count
        for index, one in enumerate(image.artifacts):
            region = np.argwhere(regions == regions[one.row, one.column])
            share = (number + index) % 3  # nothing, just half, just less than half
            count = [0, -(-one.area // 2), (one.area - 1) // 2][share]
            pred[tuple(region[:count].T)] = True
            expected[one.kind, share == 1] += 1
        write_mask(tmp_path / f'{image.name}.png', pred)
    found, skipped = match_artifacts(out, tmp_path)
    assert not skipped
    for (kind,), recall in break_down(found, ['kind']).items():
        assert recall.found == expected[kind, True]
        assert recall.placed == expected[kind, True] + expected[kind, False]
        assert recall.recall == recall.found / recall.placed
    whole = break_down(found, ())[()]
    assert whole.placed == sum(len(image.artifacts) for image in manifest.images)
    assert 0 < whole.found < whole.placed
    cells = break_down(found, GROUPS)
    assert sum(recall.found for recall in cells.values()) == whole.found
    assert list(cells) == sorted(cells)


def test_the_known_masks_find_everything(benchmark):
    found, _ = match_artifacts(benchmark[0], benchmark[0] / 'gt')
    assert all(one.covered == 1 for one in found)


def test_masks_that_do_not_fit_are_named(benchmark, tmp_path):
    out, manifest = benchmark
    for image in manifest.images[2:]:
        write_mask(tmp_path / f'{image.name}.png', load(out, image)[2])
    write_mask(tmp_path / f'{manifest.images[1].name}.png', np.zeros((4, 4), bool))
    found, skipped = match_artifacts(out, tmp_path)
    assert set(skipped) == {image.name for image in manifest.images[:2]}
    assert f'expected a mask of {SIZE[1]}x{SIZE[0]}, got 4x4' in skipped[manifest.images[1].name]
    assert len(found) == sum(len(image.artifacts) for image in manifest.images[2:])
    with pytest.raises(InputError, match='no mask fits the benchmark'):
        match_artifacts(out, out)


@pytest.mark.parametrize('content, message', [
    (None, 'no such file'), ('{', 'expected the manifest'), ('{"images": []}', 'expected the'),
    ('[]', 'expected the'), ('{"settings": {}, "images": [{"name": 1}]}', 'expected the')])
def test_other_manifests_are_refused(tmp_path, content, message):
    if content:
        (tmp_path / 'manifest.json').write_text(content)
    with pytest.raises(InputError, match=f'manifest.json: {message}'):
        BenchmarkManifest.read(tmp_path)


@pytest.mark.parametrize('change', [
    lambda image: image.update(name='../elsewhere'),
    lambda image: image.update(name='photo0-0' if image['name'] != 'photo0-0' else 'photo2-0'),
    lambda image: image.update(name='/etc/hostname'),
    lambda image: image.update(name=5),
    lambda image: image['artifacts'][0].update(row='3'),
    lambda image: image['artifacts'][0].update(column=None),
    lambda image: image['artifacts'][0].update(strength=[1]),
    lambda image: image['artifacts'].append(5),
])
def test_a_manifest_with_other_values_is_refused(benchmark, tmp_path, change):
    content = json.loads((benchmark[0] / 'manifest.json').read_text())
    change(next(image for image in content['images'] if image['artifacts']))
    (tmp_path / 'manifest.json').write_text(json.dumps(content))
    with pytest.raises(InputError, match='manifest.json: expected the manifest of an artifact'):
        BenchmarkManifest.read(tmp_path)


def test_a_mask_that_was_changed_is_noticed(folders, tmp_path):
    out = tmp_path / 'out'
    manifest = make_artifact_benchmark(StoredPairs(*folders), out, BenchmarkSettings(
        **dict(SMALL, count=2, untouched_share=0)))
    name = manifest.images[0].name
    path = out / f'gt/{name}.png'
    mask = read_mask(path)
    write_mask(path, np.roll(mask, 1, axis=0) & mask)
    _, skipped = match_artifacts(out, out / 'gt')
    assert list(skipped) == [name] and 'as the manifest says' in skipped[name]
    assert json.loads((out / 'manifest.json').read_text())['settings']['count'] == 2
