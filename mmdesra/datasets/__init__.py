"""Pseudo GTs: the folder, its making, and the dataset that serves it."""
from __future__ import annotations

from ..on_demand import on_demand

CLASSES = {
    'AwaitedPseudoGTs': 'awaited_pseudo_gts',
    'ComposePseudoGT': 'transforms',
    'FixedShareSampler': 'share_sampler',
    'LoadLRImage': 'transforms',
    'PairedMaskCrop': 'transforms',
    'PhotographPatches': 'photograph_patches',
    'PseudoGTDataset': 'pseudo_gt_dataset',
    'ReadableImages': 'readable_images',
}
"""What configs name, by the module that has it; only what is asked for is imported."""

__getattr__ = on_demand(__name__, CLASSES)

__all__ = ['AwaitedPseudoGTs', 'ComposePseudoGT', 'FixedShareSampler', 'LoadLRImage',
           'PairedMaskCrop', 'PhotographPatches', 'PseudoGTDataset', 'ReadableImages']
