"""Real-ESRGAN's discriminator, restated from its description, on a plain state dict.

A U-Net (Wang et al. 2021, section 3.3): a convolution, three that halve the size and double the
channels, three that follow a bilinear doubling of the size and each get the features of their size
added, two more, and one that gives a logit a pixel. All but the first and the last are without
bias and have spectral normalisation: the weight is divided by uᵀWv, the estimate of its largest
singular value. BasicSR calls them conv0 to conv9.
"""
from __future__ import annotations

import torch
from torch import Tensor

CHANNELS = {0: (3, 1), 1: (1, 2), 2: (2, 4), 3: (4, 8), 4: (8, 4), 5: (4, 2), 6: (2, 1),
            7: (1, 1), 8: (1, 1), 9: (1, None)}
"""In and out, in multiples of the base but for the image's 3 and the logit's 1."""


def random_state(base: int = 4, seed: int = 0) -> dict[str, Tensor]:
    """Weights under BasicSR's names."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for number, (before, after) in CHANNELS.items():
        before = before if number == 0 else before * base
        after = 1 if after is None else after * base
        side = 4 if number in (1, 2, 3) else 3
        weight = torch.randn((after, before, side, side), generator=generator)
        if number in (0, 9):
            state[f'conv{number}.weight'] = weight / 5
            state[f'conv{number}.bias'] = torch.randn(after, generator=generator)
        else:
            u = torch.randn(after, generator=generator)
            v = u @ weight.flatten(1)
            u = weight.flatten(1) @ v  # one step towards the largest singular value
            state[f'conv{number}.weight_orig'] = weight
            state[f'conv{number}.weight_u'] = u / u.norm()
            state[f'conv{number}.weight_v'] = v / v.norm()
    return state


def judge(state: dict[str, Tensor], image: Tensor) -> Tensor:
    """Logits, (N, 1, H, W), of images (N, 3, H, W) whose sides are multiples of 8."""
    def conv(number: int, x: Tensor, stride: int = 1) -> Tensor:
        name = f'conv{number}.'
        weight = state.get(name + 'weight')
        if weight is None:
            weight = state[name + 'weight_orig']
            weight = weight / torch.einsum('o,oi,i->', state[name + 'weight_u'],
                                           weight.flatten(1), state[name + 'weight_v'])
        return torch.conv2d(x, weight, state.get(name + 'bias'), stride, padding=1)

    def activate(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, x / 5)

    def double(x: Tensor) -> Tensor:
        return _double_rows(_double_rows(x).transpose(2, 3)).transpose(2, 3)

    down = [activate(conv(0, image))]
    for number in (1, 2, 3):
        down.append(activate(conv(number, down[-1], stride=2)))
    x = down.pop()
    for number in (4, 5, 6):
        x = activate(conv(number, double(x))) + down.pop()
    return conv(9, activate(conv(8, activate(conv(7, x)))))


def _double_rows(x: Tensor) -> Tensor:
    """Each row becomes two, a quarter of a row above and below it, mixed with that neighbour."""
    above = torch.cat([x[:, :, :1], x[:, :, :-1]], dim=2)
    below = torch.cat([x[:, :, 1:], x[:, :, -1:]], dim=2)
    rows = torch.stack([.75 * x + .25 * above, .75 * x + .25 * below], dim=3)
    return rows.flatten(2, 3)
