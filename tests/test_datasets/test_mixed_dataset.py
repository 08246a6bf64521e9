from __future__ import annotations

import pytest
import torch
from mmengine.structures import BaseDataElement

from mmdesra.datasets.mixed_dataset import MixedDataset
from mmdesra.errors import InputError


def sample(gt=16, lq=4, meta=(), **data):
    data_sample = BaseDataElement(metainfo=dict(dict(img_path='a.png'), **dict(meta)),
                                  gt_img=torch.zeros(3, gt, gt), **data)
    return dict(inputs=torch.zeros(3, lq, lq), data_samples=data_sample)


class Samples(list):
    """A dataset that makes its samples anew, as pipelines do."""

    def __getitem__(self, index):
        return list.__getitem__(self, index)()


def test_only_the_shared_fields_stay():
    pseudo_gt = Samples([lambda: sample(mask=torch.ones(1, 16, 16), meta=dict(gt_order='rgb'))])
    original = Samples([lambda: sample(lq=4, meta=dict(scale=4)), sample, ])
    mixed = MixedDataset(pseudo_gt, original)
    assert len(mixed) == 3
    for index in range(3):
        assert mixed[index].keys() == {'inputs', 'data_samples'}
        data_sample = mixed[index]['data_samples']
        assert set(data_sample.all_keys()) == {'gt_img', 'img_path', 'has_truth'}
        assert data_sample.has_truth == (index > 0)


def test_fields_come_in_one_order():
    """MMagic stacks no others; the order of a set depends on its past."""
    names = [f'field{number}' for number in range(40)]
    one = dict.fromkeys([*names, *(f'mine{number}' for number in range(40))], 0)
    other = dict.fromkeys(reversed(names), 0)
    samples = [lambda fields=fields: sample(
        meta={f'meta_{name}': 0 for name in fields}, **fields) for fields in (one, other)]
    mixed = MixedDataset(*(Samples([make]) for make in samples))
    first, second = (mixed[index]['data_samples'] for index in range(2))
    assert first.keys() == second.keys()
    assert first.metainfo_keys() == second.metainfo_keys()


@pytest.mark.parametrize('pseudo_gt, original, message', [
    (sample(gt=32, lq=8), sample(), r'32x32 px .* 16x16 px .* set gt_patch_size to 16'),
    (sample(lq=4), sample(lq=8), 'inputs of one size, got 4x4'),
    (sample(), sample(gt_unsharp=torch.zeros(3, 16, 16)), 'data have gt_unsharp, .* pipeline'),
    (sample(meta=dict(gt_channel_order='rgb')), sample(meta=dict(gt_channel_order='bgr')),
     "gt_channel_order to be the same, got rgb .* bgr .*channel_order='rgb' in the"),
    (sample(), dict(inputs=torch.zeros(3, 4, 4), data_samples=BaseDataElement()),
     r'hold no GT \(key gt\)'),
    (sample(), dict(img=0, gt=0), r"end in PackInputs .* got \['gt', 'img'\]"),
    (sample(), 7, 'got something else')])
def test_what_cannot_go_in_one_batch_is_refused(pseudo_gt, original, message):
    with pytest.raises(InputError, match=message):
        MixedDataset(Samples([lambda: pseudo_gt]), Samples([lambda: original]))


def test_original_that_cannot_be_read():
    def read():
        raise FileNotFoundError(2, 'No such file', 'GT/a.png')

    with pytest.raises(InputError, match='original training data: .*GT/a.png'):
        MixedDataset(Samples([sample]), Samples([read]))
