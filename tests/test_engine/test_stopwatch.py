from __future__ import annotations

import pytest

from mmdesra.engine import stopwatch as module
from mmdesra.engine.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set forward."""
    now = [1000.]
    monkeypatch.setattr(module.time, 'perf_counter', lambda: now[0])
    return now


def spend(clock, watch, stage, seconds):
    with watch.time(stage):
        clock[0] += seconds


def test_stages_add_up_and_do_not_count_as_training(clock):
    watch = Stopwatch()
    spend(clock, watch, 'make', 3)
    watch.start_training('train')
    clock[0] += 5
    spend(clock, watch, 'look', 2)
    spend(clock, watch, 'make', 1)
    clock[0] += 7
    assert watch.seconds == dict(make=4, look=2, train=12)
    watch.stop_training()
    clock[0] += 100
    spend(clock, watch, 'end', 1)
    assert watch.seconds == dict(make=4, look=2, train=12, end=1)


def test_a_resumed_run_goes_on(clock):
    watch = Stopwatch()
    watch.go_on_from(dict(make=4, train=12))
    spend(clock, watch, 'make', 1)
    clock[0] += 50
    watch.start_training('train')
    clock[0] += 3
    spend(clock, watch, 'look', 2)
    watch.stop_training()
    assert watch.seconds == dict(make=5, look=2, train=15)
