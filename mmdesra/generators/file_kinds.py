"""What kind of file is given as a checkpoint, told by its content and never by its name."""
from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO

from .text_kinds import explain_text, is_text

SAFETENSORS = 'safetensors'
PYTORCH = 'PyTorch'

HEAD = 4096
MAX_HEADER = 100_000_000
"""Bytes that the header of safetensors may have, as their own library has it."""
MAX_LISTED = 5
"""Files in a folder or an archive that a message lists."""

WEIGHT_SUFFIXES = ('.pth', '.pt', '.ckpt', '.safetensors', '.bin')
ZIP = b'PK\x03\x04', b'PK\x05\x06'
PICKLE = b'\x80'
LEGACY_MARK = b'\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'
"""The number that torch.save began with before it wrote zips, as a pickle of its own."""
OLD_TAR = {'pickle', 'storages', 'tensors'}

WANTED = 'give its PyTorch weights instead (.pth or .safetensors)'
KERAS = 'or convert it with `mmdesra convert-keras-srgan`, if it is an SRGAN of Keras'
UNPACK = 'unpack it and give the file of weights that is in it'
FETCH = 'fetch the file again'
ASK = 'Ask its author for a file of tensors alone (a state dict, or safetensors)'
NO_CODE = ('it is damaged, or holds Python objects besides tensors, which are not loaded because '
           f'that would run code from the file. {ASK}')

MAGIC = (
    (0, b'\x89HDF\r\n\x1a\n', f'is an HDF5 file, and no PyTorch weights; {WANTED}, {KERAS}'),
    (0, b'GGUF', f'is a GGUF model, and no PyTorch weights; {WANTED}'),
    (4, b'TFL3', f'is a TensorFlow Lite model, and no PyTorch weights; {WANTED}'),
    (4, b'ET12', f'is an ExecuTorch program, and no PyTorch weights; {WANTED}'),
    (4, b'PTMF', f'is a TorchScript program for mobile devices, and no weights; {WANTED}'),
    (0, b'ftrt', f'is a TensorRT engine, and no PyTorch weights; {WANTED}'),
    (0, b'\x93NUMPY', f'is a NumPy array (.npy), and no PyTorch weights; {WANTED}'),
    (0, b'MATLAB 5.0 MAT', f'is a MATLAB file, and no PyTorch weights; {WANTED}'),
    (0, b'\x1f\x8b', f'is compressed with gzip; {UNPACK}'),
    (0, b'BZh', f'is compressed with bzip2; {UNPACK}'),
    (0, b'\xfd7zXZ\x00', f'is compressed with xz; {UNPACK}'),
    (0, b'\x28\xb5\x2f\xfd', f'is compressed with zstd; {UNPACK}'),
    (0, b'\x04\x22\x4d\x18', f'is compressed with lz4; {UNPACK}'),
    (0, b'7z\xbc\xaf\x27\x1c', f'is a 7z archive; {UNPACK}'),
    (0, b'Rar!\x1a\x07', f'is a RAR archive; {UNPACK}'),
    (0, b'\x89PNG', 'is a PNG image, and no weights'),
    (0, b'\xff\xd8\xff', 'is a JPEG image, and no weights'),
    (0, b'GIF8', 'is a GIF image, and no weights'),
    (8, b'WEBP', 'is a WebP image, and no weights'),
    (0, b'II*\x00', 'is a TIFF image, and no weights'),
    (0, b'MM\x00*', 'is a TIFF image, and no weights'),
    (0, b'%PDF', 'is a PDF document, and no weights'),
    (0, b'SQLite format 3', 'is an SQLite database, and no weights'),
    (0, b'\x7fELF', 'is a program, and no weights'),
    (0, b'MZ', 'is a program, and no weights'),
    (0, b'\x00\x05\x16\x07', 'is what macOS keeps beside a file; give the file without ._'),
    *((0, flag, f'holds the weights of an ncnn model (.bin), which PyTorch cannot read; {WANTED}')
      for flag in (b'\x47\x6b\x30\x01', b'\x38\x4b\x0d\x00', b'\x56\xc0\x02\x00')),
)
"""Place, bytes, and what they say; ncnn's are the marks of half precision, int8 and single."""

BY_SUFFIX = {
    '.onnx': 'an ONNX model', '.pb': 'a TensorFlow model', '.tflite': 'a TensorFlow Lite model',
    '.index': 'a TensorFlow checkpoint', '.data-00000-of-00001': 'a TensorFlow checkpoint',
    '.engine': 'a TensorRT engine', '.trt': 'a TensorRT engine', '.mlmodel': 'a Core ML model',
    '.msgpack': 'a Flax model', '.mnn': 'an MNN model', '.dlc': 'a Qualcomm model',
    '.pdiparams': 'a PaddlePaddle model',
}
"""What a file that has no marks is by its name."""

ONNX_FIELDS = {*range(1, 10), 14, 20, 25, 26}
"""Of the message ModelProto in onnx.proto; 1 is the version, 7 the graph."""
ONNX_VERSION, ONNX_GRAPH = (1, 0), (7, 2)
MAX_PRODUCER = 64
"""Letters in the name of the program that wrote an ONNX model."""
MAX_VARINT = 63
"""Bits of a number in a protocol buffer, all of them positive here."""


class ForeignFileError(ValueError):
    """A file that holds no weights that can be read; the message says what it is instead."""


def weights_format(path: Path) -> str:
    """Return :data:`SAFETENSORS` or :data:`PYTORCH`.

    Raises:
        ForeignFileError: If it is neither. The message continues "PATH: ".
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        head = file.read(HEAD)
    if not size:
        raise ForeignFileError(f'is empty (0 bytes); its download or copy broke off, {FETCH}')
    if _is_safetensors(head, size):
        return SAFETENSORS
    if head.startswith(ZIP):
        _refuse_other_zip(path)
        return PYTORCH
    names = _names_in_tar(path)  # also one that begins as a pickle does: PyTorch looks here first
    if names:
        raise ForeignFileError(_explain_tar(names))
    if head.startswith(PICKLE) and LEGACY_MARK in head[:32]:
        return PYTORCH
    raise ForeignFileError(_explain(path, head, size))


def describe_folder(path: Path) -> str:
    """Return what to do where a folder is given as a checkpoint."""
    names = sorted(file.name for file in path.iterdir() if file.suffix in WEIGHT_SUFFIXES)
    return ('no such checkpoint file: it is a folder'
            + (f'; give one of the files in it: {_list(names)}' if names else ''))


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], 'little')
    if head[8:9] != b'{' or not 2 <= length <= MAX_HEADER:
        return False
    if length > size - 8:
        raise ForeignFileError('begins as safetensors and ends in their header: its download or '
                               f'copy broke off, {FETCH}')
    return True


def _refuse_other_zip(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise ForeignFileError('begins as a ZIP archive, as torch.save writes it, and its end is '
                               f'missing: its download or copy broke off, {FETCH}')
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith('/')]
    explanation = _explain_zip(names)
    if explanation:
        raise ForeignFileError(explanation)


def _explain_zip(names: list[str]) -> str | None:
    last = {name.rpartition('/')[2] for name in names}
    if 'constants.pkl' in last or any('/code/' in f'/{name}' for name in names):
        return f'is a TorchScript archive, a program and no weights alone; {WANTED}'
    if 'extern_modules' in last:
        return f'is a torch.package archive, a program and no weights alone; {WANTED}'
    if last & {'serialized_exported_program.json', 'archive_format'}:
        return f'is a program of torch.export, and no weights alone; {WANTED}'
    if 'data.pkl' in last:
        return None
    if 'model.weights.h5' in last:
        return f'is a Keras model, and no PyTorch weights; {WANTED}'
    if names and all(name.endswith('.npy') for name in names):
        return f'is an archive of NumPy arrays (.npz), and no PyTorch weights; {WANTED}'
    return f'is a ZIP archive and not one of torch.save; {_inside(names)}'


def _inside(names: list[str]) -> str:
    weights = [name for name in names if name.endswith(WEIGHT_SUFFIXES)]
    if weights:
        return f'{UNPACK}: {_list(weights)}'
    return f'it holds {_list(names)}' if names else 'it holds nothing'


def _explain(path: Path, head: bytes, size: int) -> str:
    for place, mark, explanation in MAGIC:
        if head[place:place + len(mark)] == mark:
            return explanation
    if is_text(head):
        return explain_text(path, head, size)
    if head.startswith(PICKLE) and head[1:2] <= b'\x05':
        writer = ' of PaddlePaddle' if path.suffix == '.pdparams' else ''
        return f'is a Python pickle{writer} that torch.save did not write: {NO_CODE}'
    if not any(head):
        return f'holds only zeros where a file of weights begins; its download broke off, {FETCH}'
    if _is_onnx(path, head, size):
        return f'is an ONNX model, and no PyTorch weights; {WANTED}'
    by_name = BY_SUFFIX.get(path.suffix.lower())
    if path.suffix == '.bin' and path.with_suffix('.param').is_file():
        by_name = 'an ncnn model'
    if by_name:
        return f'is {by_name}, by its name, and no PyTorch weights; {WANTED}'
    return (f'is no file of torch.save and no safetensors (it begins with '
            f'{head[:8].hex(" ")}); it is of another kind, or damaged')


def _explain_tar(names: list[str]) -> str:
    if OLD_TAR <= {*names}:
        # Before PyTorch 2.6 such a file runs its pickles, whatever was asked for.
        return f'is in the layout of before PyTorch 0.4, which is not read. {ASK}'
    return f'is a tar archive; {_inside(names)}'


def _names_in_tar(path: Path) -> list[str]:
    """Return the first names in a tar archive; none if it is no tar."""
    names: list[str] = []
    try:
        with tarfile.open(path, 'r:') as archive:
            while len(names) < 2 * MAX_LISTED:
                member = archive.next()
                if member is None:
                    break
                names.append(member.name)
    except (tarfile.TarError, ValueError, OSError):
        pass  # at its beginning: no tar; later on: a damaged one
    return names


def _is_onnx(path: Path, head: bytes, size: int) -> bool:
    """Whether the file is a protocol buffer with the fields of an ONNX model."""
    if head[:1] == b'\x08' and head[2:3] == b'\x12':  # a version, and who wrote it
        producer = head[4:4 + head[3]]
        if 0 < head[3] < MAX_PRODUCER and producer.isascii() and producer.decode().isprintable():
            return True
    fields = set()
    with path.open('rb') as file:
        while file.tell() < size:  # one that is cut short ends in its graph, beyond the end
            field, kind = divmod(_read_varint(file), 8)
            if field not in ONNX_FIELDS or kind not in (0, 2):
                return False
            fields.add((field, kind))
            value = _read_varint(file)
            if kind == 2:
                file.seek(value, 1)
    return {ONNX_VERSION, ONNX_GRAPH} <= fields


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for place in range(0, MAX_VARINT, 7):
        [byte] = file.read(1) or b'\0'
        value |= (byte & 0x7f) << place
        if byte < 0x80:
            break
    return value


def _list(names: list[str]) -> str:
    rest = len(names) - MAX_LISTED
    return ', '.join(names[:MAX_LISTED]) + (f' and {rest} more' if rest > 0 else '')
