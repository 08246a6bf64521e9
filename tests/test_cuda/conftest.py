"""What is special on a GPU. Without one these tests are skipped; `tools/check_gpu.py` runs them.

They need only what is beside them, toys.py and toy_training.py, so that an offline bundle can
carry them. ``MMDESRA_TEST_DEVICE=cpu`` runs them on the CPU, to try the tests themselves.
"""
from __future__ import annotations

import os

import pytest
import torch

DEVICE = os.environ.get('MMDESRA_TEST_DEVICE', 'cuda')


@pytest.fixture(scope='session', autouse=True)
def device() -> str:
    """'cuda', unless the environment says otherwise; the test is skipped where there is none."""
    if DEVICE == 'cuda' and not torch.cuda.is_available():
        pytest.skip('needs a GPU that PyTorch can use')
    return DEVICE


@pytest.fixture
def full_precision():
    """cuDNN may round float32 to TF32, with 10 bits; where it does not, it is the CPU's."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
