from __future__ import annotations

import pytest
import torch
from torch import nn

from mmdesra.detectors.backbone import load_backbone


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))


def save(path, state):
    torch.save(state, path)
    return path


def test_a_file_with_or_without_classifier_fills_the_module(tmp_path):
    source = Small().state_dict()
    for extra in (dict(), {'classifier.0.weight': torch.zeros(2, 2)}):
        module = Small()
        load_backbone(module, save(tmp_path / 'small.pth', {**source, **extra}), 'small')
        for name, value in module.state_dict().items():
            assert torch.equal(value, source[name])


def test_names_are_translated(tmp_path):
    module = nn.Sequential(nn.Conv2d(3, 4, 3))
    source = nn.Conv2d(3, 4, 3).state_dict()
    path = save(tmp_path / 'a.pth', {f'features.0.{name}': value
                                     for name, value in source.items()})
    load_backbone(module, path, 'a', {f'0.{name}': f'features.0.{name}' for name in source})
    assert torch.equal(module[0].weight, source['weight'])


@pytest.mark.parametrize('change, message', [
    (lambda state: state.pop('features.2.bias'), 'features.2.bias is missing'),
    (lambda state: state.update({'features.4.bias': torch.zeros(1)}), 'features.4.bias is there'),
    (lambda state: state.update({'features.0.bias': torch.zeros(7)}),
     r'features.0.bias has the shape \(7,\) instead of \(4,\)'),
    (lambda state: (state.clear(), state.update({'classifier.bias': torch.zeros(1)})),
     'features.0.weight is missing and 3 more'),
])
def test_a_file_that_does_not_fill_it_is_an_error_and_changes_nothing(tmp_path, change, message):
    state = dict(Small().state_dict())
    change(state)
    module = Small()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ValueError, match=f"a.pth: .*torchvision's small, but {message}"):
        load_backbone(module, save(tmp_path / 'a.pth', state), 'small')
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_no_file_is_an_error_that_says_how_to_get_one(tmp_path):
    with pytest.raises(ValueError, match=r"torchvision.models.small\(weights='DEFAULT'\)"):
        load_backbone(Small(), None, 'small')
    with pytest.raises(ValueError, match='none.pth: no such checkpoint file'):
        load_backbone(Small(), tmp_path / 'none.pth', 'small')


def test_of_two_sets_the_average_is_taken_and_said(tmp_path, caplog):
    module, average = Small(), Small().state_dict()
    path = save(tmp_path / 'two.pth', dict(state_dict=Small().state_dict(),
                                           state_dict_ema=average))
    load_backbone(module, path, 'small')
    assert torch.equal(module.features[0].weight, average['features.0.weight'])
    assert [record.getMessage() for record in caplog.records] == [
        f'{path}: state_dict_ema, not state_dict']


def test_names_of_a_wrapper_are_no_hindrance(tmp_path):
    module, source = Small(), Small().state_dict()
    load_backbone(module, save(tmp_path / 'c.pth', {
        f'model.{name}': value for name, value in source.items()}), 'small')
    assert torch.equal(module.features[2].bias, source['features.2.bias'])
