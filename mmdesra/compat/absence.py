"""Why a package cannot be used, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Absence:
    """Why a stand-in takes the place of a package.

    Args:
        package: The name it is imported by.
        install: What to give to ``pip install``.
        reason: What is wrong with what is installed; empty where nothing is installed.
        version: What is installed, for those who compare versions.
        listed: {module: names that `dir` of its stand-in gives}.
    """

    package: str
    install: str
    reason: str = ''
    version: str = '0.0.0'
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def message(self, thing: str, asker: str) -> str:
        """Words an error.

        Args:
            thing: What was used.
            asker: The function that used it.
        """
        if self.reason:
            return (f'Expected a {self.package} that can be used, since {asker} asks for {thing}, '
                    f'but got {self.package} {self.version}: {self.reason}. '
                    f'Seen working: pip install {self.install}')
        return (f'Expected {self.package} to be installed, since {asker} asks for {thing}, '
                f'but found none. Install it: pip install {self.install}')
