"""Leading a fine-tuning run through its rounds."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

from mmengine.runner import Runner, set_random_seed

from ..errors import InputError
from ..evaluation.comparison import Comparison
from .round_folders import RoundFolders
from .rounds import RoundBatches, RoundFigures, Rounds, save_round
from .stopwatch import Stopwatch
from .training_data import TrainingData, counts_iterations

FIGURES = 'rounds.json'


class RunInRounds:
    """Makes the pseudo GTs of each round, lets the loop train on them, keeps the figures.

    Args:
        folders (RoundFolders): Of the run.
        data (TrainingData): Of the run.
        measure (Callable): Returns what has become of the held-out images, None without any.
        stopwatch (Stopwatch): Times what is done.
    """

    def __init__(self, folders: RoundFolders, data: TrainingData,
                 measure: Callable[[], Comparison | None], stopwatch: Stopwatch) -> None:
        self.rounds = folders.rounds
        self.folders = folders
        self.data = data
        self._measure = measure
        self._stopwatch = stopwatch
        self.figures = RoundFigures(Path(folders.runner.work_dir) / FIGURES, self.rounds,
                                    folders.resumed_at)

    def start(self, runner: Runner) -> None:
        """Begin the round that the run is in; the others begin when their time comes."""
        number = self.rounds.at(runner.iter)
        batches = self._begin(runner, number)
        if batches is not None:
            runner.train_loop.dataloader_iterator = RoundBatches(
                self.rounds, number, batches,
                cast(Callable[[int], Iterator], partial(self._begin, runner)))

    def finish(self, runner: Runner) -> None:
        """Keep the figures of the last round, if there is more than one."""
        if self.rounds.count > 1:
            self._keep_figures(runner, self.rounds.at(runner.iter - 1))

    def _begin(self, runner: Runner, number: int) -> Iterator | None:
        if number > 1 and runner.iter == self.rounds.start(number):
            save_round(runner, number - 1)
            if not self.figures.knows(number - 1):
                self._keep_figures(runner, number - 1)
        with self._stopwatch.time('pseudo_gt'):
            folder = self.folders.prepare(number)
        if number > 1:  # a resumed run must see the patches that an undisturbed one sees
            set_random_seed((runner.seed + number - 1) % 2**32)
        return self.data.swap_in(runner, folder, seed_offset=number - 1)

    def _keep_figures(self, runner: Runner, number: int) -> None:
        with self._stopwatch.time('detect_rounds'):
            comparison = self._measure()
        heldout = None
        if comparison is not None:
            runner.logger.info(f'DeSRA: after round {number} of {self.rounds.count}: {comparison}')
            heldout = {name: value for name, value in vars(comparison).items()
                       if name != 'per_image'}
        self.figures.add(number, **self.folders.figures(number), heldout=heldout)


def plan_rounds(count: int, runner: Runner) -> Rounds:
    """Divide a run's iterations.

    Raises:
        InputError: If its loop counts epochs, or has too few iterations.
    """
    if count > 1 and not counts_iterations(runner):
        raise InputError('DeSRAFinetuneHook: more than one round needs a loop that counts '
                         'iterations (train_cfg.type IterBasedTrainLoop), got '
                         f'{type(runner.train_loop).__name__}')
    return Rounds(count, runner.max_iters)
