"""Checkpoints that a kill or a full disk cannot spoil, and the one to resume from.

mmengine writes a checkpoint, and the file ``last_checkpoint`` that names it, in place: what is
killed meanwhile leaves half of one, or an empty name that no run can be resumed from.
"""
from __future__ import annotations

import zipfile
from pathlib import Path

from mmengine.dist import barrier, get_rank
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner, find_latest_checkpoint

from ..files import write_bytes, write_text
from ..generators.checkpoint import refuse_address
from ..generators.checkpoint_file import check_file
from .resumed_optimizers import check_optimizers

BACKEND = 'whole_files'
LAST = 'last_checkpoint'
PATTERNS = 'iter_*.pth', 'epoch_*.pth', 'round_*.pth'
"""Checkpoints to resume from; those of the best weights hold no optimizers."""
BEST, KEPT = 'best_ckpt', 'keep_ckpt_ids'
"""Of a checkpoint's runtime info: paths of the best ones, numbers of the others that are kept."""


@register_backend(BACKEND, force=True)
class WholeFiles(LocalBackend):
    """mmengine's local files, written beside and renamed."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file, making its folder if need be."""
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(filepath, obj)


def write_whole_checkpoints(runner: Runner) -> None:
    """Let the checkpoint hooks of a run write files atomically; call it before training starts."""
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or '://' in (hook.out_dir or runner.work_dir):
            continue
        if hook.backend_args is None and hook.file_client_args is None:
            hook.backend_args = dict(backend=BACKEND)


def find_last_checkpoint(runner: Runner) -> None:
    """Make ``last_checkpoint`` name a checkpoint that is whole, before a run is resumed.

    It is left alone where it does. Otherwise (a kill has emptied it or torn the checkpoint, or
    the folder was moved) it gets the newest whole one of the work dir; where there is none the
    run begins anew.

    That file is then read as :mod:`mmdesra.engine.safe_runs` says.

    Raises:
        CheckpointError: If the checkpoint is an address.
    """
    if not runner._resume:
        return
    refuse_address(runner._load_from)
    if runner._load_from is None:
        if get_rank() == 0:
            _name_a_whole_one(runner)
        barrier()


def see_to_resumed(runner: Runner, checkpoint: dict) -> None:
    """Check a checkpoint that a run is about to resume from.

    Raises:
        CheckpointError: If a run is resumed with an optimizer of another type.
    """
    _forget_files_elsewhere(runner, checkpoint)
    if runner._resume:
        source = runner._load_from or find_latest_checkpoint(runner.work_dir)
        check_optimizers(runner.optim_wrapper, checkpoint.get('optimizer'), str(source))


def _forget_files_elsewhere(runner: Runner, checkpoint: dict) -> None:
    """Keep mmengine from deleting files that do not belong to this run.

    When a better checkpoint is found, mmengine deletes the best one so far by the path that the
    resumed checkpoint names. In a copied work dir that path leads into the original one, and in a
    forged checkpoint anywhere.
    """
    hub = checkpoint.get('message_hub')
    info = hub.get('runtime_info') if isinstance(hub, dict) else None
    if not isinstance(info, dict):
        return
    folders = _checkpoint_folders(runner)
    for name in [name for name in info if str(name).startswith(BEST)]:
        path = Path(str(info[name]))
        if path.name.startswith('best_') and path.resolve().parent in folders:
            continue
        here = next((folder / path.name for folder in folders
                     if path.name.startswith('best_') and (folder / path.name).is_file()), None)
        if here is not None:
            info[name] = str(here)
            continue
        runner.logger.warning(f'the checkpoint calls {path} the best one, which is not in '
                              f'{runner.work_dir}; it is left alone')
        del info[name]
    kept = info.get(KEPT, [])
    if not isinstance(kept, list) or not all(type(number) is int for number in kept):
        del info[KEPT]


def _checkpoint_folders(runner: Runner) -> list[Path]:
    work_dir = Path(runner.work_dir).resolve()
    out_dirs = (hook.out_dir for hook in runner.hooks
                if isinstance(hook, CheckpointHook) and hook.out_dir)
    return [work_dir, *(Path(out_dir).resolve() / work_dir.name for out_dir in out_dirs
                        if '://' not in str(out_dir))]


def _name_a_whole_one(runner: Runner) -> None:
    work_dir = Path(runner.work_dir)
    last = work_dir / LAST
    named = last.read_text(encoding='utf-8').strip() if last.is_file() else ''
    if named and _is_whole(Path(named)):
        return
    whole = [path for pattern in PATTERNS for path in work_dir.glob(pattern) if _is_whole(path)]
    if whole:
        newest = max(whole, key=lambda path: path.stat().st_mtime_ns)
        runner.logger.warning(f'{last}: names no whole checkpoint ({named or "nothing"}); the run '
                              f'goes on from {newest}')
        write_text(last, str(newest))
    elif last.is_file():
        runner.logger.warning(f'{last}: names no whole checkpoint ({named or "nothing"}), and '
                              f'{work_dir} holds none; the run begins anew')
        last.unlink()


def _is_whole(path: Path) -> bool:
    # The table of contents is at the end of what torch.save writes.
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        check_file(path)
    except (ValueError, zipfile.BadZipFile):
        return False
    return True
