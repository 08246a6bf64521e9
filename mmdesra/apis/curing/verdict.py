"""Whether a cure has helped: the rule."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_WORSE_PSNR = .1
"""In dB: what may be lost outside the artifacts."""
MOST_WORSE_TEXTURE = .03
"""Share by which texture may be farther from the truth outside the artifacts."""
LEAST_DETAIL = .9
"""Share of the detail outside the artifacts that must be kept, unless the truth says otherwise."""
SLACK_PSNR = .02
"""In dB: what counts as equal."""
SLACK_TEXTURE = .01
"""Share of a distance that counts as equal, likewise."""


@dataclass(frozen=True)
class Verdict:
    """Whether it helped.

    Attributes:
        helped (bool): Whether the cured model is the better one.
        reasons (list[str]): Why, or why not, in sentences.
    """
    helped: bool
    reasons: list[str] = field(default_factory=list)


def judge_cure(heldout: Mapping, truth: Mapping | None) -> Verdict:
    """Say whether fine-tuning has helped.

    It has if all of this holds:

    1. On the held-out photographs more regions were removed than added, and at least 90% of the
       detail outside the artifacts is kept. Less may be kept where the truth is known and says
       that what is gone was not detail: outside the artifacts both PSNR and texture are nearer
       to it, and the perceptual distance, where measured, has not grown.
    2. Where the truth is known (photographs reduced once more), inside the artifacts neither the
       PSNR has fallen nor the texture gone farther from the truth's while the other has not
       become better; and the perceptual distance, where measured, has not grown.
    3. Outside the artifacts the PSNR has fallen by at most 0.1 dB, the texture's distance to the
       truth's has grown by at most 3%, and so has the perceptual one.

    Args:
        heldout (Mapping): The figures of
            :class:`mmdesra.evaluation.comparison.Comparison` on the held-out photographs.
        truth (Mapping, optional): ``truth`` of the same on their reductions, see
            :meth:`mmdesra.evaluation.truth_sums.TruthSums.figures`; None: there are none.
    """
    against = [*_against_of_heldout(heldout, truth)]
    if truth is not None:
        against += [*_against_inside(truth['inside']), *_against_outside(truth['outside'])]
    if against:
        return Verdict(False, against)
    return Verdict(True, [*_for(heldout, truth)])


def _against_of_heldout(heldout: Mapping, truth: Mapping | None) -> Iterator[str]:
    before, rate = heldout['regions_before'], heldout['removal_rate']
    if not before or rate is None:
        yield 'the held-out photographs show no artifact, so nothing shows that it helped'
        return
    removed = round(rate * before)
    added = round((heldout['addition_rate'] or 0) * before)
    if removed <= added:
        yield (f'of {before} regions on the held-out photographs {removed} were removed, and '
               f'{added} were added')
    if heldout['detail_kept'] < LEAST_DETAIL and not _is_nearer_outside(truth):
        yield (f'only {heldout["detail_kept"]:.1%} of the detail outside the artifacts is kept '
               f'(at least {LEAST_DETAIL:.0%} is asked for)')


def _is_nearer_outside(truth: Mapping | None) -> bool:
    """Tell whether the truth says that what is gone outside the artifacts was not detail."""
    outside = truth['outside'] if truth is not None else {}
    before, after = outside.get('before'), outside.get('after')
    if not before or not after or not before['pixels']:
        return False
    return (after['psnr'] - before['psnr'] > SLACK_PSNR
            and _growth(before['texture_error'], after['texture_error']) < -SLACK_TEXTURE
            and _growth(before['perceptual'], after['perceptual']) <= 0)


def _against_inside(inside: Mapping) -> Iterator[str]:
    before, after = inside.get('before'), inside.get('after')
    if not before or not after or not before['pixels']:
        return
    gain = after['psnr'] - before['psnr']
    growth = _growth(before['texture_error'], after['texture_error'])
    psnr_is_worse, texture_is_worse = gain < -SLACK_PSNR, growth > SLACK_TEXTURE
    psnr_is_better, texture_is_better = gain > SLACK_PSNR, growth < -SLACK_TEXTURE
    if (psnr_is_worse and not texture_is_better) or (texture_is_worse and not psnr_is_better):
        yield (f'inside the artifacts it is farther from the truth: PSNR {before["psnr"]:.2f} -> '
               f'{after["psnr"]:.2f} dB, texture error {before["texture_error"]:.2f} -> '
               f'{after["texture_error"]:.2f}')
    if _growth(before['perceptual'], after['perceptual']) > SLACK_TEXTURE:
        yield (f'inside the artifacts the perceptual distance to the truth has grown: '
               f'{before["perceptual"]:.4f} -> {after["perceptual"]:.4f}')


def _against_outside(outside: Mapping) -> Iterator[str]:
    before, after = outside['before'], outside['after']
    if not before['pixels']:
        return
    if after['psnr'] < before['psnr'] - MOST_WORSE_PSNR:
        yield (f'outside the artifacts the PSNR has fallen: {before["psnr"]:.2f} -> '
               f'{after["psnr"]:.2f} dB')
    for name, title in (('texture_error', 'texture is'), ('perceptual', 'image is')):
        if _growth(before[name], after[name]) > MOST_WORSE_TEXTURE:
            yield (f"outside the artifacts the {title} farther from the truth's: "
                   f'{before[name]:.4g} -> {after[name]:.4g}')


def _for(heldout: Mapping, truth: Mapping | None) -> Iterator[str]:
    yield (f'of {heldout["regions_before"]} regions on the held-out photographs '
           f'{heldout["removal_rate"]:.0%} were removed, '
           f'{heldout["addition_rate"]:.0%} were added, '
           f'{heldout["detail_kept"]:.1%} of the detail is kept')
    if heldout['detail_kept'] < LEAST_DETAIL:
        yield ('what else is gone outside the artifacts was not detail: by the truth, the images '
               'are nearer there in PSNR and in texture')
    if truth is None:
        yield 'no held-out photograph is large enough to be reduced: the truth was not asked'
        return
    for place in ('inside', 'outside'):
        before, after = truth[place].get('before'), truth[place].get('after')
        if before and after and before['pixels']:
            yield (f'{place} the artifacts, by the truth of reduced photographs: PSNR '
                   f'{before["psnr"]:.2f} -> {after["psnr"]:.2f} dB, texture error '
                   f'{before["texture_error"]:.2f} -> {after["texture_error"]:.2f}')
        elif place == 'inside':
            yield 'the reduced photographs show no artifact, so only harm was looked for there'


def _growth(before: float | None, after: float | None) -> float:
    """Return by which share a distance has grown; 0 where it is unknown."""
    if before is None or after is None:
        return 0.
    return (after - before) / max(before, 1e-9)
