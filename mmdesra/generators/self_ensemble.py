"""A reference of the GAN-SR model's own making: what it says of the turned image, too."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import InputError
from ..ops.consensus import (
    BACK_PROJECTIONS,
    DOUBT,
    SHARPENING,
    SHARPENING_SIGMA,
    PassSums,
    consensus_image,
)
from .checkpoint import fingerprint
from .reference import REFERENCES, Reference
from .turns import MOST_TURNS, each_turn, is_count_of_turns
from .upscaler import Upscaler


@REFERENCES.register_module(name=['self-ensemble', 'SelfEnsemble'])
class SelfEnsemble(Reference):
    """What several passes of the GAN agree on, and where they do not, what the LR image says.

    The passes see the LR image turned by 90 degrees and mirrored. Texture that the GAN invents
    comes out elsewhere in each; see :func:`mmdesra.ops.consensus.consensus_image`. For models
    whose artifacts are such texture: what is drawn alike in every pass is not seen.

    Args:
        gan (Upscaler): The GAN-trained generator; where it will be fine-tuned, a copy from
            before.
        passes (int): How many passes, from 2 to 8: the four turns, then those mirrored.

    Raises:
        InputError: If there are fewer or more.
    """
    name = 'self-ensemble of the GAN-trained generator'

    def __init__(self, gan: Upscaler, passes: int = MOST_TURNS) -> None:
        if not is_count_of_turns(passes, 2):
            raise InputError(f'expected from 2 to {MOST_TURNS} passes, the turns and mirror '
                             f'images that there are, got {passes!r}')
        super().__init__(gan)
        self.passes = passes

    def __call__(self, lq: np.ndarray, gan: np.ndarray) -> np.ndarray:
        """See :meth:`Reference.__call__`."""
        sums = PassSums()
        for one in self.each_pass(lq):
            sums.add(one)
        return consensus_image(sums, lq, self.sizes.scale)

    def each_pass(self, lq: np.ndarray) -> Iterator[np.ndarray]:
        """Enlarge the turned LR image, see :func:`mmdesra.generators.turns.each_turn`."""
        return each_turn(self.upscaler, lq, self.passes, self.show_progress)

    def describe(self) -> dict:
        """See :meth:`Reference.describe`."""
        return dict(mse_sha256=None, reference=dict(
            type=type(self).__name__, passes=self.passes,
            weights=fingerprint(self.upscaler.generator), sharpening=SHARPENING,
            sharpening_sigma=SHARPENING_SIGMA, doubt=DOUBT,
            back_projections=BACK_PROJECTIONS))
