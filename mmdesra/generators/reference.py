"""References: what a GAN-SR image is compared with, the same image without invented texture."""
from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

import numpy as np
from mmengine.registry import Registry

from ..errors import InputError
from ..files.config_types import type_name
from .checkpoint import fingerprint
from .image_sizes import ImageSizes
from .origin import origin_of
from .turns import MOST_TURNS, is_count_of_turns, mean_of_turns
from .upscaler import Upscaler

REFERENCES = Registry('reference', scope='mmdesra', locations=['mmdesra.generators.self_ensemble'])
"""References that are computed by the GAN-SR model itself."""

HOW_TO_GET_ONE = ("without a sibling, --reference self-ensemble (reference='self-ensemble') makes "
                  'a reference of the GAN itself, and `mmdesra make-mse-partner` trains one')


class Reference(ABC):
    """Makes the image that a GAN-SR image is compared with, one without invented texture.

    Attributes:
        upscaler (Upscaler): The generator that it is made with.
        name (str): What it is called in messages.
        passes (int): How many passes of the generator an image takes.
        show_progress (bool): Whether an image that takes several passes shows a bar of its own,
            if they take long.
    """
    name = 'reference'
    passes = 1
    show_progress = True

    def __init__(self, upscaler: Upscaler) -> None:
        self.upscaler = upscaler

    @property
    def sizes(self) -> ImageSizes:
        """ImageSizes: What sizes it takes, and by how much it enlarges."""
        return self.upscaler.sizes

    @property
    def weights_files(self) -> dict[str, str | Path | None]:
        """dict: Files of weights that it has beside those of the GAN, by what each is for."""
        return {}

    @abstractmethod
    def __call__(self, lq: np.ndarray, gan: np.ndarray) -> np.ndarray:
        """Make the reference image.

        Args:
            lq (np.ndarray): The LR image, uint8, shape ``(H, W, 3)``, RGB.
            gan (np.ndarray): The GAN-SR image that it is for, uint8, shape ``(s·H, s·W, 3)``.

        Returns:
            np.ndarray: uint8, shape ``(s·H, s·W, 3)``, RGB.

        Raises:
            UpscaleError: If the generator fails.
        """

    @abstractmethod
    def describe(self) -> dict:
        """Return the settings that decide the image, for manifests; equal dicts, equal images.

        It always has ``mse_sha256``: the weights of the MSE-trained sibling, None without one.
        """


class Sibling(Reference):
    """The image of the MSE-trained sibling, be it published or made.

    A partner of our making is asked in as many passes as its file says, and the image is their
    mean (:func:`mmdesra.generators.turns.mean_of_turns`).

    Args:
        upscaler (Upscaler): The sibling.

    Raises:
        InputError: If the file of a partner names a number of passes that is none.
    """
    name = 'MSE-trained generator'

    def __init__(self, upscaler: Upscaler) -> None:
        super().__init__(upscaler)
        self.passes = passes_of(origin_of(upscaler.generator),
                                upscaler.weights_file or 'the MSE-trained weights')

    @property
    def weights_files(self) -> dict[str, str | Path | None]:
        """dict: See :attr:`Reference.weights_files`."""
        return {'MSE-SR': self.upscaler.weights_file}

    def __call__(self, lq: np.ndarray, gan: np.ndarray) -> np.ndarray:
        """See :meth:`Reference.__call__`."""
        return mean_of_turns(self.upscaler, lq, self.passes, self.show_progress)

    def describe(self) -> dict:
        """See :meth:`Reference.describe`."""
        generator = self.upscaler.generator
        made = origin_of(generator)  # a partner of our making says how
        return dict(mse_sha256=fingerprint(generator), **(dict(partner=made) if made else {}))


def passes_of(note: Mapping | None, source: str | Path) -> int:
    """Return in how many passes a sibling is asked.

    Args:
        note (Mapping, optional): That of a partner, see :mod:`mmdesra.generators.origin`. None,
            or one without ``passes``: 1.
        source (str | Path): Where it is from, for the error.

    Raises:
        InputError: If it says something else than a number from 1 to 8.
    """
    passes = (note or {}).get('passes', 1)
    if not is_count_of_turns(passes, 1):
        raise InputError(f'{source}: the note of this MSE partner asks for {passes!r} passes; '
                         f'expected from 1 to {MOST_TURNS}')
    return passes


AnyReference = Union[Upscaler, Reference]
"""A reference; a generator alone is the MSE-trained sibling."""

ReferenceSpec = Union[str, Mapping]
"""``'self-ensemble'``, or a dict with its type and arguments."""


def as_reference(reference: AnyReference) -> Reference:
    """Return a reference as it is, and a generator as the sibling that it is."""
    return reference if isinstance(reference, Reference) else Sibling(reference)


def build_reference(spec: ReferenceSpec, gan: Upscaler) -> Reference:
    """Build a reference that is made of the GAN-SR model itself.

    Args:
        spec (str | Mapping): Its name (``'self-ensemble'``), or a dict with ``type`` and its
            arguments.
        gan (Upscaler): The GAN-trained generator; where it will be fine-tuned, a copy from
            before.

    Raises:
        InputError: If there is none of this name, or it does not take the arguments.
    """
    config = check_reference(spec)
    try:
        return REFERENCES.build(dict(config, gan=gan, _scope_='mmdesra'))
    except InputError:
        raise
    except (TypeError, ValueError) as error:  # an argument of a wrong type
        raise InputError(f'the reference cannot be built from {config} ({error})') from error


def check_reference(spec: ReferenceSpec) -> dict:
    """Check the name and arguments of a reference, and return its config.

    Raises:
        InputError: As :func:`build_reference`.
    """
    config = dict(type=spec) if isinstance(spec, str) else spec
    if not isinstance(config, Mapping) or not config.get('type'):
        raise InputError(f"expected a reference's name, or a dict with its type, got {spec!r}")
    kind = config['type']
    built = REFERENCES.get(kind) if kind in _known() else kind
    if not (inspect.isclass(built) and issubclass(built, Reference)):
        raise InputError(
            f'expected one of the references {", ".join(_known())}, got {kind!r} (the weights of '
            'an MSE-trained sibling are given as mse_checkpoint, --mse-checkpoint)')
    known = [name for name in inspect.signature(built).parameters if name != 'gan']
    unknown = [str(name) for name in config if name not in (*known, 'type', '_scope_')]
    if unknown:
        raise InputError(f'the reference {type_name(kind)} takes {", ".join(known)}, got '
                         f'{", ".join(unknown)}')
    return dict(config)


def refuse_both(mse_checkpoint: str | Path | None, reference: Any) -> None:
    """Refuse an MSE-trained sibling together with another reference.

    Args:
        mse_checkpoint (str | Path, optional): Weights of an MSE-trained sibling.
        reference (object, optional): Anything that names another reference.

    Raises:
        InputError: If both are given.
    """
    if mse_checkpoint and reference:
        raise InputError('expected either mse_checkpoint (--mse-checkpoint) or reference '
                         '(--reference), got both: a GAN-SR image is compared with one')


def _known() -> list[str]:
    REFERENCES.import_from_location()
    return sorted(REFERENCES.module_dict)
