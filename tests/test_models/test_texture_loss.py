from __future__ import annotations

import pytest
import torch
from mmengine.registry import MODELS

from mmdesra.models.texture_loss import STD_FLOOR, PixelTextureLoss
from mmdesra.ops import local_std


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    smooth = torch.linspace(.2, .7, 40).expand(2, 3, 40, 40)
    noise = .1 * torch.randn(2, 2, 3, 40, 40, generator=generator)
    return (smooth + noise).clamp(0, 1)


def test_texture_is_what_the_detector_measures(pair):
    def std(image):
        return (local_std(255 * image)**2 / 255**2 + STD_FLOOR**2).sqrt()

    loss = PixelTextureLoss(pixel_weight=0)(*pair)
    assert loss.item() == pytest.approx((std(pair[0]) - std(pair[1])).abs().mean().item(),
                                        rel=1e-4)


def test_built_from_a_config_it_weighs_both_terms(pair):
    parts = [PixelTextureLoss(*weights)(*pair) for weights in ((1, 0), (0, 1))]
    assert parts[0].item() == pytest.approx((pair[0] - pair[1]).abs().mean().item(), rel=1e-6)
    loss = MODELS.build(dict(type='PixelTextureLoss', pixel_weight=3, texture_weight=.5))
    assert loss(*pair).item() == pytest.approx(3 * parts[0].item() + .5 * parts[1].item())


def test_only_the_texture_term_prefers_a_shifted_texture_to_none():
    rows, columns = torch.meshgrid(torch.arange(40.), torch.arange(40.), indexing='ij')
    target = (.5 + .2 * torch.sin(rows + 2 * columns)).expand(1, 3, 40, 40)
    shifted = (.5 + .2 * torch.sin(rows + 2 * columns + 3)).expand(1, 3, 40, 40)
    flat = torch.full_like(target, .5)
    both, pixels = PixelTextureLoss(1, 3), PixelTextureLoss(1, 0)
    assert both(shifted, target) < both(flat, target)
    assert pixels(shifted, target) > pixels(flat, target)


def test_mixed_precision_measures_the_same_texture(pair):
    loss = PixelTextureLoss(pixel_weight=0)
    # Faint texture on a bright ground, where half precision has the fewest digits to spare.
    pair = .8 + .1 * (pair - .5)
    exact = loss(*pair).item()
    with torch.autocast('cpu', torch.bfloat16):
        assert loss(*pair).item() == pytest.approx(exact, rel=1e-5)


def test_gradient_is_finite_where_there_is_no_texture():
    flat = torch.full((1, 3, 16, 16), 1., requires_grad=True)
    loss = PixelTextureLoss()(flat, flat.detach())
    loss.backward()
    assert loss == 0 and torch.isfinite(flat.grad).all()


def test_patch_smaller_than_the_window():
    with pytest.raises(ValueError, match='at least 11x11 px, got 40x10'):
        PixelTextureLoss()(torch.zeros(1, 3, 10, 40), torch.zeros(1, 3, 10, 40))
