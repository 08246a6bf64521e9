"""What is settled before a cure starts: which photographs, with what, and how much of it."""
from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ...engine.partner_passes import usual_passes
from ...errors import InputError
from ...files import read_image
from ...files.hashes import weights_sha256
from ...generators import Sibling, load_upscaler
from ...generators.checkpoint import local_checkpoint
from ...generators.same_weights import have_same_weights
from .crops import SIDES
from .network import Network, tell_degradation
from .plan import ENSEMBLE_PASSES, Amounts, make_plan
from .recipe import PARTNER_LQ_PATCHES, Recipe, partner_patch
from .settings import PARTNER, SELF_ENSEMBLE, CureSettings
from .speed import Loss, Speed, measure_partner, measure_speed
from .split import FOR_PARTNER, HELDOUT, TRAIN
from .taking import Roles, assign, expected_crops, open_album, with_partner
from .truth import LQ_SIDE

logger = logging.getLogger('mmdesra')


def load_sibling(network: Network, mse: Path, model: Path, device: str) -> Sibling:
    """Load the sibling, and make sure that it is another network.

    Raises:
        InputError: If it holds the model's own weights, or is a partner whose file cannot be
            followed.
    """
    sibling = Sibling(load_upscaler(network.generator, mse, device))
    if have_same_weights(network.upscaler.generator, sibling.upscaler.generator):
        raise InputError(f'{mse}: holds the same weights as {model}, and is no reference for it; '
                         'give those of its MSE-trained sibling, or leave --mse out')
    return sibling


def take_photographs(settings: CureSettings, recipe: Recipe, network: Network,
                     say: Callable[[str], None]) -> Roles:
    """List the photographs, and say what each is for."""
    album = open_album(settings.photographs, settings.out)
    heldout = open_album(settings.heldout, settings.out) if settings.heldout else None
    roles = assign(album, heldout, settings.heldout_share,
                   recipe.patch_for(network.upscaler.sizes))
    if settings.partner_photographs:
        roles = with_partner(roles, open_album(settings.partner_photographs, settings.out),
                             network.scale * network.upscaler.sizes.padded(1))
    for place, reason in roles.left_out.items():
        logger.warning('%s: %s', place, reason)
    own = (f'{len(roles.photographs(FOR_PARTNER))} for the reference, '
           if FOR_PARTNER in roles.albums else '')
    say(f'{len(roles.photographs(TRAIN))} photographs to train on, {own}'
        f'{len(roles.photographs(HELDOUT))} held out, {len(roles.left_out)} left out')
    return roles


def signature_of(settings: CureSettings, roles: Roles) -> dict:
    """Return all that decides the result, for the notes of a cure."""
    return dict(settings.describe(), model=weights_sha256(settings.model),
                mse=weights_sha256(local_checkpoint(settings.mse)) if settings.mse else None,
                vgg16=(weights_sha256(settings.vgg16_weights)
                       if settings.vgg16_weights else None),
                photographs=roles.albums[TRAIN].signature(),
                heldout=roles.albums[HELDOUT].signature() if settings.heldout else None,
                partner_photographs=(roles.albums[FOR_PARTNER].signature()
                                     if settings.partner_photographs else None))


def settle(settings: CureSettings, network: Network, recipe: Recipe, roles: Roles,
           loss: Loss | None = None, sibling: Sibling | None = None) -> dict:
    """Measure this machine and the network, and decide what is done.

    Returns:
        dict: For JSON: ``speed`` and ``plan``, see :mod:`mmdesra.apis.curing.plan`;
        ``degradation`` of the photographs; ``noise_left``, the share of noise that it follows
        from, or None; ``reference``, what stands for the sibling where none is given;
        ``crop_pixels``, LR pixels of a crop; ``partner_patch``, side in px of the GT patches that
        a partner is trained on, None where none is.
    """
    speed = measure_speed(network.upscaler, recipe, loss)
    degradation, noise = settings.degradation, None
    if degradation is None:
        largest = max(roles.photographs(TRAIN), key=lambda one: one.short)
        degradation, noise = tell_degradation(
            network, read_image(roles.albums[TRAIN].root / largest.inside))
    reference = settings.reference or PARTNER
    patch = None
    if settings.mse is None and reference == PARTNER:
        speed, patch = _measure_partner(speed, network, recipe, roles, degradation)
    passes = reference_passes(sibling, reference, degradation)
    for side in SIDES:
        amounts = amounts_of(settings, roles, network.scale, reference, passes, side)
        plan = make_plan(speed, amounts, recipe, settings.max_hours, settings.max_iters,
                         settings.partner_iters)
        if plan.is_ample(amounts, settings.max_hours):
            break
    return dict(speed=asdict(speed), plan=asdict(plan), degradation=degradation,
                noise_left=noise, reference=reference, crop_pixels=amounts.crop_pixels,
                partner_patch=patch)


def _measure_partner(speed: Speed, network: Network, recipe: Recipe, roles: Roles,
                     degradation: str) -> tuple[Speed, int]:
    """Measure how fast a partner is trained, and find the largest patch that memory is enough for.

    Raises:
        InputError: If there is too little for the smallest one.
    """
    sizes, taken = network.upscaler.sizes, roles.photographs(roles.role_of_partner)
    largest = max(taken, key=lambda one: one.short)
    photograph = roles.albums[roles.role_of_partner].root / largest.inside
    patches = [partner_patch([one.short for one in taken], sizes, kind)
               for kind in dict.fromkeys((degradation, *PARTNER_LQ_PATCHES))
               if PARTNER_LQ_PATCHES[kind] <= PARTNER_LQ_PATCHES[degradation]]
    failed: InputError | None = None
    for patch in patches:
        try:
            return measure_partner(speed, network.upscaler, recipe, photograph, patch,
                                   degradation), patch
        except InputError as error:
            failed = error
    raise InputError(f'{failed}; a reference that needs no training is --reference '
                     f'{SELF_ENSEMBLE}') from failed


def amounts_of(settings: CureSettings, roles: Roles, scale: int, reference: str,
               passes: int, side: int) -> Amounts:
    """Return how much there is to do.

    Args:
        settings (CureSettings): What was asked for.
        roles (Roles): The photographs.
        scale (int): By what the network enlarges.
        reference (str): What stands for the sibling where none is given.
        passes (int): How many passes of a network the reference takes.
        side (int): Of the crops, in LR px.
    """
    train, train_pixels = expected_crops(roles.photographs(TRAIN), side)
    heldout, heldout_pixels = expected_crops(roles.photographs(HELDOUT), side)
    truths, pixels = expected_crops(roles.photographs(HELDOUT), scale * LQ_SIDE)
    makes_partner = settings.mse is None and reference == PARTNER
    return Amounts(train, heldout, max(train_pixels, heldout_pixels), passes, makes_partner,
                   side, truths, pixels / scale**2)


def reference_passes(sibling: Sibling | None, reference: str, degradation: str) -> int:
    """Return how many passes of a network a reference takes, see :func:`settle`."""
    if sibling is not None:
        return sibling.passes
    return usual_passes(degradation) if reference == PARTNER else ENSEMBLE_PASSES
