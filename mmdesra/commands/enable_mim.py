"""Let mim, and every program of this Python, import MMagic on current packages.

  mmdesra enable-mim
  mmdesra enable-mim --undo

You need this for `mim train mmagic`: it starts MMagic's own scripts, which import MMagic without
mmdesra; and for every mim command if mmdesra is installed in editable mode, which mim does not
find. If mmdesra was installed from a wheel, `mim train mmdesra`, `mim test mmdesra`, `mim run
mmdesra detect` and `mim download mmdesra` work without it.

This writes two small files into the environment. With them Python imports mmdesra first when a
program imports MMagic, and mim asks Python where a package is. No file of another package is
changed. --undo removes the two files; do so before you uninstall mmdesra.
Exit code: 0 = done, 1 = done, but mim does not start (it says why), 2 = nothing was written.
"""
from __future__ import annotations

import argparse
import py_compile
import site
import subprocess
import sys
import sysconfig
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from ..apis import command_line as cli
from ..errors import InputError
from ..files import write_text

HOOK = Path(__file__).with_name('_import_hook.py')
MODULE = '_mmdesra_import_hook'
START = f'import sys; exec("try:\\n import {MODULE}\\nexcept ImportError:\\n pass")\n'
"""The line of the ``.pth`` file, which Python runs at its start; a missing module is no error."""

NO_PACKAGES = ('mim does not start: it needs pkg_resources, which setuptools 81 has removed, and '
               'which in setuptools 60 does not run on Python after 3.11. What helps: '
               "pip install 'setuptools>=77.0.3,<81'")


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('--undo', action='store_true', help='remove the two files')
    return parser.parse_args()


def main() -> int:
    if parse_args().undo:
        return undo()
    print('written:', *write(), sep='\n  ')
    print('From now on a program of this Python that imports MMagic imports mmdesra first, and\n'
          'mim finds packages in editable mode. `mmdesra enable-mim --undo` removes the two\n'
          'files; do so before you uninstall mmdesra.')
    return look_at_mim()


def folders() -> list[Path]:
    """List the folders where Python reads ``.pth`` files: the environment's, then the user's."""
    found = [sysconfig.get_paths()['purelib']]
    if site.ENABLE_USER_SITE:
        found.append(site.getusersitepackages())
    return [Path(folder) for folder in found]


def files_in(folder: Path) -> tuple[Path, Path]:
    return folder / f'{MODULE}.py', folder / f'{MODULE}.pth'


def compiled_from(module: Path) -> Path:
    """Return the module's file of byte code, which Python usually writes itself."""
    return Path(cache_from_source(str(module)))


def write() -> tuple[Path, Path]:
    """Write the two files into the first folder that can be written.

    Raises:
        InputError: If there is none.
    """
    refusals = []
    for folder in folders():
        module, start = files_in(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_text(module, HOOK.read_text(encoding='utf-8'))
            py_compile.compile(str(module))  # else each start might compile it
            write_text(start, START)
        except (InputError, OSError) as error:
            refusals.append(str(error))
        else:
            return module, start
    raise InputError(f'{"; ".join(refusals)}. Expected a Python environment that you may write '
                     'to; use a virtual environment of your own')


def undo() -> int:
    there = [path for folder in folders() for path in files_in(folder) if path.exists()]
    for path in there:
        path.unlink()
        compiled_from(path).unlink(missing_ok=True)
    print(*(['removed:', *there] if there else ['nothing was enabled here']), sep='\n  ')
    return 0


def ask_mim() -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-W', 'ignore', '-m', 'mim', '--version'], check=False,
                          capture_output=True, text=True)


def look_at_mim() -> int:
    """Print whether mim starts, which also depends on other packages."""
    if find_spec('mim') is None:
        print('mim is not installed here: pip install openmim')
        return 0
    done = ask_mim()
    if done.returncode == 0:
        print(f'mim starts: {done.stdout.strip()}')
        return 0
    lines = done.stderr.strip().splitlines() or ['']
    print(NO_PACKAGES if 'pkg_resources' in done.stderr else f'mim does not start: {lines[-1]}')
    return cli.EXIT_SKIPPED
