"""Naming the regions that were dropped for their size, alike on the terminal and in reports."""
from __future__ import annotations

from collections.abc import Iterable

OPTION = '--min-area {}'
HOOK_OPTION = '--hook-options detector.min_area={}'


def name_dropped(dropped: Iterable[tuple[str, int]], option: str = OPTION) -> str:
    """Say where regions were dropped, how large the largest is, and what shows it.

    Args:
        dropped (Iterable): Of each image its name and the area of the largest region that was
            dropped in it, in px; 0: none was.
        option (str): What to give to see it, with braces where the area stands.

    Returns:
        str: Empty if nothing was dropped.
    """
    areas = {name: area for name, area in dropped if area}
    if not areas:
        return ''
    name = max(areas, key=lambda image: areas[image])
    return (f'regions in {len(areas):,} image{"s" * (len(areas) != 1)}, the largest with '
            f'{areas[name]:,} px in {name}; {option.format(areas[name] - 1)} shows it')
