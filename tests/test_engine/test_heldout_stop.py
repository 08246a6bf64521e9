"""The rule by which a training ends, on series whose answer is known."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.engine.heldout_stop import HeldOutLoss, StopRule

RULE = StopRule(patience=3, least_iters=40, smoothed=1, least_gain=.001)


def series(*losses, interval=20):
    return [HeldOutLoss(interval * number, loss) for number, loss in enumerate(losses)]


def ends_at(rule, losses):
    """The iteration after which a training is over; None: it goes on to the last."""
    return next((losses[count - 1].iteration for count in range(1, len(losses) + 1)
                 if rule.is_over(losses[:count])), None)


@pytest.mark.parametrize('losses, end, best', [
    ([1, .9, .8, .7, .6, .5, .4], None, 120),  # it falls all the time
    ([1, .9, .8, .8, .8, .8, .1], 100, 40),  # and stands: three checks after the gain, not more
    ([1, .9, .8, .85, .7, .85, .85, .85], 140, 80),  # a gain in between begins the count anew
    ([1, 1.2, 1.1, .95, .9, .9, .9, .9], 140, 80),  # worse at first, as with Adam
    ([1, 1.5, 1.5, 1.5, 1.5, 1.5], 100, None),  # never better; until 40 nothing is counted
    ([1, 1.1, 1.2, 1.3, 1.4, 1.5], 100, None),
    ([1, .5, .9, .9, .9, .9], 100, 40),  # 20 is before the least iterations
    ([1, .9999, .9998, .9997, .9996, .9995], 100, None),  # less than a thousandth is nothing
    ([1], None, None), ([1, .5], None, None), ([1, .5, .5], None, 40)])
def test_known_series(losses, end, best):
    losses = series(*losses)
    assert ends_at(RULE, losses) == end
    until = [one for one in losses if end is None or one.iteration <= end]
    found = RULE.best(until)
    assert (found and found.iteration) == best


def test_one_check_that_goes_up_is_not_the_end():
    """The mean of three falls on, where single ones go up and down about a falling line."""
    wavy = series(1, *(.9 - .01 * number + .008 * (-1)**number for number in range(12)))
    assert ends_at(StopRule(patience=2, least_iters=0, smoothed=3), wavy) is None
    assert ends_at(StopRule(patience=1, least_iters=0, smoothed=1), wavy) is not None


def test_a_lucky_check_is_no_result():
    """As x4plus did: single checks go up and down, about a line that falls."""
    lucky = series(1, .97, .950, .954, .952, .951, .951)
    assert RULE.best(lucky).iteration == 40
    assert StopRule(smoothed=3).best(lucky).iteration == 120
    rising = series(1, .95, .90, .93, .97, .99)  # and a valley is not left behind by much
    assert StopRule(smoothed=3).best(rising).iteration in (40, 60)
    assert StopRule(smoothed=3, least_iters=0).best(series(1, .9, 1.1, 1.1)).iteration == 20


def test_six_iterations_that_are_worse_than_none_are_no_result():
    """x4plus, of which a trial said so: 28.7 dB, after six iterations 25.8, then up."""
    losses = [HeldOutLoss(0, 1), *(HeldOutLoss(n, loss) for n, loss in (
        (2, 1.4), (4, 1.5), (6, 1.4), (20, 1.0), (40, .9), (80, .85), (120, .84)))]
    rule = StopRule(patience=3, least_iters=40)
    assert ends_at(rule, losses) is None
    assert rule.best(losses).iteration == 120
    assert rule.best(losses[:4]) is None


@given(st.lists(st.floats(.01, 10), min_size=1, max_size=30))
def test_what_is_best_is_better_than_the_start_and_than_all_that_count(values):
    losses = series(1., *values)
    best = RULE.best(losses)
    later = [one.loss for one in losses if one.iteration >= RULE.least_iters]
    if best is None:
        assert not later or min(later) >= 1 - RULE.least_gain
    else:
        assert best in losses and best.loss == min(later) < 1


@given(st.lists(st.floats(.01, 10), min_size=1, max_size=30), st.integers(1, 6))
def test_it_waits_as_long_as_it_is_patient_and_no_training_ends_before_the_least(values, patience):
    rule = StopRule(patience=patience, least_iters=100)
    end = ends_at(rule, series(1., *values))
    assert end is None or end >= 100 + 20 * patience
