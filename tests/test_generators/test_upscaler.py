from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Enlarging, Folding, Mirroring, Raising, random_weights
from torch import nn

from mmdesra.errors import InputError
from mmdesra.generators import UpscaleError, Upscaler

REACH = 3  # of the textured generator: (3 - 1) / 2 + (5 - 1) / 2 pixels


def replicating(gain=1., offset=0.):
    """Every pixel becomes 2 × 2 of gain · value + offset."""
    conv = nn.Conv2d(3, 12, 1)
    nn.init.zeros_(conv.weight)
    for channel in range(12):
        conv.weight.data[channel, channel // 4] = gain
    nn.init.constant_(conv.bias, offset)
    return nn.Sequential(conv, nn.PixelShuffle(2))


def textured(scale=2, seed=0):
    """Random weights large enough that every pixel in reach shows."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 3 * scale**2, 5, padding=2),
        nn.PixelShuffle(scale))
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=.2)
    return network.eval()


def image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same_pixels(result, expected):
    """Equal but for sums in another order, which may turn a rounding."""
    assert result.shape == expected.shape and result.dtype == np.uint8
    difference = np.abs(result.astype(int) - expected)
    assert difference.max() <= 1 and difference.sum() <= 1 + difference.size // 500


@pytest.mark.parametrize('tile', [0, 4])
@pytest.mark.parametrize('gain, offset', [(1, 0), (2, -.25), (.5, .75), (-1, 1)])
def test_values_are_scaled_rounded_and_clipped(gain, offset, tile):
    lq = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    sr = Upscaler(replicating(gain, offset), tile=tile)(lq)
    expected = (gain * lq.astype(float) + 255 * offset).clip(0, 255)
    np.testing.assert_allclose(sr, expected.repeat(2, axis=0).repeat(2, axis=1), atol=.5001)
    assert sr.flags.c_contiguous


@pytest.mark.parametrize('tile', [0, 4])
def test_16_bits_are_enlarged_as_finely(tile):
    lq = np.random.default_rng(0).integers(0, 65536, (7, 9, 3), dtype=np.uint16)
    sr = Upscaler(replicating(.5, .25), tile=tile)(lq)
    assert sr.dtype == np.uint16
    expected = .5 * lq.astype(float) + .25 * 65535
    np.testing.assert_allclose(sr, expected.repeat(2, axis=0).repeat(2, axis=1), atol=.51)


def test_8_bits_and_16_agree():
    lq, upscaler = image(9, 7), Upscaler(textured())
    deep = upscaler(lq.astype(np.uint16) * 257)
    np.testing.assert_allclose(upscaler(lq), deep / 257, atol=.51)


def test_an_image_of_another_type_is_refused():
    with pytest.raises(ValueError, match='uint8 or uint16, got float32'):
        Upscaler(replicating())(np.zeros((4, 4, 3), np.float32))


def test_each_tile_is_reported():
    upscaler, reports = Upscaler(replicating(), tile=4), []
    upscaler.report_tile = lambda done, count: reports.append((done, count))
    upscaler(image(9, 5))
    assert reports == [(number, 6) for number in range(1, 7)]


def test_channels_and_axes_stay_where_they_are():
    lq = np.zeros((5, 8, 3), np.uint8)
    lq[1, 6] = 10, 20, 30
    sr = Upscaler(replicating())(lq)
    assert sr.shape == (10, 16, 3)
    assert (sr[2:4, 12:14] == (10, 20, 30)).all()
    assert sr.sum() == 4 * 60


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 30), st.integers(0, 5),
       st.sampled_from([1, 2, 3]))
def test_tiles_leave_no_trace(height, width, tile, more_pad, scale):
    generator, lq = textured(scale), image(height, width)
    whole = Upscaler(generator)(lq)
    assert whole.shape == (height * scale, width * scale, 3)
    assert_same_pixels(Upscaler(generator, tile, tile_pad=REACH + more_pad)(lq), whole)


def test_tiles_with_too_little_around_them_do_leave_a_trace():
    generator, lq = textured(), image(20, 20)
    difference = np.abs(Upscaler(generator)(lq).astype(int)
                        - Upscaler(generator, tile=8, tile_pad=REACH - 1)(lq))
    assert difference.max() > 5
    assert_same_pixels(difference[:10, :10].astype(np.uint8), np.zeros((10, 10, 3), int))


def test_memory_is_bounded_by_the_tile():
    sizes = []
    generator = textured()
    upscale = Upscaler(generator, tile=8, tile_pad=2)
    generator.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[2:]))
    upscale(image(30, 40))
    assert len(sizes) == 4 * 5
    assert max(max(size) for size in sizes) == 8 + 2 * 2


@pytest.mark.parametrize('tile', [0, 7])
def test_half_precision_is_used_and_close_to_full(tile):
    generator, lq = textured(), image(20, 30)
    dtypes = []
    generator[0].register_forward_hook(lambda *args: dtypes.append(args[-1].dtype))
    full, half = (Upscaler(generator, tile, half=half)(lq).astype(int) for half in (False, True))
    assert {dtypes[0], dtypes[-1]} == {torch.float32, torch.bfloat16}
    assert np.abs(full - half).max() <= 6
    assert np.abs(full - half).mean() < 1


@pytest.mark.parametrize('tile', [0, 4])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('half, message', [(False, 'NaN or infinity$'), (True, r'half precision')])
def test_what_is_no_number_is_an_error(value, tile, half, message):
    with pytest.raises(ValueError, match=message):
        Upscaler(replicating(offset=value), tile, half=half)(image(6, 6))


def folding(fold, scale):
    """Random weights; its output has values between 0 and 1."""
    network = random_weights(Folding(fold, scale), .5 / fold)
    nn.init.constant_(network.conv.bias, .5)
    return network


@pytest.mark.parametrize('fold, scale, size', [
    (2, 2, (32, 41)), (2, 2, (33, 40)), (2, 2, (1, 1)), (2, 2, (1, 7)), (4, 1, (30, 29)),
    (4, 1, (3, 5)), (4, 1, (2, 2)), (3, 2, (16, 17)), (8, 3, (5, 30)), (2, 2, (8, 8))])
def test_images_of_any_size_are_mirrored_and_cut(fold, scale, size):
    """An independent padding: NumPy's, first to one side, then to the other."""
    network, lq = folding(fold, scale), image(*size)
    extended = lq
    for axis in (0, 1):
        for mode in ('reflect', 'edge'):
            missing = -extended.shape[axis] % fold
            room = missing if mode == 'edge' else min(missing, extended.shape[axis] - 1)
            extended = np.pad(extended, [(0, room if axis == n else 0) for n in range(3)], mode)
    batch = torch.from_numpy(extended.transpose(2, 0, 1).copy())[None] / 255
    expected = (network(batch)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    sr = Upscaler(network)(lq)
    assert_same_pixels(sr, expected[:size[0] * scale, :size[1] * scale])
    assert sr.std() > 20


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 25), st.integers(0, 5),
       st.sampled_from([(1, 2), (2, 2), (3, 2), (4, 1)]))
def test_tiles_begin_where_folds_begin(height, width, tile, more_pad, kind):
    network, lq = folding(*kind), image(height, width)
    whole = Upscaler(network)(lq)
    assert_same_pixels(Upscaler(network, tile, tile_pad=kind[0] + more_pad)(lq), whole)


@pytest.mark.parametrize('tile', [0, 1, 3, 16])
@pytest.mark.parametrize('size', [(1, 1), (3, 5), (4, 30), (30, 4), (20, 21)])
def test_small_images_and_small_tiles_are_large_enough(size, tile):
    """Nearest neighbours: whatever is done to make an image large enough, nothing is seen."""
    lq = image(*size)
    sr = Upscaler(Mirroring(least=11), tile, tile_pad=0)(lq)
    np.testing.assert_array_equal(sr, lq.repeat(2, axis=0).repeat(2, axis=1))


ERRORS = [AssertionError('cannot be folded'), AssertionError(), RuntimeError('size\nof  tensors'),
          IndexError('too many'), KeyError('x'), ZeroDivisionError(), NotImplementedError('dtype'),
          TypeError('unhashable'), InputError('no'), StopIteration()]


@pytest.mark.parametrize('tile', [0, 52])
@pytest.mark.parametrize('error', ERRORS, ids=repr)
def test_whatever_a_network_raises_is_one_line(error, tile):
    upscale = Upscaler(Raising(error, width=52), tile)
    with pytest.raises(UpscaleError) as raised:
        upscale(image(8, 52))
    text = ' '.join(str(error).split())
    assert str(raised.value) == f'{type(error).__name__}: {text}'.removesuffix(': ')
    upscale(image(8, 51))


@pytest.mark.parametrize('error', [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_ends_a_program_ends_it(error):
    upscale = Upscaler(Raising(error))
    with pytest.raises(type(error)):
        upscale(image(8, 52))


@pytest.mark.parametrize('error', [RuntimeError('shape'), AttributeError('ours'), ValueError('')])
def test_faults_of_ours_are_not_taken_for_the_networks(error, monkeypatch):
    upscale = Upscaler(Enlarging())

    def fail(*_):
        raise error

    monkeypatch.setattr(upscale, '_run', fail)
    with pytest.raises(type(error)) as raised:
        upscale(image(8, 8))
    assert raised.value is error


@pytest.mark.parametrize('tile, cure', [(0, '--tile 256 '), (60, 'smaller tiles than 60 px')])
@pytest.mark.parametrize('error', [
    MemoryError(), torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 9 GiB'),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError('DefaultCPUAllocator: not enough memory: you tried to allocate 3 bytes')],
    ids=repr)
def test_too_little_memory_has_a_cure(error, tile, cure, monkeypatch):
    upscale = Upscaler(Raising(error), tile)
    with pytest.raises(UpscaleError, match=f'^too little memory; it takes .*{cure}.*: '
                       f'{type(error).__name__}'):
        upscale(image(8, 52))

    def fail(*_):
        raise error

    monkeypatch.setattr(upscale, '_run', fail)  # what is beside the network needs memory, too
    with pytest.raises(UpscaleError, match='too little memory'):
        upscale(image(8, 8))


def test_too_little_memory_indeed():
    """PyTorch's own words, for an exabyte."""
    class Large(Enlarging):
        def check(self, x):
            return torch.empty(2**60, dtype=torch.uint8) if x.shape[-1] == 52 else x

    with pytest.raises(UpscaleError, match='too little memory'):
        Upscaler(Large())(image(8, 52))


class Changing(Enlarging):
    """Makes another thing of images of one width."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        sr = super().forward(x)
        return self.change(sr) if x.shape[-1] == 52 else sr


@pytest.mark.parametrize('change, message', [
    (lambda sr: sr[..., 1:], r'the generator makes \(1, 3, 16, 103\) of \(1, 3, 8, 52\), which'),
    (lambda sr: sr[..., ::2, ::2], 'expected it to be enlarged by 2, got 1'),
    (lambda sr: sr[:, :1], r'makes \(1, 1, 16, 104\) of .*, which is no RGB image'),
    (lambda sr: sr.repeat(1, 2, 1, 1), r'makes \(1, 6, 16, 104\) of .*, which is no RGB image'),
    (lambda sr: (sr, sr), 'makes a tuple of an image'), (lambda sr: None, 'makes a NoneType of')])
def test_an_sr_image_of_another_size_is_an_error(change, message):
    upscale = Upscaler(Changing(change))
    with pytest.raises(UpscaleError, match=message):
        upscale(image(8, 52))
    upscale(image(8, 51))


def test_a_generator_without_weights_runs():
    lq = image(3, 5)
    np.testing.assert_array_equal(Upscaler(nn.Upsample(scale_factor=2))(lq),
                                  lq.repeat(2, axis=0).repeat(2, axis=1))


class Broken(nn.Module):
    """On images that are not square, as those are that it is tried on."""

    def forward(self, x):
        assert x.shape[-1] == x.shape[-2], 'broken'
        return x


@pytest.mark.parametrize('last', [nn.Identity(), Broken()])
def test_every_part_keeps_its_mode(last):
    frozen = nn.BatchNorm2d(3)
    generator = nn.Sequential(frozen, nn.BatchNorm2d(3), nn.Dropout(), replicating(), last).train()
    frozen.eval()
    modes = [module.training for module in generator.modules()]
    statistics = generator[1].running_mean.clone()
    try:
        first, second = (Upscaler(generator)(image(6, 7)) for _ in range(2))
        np.testing.assert_array_equal(first, second)  # no dropout
    except UpscaleError:
        assert isinstance(last, Broken)
    assert [module.training for module in generator.modules()] == modes
    assert torch.equal(generator[1].running_mean, statistics)


def test_training_can_go_on_afterwards():
    generator = nn.Sequential(nn.BatchNorm2d(3), textured()).train()
    Upscaler(generator, half=True)(image(6, 6))
    generator(torch.rand(2, 3, 6, 6)).mean().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_views_are_images_too():
    lq = image(12, 14)
    view = lq[::-1, ::2]
    view.flags.writeable = False
    np.testing.assert_array_equal(Upscaler(replicating())(view),
                                  view.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize('options', [dict(tile=-1), dict(tile_pad=-1)])
def test_negative_sizes_are_an_error(options):
    with pytest.raises(ValueError, match='tile and tile_pad of at least 0, got'):
        Upscaler(replicating(), **options)
