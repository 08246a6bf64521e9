"""The parts of a cure that decide: who is held out, what fits into the time, what has helped."""
from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from networks import Enlarging
from PIL import Image
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_image

from mmdesra.apis.curing import speed as speeds
from mmdesra.apis.curing.bar import Bar
from mmdesra.apis.curing.crops import SIDES, choose_crops
from mmdesra.apis.curing.network import Network, tell_degradation
from mmdesra.apis.curing.plan import (
    ENSEMBLE_PASSES,
    LEAST_HELDOUT,
    LEAST_ITERS,
    LEAST_TRAIN,
    PARTNER_CHECKS,
    Amounts,
    Plan,
    make_plan,
    measured_again,
    timed,
)
from mmdesra.apis.curing.prepare import reference_passes
from mmdesra.apis.curing.recipe import Recipe, partner_patch, recipe_for, training_config
from mmdesra.apis.curing.settings import PARTNER, SELF_ENSEMBLE, CureSettings
from mmdesra.apis.curing.speed import Speed, measure_partner, measure_speed
from mmdesra.apis.curing.split import (
    FOR_PARTNER,
    HELDOUT,
    TRAIN,
    Photograph,
    count_roles,
    split,
)
from mmdesra.apis.curing.taking import Album, assign, cut_for_partner, open_album, with_partner
from mmdesra.apis.curing.telling import TITLES, tell_step
from mmdesra.apis.curing.training import of_partner
from mmdesra.apis.curing.verdict import judge_cure
from mmdesra.errors import InputError
from mmdesra.files import make_output_folder
from mmdesra.generators import ImageSizes, Sibling, Upscaler, load_upscaler

HOUR = 3600


def photograph(number, content=None, side=100):
    return Photograph(f'sub/p{number}.jpg', str(number if content is None else content), side,
                      side + 20)


@given(st.integers(2, 60), st.floats(.01, .99))
def test_at_least_one_is_held_out_and_one_trained_on(count, share):
    roles = split([photograph(number) for number in range(count)], share, 48)
    trained, heldout = count_roles(roles)
    assert trained >= 1 and heldout >= 1 and trained + heldout == count
    assert abs(heldout - share * count) <= 1


def test_one_more_photograph_moves_few():
    many = [photograph(number) for number in range(50)]
    before, after = split(many, .2, 48), split([*many, photograph(50)], .2, 48)
    assert sum(before[name] != after[name] for name in before) <= 1


@given(st.lists(st.integers(0, 4), min_size=4, max_size=30))
def test_equal_files_are_on_one_side_once(contents):
    photographs = [photograph(number, content) for number, content in enumerate(contents)]
    roles = split(photographs, .3, 48)
    used = [one.sha256 for one in photographs if roles[one.inside] in (TRAIN, HELDOUT)]
    assert sorted(used) == sorted(set(map(str, contents)))


def test_small_photographs_are_held_out_or_named():
    photographs = [*(photograph(number) for number in range(4)), photograph(9, side=40)]
    assert split(photographs, .2, 48)['sub/p9.jpg'] == HELDOUT
    assert 'takes 48 px to train on' in split(photographs, 0, 48)['sub/p9.jpg']


def test_crops_are_where_the_texture_is():
    image = np.full((500, 700, 3), 100, np.uint8)
    image[:150, 550:] = np.random.default_rng(0).integers(0, 255, (150, 150, 3))
    (row, column, height, width, texture), *others = choose_crops(image)
    assert row == 0 and column == 700 - SIDES[0] and (height, width) == (SIDES[0], SIDES[0])
    assert texture > 10 and not others  # flat ones are not taken beside it


@settings(max_examples=20)
@given(st.integers(1, 900), st.integers(1, 900))
def test_crops_lie_in_the_photograph(height, width):
    for row, column, high, wide, _ in choose_crops(np.zeros((height, width, 3), np.uint8)):
        assert 0 <= row <= height - high and 0 <= column <= width - wide
        assert high == min(height, SIDES[0]) and wide == min(width, SIDES[0])


def test_what_is_held_out_is_not_trained_on(tmp_path):
    own = Album(tmp_path, [photograph(1), photograph(2), photograph(3, side=20)])
    roles = assign(own, Album(tmp_path, [photograph(8, content=2)]), .2, 48)
    assert [one.inside for one in roles.photographs(TRAIN)] == ['sub/p1.jpg']
    assert [one.inside for one in roles.photographs(HELDOUT)] == ['sub/p8.jpg']
    assert 'also among the held-out' in roles.left_out['sub/p2.jpg']
    assert 'it takes 48 px' in roles.left_out['sub/p3.jpg']
    with pytest.raises(InputError, match='got 1 to train on and 0 to judge with'):
        assign(Album(tmp_path, [photograph(1)]), None, .2, 48)


def test_a_partner_has_photographs_of_its_own_but_none_that_is_judged_with(tmp_path):
    own = [photograph(number) for number in range(4)]
    roles = assign(Album(tmp_path, own), None, .25, 48)
    [judged] = roles.photographs(HELDOUT)
    others = [photograph(number) for number in range(10, 13)]
    small = photograph(20, side=30)
    found = with_partner(roles, Album(tmp_path / 'more', [*others, judged, small]), 48)
    assert found.role_of_partner == FOR_PARTNER
    assert found.photographs(FOR_PARTNER) == others
    assert [*found.left_out] == [small.inside]  # what is judged with is used
    assert found.photographs(TRAIN) == roles.photographs(TRAIN)
    assert roles.role_of_partner == TRAIN
    with pytest.raises(InputError, match='not among the held-out'):
        with_partner(roles, Album(tmp_path / 'more', [judged]), 48)


def test_a_partner_is_trained_on_wide_crops_of_what_is_trained_on(tmp_path):
    for number, side in enumerate((700, 700, 300, 250)):  # a patch does not fit into one
        Image.fromarray(make_lq_image(number, (side, side))).save(
            make_output_folder(tmp_path / 'photographs') / f'{number}.png')
    roles = assign(open_album(tmp_path / 'photographs', tmp_path / 'out'), None, .3, 48)
    count = cut_for_partner(roles, tmp_path / 'out', 256)
    files = [*(tmp_path / 'out').iterdir()]
    assert count == len(files) > 0
    heldout = {one.inside for one in roles.photographs(HELDOUT)}
    assert not heldout & {f'{file.name.split("_")[1]}.png' for file in files}
    assert {Image.open(file).size for file in files} <= {(512, 512), (300, 300)}


def test_of_one_photograph_crops_for_a_partner_are_smaller(tmp_path):
    for number in range(2):
        Image.fromarray(make_lq_image(number, (500, 520))).save(
            make_output_folder(tmp_path / 'photographs') / f'{number}.png')
    roles = assign(open_album(tmp_path / 'photographs', tmp_path / 'out'), None, .5, 48)
    assert cut_for_partner(roles, tmp_path / 'out', 256) >= 2
    assert {Image.open(file).size for file in (tmp_path / 'out').iterdir()} == {(256, 256)}


SEEN = []


class Either(Enlarging):
    """Notes the precision that it runs in."""

    def check(self, x):
        SEEN.append(torch.is_autocast_cpu_enabled())
        return x


class FullAlone(Either):

    def check(self, x):
        if torch.is_autocast_cpu_enabled():
            raise RuntimeError('no such kernel')
        return super().check(x)


@pytest.mark.parametrize('kind, seconds, is_half', [
    (Either, 1., True), (Either, 1.9, False), (FullAlone, 1., False)])
def test_half_precision_is_used_where_it_works_and_is_faster(
        kind, seconds, is_half, tmp_path, monkeypatch):
    Image.fromarray(make_lq_image(0, (150, 170))).save(tmp_path / 'photograph.png')

    def time(work, device):
        work()
        return seconds if SEEN[-1] else 2.

    monkeypatch.setattr(speeds, '_time', time)
    monkeypatch.setattr(speeds, '_seconds_of_sample', lambda *_: .3)  # of two in a batch
    found = measure_partner(Speed(1., 2.), Upscaler(kind()), Recipe(lq_patch=16),
                            tmp_path / 'photograph.png', 64, 'bicubic')
    assert found.is_half is is_half
    assert found.partner_step == pytest.approx((seconds if is_half else 2.) + 2 * .3)


@pytest.mark.parametrize('sides, sizes, degradation, patch', [
    ([400] * 5, ImageSizes(4), 'realesrgan', 256), ([400] * 5, ImageSizes(4), 'bicubic', 128),
    ([400] * 5, ImageSizes(2), 'realesrgan', 128),
    ([90, 400, 400, 400, 400, 400], ImageSizes(4), 'realesrgan', 256),  # one is left out
    ([90] * 5, ImageSizes(4), 'realesrgan', 88),
    ([400] * 5, ImageSizes(4, 24), 'bicubic', 96), ([], ImageSizes(4, 8), 'bicubic', 32)])
def test_the_patches_of_a_partner_fit_into_most_photographs(sides, sizes, degradation, patch):
    assert partner_patch(sides, sizes, degradation) == patch


class Restoring(Enlarging):
    """Leaves nothing of the noise, nor of the photograph."""

    def check(self, x):
        return x.mean((-2, -1), keepdim=True).expand_as(x)


def test_a_network_that_takes_noise_away_is_told_from_one_that_keeps_it():
    photographed = make_lq_image(0, (60, 70))
    found = {kind: tell_degradation(Network({}, '', '', Upscaler(kind())), photographed)
             for kind in (Enlarging, Restoring)}
    assert found[Enlarging][0] == 'bicubic' and found[Enlarging][1] > .6
    assert found[Restoring][0] == 'realesrgan' and abs(found[Restoring][1]) < .1


# ---------------------------------------- the time

X4PLUS = Speed(forward=3.75e-4, step=3.)
SRGAN = Speed(forward=1e-5, step=.6)
MANY = Amounts(400, 100, 192**2, truths=100, truth_pixels=96**2)


@pytest.mark.parametrize('speed', [X4PLUS, SRGAN])
@pytest.mark.parametrize('hours', [1, 2, 8])
def test_what_is_planned_fits_into_the_time(speed, hours):
    plan = make_plan(speed, MANY, Recipe(), hours)
    assert plan.total <= hours * HOUR * 1.02
    assert plan.max_iters > 10


def test_the_partner_has_iterations_of_its_own_length():
    slow = replace(X4PLUS, partner_step=4 * X4PLUS.step)
    plan, other = (make_plan(speed, MANY, Recipe(), 2) for speed in (X4PLUS, slow))
    assert other.partner_iters < plan.partner_iters
    assert other.seconds['partner'] == pytest.approx(
        1.2 * (other.partner_iters + PARTNER_CHECKS) * 4 * X4PLUS.step)


@pytest.mark.parametrize('degradation', ['bicubic', 'realesrgan'])
def test_the_speed_of_a_partner_is_measured_with_its_data(degradation, tmp_path):
    Image.fromarray(make_lq_image(0, (150, 170))).save(tmp_path / 'photograph.png')
    upscaler = Upscaler(ToyGenerator(GAN_AMPLITUDE))
    before = {name: value.clone() for name, value in upscaler.generator.state_dict().items()}
    speed = measure_speed(upscaler, Recipe(lq_patch=16))
    assert speed.of_partner == speed.step
    found = measure_partner(speed, upscaler, Recipe(lq_patch=16), tmp_path / 'photograph.png',
                            64, degradation)
    assert found.of_partner == found.partner_step > 0
    assert not found.is_half  # one that is so quick gains nothing by it
    assert (found.step, found.forward) == (speed.step, speed.forward)
    for name, value in upscaler.generator.state_dict().items():
        assert torch.equal(value, before[name])


def test_more_time_is_used_until_the_recipe_is_done():
    iterations = [make_plan(X4PLUS, MANY, Recipe(), hours).max_iters for hours in (1, 2, 4, 40)]
    assert iterations == sorted(iterations)
    assert iterations[-1] == Recipe().max_iters


def test_with_no_time_the_least_is_done():
    plan = make_plan(X4PLUS, MANY, Recipe(), .001)
    assert (plan.train_crops, plan.heldout_crops) == (LEAST_TRAIN, LEAST_HELDOUT)
    assert plan.max_iters == LEAST_ITERS


def test_what_is_asked_for_is_done():
    plan = make_plan(X4PLUS, MANY, Recipe(), .001, max_iters=700, partner_iters=60)
    assert (plan.max_iters, plan.partner_iters) == (700, 60)
    assert make_plan(X4PLUS, replace(MANY, makes_partner=False), Recipe(), 2,
                     partner_iters=60).seconds['partner'] == 0


def test_the_seconds_are_those_of_what_is_done():
    """By hand: 10 crops of 100 px, 2 held out, 3 truths of 25 px, a partner of 5, 20 steps."""
    amounts = Amounts(10, 2, 100, truths=3, truth_pixels=25)
    plan = make_plan(Speed(.01, 2.), amounts, Recipe(), 100, 20, 5)
    assert plan.seconds['partner'] == pytest.approx(1.2 * (5 + PARTNER_CHECKS) * 2)
    assert plan.seconds['find'] == pytest.approx(1.2 * 10 * 2)  # the model and its reference
    assert plan.seconds['finetune'] == pytest.approx(1.2 * (20 * 2 + (2 + 20 + 1) * 2))
    assert plan.seconds['judge'] == pytest.approx(1.2 * 3 * 3 / 4)


@pytest.mark.parametrize('slower, iterations, looks', [
    (1., 200, 10), (1.2, 200, 10), (2., 100, 5), (4., 60, 4), (.5, 400, 20), (.1, 1000, 20),
    (1000., 60, 4)])
def test_a_machine_that_has_become_busy_does_less_in_the_same_time(slower, iterations, looks):
    plan = Plan(200, 0, 8, 4, 10, dict(finetune=60.))
    again = measured_again(plan, SRGAN, replace(SRGAN, step=SRGAN.step * slower), Recipe())
    assert (again.max_iters, again.looks) == (iterations, looks)
    assert again.seconds == plan.seconds


def test_the_ensemble_in_place_of_a_partner_takes_its_time():
    plan = make_plan(SRGAN, MANY, Recipe(), 1)
    ensemble = timed(plan, SRGAN, replace(MANY, reference_passes=ENSEMBLE_PASSES))
    assert ensemble.seconds['find'] == pytest.approx(plan.seconds['find'] * 9 / 2)
    assert (ensemble.max_iters, ensemble.partner_iters) == (plan.max_iters, plan.partner_iters)


def test_the_passes_of_a_reference_are_counted(tmp_path):
    def passes(reference=PARTNER, degradation='bicubic', mse=None):
        sibling = mse and Sibling(load_upscaler('ToyGenerator', mse))
        return reference_passes(sibling, reference, degradation)

    assert (passes(), passes(degradation='realesrgan'), passes(SELF_ENSEMBLE)) == (1, 4, 8)
    mse, partner = tmp_path / 'mse.pth', tmp_path / 'partner.pth'
    weights = dict(params=ToyGenerator().state_dict())
    torch.save(weights, mse)
    torch.save(dict(weights, meta=dict(mse_partner=dict(passes=2))), partner)
    assert (passes(mse=mse), passes(mse=partner)) == (1, 2)


def test_the_time_left_is_by_what_the_work_takes():
    now = 0.
    bar = Bar(dict(find=100, finetune=3000, judge=100), TITLES, lambda: now)
    assert bar.left == 3200  # as planned
    with bar.step('find'):
        pass  # it was done before, and is no work done in no time
    with bar.step('finetune'):
        bar.skip(1000)  # likewise
        assert bar.left == 2100
        for _ in range(100):
            now += 20  # a machine that takes twice as long
            bar.tick(10)
    assert bar.pace == pytest.approx(2, .02)
    assert bar.left == pytest.approx(2 * 100, .02)
    bar.close()
    assert tell_step('judge', 100, bar.pace).endswith(
        'about 3 min, 2.0 times slower than was said at the start')
    assert tell_step('judge', 80, 1.1).endswith('about 88 s')


# ---------------------------------------- what has helped

def heldout(**changes):
    return dict(dict(regions_before=20, removal_rate=.6, addition_rate=0., detail_kept=.98),
                **changes)


def place(psnr=(22., 22.), texture=(5., 5.), perceptual=(None, None), pixels=1000):
    return {version: dict(pixels=pixels, psnr=psnr[number], texture_error=texture[number],
                          perceptual=perceptual[number])
            for number, version in enumerate(('before', 'after'))}


def truth(inside=None, outside=None):
    return dict(inside=inside or place((20.7, 22.2), (5.2, 4.4)), outside=outside or place())


@pytest.mark.parametrize('figures, by_truth, helped', [
    (heldout(), truth(), True),
    (heldout(), None, True),
    # What fine-tuning the SRGAN pair did to 33 photographs (docs/truth_benchmark.md).
    (heldout(), truth(place((20.72, 22.20), (5.19, 4.43)), place((22.67, 22.78), (4.20, 4.23))),
     True),
    (heldout(), truth(place((20.99, 21.23), (3.51, 3.75))), True),  # one better, one worse
    (heldout(), truth(place(pixels=0)), True),  # no artifact there: nothing against it
    (heldout(removal_rate=0.), truth(), False),
    (heldout(removal_rate=.1, addition_rate=.1), truth(), False),
    (heldout(detail_kept=.8), truth(), False),
    (heldout(detail_kept=.8), None, False),
    # What is gone was false texture: a SwinIR that draws it everywhere (docs/cure.md).
    (heldout(detail_kept=.73), truth(place((19.34, 21.52), (7.93, 6.83)),
                                     place((16.99, 18.37), (9.82, 8.95))), True),
    # A blur has a higher PSNR, and less texture than the truth.
    (heldout(detail_kept=.77), truth(outside=place((20.09, 21.57), (8.44, 9.63))), False),
    (heldout(detail_kept=.77), truth(outside=place((20.09, 21.57), (8.44, 8.44))), False),
    (heldout(detail_kept=.8), truth(outside=place((20., 21.), (5., 4.), (.2, .21))), False),
    (heldout(regions_before=0, removal_rate=None, addition_rate=None), truth(), False),
    (heldout(), truth(place((22., 21.8), (5., 5.))), False),
    (heldout(), truth(place((22., 22.), (5., 5.5))), False),
    (heldout(), truth(place((21., 22.), (5., 4.), (.3, .4))), False),
    (heldout(), truth(outside=place((22., 21.8))), False),
    (heldout(), truth(outside=place(texture=(5., 5.3))), False),
    (heldout(), truth(outside=place(perceptual=(.2, .22))), False),
])
def test_the_rule(figures, by_truth, helped):
    verdict = judge_cure(figures, by_truth)
    assert verdict.helped is helped
    assert verdict.reasons


def test_nothing_changed_is_no_help():
    nothing = truth(place(), place())
    assert not judge_cure(heldout(removal_rate=0.), nothing).helped


# ---------------------------------------- configs

def test_patches_are_what_the_network_takes():
    assert Recipe(lq_patch=32).patch_for(ImageSizes(4)) == 32
    assert Recipe(lq_patch=32).patch_for(ImageSizes(4, 7, 7, 7)) == 35
    assert Recipe(lq_patch=32).patch_for(ImageSizes(2, 1, 48)) == 48
    assert recipe_for('whatever') == Recipe()


def test_the_schedule_has_the_length_of_the_run(tmp_path):
    config = training_config(dict(type='SRResNet'), Recipe(lr=2e-5), 300, tmp_path, 'one')
    assert isinstance(config, Config)
    assert [part['end'] for part in config.param_scheduler] == [30, 300]
    assert config.optim_wrapper.generator.optimizer.lr == 2e-5
    assert not config.resume


@pytest.mark.parametrize('wrong', [
    dict(reference='sibling'), dict(heldout_share=0), dict(heldout_share=1.), dict(max_hours=0),
    dict(max_hours=float('nan')), dict(max_iters=0), dict(degradation='blur'),
    dict(export=('onnx', 'tflite'))])
def test_settings_out_of_range(wrong, tmp_path):
    with pytest.raises(InputError, match='expected'):
        CureSettings(tmp_path, tmp_path, tmp_path, **wrong)


@pytest.mark.parametrize('other', [dict(mse='mse.pth'), dict(reference='self-ensemble')])
def test_photographs_for_a_partner_that_is_not_trained_are_refused(other, tmp_path):
    with pytest.raises(InputError, match='none is trained; leave one of the two out'):
        CureSettings(tmp_path, tmp_path, tmp_path, partner_photographs='more', **other)


@pytest.mark.parametrize('made, said', [
    (dict(iterations=100, done=178, is_better=True, strength=1., passes=1,
          heldout_loss_before=.2, heldout_loss_after=.15),
     'iteration 100 of 178: its loss on held-out crops is 25.0% below'),
    (dict(iterations=100, done=178, is_better=True, strength=.6, passes=4,
          heldout_loss_before=.2, heldout_loss_after=.15),
     'iteration 100 of 178, 60% of the way there, asked in 4 passes: its loss'),
    (dict(iterations=20, done=120, is_better=False, heldout_loss_before=.2,
          heldout_loss_after=.3),
     'no iteration of 120 was a better reference .* self-ensemble takes its place'),
    (dict(iterations=9, done=9, is_better=True, heldout_loss_before=None,
          heldout_loss_after=None), 'for 9 iterations')])
def test_what_came_of_the_partner_is_said(made, said):
    assert re.search(said, of_partner(made))
