"""Making pseudo GTs: MSE-SR pixels inside the artifacts, GAN-SR pixels elsewhere."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..detectors import BaseDetector, Detection
from ..files import ImageError, read_mask, write_image, write_mask
from ..generators import GeneratedPairs, Pair, fingerprint
from ..segmentors import LabelFolder
from .pseudo_gt import compose_pseudo_gt
from .pseudo_gt_folder import Manifest, PseudoGTFolder, Record, file_sha256

logger = logging.getLogger('mmdesra')


@dataclass
class PseudoGTMaker:
    """Makes a pseudo-GT folder from LR images.

    Attributes:
        pairs (GeneratedPairs): The LR images and the two generators.
        detector (BaseDetector): Decides the masks.
        labels (LabelFolder, optional): Label maps for the semantic step.
        rank (int): This process; it makes every ``world_size``-th image.
        world_size (int): Number of processes.
    """
    pairs: GeneratedPairs
    detector: BaseDetector
    labels: LabelFolder | None = None
    rank: int = 0
    world_size: int = 1
    skipped: dict[str, str] = field(default_factory=dict)

    def made_with(self) -> dict:
        """Return the weights and settings that decide the pairs."""
        gan, mse = self.pairs.gan, self.pairs.mse
        return dict(gan_sha256=fingerprint(gan.generator), mse_sha256=fingerprint(mse.generator),
                    half=gan.half, tile=gan.tile, tile_pad=gan.tile_pad if gan.tile else 0,
                    detector=self.detector.describe(),
                    labels=str(Path(self.labels.folder).resolve()) if self.labels else None)

    def make(self, folder: PseudoGTFolder) -> None:
        """Make this rank's share of the pairs; what is done already is left alone.

        Images that cannot be used are collected in :attr:`skipped`.

        Raises:
            PseudoGTError: If the folder was begun with other weights or settings.
            OSError: If the folder cannot be written.
        """
        made_with = self.made_with()
        folder.open_for_making(made_with)
        finished = folder.finished()
        todo = [path for path in self._share() if not _is_finished(finished, path)]
        if not todo:
            return
        journal = folder.journal(self.rank, made_with)
        try:
            for path in tqdm(todo, 'pseudo GTs', unit='image', disable=self.rank != 0):
                try:
                    journal.add(self._make_one(folder, path))
                except ImageError as error:
                    self.skipped[path.name] = str(error)
                    logger.warning('skipped: %s', error)
        finally:
            journal.close()

    def finish(self, folder: PseudoGTFolder, skipped: dict[str, str]) -> Manifest:
        """Merge the journals of all ranks into the manifest; for one rank, after the others.

        Args:
            folder (PseudoGTFolder): The folder.
            skipped (dict): The :attr:`skipped` of all ranks.
        """
        manifest = Manifest(str(_folder_of(self.pairs.paths)), self.made_with(),
                            tuple(folder.finished().values()), skipped)
        folder.complete(manifest)
        return folder.read_manifest()

    def recompose(self, folder: PseudoGTFolder) -> Manifest:
        """Bring the pseudo GTs in line with masks that a person repainted, deleted or added.

        Returns:
            Manifest: Every image whose mask is gone or empty counts as clean.

        Raises:
            PseudoGTError: If the folder is incomplete or was made with other weights.
            ImageError: If a mask cannot be used.
        """
        folder.open_for_making(self.made_with())
        manifest = folder.read_manifest()
        paths = {path.stem: path for path in self.pairs.paths}
        records = [self._recompose_one(folder, record, paths[record.name])
                   if record.name in paths else record
                   for record in tqdm(manifest.records, 'recompose', unit='image')]
        folder.complete(replace(manifest, records=tuple(records)))
        return folder.read_manifest()

    def _share(self) -> Sequence[Path]:
        return self.pairs.paths[self.rank::self.world_size]

    def _make_one(self, folder: PseudoGTFolder, path: Path) -> Record:
        pair = self.pairs.load(path)
        detection = self._detect(pair, path)
        record = Record(path.stem, path.name, file_sha256(path))
        if not detection.area:
            return record
        return _write_pair(folder, record, pair, detection.mask, len(detection.regions))

    def _detect(self, pair: Pair, path: Path) -> Detection:
        labels = self.labels.load(path.stem) if self.labels else None
        try:
            return self.detector.detect(pair.gan, pair.mse, labels)
        except ValueError as error:
            raise ImageError(f'{path}: {error}') from error

    def _recompose_one(self, folder: PseudoGTFolder, record: Record, path: Path) -> Record:
        mask_path = folder.mask_path(record.name)
        clean = Record(record.name, record.lq, record.lq_sha256)
        if mask_path.is_file():
            if file_sha256(mask_path) == record.mask_sha256:
                return record
            mask = read_mask(mask_path)
            if mask.any():
                pair = self.pairs.load(path)
                if mask.shape != pair.gan.shape[:2]:
                    raise ImageError(f'{mask_path}: expected a mask of the SR image\'s size '
                                     f'{pair.gan.shape[:2]}, got {mask.shape}')
                regions = len(Detection(mask, mask).regions)
                return _write_pair(folder, clean, pair, mask, regions)
        folder.gt_path(record.name).unlink(missing_ok=True)
        return clean


def _write_pair(folder: PseudoGTFolder, record: Record, pair: Pair, mask: np.ndarray,
                regions: int) -> Record:
    write_image(folder.gt_path(record.name), compose_pseudo_gt(pair.gan, pair.mse, mask))
    mask_path = folder.mask_path(record.name)
    write_mask(mask_path, mask)
    return replace(record, regions=regions, area=int(mask.sum()),
                   mask_sha256=file_sha256(mask_path))


def _is_finished(finished: dict[str, Record], path: Path) -> bool:
    record = finished.get(path.stem)
    return record is not None and record.lq_sha256 == file_sha256(path)


def _folder_of(paths: Sequence[Path]) -> Path:
    return paths[0].parent.resolve()
