"""The pseudo-GT folder: ``gt/ mask/ manifest.json``, the interface between the two halves.

Beside them ``run.json`` says which run made it, see :mod:`mmdesra.files.run_description`.

Masks that a person has changed are kept as they were drawn, in ``drawn/``.

While it is being made, finished images are noted line by line in journals (one a rank), so that
a run killed at any moment goes on where it was. When all are done the journals become the
manifest, written in one move. Nothing in it depends on when or in how many goes it was made.
"""
from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import InputError
from ..files import (
    ImageError,
    hashes,
    make_output_folder,
    remove_parts,
    write_bytes,
    write_text,
)
from ..files.atomic import cannot_write
from ..files.dropped_regions import name_dropped
from ..files.image_path import composed, existing_form, name_of_file
from ..files.records import describe_difference, parse_json, plain_path, to_record
from ..files.tables import write_json

FORMAT = 'mmdesra pseudo-GT folder'
VERSION = 1
MANIFEST = 'manifest.json'
JOURNALS = '.journal-*.jsonl'

logger = logging.getLogger('mmdesra')


class PseudoGTError(InputError):
    """A pseudo-GT folder that cannot be used as it is; the message says what to do."""


@dataclass(frozen=True)
class Record:
    """What is known of one LR image.

    Attributes:
        name (str): Name of the LR image, see :func:`mmdesra.files.image_name`; its pair is
            ``gt/NAME.png``, ``mask/NAME.png``.
        lq (str): File of the LR image inside the folder's ``lq_dir``, ``a.png``, ``sub/a.png``.
        lq_sha256 (str): SHA-256 of that file.
        labels_sha256 (str): SHA-256 of its label map; empty without the semantic step.
        regions (int): Artifact regions; 0 = the image is clean and has no pair.
        area (int): Artifact pixels.
        mask_sha256 (str): SHA-256 of the mask that the pseudo GT was composed with.
        found (int | None): Of a later round of fine-tuning, the artifact regions that its
            detection found; None in a first round, where they are ``regions``.
        largest_dropped (int | None): Area of the largest region that was dropped for its size,
            in px; None: none was.
    """
    name: str
    lq: str
    lq_sha256: str
    labels_sha256: str = ''
    regions: int = 0
    area: int = 0
    mask_sha256: str = ''
    found: int | None = None
    largest_dropped: int | None = None

    @property
    def made_from(self) -> tuple[str, ...]:
        """tuple[str]: Names and contents of the files that the pair is made from."""
        return composed(self.name), composed(self.lq), self.lq_sha256, self.labels_sha256

    def to_dict(self) -> dict:
        """Return what a file says of the image."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Manifest:
    """What a complete folder says of itself.

    Attributes:
        lq_dir (str): Where the LR images were, an absolute path.
        made_with (dict): Weights and settings that decide the pairs.
        records (tuple[Record]): One for each LR image, sorted by name.
        skipped (dict): File of each LR image that could not be used, with the reason; it
            may have a record, if its pair could not be brought in line with its mask.
    """
    lq_dir: str
    made_with: dict
    records: tuple[Record, ...]
    skipped: dict[str, str] = field(default_factory=dict)

    def about_dropped(self, option: str) -> str:
        """Say what was dropped for its size, see :func:`mmdesra.files.dropped_regions`."""
        return name_dropped([(record.lq, record.largest_dropped or 0) for record in self.records],
                            option)

    @property
    def fingerprint(self) -> str:
        """str: SHA-256 over all that decides the pairs: equal pairs, equal text."""
        content = dict(made_with=self.made_with,
                       records=[record.to_dict() for record in self.records])
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class PseudoGTFolder:
    """Paths and bookkeeping of one folder.

    Args:
        root (str | Path): The folder; it need not exist yet.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def gt_path(self, name: str) -> Path:
        """Path: The pseudo GT of an image."""
        return existing_form(self.root / 'gt', f'{name}.png')

    def mask_path(self, name: str) -> Path:
        """Path: The mask of an image."""
        return existing_form(self.root / 'mask', f'{name}.png')

    def drawn_path(self, name: str) -> Path:
        """Path: The mask of an image as a person has drawn it."""
        return self.root / 'drawn' / f'{name}.png'

    def keep_drawn(self, name: str) -> Path:
        """Keep a mask that a person has changed, byte for byte; return where it is kept."""
        path = self.drawn_path(name)
        make_output_folder(path.parent)
        write_bytes(path, self.mask_path(name).read_bytes())
        return path

    def masks(self) -> dict[str, list[Path]]:
        """Return the files in ``mask/``, by the name of the image that they belong to.

        The mask is the one that ends in ``.png``; a person may have put others beside it.
        """
        folder = self.root / 'mask'
        found: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob('*')):
            if not path.name.startswith('.') and path.is_file():
                name = name_of_file(path.relative_to(folder).as_posix())
                found.setdefault(name, []).append(path)
        return found

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.root, self.root / 'gt', self.root / 'mask'

    @property
    def is_complete(self) -> bool:
        """bool: Whether the manifest is there and no run is under way."""
        return (self.root / MANIFEST).is_file() and not any(self.root.glob(JOURNALS))

    @property
    def is_begun(self) -> bool:
        """bool: Whether a run has begun it, and perhaps completed it."""
        return (self.root / MANIFEST).is_file() or any(self.root.glob(JOURNALS))

    def refuse_inputs(self, paths: Iterable[Path]) -> None:
        """Refuse LR images that lie in the folders for pseudo GTs and masks.

        They could be overwritten or removed there.

        Raises:
            PseudoGTError: If one of ``paths`` lies where pseudo GTs or masks go.
        """
        ours = {os.path.realpath(folder) for folder in self._folders[1:]}
        seen: set[Path] = set()
        for path in paths:
            if path.parent in seen:
                continue
            seen.add(path.parent)
            real = Path(os.path.realpath(path.parent))
            if not ours.isdisjoint(map(str, (real, *real.parents))):
                raise PseudoGTError(f'{path}: lies in a folder that pseudo GTs are written into; '
                                    f'expected another folder for them than {self.root}')

    def begin_anew_if_empty(self, made_with: dict) -> None:
        """Clear what an earlier run with other settings left, if that run found no artifact.

        Such a folder holds only a manifest or journal and no image. Those are removed, with a
        warning. Call it in the process that holds the folder, before any process opens it.

        Args:
            made_with (dict): Weights and settings of the run that begins.
        """
        with suppress(OSError, PseudoGTError):  # open_for_making raises it, in every process
            others = {source: describe_difference(found, made_with)
                      for found, source in self._made_with() if found != made_with}
            if not others or self._holds_files():
                return
            for source in others:
                source.unlink()
            logger.warning('%s: is empty, of an earlier try with other weights or settings (%s), '
                           'and is made anew', self.root, next(iter(others.values())))

    def _holds_files(self) -> bool:
        """Whether the folder holds a pseudo GT, or a file that a person may have put there."""
        remove_parts(self.root, recursive=True)
        folders = [self.root / name for name in ('gt', 'mask', 'drawn')]
        return any(folder.is_symlink() or any(not path.is_dir() or path.is_symlink()
                                              for path in folder.rglob('*'))
                   for folder in folders)

    def open_for_making(self, made_with: dict) -> None:
        """Make the folders and check the settings; several processes may do so at once.

        Raises:
            PseudoGTError: If the folder holds images made with other weights or settings.
            OSError: If it cannot be written.
        """
        self._refuse_links()
        for folder in self._folders:
            make_output_folder(folder)
        for found, source in self._made_with():
            if found != made_with:
                raise PseudoGTError(
                    f'{source}: these pseudo GTs were made with other weights or settings '
                    f'({describe_difference(found, made_with)}). Use another folder, or delete '
                    'this one if it is not needed')

    def journal(self, rank: int, made_with: dict) -> Journal:
        """Open this rank's journal."""
        return Journal(self.root / JOURNALS.replace('*', str(rank)), made_with)

    def finished(self) -> dict[tuple[str, ...], Record]:
        """Return the records of a complete or interrupted folder, by what they are made from."""
        records = list(self.read_manifest().records) if (self.root / MANIFEST).is_file() else []
        for path in sorted(self.root.glob(JOURNALS)):
            records += Journal.read(path)[1]
        return {record.made_from: record for record in records}

    def remove_pair(self, name: str) -> None:
        """Remove an image's pseudo GT and mask, where there are any."""
        for path in (self.gt_path(name), self.mask_path(name)):
            path.unlink(missing_ok=True)

    def complete(self, manifest: Manifest) -> None:
        """Write the manifest, remove the journals and what killed writers left.

        Nobody else may be at work on the folder: their unfinished files would go, too.
        """
        remove_parts(self.root)
        for folder in (*self._folders[1:], self.root / 'drawn'):
            remove_parts(folder, recursive=True)
        records = sorted(manifest.records, key=lambda record: record.name)
        content = dict(format=FORMAT, version=VERSION, lq_dir=manifest.lq_dir,
                       made_with=manifest.made_with,
                       records=[record.to_dict() for record in records],
                       skipped=dict(sorted(manifest.skipped.items())))
        write_json(self.root / MANIFEST, content)  # the class table's bins on one line
        for path in self.root.glob(JOURNALS):
            path.unlink()

    def read_manifest(self) -> Manifest:
        """Read the manifest.

        Raises:
            PseudoGTError: If there is none, or it is not one of this format.
        """
        path = self.root / MANIFEST
        if not path.is_file():
            raise PseudoGTError(f'{self.root}: holds no {MANIFEST}; it is no pseudo-GT folder, or '
                                'its making was interrupted (run the same command again, it goes '
                                'on where it was)')
        try:
            content = parse_json(path.read_text(encoding='utf-8'))
            if content['format'] != FORMAT or content['version'] != VERSION:
                raise PseudoGTError(f'{path}: expected {FORMAT!r} version {VERSION}, got '
                                    f'{content["format"]!r} version {content["version"]}')
            records = tuple(_read_record(entry) for entry in content['records'])
            names = [composed(record.name) for record in records]
            if len(set(names)) < len(names):
                raise ValueError('an image is in it twice')
            for name, kind in (('lq_dir', str), ('made_with', dict), ('skipped', dict)):
                if not isinstance(content[name], kind):
                    raise ValueError(f'expected {name} to be of type {kind.__name__}')
        except PseudoGTError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            reason = f'{error} is missing' if isinstance(error, KeyError) else error
            raise PseudoGTError(f'{path}: is damaged ({reason}); restore it from a copy, or '
                                'make the pseudo GTs again in another folder') from error
        self._refuse_links(names)
        return Manifest(content['lq_dir'], content['made_with'], records, content['skipped'])

    def _refuse_links(self, names: Iterable[str] = ()) -> None:
        """Refuse symbolic links: through them a foreign folder could have other files replaced."""
        paths = self.gt_path, self.mask_path, self.drawn_path
        files = [path(name) for name in names for path in paths]
        folders = {folder for file in files for folder in file.parents
                   if folder.parent not in (self.root, *self.root.parents)}
        for path in (*self._folders[1:], self.root / 'drawn', *sorted(folders), *files):
            if path.is_symlink():
                raise PseudoGTError(f'{path}: expected the pseudo GTs and masks to be in the '
                                    f'folder itself, got a link to {os.path.realpath(path)}; '
                                    'put what it leads to in its place')

    def _made_with(self) -> Iterable[tuple[dict, Path]]:
        if (self.root / MANIFEST).is_file():
            yield self.read_manifest().made_with, self.root / MANIFEST
        for path in sorted(self.root.glob(JOURNALS)):
            made_with = Journal.read(path)[0]
            if made_with is not None:
                yield made_with, path


class Journal:
    """The finished images, one JSON line each, after a first line with weights and settings.

    Args:
        path (Path): The file, appended to if it exists.
        made_with (dict): Weights and settings.
    """

    def __init__(self, path: Path, made_with: dict) -> None:
        found, records = self.read(path) if path.exists() else (None, [])
        # The whole file is rewritten, because a kill may have torn the last line.
        lines = [made_with if found is None else found, *(record.to_dict() for record in records)]
        write_text(path, ''.join(json.dumps(line) + '\n' for line in lines))
        self._path = path
        self._file = path.open('a', encoding='utf-8')

    def add(self, record: Record) -> None:
        """Note an image whose files are written.

        Raises:
            OSError: If the disk is full.
        """
        try:
            self._file.write(json.dumps(record.to_dict()) + '\n')
            self._file.flush()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def close(self) -> None:
        """Close the file; it stays for the merge."""
        with suppress(OSError):  # a failed write was reported by add
            self._file.close()

    @staticmethod
    def read(path: Path) -> tuple[dict | None, list[Record]]:
        """Return the settings of the first line, and the records; a torn last line is skipped.

        Raises:
            PseudoGTError: If it is damaged elsewhere.
        """
        try:
            lines = path.read_text(encoding='utf-8').split('\n')[:-1]
            if not lines:
                return None, []
            return (dict(parse_json(lines[0])),
                    [_read_record(parse_json(line)) for line in lines[1:]])
        except (TypeError, ValueError) as error:
            raise PseudoGTError(f'{path}: is damaged ({error}); delete it, and the images that '
                                'it names are made again') from error


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        ImageError: If it cannot be read; it may have vanished since it was listed.
    """
    try:
        return hashes.file_sha256(path)
    except OSError as error:
        raise ImageError(f'{path}: cannot be read ({error.strerror})') from error


def _read_record(entry: object) -> Record:
    record = to_record(Record, entry)
    for name in (record.name, record.lq):
        plain_path(name)
    return record
