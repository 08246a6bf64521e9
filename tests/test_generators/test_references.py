"""What GAN-SR images are compared with: a sibling, or the GAN itself, asked several times."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Enlarging, Folding, Raising, random_weights
from torch import nn
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_folder, make_lq_image

from mmdesra.errors import InputError
from mmdesra.files import ImageError
from mmdesra.generators import (
    GeneratedPairs,
    Reference,
    SelfEnsemble,
    Sibling,
    Upscaler,
    as_reference,
    build_reference,
    fingerprint,
    load_weights,
    make_reference,
)
from mmdesra.generators.origin import note_origin
from mmdesra.generators.turns import mean_of_turns

GAN = Upscaler(ToyGenerator(GAN_AMPLITUDE))


def textured(scale=2, seed=0):
    """A network that looks around, and draws what it draws another way when it is turned."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.PReLU(4),
                            nn.Conv2d(4, 3 * scale**2, 5, padding=2), nn.PixelShuffle(scale))
    return random_weights(network, .15, seed)


def photograph(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same_pixels(result, expected):
    """Equal but for sums in another order, which may turn a rounding."""
    assert result.shape == expected.shape and result.dtype == np.uint8
    difference = np.abs(result.astype(int) - expected)
    assert difference.max() <= 1 and difference.mean() < .01


@pytest.mark.parametrize('passes', [2, 4, 8])
@pytest.mark.parametrize('scale', [1, 2, 4])
def test_of_a_network_that_turns_with_its_input_it_is_the_output(passes, scale):
    gan = Upscaler(Enlarging(scale))
    lq = photograph(11, 7)
    np.testing.assert_array_equal(SelfEnsemble(gan, passes)(lq, gan(lq)), gan(lq))


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 14), width=st.integers(1, 14), passes=st.integers(2, 8))
def test_any_size_and_the_same_each_time(height, width, passes):
    gan = Upscaler(random_weights(Folding(2, 2)))
    lq = photograph(height, width)
    ensemble = SelfEnsemble(gan, passes)
    first = ensemble(lq, gan(lq))
    assert first.shape == (2 * height, 2 * width, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(ensemble(lq, gan(lq)), first)
    assert len(list(ensemble.each_pass(lq))) == passes


def test_tiles_leave_no_trace():
    network, lq = textured(), photograph(41, 33)
    whole = Upscaler(network)
    tiled = Upscaler(network, tile=12, tile_pad=4)
    assert_same_pixels(SelfEnsemble(tiled)(lq, whole(lq)), SelfEnsemble(whole)(lq, whole(lq)))


def test_half_precision():
    network, lq = textured(), photograph(24, 20)
    whole, half = (SelfEnsemble(Upscaler(network, half=half)) for half in (False, True))
    difference = np.abs(half(lq, lq).astype(float) - whole(lq, lq))
    assert 0 < difference.mean() < 2


def test_the_images_from_the_hook_and_the_metric_are_read_in_place():
    """Views with strides of their own, such as another channel order."""
    gan = Upscaler(textured())
    lq = photograph(9, 8)
    np.testing.assert_array_equal(SelfEnsemble(gan)(lq[..., ::-1], lq),
                                  SelfEnsemble(gan)(np.ascontiguousarray(lq[..., ::-1]), lq))


def test_stipple_that_does_not_turn_with_the_image_is_found(tmp_path):
    """The toy draws one tile of signs, whichever way the image is turned."""
    from mmdesra.detectors import DeSRA
    lq = make_lq_image(0)
    detector = DeSRA(min_area=200)
    own, sibling = (detector.detect(GAN(lq), reference(lq, GAN(lq))).mask for reference in (
        build_reference('self-ensemble', GAN), as_reference(Upscaler(ToyGenerator()))))
    assert sibling.any()
    assert (own & sibling).sum() > .7 * (own | sibling).sum()


def test_sibling_is_its_generators_image():
    sibling = Upscaler(ToyGenerator())
    lq = make_lq_image(0)
    np.testing.assert_array_equal(as_reference(sibling)(lq, GAN(lq)), sibling(lq))
    assert as_reference(as_reference(sibling)).upscaler is sibling


def partner(passes):
    network = textured()
    note_origin(network, dict(meta=dict(mse_partner=dict(passes=passes, iterations=20))))
    return Upscaler(network)


def test_a_partner_is_asked_in_the_passes_that_its_file_says():
    lq = photograph(9, 14)
    for passes in (1, 4, 8):
        asked = as_reference(partner(passes))
        np.testing.assert_array_equal(asked(lq, lq), mean_of_turns(asked.upscaler, lq, passes))
        assert asked.describe()['partner'] == dict(passes=passes, iterations=20)
    assert not np.array_equal(as_reference(partner(4))(lq, lq), Upscaler(textured())(lq))


def test_weights_of_another_file_are_asked_as_that_one_says(tmp_path):
    network = textured()
    with_note, without = (tmp_path / f'{name}.pth' for name in ('with_note', 'without'))
    torch.save(dict(params=network.state_dict(), meta=dict(mse_partner=dict(passes=4))),
               with_note)
    torch.save(dict(params=network.state_dict()), without)
    for file, passes in ((with_note, 4), (without, 1)):
        load_weights(network, file)
        assert as_reference(Upscaler(network)).passes == passes


def test_too_little_memory_for_the_mean_of_the_passes_is_one_images_fault(monkeypatch):
    def full(*_):
        raise MemoryError('Unable to allocate 3 GiB')

    lq = photograph(4, 6)
    monkeypatch.setattr('mmdesra.generators.reference.mean_of_turns', full)
    with pytest.raises(ImageError, match='a.png: too little memory for what .* of 6x4 px .*3 GiB'):
        make_reference(partner(4), lq, lq, Path('a.png'))


@pytest.mark.parametrize('passes', [0, 9, 2.5, '4', True, None])
def test_a_partner_that_asks_for_a_number_of_passes_that_is_none(passes):
    with pytest.raises(InputError, match=f'asks for {passes!r} passes; expected from 1 to 8'):
        as_reference(partner(passes))


# ---------------------------------------- described


def test_one_way_to_be_described(tmp_path):
    make_lq_folder(tmp_path, 1)
    sibling = Upscaler(ToyGenerator())
    for given_as in (sibling, Sibling(sibling)):  # the layout that earlier folders have
        described = GeneratedPairs(tmp_path, GAN, given_as).describe()
        assert described == dict(
            gan_sha256=fingerprint(GAN.generator), mse_sha256=fingerprint(sibling.generator),
            half=False, tile=0, tile_pad=0)
    own = GeneratedPairs(tmp_path, GAN, SelfEnsemble(GAN, 4)).describe()
    assert own['mse_sha256'] is None
    assert own['reference']['type'] == 'SelfEnsemble' and own['reference']['passes'] == 4
    assert own['reference']['weights'] == fingerprint(GAN.generator)


def test_what_decides_the_image_is_described():
    other = Upscaler(ToyGenerator(.1))
    described = [reference.describe() for reference in (
        SelfEnsemble(GAN), SelfEnsemble(GAN, 4), SelfEnsemble(other), Sibling(GAN))]
    assert all(described.count(one) == 1 for one in described)


# ---------------------------------------- built


@pytest.mark.parametrize('spec, passes', [
    ('self-ensemble', 8), ('SelfEnsemble', 8), (dict(type='SelfEnsemble', passes=4), 4),
    (dict(type='self-ensemble', passes=2), 2), (dict(type=SelfEnsemble), 8)])
def test_built_from_a_name_or_a_config(spec, passes):
    reference = build_reference(spec, GAN)
    assert isinstance(reference, SelfEnsemble) and reference.passes == passes
    assert reference.upscaler is GAN


@pytest.mark.parametrize('spec, message', [
    ('partner', "references SelfEnsemble, self-ensemble, got 'partner'.*mse_checkpoint"),
    ('mse.pth', "got 'mse.pth'.*--mse-checkpoint"),
    ('', "a reference's name"), (8, "a reference's name.* got 8"), ({}, "a reference's name"),
    (dict(passes=8), 'with its type'), (dict(type=Upscaler), 'one of the references'),
    (dict(type='self-ensemble', turns=8), 'takes passes, got turns'),
    (dict(type='self-ensemble', gan='x'), 'takes passes, got gan'),
    (dict(type='self-ensemble', passes=1), 'from 2 to 8 passes.*got 1'),
    (dict(type='self-ensemble', passes=16), 'from 2 to 8 passes.*got 16'),
    (dict(type='self-ensemble', passes=2.5), 'got 2.5'),
    (dict(type='self-ensemble', passes=True), 'got True'),
    (dict(type='self-ensemble', passes='8'), "got '8'")])
def test_what_is_no_reference(spec, message):
    with pytest.raises(InputError, match=message):
        build_reference(spec, GAN)


def test_a_reference_of_ones_own():
    class Nearest(Reference):
        name = 'nearest neighbours'

        def __init__(self, gan, times=1):
            super().__init__(gan)
            self.times = times

        def __call__(self, lq, gan):
            return lq.repeat(4, axis=0).repeat(4, axis=1)

        def describe(self):
            return dict(mse_sha256=None, reference=dict(type='Nearest'))

    lq = make_lq_image(0)
    reference = build_reference(dict(type=Nearest, times=2), GAN)
    assert reference.times == 2
    np.testing.assert_array_equal(reference(lq, GAN(lq))[::4, ::4], lq)


def test_an_image_that_fails_is_named_with_what_failed():
    gan = Upscaler(Raising(RuntimeError('no'), width=52))
    lq = photograph(40, 30)
    lq_turned = photograph(52, 30)  # taken as it is, not when it is turned
    make_reference(SelfEnsemble(gan), lq, gan(lq), Path('a.png'))
    with pytest.raises(ImageError, match='a.png: the self-ensemble .* failed .* 30x52 px .*no'):
        make_reference(SelfEnsemble(gan), lq_turned, gan(lq_turned), Path('a.png'))
