"""What the name of a folder in the authors' data says, however it is spelt."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .published import SCORES, model_key


class Role(Enum):
    """What the images of a folder are; the value is the word for messages."""
    GAN = 'GAN-SR images'
    MSE = 'MSE-SR images'
    LR = 'LR images'
    HUMAN = 'human masks'
    STORED = 'stored masks of a detector'
    LABELS = 'label maps'
    BETWEEN = 'an intermediate map of the released scripts'


WORDS = {
    'gansr': Role.GAN, 'gan': Role.GAN, 'gantype': Role.GAN,
    'msesr': Role.MSE, 'mse': Role.MSE, 'msetype': Role.MSE,
    'lr': Role.LR, 'lq': Role.LR, 'input': Role.LR, 'lowres': Role.LR,
    'gtmask': Role.HUMAN, 'gt': Role.HUMAN, 'maskgt': Role.HUMAN, 'humanmask': Role.HUMAN,
    'humangtmask': Role.HUMAN, 'humanlabeledgtmask': Role.HUMAN, 'humanlabeledmask': Role.HUMAN,
    'humanlabelledgtmask': Role.HUMAN, 'humanlabelledmask': Role.HUMAN,
    'desramask': Role.STORED, 'desradetmask': Role.STORED, 'desradet': Role.STORED,
    'finalartifactmap': Role.STORED, 'finalartifactmask': Role.STORED,
    'detectedmask': Role.STORED, 'detectionmask': Role.STORED, 'artifactmask': Role.STORED,
    'seg': Role.LABELS, 'segmentation': Role.LABELS, 'segmap': Role.LABELS,
    'label': Role.LABELS, 'labelmap': Role.LABELS,
}
"""Names without case, separators and a last s."""

AFTER_A_MODEL = {word for word in WORDS if len(word) > 4} - {'input', 'label', 'lowres'} | {'lr'}
"""Those that are recognised behind the name of a model (LDL_GAN-SR), too; Real-ESR-GAN is one."""

BETWEEN = 'contrast', 'rgbcontrast'
"""How the names of the folders begin in which the released script keeps what it works on."""

FILLERS = {'dir', 'folder', 'png', 'result', 'type', 'before'}
PICTURE_FILLERS = {'image', 'img'}
"""Of SR and LR images only: GT-Images are no masks."""

TUNED = 'desra', 'finetuned', 'finetune', 'ft', 'after'
"""Words that tell a fine-tuned model's results from the model's own."""

KNOWN_MODELS = {*SCORES, 'swinir'}
"""Models of the authors' data, as :func:`model_key` writes them."""


@dataclass(frozen=True)
class FolderName:
    """The reading of one folder's name.

    Attributes:
        role (Role, optional): What is in it; None: its name does not say.
        is_tuned (bool): Whether that belongs to a fine-tuned model.
        model (str): The model that stands before it in the same name; empty if none does.
    """
    role: Role | None = None
    is_tuned: bool = False
    model: str = ''


def read_folder_name(name: str) -> FolderName:
    """Read a folder's name: ``GAN-SR``, ``gan_types``, ``LDL_GT-Mask``, ``GAN-SR-DeSRA``."""
    tokens = _tokens(name)
    role = _role(tokens)
    if role is None and ''.join(tokens).startswith(BETWEEN):
        role = Role.BETWEEN
    if role is not None:
        return FolderName(role)
    if _role(_without_tuned(tokens)) is Role.GAN:
        return FolderName(Role.GAN, is_tuned=True)
    for start in range(1, len(tokens)):
        model, rest = '-'.join(_spelt(name)[:start]), tokens[start:]
        if _word(rest) in AFTER_A_MODEL:
            return FolderName(_role(rest), model=model)
        if _word(_without_tuned(rest)) == 'gansr':
            return FolderName(Role.GAN, is_tuned=True, model=model)
    return FolderName()


def base_of_tuned(name: str) -> str:
    """Return the key of the model that a fine-tuned one is named after; empty if it is none.

    ``LDL-DeSRA``, ``LDL_fine-tuned_5k`` and ``DeSRA-LDL`` give ``ldl``; see
    :func:`mmdesra.evaluation.published.model_key`.
    """
    return model_key(''.join(_without_tuned(_tokens(name))))


def is_only_tuned(name: str) -> bool:
    """Whether a folder is called ``DeSRA`` or ``finetuned`` without a model's name."""
    tokens = _tokens(name)
    return len(tokens) == 1 and tokens[0] in TUNED


def may_be_masks(name: str) -> bool:
    """Whether a folder is called ``DeSRA``: its images may be results, or masks."""
    return _tokens(name) == [TUNED[0]]


def is_known_model(name: str) -> bool:
    """Whether a name is that of one of the authors' models, or of it fine-tuned."""
    return bool(KNOWN_MODELS & {model_key(name), base_of_tuned(name)})


def _spelt(name: str) -> list[str]:
    return re.findall(r'[^\W_]+', re.sub(r'(?i)fine[\W_]*tun', 'finetun', name))


def _tokens(name: str) -> list[str]:
    return [token.lower() for token in _spelt(name)]


def _word(tokens: Sequence[str]) -> str:
    return ''.join(tokens).rstrip('s')


def _role(tokens: Sequence[str]) -> Role | None:
    kept = [token for token in tokens if token.rstrip('s') not in FILLERS]
    pictures = [token for token in kept if token.rstrip('s') not in PICTURE_FILLERS]
    role = WORDS.get(_word(kept)) or WORDS.get(_word(pictures))
    if len(pictures) < len(kept) and role not in (Role.GAN, Role.MSE, Role.LR):
        return None
    return role


def _without_tuned(tokens: Sequence[str]) -> list[str]:
    """Return what stands before or behind the word for fine-tuning; empty without such a word."""
    for number, token in enumerate(tokens):
        if token in TUNED:
            return list(tokens[:number] or tokens[1:])
        for word in TUNED[:2]:  # LDLDeSRA
            if token.endswith(word):
                return [*tokens[:number], token[:-len(word)]]
    return []
