"""What a fine-tuning run notes of itself in its work dir."""
from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.dist import get_rank
from mmengine.runner import Runner

from ..files.run_description import describe_folder, weights_of
from ..generators import Reference

if TYPE_CHECKING:
    from .finetune_hook import DeSRAFinetuneHook

SETTINGS = ('rounds', 'stop', 'wanted_removal', 'gt_patch_size', 'original_share', 'tile', 'half')
"""Arguments of the hook that are named; mmengine's copy of the config has all of them."""


def describe_training(hook: DeSRAFinetuneHook, runner: Runner, reference: Reference,
                      start: str | None) -> None:
    """Write ``WORK_DIR/run.json``; a resumed run keeps the date and command of the first start.

    Args:
        hook (DeSRAFinetuneHook): The run's hook.
        runner (Runner): The run, its model loaded.
        reference (Reference): What SR images are compared with.
        start (str, optional): The checkpoint that the generator started from.

    Raises:
        OSError: If the work dir cannot be written.
    """
    if get_rank() > 0:
        return
    settings = dict(
        reference=reference.describe(), detector=hook.detector.describe(),
        labels=hook.labels.describe() if hook.labels else None, max_iters=runner.max_iters,
        truth_share=hook.truths.share, **{name: getattr(hook, name) for name in SETTINGS})
    weights = {'GAN-SR': start, 'discriminator': hook.discriminator_checkpoint,
               **weights_of(reference, hook.detector, hook.labels, hook.perceptual, hook.truths)}
    describe_folder(runner.work_dir, settings, weights, goes_on=runner.iter > 0)
