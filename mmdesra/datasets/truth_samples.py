"""SR images whose ground truths are known: made from photographs, or stored."""
from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..files import ImageError, ImageFolder, collect_images, list_images, read_image, size_of
from ..files.listing import ImageInputs
from ..generators import StoredPairs, Upscaler, as_reference, make_reference
from ..generators.checkpoint import fingerprint
from ..generators.pairs import upscale
from .degradations import Degradation, enlarge_bicubic
from .photographs import Cutting, Piece, cut_to, unique_names

logger = logging.getLogger('mmdesra')

BICUBIC = 'bicubic enlargement of the LR image'
SIBLING = 'MSE-SR'


@dataclass(frozen=True)
class TruthSample:
    """An SR image with its ground truth; images are uint8 RGB, shape ``(H, W, 3)``.

    Attributes:
        name (str): A file stem of its own.
        source (dict): Where it is from, for manifests: ``photograph``, ``file`` (what it was made
            from, one of the source's paths), and what else there is to say.
        gan (np.ndarray): GAN-SR image.
        reference (np.ndarray): MSE-SR image, or what stands for it.
        truth (np.ndarray): The photograph.
        lq (np.ndarray, optional): The LR image, where it is known.
    """
    name: str
    source: dict
    gan: np.ndarray = field(repr=False)
    reference: np.ndarray = field(repr=False)
    truth: np.ndarray = field(repr=False)
    lq: np.ndarray | None = field(default=None, repr=False)


class TruthSource(ABC):
    """A set of SR images with ground truths, made or read one by one.

    Attributes:
        paths (list[Path]): What they are made from.
        skipped (dict[str, str]): File name of what could not be used, and why; filled meanwhile.
        reference (str): What the reference is, in words.
    """
    paths: list[Path]
    skipped: dict[str, str]
    reference: str

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """list[Path]: All that is read, and nothing may be written over."""

    @abstractmethod
    def describe(self) -> dict:
        """Return what decides the samples beside their files."""

    @abstractmethod
    def samples_of(self, path: Path) -> Iterator[TruthSample]:
        """Make the samples of one of the paths.

        Raises:
            ImageError: If it cannot be used.
        """

    def samples(self, doing: str) -> Iterator[TruthSample]:
        """Make all samples; what cannot be used is logged, noted and skipped.

        Args:
            doing (str): What for, beside the progress bar.
        """
        for path in tqdm(self.paths, doing, unit='photograph'):
            try:
                yield from self.samples_of(path)
            except ImageError as error:
                logger.warning('skipped: %s', error)
                self.skipped[path.name] = str(error)


class MadeFromPhotographs(TruthSource):
    """Photographs, reduced or degraded, and enlarged again by a GAN-SR model.

    Args:
        photographs (str | Path | Sequence): A folder, a file, or several.
        cutting (Cutting): What pieces of them serve as ground truths.
        degradation (Degradation): Makes the LR images.
        gan (Upscaler): The GAN-trained generator.
        mse (Upscaler, optional): Its sibling. Without it, the bicubic enlargement of the LR image
            stands for the MSE-SR image.

    Raises:
        ImageError: If there is no photograph.
    """

    def __init__(self, photographs: ImageInputs, cutting: Cutting, degradation: Degradation,
                 gan: Upscaler, mse: Upscaler | None = None) -> None:
        self.paths = collect_images(photographs)
        self.skipped = {}
        self.cutting, self.degradation, self.gan = cutting, degradation, gan
        self.mse = as_reference(mse) if mse is not None else None
        self.reference = BICUBIC if mse is None else SIBLING
        self._names: set[str] = set()

    @property
    def files(self) -> list[Path]:
        """list[Path]: See :attr:`TruthSource.files`."""
        return self.paths

    def describe(self) -> dict:
        """See :meth:`TruthSource.describe`."""
        cutting = self.cutting
        return dict(
            degradation=type(self.degradation).__name__, scale=cutting.scale, seed=cutting.seed,
            short_sides=list(cutting.short_sides), crop=cutting.crop, crops=cutting.crops,
            gan_sha256=fingerprint(self.gan.generator),
            **(self.mse.describe() if self.mse else dict(mse_sha256=None)),
            reference=self.reference, half=self.gan.half, tile=self.gan.tile,
            tile_pad=self.gan.tile_pad if self.gan.tile else 0)

    def samples_of(self, path: Path) -> Iterator[TruthSample]:
        """See :meth:`TruthSource.samples_of`."""
        for piece in unique_names(self.cutting.pieces(path), self._names):
            yield self._enlarged(path, piece)

    def _enlarged(self, path: Path, piece: Piece) -> TruthSample:
        # Each piece has a seed of its own: skipping one does not change the noise of the others.
        seed = np.random.SeedSequence([self.cutting.seed, *piece.name.encode()])
        lq = self.degradation(piece.image, int(seed.generate_state(1)[0]))
        gan = self._checked(upscale(self.gan, lq, path, 'GAN-trained generator'), lq, path, piece,
                            'GAN-trained generator')
        if self.mse is None:
            reference = enlarge_bicubic(lq, self.cutting.scale)
        else:
            reference = self._checked(make_reference(self.mse, lq, gan, path), lq, path, piece,
                                      self.mse.name)
        source = dict(photograph=piece.source, file=path.name, short_side=piece.short_side,
                      corner=list(piece.corner))
        return TruthSample(piece.name, source, gan, reference, piece.image, lq)

    def _checked(self, sr: np.ndarray, lq: np.ndarray, path: Path, piece: Piece,
                 name: str) -> np.ndarray:
        if sr.shape != piece.image.shape:
            raise ImageError(f'{path}: expected the {name} to enlarge {size_of(lq)} to '
                             f'{size_of(piece.image)} (--scale {self.cutting.scale}), got '
                             f'{size_of(sr)}; give its own scale')
        return sr


class StoredWithTruths(TruthSource):
    """SR images on disk with the photographs whose reductions they were made from.

    Args:
        gan (str | Path | Sequence): GAN-SR images.
        mse (str | Path | Sequence): MSE-SR images, matched by file stem.
        truths (str | Path): Folder of the photographs, matched by file stem. One that is up to
            ``scale - 1`` px larger is cut, as a reduction drops these pixels.
        scale (int): Of the SR images.

    Raises:
        ImageError: If a folder does not exist or holds no image.
    """

    def __init__(self, gan: ImageInputs, mse: ImageInputs, truths: str | Path, scale: int) -> None:
        self.pairs = StoredPairs(gan, mse)
        self.paths = self.pairs.paths
        self.scale = scale
        self._truths = ImageFolder(truths)
        self._files = list_images(truths)
        self.skipped = {}
        self.reference = SIBLING

    @property
    def files(self) -> list[Path]:
        """list[Path]: See :attr:`TruthSource.files`."""
        return [*self.pairs.files, *self._files]

    def describe(self) -> dict:
        """See :meth:`TruthSource.describe`."""
        return dict(scale=self.scale, reference=self.reference)

    def samples_of(self, path: Path) -> Iterator[TruthSample]:
        """See :meth:`TruthSource.samples_of`."""
        pair, truth_path = self.pairs.load(path), self._truths.find(path.stem)
        if pair.gan.shape != pair.mse.shape:
            raise ImageError(f'{path}: expected images of one size, got {size_of(pair.gan)} '
                             f'(GAN-SR) and {size_of(pair.mse)} (MSE-SR)')
        truth = cut_to(read_image(truth_path), pair.gan, self.scale, truth_path)
        source = dict(photograph=truth_path.name, file=path.name)
        yield TruthSample(path.stem, source, pair.gan, pair.mse, np.ascontiguousarray(truth))
