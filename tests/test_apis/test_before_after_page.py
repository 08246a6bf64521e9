"""The page of a comparison, from the files that it left."""
from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image
from toy_distance import ToyDistance
from toys import ToyGenerator

from mmdesra.apis.before_after_page import page_samples, write_before_after_page
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.evaluation.before_after import BeforeAfter
from mmdesra.files import read_image, write_image
from mmdesra.files.records import read_json
from mmdesra.generators import Upscaler

BEFORE, AFTER, TRUTH = 8 / 255, 5 / 255, 2 / 255


@pytest.fixture
def folder(tmp_path):
    """A comparison of two images with one and two regions, of which one has no truth."""
    for name in ('lq', 'gt'):
        (tmp_path / name).mkdir()
    for name, squares in dict(one=[10], two=[10, 60]).items():
        lq = np.full((32, 96, 3), 90, np.uint8)
        for left in squares:
            lq[10:22, left:left + 12, 1] = 220
        Image.fromarray(lq).save(tmp_path / f'lq/{name}.png')
    write_image(tmp_path / 'gt/two.png',
                Upscaler(ToyGenerator(TRUTH))(read_image(tmp_path / 'lq/two.png')))
    heldout = BeforeAfter(tmp_path / 'lq', Upscaler(ToyGenerator()), DeSRA(min_area=200),
                          tmp_path / 'heldout', gt_dir=tmp_path / 'gt', perceptual=ToyDistance())
    heldout.measure_before(Upscaler(ToyGenerator(BEFORE)))
    heldout.write(heldout.measure_after(Upscaler(ToyGenerator(AFTER))), {})
    return tmp_path


def samples(folder, **options):
    results = read_json(folder / 'heldout/results.json', dict, '')
    return list(page_samples(results, folder / 'lq', folder / 'heldout', **options))


def test_samples_have_their_truth_and_what_became_of_their_regions(folder):
    two, one = samples(folder, gt_dir=folder / 'gt')
    assert (two.name, one.name) == ('two.png', 'one.png')  # most artifact pixels first
    np.testing.assert_array_equal(two.truth, read_image(folder / 'gt/two.png'))
    assert one.truth is None
    assert (two.fates, one.fates) == (['faded', 'faded'], ['faded'])
    facts = dict(two.facts)
    assert facts['regions'] == '2 → 0' and re.fullmatch(r'6\d%', facts['excess left'])
    before, after, mse = map(float, re.findall(r'[\d.]+', facts['texture error to the truth']))
    assert before > after > mse > 0  # 6, 3 and 2 grey levels, less at the edges
    assert 'ToyDistance (toy) to the truth' in facts
    assert not any('truth' in label for label, _ in one.facts)


def test_the_table_of_regions_has_their_figures(folder):
    two, one = samples(folder)
    titles, first, second = two.regions
    assert titles[:5] == ['x, y', 'size, px', 'area, px', 'became', 'excess left']
    assert titles[5:] == [f'{distance}: {version}'
                          for distance in ('texture error', 'ToyDistance (toy)')
                          for version in ('MSE-SR', 'before', 'after')]
    assert first[3] == second[3] == 'faded'
    assert float(first[6]) > float(first[7])
    assert len(one.regions[0]) == 5  # it has no truth
    assert two.truth is None  # none was asked for


def test_the_page_is_written(folder):
    write_before_after_page(folder / 'page.html', 'A comparison', folder / 'lq',
                            folder / 'heldout', [('regions', '3 -> 0')], folder / 'gt')
    page = (folder / 'page.html').read_text()
    assert page.count('<figcaption>Truth</figcaption>') == 1
    assert page.count('</i>2 faded</li>') == page.count('</i>1 faded</li>') == 1
    assert 'Distances to the truth are measured inside the masks before' in page


def test_figures_that_are_not_there_or_damaged_are_named(folder):
    results = read_json(folder / 'heldout/results.json', dict, '')
    for row in results['per_image'].values():  # as an earlier version of the program wrote it
        del row['regions']
    for text in ('{', json.dumps(results)):
        (folder / 'heldout/results.json').write_text(text)
        with pytest.raises(InputError, match='results.json: is damaged .*; measure the images'):
            write_before_after_page(folder / 'page.html', '', folder / 'lq', folder / 'heldout')
