"""Counting the answers of a user study: shares with intervals, and participants' consistency."""
from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from scipy.stats import binomtest

from ..errors import InputError
from .study_answers import Answer, Answers

CONFIDENCE = 0.95
NO_DIFFERENCE = 'no difference'
CSV_COLUMNS = ('study', 'pair', 'of', 'choice', 'count', 'total', 'share', 'low', 'high',
               'p_value')
"""The columns of a tally's table."""


@dataclass(frozen=True)
class Share:
    """A share of answers with Wilson's 95% interval; None if there are no answers."""
    count: int
    total: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, count: int, total: int) -> Share:
        """Return count ÷ total; the interval assumes that the answers are independent."""
        if not total:
            return cls(count, total, None, None, None)
        interval = binomtest(count, total).proportion_ci(CONFIDENCE, method='wilson')
        return cls(count, total, count / total, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class PairTally:
    """The answers about one pair of versions, A and B; repeats are not counted.

    Attributes:
        pair: The pair's name.
        a: Name of version A.
        b: Name of version B.
        choices: Shares of all answers, by ``a``, ``b`` and 'no difference'.
        preferred: Share of A in the answers with a preference.
        p_value: Two-sided binomial test of ``preferred`` against one half; None if no answer has
            a preference.
        participants: Number of participants who chose A more often, and B more often.
        images: Number of images on which A was chosen more often, and B more often.
        num_participants: Number of all participants.
        num_images: Number of all images.
    """
    pair: str
    a: str
    b: str
    choices: dict[str, Share]
    preferred: Share
    p_value: float | None
    participants: tuple[int, int]
    images: tuple[int, int]
    num_participants: int
    num_images: int


@dataclass(frozen=True)
class ParticipantTally:
    """How one participant answered.

    Attributes:
        participant: The participant's name.
        answers: Number of answers, without repeats.
        repeats: Number of questions that were answered twice.
        consistent: Number of these with the same answer both times (a version, or no difference).
        left: Share of 'left' in the answers with a preference; near 0 or 1 the participant chose
            a side, not a picture. None if no answer has a preference.
        seconds: Median time of an answer.
    """
    participant: str
    answers: int
    repeats: int
    consistent: int
    left: float | None
    seconds: float

    @property
    def consistency(self) -> float | None:
        """The share of repeated questions with the same answer; None if there are none."""
        return self.consistent / self.repeats if self.repeats else None


@dataclass(frozen=True)
class StudyTally:
    """A whole study.

    Attributes:
        study: The study's name.
        pairs: The pairs, sorted by name.
        participants: All participants, sorted by name, including those left out.
        left_out: Names of participants who were not consistent enough.
    """
    study: str
    pairs: list[PairTally]
    participants: list[ParticipantTally]
    left_out: list[str]

    def figures(self) -> dict:
        """Return everything as a dict for JSON."""
        return dict(asdict(self), confidence=CONFIDENCE)

    def rows(self) -> list[dict]:
        """Return the shares as rows for CSV, by :data:`CSV_COLUMNS`."""
        rows = []
        for pair in self.pairs:
            head = dict(study=self.study, pair=pair.pair)
            rows += [dict(head, of='all answers', choice=choice, **asdict(share))
                     for choice, share in pair.choices.items()]
            rows.append(dict(head, of='answers with a preference', choice=pair.a,
                             **asdict(pair.preferred), p_value=pair.p_value))
        return rows


def tally(answers: Answers, min_consistency: float = 0.0) -> StudyTally:
    """Count the answers of a study.

    Args:
        answers: The answers, from :func:`mmdesra.apis.study_answers.read_answers`.
        min_consistency: Leave out participants with a lower consistency, in [0, 1]. Those without
            repeated questions stay.

    Raises:
        InputError: If nobody is left.
    """
    by_person = _group(answers.answers, lambda answer: answer.participant)
    people = [_tally_participant(name, mine) for name, mine in sorted(by_person.items())]
    left_out = [person.participant for person in people
                if person.consistency is not None and person.consistency < min_consistency]
    counted = [answer for answer in answers.answers
               if not answer.repeat and answer.participant not in left_out]
    if not counted:
        raise InputError('expected answers to count; there are none, or no participant has a '
                         f'consistency of {min_consistency:g}')
    pairs = [_tally_pair(name, mine) for name, mine in
             sorted(_group(counted, lambda answer: answer.pair).items())]
    return StudyTally(answers.study, pairs, people, left_out)


def _group(answers: Iterable[Answer],
           key: Callable[[Answer], str]) -> dict[str, list[Answer]]:
    groups = defaultdict(list)
    for answer in answers:
        groups[key(answer)].append(answer)
    return groups


def _tally_pair(name: str, answers: Sequence[Answer]) -> PairTally:
    a, b = answers[0].versions
    counts = Counter(answer.chosen for answer in answers)
    choices = {a: counts[a], b: counts[b], NO_DIFFERENCE: counts[None]}
    decided = counts[a] + counts[b]

    def winners(key: Callable[[Answer], str]) -> tuple[int, int]:
        balances = [sum((answer.chosen == a) - (answer.chosen == b) for answer in group)
                    for group in _group(answers, key).values()]
        return sum(balance > 0 for balance in balances), sum(balance < 0 for balance in balances)

    return PairTally(
        pair=name, a=a, b=b,
        choices={choice: Share.of(count, len(answers)) for choice, count in choices.items()},
        preferred=Share.of(counts[a], decided),
        p_value=float(binomtest(counts[a], decided).pvalue) if decided else None,
        participants=winners(lambda answer: answer.participant),
        images=winners(lambda answer: answer.image),
        num_participants=len({answer.participant for answer in answers}),
        num_images=len({answer.image for answer in answers}))


def _tally_participant(name: str, answers: Sequence[Answer]) -> ParticipantTally:
    first = {(answer.pair, answer.image): answer.chosen
             for answer in answers if not answer.repeat}
    again = {(answer.pair, answer.image): answer.chosen for answer in answers if answer.repeat}
    both = first.keys() & again.keys()
    decided = [answer.choice for answer in answers if answer.chosen is not None]
    return ParticipantTally(
        participant=name, answers=len(first), repeats=len(both),
        consistent=sum(first[question] == again[question] for question in both),
        left=decided.count('left') / len(decided) if decided else None,
        seconds=statistics.median(answer.seconds for answer in answers))
