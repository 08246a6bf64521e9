"""The mathematics of DeSRA: plain tensors in, plain tensors out; imports no mm* package."""
from .detail import DetailChange, detail_outside
from .distances import Distance, measure_distances
from .fading import Fading, region_fates
from .fused_difference import difference_map
from .masks import clean_mask, fill_holes, keep_large_regions
from .regions import RegionChanges, Regions, compare_regions, label_regions
from .scores import MaskScores, score_mask
from .semantics import class_weights, weight_map
from .statistics import (
    MARGIN,
    WINDOW_SIZE,
    excess_texture,
    gaussian_window,
    local_mean,
    local_std,
    relative_difference,
    texture_difference,
)
from .strength import region_strengths
from .strips import by_strips

__all__ = [
    'MARGIN', 'WINDOW_SIZE', 'DetailChange', 'Distance', 'Fading', 'MaskScores', 'RegionChanges',
    'Regions', 'by_strips', 'class_weights', 'clean_mask', 'compare_regions', 'detail_outside',
    'difference_map', 'excess_texture', 'fill_holes', 'gaussian_window', 'keep_large_regions',
    'label_regions', 'local_mean', 'local_std', 'measure_distances', 'region_fates',
    'region_strengths', 'relative_difference', 'score_mask', 'texture_difference', 'weight_map'
]
