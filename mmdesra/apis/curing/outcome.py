"""What a cure leaves: the weights, the page, the figures, the log."""
from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...evaluation.figures import percent
from ...files.hashes import weights_sha256
from ...generators import Upscaler
from ...generators.export import export_checkpoint, require_packages
from ...generators.same_layout import suffix_like, write_like
from ..before_after_page import write_before_after_page
from .settings import EXPORTS

CURED = 'cured'
PAGE, TRUTH_PAGE = 'before_after.html', 'before_after_truth.html'
SETTLING_SIDE, GREY = 16, 128
FIGURES, LOG, TABLE = 'cure.json', 'cure.log', 'photographs.csv'


def cured_path(out: Path, model: Path) -> Path:
    """Return where the cured weights go: a file of the kind that the model's is."""
    return out / f'{CURED}{suffix_like(model)}'


def write_cured(model: Path, cured: Upscaler, target: Path) -> dict:
    """Write the cured weights in the layout of the model's file.

    Args:
        model (Path): The model's file.
        cured (Upscaler): The cured network.
        target (Path): The file to write.

    Returns:
        dict: Its name and SHA-256.
    """
    # Some networks (SPAN) hold what they train, and what they run with: the one is made of the
    # other when they run, and a file must not hold the new one beside the old.
    cured(np.full((SETTLING_SIDE, SETTLING_SIDE, 3), GREY, np.uint8))
    write_like(model, cured.generator.state_dict(), target)
    return dict(file=target.name, sha256=weights_sha256(target))


def check_export(cured: Path, formats: tuple[str, ...]) -> None:
    """Find now, not after hours, that a package for exporting is missing.

    Raises:
        InputError: If one is.
    """
    for name in formats:
        require_packages(exported_path(cured, name))


def exported_path(cured: Path, name: str) -> Path:
    """Return where the cured network goes in another format, beside its weights."""
    return cured.with_suffix(EXPORTS[name])


def export(cured: Path, name: str, generator: dict) -> dict:
    """Write the cured network for programs without PyTorch, beside its weights.

    Returns:
        dict: The files, and by how many levels of 255 its images differ at most.
    """
    spec = None if generator['type'] == 'SpandrelGenerator' else generator
    done = export_checkpoint(cured, exported_path(cured, name), spec, overwrite=True)
    return dict(files=[file.name for file in done.files], difference=done.difference)


def write_page(path: Path, work: Path, title: str, reasons: Sequence[str], figures: Mapping,
               facts: Iterable[tuple[str, object]], folder: str = 'finetune') -> None:
    """Write the page that shows the held-out photographs before and after.

    Args:
        path (Path): The page.
        work (Path): Where the images are.
        title (str): Its heading.
        reasons (Sequence[str]): Why it came out so.
        figures (Mapping): Of the held-out photographs.
        facts (Iterable): What else is said at its head.
        folder (str): That of the training, in ``work``.
    """
    write_before_after_page(path, title, work / 'crops/heldout', work / folder / 'heldout',
                            [*_figures(figures), *facts], sentences=reasons)


def write_truth_page(path: Path, work: Path, title: str, reasons: Sequence[str],
                     figures: Mapping, facts: Iterable[tuple[str, object]]) -> None:
    """Write the page that shows their reductions, beside the truth; see :func:`write_page`."""
    write_before_after_page(
        path, f'{title}: reductions of the held-out photographs, beside the truth',
        work / 'truth/lq', work / 'truth/judged', [*_figures(figures), *facts],
        work / 'truth/gt', sentences=reasons)


def _figures(figures: Mapping) -> Iterator[tuple[str, object]]:
    yield 'images', figures['images']
    yield 'regions', f'{figures["regions_before"]} → {figures["regions_after"]}'
    yield 'removed', percent(figures['removal_rate'], 1)
    yield 'added', percent(figures['addition_rate'], 1)
    yield 'detail kept', f'{figures["detail_kept"]:.4f}'
    for place in ('inside', 'outside'):
        versions = (figures.get('truth') or {}).get(place, {})
        for name, label in (('texture_error', 'texture error'), ('texture_above', 'too strong by'),
                            ('psnr', 'PSNR, dB'), ('perceptual', 'perceptual distance')):
            values = [versions.get(version, {}).get(name) for version in ('before', 'after')]
            if None not in values:
                yield (f'{label} {place} the artifacts',
                       ' → '.join(f'{value:.3f}' for value in values))


def refuse_strangers(out: Path) -> None:
    """Make sure that nothing of others is written over.

    Raises:
        InputError: If there is a result that no cure in this folder has made.
    """
    for name in (f'{CURED}.pth', f'{CURED}.safetensors', FIGURES, PAGE):
        if (out / name).exists() and not (out / 'work/steps.json').is_file():
            raise InputError(f'{out / name}: is there already, and of no cure in this folder; '
                             'give another folder (--out)')


class CureLog(logging.StreamHandler):
    """The log of a cure.

    No FileHandler: to those of a run mmengine writes how each parameter was initialised, a
    thousand lines of what loading then replaces.

    Args:
        path (Path): The file; what is in it stays.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path.open('a', encoding='utf-8', errors='backslashreplace'))

    def close(self) -> None:
        """Close the file."""
        self.stream.close()
        super().close()


@contextmanager
def logged_to(path: Path, is_writer: bool) -> Iterator[None]:
    """Let the package's messages go to a file, too, during a block."""
    logger = logging.getLogger('mmdesra')
    before = logger.level
    handler = CureLog(path) if is_writer else logging.NullHandler()
    handler.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(message)s'))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    others = [one for one in logging.getLogger().handlers if one.level == logging.NOTSET]
    for one in others:
        one.setLevel(logging.WARNING)  # what a terminal showed so far
    try:
        yield
    finally:
        for one in others:
            one.setLevel(logging.NOTSET)
        logger.setLevel(before)
        logger.removeHandler(handler)
        handler.close()
