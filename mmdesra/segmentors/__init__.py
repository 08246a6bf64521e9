"""Label maps for the semantic step: an mmseg model's, stored ones, or none."""
from .base import LabelSource
from .label_folder import LabelFolder

__all__ = ['LabelFolder', 'LabelSource']
