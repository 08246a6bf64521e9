"""Pseudo GTs: the folder, its making, and the dataset that serves it."""
from __future__ import annotations

from importlib import import_module

CLASSES = {
    'AwaitedPseudoGTs': 'awaited_pseudo_gts',
    'ComposePseudoGT': 'transforms',
    'FixedShareSampler': 'share_sampler',
    'LoadLRImage': 'transforms',
    'PairedMaskCrop': 'transforms',
    'PseudoGTDataset': 'pseudo_gt_dataset',
    'ReadableImages': 'readable_images',
}
"""What configs name, by the module that has it; only what is asked for is imported."""


def __getattr__(name: str) -> object:
    if name in CLASSES:
        return getattr(import_module(f'.{CLASSES[name]}', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


__all__ = ['AwaitedPseudoGTs', 'ComposePseudoGT', 'FixedShareSampler', 'LoadLRImage',
           'PairedMaskCrop', 'PseudoGTDataset', 'ReadableImages']
