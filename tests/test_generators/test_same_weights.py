"""No generator is compared with itself, however its files are called or laid out."""
from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from toys import ToyGenerator, make_lq_folder, make_pairs, write_checkpoints, write_pairs

from mmdesra.apis import DeSRAInferencer
from mmdesra.errors import InputError
from mmdesra.files import read_image, write_image
from mmdesra.files.left_out import _said
from mmdesra.generators import (
    GeneratedPairs,
    StoredPairs,
    Upscaler,
    build_reference,
    load_generator,
)
from mmdesra.generators.pairs import check_pair
from mmdesra.generators.same_weights import have_same_weights

SAME = 'the same weights for both'


class Renamed(nn.Module):
    """The same network with other names, as another package builds it."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.tail, self.head = nn.Conv2d(8, 12, 3), nn.Conv2d(3, 8, 3)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    tail, head = nn.Conv2d(8, 12, 3), nn.Conv2d(3, 8, 3)
    return nn.Sequential(head, nn.ReLU(), tail)


def test_names_and_half_precision_do_not_make_another_network():
    assert have_same_weights(network(), network())
    assert have_same_weights(network(), Renamed())
    assert have_same_weights(network(), deepcopy(network()).half())
    assert not have_same_weights(network(), network(1))
    assert not have_same_weights(network(), nn.Sequential(nn.Conv2d(3, 8, 3)))
    assert not have_same_weights(nn.Identity(), nn.Identity())


def test_one_tensor_that_was_trained_makes_another_network():
    other = network()
    with torch.no_grad():
        other[2].bias += .01 * other[2].bias.norm() / other[2].bias.numel()**.5
    assert not have_same_weights(network(), other)


def test_a_generator_as_its_own_sibling_is_refused(tmp_path):
    make_lq_folder(tmp_path, 1)
    gan = Upscaler(ToyGenerator(.15))
    for mse in (gan, Upscaler(ToyGenerator(.15))):
        with pytest.raises(InputError, match=SAME):
            GeneratedPairs(tmp_path, gan, mse)
    check_pair(gan, Upscaler(ToyGenerator(.1)))
    check_pair(gan, build_reference('self-ensemble', gan))  # made of it, on purpose


def test_another_layout_of_the_same_weights_is_refused(tmp_path):
    gan, _ = write_checkpoints(tmp_path)
    state = {f'generator.{name}': value for name, value in
             load_generator('ToyGenerator', gan).state_dict().items()}
    torch.save(dict(meta={}, state_dict=state), tmp_path / 'mmagic.pth')
    with pytest.raises(InputError, match=SAME):
        DeSRAInferencer(gan, tmp_path / 'mmagic.pth', 'ToyGenerator')


def test_stored_images_that_are_compared_with_themselves_are_refused(tmp_path):
    gan, mse = write_pairs(tmp_path, 1)
    with pytest.raises(InputError, match='holds the GAN-SR images themselves'):
        DeSRAInferencer()(gan=gan, mse=f'{gan}/../gan', show_progress=False)
    StoredPairs(gan, mse).refuse_one_set()


def test_a_copy_of_an_image_beside_itself_is_said(tmp_path, caplog):
    gan, mse = write_pairs(tmp_path, 2)
    write_image(mse / 'image0.png', read_image(gan / 'image0.png'))
    _said.clear()
    for path in StoredPairs(gan, mse).paths:
        StoredPairs(gan, mse).load(path)
    assert [record.message for record in caplog.records] == [
        f'{gan}/image0.png: its GAN-SR and MSE-SR images are equal, so nothing can be found in it']


def test_pairs_that_differ_are_made_as_before(tmp_path):
    make_lq_folder(tmp_path, 1)
    pairs = make_pairs(tmp_path)
    pair = pairs.load(pairs.paths[0])
    assert (np.abs(pair.gan.astype(int) - pair.mse) > 0).any()
