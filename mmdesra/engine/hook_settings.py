"""Looking through the arguments of the fine-tune hook."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..datasets.degradations import DEGRADATIONS
from ..errors import InputError
from ..generators.reference import HOW_TO_GET_ONE, check_reference, refuse_both

CHOOSING_STOPS = ('knee', 'truth')
"""Those that choose an iteration."""
STOPS = ('iterations', *CHOOSING_STOPS)
HOOK = 'DeSRAFinetuneHook'
IMAGES = ('lq_dir', 'heldout_lq_dir', 'truth_dir')
"""A folder, an image or a pattern, or several of these."""
PATHS = (*IMAGES, 'mse_checkpoint', 'gan_checkpoint', 'discriminator_checkpoint',
         'heldout_gt_dir', 'pseudo_gt_dir', 'labels_dir')
COUNTS = dict(gt_patch_size=1, rounds=1, watch_interval=1, tile=0)
"""Whole numbers, and the least that each may be."""
SHARES = ('mask_prob', 'wanted_removal')
SHARES_OF_BATCH = ('original_share', 'truth_share')
SWITCHES = ('flips', 'half', 'recursive')


def check_hook_settings(settings: Mapping) -> None:
    """Refuse arguments of a wrong type, out of their range, or that contradict each other.

    Args:
        settings (Mapping): Every argument of :class:`DeSRAFinetuneHook` by its name.

    Raises:
        InputError: If there is one.
    """
    for name in PATHS:
        value = settings[name]
        is_list = name in IMAGES and isinstance(value, (list, tuple)) and value
        _expect(settings, name, 'to be a path' + ' or several' * (name in IMAGES),
                all(isinstance(one, (str, Path)) for one in (value if is_list else [value]))
                or value is None)
    for name, least in COUNTS.items():
        value = settings[name]
        is_unset = name == 'watch_interval' and value is None
        _expect(settings, name, f'to be a whole number of at least {least}',
                is_unset or (_is_number(value, int) and value >= least))
    offset = settings['label_offset']
    _expect(settings, 'label_offset', 'to be a whole number', offset is None
            or _is_number(offset, int))
    for name in SHARES:
        share = settings[name]
        _expect(settings, name, 'in [0, 1]', _is_number(share) and 0 <= share <= 1)
    for name in SHARES_OF_BATCH:
        share = settings[name]
        _expect(settings, name, 'in [0, 1)', _is_number(share) and 0 <= share < 1)
    _expect(settings, 'truth_degradation', f'to be one of {tuple(DEGRADATIONS)}',
            settings['truth_degradation'] in DEGRADATIONS)
    _expect(settings, 'truth_loss', 'to be a dict', settings['truth_loss'] is None
            or isinstance(settings['truth_loss'], Mapping))
    for name in SWITCHES:
        _expect(settings, name, 'to be True or False', isinstance(settings[name], bool))
    pipeline = settings['pipeline']
    _expect(settings, 'pipeline', 'to be a list of transforms', pipeline is None or (
        isinstance(pipeline, (list, tuple))
        and all(isinstance(step, dict) or callable(step) for step in pipeline)))
    _expect(settings, 'stop', f'to be one of {STOPS}', settings['stop'] in STOPS)
    _check_together(settings)


def _check_reference(settings: Mapping) -> None:
    sibling, reference = settings['mse_checkpoint'], settings['reference']
    if reference is not None:
        check_reference(reference)
    refuse_both(sibling, reference)
    if not sibling and reference is None:
        raise InputError(f'{HOOK}: needs mse_checkpoint (--mse-checkpoint) or reference '
                         f'(--reference); {HOW_TO_GET_ONE}')
    if settings['mse_generator'] is not None and not sibling:
        raise InputError(f'{HOOK}: mse_generator is the generator of mse_checkpoint, which is '
                         'missing')


def _check_together(settings: Mapping) -> None:
    _check_reference(settings)
    if settings['heldout_gt_dir'] and not settings['heldout_lq_dir']:
        raise InputError(f'{HOOK}: heldout_gt_dir needs heldout_lq_dir: the LR images of these '
                         'ground truths')
    if settings['perceptual'] is not None and not settings['heldout_gt_dir']:
        raise InputError(f'{HOOK}: perceptual needs heldout_gt_dir: the ground truths that the '
                         'distance is measured to')
    if settings['labels_dir'] and settings['segmentor']:
        raise InputError(f'{HOOK}: expected labels_dir or segmentor, got both')
    if settings['original_share'] and settings['truth_share']:
        raise InputError(f'{HOOK}: expected original_share or truth_share, got both')
    given = [name for name in ('truth_dir', 'truth_loss') if settings[name]]
    if given and not settings['truth_share']:
        raise InputError(f'{HOOK}: {given[0]} needs truth_share (--truth-share), the share of '
                         'these photographs in each batch')
    looks = settings['stop'] in CHOOSING_STOPS or settings['watch_interval']
    if looks and not settings['heldout_lq_dir']:
        raise InputError(f"{HOOK}: stop='knee', stop='truth' and watch_interval need "
                         'heldout_lq_dir (--heldout-lq-dir): LR images to look at')
    if settings['stop'] == 'truth' and not settings['heldout_gt_dir']:
        raise InputError(f"{HOOK}: stop='truth' needs heldout_gt_dir (--heldout-gt-dir): the "
                         'ground truths that choose')


def _is_number(value: object, kind: type | tuple[type, ...] = (int, float)) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _expect(settings: Mapping, name: str, what: str, is_right: bool) -> None:
    if not is_right:
        raise InputError(f'{HOOK}: expected {name} {what}, got {settings[name]!r}')
