"""Before and after fine-tuning, on LR images that were not trained on."""
from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from tqdm import tqdm

from ..detectors import BaseDetector, detect_image
from ..files import (
    ImageError,
    list_images,
    make_output_folder,
    read_image,
    read_mask,
    write_image,
    write_mask,
    write_text,
)
from ..generators import Upscaler, upscale
from ..ops import DetailChange, RegionChanges, compare_regions
from ..segmentors import LabelSource
from .image_detail import image_detail

logger = logging.getLogger('mmdesra')

BEFORE = 'before.json'
RESULTS = 'results.json'
FOLDERS = ('mse', 'gan_before', 'mask_before', 'gan_after', 'mask_after')


@dataclass(frozen=True)
class Comparison:
    """What fine-tuning did to a set of images.

    Attributes:
        images (int): Images compared.
        regions_before (int): Artifact regions before.
        regions_after (int): Artifact regions after.
        area_before (int): Artifact pixels before.
        area_after (int): Artifact pixels after.
        removal_rate (float | None): Regions with no artifact pixel left / regions before, in
            [0, 1]; None where there was none before.
        addition_rate (float | None): Regions that share no pixel with one from before /
            regions before; None where there was none before.
        detail_kept (float): Sum of local standard deviations outside the masks from before,
            after ÷ before.
        per_image (dict): The same counts for each image, by file name.
    """
    images: int
    regions_before: int
    regions_after: int
    area_before: int
    area_after: int
    removal_rate: float | None
    addition_rate: float | None
    detail_kept: float
    per_image: dict[str, dict]

    def __str__(self) -> str:
        if self.removal_rate is None:
            rates = f'nothing to remove, added {self.regions_after} regions'
        else:
            rates = f'removed {self.removal_rate:.2%}, added {self.addition_rate:.2%}'
        return (f'{self.images} held-out images: regions {self.regions_before} -> '
                f'{self.regions_after}, artifact area {self.area_before} -> {self.area_after} '
                f'px, {rates}, detail kept {self.detail_kept:.4f}')


class BeforeAfter:
    """Detects with the generator before and after fine-tuning, and compares.

    Everything that is seen goes to files, so that a resumed run still knows how it was before,
    and a person can look: ``mse/ gan_before/ mask_before/ gan_after/ mask_after/`` with a PNG
    for each image, ``before.json`` and ``results.json``. Each process does its share.

    Args:
        lq_dir (str | Path): Folder of LR images.
        mse (Upscaler): The MSE-trained generator.
        detector (BaseDetector): Finds the artifacts.
        out_dir (str | Path): Where the files go.
        labels (LabelSource, optional): Label maps for the semantic step.

    Raises:
        ImageError: If ``lq_dir`` holds no image.
    """

    def __init__(self, lq_dir: str | Path, mse: Upscaler, detector: BaseDetector,
                 out_dir: str | Path, labels: LabelSource | None = None) -> None:
        self.paths = list_images(lq_dir)
        self.mse = mse
        self.detector = detector
        self.out_dir = Path(out_dir)
        self.labels = labels

    @property
    def knows_before(self) -> bool:
        """bool: Whether :meth:`measure_before` was completed in this folder."""
        return (self.out_dir / BEFORE).is_file()

    def measure_before(self, gan: Upscaler) -> None:
        """Detect with the generator as it was loaded; an image that cannot be used is skipped."""
        for name in FOLDERS:
            make_output_folder(self.out_dir / name)
        # A kill from here on must not leave the figures of an earlier run beside new pictures.
        (self.out_dir / BEFORE).unlink(missing_ok=True)
        details = {}
        for path in self._share('held-out, before'):
            try:
                lq = read_image(path)
                mse_sr, gan_sr = upscale(self.mse, lq, path), upscale(gan, lq, path)
                mask = detect_image(self.detector, gan_sr, mse_sr, path, self.labels).mask
            except ImageError as error:
                logger.warning('skipped: %s', error)
                continue
            self._write('mse', path, mse_sr)
            self._write('gan_before', path, gan_sr)
            write_mask(self._file('mask_before', path), mask)
            details[path.name] = image_detail(gan_sr, mask)
        details = _merge(all_gather_object(details))
        if get_rank() == 0:
            write_text(self.out_dir / BEFORE, json.dumps(details, indent=1, sort_keys=True) + '\n')

    def measure_after(self, gan: Upscaler, write: bool = True) -> Comparison:
        """Detect with the fine-tuned generator and compare.

        Args:
            gan (Upscaler): The fine-tuned generator.
            write (bool): Whether to write its pictures and masks.

        Returns:
            Comparison: Over all processes.

        Raises:
            FileNotFoundError: If :meth:`measure_before` was not completed in this folder.
        """
        details = json.loads((self.out_dir / BEFORE).read_text(encoding='utf-8'))
        rows = {path.name: self._compare_one(gan, path, details[path.name], write)
                for path in self._share('held-out, after') if path.name in details}
        rows = _merge(all_gather_object(rows))
        if not rows:
            logger.warning('none of the held-out images could be compared: they are not those of '
                           '%s', self.out_dir / BEFORE)
        return _sum_up(rows)

    def write(self, comparison: Comparison, seconds: dict[str, float]) -> None:
        """Write ``results.json``: the comparison, and the seconds of each stage."""
        if get_rank() == 0:
            content = dict(asdict(comparison), seconds=seconds)
            write_text(self.out_dir / RESULTS, json.dumps(content, indent=1) + '\n')

    def _compare_one(self, gan: Upscaler, path: Path, detail_before: float,
                     write: bool) -> dict:
        gan_sr = upscale(gan, read_image(path), path)
        mse_sr = read_image(self._file('mse', path))
        before = read_mask(self._file('mask_before', path))
        after = detect_image(self.detector, gan_sr, mse_sr, path, self.labels).mask
        if write:
            self._write('gan_after', path, gan_sr)
            write_mask(self._file('mask_after', path), after)
        changes = compare_regions(torch.from_numpy(before), torch.from_numpy(after))
        return dict(asdict(changes), area_before=int(before.sum()), area_after=int(after.sum()),
                    detail_before=detail_before, detail_after=image_detail(gan_sr, before))

    def _share(self, title: str) -> tqdm:
        rank = get_rank()
        return tqdm(self.paths[rank::get_world_size()], title, unit='image', disable=rank != 0)

    def _file(self, folder: str, path: Path) -> Path:
        return self.out_dir / folder / f'{path.stem}.png'

    def _write(self, folder: str, path: Path, image: np.ndarray) -> None:
        write_image(self._file(folder, path), image)


def _merge(parts: list[dict]) -> dict:
    merged = {name: value for part in parts for name, value in part.items()}
    return dict(sorted(merged.items()))


def _sum_up(rows: dict[str, dict]) -> Comparison:
    def total(key: str) -> float:
        return sum(row[key] for row in rows.values())

    changes = RegionChanges(*(total(key) for key in ('before', 'after', 'removed', 'added')))
    detail = DetailChange(total('detail_before'), total('detail_after'))
    return Comparison(
        images=len(rows), regions_before=changes.before, regions_after=changes.after,
        area_before=total('area_before'), area_after=total('area_after'),
        removal_rate=changes.removal_rate if changes.before else None,
        addition_rate=changes.addition_rate if changes.before else None,
        detail_kept=detail.kept,
        per_image=rows)
