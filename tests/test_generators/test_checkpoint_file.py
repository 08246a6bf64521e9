"""What a checkpoint must not be made of: it is told before anything of it is unpacked."""
from __future__ import annotations

import io
import pickle
import tarfile
import zipfile

import pytest
import torch

from mmdesra.generators import CheckpointError, load_weights, read_checkpoint

STATE = torch.nn.Conv2d(3, 12, 3).state_dict()


class Call:
    """Unpickled, it calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def save(path, content, **options):
    torch.save(content, path, **options)
    return path


def pack(path, content):
    """As torch.save, the records deflated."""
    source = io.BytesIO()
    torch.save(content, source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return path


def test_a_zip_that_unpacks_to_much_is_refused_with_the_limit(tmp_path):
    path = pack(tmp_path / 'bomb.pth', dict(STATE, extra=torch.zeros(5 * 2**22)))
    assert path.stat().st_size < 2**20
    with pytest.raises(CheckpointError, match='bomb.pth: .* would unpack to 80 MiB, .* limit is '
                                              '6. MiB: 10 times the file and 64 MiB'):
        read_checkpoint(path)


def test_a_deflated_checkpoint_of_a_usual_size_is_read(tmp_path):
    path = pack(tmp_path / 'small.pth', STATE)
    assert read_checkpoint(path).keys() == STATE.keys()


def test_few_values_shown_as_many_are_refused(tmp_path):
    path = save(tmp_path / 'wide.pth', dict(params=dict(STATE, x=torch.zeros(1).expand(2**40))))
    with pytest.raises(CheckpointError, match='wide.pth: .* would unpack to 4,194,304 MiB'):
        read_checkpoint(path)


@pytest.mark.parametrize('is_zip', [True, False])
def test_what_asks_for_all_memory_is_refused(tmp_path, is_zip):
    path = save(tmp_path / 'hungry.pth', dict(STATE, x=Call(bytearray, 2**45)),
                _use_new_zipfile_serialization=is_zip)
    with pytest.raises(CheckpointError, match='hungry.pth: .*asks for a bytearray'):
        read_checkpoint(path)


@pytest.mark.parametrize('with_checksums', [True, False])
def test_a_flipped_bit_is_noticed_by_the_checksum(tmp_path, with_checksums):
    """PyTorch itself does not look at it, and may be told to write none."""
    option = getattr(torch.serialization, 'set_crc32_options', None)
    if option is None and not with_checksums:
        pytest.skip('this PyTorch always writes checksums')
    if option:
        option(with_checksums)
    try:
        path = save(tmp_path / 'flipped.pth', STATE)
    finally:
        if option:
            option(True)
    assert torch.equal(read_checkpoint(path)['weight'], STATE['weight'])
    content = bytearray(path.read_bytes())
    content[content.find(STATE['weight'].numpy().tobytes()) + 2] ^= 1
    path.write_bytes(content)
    assert not torch.equal(torch.load(path, weights_only=True)['weight'], STATE['weight'])
    if with_checksums:
        with pytest.raises(CheckpointError, match='flipped.pth: .*damaged.*CRC'):
            read_checkpoint(path)
    else:
        read_checkpoint(path)


def test_the_tar_layout_is_refused(tmp_path):
    """Before PyTorch 2.6 its pickles are run, whatever is asked for (CVE-2025-32434)."""
    data = pickle.dumps(Call(open, str(tmp_path / 'canary'), 'w'), 2)
    with tarfile.open(tmp_path / 'old.pth', 'w') as archive:
        for name in ('sys_info', 'pickle', 'storages', 'tensors'):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(CheckpointError, match='old.pth: .*the layout of before PyTorch 0.4'):
        read_checkpoint(tmp_path / 'old.pth')
    assert not (tmp_path / 'canary').exists()


@pytest.mark.parametrize('name, value, message', [
    ('weight', float('nan'), 'holds NaN or infinity in weight; its training diverged'),
    ('bias', float('-inf'), 'holds NaN or infinity in bias; its training diverged')])
def test_weights_that_are_no_numbers_are_refused(tmp_path, name, value, message):
    state = {key: tensor.clone() for key, tensor in STATE.items()}
    state[name].view(-1)[1] = value
    network = torch.nn.Conv2d(3, 12, 3)
    before = network.bias.clone()
    with pytest.raises(CheckpointError, match=f'diverged.pth .bare state dict.: {message}'):
        load_weights(network, save(tmp_path / 'diverged.pth', state))
    assert torch.equal(network.bias, before)


def test_infinities_that_the_network_is_built_with_are_no_damage(tmp_path):
    network = torch.nn.Conv2d(3, 12, 3)
    network.register_buffer('mask', torch.tensor([0., -torch.inf]))
    load_weights(network, save(tmp_path / 'masked.pth', network.state_dict()))


@pytest.mark.parametrize('change, message', [
    (lambda weight: weight.to(torch.int8), r'int8 instead of float32'),
    (lambda weight: weight.to(torch.complex64), r'complex64 instead of float32'),
    (lambda weight: weight > 0, r'bool instead of float32'),
    (lambda weight: weight.to_sparse(), r'float32, sparse_coo instead of float32'),
    (lambda weight: weight.to('meta'), r'float32 without values instead of float32')])
def test_weights_of_another_type_are_refused(tmp_path, change, message):
    path = save(tmp_path / 'typed.pth', dict(STATE, weight=change(STATE['weight'])))
    with pytest.raises(CheckpointError, match=rf'of another type: weight \({message}\)'):
        load_weights(torch.nn.Conv2d(3, 12, 3), path)
