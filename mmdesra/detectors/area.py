"""The smallest region that counts: by the image's size, in pixels, or as a share of the image."""
from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ..errors import InputError
from ..ops import WINDOW_SIZE
from ..ops.masks import KERNEL_SIZE, SPREAD

RELEASED_AREA = 4000
"""Of the released scripts, in px, meant for images of about one megapixel."""

BY_SIZE = 'auto'
"""The area that follows the image's size, see :meth:`AreaLimit.by_size`."""

USUAL_SHARE = RELEASED_AREA / 1e6

FLOOR = (WINDOW_SIZE - (KERNEL_SIZE - 1) + 2 * SPREAD)**2
"""361 px: the area of a square of raw artifact pixels, as large as one statistics window (11×11
px), after cleaning. In a smaller region no window lies wholly inside the artifact, so it says
little, however small the image is."""

_AT_LEAST = re.compile(r'(.+%)\s*,\s*at least\s+([^%]+?)(?:\s*px)?')


@dataclass(frozen=True)
class AreaLimit:
    """A lower bound for a region's area; a region must be larger than it.

    Attributes:
        value (float): Pixels, or a share in [0, 1] where ``is_share``.
        is_share (bool): Whether ``value`` is a share of the image's H × W pixels.
        at_least (float): In pixels; where the share of a small image would be less, this counts.
    """
    value: float
    is_share: bool = False
    at_least: float = 0

    @classmethod
    def by_size(cls) -> AreaLimit:
        """Return the usual limit, in proportion to the image: the released 4000 px at a megapixel.

        It is never below :data:`FLOOR`, which it reaches at 300×300 px.
        """
        return cls(USUAL_SHARE, is_share=True, at_least=FLOOR)

    @classmethod
    def parse(cls, text: str | float | AreaLimit) -> AreaLimit:
        """Read a limit.

        Args:
            text (str | float | AreaLimit): ``4000``, ``'4000'`` (pixels), ``'0.4%'`` (of the
                image), ``'0.4%, at least 361 px'``, or ``'auto'``, see :meth:`by_size`.

        Raises:
            InputError: If ``text`` is none of these, is negative or infinite, or is above 100%.
        """
        if isinstance(text, AreaLimit):
            return text
        number = str(text).strip()
        if number == BY_SIZE:
            return cls.by_size()
        least = _AT_LEAST.fullmatch(number)
        share, at_least = least.groups() if least else (number, '0')
        is_share = share.endswith('%')
        try:
            value, floor = float(share[:-1]) / 100 if is_share else float(share), float(at_least)
        except ValueError:
            value = floor = -1
        if not (0 <= value <= 1 if is_share else 0 <= value < math.inf) or not (
                0 <= floor < math.inf):
            raise InputError('expected an area as pixels (4000), as a share of the image '
                             f"(0.4%), or {BY_SIZE!r} (by the image's size), got {text!r}")
        return cls(value, is_share, floor)

    def pixels(self, height: int, width: int) -> float:
        """Return the limit in pixels for an image of this size (the whole image, not a tile)."""
        return max(self.value * height * width, self.at_least) if self.is_share else self.value

    def __str__(self) -> str:
        # With 10 digits two limits that differ by a pixel do not read the same.
        if not self.is_share:
            return f'{self.value:.10g} px'
        floor = f', at least {self.at_least:.10g} px' if self.at_least else ''
        return f'{self.value * 100:.10g}%{floor}'
