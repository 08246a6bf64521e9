"""Pictures for people: overlays, heat maps, the comparison page and strips."""
from __future__ import annotations

from .crop import crop_around
from .heatmap import draw_heatmap
from .overlay import draw_overlay
from .page import PageSample, write_page
from .report import ReportSample, ReportWriter
from .strip import make_strip

__all__ = [
    'PageSample', 'ReportSample', 'ReportWriter', 'crop_around', 'draw_heatmap', 'draw_overlay',
    'make_strip', 'write_page'
]
