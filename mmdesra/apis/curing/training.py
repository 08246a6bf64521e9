"""The two trainings of a cure: the partner's, and the fine-tuning. MMagic's loop does both."""
from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from ...engine.amp import use_amp
from ...engine.config_faults import config_faults
from ...engine.finetune_hook import DeSRAFinetuneHook
from ...engine.inherit import inherit_desra
from ...engine.partner_passes import in_passes
from ...engine.partner_progress import PartnerProgress
from ...engine.partner_strength import of_the_way
from ...engine.partner_training import CHECK_INTERVAL, make_mse_partner
from ...engine.process_group import MODEL_WRAPPER
from ...engine.work_dir import hold_work_dir, work_in
from ...evaluation.before_after import BEFORE, RESULTS
from ...files import write_weights
from ...files.records import read_json
from ...generators.wrappers import result_generator_of
from ..processes import call_in_first
from .bar import Bar, CountIterations
from .network import Network
from .outcome import CureLog
from .plan import SPARE, Plan
from .recipe import PARTNER_LR, Recipe, training_config
from .speed import Speed

CONFIG_FILE = 'config.py'
"""What is trained, beside the folder of the run, for whoever wants to see or change it."""
CHECKPOINT_SECONDS = 120
"""Between two checkpoints of fine-tuning: what a stop costs, at most."""
CHECKS = 12
"""About so many times the held-out loss of a partner is measured, and a checkpoint is written. No
measurement ends the run: until the learning rate falls, the loss goes up and down."""
NO_PARTNER = dict(iterations=0, done=0, is_better=False, strength=None, passes=1,
                  heldout_loss_before=None, heldout_loss_after=None)
"""What :func:`train_partner` would say where there is nothing to train on."""


class NothingHeldOutError(Exception):
    """The held-out photographs show no artifact."""


class StopIfNothingHeldOut(Hook):
    """Stops a run before it trains, where the held-out photographs show no artifact."""

    priority = 'LOW'  # after the hook that looks for them

    def before_train(self, runner: Runner) -> None:
        """Look.

        Raises:
            NothingHeldOutError: If there is none.
        """
        before = read_json(Path(runner.work_dir) / 'heldout' / BEFORE, dict, 'delete it')
        if not any(row['regions'] for row in before.values()):
            raise NothingHeldOutError


def train_partner(network: Network, model: Path, recipe: Recipe, plan: Plan, speed: Speed,
                  degradation: str, photographs: Path, patch_size: int, work_dir: Path,
                  out: Path, bar: Bar) -> dict:
    """Train the MSE-trained sibling that the network lacks, on the photographs reduced again.

    Args:
        network (Network): The network.
        model (Path): Its weights, to start from.
        recipe (Recipe): Figures of the training.
        plan (Plan): With the iterations.
        speed (Speed): For the bar; and in which precision.
        degradation (str): How the photographs are reduced.
        photographs (Path): Folder of crops that serve as ground truths.
        patch_size (int): Side of the GT patches in px.
        work_dir (Path): Where the run writes.
        out (Path): The partner's weights.
        bar (Bar): Counts the iterations.

    Returns:
        dict: What there is to say of it. ``is_better``: whether the loss on held-out crops
        fell; if not, there is no partner.
    """
    config = training_config(network.generator, recipe, plan.partner_iters, work_dir,
                             _name_of_run(work_dir))
    lr = PARTNER_LR[degradation] * recipe.lr
    config.optim_wrapper.generator.optimizer.lr = lr
    config.model.pixel_loss = None  # that of published siblings: L1
    # Real-ESRGAN's sibling is to make what its own data are, and these are sharpened.
    config.model.is_use_sharpened_gt_in_pixel = degradation == 'realesrgan'
    if speed.is_half:
        use_amp(config)
    schedule = config.param_scheduler
    _share_between_processes(config)
    done: int | None = None
    own = None

    def report(progress: PartnerProgress) -> None:
        nonlocal done, own
        if own is None:
            own = MMLogger.get_current_instance()
            _log_to_files(own, logging.getLogger('mmdesra'))
        count = bar.tick if done is not None else bar.skip  # what a stopped run had done
        count((progress.iteration - (done or 0)) * SPARE * speed.of_partner)
        done = progress.iteration

    try:
        made = make_mse_partner(
            config, model, out, str(photographs), max_iters=plan.partner_iters,
            patch_size=patch_size, scale=network.scale, degradation=degradation,
            schedule=schedule, check_interval=_check_interval(plan.partner_iters),
            patience=plan.partner_iters, overwrite=True, report=report)
    finally:
        _leave_cure_log(own)
    return dict(iterations=made.iteration, done=made.done, is_better=made.path is not None,
                lr=lr, strength=made.strength, passes=made.passes,
                heldout_loss_before=made.before, heldout_loss_after=made.after)


def of_partner(made: dict) -> str:
    """Say what came of a partner's training: what :func:`train_partner` returns."""
    if not made['done']:
        return ('fewer than two crops are large enough to train a reference on: the '
                'self-ensemble takes its place')
    if made['heldout_loss_before'] is None:
        return f'the reference was trained for {made["iterations"]} iterations'
    change = made['heldout_loss_after'] / max(made['heldout_loss_before'], 1e-9) - 1
    if made['is_better']:
        return (f'the reference is that of iteration {made["iterations"]} of {made["done"]}'
                f'{of_the_way(made["strength"])}{in_passes(made["passes"])}: its loss on held-out '
                f'crops is {-change:.1%} below that of the model')
    return (f'no iteration of {made["done"]} was a better reference than the model itself (its '
            'loss on held-out crops did not fall): the self-ensemble takes its place')


def finetune(network: Network, model: Path, recipe: Recipe, plan: Plan, speed: Speed,
             hook: dict, work_dir: Path, out: Path, bar: Bar) -> dict:
    """Fine-tune on the pseudo GTs, and write the weights at the knee.

    Args:
        network (Network): The network.
        model (Path): Its weights, to start from.
        recipe (Recipe): Figures of the training.
        plan (Plan): With the iterations.
        speed (Speed): For the bar.
        hook (dict): Arguments of the fine-tune hook: images, reference, detector.
        work_dir (Path): Where the run writes.
        out (Path): The weights, to write.
        bar (Bar): Counts the iterations.

    Returns:
        dict: ``heldout``, the figures on the held-out photographs; None: they show no artifact,
        and nothing was trained.
    """
    config = training_config(network.generator, recipe, plan.max_iters, work_dir,
                             _name_of_run(work_dir))
    patch = recipe.patch_for(network.upscaler.sizes) * network.scale
    inherit_desra(config, plan.max_iters, gan_checkpoint=str(model), gt_patch_size=patch,
                  stop='knee', watch_interval=max(plan.max_iters // max(plan.looks, 1), 1), **hook)
    config.default_hooks.checkpoint.update(
        interval=_checkpoint_interval(speed, plan.max_iters))
    call_in_first(lambda: config.dump(work_dir.parent / CONFIG_FILE))
    try:
        with _run(config, bar, speed, StopIfNothingHeldOut()) as runner:
            bar.watch(result_generator_of(runner.model), SPARE * speed.forward)
            runner.train()
            [finetuning] = [one for one in runner.hooks if isinstance(one, DeSRAFinetuneHook)]
            state, iteration = finetuning.result_weights(runner)
            if get_rank() == 0:
                write_weights(out, dict(params={name: value.detach().cpu()
                                                for name, value in state.items()}))
    except NothingHeldOutError:
        return dict(heldout=None)
    figures = call_in_first(lambda: read_json(
        work_dir / 'heldout' / RESULTS,
        lambda results: {name: value for name, value in results.items() if name != 'per_image'},
        'delete the folder of this training'))
    return dict(heldout=figures, iteration=iteration)


def _check_interval(iterations: int) -> int:
    return max(min(CHECK_INTERVAL, iterations // 4), iterations // CHECKS, 1)


def _checkpoint_interval(speed: Speed, max_iters: int) -> int:
    return max(min(int(CHECKPOINT_SECONDS / max(speed.step, 1e-6)), max_iters // 4), 1)


def _name_of_run(work_dir: Path) -> str:
    return f'cure {work_dir.resolve()}'.replace('/', '-')


def _share_between_processes(config: Config) -> None:
    if get_world_size() > 1:
        config.launcher = 'pytorch'
        config.model_wrapper_cfg = dict(type=MODEL_WRAPPER, device_ids=None)


@contextmanager
def _run(config: Config, bar: Bar, speed: Speed, *hooks: Hook) -> Iterator[Runner]:
    """Build a run, alone or as one of several processes; its messages go to files."""
    _share_between_processes(config)
    hold_work_dir(config.work_dir)
    package = logging.getLogger('mmdesra')
    with work_in(config.work_dir), config_faults(config):
        runner = Runner.from_cfg(config)
        _log_to_files(runner.logger, package)
        for hook in (CountIterations(bar, SPARE * speed.step), *hooks):
            runner.register_hook(hook)
        try:
            yield runner
        finally:
            _leave_cure_log(runner.logger)


def _log_to_files(own: logging.Logger, package: logging.Logger) -> None:
    """Let a run's messages go to its files and to that of the cure; the terminal gets errors."""
    for handler in own.handlers:
        is_file = isinstance(handler, (logging.FileHandler, CureLog))
        handler.setLevel(logging.INFO if is_file else logging.ERROR)
    own.setLevel(logging.INFO)
    for handler in package.handlers:
        if isinstance(handler, CureLog) and handler not in own.handlers:
            own.addHandler(handler)


def _leave_cure_log(own: logging.Logger | None) -> None:
    """Take the log of the cure from a run's logger, which mmengine keeps for the process."""
    if own is not None:
        for handler in [one for one in own.handlers if isinstance(one, CureLog)]:
            own.removeHandler(handler)
