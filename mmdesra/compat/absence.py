"""Why a package cannot be used, and the error message that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Absence:
    """Why a stand-in replaces a package.

    Args:
        package: The name by which the package is imported.
        install: The arguments for ``pip install``.
        reason: What is wrong with the installed version; empty if none is installed.
        version: The installed version, as the stand-in's ``__version__``.
        listed: {module: names that `dir` of its stand-in returns}.
    """

    package: str
    install: str
    reason: str = ''
    version: str = '0.0.0'
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def message(self, thing: str, asker: str) -> str:
        """Returns the error message.

        Args:
            thing: The name from the package that was used.
            asker: The function that used it.
        """
        if self.reason:
            return (f'Expected a {self.package} that can be used, since {asker} asks for {thing}, '
                    f'but got {self.package} {self.version}: {self.reason}. '
                    f'Seen working: pip install {self.install}')
        return (f'Expected {self.package} to be installed, since {asker} asks for {thing}, '
                f'but found none. Install it: pip install {self.install}')
