"""Pages that show a fine-tuned model's results on the authors' images, before and after."""
from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from ..evaluation.authors_names import Role
from ..evaluation.authors_scores import ModelScores, TunedImage, tuned_images
from ..evaluation.figures import percent
from ..evaluation.mask_scores import ImageScores
from ..evaluation.standings import Contestant
from ..files import ImageError, read_image
from ..segmentors import LabelSource
from ..visualization import PageSample, write_page

logger = logging.getLogger('mmdesra')

NUM_IMAGES = 12


def write_tuned_pages(result: ModelScores, contestant: Contestant, out_dir: str | Path,
                      segmentor: LabelSource | None = None) -> list[Path]:
    """Write a page for each fine-tuned model: the images that had the most artifacts before.

    Args:
        result (ModelScores): The scores of a model and of the models fine-tuned from it.
        contestant (Contestant): The detector that found the masks.
        out_dir (str | Path): Where the pages go, ``before_after_MODEL_VERSION.html``.
        segmentor (LabelSource, optional): Makes label maps where none are stored.

    Returns:
        list[Path]: The pages; none for a model without LR images, because pages show these.

    Raises:
        OSError: If ``out_dir`` cannot be written.
    """
    if Role.LR not in result.model.trees:
        return []
    written = []
    for tuned, scores in zip(result.model.tuned, result.tuned):
        rows = {Path(image.image).stem: image for image in scores.ours.done} if scores.ours else {}
        rows = {name: row for name, row in rows.items() if _regions(row)[0]}
        names = sorted(rows, key=lambda name: _regions(rows[name]), reverse=True)[:NUM_IMAGES]
        images = tuned_images(result.model, tuned, contestant, segmentor, names)
        name = re.sub(r'[^\w.+=-]+', '_', f'before_after_{result.model.place}_{tuned.name}.html')
        written.append(Path(out_dir) / name)
        write_page(written[-1], f'{tuned.name} beside {result.model.place}',
                   [('images with artifacts before', len(rows)), ('shown here', len(names))],
                   _samples(result, images, rows),
                   ['The masks are those that our detector finds before fine-tuning.'])
    return written


def _samples(result: ModelScores, images: Iterator[TunedImage],
             rows: dict[str, ImageScores]) -> Iterator[PageSample]:
    for image in images:
        try:
            lq = read_image(result.model.trees[Role.LR].find(image.key))
        except ImageError as error:
            logger.warning('not shown: %s', error)
            continue
        row = rows[image.name]
        before, after = _regions(row)
        facts = [('regions', f'{before} -> {after}'),
                 ('IoU with the human mask', f'{_iou(row.scores_before)} -> {_iou(row.scores)}')]
        yield PageSample(image.name, lq, image.before.mse, image.before.gan, image.mask_before,
                         image.after, facts)


def _regions(row: ImageScores) -> tuple[int, int]:
    changes = row.sums.changes
    return (changes.before, changes.after) if changes else (0, 0)


def _iou(scores: object) -> str:
    return percent(getattr(scores, 'iou', None), 1)
