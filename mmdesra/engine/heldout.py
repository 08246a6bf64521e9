"""The held-out images in the course of a run."""
from __future__ import annotations

from collections.abc import Callable

from mmengine.runner import Runner
from torch import nn

from ..evaluation.before_after import BeforeAfter
from ..evaluation.comparison import Comparison
from ..generators import Upscaler
from ..generators.wrappers import result_generator_of
from .stopwatch import Stopwatch
from .worst_images import show_worst_images


class HeldOut:
    """Measures the held-out images before fine-tuning, on the way, and at the end.

    Rounds, the watch for the knee and the end of the run may all ask after the same iteration;
    the images are then measured once, and the figures shown once in the visualizer.

    Args:
        images (BeforeAfter): The images.
        upscaler (Callable): Makes an :class:`Upscaler` of a generator.
        stopwatch (Stopwatch): Times what is done.
    """

    def __init__(self, images: BeforeAfter, upscaler: Callable[[nn.Module], Upscaler],
                 stopwatch: Stopwatch) -> None:
        self.images = images
        self._upscaler = upscaler
        self._stopwatch = stopwatch
        self._last: tuple[int, bool, Comparison] | None = None

    def measure_before(self, runner: Runner) -> None:
        """Measure with the generator as it was loaded."""
        with self._stopwatch.time('detect_before'):
            self.images.measure_before(self._upscaler(result_generator_of(runner.model)))
        runner.visualizer.add_scalars(self.images.scalars_before, step=0)

    def measure_now(self, runner: Runner, write: bool = False) -> Comparison:
        """Measure with the generator as it is.

        Args:
            runner (Runner): The run.
            write (bool): Whether pictures are wanted. After the last iteration they are written
                anyway: it is the result, unless an earlier one is the knee.
        """
        write = write or runner.iter >= runner.max_iters
        now = self._last if self._last is not None and self._last[0] == runner.iter else None
        if now is not None and (now[1] or not write):
            return now[2]
        comparison = self.images.measure_after(
            self._upscaler(result_generator_of(runner.model)), write)
        if now is None:
            runner.visualizer.add_scalars(comparison.scalars, step=runner.iter)
        self._last = runner.iter, write, comparison
        return comparison

    def finish(self, runner: Runner, result: nn.Module | None = None) -> None:
        """Measure the result of the run; write figures and pictures.

        Args:
            runner (Runner): The run.
            result (nn.Module, optional): The generator that is the result. Default: the one that
                is used, as it is now.
        """
        with self._stopwatch.time('detect_after'):
            if result is None:
                comparison = self.measure_now(runner, write=True)
            else:
                comparison = self.images.measure_after(self._upscaler(result))
        self.images.write(comparison, self._stopwatch.seconds)
        show_worst_images(runner.visualizer, self.images, comparison, runner.iter)
        runner.logger.info(f'DeSRA: {comparison}')
        if comparison.table:
            runner.logger.info(f'DeSRA: against the ground truths:\n{comparison.table}')
        runner.logger.info(f'DeSRA: pictures and figures in {self.images.out_dir}')
