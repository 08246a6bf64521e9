"""Fine-tuning in several rounds: where each begins, its batches, its figures."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmengine.dist import barrier, get_rank
from mmengine.runner import Runner
from torch import nn

from ..errors import InputError
from ..files import atomic_path, write_text
from ..files.records import read_json
from ..files.tables import write_json
from ..generators.checkpoint import fill_weights, read_checkpoint


@dataclass(frozen=True)
class Rounds:
    """All iterations of a run, divided evenly; rounds are numbered from 1.

    Attributes:
        count (int): Number of rounds.
        iterations (int): Of all rounds together.

    Raises:
        InputError: If there are fewer iterations than rounds.
    """
    count: int
    iterations: int

    def __post_init__(self) -> None:
        if self.iterations < self.count:
            raise InputError(f'DeSRAFinetuneHook: expected at least as many iterations as rounds, '
                             f'got {self.iterations} iterations and {self.count} rounds')

    def start(self, number: int) -> int:
        """Return the iterations done when a round begins; of ``count + 1``, all."""
        return (number - 1) * self.iterations // self.count

    def at(self, done: int) -> int:
        """Return the number of the round that the next iteration is in."""
        return sum(self.start(number) <= done for number in range(1, self.count + 1))


class RoundBatches:
    """The batches of a training loop; each round has its own data.

    mmengine's loop asks for a batch when an iteration is over for every hook, for validation and
    for the EMA, and before the next begins: the moment in which a round may begin. A resumed
    loop asks for as many batches as it has done iterations, and drops them; that of
    onedl-mmengine says how many to skip.

    Args:
        rounds (Rounds): Where they begin.
        number (int): The round that the run is in.
        batches (Iterator): Those of this round.
        begin (Callable): Takes the number of a round that begins, returns its batches.
    """

    def __init__(self, rounds: Rounds, number: int, batches: Iterator,
                 begin: Callable[[int], Iterator]) -> None:
        self.rounds = rounds
        self.number = number
        self._batches = batches
        self._begin = begin
        self._asked = 0

    def __iter__(self) -> RoundBatches:
        return self

    def __next__(self) -> object:
        """Return a batch, or None in place of one of a round that is over."""
        number = self.rounds.at(self._asked)
        self._asked += 1
        if number < self.number:
            return None
        if number > self.number:
            self._batches, self.number = self._begin(number), number
        return next(self._batches)

    def skip_iter(self, number: int) -> None:
        """Drop batches, after having made them.

        onedl-mmengine would only count them, and go on with random numbers that an undisturbed
        run had used for their crops.
        """
        for _ in range(number):
            next(self)


class RoundFigures:
    """The figures of each round, in a JSON file so that a resumed run knows them.

    Args:
        path (str | Path): The file; read if it exists.
        rounds (Rounds): Figures of other rounds than these are dropped.
        until (int): Iterations done: what comes after them will be done again.
    """

    def __init__(self, path: str | Path, rounds: Rounds, until: int) -> None:
        self.path = Path(path)
        self.rounds = rounds
        self.rows: list[dict] = []
        if until and self.path.is_file():
            self.rows = read_json(self.path, lambda rows: [
                row for row in rows if row['iterations'][1] <= until
                and row['iterations'] == self._iterations(row['round'])],
                'delete it, and the run goes on without the figures of earlier rounds')

    def knows(self, number: int) -> bool:
        """Whether the figures of a round are there."""
        return any(row['round'] == number for row in self.rows)

    def add(self, number: int, **figures: object) -> None:
        """Add a round's figures and, in one of several processes, write the file."""
        row = dict(round=number, iterations=self._iterations(number), **figures)
        others = [other for other in self.rows if other['round'] != number]
        self.rows = sorted([*others, row], key=lambda row: row['round'])
        if get_rank() == 0:
            write_json(self.path, self.rows)

    def _iterations(self, number: int) -> list[int]:
        return [self.rounds.start(number), self.rounds.start(number + 1)]


def save_round(runner: Runner, number: int) -> None:
    """Save ``WORK_DIR/round_N.pth`` at the end of a round, the checkpoint to resume from.

    Whatever the interval of the others: if the run is killed while the next round makes its
    pseudo GTs, these must be gone on with by exactly the weights that they were begun with.
    """
    if get_rank() == 0:
        path = _weights_path(runner.work_dir, number)
        with atomic_path(path) as part:
            runner.save_checkpoint(runner.work_dir, part.name, by_epoch=False,
                                   meta=dict(epoch=runner.epoch, iter=runner.iter))
        write_text(Path(runner.work_dir) / 'last_checkpoint', str(path))
    barrier()


def read_round(generator: nn.Module, work_dir: str | Path, number: int, iteration: int) -> Path:
    """Fill a generator as it was at the end of a round: with the EMA's weights, if there is one.

    Returns:
        Path: The checkpoint that they are from.

    Raises:
        InputError: If the checkpoint is not there, or is not one of this iteration.
    """
    path = _weights_path(work_dir, number)
    content = read_checkpoint(path)
    found = content.get('meta', {}).get('iter')
    if found != iteration:
        raise InputError(f'{path}: expected the weights after {iteration} iterations, got those '
                         f'after {found}. Resume with the rounds and iterations that the run '
                         'began with')
    fill_weights(generator, content, path)
    return path


def _weights_path(work_dir: str | Path, number: int) -> Path:
    return Path(work_dir) / f'round_{number}.pth'
