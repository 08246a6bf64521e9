"""Watching the held-out loss while an MSE partner trains; keeping the best weights."""
from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, broadcast_object_list, get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ..errors import InputError
from ..files import write_bytes, write_weights
from ..files.tables import write_csv
from ..generators import read_checkpoint
from ..generators.wrappers import result_generator_of
from ..visualization.loss_curve import draw_loss_curve
from .heldout_stop import HeldOutLoss, StopRule
from .partner_progress import PartnerProgress, Report
from .partner_strength import STRENGTHS
from .pixel_loss import loss_on, seconds_of_iteration

CURVE = 'heldout_loss'
BEST = 'best_partner_{}.pth'
PATCHES = 16
"""Held-out patches, of which the loss is the mean."""
COLUMNS = ['iteration', 'loss']
DRAWN_EVERY = 30.
"""Seconds between two drawings of the curve, at least; the table is written at each check."""
FORWARD_SHARE = 1 / 3
"""Of the time of an iteration; the other two are the backward pass."""


class PartnerWatch(Hook):
    """Tells when to stop, and reports progress; see :class:`mmdesra.engine.heldout_stop.StopRule`.

    ``WORK_DIR/heldout_loss.csv`` has what was measured, ``heldout_loss.png`` shows it, and
    ``best_partner_N.pth`` holds the weights of the best iteration so far. The one before is kept
    until a checkpoint to resume from is as new as this one, so that a kill loses neither. All
    processes measure, the first one writes.

    Args:
        work_dir (str | Path): Of the run.
        heldout (Dataset, optional): Samples of held-out patches. None: nothing is held out, and
            the run has a fixed length.
        interval (int): Iterations between two checks.
        rule (StopRule): When to stop.
        max_iters (int): Of the run.
        patch_size (int, optional): Side of the GT patches, to be told.
        report (Callable, optional): Called with a :class:`PartnerProgress` when training begins
            and after each iteration, in the first process.
    """

    # After the EMA has its weights, before a checkpoint of them is written.
    priority = 'LOW'

    def __init__(self, work_dir: str | Path, heldout: Dataset | None, interval: int,
                 rule: StopRule, max_iters: int, patch_size: int | None = None,
                 report: Report | None = None) -> None:
        self.work_dir = Path(work_dir)
        self.interval = interval
        self.rule = rule
        self.losses: list[HeldOutLoss] = []
        self._max_iters = max_iters
        self._patch_size = patch_size
        self._report = report
        self._samples = [heldout[number] for number in range(PATCHES)
                         ] if heldout is not None else []
        self._batch_size = 1
        self._seconds_of_iteration = self._seconds_of_check = 0.
        self._done_before = 0
        self._begin: float | None = None
        self._in_checks = self._drawn_at = 0.

    @property
    def best(self) -> HeldOutLoss | None:
        """HeldOutLoss | None: The result so far; None if nothing is better than the start."""
        return self.rule.best(self.losses) if self.losses else None

    def before_train(self, runner: Runner) -> None:
        """Measure the start, or read what a stopped run has measured; see how long it will take.

        Raises:
            InputError: If a resumed run has lost what it has measured.
        """
        self._batch_size = runner.train_dataloader.batch_size or 1
        dataset = runner.train_dataloader.dataset
        self._seconds_of_iteration = seconds_of_iteration(
            runner, [dataset[number] for number in range(self._batch_size)])
        self._seconds_of_check = (self._seconds_of_iteration * FORWARD_SHARE
                                  * len(self._samples) / self._batch_size)
        self._done_before = runner.iter
        if self._samples:
            self._begin_measuring(runner)
        left = self._seconds_left(runner.iter)
        runner.logger.info(
            f'DeSRA: about {self._seconds_of_iteration:.2f} s an iteration on this machine, '
            f'{self._seconds_of_check:.1f} s a check: at most {left / 60:.1f} minutes for '
            f'{self._max_iters - runner.iter} iterations'
            + ('; it ends before, when the held-out loss falls no more' if self._samples else ''))
        self._tell(runner.iter)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed random layers by the iteration, so that a resumed run draws the same numbers."""
        torch.manual_seed(1000 * runner.iter + get_rank())
        if self._begin is None:  # a resumed run has read all samples up to here
            self._begin = time.perf_counter()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Measure, if it is time to; end the run, if it is over."""
        done = runner.iter + 1
        is_due = done % self.interval == 0 or done == self._max_iters
        if self._samples and is_due:
            start = time.perf_counter()
            self._check(runner, done)
            self._seconds_of_check = time.perf_counter() - start
            self._in_checks += self._seconds_of_check
        assert self._begin is not None  # before_train_iter
        trained = done - self._done_before
        self._seconds_of_iteration = (
            time.perf_counter() - self._begin - self._in_checks) / trained
        self._tell(done)

    def after_train(self, runner: Runner) -> None:
        """Draw what was measured; leave the weights of the best iteration alone."""
        if self._samples and get_rank() == 0:
            self._draw()
            for one in self.losses:
                if one != self.best:
                    self._path_of(one).unlink(missing_ok=True)

    def kept_weights(self) -> dict | None:
        """Return the state dict of the best iteration's generator; None if there is none.

        Raises:
            CheckpointError: If its file is gone.
        """
        best = self.best
        return None if best is None else dict(read_checkpoint(self._path_of(best))['params_ema'])

    def measure(self, runner: Runner) -> float:
        """Return the held-out loss of the generator as it is now; the same in every process."""
        found: list[float] = [loss_on(runner, self._samples, self._batch_size)]
        broadcast_object_list(found)  # all processes must come to one decision
        return found[0]

    # ------------------------------------ measuring

    def _begin_measuring(self, runner: Runner) -> None:
        if runner.iter:
            self.losses = self._read_losses(until=runner.iter)
            if self.rule.is_over(self.losses):
                runner.train_loop.stop_training = True
        else:
            start = time.perf_counter()
            self._measure(runner, 0)
            self._seconds_of_check = time.perf_counter() - start
            self._write()

    def _check(self, runner: Runner, done: int) -> None:
        self._measure(runner, done)
        if self.best is not None and self.best.iteration == done:
            self._keep(runner, done)
        if get_rank() == 0:
            self._write()
        barrier()
        if self.rule.is_over(self.losses):
            runner.logger.info(f'DeSRA: the held-out loss falls no more; the training ends after '
                               f'{done} iterations')
            runner.train_loop.stop_training = True

    def _measure(self, runner: Runner, done: int) -> None:
        loss = self.measure(runner)
        if not math.isfinite(loss):
            raise InputError(
                f'after {done} iterations the loss on held-out patches is {loss}: the '
                'training has diverged; lower the learning rate (--cfg-options '
                'optim_wrapper.generator.optimizer.lr=1e-4)' if done else
                'the generator makes NaN or infinity of held-out patches before any training; '
                'its weights are damaged, or of another network')
        self.losses.append(HeldOutLoss(done, loss))
        runner.logger.info(f'DeSRA: held-out loss after {done} iterations: {loss:.6f} '
                           f'(at the start {self.losses[0].loss:.6f})')

    def _keep(self, runner: Runner, done: int) -> None:
        if get_rank() != 0:
            return
        earlier = [one.iteration for one in self.losses if one.iteration < done]
        write_weights(self.work_dir / BEST.format(done), dict(params_ema={
            name: value.detach().cpu().clone() for name, value in
            result_generator_of(runner.model).state_dict().items()}))
        # A run that is killed now goes on from the last check, whose best weights stay.
        kept = self.rule.best([one for one in self.losses if one.iteration < done])
        for iteration in earlier:
            if kept is None or iteration != kept.iteration:
                (self.work_dir / BEST.format(iteration)).unlink(missing_ok=True)

    def _path_of(self, loss: HeldOutLoss) -> Path:
        return self.work_dir / BEST.format(loss.iteration)

    # ------------------------------------ files and progress

    def _read_losses(self, until: int) -> list[HeldOutLoss]:
        path = self.work_dir / f'{CURVE}.csv'
        try:
            with path.open(newline='', encoding='utf-8') as file:
                losses = [HeldOutLoss(int(row['iteration']), float(row['loss']))
                          for row in csv.DictReader(file)]
            if not losses or losses[0].iteration != 0:
                raise ValueError('it does not begin with iteration 0')
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f'{path}: cannot be gone on with ({error}); begin anew, without '
                             '--resume') from error
        return [one for one in losses if one.iteration <= until]

    def _write(self) -> None:
        if get_rank() != 0:
            return
        write_csv(self.work_dir / f'{CURVE}.csv', COLUMNS,
                  [dict(iteration=one.iteration, loss=repr(one.loss)) for one in self.losses])
        if time.monotonic() - self._drawn_at > DRAWN_EVERY:
            self._draw()

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        best = self.best
        write_bytes(self.work_dir / f'{CURVE}.png', draw_loss_curve(
            [one.iteration for one in self.losses], [one.loss for one in self.losses],
            best.iteration if best else None))

    def _seconds_left(self, done: int) -> float:
        left = self._max_iters - done
        checks = -(-left // self.interval) + len(STRENGTHS) if self._samples else 0
        return left * self._seconds_of_iteration + checks * self._seconds_of_check

    def _tell(self, done: int) -> None:
        if self._report is not None and get_rank() == 0:
            self._report(PartnerProgress(
                done, self._max_iters, self._seconds_of_iteration, self._seconds_left(done),
                tuple(self.losses), self._patch_size, self._batch_size))
