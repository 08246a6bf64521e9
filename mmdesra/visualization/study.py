"""The user study: one self-contained page that asks which of two pictures is better."""
from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from ..files import atomic_path
from .checks import check_image
from .embed import JPEG_QUALITY, data_uri, read_template

KEY_MARK, PICTURES_MARK = '<!-- key -->\n', '<!-- pictures -->\n'


@dataclass(frozen=True, eq=False)
class StudyQuestion:
    """Two versions of one picture, and the question about them.

    Args:
        image: Name of the image in the answers.
        versions: Names of the two versions in the answers; participants do not see them.
        pictures: The two versions, uint8 (H, W, 3), RGB.
        text: The question.

    Raises:
        ValueError: If the names are equal, or a picture has another type or shape; names the
            image.
    """
    image: str
    versions: tuple[str, str]
    pictures: tuple[np.ndarray, np.ndarray]
    text: str

    def __post_init__(self) -> None:
        a, b = self.versions
        if a == b:
            raise ValueError(f'expected two versions of {self.image!r}, got {a!r} twice')
        for version, picture in zip(self.versions, self.pictures):
            check_image(picture, f'{version!r} of {self.image!r}')
        if self.pictures[0].shape != self.pictures[1].shape:
            raise ValueError(f'expected {a!r} and {b!r} of {self.image!r} to have one shape, got '
                             f'{self.pictures[0].shape} and {self.pictures[1].shape}')

    @property
    def pair(self) -> str:
        """Name of the pair in the answers."""
        return pair_name(*self.versions)


def pair_name(a: str, b: str) -> str:
    """Return the name of a pair of versions in the answers."""
    return f'{a} vs {b}'


def write_study(path: str | os.PathLike,
                title: str,
                questions: Sequence[StudyQuestion],
                intro: Sequence[str] = (),
                seed: int = 0,
                repeats: int = 0,
                ties: bool = True,
                quality: int | None = None) -> str:
    """Write the page of a study: one HTML file that needs no other file and no network.

    A participant enters a name, answers by mouse, finger or key, and saves a CSV file, which
    :mod:`mmdesra.apis.study_answers` reads. The seed and the participant's name determine the
    order of the questions and which version is on the left; it is the first version in half of a
    pair's images (give or take one). Questions with the same text are asked one after the other.
    The browser keeps the answers, so a reload loses none.

    The names of versions and images are in the file, in base64, but never on the screen.

    Args:
        path: The HTML file; an existing one is replaced. Missing folders are made.
        title: Heading, plain text.
        questions: The questions; each combination of pair and image once.
        intro: Paragraphs below the heading, plain text.
        seed: Seed of the order and the sides.
        repeats: For each pair of versions, the number of questions that are asked a second time
            with the sides swapped, to see how consistent a participant is.
        ties: Whether 'no difference' is an answer.
        quality: JPEG quality of the pictures. None: PNG, without loss.

    Returns:
        The study's name in the answers: the title's words and a checksum of all arguments.

    Raises:
        ValueError: If there is no question, one is there twice, or a pair has fewer questions
            than ``repeats``.
    """
    _check(questions, repeats)
    pictures: dict[str, int] = {}  # data URI: number; a version may be asked about twice
    listed: list[dict[str, Any]] = []
    for question in questions:
        uris = [data_uri(picture, quality is None, quality or JPEG_QUALITY)
                for picture in question.pictures]
        height, width = question.pictures[0].shape[:2]
        listed.append(dict(
            pair=question.pair, image=question.image, versions=list(question.versions),
            text=question.text, size=[width, height],
            pictures=[pictures.setdefault(uri, len(pictures)) for uri in uris]))
    key = dict(seed=seed, repeats=repeats, ties=ties, questions=listed)
    # Shuffled, so that neither number nor order of the pictures tells the version.
    places = np.random.default_rng(seed).permutation(len(pictures)).tolist()
    for entry in listed:
        entry['pictures'] = [places[number] for number in entry['pictures']]
    key['id'] = name = _name(title, key, pictures)

    head, rest = read_template('study.html').split(KEY_MARK)
    middle, tail = rest.split(PICTURES_MARK)
    head = Template(head).substitute(
        title=escape(title), intro=''.join(f'<p>{escape(part)}</p>\n' for part in intro))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as part, part.open('w', encoding='utf-8', errors='replace') as file:
        file.write(head)
        file.write(_script('key', base64.b64encode(_json(key)).decode('ascii')))
        file.write(middle)
        file.writelines(_script(f'picture-{place}', uri)
                        for place, uri in sorted(zip(places, pictures)))
        file.write(tail)
    return name


def _check(questions: Sequence[StudyQuestion], repeats: int) -> None:
    if not questions:
        raise ValueError('expected at least one question, got none')
    asked = Counter((question.pair, question.image) for question in questions)
    (pair, image), times = asked.most_common(1)[0]
    if times > 1:
        raise ValueError(f'expected each question once, got {image!r} of {pair!r} {times} times')
    fewest = min(Counter(question.pair for question in questions).values())
    if not 0 <= repeats <= fewest:
        raise ValueError(f'expected 0 to {fewest} repeats, as many as the smallest pair has '
                         f'images, got {repeats}')


def _name(title: str, key: dict, pictures: dict[str, int]) -> str:
    checksum = hashlib.sha256(_json(key))
    for uri in pictures:
        checksum.update(uri.encode('ascii'))
    words = re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')
    return f'{words or "study"}-{checksum.hexdigest()[:8]}'


def _json(content: object) -> bytes:
    return json.dumps(content).encode('utf-8')


def _script(name: str, text: str) -> str:
    """Return a <script> whose text the browser neither shows nor runs."""
    return f'<script type="text/plain" id="{name}">{text}</script>\n'
