from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from mmdesra.engine.ema import keep_ema_up, needed_momentum

LOGGER = logging.getLogger('test_ema')


def raised(iterations, **settings):
    """Return where 1 comes, by one update towards 0, of a hook that was looked after."""
    from mmagic.engine.hooks import ExponentialMovingAverageHook
    hook = ExponentialMovingAverageHook('generator_ema', **{'interval': 1, **settings})
    keep_ema_up(SimpleNamespace(hooks=[hook], max_iters=iterations, logger=LOGGER))
    return 1 - hook.interp_func(0., 1.)


@pytest.mark.parametrize('updates', [1, 2, 4, 5, 30, 1000, 400_000])
def test_at_most_a_twentieth_remains(updates):
    momentum = needed_momentum(updates)
    assert momentum == .5 if updates < 5 else (1 - momentum)**updates <= .05
    assert momentum <= .5
    if updates > 5:  # and not much less
        assert (1 - momentum + 1e-6)**updates > .05


@pytest.mark.parametrize('iterations, settings, expected', [
    (1000, dict(interp_cfg=dict(momentum=.001)), .002992),
    (1000, {}, .002992),
    (1000, dict(interp_cfg=dict(momentum=.25)), .25),
    (400_000, dict(interp_cfg=dict(momentum=.001)), .001),
    (1000, dict(interval=10), needed_momentum(100)),
    (5, dict(interval=10), .001),
], ids=['as a config says', 'left to MMagic', 'high already', 'long', 'seldom', 'never'])
def test_momentum_is_raised_where_it_must_be(iterations, settings, expected):
    assert raised(iterations, **settings) == pytest.approx(expected)


def test_other_settings_stay(caplog):
    with caplog.at_level('INFO', LOGGER.name):
        settings = dict(momentum=.001, momentum_nontrainable=.3)
        assert raised(1000, interp_cfg=settings) == pytest.approx(.002992)
    assert 'EMA raised from 0.001 to 0.002992' in caplog.text
    assert settings['momentum'] == .001
