"""Files that are given as checkpoints and are something else: each is told by what is in it."""
from __future__ import annotations

import argparse
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from torch import nn

from mmdesra.generators import CheckpointError, load_weights, read_checkpoint

STATE = nn.Conv2d(3, 4, 3).state_dict()
SAFETENSORS = save(STATE)


def written(write, *arguments, **options) -> bytes:
    buffer = io.BytesIO()
    write(*arguments, buffer, **options)
    return buffer.getvalue()


ZIP = written(torch.save, STATE)
LEGACY = written(torch.save, STATE, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize('name', ['a.pth', 'a.ckpt', 'a.safetensors', 'a.bin', 'a.onnx', 'a'])
@pytest.mark.parametrize('content', [SAFETENSORS, ZIP, LEGACY],
                         ids=['safetensors', 'zip', 'legacy'])
def test_weights_are_read_whatever_they_are_called(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    network = nn.Conv2d(3, 4, 3)
    assert load_weights(network, tmp_path / name) == 'bare state dict'
    assert torch.equal(network.weight, STATE['weight'])


def packed(*names) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for name in names:
            archive.writestr(name, 'x')
    return buffer.getvalue()


def tarred(*names, mode='w') -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx(producer=b'pytorch', graph=300) -> bytes:
    """As onnx.proto has it: ir_version, producer_name, graph, opset_import."""
    who = message(2, producer) + message(3, b'2.1.0') if producer else b''
    return (b'\x08\x08' + who + message(7, message(2, b'main_graph') + b'\x01' * graph)
            + message(8, b'\x10\x11'))


def torchscript() -> bytes:
    return written(torch.jit.save, torch.jit.script(nn.Conv2d(3, 4, 3)))


def picture(kind) -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (4, 4)).save(buffer, kind)
    return buffer.getvalue()


POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:' + b'0' * 64
PAGE = b'<!DOCTYPE html>\n<html lang="en"><head><title>Sign in \xc2\xb7 Hub</title></head></html>'
DVC = b'outs:\n- md5: 0123\n  size: 67040989\n  path: net.pth\n'
S3 = b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>'
OPENVINO = b'<?xml version="1.0"?>\n<net name="x4" version="11"></net>'

KINDS = {
    'LFS': (POINTER + b'\nsize 67040989\n', 'pointer to a file of 67,040,989 bytes, not the'),
    'LFS, cut': (POINTER, 'is a Git LFS pointer, not the weights: run git lfs pull'),
    'git-annex': (b'/annex/objects/SHA256E-s67--0.pth\n', 'git-annex pointer.*git annex get'),
    'DVC': (DVC, 'is a DVC pointer, .*run dvc pull'),
    'page': (PAGE, r"is a web page \('Sign in . Hub'\), not the weights: .*download that again"),
    'page after space': (b'\xef\xbb\xbf \n\n<HTML><BODY>', 'is a web page, not the weights'),
    'page, Latin-1': ('<!doctype html><title>Zugriff gew\xe4hrt</title><html>'.encode('latin-1'),
                      r"is a web page \('Zugriff gew\xe4hrt'\)"),
    'page, Chinese': ('<html><meta charset=gbk><title>\u767b\u5f55</title></html>'.encode('gbk'),
                      r"is a web page \('\u767b\u5f55'\)"),
    'page, unknown': (b'<html><meta charset="nope">\xe4</html>', 'is a web page, not'),
    'page, 16 bits': ('<html><body>'.encode('utf-16'), 'is a web page'),
    'refusal': (b'{"error":"Invalid username or password."}',
                r"message of a server \('Invalid username or password.'\)"),
    'refusal, XML': (S3, r"message of a server \('AccessDenied'\)"),
    'refusal, text': (b'Entry not found', r"15 bytes \('Entry not found'\).*a server sent"),
    'index': (json.dumps(dict(weight_map=dict(a='1.safetensors'))).encode(), 'is the index of we'),
    'JSON': (b'{"architectures": ["Swin2SR"]}', 'is a JSON text, such as a config'),
    'broken JSON': (b'{"architectures": ', 'resembles JSON'),
    'config': (b"model = dict(type='SRGAN')\n", 'is a text .*such as a config'),
    'YAML': (b'name: train\nscale: 4\n', 'is a text .*such as a config'),
    'blank': (b' \n\t\n', 'only white space'),
    'ONNX': (onnx(), 'is an ONNX model, and no PyTorch weights; give its PyTorch weights'),
    'ONNX, cut': (onnx()[:80], 'is an ONNX model'),
    'ONNX, nameless': (onnx(producer=None), 'is an ONNX model'),
    'ONNX, nameless and cut': (onnx(producer=None, graph=9000)[:5000], 'is an ONNX model'),
    'TorchScript': (torchscript(), 'is a TorchScript archive'),
    'torch.package': (packed('x/.data/extern_modules', 'x/model/data.pkl'), 'a torch.package'),
    'torch.export': (packed('m/archive_format', 'm/data/x'), 'is a program of torch.export'),
    'Keras 3': (packed('config.json', 'model.weights.h5'), 'is a Keras model'),
    'HDF5': (b'\x89HDF\r\n\x1a\n' + bytes(90), 'is an HDF5 file.*mmdesra convert-keras-srgan'),
    'TFLite': (b'\x1c\0\0\0TFL3' + bytes(9), 'is a TensorFlow Lite model'),
    'TF index': (b'model_checkpoint_path: "model.ckpt-3"\n', 'TensorFlow model'),
    'OpenVINO': (OPENVINO, 'OpenVINO model'),
    'ncnn, description': (b'7767517\n75 83\nInput data 0 1 data\n', r'ncnn model \(\.param\)'),
    'ncnn, weights': (b'\x47\x6b\x30\x01' + bytes(range(99)), r'ncnn model \(\.bin\)'),
    'GGUF': (b'GGUF\3\0\0\0' + bytes(9), 'is a GGUF model'),
    'TensorRT': (b'ftrt\1\0', 'is a TensorRT engine'),
    'arrays': (written(lambda file: np.savez(file, a=np.ones(2))), r'NumPy arrays \(\.npz\)'),
    'array': (written(lambda file: np.save(file, np.ones(2))), r'NumPy array \(\.npy\)'),
    'zip': (packed('net/README', 'net/x4.pth'), 'is a ZIP archive .*; unpack it .*: net/x4.pth'),
    'zip of others': (packed('a.txt', 'b.txt'), 'it holds a.txt, b.txt'),
    'empty zip': (packed(), 'it holds nothing'),
    'tar': (tarred('x4.safetensors'), 'is a tar archive; unpack it .*: x4.safetensors'),
    'tar.gz': (tarred('x4.pth', mode='w:gz'), 'is compressed with gzip; unpack it'),
    'gzip': (gzip.compress(ZIP), 'is compressed with gzip'),
    'tar.xz': (tarred('x4.pth', mode='w:xz'), 'is compressed with xz'),
    'tar.bz2': (tarred('x4.pth', mode='w:bz2'), 'is compressed with bzip2'),
    '7z': (b'7z\xbc\xaf\x27\x1c\0\4', 'is a 7z archive'),
    'RAR': (b'Rar!\x1a\x07\1\0', 'is a RAR archive'),
    'PNG': (picture('PNG'), 'is a PNG image, and no weights'),
    'JPEG': (picture('JPEG'), 'is a JPEG image'),
    'macOS': (b'\x00\x05\x16\x07\x00\x02', r'what macOS keeps beside a file'),
    'pickle': (pickle.dumps(dict(a=np.ones(2))), 'is a Python pickle that torch.save did not'),
    'empty': (b'', r'is empty \(0 bytes\)'),
    'zeros': (bytes(9000), 'holds only zeros'),
    'zip, cut': (ZIP[:len(ZIP) // 2], 'its end is missing: its download or copy broke off'),
    'safetensors, cut': (SAFETENSORS[:-4], 'ends before its tensors do: it is cut short'),
    'safetensors, header cut': (SAFETENSORS[:40], 'ends in their header'),
    'safetensors, damaged': (struct.pack('<Q', 9) + b'{"a": 1,}', 'begins as safetensors, which'),
    'anything': (bytes(range(255, 99, -1)), 'safetensors .it begins with ff fe fd fc fb fa'),
}


@pytest.mark.parametrize('name', ['weights.pth', 'weights.safetensors', 'weights'])
@pytest.mark.parametrize('kind', KINDS)
def test_each_kind_has_its_sentence(tmp_path, kind, name):
    content, sentence = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf'{name}: .*{sentence}') as error:
        read_checkpoint(tmp_path / name)
    said = str(error.value)
    assert '\n' not in said and len(said) < 400 + len(str(tmp_path))
    assert not any(advice in said for advice in ('weights_only', 'trust', 'torch.load'))


@pytest.mark.parametrize('name, what', [
    ('a.pb', 'a TensorFlow model'), ('a.tflite', 'a TensorFlow Lite model'),
    ('a.onnx', 'an ONNX model'), ('a.engine', 'a TensorRT engine'), ('net.bin', 'an ncnn model')])
def test_what_has_no_marks_is_told_by_its_name(tmp_path, name, what):
    (tmp_path / name).write_bytes(b'\n\x20\n\x03abc' + bytes(range(128, 256)))
    (tmp_path / 'net.param').write_text('7767517\n')
    with pytest.raises(CheckpointError, match=f'{name}: is {what}, by its name'):
        read_checkpoint(tmp_path / name)


def test_a_pickle_that_is_also_a_tar_is_a_tar(tmp_path):
    """Before PyTorch 2.6 tars run pickles; it looks for them before it looks for a pickle."""
    content = bytearray(tarred('x' * 40, 'pickle', 'storages', 'tensors'))
    header = bytearray(content[:512])
    header[:len(LEGACY[:20])] = LEGACY[:20]
    header[148:156] = b' ' * 8
    header[148:156] = b'%06o\0 ' % sum(header)
    content[:512] = header
    (tmp_path / 'both.pth').write_bytes(content)
    assert tarfile.is_tarfile(tmp_path / 'both.pth')
    with pytest.raises(CheckpointError, match='the layout of before PyTorch 0.4'):
        read_checkpoint(tmp_path / 'both.pth')


class Secret:
    pass


@pytest.mark.parametrize('thing, name', [
    (argparse.Namespace(lr=1), 'argparse.Namespace'), (nn.ReLU(), 'torch.nn.modules'),
    (Path('/x'), r'pathlib\.'), (Secret(), 'test_file_kinds.Secret')])
@pytest.mark.parametrize('is_zip', [True, False])
def test_objects_besides_tensors_are_named(tmp_path, thing, name, is_zip):
    torch.save(dict(params=STATE, args=thing), tmp_path / 'objects.pth',
               _use_new_zipfile_serialization=is_zip)
    with pytest.raises(CheckpointError, match=rf'objects.pth: .*\(it names {name}') as error:
        read_checkpoint(tmp_path / 'objects.pth')
    said = str(error.value)
    assert 'Ask its author for a file of tensors alone' in said and '\n' not in said
    assert not any(advice in said for advice in ('weights_only', 'trust', 'torch.load'))


def test_plain_objects_besides_tensors_are_no_hindrance(tmp_path):
    torch.save(dict(params=STATE, epoch=3, best=np.float64(31.2), names=('a', 'b'), lr={1e-4},
                    optimizer=torch.optim.Adam(nn.Conv2d(1, 1, 1).parameters()).state_dict()),
               tmp_path / 'plain.pth')
    assert load_weights(nn.Conv2d(3, 4, 3), tmp_path / 'plain.pth') == 'BasicSR, params'
