"""Making a benchmark with known masks: built artifacts in clean GAN-SR images."""
from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from ..detectors import build_detector
from ..errors import InputError
from ..files import (
    ImageError,
    image_name,
    make_output_folder,
    shown_name,
    size_of,
    write_image,
    write_mask,
)
from ..files.atomic import make_parent
from ..files.config_types import type_name
from ..files.inputs import refuse_inside
from ..generators import Pair, PairSource
from ..ops import MARGIN, local_std
from ..ops.artifact_textures import TEXTURES
from ..ops.places import add_texture, draw_blob, mean_under
from .benchmark_manifest import BenchmarkImage, BenchmarkManifest, PlacedArtifact
from .clean_pairs import CLEAN_BY, CLEAN_MIN_AREA, RankedPair, rank_pairs

logger = logging.getLogger('mmdesra')

FOLDERS = ('gan', 'mse', 'gt')

CONTENT_LIMITS = dict(smooth=(0., 4.), medium=(4., 10.), textured=(10., 128.))
"""Local standard deviation of the MSE-SR in 8-bit levels: in 100 photographs 38% of
the pixels are smooth by these limits, 31% medium, 31% textured."""

CONTENT_SHARE = 0.7
"""Share of an artifact's pixels that must be of one content for it to lie on that content."""

MIXED = 'mixed'
"""The content under an artifact that lies on more than one kind, mostly across an edge."""

BORDER = 8
"""Width in px of a frame without artifacts, which some detectors do not cover."""

GAP = 32
"""Distance in px between two artifacts, so that no detector's cleaning joins them."""


@dataclass(frozen=True)
class BenchmarkSettings:
    """What decides a benchmark's content, given the pairs.

    Attributes:
        count (int): Images to make.
        seed (int): Equal seeds, equal bytes.
        areas (tuple[int, int]): Smallest and largest area of an artifact in px; drawn evenly on
            a logarithmic scale.
        strengths (tuple[float, ...]): Root mean squares in 8-bit levels.
        max_artifacts (int): An image gets 1 to this many.
        untouched_share (float): Share of the images that stay without, in [0, 1].
        clean_pairs (int): How many of the pairs are used, the cleanest; 0 = all of them.
        clean_by (tuple): Names or configs of the detectors that choose them.

    Raises:
        InputError: If a value is out of range.
    """
    count: int = 120
    seed: int = 0
    areas: tuple[int, int] = (1200, 12000)
    strengths: tuple[float, ...] = (6., 12., 24.)
    max_artifacts: int = 3
    untouched_share: float = 0.2
    clean_pairs: int = 20
    clean_by: tuple[str | dict, ...] = field(default=CLEAN_BY)

    def __post_init__(self) -> None:
        _check(self.count >= 1, 'a count of at least 1', self.count)
        _check(self.seed >= 0, 'a seed of at least 0', self.seed)
        _check(len(self.areas) == 2 and 100 <= self.areas[0] <= self.areas[1],
               'two areas, at least 100 px, the smaller first', self.areas)
        _check(len(self.strengths) > 0 and all(0 < s <= 255 for s in self.strengths),
               'strengths above 0 and up to 255', self.strengths)
        _check(self.max_artifacts >= 1, 'at least 1 artifact an image', self.max_artifacts)
        _check(0 <= self.untouched_share <= 1, 'a share in [0, 1]', self.untouched_share)
        _check(self.clean_pairs >= 0, 'a number of clean pairs of at least 0', self.clean_pairs)


def make_artifact_benchmark(source: PairSource, out_dir: str | Path,
                            settings: BenchmarkSettings | None = None) -> BenchmarkManifest:
    """Make a benchmark: clean pairs are chosen, artifacts added to their GAN-SR images.

    Kinds, strengths and contents are dealt like cards, so that each combination comes equally
    often as far as the images have places for it. ``out_dir`` gets ``gan/NAME.png``,
    ``mse/NAME.png`` (unchanged), ``gt/NAME.png`` (0/255) and ``manifest.json``.

    Args:
        source (PairSource): Real pairs.
        out_dir (str | Path): A new or empty folder.
        settings (BenchmarkSettings, optional): Default: those of the class.

    Returns:
        BenchmarkManifest: What was made; pairs that cannot be used are named in it.

    Raises:
        InputError: If no pair can be used, or the folder holds a benchmark.
        OSError: If it cannot be written.
    """
    settings = settings or BenchmarkSettings()
    detectors = [build_detector(dict(
        dict(type=config) if isinstance(config, str) else config, min_area=CLEAN_MIN_AREA))
        for config in settings.clean_by]
    refuse_inside(out_dir, source.open_ended)
    out_dir = _make_folders(out_dir)
    ranked, skipped = rank_pairs(source, detectors)
    ranked = ranked[:settings.clean_pairs or None]
    if not ranked:
        raise InputError(f'none of {len(source.paths)} pairs can be used')
    deck = _Deck(settings)
    images = []
    for number, path in enumerate(tqdm(_take_turns(ranked, settings.count), 'put artifacts',
                                       total=settings.count, unit='image')):
        # Each image has a random generator of its own: skipping one does not change the others.
        rng = np.random.default_rng([settings.seed, number])
        untouched = number < round(settings.untouched_share * settings.count)
        name = f'{image_name(path)}-{number // len(ranked)}'
        try:
            pair = source.load(path)
            gan, mask, artifacts = _put_artifacts(pair, path, settings, deck, rng, untouched)
        except ImageError as error:
            logger.warning('skipped: %s', error)
            skipped[shown_name(path)] = str(error)
            continue
        files = [make_parent(out_dir / folder / f'{name}.png') for folder in FOLDERS]
        write_image(files[0], gan)
        write_image(files[1], pair.mse)
        write_mask(files[2], mask)
        images.append(BenchmarkImage(name, shown_name(path), tuple(artifacts)))
    if not images:
        raise InputError('no image could be made: ' + next(iter(skipped.values())))
    manifest = BenchmarkManifest(asdict(settings), tuple(images),
                                 tuple(_describe(pair, settings) for pair in ranked), skipped)
    manifest.write(out_dir)
    return manifest


class _Deck:
    """Deals combinations (kind, strength, content): all of them once, then all again."""

    def __init__(self, settings: BenchmarkSettings) -> None:
        self._rng = np.random.default_rng([settings.seed])
        self._full = list(itertools.product(TEXTURES, settings.strengths,
                                            (*CONTENT_LIMITS, MIXED)))
        self._rest: list[tuple[str, float, str]] = []

    def deal(self, contents: Sequence[str]) -> tuple[str, float, str]:
        """Take the next card that has one of these contents."""
        while True:
            for number, card in enumerate(self._rest):
                if card[2] in contents:
                    return self._rest.pop(number)
            order = self._rng.permutation(len(self._full))
            self._rest += [self._full[index] for index in order]


def _put_artifacts(pair: Pair, path: Path, settings: BenchmarkSettings, deck: _Deck,
                   rng: np.random.Generator, untouched: bool
                   ) -> tuple[np.ndarray, np.ndarray, list[PlacedArtifact]]:
    """Return the GAN-SR image with artifacts, their mask, and what they are."""
    gan, mask = pair.gan, np.zeros(pair.gan.shape[:2], bool)
    artifacts: list[PlacedArtifact] = []
    if gan.shape != pair.mse.shape:
        raise ImageError(f'{path}: expected images of one size, got {size_of(gan)} (GAN-SR) and '
                         f'{size_of(pair.mse)} (MSE-SR)')
    if untouched:
        return gan, mask, artifacts
    texture_under = _local_std_map(pair.mse)
    for _ in range(rng.integers(1, settings.max_artifacts, endpoint=True)):
        area = round(np.exp(rng.uniform(*np.log(settings.areas))))
        blob = draw_blob(area, rng)
        places = _find_places(mask, texture_under, blob)
        contents = [name for name, found in places.items() if len(found)]
        if not contents:
            continue  # no room left for one of this size
        kind, strength, content = deck.deal(contents)
        row, column = rng.choice(places[content]).tolist()
        corner = row, column
        texture = TEXTURES[kind](blob.shape, rng)
        gan, left = add_texture(gan, blob, corner, texture.values, strength)
        pixels = np.argwhere(blob) + corner
        mask[tuple(pixels.T)] = True
        std_under = float(texture_under[tuple(pixels.T)].mean())
        row, column = pixels[area // 2].tolist()
        artifacts.append(PlacedArtifact(kind, strength, round(left, 3), content,
                                        round(std_under, 3), area, row, column,
                                        texture.parameters))
    if not artifacts:
        raise ImageError(f'{path}: {size_of(gan)} has no room for an artifact of {area} px; make '
                         'them smaller, or the images larger')
    return gan, mask, artifacts


def _local_std_map(image: np.ndarray) -> np.ndarray:
    std = local_std(torch.from_numpy(image.transpose(2, 0, 1).copy())).mean(dim=0).numpy()
    return np.pad(std, MARGIN, mode='edge')


def _find_places(mask: np.ndarray, texture_under: np.ndarray, blob: np.ndarray
                 ) -> dict[str, np.ndarray]:
    """For each content, list the corners, shape (N, 2), at which a blob lies on it."""
    free = _free_places(mask, blob)
    places, pure = {}, np.zeros(free.shape, bool)
    for name, (low, high) in CONTENT_LIMITS.items():
        of_it = (texture_under >= low) & (texture_under < high)
        fits = mean_under(of_it, blob) >= CONTENT_SHARE
        places[name] = np.argwhere(free & fits)
        pure |= fits
    places[MIXED] = np.argwhere(free & ~pure)
    return places


def _free_places(mask: np.ndarray, blob: np.ndarray) -> np.ndarray:
    """Where a blob's corner may lie: inside the border, away from the others."""
    kernel = np.ones((2 * GAP + 1,) * 2, np.uint8)
    taken = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)
    taken[:BORDER] = taken[-BORDER:] = True
    taken[:, :BORDER] = taken[:, -BORDER:] = True
    return mean_under(taken, blob) < 0.5 / blob.sum()  # less than one pixel of it


def _take_turns(ranked: Sequence[RankedPair], count: int) -> Iterator[Path]:
    return itertools.islice(itertools.cycle(pair.path for pair in ranked), count)


def _make_folders(out_dir: str | Path) -> Path:
    folders = [make_output_folder(Path(out_dir) / name) for name in FOLDERS]
    for folder in folders:
        if any(folder.iterdir()):
            raise InputError(f'{folder}: expected a new or empty folder, for the images of one '
                             'benchmark; give another, or delete what is there')
    return Path(out_dir)


def _describe(pair: RankedPair, settings: BenchmarkSettings) -> dict:
    names = [config if isinstance(config, str) else type_name(config['type'])
             for config in settings.clean_by]
    return dict(source=shown_name(pair.path), place=pair.place,
                marked_px=dict(zip(names, pair.marked_px)))


def _check(is_right: bool, expected: str, got: object) -> None:
    if not is_right:
        raise InputError(f'expected {expected}, got {got}')
