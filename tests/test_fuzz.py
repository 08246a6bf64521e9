"""A small part of tests/fuzz_inputs.py, always the same."""
from __future__ import annotations

import pytest
from fuzz.worker import FAULT, KINDS, SHARES, run_case

SEED = 5


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.filterwarnings('ignore')
def test_bad_input_ends_in_an_error_of_ours_or_a_right_answer(kind):
    faults = [result for number in range(2 * SHARES[kind])
              if (result := run_case(kind, SEED, number)).state == FAULT]
    assert not faults
