"""Photographs that are smaller than a patch: found before anything is made of them."""
from __future__ import annotations

from logging import Logger

from mmengine.dist import get_rank

from ..errors import InputError
from ..files import list_inputs, shown_name
from ..files.header_size import shorter_side
from ..files.image_path import name_some
from ..files.listing import ImageInputs
from ..generators import ImageSizes


def check_photographs(lq_dir: ImageInputs, recursive: bool, gt_patch_size: int,
                      sizes: ImageSizes, logger: Logger) -> None:
    """Name the LR images that no patch can be cut from, before pseudo GTs are made.

    Args:
        lq_dir (str | Path | Sequence): LR images: a folder, a file, a pattern, or several.
        recursive (bool): Whether to read the sub-folders of folders, too.
        gt_patch_size (int): Side of the GT patches in px.
        sizes (ImageSizes): Of the generator.
        logger (Logger): Told of those that are left out.

    Raises:
        InputError: If all are too small; it names a patch size that would do.
    """
    patch = gt_patch_size // sizes.scale
    paths = list_inputs(lq_dir, recursive).paths
    sides = {path: shorter_side(path) for path in paths}
    small = [path for path, side in sides.items() if side is not None and side < patch]
    if not small:
        return
    names = name_some([shown_name(path) for path in small])
    if len(small) == len(paths):
        largest = max(side for side in sides.values() if side is not None)
        step = sizes.multiple
        fitting = largest // step * step * sizes.scale
        advice = (f', or patches of at most {fitting} px (--hook-options gt_patch_size={fitting})'
                  if fitting >= sizes.minimum * sizes.scale else '')
        raise InputError(f'all {len(paths)} photographs to train on are smaller than a patch of '
                         f'{patch}x{patch} px ({gt_patch_size} px enlarged): {names}. Give larger '
                         f'ones{advice}')
    if get_rank() == 0:
        logger.warning(f'DeSRA: {len(small)} of {len(paths)} photographs are smaller than a patch '
                       f'of {patch}x{patch} px ({gt_patch_size} px enlarged) and are not trained '
                       f'on: {names}; a smaller gt_patch_size would let them in')
