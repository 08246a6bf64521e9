from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from mmdesra.errors import InputError
from mmdesra.generators.keras_srgan import convert, convert_discriminator, convert_generator
from mmdesra.models.srgan_discriminator import SRGANDiscriminator
from mmdesra.models.srresnet import SRResNet

h5py = pytest.importorskip('h5py')
keras = pytest.importorskip('keras_oracle')


def images(size, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (2, *size, 3)).astype(np.float32)


@torch.no_grad()
def run(network, state, batch):
    network.load_state_dict(state)
    return network.eval()(torch.from_numpy(batch / 255).permute(0, 3, 1, 2).float())


@pytest.mark.parametrize('whole_model', [False, True])
@pytest.mark.parametrize('channels, blocks, upsamplers', [(4, 2, 2), (3, 1, 1)])
def test_generator_computes_what_keras_computes(tmp_path, channels, blocks, upsamplers,
                                                whole_model):
    layers = keras.random_generator(channels, blocks, upsamplers)
    keras.write_h5(tmp_path / 'g.h5', layers, whole_model)
    network = SRResNet(mid_channels=channels, num_blocks=blocks, upscale_factor=2**upsamplers)

    batch = images((9, 12))
    got = run(network, convert_generator(tmp_path / 'g.h5'), batch).permute(0, 2, 3, 1).numpy()

    expected = keras.run_generator(layers, batch) / 255
    assert expected.std() > 0.05
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize('size, channels', [(16, 3), (48, 2)])
def test_discriminator_computes_what_keras_computes(tmp_path, size, channels):
    layers = keras.random_discriminator(channels, size)
    keras.write_h5(tmp_path / 'd.h5', layers)
    network = SRGANDiscriminator(mid_channels=channels, input_size=size, dense_channels=5)

    batch = images((size, size))
    got = run(network, convert_discriminator(tmp_path / 'd.h5'), batch)

    np.testing.assert_allclose(
        torch.sigmoid(got).numpy(), keras.run_discriminator(layers, batch), atol=1e-4)


@pytest.mark.parametrize('layers, direct', [
    (keras.random_generator(), convert_generator),
    (keras.random_discriminator(), convert_discriminator),
])
def test_convert_tells_the_networks_apart(layers, direct):
    file = io.BytesIO()
    keras.write_h5(file, layers)
    state, expected = convert(file), direct(file)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in state)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.h5: expected a Keras h5 file'):
        convert_generator(tmp_path / 'no.h5')


def test_not_hdf5(tmp_path):
    (tmp_path / 'page.h5').write_text('<html>404</html>')
    with pytest.raises(ValueError, match='page.h5: expected a Keras h5 file'):
        convert_generator(tmp_path / 'page.h5')


def test_hdf5_of_something_else(tmp_path):
    with h5py.File(tmp_path / 'data.h5', 'w') as h5:
        h5['images'] = np.zeros(3)
    with pytest.raises(ValueError, match=r"layer_names.*got an HDF5 file with \['images'\]"):
        convert_generator(tmp_path / 'data.h5')


def test_file_without_layers(tmp_path):
    keras.write_h5(tmp_path / 'e.h5', [])
    with pytest.raises(ValueError, match='expected an SRResNet generator .* got 0 conv'):
        convert(tmp_path / 'e.h5')
    with pytest.raises(ValueError, match='expected an SRGAN discriminator .* got 0 conv'):
        convert_discriminator(tmp_path / 'e.h5')


def test_the_other_network(tmp_path):
    keras.write_h5(tmp_path / 'g.h5', keras.random_generator(blocks=1))
    keras.write_h5(tmp_path / 'd.h5', keras.random_discriminator())
    with pytest.raises(ValueError, match='d.h5: expected an SRResNet generator .* got 8 conv'):
        convert_generator(tmp_path / 'd.h5')
    with pytest.raises(ValueError, match='g.h5: expected an SRGAN discriminator .* got 7 conv'):
        convert_discriminator(tmp_path / 'g.h5')


def test_missing_weights(tmp_path):
    keras.write_h5(tmp_path / 'g.h5', keras.random_generator())
    with h5py.File(tmp_path / 'g.h5', 'a') as h5:
        del h5['conv2d_2']
    with pytest.raises(ValueError, match='weights of layer "conv2d_2" are missing'):
        convert_generator(tmp_path / 'g.h5')


def test_foreign_layer(tmp_path):
    layers = keras.random_generator()
    layers.insert(3, ('instance_norm', {'scale': np.ones(4)}))
    keras.write_h5(tmp_path / 'g.h5', layers)
    with pytest.raises(ValueError, match=r'layer "instance_norm": expected .*\[\'scale\'\]'):
        convert_generator(tmp_path / 'g.h5')


def test_other_order(tmp_path):
    layers = keras.random_generator()
    layers[2], layers[3] = layers[3], layers[2]
    keras.write_h5(tmp_path / 'g.h5', layers)
    with pytest.raises(ValueError, match='layer 2 "batch_normalization": expected conv, got'):
        convert_generator(tmp_path / 'g.h5')


def test_prelu_with_a_slope_a_pixel(tmp_path):
    layers = keras.random_generator()
    layers[1][1]['alpha'] = np.zeros((24, 24, 4), np.float32)
    keras.write_h5(tmp_path / 'g.h5', layers)
    with pytest.raises(ValueError, match=r'"p_re_lu" .*expected shape \(4,\), got \(24, 24, 4\)'):
        convert_generator(tmp_path / 'g.h5')


def test_other_kernel_size(tmp_path):
    layers = keras.random_generator()
    layers[0][1]['kernel'] = np.zeros((7, 7, 3, 4), np.float32)
    keras.write_h5(tmp_path / 'g.h5', layers)
    with pytest.raises(ValueError, match=r'expected shape \(4, 3, 9, 9\), got \(4, 3, 7, 7\)'):
        convert_generator(tmp_path / 'g.h5')


def test_discriminator_of_a_patch_that_is_not_square(tmp_path):
    layers = keras.random_discriminator(channels=2, size=32)
    layers[-3][1]['kernel'] = np.zeros((16 * 6, 5), np.float32)
    keras.write_h5(tmp_path / 'd.h5', layers)
    with pytest.raises(ValueError, match='16 channels times a square number of inputs, got 96'):
        convert_discriminator(tmp_path / 'd.h5')


def test_weights_that_are_no_numbers(tmp_path):
    layers = keras.random_generator()
    layers[0][1]['kernel'][0, 0, 0, 0] = np.nan
    keras.write_h5(tmp_path / 'g.h5', layers)
    with pytest.raises(InputError, match=r'g.h5: layer "conv2d" .*holds NaN or infinity'):
        convert(tmp_path / 'g.h5')


@pytest.mark.parametrize('seed', range(12))  # with others, HDF5 itself never ends
def test_damaged_bytes_are_an_error_of_ours(tmp_path, seed):
    keras.write_h5(tmp_path / 'g.h5', keras.random_generator(channels=2, blocks=1, upsamplers=1))
    content = bytearray((tmp_path / 'g.h5').read_bytes())
    for place in np.random.default_rng(seed).integers(len(content), size=60):
        content[place] ^= 255
    (tmp_path / 'g.h5').write_bytes(content)
    try:
        convert(tmp_path / 'g.h5')
    except InputError as error:
        assert 'g.h5: ' in str(error)
