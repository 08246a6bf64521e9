"""A clear error where a part of a model cannot download its weights."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from mmengine.config import Config

from ..errors import InputError
from ..files.config_types import parts_of, type_name
from ..files.configs import settings_of

FETCHING = 'load_state_dict_from_url'
"""The function of PyTorch's hub by which torchvision's networks, such as VGG19, download."""


@contextmanager
def fetched_weights(config: Config) -> Iterator[None]:
    """Say in one line which file to put where, if weights cannot be fetched in a block.

    Raises:
        InputError: If they cannot; it names the file, its address, and the part of the config.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # no network; a download that was cut
        frames = [frame for frame, _ in walk_tb(error.__traceback__)]
        fetching = next((frame.f_locals for frame in frames
                         if frame.f_code.co_name == FETCHING), None)
        if fetching is None or 'cached_file' not in fetching:
            raise
        place = _place(config, [frame.f_locals.get('self') for frame in frames])
        raise InputError(_describe(error, fetching['url'], Path(fetching['cached_file']), place,
                                   config)) from error


def _describe(error: Exception, url: str, file: Path, place: str, config: Config) -> str:
    text = (f'{config.filename}: {place or "a part of the model"} needs {file.name}, which cannot '
            f'be fetched ({" ".join(str(error).split())}). Get it from {url} and put it into '
            f'{file.parent} (or into hub/checkpoints of a folder that the environment variable '
            'TORCH_HOME names)')
    if place.endswith('loss'):
        text += f', or train without it: --cfg-options {place}=None'
    return text


def _place(config: Config, built: list[object]) -> str:
    """Name the innermost part of a config that is being built, empty if it is none."""
    kinds = [type(one).__name__ for one in built if one is not None]
    places = {type_name(part.get('type')).rpartition('.')[2]: place
              for place, part in parts_of(settings_of(config)) if isinstance(part, dict)}
    return next((places[kind] for kind in reversed(kinds) if kind in places), '')
