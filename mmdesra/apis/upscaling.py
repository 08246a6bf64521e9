"""Enlarging a folder of photographs, as Real-ESRGAN's own script does, with optional healing."""
from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from ..errors import InputError
from ..files import ImageError, image_name, in_background, shown_name, write_mask
from ..files.atomic import make_parent, remove_parts
from ..files.folder_lock import held_folder
from ..files.full_images import (
    ALPHA_SUFFIXES,
    DEEP_SUFFIXES,
    FullImage,
    read_full_image,
    write_full_image,
)
from ..files.image_path import composed
from ..files.images import WRITTEN_SUFFIXES
from ..files.inputs import refuse_inside, refuse_same_files
from ..files.left_out import say_once
from ..files.listing import ImageInputs, Listing, list_inputs
from ..generators import load_upscaler
from ..generators.build import SPANDREL
from ..generators.tile_progress import tiles_shown
from ..generators.upscaler import DEFAULT_TILE_PAD
from .command_line import check_device, default_device
from .healing import Healer
from .journal import sizes_of
from .upscale_image import Enlarged, ImageUpscaler
from .upscale_journal import DoneFile, UpscaleJournal, signature

AUTO = 'auto'
EXTENSIONS = (AUTO, 'png', 'jpg', 'webp')
DEFAULT_SUFFIX, DEFAULT_QUALITY = 'out', 95
LOSSLESS = '.png'
MASKS = 'mask'


@dataclass(frozen=True)
class Upscaled:
    """The result of one photograph.

    Attributes:
        path (Path): The photograph.
        file (Path, optional): The SR image; None if the photograph was skipped.
        regions (int): Number of artifacts that were healed.
        healed (int): Number of pixels of these artifacts.
        error (str): Why the photograph was skipped, with its name; empty if it was not.
    """
    path: Path
    file: Path | None = None
    regions: int = 0
    healed: int = 0
    error: str = ''


@dataclass(frozen=True)
class OutputNames:
    """The rule for the names of results.

    Attributes:
        out_dir (Path): The output folder.
        suffix (str): Appended to a photograph's name after an underscore; '' = nothing.
        extension (str): One of :data:`EXTENSIONS`; 'auto': the photograph's own.
    """
    out_dir: Path
    suffix: str = DEFAULT_SUFFIX
    extension: str = AUTO

    def __post_init__(self) -> None:
        if self.extension not in EXTENSIONS:
            raise InputError(f'expected an extension of {", ".join(EXTENSIONS)}, got '
                             f'{self.extension}')
        if {'/', '\\', '\0'} & {*self.suffix}:
            raise InputError(f'expected a suffix that can be in the name of a file, got '
                             f'{self.suffix!r}')

    def file_for(self, path: Path, image: FullImage) -> Path:
        """Return the file for a photograph's result, in a format that can hold the result."""
        own = path.suffix.lower()
        extension = own if self.extension == AUTO else f'.{self.extension}'
        if extension not in WRITTEN_SUFFIXES:
            extension = LOSSLESS
        if image.alpha is not None and extension not in ALPHA_SUFFIXES:
            if self.extension != AUTO:
                say_once(f'images with alpha are written as {LOSSLESS}: {extension} has none')
            extension = LOSSLESS
        if image.is_deep and extension not in DEEP_SUFFIXES:
            if self.extension == AUTO:
                extension = LOSSLESS
            else:
                say_once(f'images of 16 bits a channel are written with 8: {extension} has no '
                         'more; --ext auto or png keeps all')
        return self.out_dir / f'{self._name(path)}{extension}'

    def mask_for(self, path: Path) -> Path:
        """Return the file for the mask of the pixels that were healed in a photograph."""
        return self.out_dir / MASKS / f'{self._name(path)}.png'

    def _name(self, path: Path) -> str:
        return image_name(path) + (f'_{self.suffix}' if self.suffix else '')


def upscale(model: str | Path, photos: ImageInputs, out_dir: str | Path,
            generator: str | dict | None = None, *, tile: int = 0,
            tile_pad: int = DEFAULT_TILE_PAD, half: bool = False,
            device: str | torch.device | None = None, outscale: float | None = None,
            suffix: str = DEFAULT_SUFFIX, extension: str = AUTO, quality: int = DEFAULT_QUALITY,
            alpha_upsampler: str = 'model', healer: Healer | None = None,
            save_masks: bool = False, recursive: bool = False, resume: bool = False,
            show_progress: bool = True) -> list[Upscaled]:
    """Enlarge photographs; see :func:`upscale_folder`.

    Args:
        model (str | Path): Weights of the generator.
        photos (str | Path | Sequence): A folder, a file, a pattern, or several.
        out_dir (str | Path): Where results go.
        generator (str | dict, optional): See :func:`mmdesra.generators.build_generator`. Default:
            spandrel recognises the network by its weights.
        tile (int): See :class:`mmdesra.generators.Upscaler`.
        tile_pad (int): See :class:`mmdesra.generators.Upscaler`.
        half (bool): See :class:`mmdesra.generators.Upscaler`.
        device (str, optional): Where the generator runs. Default: CUDA if there is a GPU.
        outscale (float, optional): See :class:`mmdesra.apis.upscale_image.ImageUpscaler`.
        suffix (str): See :class:`OutputNames`.
        extension (str): See :class:`OutputNames`.
        quality (int): Quality of JPEG and WebP, 1 to 100.
        alpha_upsampler (str): See :class:`mmdesra.apis.upscale_image.ImageUpscaler`.
        healer (Healer, optional): Replaces the artifacts.
        save_masks (bool): Whether to write masks of the pixels that were healed.
        recursive (bool): Whether to read the sub-folders of folders, too.
        resume (bool): Whether to continue a stopped run.
        show_progress (bool): Whether to show a progress bar.

    Raises:
        InputError: If an argument cannot be used.
        OSError: If ``out_dir`` cannot be written.
    """
    device = default_device() if device is None else device
    check_device(str(device))
    entries = [photos] if isinstance(photos, (str, Path)) else photos
    refuse_same_files([out_dir], [entry for entry in entries if Path(entry).is_dir()])
    listing = list_inputs(photos, recursive)
    upscaler = load_upscaler(SPANDREL if generator is None else generator, model, device,
                             tile=tile, tile_pad=tile_pad, half=half)
    return upscale_folder(
        ImageUpscaler(upscaler, outscale, alpha_upsampler, healer), listing,
        OutputNames(Path(out_dir), suffix, extension), quality, save_masks, resume,
        show_progress)


def upscale_folder(upscaler: ImageUpscaler, listing: Listing, names: OutputNames,
                   quality: int = DEFAULT_QUALITY, save_masks: bool = False,
                   resume: bool = False, show_progress: bool = True) -> list[Upscaled]:
    """Enlarge every photograph of a listing and write the results.

    A photograph that cannot be used is logged and skipped. While one is enlarged, the next is
    read and the previous one is written.

    Args:
        upscaler (ImageUpscaler): Enlarges the photographs.
        listing (Listing): The photographs.
        names (OutputNames): Names of the results; existing files are replaced.
        quality (int): Quality of JPEG and WebP, 1 to 100.
        save_masks (bool): Whether to write ``mask/NAME.png``, the pixels that were healed.
        resume (bool): Whether to leave out photographs that a stopped run with the same settings
            has done; those that have changed, or whose results are gone, are done again.
        show_progress (bool): Whether to show a progress bar.

    Returns:
        list[Upscaled]: A result for each photograph, in the order of the listing.

    Raises:
        InputError: If the results would be read as photographs by the next run, another run is at
            work in the folder, or the run to be resumed had other settings.
        OSError: If the folder cannot be written.
    """
    if not 1 <= quality <= 100:
        raise InputError(f'expected a quality from 1 to 100, got {quality}')
    if save_masks and upscaler.healer is None:
        raise InputError('--save-masks has no effect without --heal; give it, too')
    refuse_inside(names.out_dir, listing.open_ended)
    with ExitStack() as stack:
        stack.enter_context(held_folder(names.out_dir))
        remove_parts(names.out_dir)
        journal = UpscaleJournal(names.out_dir, dict(
            upscaler=upscaler.describe(), suffix=names.suffix, extension=names.extension,
            quality=quality, save_masks=save_masks))
        known = journal.noted() if resume else {}
        done = {path: known[composed(shown_name(path))] for path in listing.paths
                if _is_current(known.get(composed(shown_name(path))), path)}
        if resume and show_progress:
            tqdm.write(f'resumed: {len(done)} of {len(listing.paths)} images were done before')
        run = _Run(upscaler, listing, names, quality, save_masks, journal)
        stack.enter_context(journal.kept_if_stopped([*done.values()], len(listing.paths)))
        results = {path: _result(names.out_dir, path, one) for path, one in done.items()}
        waiting = [path for path in listing.paths if path not in done]
        bar = stack.enter_context(tqdm(total=len(listing.paths), initial=len(done),
                                       desc='upscale', unit='image', disable=not show_progress))
        for result in stack.enter_context(closing(run.results(waiting, bar))):
            results[result.path] = result
    return [results[path] for path in listing.paths]


def _is_current(done: DoneFile | None, path: Path) -> bool:
    return done is not None and done.made_from == signature(path)


def _result(out_dir: Path, path: Path, done: DoneFile) -> Upscaled:
    return Upscaled(path, out_dir / done.files[0], done.regions, done.healed)


@dataclass(frozen=True)
class _Made:
    """An SR image that waits to be written, or the reason why there is none."""
    path: Path
    made_from: tuple[int, int]
    enlarged: Enlarged | None = None
    error: str = ''


class _Run:
    """Reads, enlarges and writes the photographs, one after the other."""

    def __init__(self, upscaler: ImageUpscaler, listing: Listing, names: OutputNames,
                 quality: int, save_masks: bool, journal: UpscaleJournal) -> None:
        self._upscaler = upscaler
        self._names = names
        self._quality = quality
        self._save_masks = save_masks
        self._journal = journal
        self._inputs = {os.path.realpath(path) for path in listing.paths}

    def results(self, paths: Sequence[Path], bar: tqdm) -> Generator[Upscaled, None, None]:
        """Yield the result of each photograph once it is written."""
        with closing(in_background(self._write, self._made(paths, bar))) as written:
            for one in written:
                result = one.result()
                if result.error:
                    bar.write(f'skipped: {result.error}')
                bar.update()
                yield result

    def _made(self, paths: Sequence[Path], bar: tqdm) -> Iterator[_Made]:
        with closing(in_background(_read, paths)) as contents:
            for path, content in zip(paths, contents):
                made_from, image, error = content.result()
                if image is None:
                    yield _Made(path, made_from, error=error)
                    continue
                with tiles_shown(bar, *self._upscaler.upscalers, name=shown_name(path)):
                    try:
                        made = _Made(path, made_from, self._upscaler(image, path))
                    except ImageError as failure:
                        made = _Made(path, made_from, error=str(failure))
                yield made

    def _write(self, made: _Made) -> Upscaled:
        if made.enlarged is None:
            return Upscaled(made.path, error=made.error)
        image, mask = made.enlarged.image, made.enlarged.mask
        file = self._names.file_for(made.path, image)
        if os.path.realpath(file) in self._inputs:
            return Upscaled(made.path, error=f'{made.path}: its result would overwrite '
                            f'{file}, one of the photographs; give another --out or --suffix')
        if image.is_deep and file.suffix not in DEEP_SUFFIXES:
            image = image.shallow()
        files = [file]
        try:
            write_full_image(make_parent(file), image, self._quality)
        except ImageError as error:
            return Upscaled(made.path, error=f'{made.path}: {error}')
        if self._save_masks and mask is not None:
            files.append(make_parent(self._names.mask_for(made.path)))
            write_mask(files[-1], mask)
        healed = 0 if mask is None else int(mask.sum())
        result = Upscaled(made.path, file, made.enlarged.regions, healed)
        places = tuple(one.relative_to(self._names.out_dir).as_posix() for one in files)
        self._journal.add(DoneFile(shown_name(made.path), made.made_from, places,
                                   tuple(sizes_of(files)), result.regions, healed))
        return result


def _read(path: Path) -> tuple[tuple[int, int], FullImage | None, str]:
    made_from = signature(path)  # before reading, to notice a later change
    try:
        return made_from, read_full_image(path), ''
    except ImageError as error:
        return made_from, None, str(error)
