"""Where (GAN-SR, MSE-SR) pairs come from: two folders, or LR images and two generators."""
from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..files import (
    ImageError,
    image_name,
    in_background,
    list_inputs,
    read_image,
    shown_name,
    size_of,
)
from ..files.image_path import name_some
from ..files.left_out import say_once
from ..files.listing import ImageInputs, Listing
from .checkpoint import fingerprint
from .failures import UpscaleError, describe_failure
from .reference import AnyReference, as_reference
from .same_weights import refuse_same_weights
from .unfit_networks import GeneratorError
from .upscaler import Upscaler

LARGE = 2**20
"""Pixels of an LR image, above which it is said that tiles can be had."""


@dataclass(frozen=True)
class Pair:
    """The two SR images of one LR image, uint8 RGB, shape ``(H, W, 3)``, and it, where known."""
    gan: np.ndarray
    mse: np.ndarray
    lq: np.ndarray | None = None


class PairSource(ABC):
    """A set of pairs, listed at once and made or read one by one.

    A subclass says what to read of a pair, which is done ahead, and what to make of it.

    Attributes:
        paths (list[Path]): The file that each pair is made from, sorted by name; results are
            named by it, see :func:`mmdesra.files.image_name`.
        listings (tuple[Listing, ...]): Where the files were found.
    """
    paths: list[Path]
    listings: tuple[Listing, ...] = ()

    @property
    def left_out(self) -> list[str]:
        """list[str]: Which files of the folders are not used, see :class:`Listing`."""
        return list(dict.fromkeys(
            sentence for listing in self.listings for sentence in listing.left_out))

    @property
    def open_ended(self) -> list[Path]:
        """list[Path]: Folders that no results may be written into, see :class:`Listing`."""
        return [folder for listing in self.listings for folder in listing.open_ended]

    @property
    def files(self) -> list[Path]:
        """list[Path]: All files that pairs are made from; none of them may be overwritten."""
        return self.paths

    @property
    def upscalers(self) -> list[Upscaler]:
        """list[Upscaler]: The generators that make the pairs; empty if they are read."""
        return []

    @property
    def weights_files(self) -> dict[str, str | Path | None]:
        """dict: Files of the generators' weights, by what each is for, where they are known."""
        return {}

    def files_of(self, path: Path) -> list[Path]:
        """Return the files that one pair is made from; empty if it is made from arrays."""
        return [path]

    def describe(self) -> dict:
        """Return what decides the pairs beside their files; equal dicts, equal pairs."""
        return {}

    def load(self, path: Path) -> Pair:
        """Return one pair.

        Raises:
            ImageError: If a file of this pair cannot be used.
        """
        return self.make(path, self.read(path))

    def load_each(self) -> Iterator[tuple[Path, Callable[[], Pair]]]:
        """Go through the pairs, and read the files of the next one in another thread meanwhile.

        Yields:
            tuple: A path and the function that returns its pair, or raises, as :meth:`load`.
        """
        def load(path: Path, files: Future) -> Pair:
            return self.make(path, files.result())

        with closing(in_background(self.read, self.paths)) as contents:
            for path, files in zip(self.paths, contents):
                yield path, partial(load, path, files)

    def read(self, path: Path) -> Any:
        """Read the files of one pair; not always called in the main thread.

        Raises:
            ImageError: If one of them cannot be used.
        """
        return None

    @abstractmethod
    def make(self, path: Path, files: Any) -> Pair:
        """Make a pair of what :meth:`read` has returned.

        Raises:
            ImageError: If that cannot be done.
        """

    def share(self, rank: int, world_size: int) -> PairSource:
        """Return the pairs that are one process's of several: every ``world_size``-th."""
        return self.only(self.paths[rank::world_size])

    def telling(self, tell: Callable[[Path], None]) -> PairSource:
        """Return the same pairs; ``tell`` is called with a path just before its files are read."""
        part, read = copy(self), self.read

        def tell_and_read(path: Path) -> Any:
            tell(path)
            return read(path)

        part.read = tell_and_read  # type: ignore[method-assign]  # of this copy alone
        return part

    def only(self, paths: Sequence[Path]) -> PairSource:
        """Return the pairs of some of the paths."""
        part = copy(self)
        part.paths = list(paths)
        return part


class StoredPairs(PairSource):
    """Pairs of SR images on disk, matched by file stem; two single files are one pair.

    Args:
        gan (str | Path | Sequence): GAN-SR images, as a folder, a file, a pattern, or several;
            each needs a partner.
        mse (str | Path | Sequence): MSE-SR images, likewise.
        recursive (bool): Whether to read the sub-folders of folders, too; partners are then in
            sub-folders of one name.

    Raises:
        ImageError: If a folder or file does not exist, or a folder holds no image.
    """

    def __init__(self, gan: ImageInputs, mse: ImageInputs, recursive: bool = False) -> None:
        listing, partners = list_inputs(gan, recursive), list_inputs(mse, recursive)
        self.paths = listing.paths
        self.listings = listing, partners
        self._mse = mse
        self._partners = {image_name(path): path for path in partners.paths}
        if _is_one_file(gan) and _is_one_file(mse):
            self._partners = {image_name(self.paths[0]): partners.paths[0]}
        self._say_unpaired()

    def refuse_one_set(self) -> None:
        """Refuse images that are compared with themselves.

        Raises:
            ImageError: If the GAN-SR and the MSE-SR images are the same files.
        """
        partners = [self._partners.get(image_name(path)) for path in self.paths]
        if all(partner is not None and os.path.realpath(partner) == os.path.realpath(path)
               for path, partner in zip(self.paths, partners)):
            raise ImageError(f'{_name(self._mse)}: holds the GAN-SR images themselves; compared '
                             'with themselves they have no artifacts. Give the MSE-SR images')

    def _say_unpaired(self) -> None:
        names = set(map(image_name, self.paths))
        unpaired = [shown_name(path) for name, path in self._partners.items() if name not in names]
        if unpaired:
            say_once(f'{_name(self._mse)}: {len(unpaired)} MSE-SR images have no GAN-SR image of '
                     f'their name and are left out: {name_some(unpaired)}')

    @property
    def files(self) -> list[Path]:
        """list[Path]: See :attr:`PairSource.files`."""
        return [*self.paths, *self._partners.values()]

    def files_of(self, path: Path) -> list[Path]:
        """See :meth:`PairSource.files_of`."""
        partner = self._partners.get(image_name(path))
        return [path] if partner is None else [path, partner]

    def read(self, path: Path) -> Pair:
        """See :meth:`PairSource.read`."""
        gan = read_image(path)
        partner = self._partners.get(image_name(path))
        if partner is None:
            raise ImageError(f'{path}: has no MSE-SR partner: {_name(self._mse)}: holds no image '
                             f'named {image_name(path)!r} (matched by file stem)')
        pair = Pair(gan, read_image(partner))
        return pair if partner == path else _checked(pair, path)

    def make(self, path: Path, files: Pair) -> Pair:
        """See :meth:`PairSource.make`."""
        return files


class GeneratedPairs(PairSource):
    """Pairs that a generator and a reference make from LR images.

    Args:
        lq (str | Path | Sequence): LR images, as a folder, a file, a pattern, or several.
        gan (Upscaler): The GAN-trained generator.
        mse (Upscaler | Reference): Its MSE-trained sibling, or what stands for that.
        recursive (bool): Whether to read the sub-folders of folders, too.

    Attributes:
        root (Path): The folder that all LR images are in.

    Raises:
        ImageError: If a folder or file does not exist, or a folder holds no image.
        GeneratorError: If the generators enlarge by different factors, or are the same.
    """

    def __init__(self, lq: ImageInputs, gan: Upscaler, mse: AnyReference,
                 recursive: bool = False) -> None:
        check_pair(gan, mse)
        listing = list_inputs(lq, recursive)
        self.paths = listing.paths
        self.root = listing.root
        self.listings = (listing,)
        self.gan = gan
        self.mse = mse

    @property
    def upscalers(self) -> list[Upscaler]:
        """list[Upscaler]: See :attr:`PairSource.upscalers`."""
        return [self.gan, as_reference(self.mse).upscaler]

    @property
    def weights_files(self) -> dict[str, str | Path | None]:
        """dict: See :attr:`PairSource.weights_files`."""
        return {'GAN-SR': self.gan.weights_file, **as_reference(self.mse).weights_files}

    def describe(self) -> dict:
        """Return the generators' weights, what the reference is, and how they are run."""
        gan = self.gan
        return dict(gan_sha256=fingerprint(gan.generator), **as_reference(self.mse).describe(),
                    half=gan.half, tile=gan.tile, tile_pad=gan.tile_pad if gan.tile else 0)

    def read(self, path: Path) -> np.ndarray:
        """See :meth:`PairSource.read`."""
        return read_image(path)

    def make(self, path: Path, files: np.ndarray) -> Pair:
        """See :meth:`PairSource.make`."""
        return enlarge(self.gan, self.mse, files, path)


class ArrayPairs(PairSource):
    """Pairs made from, or given as, arrays; they are named array0, array1 and so on.

    Args:
        arrays (Sequence): The images, in a form that ``make_pair`` takes.
        make_pair (Callable): Turns one of them and its name into a pair.
    """

    def __init__(self, arrays: Sequence, make_pair: Callable[[Any, Path], Pair]) -> None:
        self.paths = [Path(f'array{number}') for number in range(len(arrays))]
        self._arrays = dict(zip(self.paths, arrays))
        self._make_pair = make_pair

    def files_of(self, path: Path) -> list[Path]:
        """See :meth:`PairSource.files_of`."""
        return []

    def make(self, path: Path, files: None = None) -> Pair:
        """See :meth:`PairSource.make`."""
        return self._make_pair(self._arrays[path], path)


def check_pair(gan: Upscaler, mse: AnyReference) -> None:
    """Refuse two generators that are no siblings.

    Raises:
        GeneratorError: If they enlarge by different factors, or have the same weights.
    """
    if gan.sizes.scale != mse.sizes.scale:
        raise GeneratorError('expected two generators that enlarge by the same factor, got the '
                             f'GAN-trained one with x{gan.sizes.scale} and the MSE-trained one '
                             f'with x{mse.sizes.scale}')
    refuse_same_weights(gan, mse)


def enlarge(gan: Upscaler, mse: AnyReference, lq: np.ndarray, path: Path) -> Pair:
    """Make the pair of one LR image, uint8, shape ``(H, W, 3)``, RGB; errors name ``path``."""
    gan_sr = upscale(gan, lq, path, 'GAN-trained generator')
    return Pair(gan_sr, make_reference(mse, lq, gan_sr, path), lq)


def make_reference(reference: AnyReference, lq: np.ndarray, gan: np.ndarray,
                   path: Path) -> np.ndarray:
    """Make the reference image of the image of a file.

    Args:
        reference (Upscaler | Reference): Makes it.
        lq (np.ndarray): The LR image, uint8, shape ``(H, W, 3)``, RGB.
        gan (np.ndarray): The GAN-SR image, uint8, shape ``(s·H, s·W, 3)``, RGB.
        path (Path): The file.

    Raises:
        ImageError: If that cannot be done.
    """
    reference = as_reference(reference)
    return upscale(lambda image: reference(image, gan), lq, path, reference.name)


def upscale(upscaler: Callable[[np.ndarray], np.ndarray], lq: np.ndarray, path: Path,
            name: str = 'generator') -> np.ndarray:
    """Run a generator on the image of a file.

    Args:
        upscaler (Upscaler | Callable): The generator.
        lq (np.ndarray): The image, uint8, shape ``(H, W, 3)``, RGB.
        path (Path): The file.
        name (str): What the generator is, for the error.

    Raises:
        ImageError: If the generator fails on it.
    """
    if isinstance(upscaler, Upscaler) and not upscaler.tile and lq.size > 3 * LARGE:
        say_once('photographs of more than a megapixel are enlarged in one piece, which takes '
                 'much memory and shows no progress; --tile 256 (in Python, tile=256; training: '
                 '--hook-options tile=256) does it in parts')
    try:
        return upscaler(lq)
    except UpscaleError as error:
        raise ImageError(f'{path}: the {name} failed on this image of {size_of(lq)} px '
                         f'({error})') from error
    except MemoryError as error:  # of what is made of the passes
        raise ImageError(f'{path}: too little memory for what the {name} makes of this image of '
                         f'{size_of(lq)} px ({describe_failure(error)})') from error


def _checked(pair: Pair, path: Path) -> Pair:
    """Return the pair; if its images are equal, warn that nothing can be found in it."""
    if np.array_equal(pair.gan[:1], pair.mse[:1]) and np.array_equal(pair.gan, pair.mse):
        say_once(f'{path}: its GAN-SR and MSE-SR images are equal, so nothing can be found in it')
    return pair


def _is_one_file(files: ImageInputs) -> bool:
    entries = _entries(files)
    return len(entries) == 1 and Path(entries[0]).is_file()


def _name(files: ImageInputs) -> str:
    entries = _entries(files)
    return str(entries[0]) if len(entries) == 1 else 'the MSE-SR images'


def _entries(files: ImageInputs) -> Sequence[str | Path]:
    return [files] if isinstance(files, (str, Path)) else files
