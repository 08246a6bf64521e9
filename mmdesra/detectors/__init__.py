"""Artifact detectors: a (GAN-SR, MSE-SR) pair in, an artifact map and a mask out."""
from .area import AreaLimit
from .base import BaseDetector, Detection
from .class_table import ClassTable
from .desra import DeSRA
from .detect_pairs import Outcome, detect_image, detect_pairs
from .registry import DETECTORS, build_detector

__all__ = ['DETECTORS', 'AreaLimit', 'BaseDetector', 'ClassTable', 'DeSRA', 'Detection',
           'Outcome', 'build_detector', 'detect_image', 'detect_pairs']
