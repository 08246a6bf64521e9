"""What the answers of a study say."""
from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdesra.apis.study_answers import Answer, Answers
from mmdesra.apis.study_tally import CSV_COLUMNS, Share, tally
from mmdesra.errors import InputError


def answer(choice, participant='Ann', image='0', turned=False, repeat=0, seconds=1.0,
           pair='after vs before'):
    """``choice`` is a version, or None for no difference."""
    sides = pair.split(' vs ')[::-1 if turned else 1]
    side = 'none' if choice is None else ('left', 'right')[sides.index(choice)]
    return Answer(participant, 'study', pair, image, *sides, side, seconds, repeat)


def count(answers, **options):
    return tally(Answers('study', answers), **options)


def choose(*choices, **options):
    return [answer(choice, image=str(number), **options)
            for number, choice in enumerate(choices)]


def wilson(k, n, z=1.959963984540054):
    """Wilson (1927), equation as printed in textbooks."""
    middle = (k / n + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(k / n * (1 - k / n) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_is_wilsons(case):
    k, n = case
    share = Share.of(k, n)
    assert share.share == k / n
    assert (share.low, share.high) == pytest.approx(wilson(k, n), abs=1e-9)


def test_published_value_of_the_interval():
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), Table I: 81 of 263.
    share = Share.of(81, 263)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2553, 0.3662)


def test_no_answer_has_no_share():
    assert Share.of(0, 0) == Share(0, 0, None, None, None)


def test_shares_of_all_and_of_those_with_a_preference():
    pair, = count(choose(*['after'] * 6, 'before', None, None, None)).pairs
    assert (pair.a, pair.b) == ('after', 'before')
    assert {name: (share.count, share.total) for name, share in pair.choices.items()} == {
        'after': (6, 10), 'before': (1, 10), 'no difference': (3, 10)}
    assert (pair.preferred.count, pair.preferred.total) == (6, 7)
    # Of 7 fair coins 6 or more, or 1 or fewer, fall alike with 2 (1 + 7) / 2^7.
    assert pair.p_value == pytest.approx(16 / 128)


def test_sides_do_not_matter():
    straight = count(choose('after', 'after', 'before', None))
    turned = count(choose('after', 'after', 'before', None, turned=True))
    assert straight.pairs == turned.pairs
    assert (straight.participants[0].left, turned.participants[0].left) == (2 / 3, 1 / 3)


def test_nobody_prefers_anything():
    pair, = count(choose(None, None)).pairs
    assert pair.p_value is None and pair.preferred.share is None
    assert pair.choices['no difference'].share == 1


def test_people_and_images_are_counted_by_majority():
    answers = (choose('after', 'after', 'before', participant='Ann')
               + choose('after', 'before', 'before', participant='Bob')
               + choose('after', 'before', None, participant='Cleo'))
    pair, = count(answers).pairs
    assert (pair.participants, pair.num_participants) == ((1, 1), 3)
    assert (pair.images, pair.num_images) == ((1, 2), 3)


def test_pairs_are_apart():
    other = [answer('mse', image='0', pair='after vs mse')]
    pairs = {pair.pair: pair for pair in count(choose('after') + other).pairs}
    assert pairs['after vs before'].choices['after'].count == 1
    assert pairs['after vs mse'].choices['mse'].count == 1


def test_repeats_show_consistency_and_are_not_counted():
    answers = [
        *choose('after', 'before', None, None),
        answer('after', image='0', turned=True, repeat=1, seconds=9.0),
        answer('after', image='1', turned=True, repeat=1, seconds=9.0),
        answer(None, image='2', turned=True, repeat=1, seconds=9.0),
        answer('after', image='9', repeat=1)]  # its first answer is missing
    result = count(answers)
    assert result.pairs[0].preferred.total == 2
    person, = result.participants
    assert (person.answers, person.repeats, person.consistent) == (4, 3, 2)
    assert person.consistency == 2 / 3
    assert person.seconds == 1


def test_inconsistent_people_can_be_left_out():
    steady = [*choose('after', participant='Steady'),
              answer('after', 'Steady', turned=True, repeat=1)]
    random = [*choose('before', participant='Random'),
              answer('after', 'Random', turned=True, repeat=1)]
    unasked = choose('after', participant='Unasked')
    assert count(steady + random + unasked).left_out == []
    result = count(steady + random + unasked, min_consistency=.5)
    assert result.left_out == ['Random']
    assert [person.participant for person in result.participants] == [
        'Random', 'Steady', 'Unasked']
    assert result.pairs[0].choices['before'].count == 0
    assert result.pairs[0].choices['after'].total == 2
    with pytest.raises(InputError, match='no participant has a consistency of 0.5'):
        count(random, min_consistency=.5)


def test_rows_for_a_table():
    rows = count(choose('after', None)).rows()
    assert [(row['of'], row['choice'], row['count'], row['total']) for row in rows] == [
        ('all answers', 'after', 1, 2), ('all answers', 'before', 0, 2),
        ('all answers', 'no difference', 1, 2), ('answers with a preference', 'after', 1, 1)]
    assert all(set(row) <= set(CSV_COLUMNS) for row in rows)
    assert rows[-1]['p_value'] == 1
