"""Which network a file of weights is of, told by the weights alone."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from torch import Tensor

from .basicsr_keys import DISCRIMINATORS, explain_msrresnet, network_of, to_basicsr
from .checkpoint import ATTENTION_MASK, CheckpointError, find_weights, read_checkpoint
from .image_sizes import CHANNELS

State = Mapping[str, Tensor]
NAME_IT = 'name a config whose model.generator it is (--config)'
RRDB_SCALES = {CHANNELS: 4, 4 * CHANNELS: 2, 16 * CHANNELS: 1}
"""By the channels that an RRDBNet takes: at x2 and x1 pixels are folded into channels first."""
JUDGES = ('features.', 'classifier.', 'fc.', 'linear')
"""How the last layers of networks begin that judge an image and make none."""


@dataclass(frozen=True)
class Recognised:
    """What a file of weights is of.

    Attributes:
        generator (dict): The config of the network, for
            :func:`mmdesra.generators.build_generator`.
        name (str): What to call it: ``RRDBNet x4, 23 blocks``.
        kind (str): The type of the network: a class of MMagic's or ours, or spandrel's name.
        layout (str): Where in the file the weights were found.
    """
    generator: dict
    name: str
    kind: str
    layout: str


def recognise(path: str | Path) -> Recognised:
    """Tell which network weights are of: one of MMagic's or ours, or any that spandrel knows.

    Its arguments follow from the names and shapes of the weights, which must be those of such a
    network all through: one that differs in a layer goes to spandrel.

    Args:
        path (str | Path): In any layout of :func:`mmdesra.generators.load_weights`.

    Raises:
        CheckpointError: If the file cannot be read, or holds no network from RGB images to
            larger or equal RGB images that is known.
    """
    content = read_checkpoint(path)
    found = find_weights(path, content, resembles=_is_ours)
    spec = generator_of_weights(found.state)
    if spec is not None:
        return Recognised(spec, _name(spec), spec['type'], found.layout)
    _refuse_judges(path, found.state)
    reason = explain_msrresnet(found.state, 'MMagic')
    if reason:
        raise CheckpointError(f'{path} ({found.layout}): {reason}; no class for it is known here')
    return _recognise_by_spandrel(path, found.layout)


def generator_of_weights(state: State) -> dict | None:
    """Return the config of the network that weights are of.

    Args:
        state (Mapping): Weights by BasicSR's, MMagic's or ESRGAN's names.

    Returns:
        dict | None: None if it is none of MMagic's or ours that is known by its weights.
    """
    names = to_basicsr(state)
    state = {names[name]: value for name, value in state.items()}
    for read in READERS:
        try:
            spec = read(state)
        except (KeyError, IndexError, ValueError, ZeroDivisionError):  # it lacks what that has
            continue
        if spec is not None:
            return spec
    return None


# ---------------------------------------- the networks


def _rrdbnet(state: State) -> dict | None:
    if network_of(state) != 'RRDBNet' or any(name.startswith('conv_up3') for name in state):
        return None
    first = state['conv_first.weight']
    blocks = _count(state, r'body\.(\d+)\.')
    if first.shape[1] not in RRDB_SCALES or state['conv_last.weight'].shape[0] != CHANNELS:
        return None
    if len(state) != 30 * blocks + 12 or first.shape[2:] != (3, 3):
        return None
    return dict(type='RRDBNet', in_channels=CHANNELS, out_channels=CHANNELS,
                mid_channels=first.shape[0], num_blocks=blocks,
                growth_channels=state['body.0.rdb1.conv1.weight'].shape[0],
                upscale_factor=RRDB_SCALES[first.shape[1]])


def _msrresnet(state: State) -> dict | None:
    """MMagic's, which is not BasicSR's."""
    channels = state['conv_first.weight'].shape[0]
    first_factor = isqrt(state['upsample1.upsample_conv.weight'].shape[0] // channels)
    has_second = 'upsample2.upsample_conv.weight' in state
    scale = first_factor * (2 if has_second else 1)
    blocks = _count(state, r'trunk_net\.(\d+)\.')
    if not blocks or scale not in (2, 3, 4):
        return None
    return dict(type='MSRResNet', in_channels=state['conv_first.weight'].shape[1],
                out_channels=state['conv_last.weight'].shape[0], mid_channels=channels,
                num_blocks=blocks, upscale_factor=scale)


def _srresnet(state: State) -> dict | None:
    """Ours, with batch norm."""
    head = state['head.0.weight']
    shuffles = _count(state, r'upsampler\.(\d+)\.bias', 3)
    blocks = _count(state, r'blocks\.(\d+)\.')
    if head.shape[2:] != (9, 9) or 'blocks.0.bn1.running_mean' not in state or not blocks:
        return None
    if shuffles not in (1, 2):
        return None
    # Batch norm keeps its stored statistics; those of a few patches would not be representative.
    return dict(type='SRResNet', in_channels=head.shape[1],
                out_channels=state['tail.weight'].shape[0], mid_channels=head.shape[0],
                num_blocks=blocks, upscale_factor=2 * shuffles, norm_eval=True)


def _swinir(state: State) -> dict | None:
    if network_of(state) != 'SwinIR':
        return None
    embed, channels = state['conv_first.weight'].shape[:2]
    block = 'layers.{}.residual_group.blocks.{}.'
    layers = _count(state, r'layers\.(\d+)\.')
    depths = [_count(state, rf'layers\.{number}\.residual_group\.blocks\.(\d+)\.')
              for number in range(layers)]
    tables = [state[f'{block.format(number, 0)}attn.relative_position_bias_table']
              for number in range(layers)]
    window = (isqrt(tables[0].shape[0]) + 1) // 2
    upsampler, scale = _upsampler_of_swinir(state)
    hidden = state[f'{block.format(0, 0)}mlp.fc1.weight'].shape[0]
    return dict(
        type='SwinIRNet', upscale=scale, in_chans=channels, img_size=_swinir_side(state, window),
        window_size=window, img_range=1.0, depths=depths, embed_dim=embed,
        num_heads=[table.shape[1] for table in tables], mlp_ratio=hidden / embed,
        qkv_bias=f'{block.format(0, 0)}attn.qkv.bias' in state,
        ape='absolute_pos_embed' in state, patch_norm='patch_embed.norm.weight' in state,
        upsampler=upsampler,
        resi_connection='3conv' if 'conv_after_body.0.weight' in state else '1conv')


def _upsampler_of_swinir(state: State) -> tuple[str, int]:
    if 'conv_up1.weight' in state:
        return 'nearest+conv', 4 if 'conv_up2.weight' in state else 2
    if 'conv_before_upsample.0.weight' in state:
        channels = state['conv_before_upsample.0.weight'].shape[0]
        factors = [isqrt(value.shape[0] // channels) for name, value in state.items()
                   if re.fullmatch(r'upsample\.\d+\.weight', name)]
        scale = 1
        for factor in factors:
            scale *= factor
        return 'pixelshuffle', scale
    if 'upsample.0.weight' in state:
        return 'pixelshuffledirect', isqrt(state['upsample.0.weight'].shape[0] // CHANNELS)
    return '', 1


def _swinir_side(state: State, window: int) -> int:
    """Side of the training patches, which the masks of shifted windows and positions are for."""
    for name, value in state.items():
        if name.endswith(ATTENTION_MASK):
            return isqrt(value.shape[0]) * window
    if 'absolute_pos_embed' in state:
        return isqrt(state['absolute_pos_embed'].shape[1])
    return 8 * window


READERS: tuple[Callable[[State], dict | None], ...] = (_rrdbnet, _msrresnet, _srresnet, _swinir)


# ---------------------------------------- all others


def _recognise_by_spandrel(path: str | Path, layout: str) -> Recognised:
    from .spandrel_generator import SpandrelGenerator
    try:
        network = SpandrelGenerator(path)
    except CheckpointError as error:
        raise CheckpointError(str(error).replace('name a config with its generator (--generator '
                                                 'CONFIG)', NAME_IT)) from error
    return Recognised(dict(type='SpandrelGenerator', checkpoint=str(path)),
                      f'{network.architecture} x{network.upscale_factor}', network.architecture,
                      layout)


def _is_ours(state: State) -> float:
    names = to_basicsr(state)
    if network_of(names.values()) is not None:
        return 1
    return float(generator_of_weights(state) is not None)


def _refuse_judges(path: str | Path, state: State) -> None:
    names = [*to_basicsr(state).values()]
    network = network_of(names)
    if network in DISCRIMINATORS:
        raise CheckpointError(f'{path}: expected the weights of a network that enlarges images, '
                              f'got those of the discriminator {network}')
    last = [name for name in names if name.endswith('.weight')][-1:]
    if last and last[0].startswith(JUDGES) and state[[*state][names.index(last[0])]].dim() == 2:
        raise CheckpointError(f'{path}: expected the weights of a network that enlarges images, '
                              f'got those of one that judges them (it ends in {last[0]})')


def _count(state: State, pattern: str, step: int = 1) -> int:
    """Return how many numbers there are, 0, ``step``, ...; none may be missing.

    Raises:
        ValueError: If one is.
    """
    numbers = {int(found[1]) for name in state if (found := re.match(pattern, name))}
    if numbers != set(range(0, step * len(numbers), step)):
        raise ValueError('a layer is missing')
    return len(numbers)


def _name(spec: Mapping) -> str:
    scale = spec.get('upscale_factor') or spec.get('upscale')
    blocks = spec.get('num_blocks')
    return f'{spec["type"]} x{scale}' + (f', {blocks} blocks' if blocks else '')
