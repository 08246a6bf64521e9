"""Samples made from photographs: reduced, enlarged, compared with a reference."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from toys import GAN_AMPLITUDE, ToyGenerator, make_lq_image

from mmdesra.datasets.degradations import BicubicReduction
from mmdesra.datasets.photographs import Cutting
from mmdesra.datasets.truth_samples import MadeFromPhotographs
from mmdesra.generators import Upscaler
from mmdesra.generators.origin import note_origin
from mmdesra.generators.turns import mean_of_turns


@pytest.mark.parametrize('passes', [1, 4])
def test_a_partner_is_asked_in_the_passes_of_its_file(passes, tmp_path):
    small = make_lq_image(0, (32, 40))
    Image.fromarray(small).resize((160, 128), Image.Resampling.BICUBIC).save(tmp_path / 'a.png')
    partner = Upscaler(ToyGenerator(GAN_AMPLITUDE / 2))
    note_origin(partner.generator, dict(meta=dict(mse_partner=dict(passes=passes))))
    source = MadeFromPhotographs(tmp_path, Cutting(4), BicubicReduction(4),
                                 Upscaler(ToyGenerator(GAN_AMPLITUDE)), partner)
    assert source.describe()['partner'] == dict(passes=passes)
    for sample in source.samples('reading'):
        np.testing.assert_array_equal(sample.reference,
                                      mean_of_turns(partner, sample.lq, passes))
        assert np.array_equal(sample.reference, partner(sample.lq)) == (passes == 1)
