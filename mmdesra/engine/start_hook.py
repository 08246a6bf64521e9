"""A hook that starts a model's generator from published weights."""
from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..generators.wrappers import unwrap
from .checkpoints import find_last_checkpoint, see_to_resumed, write_whole_checkpoints
from .ema import keep_ema_up, let_ema_follow
from .start_weights import leave_out_pretrained, start_generator


class StartGeneratorHook(Hook):
    """Fills the generator, and its EMA, before training, completely or not at all.

    In place of ``load_from``, which says nothing where no name fits. A resumed run keeps the
    weights it has. The EMA's momentum is raised so that it forgets them in time.

    Args:
        checkpoint (str): In any layout of :func:`mmdesra.generators.load_weights`.
        any_length (bool): Whether the run may end at any iteration, so that the EMA must be worth
            using at each; see :func:`mmdesra.engine.ema.let_ema_follow`. Default: False.
    """

    # After mmengine has loaded what it loads, before hooks that look at the model.
    priority = 'HIGH'

    def __init__(self, checkpoint: str, any_length: bool = False) -> None:
        self.checkpoint = checkpoint
        self.any_length = any_length

    def before_run(self, runner: Runner) -> None:
        """Prevent needless downloads of weights, and find the checkpoint to resume from."""
        leave_out_pretrained(runner.model, runner.logger)
        write_whole_checkpoints(runner)
        find_last_checkpoint(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """See that a run can be resumed from it."""
        see_to_resumed(runner, checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Load.

        Raises:
            CheckpointError: If the checkpoint does not fill the whole generator.
        """
        if runner.iter == 0:
            start_generator(unwrap(runner.model), self.checkpoint, runner.logger)
        if not self.any_length:
            keep_ema_up(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Let the EMA follow."""
        if self.any_length:
            let_ema_follow(runner)
