"""A sound start: weights that fill the whole network, or a word about their absence."""
from __future__ import annotations

from logging import Logger
from pathlib import Path

from torch import nn

from ..errors import InputError
from ..files.config_types import type_name
from ..generators import read_checkpoint
from ..generators.checkpoint import fill_weights, report_weights
from ..generators.origin import note_origin
from ..generators.weight_sets import holds_role
from ..generators.wrappers import generator_of, unwrap

DISCRIMINATOR = 'discriminator'
PRETRAINED = 'Pretrained', 'PretrainedInit'
"""The initialisation that loads a file: its name in mmengine's registry, and that of its class."""


def start_generator(model: nn.Module, checkpoint: str | Path, logger: Logger) -> None:
    """Fill a model's generator, and its EMA with the same weights.

    mmengine's own loading says nothing where no name fits, and MMagic copies the generator into
    the EMA at construction, before it has any weights.

    Raises:
        CheckpointError: If the checkpoint does not fill the whole generator.
    """
    generator = generator_of(model)
    found = fill_weights(generator, read_checkpoint(checkpoint), checkpoint)
    report_weights(checkpoint, found, 'DeSRA: generator', logger)
    if getattr(model, 'generator_ema', None) is not None:
        unwrap(model.generator_ema).load_state_dict(generator.state_dict())


def start_sibling(generator: nn.Module, checkpoint: str | Path, logger: Logger) -> None:
    """Fill the MSE-trained sibling of a model's generator.

    Raises:
        CheckpointError: If the checkpoint does not fill the whole generator.
    """
    content = read_checkpoint(checkpoint)
    found = fill_weights(generator, content, checkpoint)
    note_origin(generator, content)
    report_weights(checkpoint, found, 'DeSRA: MSE-trained sibling', logger)


def leave_out_pretrained(model: nn.Module, logger: Logger) -> None:
    """Keep a model's ``init_cfg`` from fetching weights for a generator that a hook fills.

    Some of MMagic's configs would fetch those of the MSE-SR sibling. Call it before the runner
    initialises the weights (``before_run``).
    """
    model = unwrap(model)
    for module in (model, generator_of(model), getattr(model, 'generator_ema', None)):
        config = getattr(unwrap(module), 'init_cfg', None) if module is not None else None
        if isinstance(config, dict) and type_name(config.get('type')) in PRETRAINED:
            logger.info(f"DeSRA: {config['checkpoint']} is not loaded; other weights will fill "
                        'the generator')
            unwrap(module).init_cfg = None


def start_discriminator(model: nn.Module, own: str | Path | None, shared: str | Path | None,
                        logger: Logger, resumed_with: bool | None = None) -> bool:
    """Fill a model's discriminator, or switch the adversarial loss off and say so.

    Args:
        model (nn.Module): An MMagic GAN-SR model.
        own (str | Path, optional): The discriminator's own checkpoint.
        shared (str | Path, optional): The generator's; used if it is a whole MMagic model.
        logger (Logger): Told what was done.
        resumed_with (bool, optional): Of a resumed run, which brings its weights along: what
            this function returned when the run began, False if that is not known. Then only the
            loss is looked after.

    Returns:
        bool: Whether there is a discriminator, and it has weights.

    Raises:
        CheckpointError: If the checkpoint does not fill the whole discriminator.
        InputError: If there is a checkpoint but no discriminator.
    """
    if getattr(model, 'discriminator', None) is None:
        if own:
            raise InputError(f"{own}: is given as the discriminator's checkpoint, but the "
                             "config's model has no discriminator")
        return False
    checkpoint = own or (shared if _holds_discriminator(shared) else None)
    if checkpoint is None and not resumed_with:
        logger.warning(
            'DeSRA: the discriminator has no weights (discriminator_checkpoint); a random one '
            'would pull the generator towards noise, so the adversarial loss is switched OFF')
        model.gan_loss = None  # type: ignore[assignment]  # MMagic's models look whether it is None
        return False
    if resumed_with is None and checkpoint is not None:
        found = fill_weights(unwrap(model.discriminator), read_checkpoint(checkpoint),
                             checkpoint, role=DISCRIMINATOR)
        report_weights(checkpoint, found, f'DeSRA: {DISCRIMINATOR}', logger)
    return True


def _holds_discriminator(checkpoint: str | Path | None) -> bool:
    return checkpoint is not None and holds_role(read_checkpoint(checkpoint), DISCRIMINATOR)
