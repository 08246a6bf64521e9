"""The smallest region that counts: in pixels, or as a share of the image."""
from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class AreaLimit:
    """A lower bound for a region's area; a region must be larger than it.

    Attributes:
        value (float): Pixels, or a share in [0, 1] where ``is_share``.
        is_share (bool): Whether ``value`` is a share of the image's H × W pixels.
    """
    value: float
    is_share: bool = False

    @classmethod
    def parse(cls, text: str | float | AreaLimit) -> AreaLimit:
        """Read ``4000``, ``'4000'`` (pixels) or ``'0.4%'`` (of the image).

        Raises:
            InputError: If ``text`` is neither, is negative or infinite, or is above 100%.
        """
        if isinstance(text, AreaLimit):
            return text
        number = str(text).strip()
        is_share = number.endswith('%')
        try:
            value = float(number[:-1]) / 100 if is_share else float(number)
        except ValueError:
            value = -1
        if not (0 <= value <= 1 if is_share else 0 <= value < math.inf):
            raise InputError('expected an area as pixels (4000) or as a share of the image '
                             f'(0.4%), got {text!r}')
        return cls(value, is_share)

    def pixels(self, height: int, width: int) -> float:
        """Return the bound in pixels for an image of this size."""
        return self.value * height * width if self.is_share else self.value

    def __str__(self) -> str:
        # 10 digits: no two limits that tell regions apart read the same.
        return f'{self.value * 100:.10g}%' if self.is_share else f'{self.value:.10g} px'
