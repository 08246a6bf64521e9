"""LR images made from photographs whose ground truth they then have."""
from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InputError
from ..files.configs import read_config

MMAGIC_CONFIG = 'mmagic::real_esrgan/realesrnet_c64b23g32_4xb12-lr2e-4-1000k_df2k-ost'
DEGRADING = ('RandomBlur', 'RandomResize', 'RandomNoise', 'RandomJPEGCompression',
             'DegradationsWithShuffle', 'Clip')
"""The steps of that config's pipeline that make the LR image; the others load, flip and crop."""


class Degradation(ABC):
    """Makes an LR image from a photograph.

    Args:
        scale (int): The factor between the two, at least 2.

    Raises:
        InputError: If it is less.
    """

    def __init__(self, scale: int) -> None:
        if scale < 2:
            raise InputError(f'expected a scale of at least 2, got {scale}')
        self.scale = scale

    @abstractmethod
    def __call__(self, photograph: np.ndarray, seed: int) -> np.ndarray:
        """Make the LR image.

        Args:
            photograph (np.ndarray): uint8, shape ``(s·H, s·W, 3)``, RGB.
            seed (int): Equal seeds, equal LR images.

        Returns:
            np.ndarray: uint8, shape ``(H, W, 3)``, RGB.
        """


class BicubicReduction(Degradation):
    """Antialiased bicubic reduction, as MATLAB's ``imresize`` up to rounding; nothing random."""

    def __call__(self, photograph: np.ndarray, seed: int = 0) -> np.ndarray:
        """See :meth:`Degradation.__call__`."""
        height, width = photograph.shape[:2]
        size = width // self.scale, height // self.scale
        return np.asarray(Image.fromarray(photograph).resize(size, Image.Resampling.BICUBIC))


class RealESRGANDegradation(Degradation):
    """Real-ESRGAN's second-order degradations: blur, resizing, noise, JPEG, twice, at random.

    Source: Wang et al., "Real-ESRGAN", ICCVW 2021, with the transforms and settings of MMagic's
    config. The photograph is degraded as it is: it is the truth, so it is not sharpened first.
    """

    def __init__(self, scale: int) -> None:
        super().__init__(scale)
        pipeline = read_config(MMAGIC_CONFIG).train_pipeline
        self._steps = [step.to_dict() if hasattr(step, 'to_dict') else dict(step)
                       for step in pipeline if step['type'] in DEGRADING]

    def __call__(self, photograph: np.ndarray, seed: int) -> np.ndarray:
        """See :meth:`Degradation.__call__`."""
        import mmagic.datasets.transforms  # noqa: F401  (registers them)
        from mmagic.registry import TRANSFORMS
        size = tuple(side // self.scale for side in photograph.shape[:2])
        sample = dict(img=photograph)
        with seeded(seed):
            for step in self._steps:
                sample = TRANSFORMS.build(_with_target_size(step, size))(sample)
        lq = np.clip(sample['img'], 0, 255).round().astype(np.uint8)
        assert lq.shape[:2] == size, f'{lq.shape[:2]} instead of {size}'
        return lq


DEGRADATIONS = {'bicubic': BicubicReduction, 'realesrgan': RealESRGANDegradation}


def build_degradation(name: str, scale: int) -> Degradation:
    """Build a degradation from its name.

    Raises:
        InputError: If there is none of this name, or the scale is none.
    """
    if name not in DEGRADATIONS:
        raise InputError(f'expected one of the degradations {", ".join(DEGRADATIONS)}, got {name}')
    return DEGRADATIONS[name](scale)


def enlarge_bicubic(lq: np.ndarray, scale: int) -> np.ndarray:
    """Enlarge an LR image bicubically: uint8 ``(H, W, 3)`` to ``(s·H, s·W, 3)``."""
    height, width = lq.shape[:2]
    return np.asarray(Image.fromarray(lq).resize((scale * width, scale * height),
                                                 Image.Resampling.BICUBIC))


def _with_target_size(step: Any, size: tuple[int, ...]) -> Any:
    """Return a transform's config for a photograph of another size than the config crops to."""
    if isinstance(step, dict):
        return {name: size if name == 'target_size' else _with_target_size(value, size)
                for name, value in step.items()}
    if isinstance(step, (list, tuple)):
        return [_with_target_size(part, size) for part in step]
    return step


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the two global generators that MMagic's transforms draw from, and put them back."""
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
