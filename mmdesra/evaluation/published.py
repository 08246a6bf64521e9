"""The figures that DeSRA's authors published of their data, to set one's own beside them.

Source: Xie et al., "DeSRA: Detect and Delete the Artifacts of GAN-based Real-World
Super-Resolution Models", ICML 2023, tables 1 to 3 as its slides print them.
"""
from __future__ import annotations

from dataclasses import dataclass

OURS = 'DeSRA-det'
"""How the tables call the paper's detector."""


@dataclass(frozen=True)
class PublishedScores:
    """A method's row for one model: shares in [0, 1]."""
    method: str
    iou: float
    precision: float
    recall: float


@dataclass(frozen=True)
class PublishedChange:
    """What fine-tuning did to a model: shares in [0, 1]."""
    iou_before: float
    iou_after: float
    removal_rate: float
    addition_rate: float


SCORES: dict[str, tuple[PublishedScores, ...]] = {
    'realesrgan': (
        PublishedScores('NIQE', .029, .0494, .1054),
        PublishedScores('PAL4Inpainting', .084, .0855, .0992),
        PublishedScores('LDL* (0.01)', .299, .3504, .3485),
        PublishedScores('LDL* (0.005)', .362, .2618, .5442),
        PublishedScores('LDL* (0.001)', .353, .1410, .8391),
        PublishedScores(OURS, .511, .7055, .6081)),
    'ldl': (
        PublishedScores('NIQE', .026, .0236, .1770),
        PublishedScores('PAL4Inpainting', .088, .0699, .1337),
        PublishedScores('LDL* (0.01)', .327, .3070, .4110),
        PublishedScores('LDL* (0.005)', .367, .2100, .5770),
        PublishedScores('LDL* (0.001)', .311, .1003, .8659),
        PublishedScores(OURS, .445, .6087, .5335)),
}
"""By model, as :func:`model_key` writes it."""

CHANGES = {
    'realesrgan': PublishedChange(.511, .129, .7543, 0),
    'ldl': PublishedChange(.445, .139, .7497, 0),
}
"""By model, likewise."""


def model_key(name: str) -> str:
    """Return a model's name without case and separators; the x4plus is the tables' Real-ESRGAN."""
    key = ''.join(letter for letter in name.lower() if letter.isalnum())
    return 'realesrgan' if key in ('realesrganx4plus', 'realesrganx4') else key


def published_scores(model: str) -> dict[str, PublishedScores]:
    """Return the rows of a model by method; none for one that is not in the tables."""
    return {row.method: row for row in SCORES.get(model_key(model), ())}


def published_change(model: str) -> PublishedChange | None:
    """Return what fine-tuning did to a model; None for one that is not in the tables."""
    return CHANGES.get(model_key(model))
