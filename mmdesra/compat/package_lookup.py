"""mmengine without pkg_resources."""

from __future__ import annotations

import importlib.metadata

from .packages import package_folder, replace_in


def mend_package_lookup() -> bool:
    """Symptom: ``No module named 'pkg_resources'`` from `mmengine.utils.get_installed_path`.

    setuptools 81 dropped the module. mmengine needs it for every `_base_ = 'package::...'`; here
    its two look-ups are answered by the standard library instead.
    """
    if package_folder('pkg_resources') is not None:
        return False
    from mmengine.utils import package_utils
    mended = False
    for replacement in (is_installed, get_installed_path):
        original = getattr(package_utils, replacement.__name__)
        if original is not replacement:
            replace_in('mmengine', original, replacement)
            mended = True
    return mended


def is_installed(package: str) -> bool:
    """Whether a distribution or, failing that, an importable package has this name."""
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return package_folder(package) is not None
    return True


def get_installed_path(package: str) -> str:
    """Finds the folder of a package by its module's or its distribution's name.

    Raises:
        ModuleNotFoundError: Nothing of that name is installed.
    """
    folder = package_folder(package)
    if folder is None:  # such as `mmsegmentation`, whose module is `mmseg`
        text = importlib.metadata.distribution(package).read_text('top_level.txt') or ''
        folder = next(filter(None, map(package_folder, text.split())), None)
    if folder is None:
        raise ModuleNotFoundError(
            f'Expected {package} to have an importable package, but found none')
    return folder
