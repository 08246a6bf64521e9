"""What an image is called: its name in results, in tables, and where it is looked up."""
from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 Path itself cannot be inherited from

NAMED_AT_MOST = 5
"""Images that a message lists before it says that there are more."""


class ImagePath(_Path):
    """The path of an image that was listed with others; equal to any other path to the file.

    Attributes:
        inside (str): The file as people are told of it: its name, after the sub-folders of the
            folder that was listed, ``sub/a.png``. Empty: the file's name alone.
        refusal (str): Why it cannot be used although it was listed; whoever reads it is told.
    """
    inside: str = ''
    refusal: str = ''

    @classmethod
    def of(cls, path: str | Path, inside: str, refusal: str = '') -> ImagePath:
        """Make one."""
        image = cls(path)
        image.inside, image.refusal = inside, refusal
        return image

    def __reduce__(self) -> tuple[Any, ...]:
        return ImagePath.of, (str(self), self.inside, self.refusal)


def shown_name(path: Path) -> str:
    """Return how people are told of an image: the file's name, or ``sub/a.png``."""
    return getattr(path, 'inside', '') or path.name


def name_some(names: list[str]) -> str:
    """Return the first names of a list, for messages."""
    return ', '.join(names[:NAMED_AT_MOST]) + ', …' * (len(names) > NAMED_AT_MOST)


def image_name(path: Path) -> str:
    """Return what results are named by and partners are found by: ``a``, or ``sub/a``.

    It is the file's name without its suffix, in Unicode's composed form (NFC): macOS writes é as
    two letters where others write one, and both mean one image.
    """
    return name_of_file(shown_name(path))


def name_of_file(inside: str) -> str:
    """Return the name of an image from :func:`shown_name`."""
    folders, slash, file = inside.rpartition('/')
    return composed(folders + slash + stem_of(file))


def stem_of(file: str) -> str:
    """Return what ``Path(file).stem`` is; of a hundred thousand files it takes long."""
    dot = file.rfind('.')
    return file[:dot] if 0 < dot < len(file) - 1 else file


def composed(text: str) -> str:
    """Return a text in Unicode's composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize('NFC', text)


def existing_form(folder: Path, name: str) -> Path:
    """Return the file of this name in a folder, in whatever Unicode form it is there.

    Args:
        folder (Path): The folder.
        name (str): The file's name, after sub-folders where it is in some.

    Returns:
        Path: ``folder / name`` where there is none.
    """
    path = folder / name
    if name.isascii() or path.exists() or path.is_symlink():
        return path
    forms = (folder / unicodedata.normalize(form, name) for form in ('NFC', 'NFD'))
    return next((form for form in forms if form.exists() or form.is_symlink()), path)
