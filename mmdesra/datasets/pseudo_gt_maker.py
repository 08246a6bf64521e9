"""Making pseudo GTs: MSE-SR pixels inside the artifacts, GAN-SR pixels elsewhere."""
from __future__ import annotations

import logging
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..detectors import BaseDetector, Detection, detect_image, label_image
from ..errors import InputError
from ..files import (
    ImageError,
    image_name,
    in_background,
    read_mask,
    shown_name,
    size_of,
    write_image,
    write_mask,
)
from ..files.atomic import make_parent
from ..files.decoding import check_usable
from ..files.image_path import composed
from ..files.inputs import refuse_inside
from ..files.run_description import describe_folder, weights_of
from ..generators import GeneratedPairs, Pair
from ..generators.tile_progress import tiles_shown
from ..ops import label_regions
from ..segmentors import LabelSource
from .drawn_masks import keep_as_drawn, keep_if_changed, may_be_mask, refuse_elsewhere
from .pseudo_gt import compose_pseudo_gt
from .pseudo_gt_folder import Manifest, PseudoGTError, PseudoGTFolder, Record, file_sha256

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class Found:
    """An LR image, its SR images and the artifacts found in them.

    Attributes:
        record (Record): What is known of it before.
        pair (Pair): The SR images.
        detection (Detection): Their artifacts.
    """
    record: Record
    pair: Pair
    detection: Detection


@dataclass(frozen=True)
class Made:
    """An LR image whose mask is final, before its pair is written.

    Attributes:
        record (Record): What is known of it before its pair is written.
        pair (Pair): The SR images to compose the pseudo GT of.
        mask (np.ndarray): Where it is MSE-SR, bool, shape ``(H, W)``; empty: it has no pair.
    """
    record: Record
    pair: Pair
    mask: np.ndarray


@dataclass
class PseudoGTMaker:
    """Makes a pseudo-GT folder from LR images.

    Attributes:
        pairs (GeneratedPairs): The LR images and the two generators.
        detector (BaseDetector): Decides the masks.
        labels (LabelSource, optional): Label maps for the semantic step.
        rank (int): This process; it makes every ``world_size``-th image.
        world_size (int): Number of processes.
    """
    pairs: GeneratedPairs
    detector: BaseDetector
    labels: LabelSource | None = None
    rank: int = 0
    world_size: int = 1
    skipped: dict[str, str] = field(default_factory=dict)

    def made_with(self) -> dict:
        """Return the weights and settings that decide the pairs."""
        return dict(**self.pairs.describe(), detector=self.detector.describe(),
                    labels=self.labels.describe() if self.labels else None)

    def begin(self, folder: PseudoGTFolder) -> None:
        """Open the folder and describe the run in it; for the first process, before the others.

        What an earlier try with other settings left is removed if it found nothing, see
        :meth:`PseudoGTFolder.begin_anew_if_empty`. A folder that cannot be used is left as it is:
        :meth:`make` then says why, in every process.
        """
        made_with = self.made_with()
        folder.begin_anew_if_empty(made_with)
        with suppress(InputError, OSError):
            self._refuse_inputs(folder)
            folder.open_for_making(made_with)
            self._describe(folder)

    def make(self, folder: PseudoGTFolder) -> None:
        """Make this rank's share of the pairs, except those that are done already.

        Images that cannot be used are collected in :attr:`skipped`. While the generators run on
        one image, the next is read, the detector looks at the one before, and the one before that
        is written.

        Raises:
            PseudoGTError: If the folder was begun with other weights or settings.
            OSError: If the folder cannot be written.
        """
        made_with = self.made_with()
        self._refuse_inputs(folder)
        folder.open_for_making(made_with)
        finished = folder.finished()
        self._refuse_orphans(folder, finished.values())
        journal = folder.journal(self.rank, made_with)
        known = {record.mask_sha256 for record in finished.values()}

        def write(made: Made) -> None:
            keep_if_changed(folder, made.record.name, known, made.mask)
            journal.add(_write(folder, made))

        try:
            with closing(in_background(write, self._make_share(finished))) as written:
                for one in written:
                    one.result()
        finally:
            journal.close()

    def finish(self, folder: PseudoGTFolder, skipped: dict[str, str]) -> Manifest:
        """Merge the journals of all ranks into the manifest; for one rank, after the others.

        What was made from LR images that are gone or can no longer be used is removed.

        Args:
            folder (PseudoGTFolder): The folder.
            skipped (dict): The :attr:`skipped` of all ranks.

        Raises:
            PseudoGTError: If an image is neither made nor skipped.
        """
        finished = folder.finished()
        records, skipped = {}, dict(skipped)
        for path in self.pairs.paths:
            if shown_name(path) in skipped:
                continue
            try:
                record = finished.get(self._clean_record(path).made_from)
            except ImageError as error:  # the LR image has vanished since its pair was made
                skipped[shown_name(path)] = str(error)
                logger.warning('skipped: %s', error)
                continue
            if record is None:
                raise PseudoGTError(f'{path}: is not made yet, or was changed meanwhile; run the '
                                    'same command again')
            records[record.name] = record
        known = {record.mask_sha256 for record in finished.values()}
        kept = set(map(composed, records))
        for record in finished.values():
            if composed(record.name) not in kept:
                keep_if_changed(folder, record.name, known)
                folder.remove_pair(record.name)
        folder.complete(Manifest(self._lq_dir(), self.made_with(), tuple(records.values()),
                                 skipped))
        return folder.read_manifest()

    def has_made(self, folder: PseudoGTFolder) -> bool:
        """Tell whether a folder is complete and holds what this maker would make.

        Nothing is written.
        """
        if not folder.is_complete:
            return False
        manifest = folder.read_manifest()
        try:
            wanted = {self._clean_record(path).made_from for path in self.pairs.paths}
        except ImageError:
            return False
        return (manifest.made_with == self.made_with() and not manifest.skipped
                and wanted == {record.made_from for record in manifest.records}
                and manifest.lq_dir == self._lq_dir())

    def recompose(self, folder: PseudoGTFolder) -> Manifest:
        """Bring the pseudo GTs in line with masks that a person repainted, deleted or added.

        Nothing that a person drew is lost: a mask that is brought into the form of all others
        (0 and 255) is kept as it was drawn, one that was emptied stays where it is, and one that
        cannot be used is left alone with its pair.

        Returns:
            Manifest: Every image whose mask is gone or empty counts as clean; those with a mask
            that cannot be used are in ``skipped``.

        Raises:
            PseudoGTError: If the folder is incomplete or was made with other weights, or if an
                LR image is gone or was changed.
        """
        manifest = folder.read_manifest()
        if not folder.is_complete:
            raise PseudoGTError(f'{folder.root}: its making was interrupted; complete it first, '
                                'by the same command without --recompose')
        self._refuse_inputs(folder)
        folder.open_for_making(self.made_with())
        self._describe(folder)
        self._refuse_orphans(folder, manifest.records)
        paths = {image_name(path): path for path in self.pairs.paths}
        masks = folder.masks()
        for name in sorted(masks.keys() - {composed(record.name) for record in manifest.records}):
            for mask in filter(may_be_mask, masks[name]):
                logger.warning('%s: belongs to no LR image and is not used', mask)
        lq = {record.lq for record in manifest.records}
        skipped = {name: why for name, why in manifest.skipped.items() if name not in lq}
        records = []
        for record in tqdm(manifest.records, 'recompose', unit='image'):
            try:
                path = paths.get(composed(record.name))
                refuse_elsewhere(folder.mask_path(record.name),
                                 masks.get(composed(record.name), []))
                records.append(self._recompose_one(folder, record, path))
            except ImageError as error:
                records.append(record)
                skipped[record.lq] = str(error)
                logger.warning('left as it is: %s', error)
        folder.complete(replace(manifest, lq_dir=self._lq_dir(), records=tuple(records),
                                skipped=skipped))
        return folder.read_manifest()

    def _describe(self, folder: PseudoGTFolder) -> None:
        describe_folder(folder.root, self.made_with(),
                        weights_of(self.pairs, self.detector, self.labels),
                        goes_on=folder.is_begun)

    def _refuse_inputs(self, folder: PseudoGTFolder) -> None:
        refuse_inside(folder.root, self.pairs.open_ended)
        first, labels = self.pairs.paths[0], None
        if self.labels is not None:
            with suppress(ImageError):  # it has no label map: reported when its turn comes
                labels = self.labels.stored_file(first)
        folder.refuse_inputs([*self.pairs.paths, *filter(None, [labels])])

    def _refuse_orphans(self, folder: PseudoGTFolder, records: Iterable[Record]) -> None:
        """Refuse masks without an LR image: they may be a person's work, and would be deleted."""
        refusals = {image_name(path): getattr(path, 'refusal', '') for path in self.pairs.paths}
        left = [record for record in records if refusals.get(composed(record.name), 'gone')
                and folder.mask_path(record.name).is_file()]
        for record in left:
            if refusals.get(composed(record.name)):  # or a person's mask would go with its pair
                raise PseudoGTError(f'{folder.mask_path(record.name)}: is of an LR image that '
                                    f'cannot be used now: {refusals[composed(record.name)]}')
        orphans = sorted(record.lq for record in left)
        if orphans:
            raise PseudoGTError(
                f'{folder.root}: holds pseudo GTs of LR images that are not in {self._lq_dir()} '
                f'({len(orphans)}, the first is {orphans[0]}). Use another folder; or, to drop '
                'these pairs, delete their masks')

    def _lq_dir(self) -> str:
        return str(self.pairs.root.resolve())

    def _clean_record(self, path: Path) -> Record:
        check_usable(path)
        stored = self.labels.stored_file(path) if self.labels else None
        inside = Path(os.path.relpath(path, self.pairs.root)).as_posix()
        return Record(image_name(path), inside, file_sha256(path),
                      file_sha256(stored) if stored else '')

    def _share(self) -> Sequence[Path]:
        return self.pairs.paths[self.rank::self.world_size]

    def _make_share(self, finished: Container[tuple[str, ...]]) -> Iterator[Made]:
        with closing(in_background(self._look, self._generate_share(finished))) as looks:
            for look in looks:
                path, found = look.result()
                try:
                    if isinstance(found, ImageError):
                        raise found
                    made = self._complete(path, self._label(path, found))
                except ImageError as error:
                    self._skip(path, error)
                    continue
                yield made

    def _generate_share(self, finished: Container[tuple[str, ...]]
                        ) -> Iterator[tuple[Path, Record, Pair]]:
        paths = self._share()
        bar = tqdm(paths, 'pseudo GTs', unit='image', disable=self.rank != 0)
        with closing(in_background(partial(self._read_unless, finished), paths)) as files, \
                tiles_shown(bar, *self.pairs.upscalers):
            for path, file in zip(bar, files):
                try:
                    unfinished = file.result()
                    if unfinished is None:
                        continue
                    record, lq = unfinished
                    pair = self._generate(path, lq)
                except ImageError as error:
                    self._skip(path, error)
                    continue
                yield path, record, pair

    def _read_unless(self, finished: Container[tuple[str, ...]],
                     path: Path) -> tuple[Record, np.ndarray] | None:
        record = self._clean_record(path)
        return None if record.made_from in finished else (record, self.pairs.read(path))

    def _generate(self, path: Path, lq: np.ndarray) -> Pair:
        return self.pairs.make(path, lq)

    def _look(self, generated: tuple[Path, Record, Pair]) -> tuple[Path, Found | ImageError]:
        path, record, pair = generated
        labels = None if self._dear_labels else self.labels
        try:
            detection = detect_image(self.detector, pair.gan, pair.mse, path, labels)
        except ImageError as error:
            return path, error
        return path, Found(record, pair, detection)

    @property
    def _dear_labels(self) -> LabelSource | None:
        """LabelSource | None: A segmenter, which must not run beside the generators.

        Each may need all of the GPU's memory, so it takes turns with them.
        """
        return self.labels if self.labels is not None and self.labels.is_dear else None

    def _label(self, path: Path, found: Found) -> Found:
        if self._dear_labels is None:
            return found
        return replace(found, detection=label_image(
            self.detector, found.detection, found.pair.gan, path, self._dear_labels))

    def _complete(self, path: Path, found: Found) -> Made:
        return Made(with_dropped(found), found.pair, found.detection.mask)

    def _skip(self, path: Path, error: ImageError) -> None:
        self.skipped[shown_name(path)] = str(error)
        logger.warning('skipped: %s', error)

    def _recompose_one(self, folder: PseudoGTFolder, record: Record, path: Path | None) -> Record:
        mask_path, gt_path = folder.mask_path(record.name), folder.gt_path(record.name)
        clean = replace(record, regions=0, area=0, mask_sha256='')
        if path is None or not mask_path.is_file():  # without an LR image: _refuse_orphans
            folder.remove_pair(record.name)
            return clean
        is_changed = file_sha256(mask_path) != record.mask_sha256
        if not is_changed and gt_path.is_file():
            return record
        if self._clean_record(path).made_from != record.made_from:
            raise PseudoGTError(f'{path}: it or its label map was changed after the folder was '
                                'made; run the same command without --recompose first')
        mask = read_mask(mask_path)
        if not mask.any():
            logger.warning('%s: is empty, so %s counts as clean; its pseudo GT is removed, the '
                           'mask stays', mask_path, path.name)
            gt_path.unlink(missing_ok=True)
            return clean
        pair = self.pairs.load(path)
        if mask.shape != pair.gan.shape[:2]:
            raise ImageError(f"{mask_path}: expected a mask of the SR image's size "
                             f'{size_of(pair.gan)}, got {size_of(mask)}')
        if is_changed:
            keep_as_drawn(folder, record.name, mask)
        return _write(folder, Made(clean, pair, mask))


def with_dropped(found: Found) -> Record:
    """Return the record with the area of the largest region that was too small to count."""
    return replace(found.record, largest_dropped=found.detection.largest_dropped or None)


def _write(folder: PseudoGTFolder, made: Made) -> Record:
    """Compose a pseudo GT, write it and its mask, and return the record that says so."""
    record, mask = made.record, made.mask
    if not mask.any():
        folder.remove_pair(record.name)  # of an earlier LR image of this name
        return record
    gt_path, mask_path = (make_parent(path) for path in (
        folder.gt_path(record.name), folder.mask_path(record.name)))
    write_image(gt_path, compose_pseudo_gt(made.pair.gan, made.pair.mse, mask))
    write_mask(mask_path, mask)
    return replace(record, regions=len(label_regions(torch.from_numpy(mask))),
                   area=int(mask.sum()), mask_sha256=file_sha256(mask_path))
