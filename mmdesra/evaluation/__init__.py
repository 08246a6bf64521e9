"""Evaluation: the metric, and the comparison of before and after fine-tuning."""
from __future__ import annotations

from ..on_demand import on_demand

CLASSES = {'DeSRADetector': 'desra_detector'}
"""What configs name, by the module that has it; only what is asked for is imported."""

__getattr__ = on_demand(__name__, CLASSES)

__all__ = ['DeSRADetector']
