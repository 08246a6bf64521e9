"""Artifact detectors: a (GAN-SR, MSE-SR) pair in, an artifact map and a mask out."""
from .area import RELEASED_AREA, AreaLimit
from .base import BaseDetector, Detection
from .class_table import ClassTable
from .desra import DeSRA
from .detect_pairs import Outcome, detect_image, detect_pairs, label_image
from .dists import DISTS
from .ldl_star import LDLStar
from .lpips import LPIPS
from .niqe import NIQE
from .pal import PAL
from .registry import DETECTORS, build_detector
from .semantic_step import build_labels
from .ssim import SSIM
from .texture_difference import TextureDifference
from .truth_calibrated import TruthCalibrated

__all__ = ['DETECTORS', 'DISTS', 'LPIPS', 'NIQE', 'PAL', 'RELEASED_AREA', 'SSIM', 'AreaLimit',
           'BaseDetector', 'ClassTable', 'DeSRA', 'Detection', 'LDLStar', 'Outcome',
           'TextureDifference', 'TruthCalibrated', 'build_detector', 'build_labels',
           'detect_image', 'detect_pairs', 'label_image']
