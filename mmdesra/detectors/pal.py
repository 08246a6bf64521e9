"""Perceptual artifacts as a class of a segmentation model."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..segmentors.mmseg_model import MMSegModel
from .area import BY_SIZE, AreaLimit
from .base import BaseDetector
from .registry import DETECTORS


@DETECTORS.register_module()
class PAL(BaseDetector):
    """Perceptual artifacts localization: the probability of an artifact, by an mmseg model.

    Source: Zhang et al., "Perceptual Artifacts Localization for Inpainting", ECCV 2022 (a rival
    in DeSRA's Table 1), and "Perceptual Artifacts Localization for Image Synthesis Tasks", ICCV
    2023. Any model of mmseg that has a class of artifacts will do; its weights are the user's,
    none are brought or downloaded. The MSE-SR image is ignored.

    Unit: a probability, softmax over the model's classes. High = artifact. Large images: as the
    config's ``test_cfg`` says (sliding windows or whole).

    Args:
        config (str | Path): Config of the model, a file or ``mmseg::…``. It is run as a program.
        checkpoint (str | Path): Its weights; read with ``weights_only=True``.
        artifact_class (int | str): Index or name of the class of artifacts. Default: 1, the
            second class, as in the authors' models.
        classes (Sequence[str], optional): Names of the model's classes. Default: as checkpoint
            or config say.
        threshold (float): Default: 0.5; of two classes, the likelier one.
        min_area (float | str): See :class:`BaseDetector`.
        half (bool): Run in half precision.
        device (str, optional): Default: CUDA where there is one.

    Raises:
        InputError: If a file is missing or unfit, the model has no such class, or mmseg is not
            installed.
    """

    uses_mse = False
    margin = 0
    min_size = 32
    low_is_artifact = False

    def __init__(self,
                 config: str | Path | None = None,
                 checkpoint: str | Path | None = None,
                 artifact_class: int | str = 1,
                 classes: Sequence[str] | None = None,
                 threshold: float = 0.5,
                 min_area: float | str | AreaLimit = BY_SIZE,
                 half: bool = False,
                 device: str | None = None) -> None:
        super().__init__(threshold, min_area)
        if config is None or checkpoint is None:
            raise InputError('the detector PAL needs config and checkpoint, those of an mmseg '
                             f'model with a class of artifacts, got {config} and {checkpoint}')
        self._model = MMSegModel(config, checkpoint, classes, half=half, device=device)
        self.weights_files = {'PAL': checkpoint}
        self.artifact_class = _class_name(artifact_class, self._model)

    def artifact_map(self, gan: Tensor, mse: Tensor) -> Tensor:
        """Return the probability; see :meth:`BaseDetector.artifact_map`."""
        image = gan.permute(1, 2, 0).contiguous().numpy()
        return torch.from_numpy(self._model.class_probability(image, self.artifact_class))

    def describe(self) -> dict:
        """See :meth:`BaseDetector.describe`."""
        return dict(super().describe(), artifact_class=self.artifact_class,
                    model=self._model.describe())


def _class_name(artifact_class: int | str, model: MMSegModel) -> str:
    if isinstance(artifact_class, str):
        return model.class_names[model.class_index(artifact_class)]
    if not 0 <= artifact_class < len(model.class_names):
        raise InputError(f'{model.config}: expected artifact_class in [0, '
                         f'{len(model.class_names) - 1}], got {artifact_class}')
    return model.class_names[artifact_class]
