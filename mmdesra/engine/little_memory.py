"""Training that takes more memory than there is."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mmengine.config import Config

from ..errors import InputError
from ..generators.failures import describe_failure, is_out_of_memory


@contextmanager
def too_little_memory(hook: Mapping, config: Config) -> Iterator[None]:
    """Say what takes less memory, if a block of training runs out of it.

    Args:
        hook (Mapping): Arguments of the fine-tune hook.
        config (Config): Of the run.

    Raises:
        InputError: If it does, on whatever device.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        batch, patch = config.train_dataloader.get('batch_size', 1), hook.get('gt_patch_size', 256)
        raise InputError(
            f'too little memory for batches of {batch} patches of {patch} px: it takes smaller '
            f'ones, such as --cfg-options train_dataloader.batch_size={max(batch // 2, 1)} '
            f'--hook-options gt_patch_size={max(patch // 2, 1)}, or --amp on a GPU '
            f'({describe_failure(error)})') from error
