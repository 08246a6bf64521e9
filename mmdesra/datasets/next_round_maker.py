"""Pseudo GTs of a second and later round of fine-tuning."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..detectors import BaseDetector
from ..files import ImageError, read_mask, size_of
from ..generators import GeneratedPairs, Pair, Upscaler, upscale
from ..ops import label_regions
from ..segmentors import LabelSource
from .pseudo_gt_folder import PseudoGTFolder, Record
from .pseudo_gt_maker import Found, Made, PseudoGTMaker, with_dropped


@dataclass(frozen=True)
class RoundBefore:
    """What a round builds on.

    Attributes:
        folder (PseudoGTFolder): The pseudo GTs of the round before, complete.
        start (Upscaler): The generator as it was before the first round.
        number (int): Number of the round that begins, from 2 on.
        iteration (int): Iterations of fine-tuning done when it begins.
    """
    folder: PseudoGTFolder
    start: Upscaler
    number: int
    iteration: int


class NextRoundMaker(PseudoGTMaker):
    r"""Detects with the fine-tuned generator and adds what it finds to the masks from before.

    With :math:`M_k` the artifacts that round *k* finds,

    .. math:: y_k = (M_1 \cup \dots \cup M_k) \cdot mse + (1 - M_1 \cup \dots \cup M_k) \cdot gan

    where *gan* is the output of the generator **before the first round**. Were it that of the
    fine-tuned one, each round would train towards the little texture that the round before has
    lost, and lose more. Were the masks those of this round alone, what was removed would be
    trained back, and a round that finds nothing would have nothing to train on; as it is, such a
    round goes on with the pseudo GTs of the round before. A pixel once in a mask stays MSE-SR.

    Args:
        pairs (GeneratedPairs): The LR images, the fine-tuned generator and the MSE-trained one.
        detector (BaseDetector): Decides the masks.
        before (RoundBefore): What the round builds on.
        labels (LabelSource, optional): Label maps for the semantic step.
        rank (int): As for :class:`PseudoGTMaker`.
        world_size (int): As for :class:`PseudoGTMaker`.
    """

    def __init__(self, pairs: GeneratedPairs, detector: BaseDetector, before: RoundBefore,
                 labels: LabelSource | None = None, rank: int = 0, world_size: int = 1) -> None:
        super().__init__(pairs, detector, labels, rank, world_size)
        self.before = before
        manifest = before.folder.read_manifest()
        self._fingerprint = manifest.fingerprint
        self._records = {record.made_from: record for record in manifest.records}

    def made_with(self) -> dict:
        """Return the weights and settings that decide the pairs, those of this round first."""
        # The fingerprint of the round before covers the weights that the first round began with.
        return dict(round=self.before.number, iteration=self.before.iteration,
                    **super().made_with(), round_before=self._fingerprint)

    def _complete(self, path: Path, found: Found) -> Made:
        pair, new = found.pair, found.detection.mask
        mask = new | self._mask_before(found.record, new)
        if mask.any():
            assert pair.lq is not None  # GeneratedPairs have it
            pair = Pair(upscale(self.before.start, pair.lq, path), pair.mse)
        regions = len(label_regions(torch.from_numpy(new)))
        return Made(replace(with_dropped(found), found=regions), pair, mask)

    def _mask_before(self, record: Record, like: np.ndarray) -> np.ndarray:
        before = self._records.get(record.made_from)
        path = self.before.folder.mask_path(record.name)
        if before is None or not before.regions or not path.is_file():
            return np.zeros_like(like)
        mask = read_mask(path)
        if mask.shape != like.shape:  # a person may have repainted it
            raise ImageError(f"{path}: expected a mask of the SR image's size {size_of(like)}, "
                             f'got {size_of(mask)}')
        return mask
