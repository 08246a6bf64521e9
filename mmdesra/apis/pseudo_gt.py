"""Making a pseudo-GT folder in one process."""
from __future__ import annotations

from pathlib import Path

from ..datasets.pseudo_gt_folder import Manifest, PseudoGTFolder
from ..datasets.pseudo_gt_maker import PseudoGTMaker
from ..detectors import BaseDetector
from ..files.folder_lock import held_folder
from ..generators import GeneratedPairs
from ..segmentors import LabelSource


def make_pseudo_gts(pairs: GeneratedPairs,
                    detector: BaseDetector,
                    out_dir: str | Path,
                    labels: LabelSource | None = None,
                    recompose: bool = False) -> Manifest:
    """Make a pseudo-GT folder, or go on with one that was interrupted.

    Args:
        pairs (GeneratedPairs): LR images and the two generators.
        detector (BaseDetector): Decides the masks.
        out_dir (str | Path): The folder.
        labels (LabelSource, optional): Label maps for the semantic step.
        recompose (bool): Instead of detecting, bring the pseudo GTs of a complete folder in
            line with masks that were repainted, deleted or added by hand.

    Returns:
        Manifest: What the folder holds now.

    Raises:
        PseudoGTError: If the folder was made with other weights or settings.
        InputError: If another run is at work in the folder.
        OSError: If it cannot be written.
    """
    folder = PseudoGTFolder(out_dir)
    maker = PseudoGTMaker(pairs, detector, labels)
    if recompose:
        folder.read_manifest()  # where there is none, nothing is made
    with held_folder(out_dir):
        if recompose:
            return maker.recompose(folder)
        maker.make(folder)
        return maker.finish(folder, maker.skipped)
