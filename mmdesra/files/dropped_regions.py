"""Naming the regions that were dropped as too small, in one form for terminal and reports."""
from __future__ import annotations

from collections.abc import Iterable

OPTION = '--min-area {}'
HOOK_OPTION = '--hook-options detector.min_area={}'


def name_dropped(dropped: Iterable[tuple[str, int]], option: str = OPTION) -> str:
    """Say in how many images regions were dropped, how large the largest is, and what shows it.

    Args:
        dropped (Iterable): For each image its name and the area in px of the largest region that
            was dropped; 0 if none was.
        option (str): The option that shows the region, with ``{}`` for the area.

    Returns:
        str: Empty if nothing was dropped.
    """
    areas = {name: area for name, area in dropped if area}
    if not areas:
        return ''
    name = max(areas, key=lambda image: areas[image])
    return (f'regions in {len(areas):,} image{"s" * (len(areas) != 1)}, the largest with '
            f'{areas[name]:,} px in {name}; {option.format(areas[name] - 1)} shows it')
