"""Names of parameters: BasicSR's, and what other code bases call the same ones.

Real-ESRGAN, LDL and SwinIR publish their weights under BasicSR's names. MMagic keeps these for
RRDBNet, SwinIR and the VGG-style discriminator, and writes ``conv_0`` for the ``conv0`` of the
U-Net discriminator. ESRGAN's first two releases, BSRGAN and many community models have names of
their own for RRDBNet. Only names are changed here, never a tensor.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

Rules = tuple[tuple[str, str], ...]

NETWORKS = {
    'RRDBNet': ('conv_first.weight', 'body.0.rdb1.conv1.weight', 'conv_body.weight',
                'conv_up1.weight', 'conv_up2.weight', 'conv_hr.weight', 'conv_last.weight'),
    'SwinIR': ('conv_first.weight', 'layers.0.residual_group.blocks.0.norm1.weight'),
    'SRVGGNetCompact': ('body.0.weight', 'body.0.bias', 'body.1.weight', 'body.2.weight'),
    'MSRResNet': ('conv_first.weight', 'body.0.conv1.weight', 'upconv1.weight', 'conv_hr.weight'),
    'UNetDiscriminatorSN': ('conv0.weight', 'conv1.weight_orig', 'conv8.weight_orig',
                            'conv9.weight'),
    'VGGStyleDiscriminator': ('conv0_0.weight', 'bn4_1.running_mean', 'linear2.weight'),
}
"""BasicSR's name of a network, and parameters that tell it from the others."""


class Naming(NamedTuple):
    """How a code base names the parameters of one of BasicSR's networks.

    Attributes:
        owner (str): The code base.
        network (str): The network, a key of :data:`NETWORKS`.
        rules (tuple): Pairs of a pattern of whole names and BasicSR's name for them. Every
            parameter has one, so that a network that differs in a layer is not mistaken.
    """
    owner: str
    network: str
    rules: Rules


FIRST_RELEASE = 'ESRGAN, first release'

NAMINGS = (
    Naming('MMagic', 'UNetDiscriminatorSN', ((r'conv_(\d)\.(.+)', r'conv\1.\2'),)),
    Naming('ESRGAN, BSRGAN', 'RRDBNet', (
        (r'conv_(first|last)\.(.+)', r'conv_\1.\2'),
        (r'RRDB_trunk\.(\d+)\.RDB(\d)\.(.+)', r'body.\1.rdb\2.\3'),
        (r'trunk_conv\.(.+)', r'conv_body.\1'),
        (r'upconv([12])\.(.+)', r'conv_up\1.\2'),
        (r'HRconv\.(.+)', r'conv_hr.\1'))),
    # The numbers are those of the x4 network: others upsample elsewhere and do not match.
    Naming(FIRST_RELEASE, 'RRDBNet', (
        (r'model\.0\.(.+)', r'conv_first.\1'),
        (r'model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0\.(.+)', r'body.\1.rdb\2.\3.\4'),
        (r'model\.1\.sub\.\d+\.(weight|bias)', r'conv_body.\1'),
        (r'model\.3\.(.+)', r'conv_up1.\1'),
        (r'model\.6\.(.+)', r'conv_up2.\1'),
        (r'model\.8\.(.+)', r'conv_hr.\1'),
        (r'model\.10\.(.+)', r'conv_last.\1'))),
)

DISCRIMINATORS = ('UNetDiscriminatorSN', 'VGGStyleDiscriminator')
"""Which of :data:`NETWORKS` judge images; the others make them."""

MMAGIC_RULES = {'UNetDiscriminatorSN': ((r'conv(\d)\.(.+)', r'conv_\1.\2'),)}
"""From BasicSR's names to MMagic's, where they differ."""

MSRRESNET = {'BasicSR': 'upconv1.weight', 'MMagic': 'upsample1.upsample_conv.weight'}
"""A parameter that tells the two MSRResNets apart."""


def network_of(names: Iterable[str]) -> str | None:
    """Return BasicSR's name of the network whose parameters have BasicSR's names, or None."""
    names = set(names)
    return next((network for network, marks in NETWORKS.items() if names.issuperset(marks)), None)


def to_basicsr(names: Iterable[str]) -> dict[str, str]:
    """Return ``{name: BasicSR's name}``; names of networks that are not known stay as they are."""
    names = list(names)
    for naming in NAMINGS:
        renamed = _rename(names, naming.rules)
        if renamed and network_of(renamed.values()) == naming.network:
            return renamed
    return {name: name for name in names}


def to_mmagic(names: Iterable[str]) -> dict[str, str]:
    """Return ``{name: MMagic's name}``; names of networks that are not known stay as they are."""
    basicsr = to_basicsr(names)
    rules = MMAGIC_RULES.get(network_of(basicsr.values()) or '')
    mmagic = _rename(basicsr.values(), rules) if rules else None
    return {name: mmagic[new] for name, new in basicsr.items()} if mmagic else basicsr


def to_names_like(names: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """Return ``{name: what it is called where ``wanted`` comes from}``.

    Names without a counterpart there stay as they are.
    """
    names = list(names)
    back = {basicsr: name for name, basicsr in to_basicsr(wanted).items()}
    renamed = {name: back.get(basicsr, name) for name, basicsr in to_basicsr(names).items()}
    return renamed if _is_one_to_one(renamed) else {name: name for name in names}


def renamed_rrdbnet(text: str) -> str:
    """Return BasicSR's name for an RRDBNet's parameter in ESRGAN's first release.

    Args:
        text (str): The name, and more after a space if need be; other texts stay as they are.
    """
    name, space, rest = text.partition(' ')
    [first] = [naming for naming in NAMINGS if naming.owner == FIRST_RELEASE]
    return (_rename([name], first.rules) or {name: name})[name] + space + rest


def explain_msrresnet(names: Iterable[str], wanted: str) -> str | None:
    """Return why an MSRResNet of the other code base cannot be used, if it is one.

    Args:
        names (Iterable[str]): The parameters' names as they are.
        wanted (str): ``'BasicSR'`` or ``'MMagic'``, where the weights shall go.
    """
    [other] = set(MSRRESNET) - {wanted}
    if MSRRESNET[other] not in set(names):
        return None
    return (f"this is the MSRResNet of {other}, and {wanted}'s is another network: BasicSR's has "
            "a LeakyReLU after each pixel shuffle that MMagic's lacks, so that the same weights "
            'give other images')


def _rename(names: Iterable[str], rules: Rules) -> dict[str, str] | None:
    """Rename all names, or return None if one fits no rule or two would become the same."""
    renamed = {}
    for name in names:
        matches = ((re.fullmatch(pattern, name), new) for pattern, new in rules)
        new_name = next((match.expand(new) for match, new in matches if match), None)
        if new_name is None:
            return None
        renamed[name] = new_name
    return renamed if _is_one_to_one(renamed) else None


def _is_one_to_one(renamed: dict[str, str]) -> bool:
    return len(set(renamed.values())) == len(renamed)
