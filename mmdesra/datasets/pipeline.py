"""The transforms that pseudo-GT pairs go through by default."""
from __future__ import annotations


def pseudo_gt_pipeline(gt_patch_size: int, mask_prob: float = 0.5, flips: bool = False,
                       lq_grid: int = 1) -> list[dict]:
    """Return the transforms that load and crop a pair for any MMagic GAN-SR model.

    Outside the artifacts a pseudo GT is the generator's own output. It says "stay as you are",
    but only for the LR image that it was made from: a generator is not equivariant to flips, so
    a flipped pair asks it for the mean of two textures, which is blur. Hence no flips by
    default. For the same reason patches should be large: near a patch's border the generator
    sees other surroundings than it saw in the whole image. docs/recipes.md has the figures.

    ``gt_unsharp``, which MMagic's RealESRGAN always reads, is the pseudo GT itself: it is made
    of network outputs, and sharpening it would teach the artifacts anew.

    Args:
        gt_patch_size (int): See :class:`mmdesra.datasets.transforms.PairedMaskCrop`.
        mask_prob (float): See :class:`mmdesra.datasets.transforms.PairedMaskCrop`.
        flips (bool): Whether to flip and transpose at random all the same.
        lq_grid (int): See :class:`mmdesra.datasets.transforms.PairedMaskCrop`.
    """
    # With the scope: a config whose own types are classes may have another default one, or none.
    images = ['img', 'gt', 'mask']
    augmentation = [
        dict(type='mmagic.Flip', keys=images, flip_ratio=0.5, direction='horizontal'),
        dict(type='mmagic.Flip', keys=images, flip_ratio=0.5, direction='vertical'),
        dict(type='mmagic.RandomTransposeHW', keys=images, transpose_ratio=0.5),
    ]
    return [
        dict(type='LoadLRImage'),
        dict(type='mmagic.LoadImageFromFile', key='gt', color_type='color', channel_order='rgb'),
        dict(type='mmagic.LoadImageFromFile', key='mask', color_type='grayscale'),
        dict(type='PairedMaskCrop', gt_patch_size=gt_patch_size, mask_prob=mask_prob,
             lq_grid=lq_grid),
        *(augmentation if flips else []),
        dict(type='mmagic.CopyValues', src_keys=['gt'], dst_keys=['gt_unsharp']),
        dict(type='mmagic.PackInputs'),
    ]
