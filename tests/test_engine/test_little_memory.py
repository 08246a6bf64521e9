"""Training that runs out of memory says what takes less."""
from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from mmdesra.engine.little_memory import too_little_memory
from mmdesra.errors import InputError

CONFIG = Config(dict(train_dataloader=dict(batch_size=12)))


@pytest.mark.parametrize('error', [
    torch.cuda.OutOfMemoryError('CUDA out of memory. Tried'), MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")])
def test_smaller_batches_and_patches_are_named(error):
    with pytest.raises(InputError) as raised, too_little_memory(dict(gt_patch_size=128), CONFIG):
        raise error
    for part in ('batches of 12 patches of 128 px', 'train_dataloader.batch_size=6',
                 'gt_patch_size=64'):
        assert part in str(raised.value)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match='shapes'), too_little_memory({}, CONFIG):
        raise RuntimeError('shapes do not fit')
