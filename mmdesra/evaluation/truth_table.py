"""What the truth says, as a table that people read."""
from __future__ import annotations

from collections.abc import Mapping

from ..files.tables import markdown_table
from .figures import UNKNOWN
from .perceptual import name_perceptual
from .truth_sums import AFTER, BEFORE, PLACES, REFERENCE, VERSIONS

TITLES = {REFERENCE: 'MSE-SR', BEFORE: 'before', AFTER: 'after'}
FIGURES = (('texture_error', 'texture error', 2),
           ('texture_above', "texture above the truth's", 2), ('psnr', 'PSNR, dB', 2))
"""Key, title and digits of each figure but the perceptual distance."""
ALONE = 'GAN-SR'
"""Title of the version after, where there is none before."""

NO_PERCEPTUAL = ("no perceptual distance to the truth: it needs the weights of its network, such "
                 "as perceptual=dict(type='LPIPS', net='alex', backbone_weights=FILE) or "
                 '--perceptual LPIPS --backbone-weights FILE')


def truth_table(figures: Mapping, perceptual: Mapping | None) -> str:
    """Return a Markdown table: a row a figure and place, a column a version.

    Args:
        figures (Mapping): From :meth:`mmdesra.evaluation.truth_sums.TruthSums.figures`.
        perceptual (Mapping, optional): The perceptual distance, described; None without.
    """
    versions = [version for version in VERSIONS if version in figures['inside']]
    titles = dict(TITLES) if BEFORE in versions else dict(TITLES, **{AFTER: ALONE})
    distance = name_perceptual(perceptual)
    rows = [[f'{place}: {title}', *(_number(figures[place][version][key], digits)
                                    for version in versions)]
            for place in PLACES for key, title, digits in (*FIGURES, ('perceptual', distance, 3))
            if key != 'perceptual' or perceptual is not None]
    measures = dict(texture='texture', perceptual=distance)
    for other in (REFERENCE, BEFORE):
        for measure, name in measures.items():
            cells = [_count(figures, version, other, measure) for version in versions]
            if any(cells) and (measure != 'perceptual' or perceptual is not None):
                rows.append([f'regions farther than {titles[other]}, by {name}', *cells])
    return markdown_table(['distance to the truth', *(titles[one] for one in versions)], rows)


def truth_text(figures: Mapping, perceptual: Mapping | None) -> str:
    """Return the table, and what is missing in it."""
    table = truth_table(figures, perceptual)
    return table if perceptual is not None else f'{table}\n{NO_PERCEPTUAL}'


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f'{value:.{digits}f}'


def _count(figures: Mapping, version: str, other: str, measure: str) -> str:
    counts = figures['regions'].get(version, {}).get(f'than_{other}', {}).get(measure)
    return f'{counts["farther"]} of {counts["regions"]}' if counts else ''
