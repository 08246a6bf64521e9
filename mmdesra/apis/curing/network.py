"""The network that is cured."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...datasets.degradations import MMAGIC_CONFIG
from ...errors import InputError
from ...files.configs import read_config
from ...generators import CheckpointError, Upscaler, load_upscaler, read_checkpoint
from ...generators.checkpoint import local_checkpoint
from ...generators.recognise import recognise
from ...generators.same_layout import match_weights

CONFIGS = {
    'realesrgan-x4plus': 'mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py',
    'realesrnet-x4plus': f'{MMAGIC_CONFIG}.py',
    'esrgan-x4': 'mmagic::esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py',
    'ldl-x4': 'mmdesra::ldl/ldl_c64b23g32_4xb4-lr1e-4-400k_df2k-ost.py',
    'srgan-x4': 'mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py',
    'srgan-bn-x4': 'mmdesra::desra/desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py',
    'swinir-gan-x4': 'mmagic::swinir/swinir_gan-x4s64w8d6e180_8xb4-lr1e-4-600k_df2k-ost.py',
    'swinir-gan-x2': 'mmagic::swinir/swinir_gan-x2s64w8d6e180_8xb4-lr1e-4-600k_df2k-ost.py'}
"""Configs with well-known networks, by the names that people know."""
NOISE = 10.
"""Standard deviation of the noise that tells a restoring network, in grey levels."""
KEPT_NOISE = .5
"""Share of it that a network for clean reductions leaves in the image, at least."""
PROBE_SIDE = 40


@dataclass
class Network:
    """The network that is cured.

    Attributes:
        generator (dict): Its config.
        name (str): For people.
        kind (str): Its type.
        upscaler (Upscaler): With the weights as they came.
    """
    generator: dict
    name: str
    kind: str
    upscaler: Upscaler

    @property
    def scale(self) -> int:
        """int: By how much it enlarges."""
        return self.upscaler.sizes.scale


def find_network(model: str | Path, config: str | None, device: str, tile: int = 0) -> Network:
    """Recognise the network of a file of weights, or take it from a config, and load it.

    Args:
        model (str | Path): The weights.
        config (str, optional): A config file, a name such as ``mmagic::…``, or one of
            :data:`CONFIGS`; its ``model.generator`` is meant.
        device (str): Where it runs.
        tile (int): Side of tiles in LR px; 0 = whole images.

    Raises:
        InputError: If it is no network that can be cured.
    """
    if _known_name(str(model)) in CONFIGS and not Path(model).exists():
        raise InputError(f'{model}: is the name of a network, and no file; give its weights, as '
                         'they were downloaded (RealESRGAN_x4plus.pth), as MODEL, and the name as '
                         '--config, if it is needed at all')
    path = local_checkpoint(model)
    if config is None:
        found = recognise(path)
        spec, name, kind = found.generator, found.name, found.kind
    else:
        spec = _generator_of(CONFIGS.get(_known_name(config), config))
        kind = getattr(spec['type'], '__name__', str(spec['type']))
        name = kind
    upscaler = load_upscaler(spec, path, device, tile=tile)
    if config is not None:
        name = f'{kind} x{upscaler.sizes.scale}'
    if upscaler.sizes.scale < 2:
        raise InputError(f'{path}: {name} does not enlarge (x{upscaler.sizes.scale}); what it '
                         'does to a photograph has no truth that a reduction would give, and a '
                         'cure could not be judged')
    # Found now, not after hours: the result must go into the layout of the file.
    match_weights(path, read_checkpoint(path), upscaler.generator.state_dict())
    return Network(spec, name, kind, upscaler)


def tell_degradation(network: Network, photograph: np.ndarray) -> tuple[str, float]:
    """Tell how to reduce photographs for a network: as those that it was trained on.

    One for real photographs takes noise away; one for clean reductions takes noise for detail,
    and it is still there when its image is reduced again.

    Args:
        network (Network): The network.
        photograph (np.ndarray): Any, uint8, shape ``(H, W, 3)``.

    Returns:
        tuple[str, float]: A name of :data:`mmdesra.datasets.degradations.DEGRADATIONS`, and the
        share of the noise that was left.
    """
    top, left = (max(side - PROBE_SIDE, 0) // 2 for side in photograph.shape[:2])
    lq = photograph[top:top + PROBE_SIDE, left:left + PROBE_SIDE]
    rng = np.random.default_rng(0)
    noisy = np.clip(lq + rng.normal(0, NOISE, lq.shape), 0, 255).round().astype(np.uint8)
    noise = noisy.astype(float) - lq

    def again(image: np.ndarray) -> np.ndarray:
        size = lq.shape[1], lq.shape[0]
        return np.asarray(Image.fromarray(network.upscaler(np.ascontiguousarray(image))).resize(
            size, Image.Resampling.BICUBIC), float)

    left_over = float(((again(noisy) - again(lq)) * noise).sum() / max((noise**2).sum(), 1e-9))
    return ('bicubic' if left_over >= KEPT_NOISE else 'realesrgan'), round(left_over, 3)


def _known_name(text: str) -> str:
    return Path(text).name.lower().replace('_', '-')


def _generator_of(name: str) -> dict:
    config = read_config(name)
    model = config.get('model')
    generator = model.get('generator') if isinstance(model, dict) else None
    if not isinstance(generator, dict):
        raise CheckpointError(f'{name}: expected a config with model.generator')
    generator = generator.to_dict() if hasattr(generator, 'to_dict') else dict(generator)
    generator.pop('init_cfg', None)  # the weights are those of MODEL
    return generator
