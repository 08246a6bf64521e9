"""Images as the mathematics takes them."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_tensor(image: np.ndarray) -> Tensor:
    """Return an image of shape ``(H, W, 3)`` as a tensor of shape ``(3, H, W)``, same dtype."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
