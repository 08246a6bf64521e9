"""Patches of photographs, drawn so that the n-th is the same in every run."""
from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from mmengine.dist import barrier, get_rank
from torch.utils.data import Dataset

from ..files import ImageError, collect_images
from ..files.listing import ImageInputs
from .degradations import seeded
from .photograph_tiles import TiledPhotograph, Tiling, cut_photographs, tiles_of_each

DRAWS = 2**18
"""Length of the dataset: a large number, because patches are drawn endlessly."""
PARTS = 'train', 'heldout', 'all'

logger = logging.getLogger('mmdesra')


class PhotographPatches(Dataset):
    """Training samples of photographs of any size.

    The photographs are cut into tiles, once, see :mod:`mmdesra.datasets.photograph_tiles`. The
    n-th sample depends on ``seed``, the photographs' names and n alone: all randomness of the
    pipeline is drawn anew for it. So a resumed run sees what one that was not stopped would see,
    and held-out patches are the same whenever they are asked for.

    Args:
        data_root (str | Path | Sequence): The photographs, see
            :data:`mmdesra.files.listing.ImageInputs`.
        tiles_dir (str): Where tiles are kept.
        pipeline (Sequence[dict | Callable]): MMagic transforms, of samples with ``gt_path``.
        least (int): Shorter side in px from which on a photograph is used.
        wanted (int): Side in px that the pipeline needs; see :class:`Tiling`.
        part (str): 'train', without what is held out; 'heldout', that alone; or 'all'.
        heldout_share (float): Share of the photographs that is held out, by a hash of their
            names; of several at least one, and never all.
        recursive (bool): Whether to read sub-folders, too.
        seed (int): Equal seeds, equal samples.
        degradation (str): What the pipeline does, in a word, to be told.

    Attributes:
        patch_size (int): Side of the GT patches in px.
        names_hash (str): Equal for equal photographs, by name, that can be used.
        photographs (list[TiledPhotograph]): Those of the part.
        skipped (list[str]): Why photographs were left out, one line each, of all parts.

    Raises:
        ImageError: If no photograph can be used, or something is held out and there is only one.
    """

    metainfo = dict(dataset_type='photograph_patches', task_name='sisr')

    def __init__(self, data_root: ImageInputs, tiles_dir: str, pipeline: Sequence[dict | Callable],
                 least: int, wanted: int, part: str = 'all', heldout_share: float = 0,
                 recursive: bool = False, seed: int = 0, degradation: str = '') -> None:
        if part not in PARTS:
            raise ValueError(f'expected one of {", ".join(PARTS)}, got {part}')
        folder = Path(tiles_dir).resolve()
        # The work dir may lie in the folder of photographs; its tiles are not photographs.
        paths = [path for path in collect_images(data_root, recursive)
                 if folder not in path.resolve().parents]
        tiling = Tiling(least, wanted, tiles_of_each(len(paths)), seed)
        # One process cuts the tiles; the others wait and find them.
        for is_first in (True, False):
            if (get_rank() == 0) == is_first:
                tiled, self.skipped = cut_photographs(paths, tiles_dir, tiling)
            barrier()
        if not tiled:
            entries = [data_root] if isinstance(data_root, (str, Path)) else data_root
            raise ImageError(f'{", ".join(map(str, entries))}: holds no photograph that can be '
                             f'used; {next(iter(self.skipped), "it is all tiles of ours")}')
        if get_rank() == 0 and part != 'heldout':
            _tell(tiled, self.skipped, tiling)
        train, heldout = split_by_name(tiled, heldout_share)
        self.photographs = dict(train=train, heldout=heldout, all=tiled)[part]
        self.patch_size, self.degradation = least, degradation
        names = '\n'.join(one.name for one in tiled)
        self.names_hash = hashlib.sha256(names.encode(errors='surrogateescape')).hexdigest()
        self.seed = seed + (part == 'heldout') * 10**6
        self._tiles = [path for photograph in self.photographs for path in photograph.paths]
        self._pipeline = compose(pipeline)

    def __len__(self) -> int:
        return DRAWS

    def __getitem__(self, draw: int) -> dict:
        """Return a sample; equal numbers, equal samples."""
        path = self._tiles[self._number_of_tile(draw)]
        # A copy, because MMagic's DegradationsWithShuffle keeps the order that it has drawn.
        pipeline = deepcopy(self._pipeline)
        with seeded(_mixed(self.seed, draw)):
            return pipeline(dict(gt_path=str(path), key=path.stem))

    def _number_of_tile(self, draw: int) -> int:
        """Pass through all tiles in a random order, then through all again in another."""
        epoch, place = divmod(draw, len(self._tiles))
        return int(np.random.default_rng([self.seed, epoch]).permutation(len(self._tiles))[place])


def split_by_name(photographs: Sequence[TiledPhotograph], share: float,
                  ) -> tuple[list[TiledPhotograph], list[TiledPhotograph]]:
    """Hold a share of photographs out, by a hash of their names.

    Which side one is on does not depend on the others; but of several at least one is held out,
    and never all.

    Args:
        photographs (Sequence[TiledPhotograph]): At least 2, if ``share`` is above 0.
        share (float): In [0, 1).

    Returns:
        tuple: To train on, and held out, both in the order given.

    Raises:
        ImageError: If one is to be held out and there is only one.
    """
    if not share:
        return list(photographs), []
    if len(photographs) < 2:
        raise ImageError(
            'expected at least 2 photographs that can be used, one to train on and one held out '
            f'to tell when to stop, got {len(photographs)}; give more, or hold none out '
            '(--heldout-share 0) and say how long to train (--max-iters)')
    order = sorted(photographs, key=lambda one: share_of_name(one.name))
    count = sum(share_of_name(one.name) < share for one in photographs)
    heldout = {one.name for one in order[:min(max(count, 1), len(order) - 1)]}
    return ([one for one in photographs if one.name not in heldout],
            [one for one in photographs if one.name in heldout])


def share_of_name(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone."""
    digest = hashlib.sha256(name.encode(errors='surrogateescape')).digest()
    return int.from_bytes(digest[:6], 'big') / 2**48


def _mixed(seed: int, draw: int) -> int:
    return int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])


def _tell(tiled: Sequence[TiledPhotograph], skipped: Sequence[str], tiling: Tiling) -> None:
    for reason in skipped:
        logger.warning('skipped: %s', reason)
    mirrored = [one.name for one in tiled if one.is_mirrored]
    if mirrored:
        logger.warning('%d of %d photographs are smaller than the %d px that are degraded for a '
                       'patch, and are extended by their mirror image: %s', len(mirrored),
                       len(tiled), tiling.wanted, _some(mirrored))
    parted = [one for one in tiled if one.count > len(one.paths)]
    if parted:
        logger.warning('of %d large photographs %d tiles each are used, of up to %d: %s',
                       len(parted), tiling.most, max(one.count for one in parted),
                       _some([one.name for one in parted]))


def _some(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ', '.join(names[:3]) + (f' and {more} more' if more > 0 else '')


def compose(pipeline: Sequence[dict | Callable]) -> Callable[[dict], dict]:
    """Build MMagic's transforms, whichever scope is the default one."""
    import mmagic.datasets.transforms  # noqa: F401  (registers them)
    from mmengine.dataset import Compose
    from mmengine.registry import DefaultScope
    scope = DefaultScope.get_current_instance()
    is_own = scope is not None and scope.scope_name != 'mmengine'  # of a project of the user's
    with DefaultScope.overwrite_default_scope(scope.scope_name if is_own else 'mmagic'):
        return Compose(list(pipeline))
