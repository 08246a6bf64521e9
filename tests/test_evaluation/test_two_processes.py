from __future__ import annotations

import json

import pytest
from gloo_pair import run_pair
from toys import make_lq_folder

from mmdesra.files import read_image, write_image

from . import gloo_worker


@pytest.fixture(scope='module')
def figures(tmp_path_factory):
    """What each of two processes says, and what one process alone says."""
    folder = tmp_path_factory.mktemp('two_processes')
    # Odd: the samplers repeat an image. The last one has no truth.
    for path in make_lq_folder(folder / 'lq', count=5)[:4]:
        (folder / 'gt').mkdir(exist_ok=True)
        write_image(folder / 'gt' / path.name, gloo_worker.truth_of(read_image(path)))
    run_pair(gloo_worker.__file__, folder)
    alone = gloo_worker.evaluate(folder, folder / 'alone')
    together = [json.loads((folder / f'rank{rank}.json').read_text()) for rank in range(2)]
    return folder, together, alone


def test_each_process_gets_the_figures_of_one(figures):
    _, together, alone = figures
    assert alone['metric']['DeSRA/regions'] > 0
    assert together == [alone, alone]


def test_figures_of_known_masks_are_among_them(figures):
    """None of them is where a wrong count of the repeated image would not be seen."""
    _, _, alone = figures
    known = {name: alone['metric'][f'DeSRA/{name}'] for name in (
        'IoU', 'Precision', 'Recall', 'RemovalRate', 'DetailKept', 'artifact_images')}
    assert all(0 < value < 1 for value in known.values()), known
    assert len(alone['metric']) == 9 + 4 + 3 * 2 * 4 + 2 * 2


def test_metric_needs_no_size_where_it_was_prepared(figures):
    """MMagic's evaluator gives none; without one the repeated image would count twice."""
    _, together, alone = figures
    assert alone['prepared'] == alone['metric']
    assert together[1]['prepared'] == alone['metric']


def test_figures_of_the_truth_are_among_them(figures):
    _, _, alone = figures
    truth = alone['comparison']['truth']
    assert truth['images'] == alone['comparison']['gt_images'] == 4
    for figures in (truth['inside'][version] for version in ('before', 'after')):
        assert all(figures[name] > 0 for name in ('texture_error', 'psnr', 'perceptual'))
    compared = truth['regions']['before']['than_reference']
    assert compared['texture']['regions'] == compared['perceptual']['regions'] > 2


def test_files_of_the_comparison_are_the_same(figures):
    folder, _, _ = figures
    contents = [{path.relative_to(folder / name): path.read_bytes()
                 for path in (folder / name).rglob('*') if path.is_file()}
                for name in ('together', 'alone')]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 5 * 5 + 2
