"""Where a GAN-SR image is wrong, by its ground truth: three kinds of artifact, kept apart.

None is a person's judgement: they say what can be measured, see docs/truth_benchmark.md.
"""
from __future__ import annotations

from torch import Tensor

EXCESS = 3.
"""Grey levels by which a texture must be stronger than the truth's."""

EVEN = 3.
"""Local standard deviation in grey levels below which the truth counts as even ground."""

DISTANCE_EXCESS = 0.05
"""By how much farther from the truth than the reference a patch must be, in the distance's own
unit. LPIPS and DISTS both run from 0 to about 1."""


def strength_artifacts(std_gan: Tensor, std_truth: Tensor, std_reference: Tensor,
                       excess: float = EXCESS) -> Tensor:
    r"""Too much texture, and farther from the truth's than the reference's is.

    .. math::
        \sigma_G - \sigma_T > e \quad\text{and}\quad
        |\sigma_G - \sigma_T| > |\sigma_R - \sigma_T|.

    Args:
        std_gan (Tensor): :math:`\sigma_G`, local standard deviation of the GAN-SR image in grey
            levels (see :func:`mmdesra.ops.local_std`; the mean over the channels), any shape.
        std_truth (Tensor): :math:`\sigma_T`, that of the ground truth, the same shape.
        std_reference (Tensor): :math:`\sigma_R`, that of the reference, the same shape.
        excess (float): :math:`e`, in grey levels, at least 0.

    Returns:
        Tensor: bool, the same shape; before any cleaning.
    """
    stronger = std_gan - std_truth
    return (stronger > excess) & (stronger > (std_reference - std_truth).abs())


def even_ground_artifacts(std_gan: Tensor, std_truth: Tensor, excess: float = EXCESS,
                          even: float = EVEN) -> Tensor:
    r"""Texture where the truth has next to none: :math:`\sigma_T < s,\ \sigma_G - \sigma_T > e`.

    No reference takes part: what stands on even ground is seen, whatever else a model makes.

    Args:
        std_gan (Tensor): :math:`\sigma_G`, as in :func:`strength_artifacts`.
        std_truth (Tensor): :math:`\sigma_T`, the same shape.
        excess (float): :math:`e`, in grey levels, at least 0.
        even (float): :math:`s`, in grey levels, above 0.

    Returns:
        Tensor: bool, the same shape; before any cleaning.
    """
    return (std_truth < even) & (std_gan - std_truth > excess)


def perceptual_artifacts(distance_gan: Tensor, distance_reference: Tensor,
                         excess: float = DISTANCE_EXCESS) -> Tensor:
    """Farther from the truth than the reference, by a perceptual distance of patches.

    Args:
        distance_gan (Tensor): Distance of the GAN-SR image from the truth, a value for the patch
            around each pixel (LPIPS, DISTS), any shape.
        distance_reference (Tensor): That of the reference, the same shape.
        excess (float): By how much, at least 0.

    Returns:
        Tensor: bool, the same shape; before any cleaning.
    """
    return distance_gan - distance_reference > excess
