"""Run another project's script after `import mmdesra`: MMagic's tools, on packages of today.

  mmdesra run mmagic::tools/train.py my_config.py
  mmdesra run my_program.py --its-own-option

SCRIPT is a file, or one that an OpenMMLab package carries: mmagic::tools/train.py. MMagic's tools
import MMagic before they read a config; where that fails without what mmdesra mends, or where a
config inherits from mmdesra::..., they are started this way. `mmdesra enable-mim` makes it the
rule for all programs.
"""
from __future__ import annotations

import runpy
import sys
from pathlib import Path

from ..apis import command_line as cli
from ..compat import package_folder


def path_of(script: str) -> Path:
    """Find a script; SystemExit with what is wrong where there is none."""
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

    What it raises is its own affair, and so is how it logs.
    """
    if not sys.argv[1:2] or sys.argv[1].startswith('-'):  # else all options are the script's
        parser = cli.make_parser(__doc__, usage='%(prog)s SCRIPT [ARGUMENTS]')
        parser.parse_args()
        parser.error('expected a script')
    path = path_of(sys.argv[1])
    sys.argv = [str(path), *sys.argv[2:]]
    sys.path[0] = str(path.parent)
    runpy.run_path(str(path), run_name='__main__')
    return 0
