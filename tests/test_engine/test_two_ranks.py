"""The hook in MMagic's distributed training: two ranks on the CPU."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gloo_pair import run_pair
from toys import GAN_AMPLITUDE, MIN_AREA, ToyGenerator, make_pairs

from mmdesra.apis.pseudo_gt import make_pseudo_gts
from mmdesra.datasets.next_round_maker import NextRoundMaker, RoundBefore
from mmdesra.datasets.pseudo_gt_folder import PseudoGTFolder
from mmdesra.detectors import DeSRA
from mmdesra.generators import GeneratedPairs, Upscaler, load_weights

from . import gloo_training


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('two_ranks')
    gloo_training.write_data(folder)
    run_pair(gloo_training.__file__, folder)
    return folder


@pytest.fixture(scope='module')
def ranks(folder):
    return [torch.load(folder / f'rank{rank}.pth', weights_only=True) for rank in range(2)]


def test_both_begin_and_end_with_the_same_weights(ranks):
    for moment in ('start', 'end'):
        first, second = (rank[moment] for rank in ranks)
        assert first.keys() == second.keys()
        # Spectral norm keeps vectors of its own, which follow each rank's patches.
        assert all(torch.equal(first[name], second[name]) for name in first
                   if not name.endswith(('weight_u', 'weight_v')))
    assert ranks[0]['has_gan_loss'] and ranks[1]['has_gan_loss']


def test_wrapped_generator_and_its_ema_are_loaded_and_train(ranks):
    start, end = ranks[0]['start'], ranks[0]['end']
    names = [name for name in start if name.endswith('amplitude')]
    assert names == ['module.generator.module.amplitude', 'module.generator_ema.module.amplitude']
    for name in names:
        assert start[name].item() == pytest.approx(GAN_AMPLITUDE)
        assert end[name].item() < GAN_AMPLITUDE - .01


def test_pseudo_gts_are_those_of_one_process(folder):
    make_pseudo_gts(make_pairs(folder / 'lq'), DeSRA(min_area=MIN_AREA), folder / 'alone')
    contents = [{path.relative_to(root): path.read_bytes()
                 for path in root.rglob('*') if path.is_file() and path.name != 'run.json'}
                for root in (folder / 'run/pseudo_gt', folder / 'alone')]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2 * 3 + 1


def test_those_of_the_second_round_are_those_of_one_process(folder):
    """Made by the EMA after the first round, whose checkpoint both have read."""
    tuned = ToyGenerator()
    load_weights(tuned, folder / 'run/round_1.pth')
    pairs = GeneratedPairs(folder / 'lq', Upscaler(tuned), Upscaler(ToyGenerator()))
    maker = NextRoundMaker(pairs, DeSRA(min_area=MIN_AREA), RoundBefore(
        PseudoGTFolder(folder / 'run/pseudo_gt'), Upscaler(ToyGenerator(GAN_AMPLITUDE)), 2, 1))
    alone = PseudoGTFolder(folder / 'second_alone')
    maker.make(alone)
    maker.finish(alone, {})
    contents = [{path.relative_to(root): path.read_bytes()
                 for path in root.rglob('*') if path.is_file() and path.name != 'run.json'}
                for root in (folder / 'run/pseudo_gt_round2', alone.root)]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2 * 3 + 1


def test_each_rank_trains_on_samples_of_its_own(folder, ranks):
    """Together they see each pair once before any again, in each round."""
    drawn = [path for pair in zip(ranks[0]['seen'], ranks[1]['seen']) for path in pair]
    for name, seen in (('pseudo_gt', drawn[:4]), ('pseudo_gt_round2', drawn[4:])):
        assert {Path(path).parent for path in seen} == {folder / f'run/{name}/gt'}
        for epoch in range(len(seen) // 3):  # there are 3 pairs
            assert len(set(seen[3 * epoch:3 * epoch + 3])) == 3


def test_figures_are_of_all_images(folder, ranks):
    results = json.loads((folder / 'run/heldout/results.json').read_text())
    assert results['images'] == 4
    assert results['regions_before'] > 0
    scalars = ranks[0]['scalars']
    assert scalars == ranks[1]['scalars']
    assert scalars['val/DeSRA/regions'] == results['regions_after']
    assert scalars['val/DeSRA/artifact_area'] == pytest.approx(
        results['area_after'] / (4 * 160 * 192))


def test_original_data_are_mixed_in_as_one_process_would(folder):
    """Each batch of both ranks holds the share; together they see each sample once an epoch."""
    ranks = [torch.load(folder / f'mixed{rank}.pth', weights_only=True) for rank in range(2)]
    originals, pseudo_gts = [], []
    for batches, expected in zip(zip(*ranks), [2, 1]):
        for batch in batches:
            part = [path for path in batch if Path(path).parent == folder / 'original/GT']
            assert len(part) == expected
            originals += part
            pseudo_gts += [path for path in batch if path not in part]
    assert {Path(path).parent for path in pseudo_gts} == {folder / 'mixed/pseudo_gt/gt'}
    assert len(originals) == len(pseudo_gts) == 6
    assert len(set(originals)) == 5  # there are 5: the sixth begins the second epoch
    assert max(map(pseudo_gts.count, pseudo_gts)) == 2  # there are 3: two epochs
