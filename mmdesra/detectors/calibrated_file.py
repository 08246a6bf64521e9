"""The file of a calibrated detector: numbers in safetensors, and what they mean as JSON."""
from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from ..files.atomic import write_bytes
from ..files.records import parse_json, to_record
from ..generators.checkpoint import CheckpointError, fill_weights, read_checkpoint
from ..models.artifact_net import ArtifactNet
from ..ops.block_statistics import GAN_PLANES, MSE_PLANES

CARD, VERSION = 'mmdesra_calibrated_detector', 1
"""The one entry of the file's metadata: of several, safetensors would draw the order."""

SUFFIX = '.safetensors'
MADE_BY = '`mmdesra calibrate` makes such a file'
MAX_CHANNELS = 1024
"""Of a scale of the network: a forged file must not take all memory."""


@dataclass(frozen=True)
class CalibrationCard:
    """What the numbers of a calibrated detector mean, and where they come from.

    Attributes:
        uses_mse (bool): Whether the network sees the MSE-SR image, too.
        channels (tuple[int, ...]): Of the network's three scales.
        kinds (tuple[str, ...]): What its first answers are: the probability of an artifact of
            this kind.
        thresholds (tuple[float, ...]): One for each kind, in (0, 1).
        answers (int): Planes that the network returns; those beyond the kinds only served
            training.
        scale (int): Factor from LR to SR of the images that it has learnt from.
        made (dict): Weights of the generators, settings, and figures on held-out photographs.
    """
    uses_mse: bool
    channels: tuple[int, ...]
    kinds: tuple[str, ...]
    thresholds: tuple[float, ...]
    answers: int
    scale: int
    made: dict = field(default_factory=dict)

    @property
    def planes(self) -> int:
        """int: Planes that the network takes."""
        return GAN_PLANES + MSE_PLANES * self.uses_mse

    def build(self) -> ArtifactNet:
        """Build the network, with random weights."""
        first, second, third = self.channels
        return ArtifactNet(self.planes, self.answers, (first, second, third))

    def check(self) -> None:
        """Make sure that the card is one.

        Raises:
            ValueError: If not.
        """
        if len(self.channels) != 3 or not all(0 < c <= MAX_CHANNELS for c in self.channels):
            raise ValueError(f'channels {self.channels}')
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f'kinds {self.kinds}')
        if not len(self.kinds) <= self.answers <= MAX_CHANNELS:
            raise ValueError(f'{self.answers} answers for {len(self.kinds)} kinds')
        if len(self.thresholds) != len(self.kinds) or not all(
                0 < threshold < 1 for threshold in self.thresholds):
            raise ValueError(f'thresholds {self.thresholds}')
        if self.scale < 1:
            raise ValueError(f'scale {self.scale}')


def write_calibrated(path: str | Path, network: nn.Module, card: CalibrationCard) -> None:
    """Write a calibrated detector atomically; equal ones make equal bytes.

    Args:
        path (str | Path): The file, ``.safetensors``.
        network (nn.Module): As :meth:`CalibrationCard.build` makes it.
        card (CalibrationCard): What it is.

    Raises:
        OSError: If it cannot be written.
    """
    from safetensors.torch import save
    state = {name: value.detach().cpu().contiguous()
             for name, value in sorted(network.state_dict().items())}
    text = json.dumps(dict(asdict(card), version=VERSION), sort_keys=True, allow_nan=False)
    write_bytes(path, save(state, {CARD: text}))


def read_calibrated(path: str | Path) -> tuple[ArtifactNet, CalibrationCard]:
    """Read a calibrated detector; nothing in the file is run.

    Raises:
        CheckpointError: If there is none of this name, or it is another file, damaged or forged.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise CheckpointError(f'{path}: expected a calibrated detector ({SUFFIX}); {MADE_BY}')
    content = read_checkpoint(path)
    card = _read_card(path)
    network = card.build()
    fill_weights(network, content, path, 'calibrated detector')
    return network.eval(), card


def _read_card(path: Path) -> CalibrationCard:
    from safetensors import safe_open
    with safe_open(path, 'pt') as file:
        metadata = file.metadata() or {}
    if CARD not in metadata:
        raise CheckpointError(f'{path}: expected a calibrated detector, but it holds other '
                              f'weights; {MADE_BY}')
    try:
        entry: Any = parse_json(metadata[CARD])
        version = entry.pop('version')
        if version != VERSION:
            raise CheckpointError(f'{path}: is of version {version} and this mmdesra reads '
                                  f'version {VERSION}; calibrate again, or use the mmdesra that '
                                  'it was made with')
        made = entry.pop('made')
        card = replace(to_record(CalibrationCard, entry), made=dict(made))
        card.check()
    except CheckpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f'{path}: its description is damaged ({error})') from error
    return card


def round_threshold(value: float) -> float:
    """Round a threshold to four digits, without leaving (0, 1)."""
    rounded = float(f'{value:.4g}')
    return rounded if 0 < rounded < 1 and math.isfinite(rounded) else value
