"""Checking that the files and folders given to the fine-tune hook exist."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..files import ImageError, list_inputs
from ..files.listing import Listing
from ..generators.checkpoint import refuse_address
from ..generators.reference import HOW_TO_GET_ONE
from .hook_settings import IMAGES

OPTIONS = dict(
    lq_dir='--lq-dir', heldout_lq_dir='--heldout-lq-dir', heldout_gt_dir='--heldout-gt-dir',
    truth_dir='--truth-dir', labels_dir='--labels-dir', gan_checkpoint='--gan-checkpoint',
    mse_checkpoint='--mse-checkpoint', discriminator_checkpoint='--discriminator-checkpoint')
"""The options of `mmdesra train` that set them."""

WITHOUT = dict(
    heldout_lq_dir='--hook-options heldout_lq_dir=None trains without measuring anything',
    heldout_gt_dir='--hook-options heldout_gt_dir=None does without ground truths',
    truth_dir='--hook-options truth_dir=None takes the photographs of --lq-dir',
    labels_dir='--hook-options labels_dir=None switches the semantic step off',
    discriminator_checkpoint='without these weights, --hook-options '
    'discriminator_checkpoint=None switches the adversarial loss off',
    mse_checkpoint=HOW_TO_GET_ONE)
"""How to train without one of them."""


def list_images_of(hook: Mapping, name: str, config_name: str | None) -> Listing:
    """List images that the hook is given.

    Args:
        hook (Mapping): The hook's arguments.
        name (str): One of them, which is set.
        config_name (str, optional): Of the config that they may come from.

    Raises:
        ImageError: If there is none; it says which option sets them.
    """
    try:
        return list_inputs(hook[name], hook.get('recursive', False))
    except ImageError as error:
        raise ImageError(f'{error}; {_advice(name, config_name)}') from error


def check_paths(hook: Mapping, config_name: str | None, is_resumed: bool = False) -> None:
    """Refuse checkpoints and folders that are not there, before a network is built for them.

    Args:
        hook (Mapping): The hook's arguments.
        config_name (str, optional): Of the config that they may come from.
        is_resumed (bool): Whether the run goes on from a checkpoint of its own, which has the
            weights of generator and discriminator.

    Raises:
        InputError: If some are not there; it names them all, and the options that set them.
    """
    missing = []
    names = [name for name in OPTIONS if name not in IMAGES]
    for name in names:
        path = hook.get(name)
        if not path or (is_resumed and name in ('gan_checkpoint', 'discriminator_checkpoint')):
            continue
        if name.endswith('checkpoint'):
            refuse_address(path)
        if not Path(path).expanduser().exists():
            missing.append(f'{path}: no such file or folder; {_advice(name, config_name)}')
    if missing:
        raise InputError('. '.join(missing))


def _advice(name: str, config_name: str | None) -> str:
    of = f' of {config_name}' if config_name else ''
    return (f'it is the {name}{of}, and {OPTIONS[name]} sets another'
            + (f'; {WITHOUT[name]}' if name in WITHOUT else ''))
