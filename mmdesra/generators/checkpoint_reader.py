"""From what a user names as a checkpoint to its content, without running code from it."""
from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .checkpoint_file import check_file, check_tensors
from .file_kinds import ASK, SAFETENSORS, ForeignFileError, describe_folder
from .known_pickles import load_known

ADDRESS = re.compile(r'(\w+:)?(?P<scheme>[A-Za-z][\w+.-]+):/+|'
                     r'www\.\w|[\w.-]+\.(co|com|org|net|io|cn)/')
"""How an address begins. A drive of Windows has one letter; Path makes one slash of two; mmengine
has clusters before a store (``name:s3://``)."""
LOCAL_SCHEME = 'file'
WEB_SCHEMES = ('http', 'https', 'ftp', None)
ALONE = f'{ASK}, or write one where it was trained: torch.save(model.state_dict(), FILE)'


class CheckpointError(InputError):
    """A checkpoint that cannot be used; the message names the file and what is wrong."""


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> Mapping:
    """Read a checkpoint file without running any code that it may hold.

    Its format is told by its content: safetensors may be called ``.pth``, and the other way
    round.

    Args:
        path (str | Path): The file.
        map_location (Any): Where tensors go, as ``torch.load`` takes it; those of safetensors go
            to the CPU.

    Raises:
        CheckpointError: If it is missing or an address; if it is of another kind, damaged, needs
            more than tensors and plain containers to be unpickled, or would take far more memory
            than its size; see :mod:`mmdesra.generators.file_kinds` and
            :mod:`mmdesra.generators.checkpoint_file`.
    """
    path = local_checkpoint(path)
    try:
        if check_file(path) == SAFETENSORS:
            return _read_safetensors(path)
        with path.open('rb') as file:  # given a path, PyTorch looks at its suffix
            content = load_known(file, map_location)
        if isinstance(content, Mapping):
            check_tensors(content, path)
    except ForeignFileError as error:
        raise CheckpointError(f'{path}: {error}') from error
    except pickle.UnpicklingError as error:
        raise cannot_unpickle(path, error) from error
    except Exception as error:  # every reader has errors of its own for damaged files
        raise CheckpointError(f'{path}: cannot be read as a checkpoint, the file may be damaged '
                              f'or of another kind ({first_line(error)})') from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f'{path}: expected a dict of weights, got '
                              f'{type(content).__name__}')
    return content


def cannot_unpickle(path: str | Path, error: pickle.UnpicklingError) -> CheckpointError:
    """Return the error for a file that PyTorch has refused, without its advice to run it."""
    return CheckpointError(f'{path}: is damaged, or holds Python objects besides tensors, '
                           'which are not loaded because that would run code from the file '
                           f'({_refusal(error)}). {ALONE}')


def local_checkpoint(path: str | Path) -> Path:
    """Return the file that is named as a checkpoint; ``~`` is the home folder.

    Raises:
        CheckpointError: If it is an address, a folder, or not there.
    """
    refuse_address(path)
    file = _expand(path)
    if file.is_dir():
        raise CheckpointError(f'{file}: {describe_folder(file)}' if str(path) else
                              'expected a checkpoint file, got an empty name')
    if file.is_symlink() and not file.exists():
        raise CheckpointError(f'{file}: no such checkpoint file: it is a link to '
                              f'{file.readlink()}, which is not there')
    if not file.is_file():
        raise CheckpointError(f'{file}: no such checkpoint file')
    return file


def refuse_address(path: str | Path | None) -> None:
    """Make sure that a checkpoint, if one is given, is no address of the web or of a model zoo.

    Nothing is downloaded: what a name stands for may change, and a page may come in its place.

    Raises:
        CheckpointError: If it is one.
    """
    found = ADDRESS.match(str(path or ''))
    if path is None or not found or _expand(path).exists():
        return
    scheme = found['scheme'] and found['scheme'].lower()
    if scheme == LOCAL_SCHEME:
        raise CheckpointError(f'{path}: is a URL; give the path alone, without file://')
    kind = ('a URL' if scheme in WEB_SCHEMES else
            f'an address ({scheme}://) of a store or a model zoo')
    raise CheckpointError(f'{path}: is {kind}, and a checkpoint is a file on this machine; '
                          'download it and give the file')


def _expand(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user
        return Path(path)


def _read_safetensors(path: Path) -> Mapping:
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    try:
        return load_file(path)
    except SafetensorError as error:
        is_cut = 'incomplete' in str(error).lower() or 'InvalidOffset' in str(error)
        what = 'ends before its tensors do: it is cut short' if is_cut else 'are damaged'
        raise ForeignFileError(f'begins as safetensors, which {what} ({first_line(error)}); '
                               'fetch the file again') from error


def _refusal(error: pickle.UnpicklingError) -> str:
    # Around it PyTorch says how to load the file all the same.
    named = re.search(r'GLOBAL ([\w.]+)', str(error))
    if named:
        return f'it names {named[1]}'
    found = re.search(r'[Uu]nsupported .*?(?=\. |$)', str(error), re.MULTILINE)
    return found[0] if found else 'it is no pickle of weights'


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says."""
    return f'{type(error).__name__}: {error}'.splitlines()[0].removesuffix(': ')
