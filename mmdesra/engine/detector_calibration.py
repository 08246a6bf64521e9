"""Calibrating a detector for one GAN-SR model, on photographs alone."""
from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ..datasets.truth_samples import SIBLING, TruthSource
from ..detectors.calibrated_file import CalibrationCard
from ..errors import InputError
from ..evaluation.truth_labels import TruthRules
from ..models.artifact_net import CHANNELS, ArtifactNet
from .detector_samples import (
    ANSWERS,
    COARSEST,
    KINDS,
    LOG_STD,
    RAW,
    WEIGHT,
    CalibrationSample,
    calibration_sample,
    draw_patch,
)
from .detector_thresholds import judge_held_out

logger = logging.getLogger('mmdesra')

FIRST_LOGIT = -3.
"""Probability of an artifact that the network starts from: artifacts are rare."""

RAW_WEIGHT, LOG_STD_WEIGHT = 0.5, 0.3
"""Of the answers that only serve training, beside the kinds, which have 1 each."""

WARM_UP = 0.15
"""Share of the steps in which the learning rate rises; afterwards it falls to 0."""


@dataclass(frozen=True)
class CalibrationSettings:
    """What decides a calibration, given the images.

    Attributes:
        steps (int): How many are learnt, whatever the number of images.
        batch_size (int): Patches a step.
        patch (int): Their side in px, a multiple of 32.
        learning_rate (float): The highest.
        weight_decay (float): Of AdamW.
        heldout_share (float): Share of the photographs that choose the threshold and give the
            figures, in (0, 1); nothing is learnt from them.
        precision (float): Region precision that the threshold must reach on these, in (0, 1].
        seed (int): Equal seeds (and numbers of threads), equal files.

    Raises:
        InputError: If a value is out of range.
    """
    steps: int = 1200
    batch_size: int = 16
    patch: int = 160
    learning_rate: float = 3e-3
    weight_decay: float = 5e-2
    heldout_share: float = 0.2
    precision: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.steps >= 1, 'at least 1 step', self.steps)
        _check(self.batch_size >= 1, 'a batch of at least 1 patch', self.batch_size)
        _check(self.patch >= COARSEST and self.patch % COARSEST == 0,
               f'a patch whose side is a multiple of {COARSEST} px', self.patch)
        _check(self.learning_rate > 0, 'a learning rate above 0', self.learning_rate)
        _check(self.weight_decay >= 0, 'a weight decay of at least 0', self.weight_decay)
        _check(0 < self.heldout_share < 1, 'a share held out in (0, 1)', self.heldout_share)
        _check(0 < self.precision <= 1, 'a precision in (0, 1]', self.precision)
        _check(self.seed >= 0, 'a seed of at least 0', self.seed)


def calibrate_detector(source: TruthSource, rules: TruthRules, scale: int,
                       settings: CalibrationSettings | None = None, uses_mse: bool | None = None
                       ) -> tuple[ArtifactNet, CalibrationCard]:
    """Learn from photographs where a GAN-SR model goes wrong.

    Args:
        source (TruthSource): The images with their truths.
        rules (TruthRules): What counts as an artifact.
        scale (int): Factor from LR to SR.
        settings (CalibrationSettings, optional): Default: those of the class.
        uses_mse (bool, optional): Whether the detector sees the MSE-SR image. Default: if the
            reference is one, and not only stands for it.

    Returns:
        tuple: The network and what it is, for
        :func:`mmdesra.detectors.calibrated_file.write_calibrated`.

    Raises:
        InputError: If fewer than two photographs can be used, or there is no artifact in them.
    """
    settings = settings or CalibrationSettings()
    uses_mse = source.reference == SIBLING if uses_mse is None else uses_mse
    learning, held_out = _collect(source, rules, settings, uses_mse)
    with torch.random.fork_rng(devices=[]):  # the first weights, and what is dropped
        torch.manual_seed(settings.seed)
        network = _train(learning, settings)
    thresholds, figures = judge_held_out(network, held_out, rules, settings.precision)
    made = dict(source.describe(), rules=rules.describe(), settings=asdict(settings),
                photographs=len({one.file for one in learning}), pieces=len(learning),
                heldout_photographs=sorted({one.file for one in held_out}),
                heldout_pieces=len(held_out), heldout=figures)
    card = CalibrationCard(uses_mse, CHANNELS, KINDS, thresholds, ANSWERS, scale, made)
    return network, card


def held_out_of(names: Sequence[str], share: float, seed: int) -> set[str]:
    """Choose the photographs to hold out: at least one, and not all.

    A photograph's place in the draw hangs on its name and the seed alone.
    """
    order = sorted(names, key=lambda name: (zlib.crc32(f'{seed} {name}'.encode()), name))
    return set(order[:min(max(round(share * len(names)), 1), len(names) - 1)])


def _collect(source: TruthSource, rules: TruthRules, settings: CalibrationSettings,
             uses_mse: bool) -> tuple[list[CalibrationSample], list[CalibrationSample]]:
    names = [path.name for path in source.paths]
    chosen = held_out_of(names, settings.heldout_share, settings.seed) if len(names) > 1 else set()
    learning: list[CalibrationSample] = []
    held_out: list[CalibrationSample] = []
    for sample in source.samples('enlarge photographs'):
        part = held_out if sample.source['file'] in chosen else learning
        part.append(calibration_sample(sample, rules, uses_mse, part is held_out))
    if not learning or not held_out:
        raise InputError('expected at least two photographs that can be used, one to learn from '
                         f'and one to judge by, got {len(learning)} and {len(held_out)} pieces')
    for kind, place in zip(KINDS, range(len(KINDS))):
        if not any(bool(sample.targets[place].any()) for sample in learning):
            message = (f'no artifact of the kind {kind} is in the {len(learning)} pieces: ')
            if place == 0:
                raise InputError(message + 'there is nothing to learn; give more photographs, or '
                                 'other sizes of them')
            logger.warning('%sthe detector will not know this kind', message)
    return learning, held_out


def _train(samples: Sequence[CalibrationSample], settings: CalibrationSettings) -> ArtifactNet:
    network = ArtifactNet(len(samples[0].planes), ANSWERS)
    nn.init.constant_(_bias_of(network.answer), FIRST_LOGIT)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate,
                                  betas=(0.9, 0.99), weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps + 1, pct_start=WARM_UP)
    network.train()
    for planes, targets in tqdm(_batches(samples, settings), 'learn', settings.steps,
                                unit='step'):
        loss = _loss(network(planes), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.)
        optimizer.step()
        schedule.step()
    return network.eval()


def _bias_of(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None  # it was made with one
    return layer.bias


def _turns(samples: Sequence[CalibrationSample], settings: CalibrationSettings) -> list[int]:
    """Return the order of the samples: each occurs as often as patches fit into it."""
    cells = [sample.targets[0].numel() * 64 / settings.patch**2 for sample in samples]
    return [place for place, count in enumerate(cells) for _ in range(max(round(count), 1))]


def _batches(samples: Sequence[CalibrationSample], settings: CalibrationSettings
             ) -> Iterator[tuple[Tensor, Tensor]]:
    rng = np.random.default_rng(settings.seed)
    turns = _turns(samples, settings)
    order: list[int] = []
    for _ in range(settings.steps):
        while len(order) < settings.batch_size:
            order += rng.permutation(turns).tolist()
        chosen, order = order[:settings.batch_size], order[settings.batch_size:]
        patches = [draw_patch(samples[place], settings.patch, rng) for place in chosen]
        planes, targets = (torch.stack(part) for part in zip(*patches))
        yield planes.contiguous(memory_format=torch.channels_last), targets


def _loss(answers: Tensor, targets: Tensor) -> Tensor:
    weight = targets[:, WEIGHT]
    total = weight.sum().clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return (values * weight).sum() / total

    loss = sum(mean(F.binary_cross_entropy_with_logits(
        answers[:, place], targets[:, place], reduction='none')) * importance
        for place, importance in ((0, 1.), (1, 1.), (RAW, RAW_WEIGHT)))
    distance = (answers[:, LOG_STD] - targets[:, LOG_STD]).abs()
    return loss + LOG_STD_WEIGHT * mean(distance)


def _check(is_right: bool, expected: str, got: object) -> None:
    if not is_right:
        raise InputError(f'expected {expected}, got {got}')
