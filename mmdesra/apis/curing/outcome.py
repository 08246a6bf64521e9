"""What a cure leaves: the weights, the page, the figures, the log."""
from __future__ import annotations

import datetime
import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import mmengine
import torch

from ...datasets.pseudo_gt_folder import file_sha256
from ...errors import InputError
from ...evaluation.figures import percent
from ...generators.export import Export, export_checkpoint, require_packages
from ...generators.same_layout import suffix_like, write_like
from ...version import __version__
from ..before_after_page import write_before_after_page
from .settings import EXPORTS

CURED = 'cured'
PAGE, TRUTH_PAGE = 'before_after.html', 'before_after_truth.html'
FIGURES, LOG, TABLE = 'cure.json', 'cure.log', 'photographs.csv'


def cured_path(out: Path, model: Path) -> Path:
    """Return where the cured weights go: a file of the kind that the model's is."""
    return out / f'{CURED}{suffix_like(model)}'


def write_cured(model: Path, state: Mapping[str, torch.Tensor], target: Path) -> dict:
    """Write the cured weights in the layout of the model's file.

    Returns:
        dict: Its name and SHA-256.
    """
    write_like(model, state, target)
    return dict(file=target.name, sha256=file_sha256(target))


def check_export(cured: Path, formats: tuple[str, ...]) -> None:
    """Find now, not after hours, that a package for exporting is missing.

    Raises:
        InputError: If one is.
    """
    for name in formats:
        require_packages(cured.with_suffix(EXPORTS[name]))


def export(cured: Path, formats: tuple[str, ...], generator: dict) -> list[Export]:
    """Write the cured network for programs without PyTorch, beside its weights."""
    spec = None if generator['type'] == 'SpandrelGenerator' else generator
    return [export_checkpoint(cured, cured.with_suffix(EXPORTS[name]), spec, overwrite=True)
            for name in formats]


def write_pages(out: Path, work: Path, title: str, reasons: Sequence[str],
                facts: list[tuple[str, object]], heldout: Mapping | None,
                truth: Mapping | None) -> list[str]:
    """Write the pages that show images before and after.

    Args:
        out (Path): Where they go.
        work (Path): Where the images are.
        title (str): Of the pages.
        reasons (Sequence[str]): Why it came out so.
        facts (list): What is said at their head.
        heldout (Mapping, optional): Figures of the held-out photographs; None: there are none.
        truth (Mapping, optional): Figures of their reductions, likewise.

    Returns:
        list[str]: Their names.
    """
    pages = []
    if heldout is not None:
        write_before_after_page(out / PAGE, title, work / 'crops/heldout',
                                work / 'finetune/heldout',
                                [*_figures(heldout), *facts], sentences=reasons)
        pages.append(PAGE)
    if truth is not None:
        write_before_after_page(
            out / TRUTH_PAGE, f'{title}: reductions of the held-out photographs, beside the truth',
            work / 'truth/lq', work / 'truth/judged', [*_figures(truth), *facts],
            work / 'truth/gt', sentences=reasons)
        pages.append(TRUTH_PAGE)
    return pages


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


def versions() -> dict[str, str]:
    """Return what made the result."""
    return dict(mmdesra=__version__, torch=torch.__version__, mmengine=mmengine.__version__,
                python=platform.python_version())


def today() -> str:
    """Return the date and time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC')


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
