"""Networks with random weights whose results look like images, and files of such weights."""
from __future__ import annotations

from pathlib import Path

import torch
from mmengine.registry import MODELS
from torch import nn

import mmdesra  # noqa: F401  (mends what MMagic needs)

from .images import make_lq

RRDBNET = dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=64, num_blocks=23,
               growth_channels=32, upscale_factor=4)
QUICK_RRDBNET = dict(RRDBNET, mid_channels=16, num_blocks=1, growth_channels=8)
UNET = dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3, mid_channels=64,
            skip_connection=True)
QUICK_UNET = dict(UNET, mid_channels=8)
SPREAD = .15
"""Standard deviation of each channel of the SR images, in [0, 1]."""
GAN_SPREAD, MSE_SPREAD = .25, .01
"""Those of a pair in training: with so little of the texture in the sibling's all is an artifact,
and there is work to do."""


def random_rrdbnet(quick: bool, spread: float = SPREAD) -> nn.Module:
    """Return RRDBNet x4 (a small one if ``quick``) whose SR images are grey with a texture.

    As it is made, a random one gives next to black; most of that would be clipped, and precision
    would not show.
    """
    torch.manual_seed(0)
    network = _build(QUICK_RRDBNET if quick else RRDBNET).eval()
    lq = torch.from_numpy(make_lq(32, 32)).permute(2, 0, 1)[None] / 255
    last = network.get_submodule('conv_last')
    assert isinstance(last, nn.Conv2d) and last.bias is not None  # RRDBNet's
    with torch.no_grad():
        channels = network(lq)[0].flatten(1)
        gain = spread / channels.std(dim=1)
        last.weight.mul_(gain.view(-1, 1, 1, 1))
        last.bias.mul_(gain).add_(.5 - gain * channels.mean(dim=1))
    return network


def write_weights(folder: Path, quick: bool) -> dict[str, str]:
    """Write files of random weights; return the hook's arguments that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    networks = dict(gan=random_rrdbnet(quick, GAN_SPREAD),
                    mse=random_rrdbnet(quick, MSE_SPREAD),
                    discriminator=_build(QUICK_UNET if quick else UNET))
    paths = {}
    for name, network in networks.items():
        paths[f'{name}_checkpoint'] = str(folder / f'{name}.pth')
        torch.save(dict(params=network.state_dict()), folder / f'{name}.pth')
    return paths


def write_vgg19(folder: Path) -> None:
    """Put random weights where torchvision looks for VGG19's before it fetches them.

    Args:
        folder (Path): ``TORCH_HOME``. The perceptual loss is then a loss of that cost.
    """
    from torchvision.models import VGG19_Weights, vgg19  # type: ignore[import-untyped]
    with torch.device('meta'):
        shapes = {name: value.shape for name, value in vgg19().state_dict().items()}
    state = {name: torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if name.startswith('features.') and len(shape) == 4:
            state[name] = nn.init.kaiming_normal_(torch.empty(shape))
    target = folder / 'hub' / 'checkpoints' / Path(VGG19_Weights.IMAGENET1K_V1.url).name
    target.parent.mkdir(parents=True)
    torch.save(state, target)


def _build(config: dict) -> nn.Module:
    import mmagic.models  # noqa: F401  (registers them)
    return MODELS.build(dict(config, _scope_='mmagic'))
