"""The page that a fine-tuning run leaves: its held-out images before and after."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from ..engine.hook_settings import CHOOSING_STOPS
from ..engine.knee_watch import WEIGHTS
from ..errors import InputError
from ..evaluation.before_after import RESULTS
from ..files.config_types import type_name
from ..files.records import read_json
from ..files.run_description import describe_weights, read_description
from .before_after_page import figure_rows, write_before_after_page

PAGE = 'before_after.html'
MOST = 50
"""Images on the page; each takes some megabytes of it."""


def write_run_page(config: Config, hook: Mapping, begun: float) -> Path | None:
    """Write ``WORK_DIR/before_after.html``, if a run has measured held-out images.

    Args:
        config (Config): Of the run.
        hook (Mapping): Arguments of the fine-tune hook in it.
        begun (float): When the run began, in seconds of the epoch: figures from before are of
            another one.

    Returns:
        Path | None: The page; None where there is nothing to show.

    Raises:
        InputError: If it cannot be written, such as to a full disk; it names the weights, which
            are there all the same.
    """
    heldout = Path(config.work_dir) / 'heldout'
    results_file, page = heldout / RESULTS, Path(config.work_dir) / PAGE
    if not hook.get('heldout_lq_dir') or not results_file.is_file() or (
            results_file.stat().st_mtime < begun - 2):  # file systems round
        return None
    try:
        results = read_json(results_file, dict, 'measure the images again')
        write_before_after_page(
            page, f'Before and after fine-tuning: {Path(config.work_dir).name}',
            hook['heldout_lq_dir'], heldout, [*figure_rows(results), *_settings(config, hook)],
            hook.get('heldout_gt_dir'), hook.get('recursive', False), MOST)
    except (InputError, OSError) as error:
        raise InputError(
            f'{page}: the page cannot be written ({error}). The run itself has succeeded, and its '
            f'weights are there: {Path(config.work_dir) / _result(config, hook)}') from error
    return page


def _settings(config: Config, hook: Mapping) -> Iterator[tuple[str, str]]:
    result = _result(config, hook)
    yield 'fine-tuned weights', '-' if result is None else str(describe_weights(result))
    with suppress(InputError):  # somebody's file of that name: was said when the run began
        described = read_description(config.work_dir)
        yield from described.rows() if described else ()
    if not hook.get('mse_checkpoint'):
        reference = hook.get('reference')
        yield 'compared with', (reference if isinstance(reference, str) else
                                type_name((reference or {}).get('type')))
    yield 'iterations', str(config.train_cfg.get('max_iters', '-'))


def _result(config: Config, hook: Mapping) -> Path | None:
    knee = Path(config.work_dir) / WEIGHTS
    if hook.get('stop') in CHOOSING_STOPS and knee.is_file():
        return knee
    latest = find_latest_checkpoint(config.work_dir)
    return Path(latest) if latest else None
