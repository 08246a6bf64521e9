"""The folder of a run is its own."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import broadcast_object_list, get_rank
from mmengine.runner import Runner

from ..errors import InputError
from ..files import remove_parts
from ..files.atomic import cannot_write
from ..files.folder_lock import hold_folder, holder_of, let_go_of_folder


def hold_work_dir(work_dir: str | Path) -> None:
    """Keep other runs out of this one's folder; to be called by all processes of the run.

    The first process holds the folder, see :func:`mmdesra.files.folder_lock.hold_folder`, and
    removes what killed writers have left in it.

    Raises:
        InputError: In every process, if another run is at work there, or it cannot be written.
    """
    refusal: list[str | None] = [None]
    if get_rank() == 0:
        try:
            hold_folder(work_dir)
            remove_parts(work_dir)
        except (InputError, OSError) as error:
            refusal = [str(error)]
    broadcast_object_list(refusal)
    if refusal[0]:
        raise InputError(refusal[0])


@contextmanager
def held_by_run(folder: str | Path) -> Iterator[None]:
    """Keep other runs out of a folder during a block, see :func:`hold_work_dir`."""
    hold_work_dir(folder)
    try:
        yield
    finally:
        let_go_of_folder(folder)


@contextmanager
def work_in(work_dir: str | Path) -> Iterator[None]:
    """Let go of a run's folder in the end, and name it in errors that name no file.

    Those are of mmengine's own writing where the disk is full.

    Raises:
        OSError: Such an error.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            raise cannot_write(work_dir, error) from error
        raise
    finally:
        let_go_of_folder(work_dir)


def spare_configs_of_others() -> None:
    """Let no Runner write its config over that of a run which is under way in its folder.

    A second run is refused when it begins to train, but mmengine writes its config down before
    that, under the name that the first one's has.
    """
    original = Runner.dump_config
    if hasattr(original, 'spares_others'):
        return

    def dump_config(runner: Runner) -> None:
        if holder_of(runner.work_dir) is None:
            original(runner)

    dump_config.spares_others = True  # type: ignore[attr-defined]
    Runner.dump_config = dump_config
