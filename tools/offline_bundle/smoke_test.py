"""Try an installation: detect the artifacts of a pair, build a generator of MMagic's, run it."""
from __future__ import annotations

import time

import numpy as np


def main() -> None:
    begin = time.monotonic()
    import torch

    import mmdesra
    from mmdesra.detectors import DeSRA
    rng = np.random.default_rng(0)
    mse = np.full((200, 240, 3), 120, np.uint8)
    gan = mse.copy()
    gan[50:150, 60:160] = rng.integers(60, 181, (100, 100, 3))
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    detection = DeSRA(device=device).detect(gan, mse)
    found, drawn = detection.area, 100 * 100
    if len(detection.regions) != 1 or not drawn <= found < 1.5 * drawn:
        raise SystemExit(f'error: expected the one artifact of {drawn} px, got '
                         f'{len(detection.regions)} regions, {found} px')
    print(f'mmdesra {mmdesra.__version__}, PyTorch {torch.__version__}, NumPy {np.__version__}: '
          f'detects on {device}')

    import mmagic.models  # noqa: F401
    from mmengine.registry import MODELS

    from mmdesra.generators import Upscaler
    network = MODELS.build(dict(type='RRDBNet', in_channels=3, out_channels=3, mid_channels=8,
                                num_blocks=1, growth_channels=4, _scope_='mmagic'))
    shape = Upscaler(network.to(device))(gan[:20, :24]).shape
    if shape != (80, 96, 3):
        raise SystemExit(f'error: expected an SR image of 96x80 px, got {shape}')
    print(f"MMagic's models are there: a generator ran ({time.monotonic() - begin:.0f} s in all)")


if __name__ == '__main__':
    main()
