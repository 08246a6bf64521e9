"""(LR, pseudo-GT) pairs from a pseudo-GT folder, for any MMagic GAN-SR model."""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank

from ..files import read_mask
from ..files.dropped_regions import HOOK_OPTION
from ..files.image_path import existing_form
from .pipeline import pseudo_gt_pipeline
from .pseudo_gt_folder import PseudoGTError, PseudoGTFolder, Record, file_sha256

FEW = 10
"""Pseudo GTs from which on nothing is said of their number."""

logger = logging.getLogger('mmdesra')


class PseudoGTDataset(BaseDataset):
    """Serves the pairs of a pseudo-GT folder to a training pipeline.

    A sample is a dict with ``key``, ``img_path`` (LR), ``gt_path`` (pseudo GT) and
    ``mask_path`` (artifacts), the keys of MMagic's ``BasicImageDataset``. A pair whose mask was
    deleted is left out; one that is smaller than a patch, too, and this is said.

    Args:
        data_root (str): The pseudo-GT folder, complete.
        pipeline (Sequence[dict | Callable], optional): MMagic transforms. Default: none, or
            where ``gt_patch_size`` is given, those of :func:`pseudo_gt_pipeline`.
        gt_patch_size (int, optional): Side of the GT patches in px.
        mask_prob (float): Share of the patches centred on an artifact. Default: 0.5.
        flips (bool): Whether to flip at random; see :func:`pseudo_gt_pipeline`.
        lq_dir (str, optional): Where the LR images are now. Default: where the manifest says.
        metainfo (dict, optional): As for ``BaseDataset``.
        lq_grid (int): With ``gt_patch_size``: patches begin at multiples of it, in LR pixels; see
            :class:`mmdesra.datasets.transforms.PairedMaskCrop`. Default: 1.
        **kwargs: As for ``BaseDataset``, for example ``lazy_init``.

    Raises:
        PseudoGTError: If the folder is incomplete, holds no pair, misses a file, or if an LR
            image or a mask was changed after its pseudo GT was composed.
    """

    METAINFO = dict(dataset_type='pseudo_gt', task_name='sisr')

    def __init__(self,
                 data_root: str,
                 pipeline: Sequence[dict | Callable] | None = None,
                 gt_patch_size: int | None = None,
                 mask_prob: float = 0.5,
                 flips: bool = False,
                 lq_dir: str | None = None,
                 metainfo: dict | None = None,
                 lq_grid: int = 1,
                 **kwargs: Any) -> None:
        self.lq_dir = lq_dir
        self.patch = patch_side(dict(pipeline=pipeline, gt_patch_size=gt_patch_size))
        if pipeline is None and gt_patch_size is not None:
            pipeline = pseudo_gt_pipeline(gt_patch_size, mask_prob, flips, lq_grid)
        # An unserialised list of a few hundred dicts is smaller than its pickle and readable.
        kwargs.setdefault('serialize_data', False)
        super().__init__(data_root=str(data_root), pipeline=list(pipeline or []),
                         metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the manifest and check that its files are there.

        Raises:
            PseudoGTError: If they are not, or the folder is not complete.
        """
        folder = PseudoGTFolder(self.data_root)
        manifest = folder.read_manifest()
        if not folder.is_complete:
            raise PseudoGTError(f'{folder.root}: its making is under way or was interrupted; run '
                                'the same command again, it goes on where it was')
        lq_dir = Path(self.lq_dir or manifest.lq_dir)
        samples = [_sample(folder, lq_dir, record) for record in manifest.records
                   if record.regions and folder.mask_path(record.name).is_file()]
        if not manifest.records and manifest.skipped:
            name, reason = next(iter(manifest.skipped.items()))
            raise PseudoGTError(f'{self.data_root}: holds no pair to train on: none of the '
                                f'{len(manifest.skipped)} LR images could be used. {name}: '
                                f'{reason}')
        if not samples:
            dropped = manifest.about_dropped(HOOK_OPTION)
            raise PseudoGTError(f'{self.data_root}: holds no pair to train on: no artifact was '
                                f'found in {len(manifest.records)} images. Give more LR images, '
                                'or lower the smallest area that counts'
                                + f' (dropped for their size: {dropped})' * bool(dropped))
        samples = self._large_enough(samples)
        if len(samples) < FEW and get_rank() == 0:
            logger.warning(
                '%s: only %s pseudo GT%s to train on, from %s LR images. A generator learns so '
                'few by heart: it may lose more detail and remove fewer artifacts elsewhere than '
                'figures of longer sets say (the paper took about 50). Give more photographs, or '
                'lower the smallest area that counts', self.data_root, len(samples),
                's' * (len(samples) > 1), len(manifest.records))
        return samples

    def _large_enough(self, samples: list[dict]) -> list[dict]:
        if self.patch == 1:
            return samples
        sizes = [read_mask(sample['mask_path']).shape for sample in samples]
        if max(map(min, sizes)) < self.patch:
            raise PseudoGTError(f'{self.data_root}: holds no pair to train on: all {len(samples)} '
                                f'are smaller than a patch of {self.patch}x{self.patch} px; '
                                f'choose a gt_patch_size of at most {max(map(min, sizes))}')
        kept = []
        for sample, (height, width) in zip(samples, sizes):
            if min(height, width) >= self.patch:
                kept.append(sample)
            elif get_rank() == 0:
                logger.warning('skipped: %s: expected at least one patch of %sx%s px, got %sx%s; '
                               'smaller patches would let it in', sample['gt_path'], self.patch,
                               self.patch, width, height)
        return kept


def patch_side(patches: Mapping) -> int:
    """Return the side in px of the GT patches that a dataset cuts; 1: it cuts none.

    Args:
        patches (Mapping): Its arguments. A pipeline of a user's own says it in its transforms.
    """
    pipeline = patches.get('pipeline')
    if pipeline is None:
        return patches.get('gt_patch_size') or 1
    sides = [step.get('gt_patch_size') for step in pipeline if isinstance(step, Mapping)]
    return max((side for side in sides if isinstance(side, int)), default=1)


def _sample(folder: PseudoGTFolder, lq_dir: Path, record: Record) -> dict:
    lq, gt, mask = (existing_form(lq_dir, record.lq), folder.gt_path(record.name),
                    folder.mask_path(record.name))
    if not os.path.isfile(lq):  # noqa: PTH113  (its error, for a name too long, is no answer)
        raise PseudoGTError(f'{lq}: is missing; the pseudo GTs of {folder.root} were made from '
                            'it. Were the LR images moved? Give their folder as lq_dir')
    if file_sha256(lq) != record.lq_sha256:
        raise PseudoGTError(f'{lq}: is not the LR image that the pseudo GT in {folder.root} was '
                            'made from; run `mmdesra make-pseudo-gt` again, or give the folder '
                            'that has it as lq_dir')
    if not gt.is_file():
        raise PseudoGTError(f'{gt}: is missing; run `mmdesra make-pseudo-gt` with --recompose')
    if file_sha256(mask) != record.mask_sha256:
        raise PseudoGTError(f'{mask}: was changed after its pseudo GT was composed; run '
                            '`mmdesra make-pseudo-gt` with --recompose')
    return dict(key=record.name, img_path=str(lq), gt_path=str(gt), mask_path=str(mask))
