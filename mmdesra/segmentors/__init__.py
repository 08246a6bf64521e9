"""Label maps for the semantic step: an mmseg model's, stored ones, or none."""
from .base import LabelSource
from .build import build_segmentor
from .label_folder import LabelFolder
from .mmseg_model import MMSegModel
from .mmseg_segmentor import MMSegSegmentor

__all__ = ['LabelFolder', 'LabelSource', 'MMSegModel', 'MMSegSegmentor', 'build_segmentor']
