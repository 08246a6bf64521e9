"""How a command ends when it was stopped."""
from __future__ import annotations

import pytest

from mmdesra.apis.command_line import run


def stopped_then_failed():
    try:
        raise KeyboardInterrupt
    finally:
        raise RuntimeError('Connection closed by peer')


def test_an_error_on_the_way_out_of_ctrl_c_is_no_fault():
    """Another process has gone first, and what tidies up cannot reach it any more."""
    with pytest.raises(SystemExit) as ended:
        run(stopped_then_failed)
    assert ended.value.code == 130


def test_any_other_runtime_error_keeps_its_traceback():
    def failed():
        raise RuntimeError('a fault of ours')
    with pytest.raises(RuntimeError, match='a fault of ours'):
        run(failed)
