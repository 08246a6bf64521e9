"""Recognising networks that need more than an LR image, and cannot serve as generators."""
from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from ..errors import InputError
from ..files.config_types import type_name

_FRAMES = 'a sequence of video frames'
_NEIGHBOURS = 'the video frames before and after the one that it makes'
_HOLES = 'a mask of what it is to fill in'
_NOISE = 'noise: it invents images, and enlarges none'

_NEEDS = {
    _FRAMES: ('BasicVSRNet', 'BasicVSRPlusPlusNet', 'EDVRNet', 'IconVSRNet', 'RealBasicVSRNet',
              'TDANNet', 'TOFlowVSRNet'),
    _NEIGHBOURS: ('CAINNet', 'FLAVRNet', 'TOFlowVFINet'),
    _HOLES: ('AOTEncoderDecoder', 'DeepFillEncoderDecoder', 'GLEncoderDecoder',
             'PConvEncoderDecoder'),
    _NOISE: ('BigGANDeepGenerator', 'BigGANGenerator', 'DCGANGenerator', 'LSGANGenerator',
             'MSStyleGAN2Generator', 'MSStyleGANv2Generator', 'PGGANGenerator', 'SAGANGenerator',
             'SNGANGenerator', 'StyleGAN1Generator', 'StyleGAN2Generator', 'StyleGAN3Generator',
             'StyleGANv1Generator', 'StyleGANv2Generator', 'StyleGANv3Generator',
             'TriplaneGenerator', 'EG3DGenerator', 'WGANGPGenerator'),
    'images of the one size that it was built for (in_size)': ('GLEANStyleGANv2',),
    'the coordinates of the pixels to make': ('LIIFEDSRNet', 'LIIFRDNNet', 'LIIFNet'),
    'a reference image, and what other networks find in it': ('TTSRNet',),
    'faces of one size, and makes several images and maps of facial landmarks': ('DICNet',),
    'noise for each of its scales: it varies the one image that it was trained on':
        ('SinGANMultiScaleGenerator', 'SinGANMSGeneratorPE'),
    'hints of the colours, or boxes around objects': ('ColorizationNet', 'FusionNet'),
    'a text or a noise level': ('DenoisingUnet', 'UNet3DConditionMotionModel'),
}
NEEDS = {name: need for need, names in _NEEDS.items() for name in names}
"""What MMagic's networks of other tasks need, by the name of their type."""


class GeneratorError(InputError):
    """A generator that cannot be built from what was given, or that cannot enlarge images."""


def cannot_enlarge(name: str, reason: str) -> GeneratorError:
    """Return the error for a network that cannot be used; ``reason`` ends the sentence."""
    return GeneratorError(f'{name} cannot be used as a generator here: {reason}. Expected a '
                          'network that makes an SR image of an LR image alone, of any size, '
                          'such as RRDBNet, SRResNet or SwinIRNet')


def refuse_unfit_type(spec: Any) -> None:
    """Refuse a generator by the name of its type, before it is built.

    Args:
        spec (Any): A type, its name, or a dict with it; others are not refused here.

    Raises:
        GeneratorError: If it is known to need more than an image.
    """
    kind = spec.get('type') if isinstance(spec, dict) else spec
    name = type_name(kind)
    if name in NEEDS:
        raise cannot_enlarge(name, f'it needs {NEEDS[name]}')


def refuse_unfit_network(network: nn.Module) -> None:
    """Refuse a network by its type, or because it is to be called with more than an image.

    Raises:
        GeneratorError: If it needs more than an image.
    """
    refuse_unfit_type(type(network))
    needed = _needed_arguments(network)
    if len(needed) > 1:
        raise cannot_enlarge(type(network).__name__,
                             f'it needs more than an image ({", ".join(needed)})')


def _needed_arguments(network: nn.Module) -> list[str]:
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # it does not say, as some compiled ones do not
        return []
    return [parameter.name for parameter in parameters
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
