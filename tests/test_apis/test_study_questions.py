"""The questions of a study, from folders."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmdesra.apis.study_questions import (
    PREFERENCE,
    StudyPair,
    heldout_pairs,
    parse_pair,
    read_questions,
)
from mmdesra.errors import InputError
from mmdesra.files import ImageError, write_image, write_mask

SIZE = 40, 60


def write_folders(root: Path, count: int = 4) -> StudyPair:
    """a/, b/ and mask/; the second image has no region, the others a small and a large one."""
    for name in ('a', 'b', 'mask'):
        (root / name).mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        mask = np.zeros(SIZE, bool)
        if number != 1:
            mask[2:5, 2:5] = mask[20:30, 40:50] = True
        write_mask(root / f'mask/{number}.png', mask)
        for name in 'ab':
            write_image(root / f'{name}/{number}.png', rng.integers(0, 256, (*SIZE, 3), np.uint8))
    return StudyPair(('A', 'B'), (root / 'a', root / 'b'))


@pytest.fixture
def pair(tmp_path):
    return write_folders(tmp_path)


def images(found):
    return [question.image for question in found.questions]


def test_whole_images_without_masks(pair):
    found = read_questions([pair])
    assert images(found) == ['0', '1', '2', '3']
    assert {question.pictures[0].shape for question in found.questions} == {(*SIZE, 3)}
    assert (found.questions[0].text, found.questions[0].versions) == (PREFERENCE, ('A', 'B'))
    assert (found.clean, found.skipped) == ([], {})


def test_cut_around_the_largest_region_and_clean_images_left_out(pair, tmp_path):
    whole = read_questions([pair])
    found = read_questions([pair], tmp_path / 'mask', crop=16)
    assert images(found) == ['0', '2', '3'] and found.clean == ['1']
    for part, full in ((0, 0), (1, 2)):
        for cut, image in zip(found.questions[part].pictures, whole.questions[full].pictures):
            assert (cut == image[17:33, 37:53]).all()  # 16 px around 20 to 30, 40 to 50


def test_whole_images_with_masks(pair, tmp_path):
    found = read_questions([pair], tmp_path / 'mask', crop=0)
    assert images(found) == ['0', '2', '3']
    assert found.questions[0].pictures[0].shape == (*SIZE, 3)


def test_some_images_at_random(pair, tmp_path):
    other = StudyPair(('A', 'C'), (tmp_path / 'a', tmp_path / 'b'))
    chosen = set()
    for seed in range(20):
        found = read_questions([pair, other], tmp_path / 'mask', max_images=2, seed=seed)
        first, second = images(found)[:2], images(found)[2:]
        assert first == second == sorted(first) and len(first) == 2
        chosen.add(tuple(first))
    assert chosen == {('0', '2'), ('0', '3'), ('2', '3')}


def test_what_cannot_be_used_is_named(pair, tmp_path):
    (tmp_path / 'b/0.png').unlink()
    write_image(tmp_path / 'b/2.png', np.zeros((10, 10, 3), np.uint8))
    write_mask(tmp_path / 'mask/3.png', np.ones((10, 10), bool))
    found = read_questions([pair], tmp_path / 'mask')
    assert found.questions == []
    assert {name: message.split(':')[0] for (_, name), message in found.skipped.items()} == {
        '0': str(tmp_path / 'b'), '2': str(tmp_path / 'b/2.png'),
        '3': str(tmp_path / 'mask/3.png')}
    message = found.skipped['A vs B', '2']
    assert f'the size of {tmp_path / "a/2.png"}, 60x40, got 10x10' in message


def test_folders_that_are_not_there_and_pairs_of_one_name(pair, tmp_path):
    with pytest.raises(ImageError, match='expected a folder'):
        read_questions([StudyPair(('A', 'B'), (tmp_path / 'a', tmp_path / 'none'))])
    with pytest.raises(InputError, match="pair 'A vs B': is there twice"):
        read_questions([pair, pair])


@pytest.mark.parametrize('words, versions, folders, text', [
    (['x/one', 'x/two'], ('one', 'two'), ('x/one', 'x/two'), PREFERENCE),
    (['a=x/gan', 'b=y/gan', 'Which?'], ('a', 'b'), ('x/gan', 'y/gan'), 'Which?'),
    (['x/k=1', './k=2'], ('k=1', 'k=2'), ('x/k=1', './k=2'), PREFERENCE),
])
def test_parse_pair(words, versions, folders, text):
    pair = parse_pair(words)
    assert (pair.versions, pair.text) == (versions, text)
    assert pair.folders == tuple(map(Path, folders))


@pytest.mark.parametrize('words, message', [
    (['a'], 'got 1 words'), (['a', 'b', 'c', 'd'], 'got 4 words'),
    (['x/gan', 'y/gan'], 'expected two different names; name the versions, as in before='),
])
def test_parse_pair_refuses(words, message):
    with pytest.raises(InputError, match=message):
        parse_pair(words)


def test_heldout_folder_of_the_hook(tmp_path):
    with pytest.raises(InputError, match='expected WORK_DIR/heldout of a training run'):
        heldout_pairs(tmp_path)
    for name in ('mse', 'gan_before', 'gan_after', 'mask_before'):
        (tmp_path / name).mkdir()
    before, mse = heldout_pairs(tmp_path)
    assert (before.name, mse.name) == ('after vs before', 'after vs MSE-SR')
    assert before.folders == (tmp_path / 'gan_after', tmp_path / 'gan_before')
    assert 'artifacts' in before.text and 'detail' in mse.text
    assert heldout_pairs(tmp_path, ['mse']) == [mse]
