"""Cases about image files: read alone, as pairs with label maps, and as masks to score."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import test_detectors.released_rule as released
from PIL import Image
from toys import make_lq_image

from mmdesra.detectors import build_detector, detect_pairs
from mmdesra.evaluation.mask_scores import MaskFolders, score_folders
from mmdesra.files import read_image, read_labels, read_mask
from mmdesra.generators import StoredPairs
from mmdesra.segmentors import LabelFolder

from .damage import Rng, chance, damage_bytes, pick
from .drawings import random_drawing
from .judge import REFUSED, RIGHT, Fault, Refusal, ask, check, check_equal, check_message
from .other_readers import other_pixels
from .pictures import Picture, decoded, encode, random_picture, random_pixels

SUFFIXES = '.png', '.jpg', '.webp', '.tif', '.bmp', '.ppm'
MIN_AREA = 60


def image_case(rng: Rng, folder: Path) -> str:
    """One file, read as an image or a label map."""
    picture = random_picture(rng)
    path = folder / f'picture{pick(rng, SUFFIXES)}'
    path.write_bytes(picture.content)
    what = int(rng.integers(4))
    if what == 3 and not picture.sure:
        return _labels(path, picture)
    wanted = picture.pixels if picture.sure else decoded(picture.content)
    found = _answer(lambda: read_image(path), path, picture, wanted)
    check(found.flags.writeable, 'is not writable')
    by = 'as made' if picture.sure else 'by Pillow alone'
    check_equal(found, wanted, f'{picture.kind}, {by}')
    if picture.pixels is not None:
        check_equal(found, picture.pixels, f'{picture.kind}, as written')
    if picture.whole or picture.sure:
        for reader, pixels, levels in other_pixels(picture.content, picture.kind):
            check(found.shape == pixels.shape, f'{picture.kind}: {reader} sees {pixels.shape}')
            apart = np.abs(found.astype(int) - pixels).max()
            check(apart <= levels, f'{picture.kind}: {apart} levels from what {reader} sees')
    return RIGHT


def _answer(read, path: Path, picture: Picture, wanted: np.ndarray | None) -> np.ndarray:
    """What the library reads; what is whole must be read, what nobody reads must not."""
    try:
        found = ask(read, path)
    except Refusal as refusal:
        if picture.whole and wanted is not None:
            raise Fault(f'{picture.kind} is whole but was refused: {refusal}') from refusal
        raise
    check(wanted is not None, f'{picture.kind} was read, {found.shape}; Pillow alone does not')
    return found


def mask_case(rng: Rng, folder: Path) -> str:
    """A mask of some program, or any picture: read as it was drawn, or refused."""
    drawing = random_drawing(rng)
    content = drawing.content if chance(rng, .7) else random_picture(rng).content
    path = folder / f'mask{pick(rng, SUFFIXES)}'
    path.write_bytes(content)
    found = ask(lambda: read_mask(path), path)
    if content is drawing.content:
        check_equal(found, drawing.mask, drawing.kind)
        return RIGHT
    rgb = decoded(content)
    if rgb is not None:
        check(found.shape == rgb.shape[:2], f'{found.shape} instead of {rgb.shape}')
        if set(np.unique(rgb)) <= {0, 255}:
            plain = rgb.max(axis=2) == 255
            check(np.array_equal(found, plain) or Image.open(path).mode in ('LA', 'RGBA', 'P'),
                  'a mask of 0 and 255 is another one')
    return RIGHT


def _labels(path: Path, picture: Picture) -> str:
    wanted = decoded(picture.content, grey=True)
    check_equal(_answer(lambda: read_labels(path), path, picture, wanted), wanted, picture.kind)
    return RIGHT


def pair_case(rng: Rng, folder: Path) -> str:
    """Pairs in folders, some with label maps; the mask must be that of the released rule."""
    contents = _pair(rng)
    labelled = chance(rng, .5)
    if labelled:
        contents['labels'] = encode(_label_map(rng, contents['gan']))
    broken = pick(rng, [*contents, None])
    if broken:
        contents[broken] = random_picture(rng).content
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / name / f'image{pick(rng, SUFFIXES)}'
        paths[name].parent.mkdir()
        paths[name].write_bytes(content)
    detector = build_detector(dict(type='DeSRA', min_area=MIN_AREA))
    labels = ask(lambda: LabelFolder(folder / 'labels'), folder) if labelled else None
    [outcome] = detect_pairs(detector, StoredPairs(folder / 'gan', folder / 'mse'), labels)
    wanted = _released(contents)
    if outcome.error:
        check_message(outcome.error, *paths.values())
        check(wanted is None, f'pair and label map are whole, but: {outcome.error}')
        return REFUSED
    check(wanted is not None, 'detected on what cannot be read, or does not fit')
    d, mask = wanted
    check(np.abs(outcome.detection.map[5:-5, 5:-5] - d).max() < 1e-3, 'the map is wrong')
    # A value on the threshold may fall on either side; so few pixels that no region differs.
    if np.abs(d - .7).min() > 1e-4:
        check_equal(outcome.detection.mask, np.pad(mask, 5), 'the mask')
    return RIGHT


def _pair(rng: Rng) -> dict[str, bytes]:
    size = int(rng.integers(9, 90)), int(rng.integers(9, 90))
    mse = make_lq_image(int(rng.integers(1000)), size)
    gan = mse.copy()
    rows, columns = (slice(side // 4, side // 4 + max(side // 2, 1)) for side in size)
    noise = rng.integers(-50, 50, gan[rows, columns].shape)
    gan[rows, columns] = (gan[rows, columns] + noise).clip(0, 255)
    return dict(gan=encode(gan), mse=encode(mse))


def _label_map(rng: Rng, image: bytes) -> np.ndarray:
    shape = decoded(image).shape[:2]
    labels = rng.integers(0, 150, shape, np.uint8)
    labels[rng.random(shape) < .1] = 255
    if chance(rng, .15):
        labels[0, 0] = rng.integers(150, 255)
    return labels[:-1] if chance(rng, .1) and len(labels) > 1 else labels


def _released(contents: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray] | None:
    """Map and mask of the released rule; None where the pair or its label map is unusable."""
    gan, mse = decoded(contents['gan']), decoded(contents['mse'])
    if gan is None or mse is None or gan.shape != mse.shape or min(gan.shape[:2]) < 11:
        return None
    labels = None
    if 'labels' in contents:
        labels = decoded(contents['labels'], grey=True)
        if labels is None or labels.shape != gan.shape[:2]:
            return None
        inside = labels[5:-5, 5:-5]
        if ((inside >= 150) & (inside != 255)).any():
            return None
    return released.detect(gan, mse, MIN_AREA, labels=labels, bins=_published_bins())


def _published_bins() -> dict[int, float]:
    from mmdesra.detectors.class_table import ADE20K_TABLE
    lines = ADE20K_TABLE.read_text(encoding='utf-8').splitlines()
    rows = [line.split(',') for line in lines if line[:1].isdigit()]
    return {int(row[0]): float(row[-1]) for row in rows}


def score_case(rng: Rng, folder: Path) -> str:
    """Folders of masks to score, one of the files broken."""
    contents = {}
    for name in ('pred', 'gt', 'before')[:int(rng.integers(2, 4))]:
        contents[name] = [encode((random_pixels(rng, (30, 40), 1)[..., 0] > 140).astype(np.uint8)
                                 * 255) for _ in range(2)]
    broken = pick(rng, contents)
    contents[broken][0] = (random_picture(rng).content if chance(rng, .4)
                           else damage_bytes(rng, contents[broken][0]) if chance(rng, .7)
                           else contents[broken][0])
    for name, files in contents.items():
        (folder / name).mkdir()
        for number, content in enumerate(files):
            (folder / name / f'mask{number}.png').write_bytes(content)
    folders = MaskFolders(**{name: folder / name for name in contents})
    result = ask(lambda: score_folders(folders), folder)
    for number, image in enumerate(result.images):
        masks = {name: _bool(files[number]) for name, files in contents.items()}
        usable = all(mask is not None and mask.shape == (30, 40) for mask in masks.values())
        if image.error:
            check_message(image.error, folder)
            check(not usable or number == 0, f'whole masks were skipped: {image.error}')
            continue
        if not all(mask is not None for mask in masks.values()):
            continue  # a damaged mask with more values, understood by a rule of its own
        pred, gt = masks['pred'], masks['gt']
        found = image.scores.pred_px, image.scores.gt_px, image.scores.common_px
        check(found == (pred.sum(), gt.sum(), (pred & gt).sum()), f'pixels are wrong: {found}')
    return RIGHT if len(result.done) == 2 else REFUSED


def _bool(content: bytes) -> np.ndarray | None:
    """The mask in a whole file of 0 and 255; None: another file, which may also be refused."""
    rgb = decoded(content)
    is_plain = rgb is not None and set(np.unique(rgb)) <= {0, 255}
    return (rgb == 255).any(axis=2) if is_plain else None
