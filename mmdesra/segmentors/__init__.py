"""Label maps for the semantic step: stored ones, or none."""
from .label_folder import LabelFolder

__all__ = ['LabelFolder']
