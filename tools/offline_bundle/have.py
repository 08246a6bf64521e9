"""Reading what a node has already: what ``pip list`` printed there, in any of its formats."""
from __future__ import annotations

import json
import re
from pathlib import Path

from names import normalise

FREEZE = re.compile(r'([A-Za-z0-9][\w.-]*)\s*===?\s*([^\s;#]+)')
AT = re.compile(r'([A-Za-z0-9][\w.-]*)\s*@\s*\S+')
"""``pip freeze`` of a package that was installed from a file: its version is not said."""
EDITABLE = re.compile(r'-e\s.*#egg=([\w.-]+)')
COLUMNS = re.compile(r'([A-Za-z0-9][\w.-]*)\s+v?(\d\S*)(\s.*)?')
UNKNOWN = ''


class HaveError(ValueError):
    """A file that is no ``pip list``."""


def read_have(path: Path) -> dict[str, str]:
    """Read the output of ``pip list``, ``pip list --format freeze|json`` or ``pip freeze``.

    Returns:
        dict[str, str]: Version by normalised name; :data:`UNKNOWN` where it is not said.

    Raises:
        HaveError: If a line is none of a list, or there is no package.
    """
    try:
        text = path.read_bytes().decode('utf-8-sig')
    except OSError as error:
        raise HaveError(f'{path}: {error.strerror}') from error
    except UnicodeDecodeError:
        text = _decode_utf16(path)
    found = _read_json(path, text) if text.lstrip().startswith('[') else _read_lines(path, text)
    if not found:
        raise HaveError(f'{path}: expected the output of "pip list", got no package')
    return found


def _decode_utf16(path: Path) -> str:
    try:
        return path.read_bytes().decode('utf-16')  # what PowerShell's > writes
    except UnicodeDecodeError as error:
        raise HaveError(f'{path}: expected the output of "pip list", got no text') from error


def _read_json(path: Path, text: str) -> dict[str, str]:
    try:
        content = json.loads(text.splitlines()[0] if '\n[notice]' in text else text)
        return {normalise(one['name']): str(one['version']) for one in content}
    except (ValueError, TypeError, KeyError) as error:
        raise HaveError(f'{path}: expected what "pip list --format json" prints ({error!r})'
                        ) from error


def _read_lines(path: Path, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        lowered = line.lower()
        if not line or line.startswith(('#', '[notice]', 'WARNING', 'DEPRECATION')) or (
                lowered.split()[:2] == ['package', 'version'] or set(line) <= set('- ')):
            continue
        match = FREEZE.fullmatch(line) or FREEZE.match(line) or COLUMNS.fullmatch(line)
        unversioned = AT.fullmatch(line) or EDITABLE.fullmatch(line)
        if match:
            found[normalise(match[1])] = match[2]
        elif unversioned:
            found[normalise(unversioned[1])] = UNKNOWN
        elif line.startswith('-e '):
            continue  # a checkout without a name
        else:
            raise HaveError(f'{path}:{number}: expected a line of "pip list", such as '
                            f'"numpy 2.5.0", got {line[:60]!r}')
    return found
