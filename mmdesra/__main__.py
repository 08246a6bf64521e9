"""Run another project's script after `import mmdesra`: ``python -m mmdesra SCRIPT [ARGUMENTS]``.

SCRIPT is a file, or one that an OpenMMLab package carries: ``mmagic::tools/train.py``. MMagic's
tools import MMagic before they read a config; where that fails without what `mmdesra.compat`
mends, or where a config inherits from ``mmdesra::...``, they are started this way.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from mmdesra.compat import package_folder


def path_of(script: str) -> Path:
    """Finds a script; SystemExit with what is wrong where there is none."""
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


def main() -> None:
    """Runs the script as Python would: its arguments in sys.argv, its folder in sys.path."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] in ('-h', '--help'):
        sys.stdout.write(__doc__)
        return
    path = path_of(sys.argv[1])
    sys.argv = [str(path), *sys.argv[2:]]
    sys.path[0] = str(path.parent)
    runpy.run_path(str(path), run_name='__main__')


if __name__ == '__main__':
    main()
