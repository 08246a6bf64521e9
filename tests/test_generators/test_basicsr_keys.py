"""The names of parameters, on names alone."""
from __future__ import annotations

import re

import pytest
from basicsr_unet import random_state
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.generators.basicsr_keys import (
    explain_msrresnet,
    network_of,
    to_basicsr,
    to_mmagic,
    to_names_like,
)

KINDS = ('weight', 'bias')
BLOCKS = 2


def rrdbnet(first, block, body, up, hr, last, ups=2):
    """The names of an RRDBNet whose parts are called so."""
    convs = [first]
    for number in range(BLOCKS):
        for rdb in (1, 2, 3):
            convs += [block.format(number, rdb, conv) for conv in range(1, 6)]
    convs += [body, *(up.format(number) for number in range(1, ups + 1)), hr, last]
    return [f'{conv}.{kind}' for conv in convs for kind in KINDS]


BASICSR = rrdbnet('conv_first', 'body.{}.rdb{}.conv{}', 'conv_body', 'conv_up{}', 'conv_hr',
                  'conv_last')
ESRGAN = rrdbnet('conv_first', 'RRDB_trunk.{}.RDB{}.conv{}', 'trunk_conv', 'upconv{}', 'HRconv',
                 'conv_last')
FIRST_ESRGAN = [
    re.sub(r'up([12])', lambda match: str(3 * int(match[1])), name)
    for name in rrdbnet('model.0', 'model.1.sub.{}.RDB{}.conv{}.0', f'model.1.sub.{BLOCKS}',
                        'model.up{}', 'model.8', 'model.10')]
X2_ESRGAN = [name for name in FIRST_ESRGAN if not name.startswith(('model.6', 'model.8',
                                                                   'model.10'))]
X2_ESRGAN += [f'model.{number}.{kind}' for number in (5, 7) for kind in KINDS]
UNET = list(random_state())
MMAGIC_UNET = [re.sub(r'conv(\d)', r'conv_\1', name) for name in UNET]
RRDBNETS = dict(BasicSR=BASICSR, ESRGAN=ESRGAN, first=FIRST_ESRGAN)


@pytest.mark.parametrize('own', RRDBNETS)
@pytest.mark.parametrize('wanted', RRDBNETS)
def test_each_rrdbnet_is_renamed_to_each_other_parameter_by_parameter(own, wanted):
    own, wanted = RRDBNETS[own], RRDBNETS[wanted]
    assert to_names_like(own, wanted) == dict(zip(own, wanted))
    assert to_basicsr(own) == to_mmagic(own) == dict(zip(own, BASICSR))


def test_the_unet_is_renamed_both_ways():
    assert to_basicsr(MMAGIC_UNET) == dict(zip(MMAGIC_UNET, UNET))
    assert to_mmagic(UNET) == dict(zip(UNET, MMAGIC_UNET))
    assert to_mmagic(MMAGIC_UNET) == dict(zip(MMAGIC_UNET, MMAGIC_UNET))
    assert to_names_like(UNET, MMAGIC_UNET) == to_mmagic(UNET)
    assert to_names_like(MMAGIC_UNET, UNET) == to_basicsr(MMAGIC_UNET)


@pytest.mark.parametrize('names, network', [
    (BASICSR, 'RRDBNet'), (UNET, 'UNetDiscriminatorSN'), (MMAGIC_UNET, None), (ESRGAN, None),
    ([], None), (['body.0.weight', 'body.0.bias', 'body.1.weight', 'body.2.weight'],
                 'SRVGGNetCompact'),
    (['conv_first.weight', 'layers.0.residual_group.blocks.0.norm1.weight'], 'SwinIR'),
])
def test_networks_are_told_by_their_names(names, network):
    assert network_of(names) == network


@pytest.mark.parametrize('names', [
    X2_ESRGAN,  # upsamples once, so its layers are others than the x4 network's
    [*FIRST_ESRGAN, 'model.1.sub.0.RDB1.conv1x1.weight'],  # ESRGAN+
    [name for name in ESRGAN if not name.startswith('upconv2')],  # BSRGAN x2
    [*FIRST_ESRGAN, 'model.1.sub.9.weight'],  # two that would become one
    [*ESRGAN, 'conv_body.weight'],
    [*MMAGIC_UNET, 'conv_10.weight'],
    ['conv_0.weight', 'conv_1.weight'],
    [],
])
def test_a_network_that_is_not_quite_known_keeps_its_names(names):
    assert to_basicsr(names) == to_mmagic(names) == {name: name for name in names}


@given(st.lists(st.sampled_from([*BASICSR, *ESRGAN, *FIRST_ESRGAN, *UNET, *MMAGIC_UNET]),
                unique=True),
       st.sampled_from([BASICSR, ESRGAN, FIRST_ESRGAN, UNET, MMAGIC_UNET]),
       st.booleans())
def test_no_two_names_become_one(names, wanted, with_a_whole_network):
    names = list(dict.fromkeys([*names, *(FIRST_ESRGAN if with_a_whole_network else [])]))
    for renamed in (to_basicsr(names), to_mmagic(names), to_names_like(names, wanted)):
        assert list(renamed) == names
        assert len(set(renamed.values())) == len(names)


def test_msrresnets_are_not_taken_for_each_other():
    basicsr, mmagic = ['upconv1.weight'], ['upsample1.upsample_conv.weight']
    assert "MSRResNet of BasicSR, and MMagic's is" in explain_msrresnet(basicsr, 'MMagic')
    assert "MSRResNet of MMagic, and BasicSR's is" in explain_msrresnet(mmagic, 'BasicSR')
    assert explain_msrresnet(basicsr, 'BasicSR') is None
    assert explain_msrresnet(mmagic, 'MMagic') is None
    assert explain_msrresnet(BASICSR, 'MMagic') is None
