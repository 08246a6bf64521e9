from __future__ import annotations

import json
import logging
import multiprocessing
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from toys import GAN_AMPLITUDE, MIN_AREA, SCALE, make_lq_folder, make_lq_image, make_pairs

from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.datasets.pseudo_gt_dataset import PseudoGTDataset
from mmdesra.datasets.pseudo_gt_folder import PseudoGTError, PseudoGTFolder, file_sha256
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import build_detector
from mmdesra.errors import InputError
from mmdesra.files import read_image, read_mask, write_image, write_mask
from mmdesra.files.folder_lock import hold_folder
from mmdesra.segmentors import LabelFolder

WITH_ARTIFACTS = {'image0', 'image2', 'image3'}
SR_SIZE = 160, 192


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    """Four LR images; image1 is clean."""
    folder = tmp_path_factory.mktemp('photos') / 'lq'
    make_lq_folder(folder)
    return folder


@pytest.fixture
def lq(photos, tmp_path):
    """The same, for the test to change."""
    return shutil.copytree(photos, tmp_path / 'lq')


def detector(**config):
    return build_detector(dict(dict(type='DeSRA', min_area=MIN_AREA), **config))


def make(lq, out, amplitude=GAN_AMPLITUDE, labels=None, recompose=False, **config):
    return make_pseudo_gts(make_pairs(lq, amplitude), detector(**config), out,
                           LabelFolder(labels) if labels else None, recompose)


def contents(folder):
    """All there is below a folder, but what says which run made it."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob('*')) if path.name != 'run.json'}


def stems(folder):
    return {path.stem for path in folder.iterdir()}


def enlarge(lq_path):
    return read_image(lq_path).repeat(SCALE, 0).repeat(SCALE, 1)


def records(manifest):
    return {record.name: record for record in manifest.records}


def test_pairs_are_made_of_images_with_artifacts_only(photos, tmp_path):
    manifest = make(photos, tmp_path / 'out')
    assert set(contents(tmp_path / 'out')) == {'gt', 'mask', 'manifest.json', *(
        f'{kind}/{name}.png' for kind in ('gt', 'mask') for name in WITH_ARTIFACTS)}
    assert [record.name for record in manifest.records] == [f'image{k}' for k in range(4)]
    assert not manifest.skipped
    assert manifest.lq_dir == str(photos.resolve())
    for record in manifest.records:
        path = photos / record.lq
        assert record.lq_sha256 == file_sha256(path) and record.labels_sha256 == ''
        pair = make_pairs(photos).load(path)
        detection = detector().detect(pair.gan, pair.mse)
        assert (record.regions, record.area) == (len(detection.regions), detection.area)
        assert bool(record.regions) == (record.name in WITH_ARTIFACTS)


def test_a_pair_is_mse_inside_and_gan_outside(photos, tmp_path):
    manifest = make(photos, tmp_path / 'out')
    folder = PseudoGTFolder(tmp_path / 'out')
    for record in manifest.records:
        if not record.regions:
            continue
        gt = read_image(folder.gt_path(record.name))
        mask = read_mask(folder.mask_path(record.name))
        assert gt.shape == (*SR_SIZE, 3) and mask.shape == SR_SIZE
        mse = enlarge(photos / record.lq)
        np.testing.assert_array_equal(gt[mask], mse[mask])
        gan = make_pairs(photos).load(photos / record.lq).gan
        np.testing.assert_array_equal(gt[~mask], gan[~mask])
        assert (gan[mask] != mse[mask]).any()
        assert record.area == mask.sum() and record.mask_sha256 == file_sha256(
            folder.mask_path(record.name))
        assert Image.open(folder.mask_path(record.name)).mode == 'L'


def test_a_second_run_changes_nothing_and_runs_no_generator(photos, tmp_path, monkeypatch):
    make(photos, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    pairs = make_pairs(photos)
    monkeypatch.setattr(pairs, 'make', None)
    make_pseudo_gts(pairs, detector(), tmp_path / 'out')
    assert contents(tmp_path / 'out') == before


def test_broken_images_are_skipped_and_named(lq, tmp_path, caplog):
    png = (lq / 'image0.png').read_bytes()
    (lq / 'broken.png').write_bytes(png[:len(png) // 2])
    (lq / 'text.png').write_text('these are words')
    write_image(lq / 'tiny.png', make_lq_image(0, (2, 2)))
    with caplog.at_level(logging.WARNING):
        manifest = make(lq, tmp_path / 'out')
    assert records(manifest).keys() == {f'image{k}' for k in range(4)}
    assert list(manifest.skipped) == ['broken.png', 'text.png', 'tiny.png']
    for name, reason in manifest.skipped.items():
        assert str(lq / name) in reason
        assert f'skipped: {reason}' in caplog.text
    assert re.search('at least 11x11 px .* got 8x8', manifest.skipped['tiny.png'])
    assert stems(tmp_path / 'out/gt') == stems(tmp_path / 'out/mask') == WITH_ARTIFACTS


def test_an_image_that_vanishes_is_skipped_and_named(lq, tmp_path, monkeypatch):
    """Between listing and reading, and between reading and the end."""
    original = PseudoGTMaker._generate

    def generate(self, path, image):
        (lq / 'image2.png').unlink(missing_ok=True)  # it comes after image0
        if path.stem == 'image3':
            (lq / 'image0.png').unlink()
        return original(self, path, image)

    monkeypatch.setattr(PseudoGTMaker, '_generate', generate)
    manifest = make(lq, tmp_path / 'out')
    assert manifest.skipped == {
        name: f'{lq / name}: cannot be read (No such file or directory)'
        for name in ('image0.png', 'image2.png')}
    assert set(records(manifest)) == {'image1', 'image3'}
    assert stems(tmp_path / 'out/gt') == stems(tmp_path / 'out/mask') == {'image3'}


def test_an_image_that_changes_while_its_pair_is_made_is_an_error(lq, tmp_path, monkeypatch):
    original = PseudoGTMaker._generate

    def generate(self, path, image):
        if path.stem == 'image2':
            write_image(path, make_lq_image(9))
        return original(self, path, image)

    with monkeypatch.context() as patch, pytest.raises(
            PseudoGTError, match='image2.png: .* was changed meanwhile; run the same command'):
        patch.setattr(PseudoGTMaker, '_generate', generate)
        make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'anew')
    assert contents(tmp_path / 'out') == contents(tmp_path / 'anew')


@pytest.mark.parametrize('name', ['out/gt', 'out/mask'])
def test_the_photographs_are_not_written_over(lq, tmp_path, name):
    shutil.copytree(lq, tmp_path / name)
    photos = contents(tmp_path / name)
    with pytest.raises(PseudoGTError, match=f'{name}/image0.png: lies in a folder that pseudo'):
        make(tmp_path / name, tmp_path / 'out')
    assert contents(tmp_path / name) == photos


def test_label_maps_are_not_written_over(lq, tmp_path):
    for path in make_lq_folder(tmp_path / 'out/mask'):
        write_mask(path, np.zeros(SR_SIZE, bool))
    labels = contents(tmp_path / 'out/mask')
    with pytest.raises(PseudoGTError, match='out/mask/image0.png: lies in a folder that pseudo'):
        make(lq, tmp_path / 'out', labels=tmp_path / 'out/mask')
    assert contents(tmp_path / 'out/mask') == labels


@pytest.mark.parametrize('recompose', [False, True])
def test_a_folder_that_another_run_makes_is_refused(lq, tmp_path, recompose):
    make(lq, tmp_path / 'out')
    made = contents(tmp_path / 'out')
    fork = multiprocessing.get_context('fork')
    here, there = fork.Pipe()
    other = fork.Process(target=hold, args=[tmp_path / 'out', there])
    other.start()
    here.recv()
    try:
        with pytest.raises(InputError, match=f'out: another run .*process {other.pid} on .*wait'):
            make(lq, tmp_path / 'out', amplitude=.1, recompose=recompose)
    finally:
        other.kill()
        other.join()
    assert contents(tmp_path / 'out').keys() - made.keys() == {'.lock'}
    make(lq, tmp_path / 'out')
    assert contents(tmp_path / 'out') == made


def hold(folder, pipe):
    hold_folder(folder)
    pipe.send('held')
    pipe.recv()


def test_what_has_been_made_is_known_without_writing(lq, tmp_path):
    folder, maker = PseudoGTFolder(tmp_path / 'out'), PseudoGTMaker(make_pairs(lq), detector())
    assert not maker.has_made(folder)
    assert not folder.root.exists()
    make(lq, folder.root)
    assert maker.has_made(folder)
    assert not PseudoGTMaker(make_pairs(lq), detector(threshold=.5)).has_made(folder)
    write_image(lq / 'image1.png', make_lq_image(9))
    assert not maker.has_made(folder)
    (lq / 'image1.png').unlink()
    assert not maker.has_made(folder)
    assert not PseudoGTMaker(make_pairs(lq), detector()).has_made(folder)


def test_a_mended_image_is_made_on_the_next_run(lq, tmp_path):
    png = (lq / 'image2.png').read_bytes()
    (lq / 'image2.png').write_bytes(png[:100])
    assert list(make(lq, tmp_path / 'out').skipped) == ['image2.png']
    (lq / 'image2.png').write_bytes(png)
    manifest = make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'fresh')
    assert not manifest.skipped
    assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_only_broken_images_make_an_empty_folder(tmp_path):
    (tmp_path / 'lq').mkdir()
    (tmp_path / 'lq/a.png').write_text('text')
    manifest = make(tmp_path / 'lq', tmp_path / 'out')
    assert not manifest.records and list(manifest.skipped) == ['a.png']


@pytest.mark.parametrize('world_size', [2, 3, 6])
def test_ranks_one_after_the_other_make_the_same_folder(lq, tmp_path, world_size):
    for name in ('image6.png', 'image9.png'):
        (lq / name).write_text('text')
    make(lq, tmp_path / 'one')
    skipped, shares = {}, []
    folder = PseudoGTFolder(tmp_path / 'many')
    for rank in range(world_size):
        maker = PseudoGTMaker(make_pairs(lq), detector(), rank=rank, world_size=world_size)
        maker.make(folder)
        skipped.update(maker.skipped)
        shares.append(len(folder.finished()))
    assert sorted(shares) == shares and shares[0] < shares[-1] == 4
    maker.finish(folder, skipped)
    assert contents(tmp_path / 'many') == contents(tmp_path / 'one')


def test_finishing_before_all_ranks_are_done_is_an_error(photos, tmp_path):
    maker = PseudoGTMaker(make_pairs(photos), detector(), rank=1, world_size=2)
    folder = PseudoGTFolder(tmp_path / 'out')
    maker.make(folder)
    with pytest.raises(PseudoGTError, match='image0.png: is not made yet'):
        maker.finish(folder, maker.skipped)
    assert not folder.is_complete and len(folder.finished()) == 2


@pytest.mark.parametrize('change, named', [
    (dict(amplitude=.151), 'gan_sha256'), (dict(threshold=.65), 'detector.threshold: .*0.7.*0.65'),
    (dict(min_area='0.4%'), 'detector.min_area: there 200 px, now 0.4%'),
    (dict(form='printed'), 'detector.form: there released, now printed')])
def test_other_weights_or_settings_are_refused(photos, tmp_path, change, named):
    make(photos, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    for recompose in (False, True):
        with pytest.raises(PseudoGTError, match=named):
            make(photos, tmp_path / 'out', recompose=recompose, **change)
    assert contents(tmp_path / 'out') == before


@pytest.mark.parametrize('option, value', [('tile', 16), ('half', True)])
def test_other_generator_settings_are_refused(photos, tmp_path, option, value):
    make(photos, tmp_path / 'out')
    pairs = make_pairs(photos)
    setattr(pairs.gan, option, value)
    with pytest.raises(PseudoGTError, match=f'{option}: there .*, now {value}'):
        make_pseudo_gts(pairs, detector(), tmp_path / 'out')


def test_tile_pad_counts_only_where_there_are_tiles(photos, tmp_path):
    make(photos, tmp_path / 'out')
    pairs = make_pairs(photos)
    pairs.gan.tile_pad = 7
    make_pseudo_gts(pairs, detector(), tmp_path / 'out')


def test_the_lr_folder_may_move(lq, tmp_path):
    make(lq, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    lq.rename(tmp_path / 'moved')
    manifest = make(tmp_path / 'moved', tmp_path / 'out')
    assert manifest.lq_dir == str(tmp_path / 'moved')
    after = contents(tmp_path / 'out')
    before.pop('manifest.json'), after.pop('manifest.json')
    assert after == before


@pytest.mark.parametrize('new, has_artifacts', [
    (make_lq_image(50), True), (make_lq_image(50, clean=True), False)])
def test_a_changed_lr_image_is_made_again(lq, tmp_path, new, has_artifacts):
    make(lq, tmp_path / 'out')
    write_image(lq / 'image2.png', new)
    manifest = make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'fresh')
    assert bool(records(manifest)['image2'].regions) == has_artifacts
    assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_an_lr_image_that_breaks_loses_its_pair(lq, tmp_path):
    make(lq, tmp_path / 'out')
    (lq / 'image2.png').write_text('text')
    manifest = make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'fresh')
    assert list(manifest.skipped) == ['image2.png'] and 'image2' not in records(manifest)
    assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_an_lr_image_of_another_suffix_is_another(lq, tmp_path):
    make(lq, tmp_path / 'out')
    (lq / 'image2.png').rename(lq / 'image2.PNG')
    assert records(make(lq, tmp_path / 'out'))['image2'].lq == 'image2.PNG'
    make(lq, tmp_path / 'fresh')
    assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_more_lr_images_are_added(lq, tmp_path):
    make(lq, tmp_path / 'out')
    write_image(lq / 'another.png', make_lq_image(60))
    make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'fresh')
    assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_pairs_of_other_lr_images_are_refused_and_kept(lq, tmp_path):
    """Their masks may be a person's work."""
    make(lq, tmp_path / 'out')
    (lq / 'image2.png').unlink()
    before = contents(tmp_path / 'out')
    for recompose in (False, True):
        with pytest.raises(PseudoGTError, match=r'not in .*/lq \(1, the first is image2.png\)'):
            make(lq, tmp_path / 'out', recompose=recompose)
    assert contents(tmp_path / 'out') == before


@pytest.mark.parametrize('recompose', [False, True])
def test_pairs_of_lr_images_that_went_are_dropped_with_their_masks(lq, tmp_path, recompose):
    make(lq, tmp_path / 'out')
    (lq / 'image2.png').unlink()
    (tmp_path / 'out/mask/image2.png').unlink()
    make(lq, tmp_path / 'out', recompose=recompose)
    make(lq, tmp_path / 'out')
    make(lq, tmp_path / 'fresh')
    assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')


def test_a_clean_lr_image_that_went_is_forgotten(lq, tmp_path):
    make(lq, tmp_path / 'out')
    (lq / 'image1.png').unlink()
    assert records(make(lq, tmp_path / 'out')).keys() == WITH_ARTIFACTS


def write_labels(folder, stems, value, size=SR_SIZE):
    folder.mkdir(exist_ok=True)
    for stem in stems:
        write_image(folder / f'{stem}.png', np.full(size, value, np.uint8))
    return folder


ALL = [f'image{k}' for k in range(4)]
SKY, SEA = 2, 26
"""Classes with bins 0 and 7: sky is not adjusted, the sea is."""


def test_labels_decide_and_their_changes_are_noticed(lq, tmp_path):
    weak = .05  # artifacts of which a part is suppressed on the sea
    labels = write_labels(tmp_path / 'labels', ALL, SKY)
    areas = {}
    for value in (SKY, SEA):
        write_labels(labels, ALL, value)
        manifest = make(lq, tmp_path / 'out', weak, labels)
        areas[value] = sum(record.area for record in manifest.records)
        assert records(manifest)['image1'].labels_sha256 == file_sha256(labels / 'image1.png')
        make(lq, tmp_path / 'fresh', weak, labels)
        assert contents(tmp_path / 'out') == contents(tmp_path / 'fresh')
        shutil.rmtree(tmp_path / 'fresh')
    assert areas[SEA] < areas[SKY]
    with pytest.raises(PseudoGTError, match='labels.type: there LabelFolder, now None'):
        make(lq, tmp_path / 'out', weak)
    labels.rename(tmp_path / 'moved')
    make(lq, tmp_path / 'out', weak, tmp_path / 'moved')


def test_images_without_usable_labels_are_skipped(lq, tmp_path):
    labels = write_labels(tmp_path / 'labels', ['image0', 'image1'], SKY)
    write_labels(labels, ['image2'], SKY, (40, 48))
    write_image(labels / 'image3.png', np.zeros((*SR_SIZE, 3), np.uint8))
    manifest = make(lq, tmp_path / 'out', labels=labels)
    assert records(manifest).keys() == {'image0', 'image1'}
    assert re.search('label map .* 192x160', manifest.skipped['image2.png'])
    assert 'label map' in manifest.skipped['image3.png']
    (labels / 'image0.png').unlink()
    manifest = make(lq, tmp_path / 'out', labels=labels)
    assert records(manifest).keys() == {'image1'}
    assert "no image named 'image0'" in manifest.skipped['image0.png']


# Recomposing

BOX = np.zeros(SR_SIZE, bool)
BOX[30:70, 20:60] = True
BOX[100:120, 100:150] = True


def test_recomposing_an_untouched_folder_changes_nothing(photos, tmp_path):
    make(photos, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    make(photos, tmp_path / 'out', recompose=True)
    assert contents(tmp_path / 'out') == before


@pytest.mark.parametrize('name', ['image1', 'image2'])
@pytest.mark.parametrize('color', [255, 128, (255, 0, 0), (0, 200, 0, 255)])
def test_a_painted_mask_is_followed(photos, tmp_path, name, color):
    """image1 was clean: its mask is added."""
    make(photos, tmp_path / 'out')
    mask_path = tmp_path / 'out/mask' / f'{name}.png'
    painted = np.zeros((*SR_SIZE, *np.shape(color)), np.uint8)
    painted[BOX] = color
    Image.fromarray(painted).save(mask_path)
    others = {key: value for key, value in contents(tmp_path / 'out').items() if name not in key}
    manifest = make(photos, tmp_path / 'out', recompose=True)
    gan = make_pairs(photos).load(photos / f'{name}.png').gan
    mse = enlarge(photos / f'{name}.png')
    np.testing.assert_array_equal(read_image(tmp_path / 'out/gt' / f'{name}.png'),
                                  np.where(BOX[..., None], mse, gan))
    np.testing.assert_array_equal(read_mask(mask_path), BOX)
    record = records(manifest)[name]
    assert (record.regions, record.area) == (2, BOX.sum())
    assert record.mask_sha256 == file_sha256(mask_path)
    after = contents(tmp_path / 'out')
    assert {key for key in others if after[key] != others[key]} == {'manifest.json'}
    make(photos, tmp_path / 'out')  # a later run leaves the person's work alone
    make(photos, tmp_path / 'out', recompose=True)
    assert contents(tmp_path / 'out') == after


@pytest.mark.parametrize('is_emptied', [False, True])
def test_a_mask_that_is_deleted_or_emptied_takes_its_pseudo_gt_along(photos, tmp_path, is_emptied,
                                                                     caplog):
    make(photos, tmp_path / 'out')
    mask = tmp_path / 'out/mask/image2.png'
    if is_emptied:
        write_mask(mask, np.zeros(SR_SIZE, bool))
        emptied = mask.read_bytes()
    else:
        mask.unlink()
    for recompose in (True, False, True):
        manifest = make(photos, tmp_path / 'out', recompose=recompose)
        assert stems(tmp_path / 'out/gt') == WITH_ARTIFACTS - {'image2'}
        assert mask.is_file() == is_emptied
        assert ('image2.png: is empty, so image2.png counts as clean' in caplog.text) == is_emptied
        record = records(manifest)['image2']
        assert (record.regions, record.area, record.mask_sha256) == (0, 0, '')
        assert record.lq_sha256 == file_sha256(photos / 'image2.png')
    if is_emptied:  # nothing of a person's is deleted, nor is it taken for another mask
        assert mask.read_bytes() == emptied
        assert not manifest.skipped


def test_a_missing_gt_is_made_again(photos, tmp_path):
    make(photos, tmp_path / 'out')
    before = contents(tmp_path / 'out')
    (tmp_path / 'out/gt/image2.png').unlink()
    make(photos, tmp_path / 'out', recompose=True)
    assert contents(tmp_path / 'out') == before


def test_recomposing_notes_where_the_lr_images_are_now(lq, tmp_path):
    make(lq, tmp_path / 'out')
    lq.rename(tmp_path / 'moved')
    manifest = make(tmp_path / 'moved', tmp_path / 'out', recompose=True)
    assert manifest.lq_dir == str(tmp_path / 'moved')


UNUSABLE = {
    'another size': (lambda path: write_mask(path, BOX[:100]), '192x160, got 192x100'),
    'no image': (lambda path: path.write_text('text'), 'cannot be read'),
    'grey everywhere': (lambda path: write_image(path, np.full(SR_SIZE, 100, np.uint8)),
                        'got 100 everywhere'),
    'a picture': (lambda path: write_image(path, make_lq_image(9, SR_SIZE)), 'got a picture of'),
    'several levels': (lambda path: write_image(path, (BOX * 80 + (np.arange(192) < 60) * 90
                                                       ).astype(np.uint8)), 'values between'),
}


@pytest.mark.parametrize('spoil, said', UNUSABLE.values(), ids=UNUSABLE)
def test_a_mask_that_cannot_be_used_is_left_as_it_is_and_named(photos, tmp_path, spoil, said):
    out = tmp_path / 'out'
    make(photos, out)
    spoil(out / 'mask/image2.png')
    (out / 'mask/image0.png').unlink()
    before = contents(out)
    manifest = make(photos, out, recompose=True)
    assert manifest.skipped.keys() == {'image2.png'}
    assert re.search(f'mask/image2.png: .*{said}', manifest.skipped['image2.png'])
    after = contents(out)
    assert {key for key in before if before[key] != after.get(key)} == {
        'manifest.json', 'gt/image0.png'}  # the others are brought in line
    assert after.keys() < before.keys()
    with pytest.raises(PseudoGTError, match='mask/image2.png: was changed .* --recompose'):
        PseudoGTDataset(str(out)).full_init()
    write_mask(out / 'mask/image2.png', BOX)
    manifest = make(photos, out, recompose=True)
    assert not manifest.skipped and records(manifest)['image2'].area == BOX.sum()


@pytest.mark.parametrize('name', ['image2.jpg', 'image2.TIF', 'image2.PNG', 'image2.xcf'])
@pytest.mark.parametrize('has_old', [True, False])
def test_a_mask_saved_under_another_suffix_is_named_and_its_pair_kept(photos, tmp_path, name,
                                                                      has_old):
    out = tmp_path / 'out'
    make(photos, out)
    old, new = out / 'mask/image2.png', out / 'mask' / name
    if not has_old:
        old.unlink()
    new.write_bytes(b'')
    if has_old and new.suffix == '.xcf':  # a program's own file beside the mask is no other mask
        assert not make(photos, out, recompose=True).skipped
        return
    before = contents(out)
    manifest = make(photos, out, recompose=True)
    assert manifest.skipped.keys() == {'image2.png'}
    assert re.search(f'mask/{name}: is a mask.* expected image2.png; save it as that',
                     manifest.skipped['image2.png'])
    assert {key for key, value in contents(out).items() if before.get(key) != value} == {
        'manifest.json'}
    assert before.keys() == contents(out).keys()
    new.unlink()
    write_mask(old, BOX)
    manifest = make(photos, out, recompose=True)
    assert not manifest.skipped and records(manifest)['image2'].area == BOX.sum()


def test_a_backup_beside_a_deleted_mask_does_not_keep_its_pair(photos, tmp_path):
    out = tmp_path / 'out'
    make(photos, out)
    (out / 'mask/image2.png').rename(out / 'mask/image2.png~')
    manifest = make(photos, out, recompose=True)
    assert not manifest.skipped and not records(manifest)['image2'].regions
    assert not (out / 'gt/image2.png').exists()


def test_a_folder_in_the_place_of_a_mask_is_named(photos, tmp_path):
    out = tmp_path / 'out'
    make(photos, out)
    (out / 'mask/image2.png').unlink()
    (out / 'mask/image2.png').mkdir()
    assert 'found a folder' in make(photos, out, recompose=True).skipped['image2.png']
    assert (out / 'gt/image2.png').exists()


def strokes(color, opacity):
    return np.dstack([np.broadcast_to(color, (*SR_SIZE, 3)), opacity]).astype(np.uint8)


NUMBERS = BOX * np.where(np.arange(192) < 80, 1, 2)
DRAWINGS = {
    'region numbers': NUMBERS.astype(np.uint8), '0 and 1': BOX.astype(np.uint8),
    'two greys': np.where(BOX, 200, 50).astype(np.uint8),
    '16 bits': BOX.astype(np.uint16) * 65535, 'numbers of 16 bits': NUMBERS.astype(np.uint16),
    'one bit': BOX, 'black strokes': strokes(0, BOX * 255),
    'white strokes': strokes(255, BOX * 255),
    'translucent strokes': strokes((255, 0, 0), BOX * 77),
    'grey with transparency': np.dstack([BOX * 0, BOX * 255]).astype(np.uint8),
    'colours of regions': np.array([[0, 0, 0], [128, 0, 0], [0, 64, 0]], np.uint8)[NUMBERS],
}


@pytest.mark.parametrize('pixels', DRAWINGS.values(), ids=DRAWINGS)
def test_whatever_a_person_draws_with_is_followed_and_kept(photos, tmp_path, pixels):
    out = tmp_path / 'out'
    make(photos, out)
    for name in ('image1', 'image2'):
        Image.fromarray(pixels).save(out / f'mask/{name}.png')
    drawn = (out / 'mask/image2.png').read_bytes()
    manifest = make(photos, out, recompose=True)
    for name in ('image1', 'image2'):
        assert records(manifest)[name].area == BOX.sum()
        np.testing.assert_array_equal(read_mask(out / f'mask/{name}.png'), BOX)
        # Training reads it with OpenCV, which knows 0 and 255 only.
        np.testing.assert_array_equal(np.array(Image.open(out / f'mask/{name}.png')), BOX * 255)
        assert (out / f'drawn/{name}.png').read_bytes() == drawn
    after = contents(out)
    for recompose in (False, True):
        make(photos, out, recompose=recompose)
        assert contents(out) == after


@pytest.mark.parametrize('is_recomposed', [False, True])
def test_a_mask_changed_by_hand_outlives_a_change_of_its_lr_image(lq, tmp_path, caplog,
                                                                  is_recomposed):
    out = tmp_path / 'out'
    make(lq, out)
    Image.fromarray(strokes(0, BOX * 255)).save(out / 'mask/image2.png')
    drawn = (out / 'mask/image2.png').read_bytes()
    if is_recomposed:
        make(lq, out, recompose=True)
    write_image(lq / 'image2.png', make_lq_image(50))
    make(lq, out)
    assert (out / 'drawn/image2.png').read_bytes() == drawn
    assert ('the mask is kept as' in caplog.text) != is_recomposed
    make(lq, tmp_path / 'fresh')
    fresh = contents(tmp_path / 'fresh')
    assert {key: contents(out)[key] for key in fresh} == fresh


def test_a_mask_changed_by_hand_outlives_an_lr_image_that_cannot_be_used(lq, tmp_path):
    out = tmp_path / 'out'
    make(lq, out)
    write_mask(out / 'mask/image2.png', BOX)
    (lq / 'image2.png').write_text('text')
    assert make(lq, out).skipped.keys() == {'image2.png'}
    np.testing.assert_array_equal(read_mask(out / 'drawn/image2.png'), BOX)


def test_a_folder_of_drawn_masks_may_not_lead_elsewhere(photos, tmp_path):
    out = tmp_path / 'out'
    make(photos, out)
    (tmp_path / 'elsewhere').mkdir()
    (out / 'drawn').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(PseudoGTError, match='out/drawn: expected .* got a link'):
        make(photos, out, recompose=True)


def test_a_repainted_mask_of_a_changed_lr_image_is_an_error(lq, tmp_path):
    make(lq, tmp_path / 'out')
    write_image(lq / 'image2.png', make_lq_image(50))
    write_mask(tmp_path / 'out/mask/image2.png', BOX)
    with pytest.raises(PseudoGTError, match='image2.png: .* changed .* without --recompose'):
        make(lq, tmp_path / 'out', recompose=True)


def test_a_mask_that_belongs_to_no_lr_image_is_named(photos, tmp_path, caplog):
    make(photos, tmp_path / 'out')
    write_mask(tmp_path / 'out/mask/imagee2.png', BOX)
    for name in ('imagee3.TIF', 'Thumbs.db', 'imagee4.png~'):
        (tmp_path / 'out/mask' / name).write_bytes(b'')
    with caplog.at_level(logging.WARNING):
        make(photos, tmp_path / 'out', recompose=True)
    text = caplog.text.replace(str(tmp_path), '')
    assert re.findall(r'(\S+): belongs to no LR image', text) == [
        '/out/mask/imagee2.png', '/out/mask/imagee3.TIF']


def test_what_is_no_complete_folder_is_not_recomposed(photos, tmp_path):
    with pytest.raises(PseudoGTError, match='missing: holds no manifest.json'):
        make(photos, tmp_path / 'missing', recompose=True)
    assert not (tmp_path / 'missing').exists()
    make(photos, tmp_path / 'out')
    maker = PseudoGTMaker(make_pairs(photos), detector())
    maker.make(PseudoGTFolder(tmp_path / 'out'))
    with pytest.raises(PseudoGTError, match='out: its making was interrupted; complete it first'):
        make(photos, tmp_path / 'out', recompose=True)


def test_the_manifest_says_what_it_was_made_with(photos, tmp_path):
    make(photos, tmp_path / 'out', threshold=.6)
    made_with = json.loads((tmp_path / 'out/manifest.json').read_text())['made_with']
    assert made_with.keys() == {'gan_sha256', 'mse_sha256', 'half', 'tile', 'tile_pad', 'detector',
                                'labels'}
    assert made_with['gan_sha256'] != made_with['mse_sha256']
    assert made_with['detector'].items() >= dict(
        type='DeSRA', threshold=.6, min_area='200 px', form='released').items()


def test_files_are_replaced_in_one_move(lq, tmp_path):
    """A second name of an old file still shows the old content: nobody wrote into it."""
    make(lq, tmp_path / 'out')
    write_image(lq / 'image2.png', make_lq_image(50))
    old = {}
    for name in ('manifest.json', 'gt/image2.png', 'mask/image2.png'):
        kept = tmp_path / name.replace('/', '_')
        os.link(tmp_path / 'out' / name, kept)
        old[kept] = kept.read_bytes()
    make(lq, tmp_path / 'out')
    assert {kept: kept.read_bytes() for kept in old} == old
    assert all(kept.read_bytes() not in contents(tmp_path / 'out').values() for kept in old)


def test_names_need_not_be_ascii(tmp_path):
    (tmp_path / 'lq').mkdir()
    for name in ('Füße im Gras [2].png', 'a.b.c.PNG', '-x.jpg'):
        write_image(tmp_path / 'lq' / name, make_lq_image(0))
    make(tmp_path / 'lq', tmp_path / 'out')
    before = contents(tmp_path / 'out')
    assert stems(tmp_path / 'out/gt') == {'Füße im Gras [2]', 'a.b.c', '-x'}
    make(tmp_path / 'lq', tmp_path / 'out')
    make(tmp_path / 'lq', tmp_path / 'out', recompose=True)
    assert contents(tmp_path / 'out') == before


def test_a_name_that_is_no_text_is_a_name_too(tmp_path):
    """Old archives unpack to such names on Linux."""
    (tmp_path / 'lq').mkdir()
    write_image(tmp_path / 'lq' / 'a.png', make_lq_image(0))
    (tmp_path / 'lq' / 'a.png').rename(tmp_path / 'lq' / 'caf\udce9.png')
    for recompose in (False, False, True):
        manifest = make(tmp_path / 'lq', tmp_path / 'out', recompose=recompose)
        assert records(manifest)['caf\udce9'].regions
