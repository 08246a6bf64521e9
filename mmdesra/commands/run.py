"""Run another project's script after `import mmdesra`: MMagic's tools, on current packages.

  mmdesra run mmagic::tools/train.py my_config.py
  mmdesra run my_program.py --its-own-option

SCRIPT is a file, or a script of an OpenMMLab package: mmagic::tools/train.py. Start MMagic's tools
this way if they cannot import MMagic on the packages installed here, or if their config inherits
from mmdesra::.... `mmdesra enable-mim` does the same for all programs of this Python.
"""
from __future__ import annotations

import runpy
import sys
from pathlib import Path

from ..apis import command_line as cli
from ..compat import package_folder


def path_of(script: str) -> Path:
    """Return the path of a script; exits with a message if there is none."""
    package, separator, name = script.partition('::')
    path = Path(script)
    if separator:
        folder = package_folder(package)
        if folder is None:
            sys.exit(f'{script}: the package {package!r} is not installed')
        path = Path(folder) / '.mim' / name
    if not path.is_file():
        sys.exit(f'{path}: expected a Python script, found no file')
    return path


def main() -> int:
    """Run the script as Python would: its arguments in sys.argv, its folder in sys.path.

    Errors that the script raises are not caught, and logging is not set up.
    """
    if not sys.argv[1:2] or sys.argv[1].startswith('-'):  # otherwise all options are the script's
        parser = cli.make_parser(__doc__, usage='%(prog)s SCRIPT [ARGUMENTS]')
        parser.parse_args()
        parser.error('expected a script')
    path = path_of(sys.argv[1])
    sys.argv = [str(path), *sys.argv[2:]]
    sys.path[0] = str(path.parent)
    runpy.run_path(str(path), run_name='__main__')
    return 0
