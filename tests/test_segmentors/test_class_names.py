from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.errors import InputError
from mmdesra.segmentors.class_names import table_indices

NAMES = st.lists(st.text('abc', min_size=1, max_size=4), min_size=1, max_size=300, unique=True)


def test_spaces_around_names_do_not_matter():
    assert table_indices(['bed ', ' wall'], ['wall', 'sky', 'bed']).tolist() == [2, 0]
    assert table_indices(['bed'], ['bed ']).tolist() == [0]


@given(NAMES, st.randoms())
def test_labels_keep_their_names(table, random):
    model = random.sample(table, random.randint(1, len(table)))
    indices = table_indices(model, table)
    assert [table[index] for index in indices] == model
    assert np.iinfo(indices.dtype).max >= len(table)


def test_unknown_classes_are_named():
    model = ['wall', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7']
    with pytest.raises(InputError, match=(
            r"the class table has no 'a1', 'a2', 'a3', 'a4', 'a5' and 2 more \(7 of the 8 classes"
            r'.*mmdesra calibrate-semantics')):
        table_indices(model, ['wall', 'sky'])
    with pytest.raises(InputError, match=r"no 'a1' \(1 of the 2"):
        table_indices(['wall', 'a1'], ['wall'])


def test_a_class_that_the_table_names_twice():
    with pytest.raises(InputError, match="names 'bed' twice"):
        table_indices(['bed'], ['bed', 'wall', 'bed '])
    assert table_indices(['wall'], ['bed', 'wall', 'bed']).tolist() == [1]
