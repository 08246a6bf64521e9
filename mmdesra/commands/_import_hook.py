"""Written by `mmdesra enable-mim`; `mmdesra enable-mim --undo` removes it.

Imports mmdesra, which mends what today's libraries break in MMagic, when a program imports MMagic;
and lets mim find packages that are installed in editable mode. Any other program only pays for the
reading of this file, which therefore imports nothing that Python has not imported already.
"""
import os
import sys


class ImportHook:
    """Looks at what is imported, and finds nothing of its own."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Do what is to be done before a module is imported; None: others have to find it."""
        if name == 'mmagic':
            import_mmdesra()
        elif name == 'mim.utils.utils':
            return find_utilities_of_mim(name, path)
        return None


def import_mmdesra() -> None:
    """Mend, unless mmdesra is not installed any more."""
    from importlib.util import find_spec
    if 'mmdesra' not in sys.modules and find_spec('mmdesra') is not None:
        import mmdesra
        mmdesra.prepare()


def find_utilities_of_mim(name, path):  # type: ignore[no-untyped-def]
    """Find mim's module for look-ups, and let it look further as soon as it is imported."""
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
    """Make mim's `get_installed_path` ask Python, too: editable packages lie where they like."""
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
