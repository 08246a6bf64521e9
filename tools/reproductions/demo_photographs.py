"""The demo's photographs: found in packages, reduced, and split in two.

They come from the Debian packages lomiri-wallpapers-16.04 and -20.04 (fetched with apt-get, not
installed) and from the wheels of scikit-image and scikit-learn. None is part of this project.
"""
from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from mmdesra.errors import InputError
from mmdesra.files import make_output_folder, read_image, write_image

DEBIAN_PACKAGES = ('lomiri-wallpapers-16.04', 'lomiri-wallpapers-20.04')

# File name: author, licence, as the packages' copyright files name them. Renderings and film
# grain without a scene, which the same packages carry, are left out.
DEBIAN_PHOTOGRAPHS = {
    'Bridge_by_Sander_Klootwijk.jpg': ('Sander Klootwijk', 'CC-BY-SA-4.0'),
    'Dragonfly_by_Bolly.jpg': ('Bolly', 'CC-BY-SA-4.0'),
    'Kleiber_by_Lukas_Baubkus.jpg': ('Lukas Baubkus', 'CC-BY-SA-3.0'),
    'Painting-Colors_by__herobrine7gamer.jpg': ('HEROBRINE7GAMER', 'CC-BY-SA-3.0'),
    'Picture_0B_by_freespace.jpg': ('Trevor "Freespace"', 'CC-BY-4.0'),
    'Picture_1A_by_freespace.jpg': ('Trevor "Freespace"', 'CC-BY-4.0'),
    'Wine_by_Jakkub_Mede.jpg': ('Jakub Mede', 'CC-BY-4.0'),
    'aitzgorri_by_Aitzol_Berasategi.jpg': ('Aitzol Berasategi', 'CC-BY-4.0'),
    'free_by_Peter_Nerlich.jpg': ('Peter Nerlich', 'CC-BY-SA-4.0'),
    'friends_by_Aitzol_Berasategi.jpg': ('Aitzol Berasategi', 'CC-BY-4.0'),
    'greentock_by_Peter_Nerlich.jpg': ('Peter Nerlich', 'CC-BY-SA-4.0'),
    'life_by_Aitzol_Berasategi.jpg': ('Aitzol Berasategi', 'CC-BY-4.0'),
    'picosdeeuropa_by_Aitzol_Berasategi.jpg': ('Aitzol Berasategi', 'CC-BY-4.0'),
    'seeding_by_Clements_Engelhardt.jpg': ('Clemens Engelhardt', 'CC0-1.0'),
    'sunset_by_Aitzol_Berasategi.jpg': ('Aitzol Berasategi', 'CC-BY-4.0'),
}
WHEEL_PHOTOGRAPHS = {
    'skimage': ('data/astronaut.png', 'data/chelsea.png', 'data/coffee.png',
                'data/motorcycle_left.png', 'data/rocket.jpg'),
    'sklearn': ('datasets/images/china.jpg', 'datasets/images/flower.jpg'),
}
SCALE = 4
SHORT_SIDES = (640, 448)
"""Each photograph is first reduced to these, so that the demo ends in minutes on two cores."""


def collect(cache: Path) -> list[Path]:
    """Return all photographs, fetching what is not in ``cache`` yet.

    Raises:
        InputError: If the Debian packages cannot be fetched on this machine.
    """
    paths = [wheel_folder(package) / name
             for package, names in WHEEL_PHOTOGRAPHS.items() for name in names]
    if not all((cache / name).is_file() for name in DEBIAN_PHOTOGRAPHS):
        _fetch_debian_packages(make_output_folder(cache))
    paths += [cache / name for name in DEBIAN_PHOTOGRAPHS]
    return sorted((path for path in paths if path.is_file()), key=lambda path: path.name)


def prepare(photographs: list[Path], out_dir: Path) -> None:
    """Write LR images and their ground truths: ``lq/ gt/``, each with ``train/ heldout/``.

    Every second photograph by name is held out, the others train.
    """
    for index, path in enumerate(photographs):
        kind = 'heldout' if index % 2 else 'train'
        lq, gt = (make_output_folder(out_dir / name / kind) for name in ('lq', 'gt'))
        names = {side: f'{path.stem}_{side}.png' for side in SHORT_SIDES}
        if not all((folder / name).is_file() for name in names.values() for folder in (lq, gt)):
            picture = Image.fromarray(read_image(path))
            for side, name in names.items():
                truth = reduce(picture, side)
                write_image(gt / name, np.asarray(truth))
                size = truth.width // SCALE, truth.height // SCALE
                write_image(lq / name, np.asarray(truth.resize(size, Image.Resampling.BICUBIC)))


def reduce(picture: Image.Image, short_side: int) -> Image.Image:
    """Make the ground truth: the shorter side at most this, both multiples of 4."""
    factor = max(1, min(picture.size) / short_side)
    width, height = (int(side / factor) // SCALE * SCALE for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def wheel_folder(package: str) -> Path:
    """Where an installed package has its files."""
    spec = find_spec(package)
    assert spec and spec.submodule_search_locations, package  # requirements/ have it
    return Path(spec.submodule_search_locations[0])


def _fetch_debian_packages(cache: Path) -> None:
    if shutil.which('apt-get') is None or shutil.which('dpkg-deb') is None:
        raise InputError("the demo's photographs come from Debian packages, and this machine has "
                         'no apt-get; name a folder of your own: tools/demo.sh --photographs DIR')
    # Lists of its own, so that it works without root and on a machine that never updated.
    lists, downloads = cache / 'lists', cache / 'packages'
    for folder in (lists / 'partial', downloads):
        folder.mkdir(parents=True, exist_ok=True)
    options = ['-q', '-o', f'Dir::State::Lists={lists.resolve()}',
               '-o', f'Dir::Cache={lists.resolve()}', '-o', 'Debug::NoLocking=1',
               '-o', 'APT::Sandbox::User=']
    _apt([*options, 'update'], cache)
    _apt([*options, 'download', *DEBIAN_PACKAGES], downloads)
    for package in downloads.glob('*.deb'):
        unpacked = cache / 'unpacked'
        subprocess.run(['dpkg-deb', '-x', package, unpacked], check=True)
        for path in unpacked.rglob('*.jpg'):
            if path.name in DEBIAN_PHOTOGRAPHS:
                path.replace(cache / path.name)
        shutil.rmtree(unpacked)


def _apt(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(['apt-get', *arguments], cwd=folder, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise InputError(f'apt-get {arguments[-1]} failed: {done.stderr.strip()}; name a folder '
                         'of photographs of your own: tools/demo.sh --photographs DIR')
