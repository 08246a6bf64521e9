"""Where numba is not, or refuses the NumPy that is there: the same maps by other means."""
from __future__ import annotations

import logging
import sys
from functools import partial

import numpy as np
import pytest
import torch

from mmdesra.detectors import DeSRA
from mmdesra.ops import difference_map
from mmdesra.ops.block_statistics import block_planes
from mmdesra.ops.fused_difference import MAP_FORMS
from mmdesra.ops.load_compiled import _tell, load_compiled
from mmdesra.ops.strips import strips_of

KERNELS = tuple(f'mmdesra.ops.{name}' for name in ('compiled', 'fused_kernel', 'block_kernel'))


def make_pair(height=210, width=170):
    """Noise of three strengths, side by side."""
    rng = np.random.default_rng(0)
    strength = np.repeat([2, 30, 90], width // 3 + 1)[:width, None]
    return [np.clip(128 + part * rng.normal(size=(height, width, 3)), 0, 255).astype(np.uint8)
            for part in (strength, 8)]


@pytest.fixture
def without_numba(monkeypatch):
    """Import fails as it does where numba is not installed."""
    for name in [*sys.modules]:
        if name.startswith(KERNELS):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'numba', None)
    for cached in (load_compiled, _tell):
        cached.cache_clear()
    yield
    for cached in (load_compiled, _tell):
        cached.cache_clear()


@pytest.fixture
def with_numba():
    gan, mse = make_pair()
    pair = [torch.from_numpy(image).permute(2, 0, 1) for image in (gan, mse)]
    return dict(maps=[difference_map(*pair, form) for form in MAP_FORMS],
                planes=block_planes(gan[:208, :168]),
                mask=DeSRA(min_area=50).find_mask(gan, mse))


def test_maps_and_masks_are_the_same(with_numba, without_numba, monkeypatch):
    monkeypatch.setattr('mmdesra.ops.fused_difference.strips_of', partial(
        strips_of, strip_pixels=40 * 170))
    gan, mse = make_pair()
    pair = [torch.from_numpy(image).permute(2, 0, 1) for image in (gan, mse)]
    for form, expected in zip(MAP_FORMS, with_numba['maps']):
        found = difference_map(*pair, form)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=2e-7,
                                   atol=1e-6 if form == 'excess' else 1e-9)
    np.testing.assert_allclose(block_planes(gan[:208, :168]), with_numba['planes'], rtol=1e-6,
                               atol=1e-6)
    mask = DeSRA(min_area=50).find_mask(gan, mse)
    assert 0 < mask.sum() < mask.size
    np.testing.assert_array_equal(mask, with_numba['mask'])


def test_it_is_said_once_and_why(without_numba, caplog):
    pair = [torch.from_numpy(image).permute(2, 0, 1) for image in make_pair(20, 30)]
    with caplog.at_level(logging.WARNING, 'mmdesra'):
        for _ in range(2):
            difference_map(*pair)
        block_planes(make_pair(8, 8)[0])
    assert len(caplog.records) == 1
    assert 'numba cannot be used' in caplog.text and 'slower' in caplog.text
