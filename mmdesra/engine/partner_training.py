"""Training an MSE partner: until its loss on held-out photographs falls no more."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.registry import DATASETS
from mmengine.runner import Runner

from ..errors import InputError
from ..files import make_output_folder, write_weights
from ..files.listing import ImageInputs
from ..files.records import describe_difference, read_json
from ..files.tables import write_json
from ..generators import read_checkpoint
from ..generators.checkpoint import local_checkpoint
from ..generators.failures import describe_failure, is_out_of_memory
from ..generators.origin import META, PARTNER, content_hash
from ..generators.wrappers import result_generator_of
from ..version import __version__
from .config_faults import config_faults
from .heldout_stop import LEAST_ITERS, PATIENCE, StopRule
from .mse_partner import DEFAULT_ITERS, KEPT_CHECKPOINTS, inherit_mse_partner
from .partner_passes import check_passes, usual_passes
from .partner_progress import PartnerResult, Report
from .partner_strength import StrengthSearch, check_gain_kept, usual_gain_kept
from .partner_watch import PartnerWatch
from .work_dir import held_by_run, work_in

HELDOUT_SHARE = .15
CHECK_INTERVAL = 20
SETTINGS = 'partner.json'
"""In the work dir: what decides the result, for a resumed run."""


def make_mse_partner(config: Config, gan_checkpoint: str | Path, out: str | Path,
                     photographs: ImageInputs | None = None, *, max_iters: int = DEFAULT_ITERS,
                     patch_size: int | None = None, scale: int | None = None,
                     degradation: str | None = None, recursive: bool = False,
                     heldout_share: float = HELDOUT_SHARE, check_interval: int = CHECK_INTERVAL,
                     patience: int = PATIENCE, least_iters: int = LEAST_ITERS,
                     loss_gain_kept: float | None = None, passes: int | None = None,
                     seed: int = 0, schedule: Sequence[dict] | None = None,
                     overwrite: bool = False, report: Report | None = None) -> PartnerResult:
    """Train the MSE-trained sibling of a GAN-SR model's generator, and write its weights.

    A share of the photographs is held out. The loss on patches of these is measured at the start
    and every ``check_interval`` iterations; the training ends when it falls no more. The result
    lies between the start and the weights with the lowest loss, see
    :mod:`mmdesra.engine.partner_strength`. Without photographs the config's own data are trained
    on, for ``max_iters`` iterations. A stopped run goes on, to the same result, with
    ``config.resume = True`` and the same arguments.

    Args:
        config (Config): The training config of the GAN-SR model, with ``work_dir``; changed in
            place, see :func:`mmdesra.engine.mse_partner.inherit_mse_partner`.
        gan_checkpoint (str | Path): Weights to start from.
        out (str | Path): The partner's weights, to write, in BasicSR's layout with a note of how
            they were made.
        photographs (str | Path | Sequence, optional): The ground truths.
        max_iters (int): Iterations, at most.
        patch_size (int, optional): Side of the GT patches in px. Default: the config's.
        scale (int, optional): By what the generator enlarges. Default: found out.
        degradation (str, optional): 'bicubic' or 'realesrgan'. Default: by the kind of model.
        recursive (bool): Whether to read sub-folders, too.
        heldout_share (float): Share of the photographs held out, by a hash of their names; 0:
            none, and the run has a fixed length.
        check_interval (int): Iterations between two checks.
        patience (int): Checks without a gain after which it ends.
        least_iters (int): Iterations before which it does not end and nothing is a result.
        loss_gain_kept (float, optional): Share of the fall of the held-out loss that the result
            keeps, in (0, 1]: it is as near to the start as this allows. Default: 1 for bicubic
            reductions, else 0.9. A run that is at its end can be resumed with another one.
        passes (int, optional): In how many passes the partner is asked for a reference image, from
            1 to 8; its file says so. Default: 1 for bicubic reductions and without photographs,
            else 4.
        seed (int): Equal seeds, equal results.
        schedule (Sequence[dict], optional): MMEngine's schedulers of the learning rate, for a run
            whose length is known. Default: it is constant.
        overwrite (bool): Whether to replace ``out`` if it is there.
        report (Callable, optional): Called with a
            :class:`mmdesra.engine.partner_progress.PartnerProgress` when training begins, with an
            estimate measured on this machine, and after each iteration. What it raises ends the
            run, which can be resumed.

    Returns:
        PartnerResult: ``path`` is None if no iteration was better than the start. Then nothing
        was written.

    Raises:
        InputError: If something of the user's cannot be used, or the memory does not suffice.
    """
    out = Path(out)
    if not config.get('work_dir'):
        raise InputError('expected a config that says where the run writes (work_dir)')
    check_files(gan_checkpoint, out, overwrite)
    rule = _rule(patience, least_iters, check_interval, max_iters)
    check_gain_kept(loss_gain_kept)
    check_passes(passes)
    share = heldout_share if photographs else 0
    inherit_mse_partner(config, gan_checkpoint, photographs, max_iters, scale, recursive,
                        patch_size, degradation, share, seed)
    config.param_scheduler = list(schedule) if schedule else None
    _save_at_checks(config, check_interval, bool(share))
    with held_by_run(config.work_dir), work_in(config.work_dir), config_faults(config):
        runner = Runner.from_cfg(config)
        dataset = runner.train_dataloader.dataset
        heldout = _heldout_part(config) if share else None
        watch = PartnerWatch(config.work_dir, heldout, check_interval, rule, max_iters,
                             getattr(dataset, 'patch_size', None), report)
        note = _note(config, gan_checkpoint, dataset, heldout, seed)
        _check_settings(Path(config.work_dir), note, bool(config.get('resume')))
        runner.register_hook(watch)
        _train(runner, note)
        if passes is None:
            passes = usual_passes(note.get('degradation'))
        return _finish(runner, watch, dict(note, passes=passes), gan_checkpoint, loss_gain_kept,
                       out)


def check_files(gan_checkpoint: str | Path, out: Path, overwrite: bool = False) -> None:
    """Check the files before training, so that an error does not come after hours.

    Raises:
        InputError: If the weights cannot be read, or ``out`` cannot or must not be written.
    """
    read_checkpoint(gan_checkpoint)
    if out.is_dir():
        raise InputError(f'{out}: is a folder; name a file to write')
    if out.exists() and not overwrite:
        raise InputError(f'{out}: is there already; it is replaced only with --overwrite')
    if out.exists() and out.samefile(local_checkpoint(gan_checkpoint)):
        raise InputError(f'{out}: is the checkpoint to start from; name another to write')
    make_output_folder(out.parent)


def _rule(patience: int, least_iters: int, check_interval: int, max_iters: int) -> StopRule:
    for name, value in dict(patience=patience, check_interval=check_interval).items():
        if value < 1:
            raise InputError(f'expected {name} (--{name.replace("_", "-")}) of at least 1, got '
                             f'{value}')
    if least_iters < 0:
        raise InputError(f'expected least_iters (--least-iters) of at least 0, got {least_iters}')
    return StopRule(patience, min(least_iters, max_iters))


def _save_at_checks(config: Config, check_interval: int, is_watched: bool) -> None:
    """Save checkpoints at the checks, so that a resumed run still knows the best weights."""
    if not config.get('default_hooks'):
        config.default_hooks = {}
    config.default_hooks.setdefault('checkpoint', dict(
        type='CheckpointHook', by_epoch=False, interval=check_interval))
    checkpoint = config.default_hooks.checkpoint
    if is_watched and checkpoint is not None:
        checkpoint.update(interval=check_interval, max_keep_ckpts=KEPT_CHECKPOINTS)


def _heldout_part(config: Config) -> Any:
    return DATASETS.build(dict(config.train_dataloader.dataset, part='heldout'))


def _note(config: Config, gan_checkpoint: str | Path, dataset: Any, heldout: Any,
          seed: int) -> dict:
    """Return what decides the result, in plain values that a checkpoint can hold."""
    made = dict(made_by=f'mmdesra {__version__}', start_sha256=content_hash(gan_checkpoint),
                batch_size=int(config.train_dataloader.get('batch_size') or 1), seed=seed)
    if heldout is not None or hasattr(dataset, 'photographs'):
        made.update(photographs=len(dataset.photographs), skipped=len(dataset.skipped),
                    heldout=len(heldout.photographs) if heldout is not None else 0,
                    names_sha256=dataset.names_hash, patch_size=dataset.patch_size,
                    degradation=dataset.degradation)
    return made


def _check_settings(work_dir: Path, note: Mapping, resumes: bool) -> None:
    path = work_dir / SETTINGS
    if resumes and path.is_file():
        found = read_json(path, dict, 'begin anew, without --resume')
        found['made_by'] = note['made_by']  # another version makes the same
        if found != note:
            raise InputError(f'{path}: the run that was stopped had other settings or photographs '
                             f'({describe_difference(found, note)}). Give the same ones, or begin '
                             'anew, without --resume')
    elif get_rank() == 0:
        write_json(path, note)


def _train(runner: Runner, note: Mapping) -> None:
    try:
        runner.train()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        size = f'patches of {note["patch_size"]} px in ' if 'patch_size' in note else ''
        raise InputError(
            f'too little memory to train on {size}batches of {note["batch_size"]}; it takes '
            'smaller patches (--patch-size), smaller batches (--batch-size) or mixed precision '
            f'(--amp): {describe_failure(error)}') from error


def _finish(runner: Runner, watch: PartnerWatch, note: dict, gan_checkpoint: str | Path,
            loss_gain_kept: float | None, out: Path) -> PartnerResult:
    losses = watch.losses
    best = watch.best
    if losses and best is None:
        lowest = min(losses[1:], key=lambda one: one.loss)
        return _result(None, runner, dict(note, iterations=lowest.iteration,
                                          heldout_loss_before=losses[0].loss,
                                          heldout_loss_after=lowest.loss))
    if best is None:
        state = {name: value.detach().cpu() for name, value in
                 result_generator_of(runner.model).state_dict().items()}
        made = dict(note, iterations=runner.iter, heldout_loss_before=None,
                    heldout_loss_after=None)
    else:
        way = StrengthSearch(runner, watch.measure, gan_checkpoint,
                             loss_gain_kept or usual_gain_kept(note['degradation']))
        state, found = way.search(watch.kept_weights() or {}, best, losses[0].loss)
        made = dict(note, iterations=best.iteration, heldout_loss_before=losses[0].loss, **found)
    if get_rank() == 0:
        write_weights(out, {'params_ema': state, META: {PARTNER: made}})
    return _result(out, runner, made)


def _result(path: Path | None, runner: Runner, made: Mapping) -> PartnerResult:
    dataset = runner.train_dataloader.dataset
    return PartnerResult(
        path, made['iterations'], runner.iter, made['heldout_loss_before'],
        made['heldout_loss_after'], made.get('strength'), made['passes'],
        made.get('photographs', 0), made.get('heldout', 0), tuple(getattr(dataset, 'skipped', ())))
