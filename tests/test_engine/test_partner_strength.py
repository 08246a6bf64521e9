"""How far to go from the GAN's weights to those that were trained: the rule."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.engine.partner_strength import STRENGTHS, choose_strength


@pytest.mark.parametrize('gain_kept, chosen', [(1., .8), (.9, .6), (.5, .5), (.1, .5)])
def test_the_smallest_strength_that_keeps_enough_of_the_gain(gain_kept, chosen):
    losses = {1.: .62, .9: .61, .8: .60, .7: .61, .6: .63, .5: .70}
    assert choose_strength(losses, 1., gain_kept) == chosen


@given(st.dictionaries(st.sampled_from((1., *STRENGTHS)), st.floats(.1, .99), min_size=1),
       st.floats(.01, 1))
def test_what_is_chosen_keeps_it_and_nothing_smaller_does(losses, gain_kept):
    start = 1.
    chosen = choose_strength(losses, start, gain_kept)
    wanted = gain_kept * (start - min(losses.values()))
    assert start - losses[chosen] >= wanted
    assert all(start - loss < wanted for strength, loss in losses.items() if strength < chosen)
