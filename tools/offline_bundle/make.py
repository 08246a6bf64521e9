"""Make one archive that installs mmdesra where no package index can be reached.

  bash tools/make_offline_bundle.sh --python 3.12 --numpy 2.5 --torch 2.11 --have pip_list.txt

The archive has wheels of mmdesra and of what it needs beyond what the node has, install.sh, which
touches no index, MANIFEST.md, which names all with versions, sha256 and licences, and check_gpu/
with the GPU check and its tests. On the node:

  tar xzf mmdesra-….tar.gz && bash mmdesra-…/install.sh
"""
from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from contents import EXTRAS, USUAL, Contents, ContentsError, choose, read_pins
from have import HaveError, read_have
from manifest import write_manifest
from wheels import WheelError, build_wheel, describe_wheel, download, sha256_of

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = Path(__file__).resolve().parent
SCRIPTS = ('install.sh', 'install.py', 'names.py', 'smoke_test.py')
CHECK_GPU = ('tools/check_gpu.py', 'tools/gpu_checks', 'tools/benchmarks/harness',
             'tools/benchmarks/benchmark_finetuning.py', 'tests/test_cuda', 'tests/toys.py',
             'tests/toy_training.py')
LIMIT_MIB = 40
MIB = 2**20


def parse_args() -> argparse.Namespace:
    here = f'{sys.version_info[0]}.{sys.version_info[1]}'
    parser = argparse.ArgumentParser(
        prog='make_offline_bundle.sh', description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--python', default=here, metavar='X.Y',
                        help="the node's Python (default: this one's, %(default)s)")
    parser.add_argument('--platform', default='manylinux_2_28_x86_64', metavar='TAG',
                        help='the newest tag of wheels that the node takes, as "pip debug '
                        '--verbose" lists them there (default: %(default)s)')
    parser.add_argument('--numpy', metavar='X.Y', help="the node's NumPy, such as 2.5")
    parser.add_argument('--torch', metavar='X.Y', help="the node's PyTorch, such as 2.11: decides "
                        'the torchvision (default: what --have says)')
    parser.add_argument('--have', type=Path, metavar='FILE',
                        help='what "pip list" prints on the node, in any of its formats; what is '
                        f'in it is left out (default: {", ".join(USUAL)})')
    parser.add_argument('--with', dest='extras', nargs='+', choices=EXTRAS, default=[],
                        metavar='EXTRA', help=f'of {", ".join(EXTRAS)}: bundle these, too '
                        '(tests are, unless --without tests)')
    parser.add_argument('--without', nargs='+', choices=EXTRAS, default=[], metavar='EXTRA',
                        help='likewise: leave out')
    parser.add_argument('--add', nargs='+', type=Path, default=[], metavar='PATH',
                        help='files and folders to carry along, such as weights and images')
    parser.add_argument('--list', type=Path, default=CHECKOUT / 'requirements/runtime.txt',
                        metavar='FILE', help='versions (default: requirements/runtime.txt)')
    parser.add_argument('--out', type=Path, default=Path(), metavar='DIR',
                        help='where the archive goes (default: here)')
    args = parser.parse_args()
    for name in ('python', 'numpy', 'torch'):
        value = getattr(args, name)
        if value is not None and not re.fullmatch(r'\d+\.\d+(\.\d+)?([.+]?\w*)*', value):
            parser.error(f'--{name}: expected a version such as 3.12, got {value!r}')
    args.python = '.'.join(args.python.split('.')[:2])
    for path in args.add:
        if not path.exists():
            parser.error(f'--add {path}: no such file or folder')
    return args


def make_bundle(args: argparse.Namespace) -> Path:
    """Make the archive and return its path."""
    extras = {'tests', *args.extras} - set(args.without)
    have = None if args.have is None else read_have(args.have)
    if have is not None:  # what is said on the command line goes first
        args.torch, args.numpy = args.torch or have.get('torch'), args.numpy or have.get('numpy')
    lists = [CHECKOUT / f'requirements/{name}.txt' for name in ('tests', 'demo')]
    contents = choose(read_pins(args.list), read_pins(*lists), have, extras, args.numpy,
                      args.torch)
    with TemporaryDirectory() as scratch:
        wheels = Path(scratch, 'wheels')
        wheels.mkdir()
        print('wheel of the checkout …', flush=True)
        build_wheel(CHECKOUT, wheels)
        version = str(describe_wheel(next(wheels.iterdir()))['version'])
        print(f'wheels of {len(contents.wanted)} packages for Python {args.python} on '
              f'{args.platform} …', flush=True)
        download(contents.wanted, wheels, args.python, args.platform)
        name = f'mmdesra-{version}-cp{args.python.replace(".", "")}-{args.platform}'
        folder = Path(scratch, name)
        fill_folder(folder, wheels, args, contents)
        args.out.mkdir(parents=True, exist_ok=True)
        archive = args.out / f'{name}.tar.gz'
        partial = archive.with_name(f'.{archive.name}.partial')
        try:
            with tarfile.open(partial, 'w:gz') as file:
                file.add(folder, name)
            partial.replace(archive)
        finally:
            partial.unlink(missing_ok=True)
        added = sum(path.stat().st_size for path in (folder / 'added').rglob('*')
                    if path.is_file())
        tell(archive, contents, added, folder)
    return archive


def fill_folder(folder: Path, wheels: Path, args: argparse.Namespace,
                contents: Contents) -> None:
    """Lay out what the archive holds."""
    folder.mkdir()
    shutil.move(str(wheels), folder / 'wheels')
    (folder / 'parts').mkdir()
    for script in SCRIPTS:
        target = folder if script == 'install.sh' else folder / 'parts'
        shutil.copy(OURS / script, target)
    shutil.copy(CHECKOUT / 'LICENSE', folder)
    for path in CHECK_GPU:
        copy_into(CHECKOUT / path, folder / 'check_gpu' / path)
    for path in args.add:
        target = folder / 'added' / path.resolve().name
        if target.exists():
            raise ContentsError(f'--add {path}: another one has this name')
        copy_into(path, target)
    added = {path.relative_to(folder).as_posix(): sha256_of(path)
             for path in sorted((folder / 'added').rglob('*')) if path.is_file()}
    packages = [describe_wheel(path) for path in sorted((folder / 'wheels').iterdir())]
    write_manifest(folder, dict(
        made=datetime.now(timezone.utc).isoformat(timespec='seconds'), commit=commit_of(CHECKOUT),
        python=args.python, platform=args.platform, numpy=args.numpy, torch=args.torch,
        packages=packages, counted_on=contents.there, left_out=contents.left_out, added=added))


def copy_into(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
    else:
        shutil.copy(source, target)


def commit_of(checkout: Path) -> str:
    """Return the commit that is bundled, and whether files differ from it; '' outside git."""
    def git(*arguments: str) -> str:
        done = subprocess.run(['git', '-C', str(checkout), *arguments], text=True,
                              capture_output=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ''
    try:
        commit = git('rev-parse', 'HEAD')
        return commit + (' with changes' if commit and git('status', '--porcelain') else '')
    except OSError:
        return ''


def tell(archive: Path, contents: Contents, added: int, folder: Path) -> None:
    """Say how large it is, and what is not in it."""
    size = archive.stat().st_size / MIB
    wheels = sum(path.stat().st_size for path in (folder / 'wheels').iterdir()) / MIB
    print(f'{archive}: {size:.1f} MiB, of which wheels {wheels:.1f} MiB'
          + (f', added files {added / MIB:.1f} MiB before they were packed' if added else ''))
    for extra, missing in contents.left_out.items():
        print(f'not in it (--with {extra}): {missing}')
    if wheels > LIMIT_MIB:
        print(f'note: more than {LIMIT_MIB} MiB of wheels; --have FILE leaves out what the node '
              'has')


def main() -> int:
    args = parse_args()
    try:
        make_bundle(args)
    except (ContentsError, HaveError, WheelError, OSError) as error:
        print('error:', *str(error).splitlines(), file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
