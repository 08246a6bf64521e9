"""The exchange between processes at the end of a block, where the others are gone."""
from __future__ import annotations

import pytest

from mmdesra.apis import processes
from mmdesra.apis.processes import Meeting


@pytest.fixture
def meeting(monkeypatch):
    def gone(_):
        raise RuntimeError('Connection closed by peer')
    monkeypatch.setattr(processes, 'all_gather_object', gone)
    return Meeting(list, print)


@pytest.mark.parametrize('stop', [KeyboardInterrupt, OSError])
def test_who_was_stopped_ends_by_that(meeting, stop):
    """Ctrl-C reaches all processes, and one of them is the first to end."""
    with pytest.raises(stop), meeting:
        raise stop


def test_who_was_not_stopped_is_told(meeting):
    with pytest.raises(RuntimeError, match='closed by peer'), meeting:
        pass
