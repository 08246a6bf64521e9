"""Reading a picture as a mask: which pixels are artifacts, and which are ground.

Masks come from this package (0 and 255), from paint programs (strokes on a transparent ground,
soft edges, a palette) and from annotation tools (region numbers, 0 and 1, 16 bits). The rule, in
order:

1. **Transparency** that differs between pixels: what is painted is artifact, in any colour.
2. **One value** everywhere: 0 is an empty mask, the largest value of the file a full one.
3. **Two values**: the lower is ground, the higher artifact. Of two colours, black is ground.
4. **Region numbers**, flat areas of several values: 0 is ground, all else artifact. Likewise flat
   areas of several colours on black.
5. **Soft edges** between black and white are cut in the middle: 128 of 255 and above is artifact.

A picture is refused if no rule fits, or if two rules give different masks, because a mask read
wrongly gives a wrong score. A remark says which rule was used where a person may not expect it.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pixel_areas import find_steps, find_values, is_flat, leaves_out_edges, loses_one, share

OUTER = 8
"""In a mask with soft edges nearly all pixels are in the lowest or the highest 1/8 of the values,
and the edges between these; in a photograph half of the pixels or more are between them."""

FLAT, NOT_FLAT = .8, .4
"""Of the pixels between black and white, the share that lies in a 2×2 block of one value: above
``FLAT`` they are filled areas, where nearly all do; below ``NOT_FLAT`` they are soft edges."""

FEW_VALUES = 8
"""Up to this many values cannot be a blur: darker ones must then lie within 2 px of the rest."""

MANY_COLORS, PIXELS_A_COLOR, FEW_COLORS = 4096, 20, 16
"""A mask has at most 4096 colours, and at most one for 20 pixels; a photograph has more. Up to 16
colours are always accepted."""

CURE = 'save it with 0 for the ground and 255 for the artifacts'


class MaskError(ValueError):
    """A picture that cannot be read as a mask; the message says why, and what to do."""

    def __init__(self, got: str) -> None:
        super().__init__('expected a mask, 0 for the ground and 255 for the artifacts, got '
                         f'{got}; {CURE}')


@dataclass(frozen=True)
class Reading:
    """A mask, and how it was understood.

    Attributes:
        mask (np.ndarray): bool, shape ``(H, W)``, True where there is an artifact.
        remark (str): The rule that was used, if a person may not expect it; else empty.
    """
    mask: np.ndarray
    remark: str = ''


def understand(values: np.ndarray, alpha: np.ndarray | None = None, white: int = 255,
               is_lossy: bool = False, is_cut: bool = False) -> Reading:
    """Understand a picture as a mask.

    Args:
        values (np.ndarray): As stored in the file: numbers of shape ``(H, W)``, or uint8 RGB of
            shape ``(H, W, 3)``.
        alpha (np.ndarray, optional): uint8 of shape ``(H, W)``; 0 is transparent.
        white (int): The largest number that the file can store; not used for RGB.
        is_lossy (bool): Whether compression has changed the values a little.
        is_cut (bool): Whether the values are the upper 8 bits of 16 only.

    Raises:
        MaskError: If it is unclear which pixels are artifacts.
    """
    if alpha is not None and _decides(values, alpha):
        _refuse_lower_bits(alpha, is_cut)
        return _by_transparency(values, alpha, white, is_lossy)
    _refuse_lower_bits(values, is_cut)
    return _doubting_ground(_by_values(values, white, is_lossy))


def _by_values(values: np.ndarray, white: int, is_lossy: bool) -> Reading:
    if values.ndim == 3:
        if all(np.array_equal(values[..., 0], values[..., channel]) for channel in (1, 2)):
            return _by_numbers(values[..., 0], white, is_lossy)
        return _by_colors(values, is_lossy)
    return _by_numbers(*_whole_numbers(values, white), is_lossy)


def _doubting_ground(reading: Reading) -> Reading:
    """Add a remark if the artifact may be the ground: most of the picture, and all corners."""
    mask = reading.mask
    if mask.all() or mask.mean() <= .5 or not mask[::max(len(mask) - 1, 1),
                                                   ::max(mask.shape[1] - 1, 1)].all():
        return reading
    remark = ('the lighter values are artifact and are most of the picture, all corners included; '
              'if the artifacts are drawn dark on a light ground, invert it')
    return Reading(mask, '; '.join(filter(None, [reading.remark, remark])))


def _refuse_lower_bits(values: np.ndarray, is_cut: bool) -> None:
    if is_cut and values.max() < 128:
        raise MaskError('16 bits a channel of which only the lower ones are used')


# Transparency

def _decides(values: np.ndarray, alpha: np.ndarray) -> bool:
    """Tell whether the mask is in the transparency, and not in the values."""
    low, high = int(alpha.min()), int(alpha.max())
    if low == high == 0:
        if _has_one_color(values):
            return True
        raise MaskError('values that are transparent everywhere')
    if low == high or (low >= 128 and not _has_one_color(values)):
        return False
    if low > 0:
        raise MaskError(f'transparency between {low} and {high} of 255, and nowhere 0')
    return True


def _by_transparency(values: np.ndarray, alpha: np.ndarray, white: int, is_lossy: bool) -> Reading:
    high = int(alpha.max())
    if not high:
        return Reading(np.zeros(alpha.shape, bool))
    painted = _cut(alpha, high, False, 'of opacity')
    visible = values[painted]
    lightest, darkest = ((visible.max(1), visible.min(1)) if visible.ndim == 2
                         else (visible, visible))
    if np.ptp(visible.astype(np.float64), axis=0).max() > (white / 4 if is_lossy else 0):
        # Black or white beside other colours may be a stroke, or the ground of the layer.
        black, bright = lightest <= white // OUTER, darkest >= white - white // OUTER
        if 0 < black.sum() < black.size or 0 < bright.sum() < bright.size:
            raise MaskError('several colours, black or white among them, on a ground that is '
                            'transparent in places')
        _refuse_picture(visible, is_lossy)
    return Reading(painted, 'read by its transparency: what is painted is artifact, in any colour')


def _has_one_color(values: np.ndarray) -> bool:
    return bool((values == values[:1, :1]).all())


# Numbers

def _whole_numbers(values: np.ndarray, white: int) -> tuple[np.ndarray, int]:
    """Return the values as whole numbers from 0, and the number that stands for white."""
    if values.dtype.kind == 'f':
        if not np.isfinite(values).all():
            raise MaskError('numbers that are not finite')
        if not (values == np.floor(values)).all():
            if values.min() < 0 or values.max() > 1:
                raise MaskError(f'fractions between {values.min():g} and {values.max():g}')
            return np.round(values * 65535).astype(np.int64), 65535
        values = values.astype(np.int64)
    if values.dtype.kind != 'i':
        return values, white
    if values.min() < 0:
        raise MaskError('negative numbers')
    high = int(values.max())  # 32 bits: no mask uses their full range
    return values, next((limit for limit in (255, 65535) if high <= limit), 2**31 - 1)


def _by_numbers(values: np.ndarray, white: int, is_lossy: bool) -> Reading:
    found = find_values(values)
    low, high = int(found[0]), int(found[-1])
    if low == high:
        if low not in (0, white):
            raise MaskError(f'{low} everywhere, which may be ground or artifact')
        return Reading(values == white)
    if not is_lossy and len(found) == 2:
        return Reading(values == high, '' if (low, high) == (0, white) else
                       f'read as two values: {low} is ground, {high} is artifact')
    if not is_lossy and low == 0 and _are_regions(values, found, white):
        return Reading(values > 0, f'read as region numbers (1 to {high}): 0 is ground, all above '
                                   'is artifact')
    if is_lossy and low >= white - white / OUTER:
        return Reading(values > white // 2)
    if low <= white / OUTER and high >= white - white / OUTER:
        return Reading(_cut(values, white, is_lossy),
                       '' if is_lossy else _of_pale_areas(values, white))
    if not is_lossy and low == 0 and high > FEW_COLORS and _has_plateau(values, high):
        return Reading(_cut(values, high, is_lossy), f'read as strokes of value {high} with soft '
                       f'edges: above {high // 2} is artifact')
    raise MaskError(f'{len(found)} values between {low} and {high}')


def _of_pale_areas(values: np.ndarray, white: int) -> str:
    """Return the remark that filled areas of nearly white count as white; empty without any."""
    pale = (values >= white - white // OUTER) & (values < white)
    if share(is_flat(values), pale) < FLAT:
        return ''
    return f'areas of {int(values[pale].min())} to {white} are artifact, too'


def _are_regions(values: np.ndarray, found: np.ndarray, white: int) -> bool:
    """Tell whether values are the numbers of areas on a ground of 0."""
    high = int(found[-1])
    inside = (values > 0) & (values < high)
    if share(is_flat(values), inside) < FLAT:
        return False
    if high <= FEW_COLORS:
        return True
    lower, _ = find_steps(values, inside)
    # A slow ramp is flat too, but only one of its values borders on 0.
    if (lower == 0).mean() < .5:
        return False
    return high <= white / 2 or len(found) - 1 >= high / 2


def _has_plateau(values: np.ndarray, high: int) -> bool:
    """Tell whether most pixels above the middle have the highest value: strokes, not a map."""
    return share(values == high, values > high // 2) >= .5


def _cut(values: np.ndarray, white: int, is_lossy: bool, of: str = 'of values') -> np.ndarray:
    """Cut soft edges between 0 and white in the middle.

    Raises:
        MaskError: If there is more between 0 and white than edges.
    """
    outer = white // OUTER
    mask, flat = values > white // 2, is_flat(values)
    between = (values > 0) & (values < white - outer)
    faint = between & (values <= outer)
    middle = between & ~faint
    if middle.mean() > .5:
        raise MaskError('a picture: most of it is neither black nor white')
    # Flat areas next to 0 were drawn; the noise of compression is not flat.
    has_faint_areas = not is_lossy and share(flat, faint) >= FLAT
    if has_faint_areas or share(flat, middle) > NOT_FLAT:
        lower, higher = find_steps(values, between if has_faint_areas else middle)
        if (higher - lower <= white // 16).mean() < FLAT:  # else: a slow ramp
            raise MaskError(f'areas {of} between 0 and {white}')
    least = 2 * outer if is_lossy else 0 if has_faint_areas else outer
    if loses_one(values > least, mask):
        raise MaskError(f'areas {of} below {white // 2 + 1} only')
    if not is_lossy and len(find_values(values)) <= FEW_VALUES:
        # Noise of compression is next to white as well as next to 0.
        pale = (values >= white - outer) & (values < values.max())
        is_noisy = pale.any() and share(flat, pale) <= NOT_FLAT
        if not leaves_out_edges(values > (outer if is_noisy else 0), mask, flat):
            raise MaskError(f'areas {of} between 0 and {white}')
    return mask


# Colours

def _by_colors(values: np.ndarray, is_lossy: bool) -> Reading:
    strength = values.max(axis=2)
    _refuse_picture(values, is_lossy)
    if is_lossy:
        return Reading(_by_numbers(strength, 255, is_lossy).mask)
    codes = _codes(values)
    found = find_values(codes)
    if found[0] != 0:
        raise MaskError(f'{len(found)} colours, none of them black')
    painted = codes > 0
    if len(found) == 2:
        return Reading(painted, '' if strength.max() >= 128 else
                       'read as a colour on black: black is ground')
    flat, weak = is_flat(codes), painted & (strength < 128)
    mask = strength >= 128
    if mask.any() and share(flat, weak) <= NOT_FLAT and (
            len(found) > FEW_VALUES or leaves_out_edges(painted, mask, flat)):
        if loses_one(strength > 255 // OUTER, mask):
            raise MaskError('strokes in dark colours beside others')
        return Reading(mask)
    if share(flat, painted) >= FLAT:
        return Reading(painted, f'read as areas of {len(found) - 1} colours: black is ground')
    raise MaskError(f'{len(found)} colours, dark ones among them')


def _refuse_picture(values: np.ndarray, is_lossy: bool) -> None:
    if values.ndim == 1 or values.shape[-1] != 3:
        return
    colors, pixels = len(find_values(_codes(values))), values.size // 3
    limit = MANY_COLORS if is_lossy else min(MANY_COLORS,
                                             max(pixels // PIXELS_A_COLOR, FEW_COLORS))
    if colors > limit:
        raise MaskError(f'a picture of {colors} colours')


def _codes(values: np.ndarray) -> np.ndarray:
    """Return a number for each colour; black is 0."""
    codes = values[..., 0].astype(np.int32)
    for channel in (1, 2):
        codes <<= 8
        codes |= values[..., channel]
    return codes
