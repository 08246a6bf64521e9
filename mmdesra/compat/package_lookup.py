"""mmengine's look-up of packages: without pkg_resources, and under other distributions' names."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from .packages import package_folder, replace_in


def mend_package_lookup() -> bool:
    """Symptom: ``No module named 'pkg_resources'``, or a package is there and not found.

    setuptools 81 dropped the module, and mmengine needs it for every `_base_ = 'package::...'`.
    And it asks for packages by the names of their distributions (mmsegmentation), where a fork has
    another name (onedl-mmsegmentation); what it does not find, `mmengine.hub` has pip install.
    Its two look-ups are answered by the standard library instead.
    """
    from mmengine.utils import package_utils
    if package_folder('pkg_resources') is not None and not any(missed_packages()):
        return False
    mended = False
    for replacement in (is_installed, get_installed_path):
        original = getattr(package_utils, replacement.__name__)
        if original is not replacement:
            replace_in('mmengine', original, replacement)
            mended = True
    return mended


def missed_packages() -> Iterator[str]:
    """Gives the packages of mmengine's list that are there under another distribution's name."""
    from mmengine.config.utils import MODULE2PACKAGE
    for module, distribution in MODULE2PACKAGE.items():
        if (module != distribution and package_folder(module) and has_no_metadata(distribution)
                and not package_folder(distribution)):  # ours is the name of a module
            yield distribution


def has_no_metadata(distribution: str) -> bool:
    """Whether no distribution of this name is installed."""
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return True
    return False


def is_installed(package: str) -> bool:
    """Whether a distribution or, failing that, an importable package has this name."""
    return not has_no_metadata(package) or find_folder(package) is not None


def get_installed_path(package: str) -> str:
    """Finds the folder of a package by its module's or its distribution's name.

    Raises:
        ModuleNotFoundError: Nothing of that name is installed.
    """
    folder = find_folder(package)
    if folder is None:
        raise ModuleNotFoundError(
            f'Expected {package} to have an importable package, but found none')
    return folder


def find_folder(package: str) -> str | None:
    """Finds a package by its own name, its distribution's, or the one mmengine has for that."""
    from mmengine.config.utils import MODULE2PACKAGE
    names = [package]
    if not has_no_metadata(package):  # such as `mmsegmentation`, whose module is `mmseg`
        names += (importlib.metadata.distribution(package).read_text('top_level.txt')
                  or '').split()
    names += [module for module, name in MODULE2PACKAGE.items() if name == package]
    return next(filter(None, map(package_folder, names)), None)
