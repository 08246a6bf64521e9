"""Checkpoints that a kill or a full disk cannot spoil, and the one to resume from.

mmengine writes a checkpoint, and the file ``last_checkpoint`` that names it, in place: what is
killed meanwhile leaves half of one, or an empty name that no run can be resumed from.
"""
from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from mmengine.dist import barrier, get_rank
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner, find_latest_checkpoint

from ..files import write_bytes, write_text
from ..generators.checkpoint import read_checkpoint, refuse_address
from ..generators.checkpoint_file import check_file

BACKEND = 'whole_files'
LAST = 'last_checkpoint'
PATTERNS = 'iter_*.pth', 'epoch_*.pth', 'round_*.pth'
"""Checkpoints to resume from; those of the best weights hold no optimizers."""


@register_backend(BACKEND, force=True)
class WholeFiles(LocalBackend):
    """mmengine's local files, written beside and renamed."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file, making its folder if need be."""
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(filepath, obj)


def write_whole_checkpoints(runner: Runner) -> None:
    """Let the checkpoint hooks of a run write whole files; before their ``before_train``."""
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or '://' in (hook.out_dir or runner.work_dir):
            continue
        if hook.backend_args is None and hook.file_client_args is None:
            hook.backend_args = dict(backend=BACKEND)


def find_last_checkpoint(runner: Runner) -> None:
    """Before a run is resumed: make ``last_checkpoint`` name one that is whole.

    It is left alone where it does. Otherwise (a kill has emptied it or torn the checkpoint, or
    the folder was moved) it gets the newest whole one of the work dir; where there is none the
    run begins anew.

    Raises:
        CheckpointError: If the checkpoint is an address, damaged, or would have to run code:
            mmengine's own error is PyTorch's, which advises to run it.
    """
    if not runner._resume:
        return
    refuse_address(runner._load_from)
    if runner._load_from is None:
        if get_rank() == 0:
            _name_a_whole_one(runner)
        barrier()
    path = Path(runner._load_from or find_latest_checkpoint(runner.work_dir) or '')
    # Before PyTorch 2.4 nothing tells it the types that mmengine writes.
    if path.is_file() and hasattr(torch.serialization, 'add_safe_globals'):
        read_checkpoint(path)


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
