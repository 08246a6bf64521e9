"""Watching removal, addition and detail during fine-tuning; keeping the weights of the knee."""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from mmengine.dist import barrier, get_rank
from mmengine.runner import Runner
from torch import nn

from ..evaluation.truth_sums import relative_distance
from ..files import write_bytes, write_weights
from ..generators import read_checkpoint
from ..generators.wrappers import result_generator_of
from ..visualization.finetune_curve import draw_finetune_curve
from .heldout import HeldOut
from .knee import Curve, Point, choose_knee

WEIGHTS = 'knee.pth'


class KneeWatch:
    """Looks at the held-out images every so many iterations and keeps the best weights so far.

    ``WORK_DIR/knee.pth`` holds them in MMagic's layout (every tool here reads it),
    ``WORK_DIR/heldout/curve.json`` and ``curve.png`` what was seen. All processes look together,
    the first one writes.

    Args:
        heldout (HeldOut): The images, measured before.
        work_dir (str | Path): Where the run writes.
        interval (int): Iterations between two looks.
        wanted_removal (float): See :func:`choose_knee`.
        done (int): Iterations done already, in a resumed run.
        by_truth (bool): Likewise see :func:`choose_knee`.
    """

    def __init__(self, heldout: HeldOut, work_dir: str | Path, interval: int,
                 wanted_removal: float, done: int = 0, by_truth: bool = False) -> None:
        self.heldout = heldout
        self.interval = interval
        self.wanted_removal = wanted_removal
        self.by_truth = by_truth
        self.weights_path = Path(work_dir) / WEIGHTS
        self._has_said_so = False
        self._folder = heldout.images.out_dir
        self.curve = Curve(self._folder / 'curve.json', done)
        # After a resume the best point so far may be from before the kill.
        kept = self._read_kept()['meta']['iter'] if done and self.weights_path.is_file() else None
        self._lost = {point.iteration for point in self.curve.points
                      if kept is None or kept > done or point.iteration != kept}

    @property
    def knee(self) -> Point | None:
        """Point | None: The best point whose weights are there."""
        points = [point for point in self.curve.points if point.iteration not in self._lost]
        return choose_knee(points, self.wanted_removal, self.by_truth)

    def look_if_due(self, runner: Runner) -> None:
        """Measure, if it is time to."""
        done = runner.iter
        is_last = done == runner.max_iters
        if not done or (done % self.interval and not is_last) or self._has_seen(done):
            return
        comparison = self.heldout.measure_now(runner)
        if comparison.removal_rate is None or comparison.addition_rate is None:
            self._say_nothing_to_watch(runner)
            return
        point = Point(done, comparison.regions_after, comparison.area_after,
                      comparison.removal_rate, comparison.addition_rate, comparison.detail_kept,
                      relative_distance(comparison.truth))
        self.curve.add(point, is_writer=get_rank() == 0)
        runner.logger.info(f'DeSRA: after {done} iterations: {comparison}')
        if get_rank() == 0:
            if self.knee == point:
                self._keep(runner, done)
            self.draw()
        barrier()  # the others may read the weights next

    def result(self, runner: Runner) -> nn.Module | None:
        """Return the generator at the knee, and say what it is.

        Returns:
            nn.Module | None: None if the result is the generator as it is now: there is no knee,
            or it is now.
        """
        knee, weights = self.knee, self.kept_weights()
        if knee is None or weights is None:
            if self.curve.points:
                others = (f'; {self.weights_path} is of an earlier run'
                          if self.weights_path.is_file() else '')
                runner.logger.warning('DeSRA: no iteration was without added artifacts; the '
                                      f'result is that of the last one{others}')
            return None
        runner.logger.info(f'DeSRA: the result is {self.weights_path}, that of iteration '
                           f'{knee.iteration}')
        if knee.removal_rate < self.wanted_removal:
            runner.logger.warning(f'DeSRA: no iteration removed {self.wanted_removal:.0%} without '
                                  'adding; this one removes the most')
        if knee.iteration == runner.iter:
            return None
        generator = deepcopy(result_generator_of(runner.model))
        generator.load_state_dict(weights)
        return generator

    def kept_weights(self) -> dict | None:
        """Return the state dict of the generator at the knee; None if there is no knee."""
        knee = self.knee
        if knee is None or not self.weights_path.is_file():
            return None
        kept = self._read_kept()
        if kept['meta']['iter'] != knee.iteration:
            return None
        return {name.partition('.')[2]: value for name, value in kept['state_dict'].items()
                if name.startswith('generator.')}

    def draw(self) -> None:
        """Write ``curve.png``."""
        points, knee = self.curve.points, self.knee
        known = [point.distance for point in points if point.distance is not None]
        distances = ({'distance to the truth': [1., *known]}
                     if known and len(known) == len(points) else {})
        write_bytes(self._folder / 'curve.png', draw_finetune_curve(
            [0, *(point.iteration for point in points)],
            dict(removal=[0, *(point.removal_rate for point in points)],
                 addition=[0, *(point.addition_rate for point in points)],
                 **{'detail kept': [1, *(point.detail_kept for point in points)]}, **distances),
            knee.iteration if knee else None, self.wanted_removal))

    def _say_nothing_to_watch(self, runner: Runner) -> None:
        if not self._has_said_so:
            runner.logger.warning('DeSRA: the held-out images had no artifact to remove; there is '
                                  'nothing to watch, and the last iteration is the result')
        self._has_said_so = True

    def _has_seen(self, done: int) -> bool:
        return any(point.iteration == done for point in self.curve.points)

    def _keep(self, runner: Runner, done: int) -> None:
        weights = {name: value.cpu() for name, value in
                   result_generator_of(runner.model).state_dict().items()}
        state = {f'{role}.{name}': value for role in ('generator', 'generator_ema')
                 for name, value in weights.items()}
        write_weights(self.weights_path, dict(meta=dict(iter=done), state_dict=state))

    def _read_kept(self) -> Mapping:
        return read_checkpoint(self.weights_path)
