"""Before and after fine-tuning, on LR images that were not trained on."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size
from tqdm import tqdm

from ..detectors import BaseDetector, detect_image
from ..files import (
    ImageError,
    image_name,
    list_inputs,
    make_output_folder,
    read_image,
    read_mask,
    shown_name,
    write_image,
    write_mask,
)
from ..files.atomic import make_parent
from ..files.image_path import name_of_file
from ..files.inputs import refuse_inside, refuse_same_files
from ..files.listing import ImageInputs
from ..files.records import read_json
from ..files.tables import write_json
from ..generators import Upscaler, as_reference, enlarge, upscale
from ..generators.pairs import check_pair
from ..generators.reference import AnyReference
from ..generators.tile_progress import tiles_shown
from ..segmentors import LabelSource
from .comparison import Comparison, scalars_before
from .ground_truths import GroundTruths
from .image_before import ImageBefore
from .image_change import ImageChange
from .judge import Judge
from .judge_change import judge_after, judge_before
from .perceptual import build_perceptual

logger = logging.getLogger('mmdesra')

BEFORE = 'before.json'
RESULTS = 'results.json'
FOLDERS = ('mse', 'gan_before', 'mask_before', 'gan_after', 'mask_after')
"""Folders of pictures and masks, with one file for each image."""


def picture_path(out_dir: Path, folder: str, path: str | Path) -> Path:
    """Return where the picture or mask of an LR image is, in one of :data:`FOLDERS`.

    Args:
        out_dir (Path): Where all of them are.
        folder (str): The folder.
        path (str | Path): The image, or how it is shown, see :func:`mmdesra.files.shown_name`.
    """
    name = image_name(path) if isinstance(path, Path) else name_of_file(path)
    return out_dir / folder / f'{name}.png'


def read_pictures(out_dir: Path, path: str | Path) -> dict[str, np.ndarray]:
    """Read what :class:`BeforeAfter` wrote of an LR image, by the names of :data:`FOLDERS`.

    Returns:
        dict[str, np.ndarray]: Images, uint8 ``(H, W, 3)``, and masks, bool ``(H, W)``.

    Raises:
        ImageError: If one is missing.
    """
    return {folder: (read_mask if folder.startswith('mask') else read_image)(
        picture_path(out_dir, folder, path)) for folder in FOLDERS}


class BeforeAfter:
    """Detects with the generator before and after fine-tuning, and compares.

    Everything that is seen goes to files, so that a resumed run still knows how it was before,
    and a person can look: ``mse/ gan_before/ mask_before/ gan_after/ mask_after/`` with a PNG
    for each image, ``before.json`` and ``results.json``. Each process does its share.

    Args:
        lq_dir (str | Path | Sequence): LR images: a folder, a pattern, or several.
        mse (Upscaler | Reference): The MSE-trained generator, or what stands for it.
        detector (BaseDetector): Finds the artifacts.
        out_dir (str | Path): Where the files go.
        labels (LabelSource, optional): Label maps for the semantic step.
        gt_dir (str | Path, optional): Folder of ground truths, to compare all versions with. One
            that is missing or of another size than the SR image is reported, and its image left
            out of the figures that need it.
        perceptual (str | dict | BaseDetector, optional): Perceptual distance to the ground
            truths, see :func:`mmdesra.evaluation.perceptual.build_perceptual`.
        recursive (bool): Whether to read the sub-folders of ``lq_dir``, too; ground truths and
            label maps are then in sub-folders of one name.

    Raises:
        ImageError: If ``lq_dir`` holds no image, or ``gt_dir`` the ground truth of none of them.
        InputError: If one of them is a folder that is cleared and written into, ``out_dir`` lies
            in one that is read with its sub-folders, or the perceptual distance cannot be built.
    """

    def __init__(self, lq_dir: ImageInputs, mse: AnyReference, detector: BaseDetector,
                 out_dir: str | Path, labels: LabelSource | None = None,
                 gt_dir: str | Path | None = None,
                 perceptual: str | dict | BaseDetector | None = None,
                 recursive: bool = False) -> None:
        listing = list_inputs(lq_dir, recursive)
        self.paths = listing.paths
        refuse_same_files([Path(out_dir) / name for name in FOLDERS],
                          [*{path.parent for path in self.paths}, gt_dir])
        refuse_inside(out_dir, listing.open_ended)
        self.mse = mse
        self.detector = detector
        self.out_dir = Path(out_dir)
        self.labels = labels
        self.ground_truths = GroundTruths(gt_dir, self.paths) if gt_dir else None
        self.judge = Judge(build_perceptual(perceptual) if gt_dir else None)

    @property
    def knows_before(self) -> bool:
        """bool: Whether :meth:`measure_before` was completed in this folder."""
        # Earlier versions wrote only the detail, a number instead of a row.
        return ((self.out_dir / BEFORE).is_file()
                and all(isinstance(row, dict) for row in self._read_rows(dict).values()))

    def measure_before(self, gan: Upscaler) -> None:
        """Detect with the generator as it was loaded; an image that cannot be used is skipped.

        Pictures, masks and figures of an earlier run in this folder are removed.

        Raises:
            ImageError: If no image can be used; in every process.
            GeneratorError: If the generators enlarge by different factors, or are the same.
        """
        check_pair(gan, self.mse)
        if get_rank() == 0:
            self._clear()
        barrier()
        rows, skipped = {}, {}
        for path in self._share('held-out, before', gan, as_reference(self.mse).upscaler):
            try:
                rows[shown_name(path)] = self._measure_one(gan, path).row()
            except ImageError as error:
                logger.warning('skipped: %s', error)
                skipped[shown_name(path)] = str(error)
        rows, skipped = (_merge(all_gather_object(part)) for part in (rows, skipped))
        if not rows:
            raise ImageError(f'none of the {len(skipped)} held-out images can be used; '
                             f'{next(iter(skipped.values()))}')
        if get_rank() == 0:
            write_json(self.out_dir / BEFORE, rows)
        barrier()  # the others read it next

    @property
    def scalars_before(self) -> dict[str, float]:
        """dict[str, float]: As :attr:`Comparison.scalars`, from :meth:`measure_before`."""
        return scalars_before(self._read_before())

    def measure_after(self, gan: Upscaler, write: bool = True) -> Comparison:
        """Detect with the fine-tuned generator and compare.

        Args:
            gan (Upscaler): The fine-tuned generator.
            write (bool): Whether to write its pictures and masks.

        Returns:
            Comparison: Over all processes.

        Raises:
            FileNotFoundError: If :meth:`measure_before` was not completed in this folder.
            ImageError: If no image can be compared, such as with a generator that has diverged;
                in every process. A single one is skipped.
        """
        known, images, skipped = self._read_before(), {}, {}
        had_truths = any(image.fidelity for image in known.values())
        for path in self._share('held-out, after', gan):
            name = shown_name(path)
            if name not in known:
                continue
            try:
                before = self._complete(known[name], path, had_truths)
                images[name] = self._compare_one(gan, path, *before, write)
            except ImageError as error:
                logger.warning('skipped: %s', error)
                skipped[name] = str(error)
        images, skipped = (_merge(all_gather_object(part)) for part in (images, skipped))
        if skipped and not images:
            raise ImageError(f'none of the {len(skipped)} held-out images can be compared; '
                             f'{next(iter(skipped.values()))}')
        if not images:
            logger.warning('none of the held-out images could be compared: they are not those of '
                           '%s', self.out_dir / BEFORE)
        return Comparison.of(images, self.judge.describe())

    def read_truth(self, sr: np.ndarray, path: Path) -> np.ndarray | None:
        """Return the ground truth of an LR image, see :meth:`GroundTruths.read`."""
        return self.ground_truths.read(sr, path) if self.ground_truths else None

    def write(self, comparison: Comparison, seconds: dict[str, float]) -> None:
        """Write ``results.json``: the comparison, the reference, and the seconds of each stage."""
        if get_rank() == 0:
            write_json(self.out_dir / RESULTS, dict(
                asdict(comparison), reference=as_reference(self.mse).describe(),
                seconds=seconds))

    def _clear(self) -> None:
        """Remove the pictures, masks and figures of an earlier run.

        Otherwise a kill could leave old figures beside new pictures, or pictures of images that
        this run does not have, which a page or an average over the folder would include.
        """
        for name in (BEFORE, RESULTS):
            (self.out_dir / name).unlink(missing_ok=True)
        for name in FOLDERS:
            for path in make_output_folder(self.out_dir / name).rglob('*.png'):
                path.unlink()

    def _measure_one(self, gan: Upscaler, path: Path) -> ImageBefore:
        lq = read_image(path)
        pair = enlarge(gan, self.mse, lq, path)
        mse_sr, gan_sr = pair.mse, pair.gan
        mask = detect_image(self.detector, gan_sr, mse_sr, path, self.labels).mask
        self._write('mse', path, mse_sr)
        self._write('gan_before', path, gan_sr)
        write_mask(make_parent(self._file('mask_before', path)), mask)
        return judge_before(self.judge, gan_sr, mse_sr, mask, self.read_truth(gan_sr, path))

    def _compare_one(self, gan: Upscaler, path: Path, known: ImageBefore,
                     truth: np.ndarray | None, write: bool) -> ImageChange:
        gan_sr = upscale(gan, read_image(path), path)
        mse_sr = read_image(self._file('mse', path))
        mask = detect_image(self.detector, gan_sr, mse_sr, path, self.labels).mask
        if write:
            self._write('gan_after', path, gan_sr)
            write_mask(make_parent(self._file('mask_after', path)), mask)
        mask_before = read_mask(self._file('mask_before', path))
        return judge_after(self.judge, known, mask_before, gan_sr, mse_sr, mask, truth)

    def _complete(self, known: ImageBefore, path: Path, had_truths: bool
                  ) -> tuple[ImageBefore, np.ndarray | None]:
        """Return the figures from before, and the ground truth.

        Where figures are missing they are measured again from the stored pictures: the run may
        have begun with an earlier version, without ground truths, or with another perceptual
        distance.
        """
        mse_sr = read_image(self._file('mse', path))
        # A missing ground truth was reported in measure_before; once is enough.
        is_wanted = known.fidelity is not None or not had_truths
        truth = self.read_truth(mse_sr, path) if is_wanted else None
        if known.excess is not None and (truth is None or (
                known.to_truth is not None
                and known.to_truth.perceptual == self.judge.describe())):
            return known, truth
        gan_sr, mask = (read(self._file(folder, path)) for read, folder in (
            (read_image, 'gan_before'), (read_mask, 'mask_before')))
        return judge_before(self.judge, gan_sr, mse_sr, mask, truth), truth

    def _read_before(self) -> dict[str, ImageBefore]:
        return self._read_rows(lambda rows: {name: ImageBefore.from_row(row)
                                             for name, row in rows.items()})

    def _read_rows(self, build: Callable[[Any], dict]) -> dict:
        return read_json(self.out_dir / BEFORE, build, 'restore it from a copy: what was before '
                         'fine-tuning cannot be measured again by a resumed run')

    def _share(self, title: str, *upscalers: Upscaler) -> Iterator[Path]:
        rank = get_rank()
        bar = tqdm(self.paths[rank::get_world_size()], title, unit='image', disable=rank != 0)
        with tiles_shown(bar, *upscalers):
            yield from bar

    def _file(self, folder: str, path: Path) -> Path:
        return picture_path(self.out_dir, folder, path)

    def _write(self, folder: str, path: Path, image: np.ndarray) -> None:
        write_image(make_parent(self._file(folder, path)), image)


def _merge(parts: list[dict]) -> dict:
    merged = {name: value for part in parts for name, value in part.items()}
    return dict(sorted(merged.items()))
