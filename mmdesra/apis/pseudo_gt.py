"""Making a pseudo-GT folder, in one process or several."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from mmengine.dist import get_rank, get_world_size

from ..datasets.pseudo_gt_folder import Manifest, PseudoGTFolder
from ..datasets.pseudo_gt_maker import PseudoGTMaker
from ..detectors import BaseDetector
from ..files.folder_lock import held_folder
from ..generators import GeneratedPairs
from ..segmentors import LabelSource
from .processes import Meeting, call_in_first


def make_pseudo_gts(pairs: GeneratedPairs,
                    detector: BaseDetector,
                    out_dir: str | Path,
                    labels: LabelSource | None = None,
                    recompose: bool = False) -> Manifest:
    """Make a pseudo-GT folder, or continue an interrupted one.

    If there are several processes, see :func:`mmdesra.apis.processes.joined`, each makes its
    share; the folder is the same as with one process.

    Args:
        pairs (GeneratedPairs): LR images and the two generators.
        detector (BaseDetector): Finds the masks.
        out_dir (str | Path): The folder.
        labels (LabelSource, optional): Label maps for the semantic step.
        recompose (bool): Do not detect, but make the pseudo GTs of a complete folder again for
            masks that were repainted, deleted or added by hand.

    Returns:
        Manifest: The content of the folder.

    Raises:
        PseudoGTError: If the folder was made with other weights or settings.
        InputError: If another run is at work in the folder.
        OSError: If the folder cannot be written.
    """
    folder = PseudoGTFolder(out_dir)
    maker = PseudoGTMaker(pairs, detector, labels, get_rank(), get_world_size())
    if recompose:
        folder.read_manifest()  # raises an error before anything is made, if there is none
    with ExitStack() as stack:
        call_in_first(lambda: stack.enter_context(held_folder(out_dir)))
        if recompose:
            call_in_first(lambda: maker.recompose(folder))
        else:
            _make(maker, folder, stack)
        return folder.read_manifest()


def _make(maker: PseudoGTMaker, folder: PseudoGTFolder, stack: ExitStack) -> None:
    skipped: dict[str, str] = {}
    meeting = Meeting(lambda: maker.skipped, skipped.update)
    stack.callback(meeting.part)
    call_in_first(lambda: maker.begin(folder))
    with meeting:
        maker.make(folder)
    skipped.update(maker.skipped)
    call_in_first(lambda: maker.finish(folder, skipped))
