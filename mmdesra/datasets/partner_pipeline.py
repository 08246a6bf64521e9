"""From photographs to pairs of an LR patch and its ground truth, for a training by pixel loss."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.registry import TRANSFORMS

from ..errors import InputError
from ..files.config_types import is_a, type_name, with_settings
from ..files.configs import read_config
from .degradations import DEGRADATIONS, MMAGIC_CONFIG

GT_PATCH_SIZE = 128
"""Side in px of the patches cut from photographs, where nobody says."""
PHOTOGRAPH_LOADER = dict(type='LoadLRImage', key='gt')
BICUBIC, OWN = 'bicubic', 'own'


@dataclass(frozen=True)
class PatchPipeline:
    """Transforms that make training samples of photographs.

    Attributes:
        steps (list): MMagic transforms.
        patch_size (int): Side of the GT patches in px.
        wanted (int): Side in px that a photograph, or a tile of it, must have.
        degradation (str): 'bicubic', 'realesrgan' or 'own', that of the model's config.
    """
    steps: list
    patch_size: int
    wanted: int
    degradation: str


def patch_pipeline(own: Sequence[Any], scale: int, patch_size: int | None = None,
                   degradation: str | None = None) -> PatchPipeline:
    """Choose how photographs become pairs, by what kind of model it is.

    Args:
        own (Sequence): The pipeline of the model's config. If it makes LR images of GTs itself,
            as Real-ESRGAN's does, it goes on doing so. If it reads pairs, or there is none, LR
            patches are bicubic reductions.
        scale (int): By what the generator enlarges.
        patch_size (int, optional): Side of the GT patches in px. Default: the pipeline's own,
            else :data:`GT_PATCH_SIZE`.
        degradation (str, optional): 'bicubic', or 'realesrgan' for the second-order degradations
            of Real-ESRGAN with its sharpened GTs (which models of MMagic's type RealESRGAN
            train on). Default: as above.

    Raises:
        InputError: If there is no such degradation, or the patch does not suit the scale.
    """
    makes_lr = bool(own) and not any(_loads(step, 'img') for step in own)
    kind = degradation or (OWN if makes_lr else BICUBIC)
    if kind not in (*DEGRADATIONS, OWN):
        raise InputError(f'expected one of the degradations {", ".join(DEGRADATIONS)}, got {kind}')
    patch = patch_size if patch_size is not None else next(
        (step['gt_patch_size'] for step in own if 'gt_patch_size' in step), GT_PATCH_SIZE)
    if patch % scale or patch < scale:
        raise InputError(f'expected a patch size that is a multiple of the scale {scale}, got '
                         f'{patch} (--patch-size)')
    if kind == BICUBIC:
        return PatchPipeline(_bicubic(patch, scale), patch, patch, kind)
    steps = own if kind == OWN else read_config(MMAGIC_CONFIG).train_pipeline
    return _resized(steps, patch, scale, kind)


def _bicubic(patch: int, scale: int) -> list[dict]:
    # With the scope: a config whose own types are classes may have another default one, or none.
    images = ['img', 'gt']
    return [
        dict(PHOTOGRAPH_LOADER),
        dict(type='mmagic.Crop', keys=['gt'], crop_size=(patch, patch), random_crop=True),
        # The transform draws the scale from an interval; here both ends are the same.
        dict(type='mmagic.RandomDownSampling', scale_min=scale, scale_max=scale,
             interpolation='bicubic', backend='pillow'),
        dict(type='mmagic.Flip', keys=images, flip_ratio=0.5, direction='horizontal'),
        dict(type='mmagic.Flip', keys=images, flip_ratio=0.5, direction='vertical'),
        dict(type='mmagic.RandomTransposeHW', keys=images, transpose_ratio=0.5),
        # RealESRGAN reads it.
        dict(type='mmagic.CopyValues', src_keys=['gt'], dst_keys=['gt_unsharp']),
        dict(type='mmagic.PackInputs'),
    ]


def _resized(steps: Sequence[Any], patch: int, scale: int, kind: str) -> PatchPipeline:
    """Change the patch size of a pipeline that crops, degrades, and cuts a patch of the crop."""
    crop = next((int(step['crop_size'][0]) for step in steps if _crops(step)), None)
    cut = next((int(step['gt_patch_size']) for step in steps if 'gt_patch_size' in step), crop)
    if crop is None or cut is None:  # nothing says how large its patches are
        return PatchPipeline([_with_our_loader(step) for step in steps], patch, patch, kind)
    # The crop around the patch grows or shrinks in proportion.
    wanted = max(-(-round(crop * patch / cut) // scale) * scale, patch)
    target = wanted // scale
    changed = [_changed(_with_our_loader(step), wanted, target, patch, scale) for step in steps]
    return PatchPipeline(changed, patch, wanted, kind)


def _changed(step: Any, wanted: int, target: int, patch: int, scale: int) -> Any:
    """Return a step, or a list of them, for other sizes."""
    if isinstance(step, (list, tuple)):
        return type(step)(_changed(part, wanted, target, patch, scale) for part in step)
    if not isinstance(step, Mapping):
        return step
    # Of a dict's own, because reading a setting by items() imports what is lazy.
    plain = {name: dict.get(step, name) if isinstance(step, dict) else step[name] for name in step}
    sizes: dict[str, Any] = {}
    for name, value in plain.items():
        if name == 'target_size':
            sizes[name] = (target, target)
        elif name == 'crop_size' and _crops(step):
            sizes[name] = (wanted, wanted)
        elif name == 'gt_patch_size':
            sizes[name] = patch
        elif name == 'dictionary' and isinstance(value, Mapping) and 'scale' in value:
            sizes[name] = dict(value, scale=scale)
        elif name in ('params', 'degradations'):
            sizes[name] = _changed(value, wanted, target, patch, scale)
    return with_settings(step, **sizes) if sizes else step


def _crops(step: Any) -> bool:
    return isinstance(step, Mapping) and is_a(step, 'Crop', TRANSFORMS) and 'crop_size' in step


def _with_our_loader(step: Any) -> Any:
    """Load images with our reader: OpenCV, MMagic's default, does not read all listed formats."""
    is_alike = (_loads(step, 'gt') and step.get('color_type', 'color') == 'color'
                and step.get('channel_order') == 'rgb')
    return dict(PHOTOGRAPH_LOADER) if is_alike else step


def _loads(step: Any, key: str) -> bool:
    loads = type_name(step.get('type')).startswith('LoadImageFrom')
    return step.get('key') == key and (loads or is_a(step, 'LoadImageFromFile', TRANSFORMS))
