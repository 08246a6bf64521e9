"""The name of an image in results, in tables, and in look-ups of its mask or ground truth."""
from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 Path itself cannot be subclassed

NAMED_AT_MOST = 5
"""Names that a message lists before it ends in an ellipsis."""


class ImagePath(_Path):
    """The path of a listed image. It is equal to a plain ``Path`` to the same file.

    Attributes:
        inside (str): The file's place below the folder that was listed, ``sub/a.png``, as
            messages show it. Empty: the file's name alone.
        refusal (str): Why the image cannot be used; reading it raises this. Empty: it can.
    """
    inside: str = ''
    refusal: str = ''

    @classmethod
    def of(cls, path: str | Path, inside: str, refusal: str = '') -> ImagePath:
        """Make a path with its attributes."""
        image = cls(path)
        image.inside, image.refusal = inside, refusal
        return image

    def __reduce__(self) -> tuple[Any, ...]:
        return ImagePath.of, (str(self), self.inside, self.refusal)


def shown_name(path: Path) -> str:
    """Return the name of an image for messages: the file's name, or ``sub/a.png``."""
    return getattr(path, 'inside', '') or path.name


def name_some(names: list[str]) -> str:
    """Return the first names of a list, for messages."""
    return ', '.join(names[:NAMED_AT_MOST]) + ', …' * (len(names) > NAMED_AT_MOST)


def image_name(path: Path) -> str:
    """Return the name of an image in results and look-ups: ``a``, or ``sub/a``.

    It is the file's name without its suffix, in Unicode's composed form (NFC): macOS may store é
    as two characters where other systems store one, and both must name the same image.
    """
    return name_of_file(shown_name(path))


def name_of_file(inside: str) -> str:
    """Return the name of an image, given what :func:`shown_name` returns."""
    folders, slash, file = inside.rpartition('/')
    return composed(folders + slash + stem_of(file))


def stem_of(file: str) -> str:
    """Return ``Path(file).stem``, much faster: there may be a hundred thousand files."""
    dot = file.rfind('.')
    return file[:dot] if 0 < dot < len(file) - 1 else file


def composed(text: str) -> str:
    """Return a text in Unicode's composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize('NFC', text)


def existing_form(folder: Path, name: str) -> Path:
    """Return a file of a folder by its name, in the Unicode form that it has on disk.

    Args:
        folder (Path): The folder.
        name (str): The file's name, with sub-folders before it if it is in some.

    Returns:
        Path: The file; ``folder / name`` if there is none.
    """
    path = folder / name
    if name.isascii() or path.exists() or path.is_symlink():
        return path
    forms = (folder / unicodedata.normalize(form, name) for form in ('NFC', 'NFD'))
    return next((form for form in forms if form.exists() or form.is_symlink()), path)
