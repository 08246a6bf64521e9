"""Cases about folders with a manifest: pseudo GTs and artifact benchmarks."""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage
from toys import MIN_AREA, make_lq_folder, make_pairs

from mmdesra.datasets.pseudo_gt_dataset import PseudoGTDataset
from mmdesra.datasets.pseudo_gt_folder import MANIFEST, PseudoGTFolder
from mmdesra.datasets.pseudo_gt_maker import PseudoGTMaker
from mmdesra.detectors import build_detector
from mmdesra.evaluation.benchmark_manifest import BenchmarkImage, BenchmarkManifest, PlacedArtifact
from mmdesra.evaluation.placed_recall import match_artifacts

from .damage import JUNK, Rng, chance, damage_bytes, damage_json, pick
from .judge import REFUSED, RIGHT, ask, check, check_message
from .pictures import decoded, encode, random_picture, random_pixels


@lru_cache(maxsize=1)
def _made() -> Path:
    """A complete pseudo-GT folder with its LR images, made once in a process."""
    root = Path(tempfile.mkdtemp(prefix='fuzz_pseudo_gt_'))
    make_lq_folder(root / 'lq', count=3)
    maker = _maker(root / 'lq')
    folder = PseudoGTFolder(root / 'pseudo_gt')
    maker.make(folder)
    maker.finish(folder, {})
    return root


def _maker(lq_dir: Path) -> PseudoGTMaker:
    return PseudoGTMaker(make_pairs(lq_dir), build_detector(dict(type='DeSRA', min_area=MIN_AREA)))


def pseudo_gt_case(rng: Rng, folder: Path) -> str:
    """A damaged pseudo-GT folder: trained from, made further, or recomposed."""
    shutil.copytree(_made(), folder, dirs_exist_ok=True)
    root = folder / 'pseudo_gt'
    content = json.loads((root / MANIFEST).read_text())
    content['lq_dir'] = str(folder / 'lq')
    (root / MANIFEST).write_text(json.dumps(content))
    (folder / 'canary').mkdir()
    for name in ('image0.png', 'image2.png', 'canary.png', '.image0.png.1.part'):
        (folder / 'canary' / name).write_bytes(encode(np.zeros((9, 9), np.uint8)))
    _damage_folder(rng, folder, content)
    before = _contents(folder / 'canary')
    try:
        return pick(rng, (_train, _train, _make, _recompose))(folder)
    finally:
        check(_contents(folder / 'canary') == before, 'files outside of the folder were changed')


def _damage_folder(rng: Rng, folder: Path, content: dict) -> None:
    root = folder / 'pseudo_gt'
    how = int(rng.integers(10))
    if how <= 4:
        (root / MANIFEST).write_bytes(damage_json(rng, content))
    elif how == 5:
        journal = [content['made_with'], *content['records']]
        text = ''.join(json.dumps(line) + '\n' for line in journal).encode()
        (root / '.journal-0.jsonl').write_bytes(damage_bytes(rng, text))
        if chance(rng, .7):
            (root / MANIFEST).unlink()
    elif how == 6:
        victim = root / pick(rng, ('gt', 'mask', 'gt/image0.png', 'mask/image0.png',
                                   'mask/image2.png', MANIFEST))
        shutil.rmtree(victim) if victim.is_dir() else victim.unlink()
        victim.symlink_to(folder / 'canary' / ('' if victim.suffix == '' else pick(
            rng, (victim.name, 'canary.png', 'nothing.png'))))
    elif how == 7:
        path = root / pick(rng, ('gt/image0.png', 'mask/image0.png', 'mask/image2.png'))
        path.write_bytes(random_picture(rng).content)
    elif how == 8:
        (folder / 'lq' / 'image0.png').write_bytes(random_picture(rng).content)
    else:
        content['lq_dir'] = pick(rng, JUNK)
        (root / MANIFEST).write_text(json.dumps(content))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _train(folder: Path) -> str:
    root = folder / 'pseudo_gt'
    # The LR images may be anywhere, by design: their hashes say that they are the right ones.
    dataset = ask(lambda: PseudoGTDataset(str(root)), root, folder / 'lq')
    for number in range(len(dataset)):
        sample = dataset[number]
        stem = sample['key']
        for key, name in (('img_path', 'lq'), ('gt_path', 'pseudo_gt/gt'),
                          ('mask_path', 'pseudo_gt/mask')):
            real = os.path.realpath(sample[key])
            check(real == str((folder / name).resolve() / f'{stem}.png'), f'{key} is {real}')
        for name in ('lq', 'pseudo_gt/mask'):
            check((folder / name / f'{stem}.png').read_bytes()
                  == (_made() / name / f'{stem}.png').read_bytes(), f'{name} of {stem} is another')
    check(len({dataset[number]['key'] for number in range(len(dataset))}) == len(dataset),
          'an image is there twice')
    return RIGHT


def _make(folder: Path) -> str:
    root = folder / 'pseudo_gt'
    maker = _maker(folder / 'lq')

    def make():
        maker.make(PseudoGTFolder(root))
        return maker.finish(PseudoGTFolder(root), maker.skipped)

    manifest = ask(make, root, folder / 'lq')
    for message in maker.skipped.values():
        check_message(message, folder)
    names = {record.name for record in manifest.records}
    check(names | {Path(name).stem for name in maker.skipped} == {'image0', 'image1', 'image2'},
          f'records of {names}')
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / 'lq').iterdir()}
    check({record.lq_sha256 for record in manifest.records} <= hashes, 'hashes of others')
    return REFUSED if maker.skipped else RIGHT


def _recompose(folder: Path) -> str:
    root = folder / 'pseudo_gt'
    manifest = ask(lambda: _maker(folder / 'lq').recompose(PseudoGTFolder(root)), root,
                   folder / 'lq')
    check({record.name for record in manifest.records} <= {'image0', 'image1', 'image2'}
          or not any((root / 'mask' / f'{record.name}.png').is_file()
                     for record in manifest.records if not record.name.startswith('image')),
          'pairs of other names')
    return RIGHT


def benchmark_case(rng: Rng, folder: Path) -> str:
    """A damaged benchmark manifest, or masks that do not fit it."""
    contents = {}
    images = []
    for number in range(2):
        truth = np.zeros((40, 50), np.uint8)
        truth[5:15, 5 + number:20] = truth[25:32, 30:45] = 255
        pred = (random_pixels(rng, (40, 50), 1)[..., 0] > 120).astype(np.uint8) * 255
        regions, _ = ndimage.label(truth, np.ones((3, 3)))
        artifacts = tuple(PlacedArtifact('noise', 6., 5.9, 'smooth', 1.2,
                                         int((regions == regions[row, column]).sum()), row, column)
                          for row, column in ((8, 10), (27, 33)))
        images.append(BenchmarkImage(f'a-{number}', 'a.png', artifacts))
        contents |= {('gt', number): encode(truth), ('pred', number): encode(pred)}
    manifest = BenchmarkManifest(dict(count=2), tuple(images), (dict(source='a.png', place=1),))
    damaged = None if chance(rng, .3) else pick(rng, contents)
    if damaged and chance(rng, .2):
        contents[damaged] = random_picture(rng).content
    for (name, number), content in contents.items():
        (folder / 'benchmark' / name).mkdir(parents=True, exist_ok=True)
        (folder / 'benchmark' / name / f'a-{number}.png').write_bytes(content)
    root = folder / 'benchmark'
    manifest.write(root)
    path = root / MANIFEST
    if chance(rng, .8):
        path.write_bytes(damage_json(rng, json.loads(path.read_text())))
    found, skipped = ask(lambda: match_artifacts(root, root / 'pred'), root)
    for message in skipped.values():
        check_message(message, root)
    written = [(image['name'], artifact) for image in json.loads(path.read_text())['images']
               for artifact in image['artifacts'] if image['name'] not in skipped]
    check(len(written) == len(found), 'artifacts are missing')
    for (name, artifact), one in zip(written, found):
        check(Path(name).name == name, f'a name that leads elsewhere was used: {name!r}')
        truth, pred = (decoded((root / part / f'{name}.png').read_bytes())[..., 0] >= 128
                       for part in ('gt', 'pred'))
        regions, _ = ndimage.label(truth, np.ones((3, 3)))
        region = regions == regions[artifact['row'], artifact['column']]
        check(artifact['area'] == region.sum(), 'the area is another')
        check(abs(one.covered - pred[region].mean()) < 1e-9, 'the share covered is wrong')
    return REFUSED if skipped else RIGHT
