"""A reference of the GAN-SR model's own making: what it says of the turned image, too."""
from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from mmengine.dist import is_main_process
from tqdm import tqdm

from ..errors import InputError
from ..ops.consensus import DOUBT, SHARPENING, SHARPENING_SIGMA, PassSums, agreed_image
from .checkpoint import fingerprint
from .reference import REFERENCES, Reference
from .upscaler import Upscaler

MOST_TURNS = 8
PATIENCE = 10.
"""Seconds after which the passes of an image show a bar of their own."""


@REFERENCES.register_module(name=['self-ensemble', 'SelfEnsemble'])
class SelfEnsemble(Reference):
    """What several passes of the GAN agree on, and where they do not, the sharpened LR image.

    The passes see the LR image turned by 90 degrees and mirrored. Texture that the GAN invents
    comes out elsewhere in each; see :func:`mmdesra.ops.consensus.agreed_image`. For models whose
    artifacts are such texture: what is drawn alike in every pass is not seen.

    Args:
        gan (Upscaler): The GAN-trained generator; where it will be fine-tuned, a copy from
            before.
        passes (int): How many passes, from 2 to 8: the four turns, then those mirrored.

    Raises:
        InputError: If there are fewer or more.
    """
    name = 'self-ensemble of the GAN-trained generator'

    def __init__(self, gan: Upscaler, passes: int = MOST_TURNS) -> None:
        is_count = isinstance(passes, int) and not isinstance(passes, bool)
        if not is_count or not 2 <= passes <= MOST_TURNS:
            raise InputError(f'expected from 2 to {MOST_TURNS} passes, the turns and mirror '
                             f'images that there are, got {passes!r}')
        super().__init__(gan)
        self.passes = passes

    def __call__(self, lq: np.ndarray, gan: np.ndarray) -> np.ndarray:
        """See :meth:`Reference.__call__`."""
        sums = PassSums()
        for one in self.each_pass(lq):
            sums.add(one)
        height, width = lq.shape[:2]
        scale = self.sizes.scale
        enlarged = cv2.resize(np.ascontiguousarray(lq), (scale * width, scale * height),
                              interpolation=cv2.INTER_CUBIC)
        return agreed_image(sums, enlarged, scale)

    def each_pass(self, lq: np.ndarray) -> Iterator[np.ndarray]:
        """Enlarge the turned LR image, and turn the SR image back.

        Args:
            lq (np.ndarray): uint8, shape ``(H, W, 3)``, RGB.

        Yields:
            np.ndarray: uint8, shape ``(s·H, s·W, 3)``.
        """
        is_shown = self.show_progress and is_main_process()
        for number in tqdm(range(self.passes), 'passes', leave=False, delay=PATIENCE,
                           disable=not is_shown):
            yield turn_back(self.upscaler(turn(lq, number)), number)

    def describe(self) -> dict:
        """See :meth:`Reference.describe`."""
        return dict(mse_sha256=None, reference=dict(
            type=type(self).__name__, passes=self.passes,
            weights=fingerprint(self.upscaler.generator), sharpening=SHARPENING,
            sharpening_sigma=SHARPENING_SIGMA, doubt=DOUBT))


def turn(image: np.ndarray, number: int) -> np.ndarray:
    """Turn an image ``(H, W, …)`` by quarters; from the fifth of the eight on, mirror it, too."""
    turned = np.rot90(image, number % 4)
    # A copy, always: of a single pixel NumPy takes any strides for contiguous.
    return (turned[:, ::-1] if number >= 4 else turned).copy()


def turn_back(image: np.ndarray, number: int) -> np.ndarray:
    """Undo :func:`turn`."""
    return np.rot90(image[:, ::-1] if number >= 4 else image, -(number % 4))
