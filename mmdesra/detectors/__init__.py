"""Artifact detectors: a (GAN-SR, MSE-SR) pair in, an artifact map and a mask out."""
from .area import AreaLimit
from .base import DETECTORS, BaseDetector, Detection, build_detector
from .class_table import ClassTable
from .desra import DeSRA
from .detect_image import detect_image

__all__ = ['DETECTORS', 'AreaLimit', 'BaseDetector', 'ClassTable', 'DeSRA', 'Detection',
           'build_detector', 'detect_image']
