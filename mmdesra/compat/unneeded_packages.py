"""Packages that MMagic and mmseg import but SR models never use, and whether they can be used."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.metadata
import importlib.util
import logging
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from .absence import Absence
from .asked_imports import AskedImport, imports_of_package
from .packages import package_folder

logger = logging.getLogger('mmdesra')

DIFFUSERS = "diffusers==0.24.0 'huggingface-hub<0.26'"
"""The last diffusers that has all that MMagic 1.2 imports, and the hub that this one needs."""
PACKAGES = {
    'mmagic': {
        'albumentations': 'albumentations',
        'click': 'click',
        'controlnet_aux': 'controlnet-aux',
        'diffusers': DIFFUSERS,
        'einops': 'einops',
        'huggingface_hub': 'huggingface-hub',
        'imageio': 'imageio',
        'lpips': 'lpips',
        'pandas': 'pandas',
        'requests': 'requests',
        'resize_right': 'resize-right',
        'transformers': 'transformers==4.39.3',
    },
    'mmseg': {
        'ftfy': 'ftfy',
        'regex': 'regex',
    },
}
"""{importing package: {imported package: arguments for ``pip install``}}"""
LISTED = {
    'diffusers.models': ('AutoencoderKL', 'ControlNetModel', 'UNet2DConditionModel'),
    'diffusers.pipelines': ('DiffusionPipeline',),
    'diffusers.schedulers': ('DDIMScheduler', 'DDPMScheduler'),
}
"""Modules whose classes MMagic registers one by one with `dir`. Their stand-ins list the classes
that MMagic's configs name, so that such a config raises the error that says what to install."""


@cache
def absence_of(package: str, importer: str) -> Absence | None:
    """Finds out whether a package can be used by the one that imports it.

    Args:
        package: A package of :data:`PACKAGES`.
        importer: The package that imports it.

    Returns:
        Why it cannot be used; None if it can.
    """
    install = PACKAGES[importer][package]
    if not is_there(package):
        found = Absence(package, install, listed=LISTED)
    else:
        reason = what_is_wrong(package, [
            item for item in imports_of_package(importer, tuple(PACKAGES[importer]))
            if item.package == package])
        if not reason:
            return None
        found = Absence(package, install, reason, version_of(package, install), LISTED)
    logger.debug('mmdesra.compat stands in for %s, which %s imports: %s', package, importer,
                 found.reason or 'it is not installed')
    return found


def is_there(package: str) -> bool:
    """Whether a package is installed, even if it cannot be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module in sys.modules without a spec
        return True


def what_is_wrong(package: str, asked: Iterable[AskedImport]) -> str:
    """Imports all that another package imports from a package.

    Returns:
        The first failure in words; empty if there is none.
    """
    # Modules without a file come first: they fail at once, the others may take seconds.
    for item in sorted(asked, key=lambda item: has_file(item.module)):
        try:
            module = builtins.__import__(item.module, fromlist=item.names or ('__name__',))
            for name in item.names:
                getattr(module, name)
        except Exception as error:  # noqa: BLE001  (a package may fail to import in any way)
            return f'{item.importer} imports {item.module}, and gets {in_a_line(error)}'
    for name in LISTED:
        if name.partition('.')[0] == package:
            try:
                module = importlib.import_module(name)
                for attribute in dir(module):
                    getattr(module, attribute)
            except Exception as error:  # noqa: BLE001  (the same)
                return f'MMagic goes through {name}, and gets {in_a_line(error)}'
    return ''


def has_file(module: str) -> bool:
    """Whether a module has a file where its name says; nothing is imported."""
    package, *parts = module.split('.')
    folder = package_folder(package)
    for part in parts:
        package = f'{package}.{part}'
        spec = folder and importlib.machinery.PathFinder.find_spec(package, [folder])
        if not spec or not spec.origin:
            return False
        folder = str(Path(spec.origin).parent)
    return True


def in_a_line(error: Exception) -> str:
    """Returns an error's type and text without line breaks."""
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text[:200]}'


def version_of(package: str, install: str) -> str:
    """Returns the installed version, by pip's metadata or the package's ``__version__``."""
    name = re.match(r'[\w-]+', install)
    assert name is not None
    try:
        return importlib.metadata.version(name[0])
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(package), '__dict__', {}).get('__version__', '0.0.0'))
