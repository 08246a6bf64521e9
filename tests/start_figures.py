"""How long a start took in the last release, so that a change which makes it dearer is seen.

Figures are shares of processor time that the same process spends on imports which are not ours:
a slow or busy machine changes both alike. After a release, write its figures here.
"""
from __future__ import annotations

from collections.abc import Callable

RELEASE = '0.1.0'
SHARES = {
    'mmdesra --help': .12,  # of importing STANDARD_MODULES
    'import mmdesra': .16,  # beyond PyTorch's import, of which it is a share
    'detect.py --help': .50,  # likewise
}
SLACK = {'mmdesra --help': 2.5, 'import mmdesra': 2, 'detect.py --help': 1.8}
"""By what other versions of Python and PyTorch, and chance, may change a share."""
STANDARD_MODULES = ('asyncio, concurrent.futures.process, email.mime.text, http.server, '
                    'unittest.mock, xml.dom.minidom')
TRIES = 3
"""The first one may have to write byte code."""


def check_start(name: str, measure: Callable[[], tuple[float, float]]) -> None:
    """Fail if a start takes a larger share than in the last release.

    Args:
        name (str): A key of :data:`SHARES`.
        measure (Callable): Gives the seconds of a start, and those of the other imports.
    """
    limit, shares = SHARES[name] * SLACK[name], []
    while len(shares) < TRIES and (not shares or min(shares) > limit):
        seconds, others = measure()
        shares.append(seconds / others)
    assert min(shares) <= limit, (
        f'{name}: {min(shares):.2f} of the time of imports that are not ours, at best of {TRIES}; '
        f'in release {RELEASE} it was {SHARES[name]:.2f}, and up to {limit:.2f} is let through')
