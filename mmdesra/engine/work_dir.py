"""The folder of a run is its own."""
from __future__ import annotations

from mmengine.dist import broadcast_object_list, get_rank

from ..errors import InputError
from ..files.folder_lock import hold_folder


def hold_work_dir(work_dir: str) -> None:
    """Keep other runs out of this one's folder; to be called by all processes of the run.

    The first process holds the folder, see :func:`mmdesra.files.folder_lock.hold_folder`.

    Raises:
        InputError: In every process, if another run is at work there.
    """
    refusal = [None]
    if get_rank() == 0:
        try:
            hold_folder(work_dir)
        except InputError as error:
            refusal = [str(error)]
    broadcast_object_list(refusal)
    if refusal[0]:
        raise InputError(refusal[0])
