"""How a result says which run made it: settings, weights, package versions, date and command.

A run over a folder leaves ``run.json`` there. It is for people: whether a stopped run may go on is
decided by the settings in journals and manifests, never by this file. It stands beside the results
because these are the same bytes whenever, and in however many goes, they are made.
"""
from __future__ import annotations

import datetime
import logging
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Union

from ..errors import InputError
from ..version import __version__
from .environment import number_from
from .hashes import weights_sha256
from .records import read_json, to_record
from .tables import write_json

FILE = 'run.json'
FORMAT = 'mmdesra run'

PACKAGES = ('torch', 'numpy', 'mmengine', 'mmcv', 'mmcv-lite', 'mmagic', 'mmsegmentation',
            'spandrel')
"""Packages on which a result may depend; those that are installed are named."""

DATE_VARIABLE = 'SOURCE_DATE_EPOCH'
"""Seconds since 1970 to take for now, as for reproducible builds: equal runs, equal bytes."""

SHOWN_DIGITS = 16
"""Of a SHA-256, on pages for people."""

Weights = Mapping[str, Union[str, Path, None]]

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights.

    Attributes:
        file (str): Its name, without its folder.
        sha256 (str): Of its bytes; empty: it could not be read any more.
    """
    file: str
    sha256: str

    def __str__(self) -> str:
        digest = f'{self.sha256[:SHOWN_DIGITS]}…' if self.sha256 else 'unknown'
        return f'{self.file} (SHA-256 {digest})'


@dataclass(frozen=True)
class RunDescription:
    """What a run was.

    Attributes:
        settings (dict): All that decides the results, beside the images.
        weights (dict[str, WeightsFile]): The files of weights, by what each is for: 'GAN-SR',
            'MSE-SR', 'discriminator', …
        versions (dict[str, str]): Of Python and the packages.
        begun (str): Date and time (UTC) of the first start; a resumed run keeps it.
        command (str): The command line of the first start.
        resumed (list[dict]): Where a resumed run had other versions: ``date`` and ``versions``.
    """
    settings: dict
    weights: dict[str, WeightsFile] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    begun: str = ''
    command: str = ''
    resumed: list[dict] = field(default_factory=list)

    def to_dict(self) -> dict:
        """Return what a file says."""
        content = asdict(self)
        if not self.resumed:
            del content['resumed']
        return content

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, value) pairs for a page: weights, versions and date.

        Without the settings, which each page words in its own way, and without the command, which
        may name folders that are nobody else's business.
        """
        rows = [(f'weights of {name}', str(file)) for name, file in self.weights.items()]
        rows += [('made with', in_words(self.versions)), ('begun', self.begun)]
        rows += [('resumed', f'{one["date"]}, with {in_words(one["versions"])}')
                 for one in self.resumed]
        return rows


def describe_run(settings: Mapping, weights: Weights) -> RunDescription:
    """Describe a run that begins now.

    Args:
        settings (Mapping): All that decides the results, beside the images.
        weights (Mapping): Files of weights, by what each is for; None: the run does without.
    """
    files = {name: describe_weights(path) for name, path in weights.items() if path}
    return RunDescription(dict(settings), files, package_versions(), today(), command_line())


def describe_folder(folder: str | Path, settings: Mapping, weights: Weights,
                    goes_on: bool = False) -> RunDescription:
    """Describe a run over a folder, and write the description there as ``run.json``.

    For the process that holds the folder. A file of this name that is not of ours stays as it is,
    and this is said.

    Args:
        folder (str | Path): Where the results go.
        settings (Mapping): See :func:`describe_run`.
        weights (Mapping): See :func:`describe_run`.
        goes_on (bool): Whether the run goes on with what an earlier one has left there: date and
            command are then those of the first start.

    Raises:
        OSError: If the folder cannot be written.
    """
    path, now = Path(folder) / FILE, describe_run(settings, weights)
    try:
        before = read_description(folder)
    except InputError as error:
        logger.warning('%s', error)
        return now
    if goes_on:
        now = _continued(before, now)
    if now != before:
        write_json(path, dict(format=FORMAT, **now.to_dict()))
    return now


def read_description(folder: str | Path) -> RunDescription | None:
    """Read the description of the run that a folder is of; None: there is none.

    Raises:
        InputError: If there is a file of its name that is none.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    return read_json(path, _parse, 'it is left as it is, and this run is not described there; '
                     'move it elsewhere')


def describe_weights(path: str | Path) -> WeightsFile:
    """Describe a file of weights by its name and content."""
    path = Path(path).expanduser()
    try:
        return WeightsFile(path.name, weights_sha256(path))
    except OSError as error:
        logger.warning('%s: its SHA-256 is not noted, it cannot be read any more (%s)', path,
                       error.strerror)
        return WeightsFile(path.name, '')


def package_versions(names: Iterable[str] | None = None) -> dict[str, str]:
    """Return the versions of mmdesra, Python and what is installed of some packages.

    Args:
        names (Iterable[str], optional): The packages. Default: :data:`PACKAGES`.
    """
    versions = dict(mmdesra=__version__, python=platform.python_version())
    for name in PACKAGES if names is None else names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    loaded = getattr(sys.modules.get('torch'), '__version__', None)
    if loaded:  # with the build, such as +cpu, which the metadata may leave out
        versions['torch'] = str(loaded)
    return versions


def today() -> str:
    """Return the date and time, in UTC; a ``SOURCE_DATE_EPOCH`` that is none is named."""
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        seconds = number_from(DATE_VARIABLE, int(now.timestamp()))
        now = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (InputError, OSError, OverflowError, ValueError) as error:
        logger.warning('%s: %s; the date of today is taken', DATE_VARIABLE, error)
    return now.strftime('%Y-%m-%d %H:%M UTC')


def command_line() -> str:
    """Return the command line of this process, ready to be pasted into a shell."""
    program, *arguments = sys.argv or ['python']
    if not program.startswith('mmdesra '):  # the program and its subcommand in one word
        program = shlex.quote(program)
    return ' '.join([program, *map(shlex.quote, arguments)])


def _continued(before: RunDescription | None, now: RunDescription) -> RunDescription:
    if before is None:  # an earlier version of ours described nothing
        return replace(now, begun=f'before {now.begun}')
    resumed = list(before.resumed)
    last = resumed[-1]['versions'] if resumed else before.versions
    if now.versions != last:
        resumed.append(dict(date=now.begun, versions=now.versions))
    return replace(before, settings=now.settings, weights={**before.weights, **now.weights},
                   resumed=resumed)


def _parse(content: Mapping) -> RunDescription:
    content = dict(content)
    if content.pop('format', None) != FORMAT:
        raise ValueError(f'expected the format {FORMAT!r}')
    found = to_record(RunDescription, dict(content, weights={}))
    weights = {name: to_record(WeightsFile, file) for name, file in content['weights'].items()}
    for one in found.resumed:
        in_words(one['versions']), one['date']
    return replace(found, weights=weights)


def in_words(versions: Mapping[str, str]) -> str:
    """Return versions as people read them: 'mmdesra 0.1.0, python 3.11.2'."""
    return ', '.join(f'{name} {version}' for name, version in versions.items())


def weights_of(*parts: object) -> dict[str, str | Path | None]:
    """Return the files of weights that parts of a run name as their ``weights_files``."""
    return {name: path for part in parts
            for name, path in getattr(part, 'weights_files', {}).items()}
