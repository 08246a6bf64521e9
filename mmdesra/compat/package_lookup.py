"""mmengine's look-up of installed packages, without pkg_resources and with names of forks."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from .packages import package_folder, replace_in


def mend_package_lookup() -> bool:
    """Symptom: ``No module named 'pkg_resources'``, or an installed package is not found.

    mmengine needs pkg_resources for every `_base_ = 'package::...'`, and setuptools 81 removed it.
    mmengine also looks packages up by the name of their distribution (mmsegmentation), which in a
    fork is another one (onedl-mmsegmentation); `mmengine.hub` then installs the package once more
    with pip. Both look-ups are replaced by ones that use the standard library.
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
    """Yields the packages of mmengine's list that another distribution (a fork) provides."""
    from mmengine.config.utils import MODULE2PACKAGE
    for module, distribution in MODULE2PACKAGE.items():
        if (module != distribution and package_folder(module) and has_no_metadata(distribution)
                and not package_folder(distribution)):  # as our own entry is
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
        ModuleNotFoundError: If nothing with this name is installed.
    """
    folder = find_folder(package)
    if folder is None:
        raise ModuleNotFoundError(
            f'Expected {package} to have an importable package, but found none')
    return folder


def find_folder(package: str) -> str | None:
    """Finds a package by its module's name, its distribution's, or mmengine's name for it."""
    from mmengine.config.utils import MODULE2PACKAGE
    names = [package]
    if not has_no_metadata(package):  # such as `mmsegmentation`, whose module is `mmseg`
        names += (importlib.metadata.distribution(package).read_text('top_level.txt')
                  or '').split()
    names += [module for module, name in MODULE2PACKAGE.items() if name == package]
    return next(filter(None, map(package_folder, names)), None)
