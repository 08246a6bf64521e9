"""Written by `mmdesra enable-mim`; `mmdesra enable-mim --undo` removes it.

When a program imports MMagic, this imports mmdesra first, with which MMagic runs on current
packages. It also lets mim find packages that are installed in editable mode. Every other program
only reads this file at its start, so the file imports nothing that Python has not imported before.
"""
import os
import sys


class ImportHook:
    """Watches imports, without finding modules itself."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Act before the import of MMagic or mim; None leaves finding the module to others."""
        if name == 'mmagic':
            import_mmdesra()
        elif name == 'mim.utils.utils':
            return find_utilities_of_mim(name, path)
        return None


def import_mmdesra() -> None:
    """Import mmdesra, unless it has been uninstalled."""
    from importlib import import_module
    from importlib.util import find_spec
    if 'mmdesra' not in sys.modules and find_spec('mmdesra') is not None:
        import_module('mmdesra').prepare()


def find_utilities_of_mim(name, path):  # type: ignore[no-untyped-def]
    """Find mim's module of look-ups, and patch it as soon as it is imported."""
    from importlib.machinery import PathFinder
    spec = PathFinder.find_spec(name, path)
    if spec is not None and spec.loader is not None:
        execute = spec.loader.exec_module

        def execute_and_mend(module):  # type: ignore[no-untyped-def]
            execute(module)
            module.get_installed_path = look_further(module)

        spec.loader.exec_module = execute_and_mend  # type: ignore[method-assign]
    return spec


def look_further(module):  # type: ignore[no-untyped-def]
    """Make mim's `get_installed_path` ask Python, too, which finds editable packages."""
    original = module.get_installed_path

    def get_installed_path(package: str) -> str:
        """Find the folder of a package."""
        from importlib.util import find_spec
        path = original(package)
        if not os.path.exists(path):  # noqa: PTH110
            spec = find_spec(module.package2module(package))
            if spec is not None and spec.origin:
                return os.path.dirname(spec.origin)  # noqa: PTH120
        return path

    return get_installed_path


sys.meta_path.insert(0, ImportHook())  # type: ignore[arg-type]
