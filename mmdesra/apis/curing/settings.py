"""What a cure is asked for."""
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ...datasets.degradations import DEGRADATIONS
from ...errors import InputError
from ...generators.export import EXPORT_SUFFIXES

REFERENCES = PARTNER, SELF_ENSEMBLE = 'partner', 'self-ensemble'
"""A partner is the default: by measurement it is nearer to the published siblings, of the SRGAN
pair and of Real-ESRGAN x4plus (docs/references.md)."""
EXPORTS = dict(onnx=EXPORT_SUFFIXES[0], ncnn=EXPORT_SUFFIXES[1])
"""Formats for programs without PyTorch, each with the suffix of its file."""
MAX_HOURS = 2.
HELDOUT_SHARE = .2
MIN_REGIONS = 3
"""Artifact regions in the photographs to train on below which there is nothing to learn from."""


@dataclass(frozen=True)
class CureSettings:
    """What a cure is asked for; what is None is chosen.

    Attributes:
        model (Path): Weights of the GAN-trained network.
        photographs (Path): Folder of photographs, of any size, with its sub-folders.
        out (Path): Where everything goes.
        config (str, optional): The network of ``model``, where its weights do not tell.
        mse (Path, optional): Weights of its MSE-trained sibling.
        reference (str, optional): What stands for the sibling where there is none; one of
            :data:`REFERENCES`.
        partner_photographs (Path, optional): Folder of photographs to train a partner on, instead
            of those of ``photographs``.
        heldout (Path, optional): Folder of photographs to judge with, instead of a share.
        heldout_share (float): In (0, 1).
        degradation (str, optional): How photographs are reduced, see
            :mod:`mmdesra.datasets.degradations`.
        max_hours (float): What the whole may take.
        max_iters (int, optional): Iterations of fine-tuning.
        partner_iters (int, optional): Iterations of training the partner.
        min_area (str, optional): The smallest region that counts.
        perceptual (dict, optional): Perceptual distance to judge with, too.
        vgg16_weights (Path, optional): File of torchvision's vgg16. With it a share of each batch
            is photographs as the truths of their own reductions, with a perceptual loss.
        export (tuple[str, ...]): Of :data:`EXPORTS`.

    Raises:
        InputError: If one is out of its range.
    """
    model: Path
    photographs: Path
    out: Path
    config: str | None = None
    mse: Path | None = None
    reference: str | None = None
    partner_photographs: Path | None = None
    heldout: Path | None = None
    heldout_share: float = HELDOUT_SHARE
    degradation: str | None = None
    max_hours: float = MAX_HOURS
    max_iters: int | None = None
    partner_iters: int | None = None
    min_area: str | None = None
    perceptual: dict | None = None
    vgg16_weights: Path | None = None
    export: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _expect(self.reference in (None, *REFERENCES),
                f'one of the references {", ".join(REFERENCES)}', self.reference)
        if self.partner_photographs and (self.mse or self.reference == SELF_ENSEMBLE):
            raise InputError('partner_photographs (--partner-photos) are for training a partner, '
                             'and with --mse or --reference self-ensemble none is trained; leave '
                             'one of the two out')
        _expect(0 < self.heldout_share < 1, 'a held-out share between 0 and 1',
                self.heldout_share)
        _expect(self.degradation is None or self.degradation in DEGRADATIONS,
                f'one of the degradations {", ".join(DEGRADATIONS)}', self.degradation)
        _expect(math.isfinite(self.max_hours) and self.max_hours > 0, 'more than 0 hours',
                self.max_hours)
        for name in ('max_iters', 'partner_iters'):
            value = getattr(self, name)
            _expect(value is None or value >= 1, f'at least 1 iteration ({name})', value)
        for name in self.export:
            _expect(name in EXPORTS, f'one of the formats {", ".join(EXPORTS)}', name)

    def describe(self) -> dict:
        """Return what decides the result beside the files' contents, for the notes of a cure."""
        return dict(config=self.config, reference=None if self.mse else self.reference,
                    heldout_share=None if self.heldout else self.heldout_share,
                    degradation=self.degradation, max_hours=self.max_hours,
                    max_iters=self.max_iters, partner_iters=self.partner_iters,
                    min_area=self.min_area, perceptual=self.perceptual)


def _expect(is_right: bool, expected: str, got: object) -> None:
    if not is_right:
        raise InputError(f'expected {expected}, got {got}')
