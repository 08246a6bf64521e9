from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmdesra.segmentors import logits as logit_maps

SIZE = (23, 37)


def enlarged(logits, align_corners):
    return F.interpolate(logits[None], SIZE, mode='bilinear', align_corners=align_corners)[0]


@pytest.mark.parametrize('align_corners', [False, True])
def test_one_class_after_the_other_as_all_at_once(align_corners):
    logits = torch.randn(11, 9, 8, generator=torch.manual_seed(3)) * 3
    whole = enlarged(logits, align_corners)
    labels = logit_maps.strongest_class(logits, SIZE, align_corners)
    assert labels.dtype == torch.int16
    assert torch.equal(labels.long(), whole.argmax(0))
    for index in (0, 4, 10):
        probability = logit_maps.class_probability(logits, index, SIZE, align_corners)
        torch.testing.assert_close(probability, whole.softmax(0)[index])


def test_first_of_equals():
    assert not logit_maps.strongest_class(torch.zeros(5, 4, 4), (4, 4)).any()


def test_logits_of_the_same_size_are_taken_as_they_are():
    logits = torch.tensor([[[0., 2.]], [[1., 1.]]])
    assert logit_maps.strongest_class(logits, (1, 2)).tolist() == [[1, 0]]
