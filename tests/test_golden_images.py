"""The comparison with images that others' code made."""
from __future__ import annotations

import numpy as np
import pytest
from golden_images import assert_within_levels


def test_the_comparison_sees_what_it_should():
    golden = np.full((20, 10, 3), 100, np.uint8)
    image = golden.copy()
    image[0] += 1
    image[1, :2, 0] -= 2
    assert_within_levels(image, golden)
    image[2, 3, 1] = 103
    with pytest.raises(AssertionError, match='all within 2, got .* and 3') as error:
        assert_within_levels(image, golden)
    lines = str(error.value).splitlines()
    assert [line.split('#')[0].split() for line in lines if ' levels:' in line] == [
        ['-2', 'levels:', '2'], ['+0', 'levels:', '567'], ['+1', 'levels:', '30'],
        ['+3', 'levels:', '1']]
    assert '(2, 3, 1): +3' in str(error.value)
    with pytest.raises(AssertionError, match=r'expected 99.0% .* got 0.000% and 2'):
        assert_within_levels(golden + np.uint8(2), golden)
