"""Artifact figures as a metric, for MMagic's evaluator and for mmengine's."""
from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..detectors import build_detector
from ..generators import Upscaler, build_generator, load_weights
from ..generators.wrappers import generator_of

MODEL_ORDER = 'img_output_channel_order'
"""Where MMagic's data samples say in which channel order the model took its input."""


class DeSRADetector(BaseMetric):
    """Reports how many artifacts a GAN-SR model makes (DeSRA, ICML 2023).

    The MSE-SR reference comes from the data sample (``mse_img``; with MMagic,
    ``PackInputs(data_keys=['mse_img'])``, loaded as RGB unless ``mse_img_channel_order`` is
    packed, too, and says otherwise) where it has one, else from a frozen generator filled from
    ``mse_checkpoint``. Reported under the prefix ``DeSRA``:
    ``artifact_images`` and ``artifact_area`` (shares of images and of pixels, in [0, 1]) and
    ``regions`` (a count). Images are not kept between samples.

    Args:
        mse_checkpoint (str, optional): Weights of the MSE-trained generator.
        mse_generator (str | dict, optional): Its type or config, see
            :func:`mmdesra.generators.build_generator`. Default: a copy of the evaluated
            model's own generator, which only MMagic's evaluator shows to its metrics.
        detector (str | dict): The detector. Default: 'DeSRA'.
        tile (int): See :class:`mmdesra.generators.Upscaler`.
        pred_key (str): Key of the prediction in a data sample. Default: 'pred_img'.
        mse_key (str): Key of a stored MSE-SR image in a data sample. Default: 'mse_img'.
        collect_device (str): As for ``BaseMetric``.
        prefix (str, optional): As for ``BaseMetric``.
    """

    default_prefix = 'DeSRA'

    # What MMagic's evaluator asks of a metric, so that this one need not inherit from MMagic's.
    SAMPLER_MODE = 'normal'
    sample_model = 'orig'

    def __init__(self,
                 mse_checkpoint: str | None = None,
                 mse_generator: str | dict | None = None,
                 detector: str | dict = 'DeSRA',
                 tile: int = 0,
                 pred_key: str = 'pred_img',
                 mse_key: str = 'mse_img',
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device, prefix)
        self.mse_checkpoint = mse_checkpoint
        self.detector = build_detector(detector)
        self.tile = tile
        self.pred_key = pred_key
        self.mse_key = mse_key
        self.size: int | None = None
        self._mse: Upscaler | None = None
        if mse_generator is not None:
            self._set_mse(build_generator(mse_generator))

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Called by MMagic's evaluator: remember the size, copy the generator."""
        self.size = len(dataloader.dataset)
        if self._mse is None and self.mse_checkpoint is not None:
            self._set_mse(deepcopy(generator_of(module)))
        if self._mse is not None:
            parameter = next(module.parameters(), None)
            self._mse.generator.to('cpu' if parameter is None else parameter.device)

    def get_metric_sampler(self, model: nn.Module, dataloader: DataLoader,
                           metrics: Sequence) -> DataLoader:
        """Called by MMagic's evaluator: samples come from the dataloader as they are."""
        return dataloader

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Detect the artifacts of a batch and keep their counts.

        Raises:
            ValueError: If a sample has no MSE-SR reference and none can be made.
        """
        for sample in data_samples:
            gan = _to_rgb(sample.get('output', sample)[self.pred_key], _order_of_outputs(sample))
            detection = self.detector.detect(gan, self._reference(sample))
            self.results.append(dict(regions=len(detection.regions), area=detection.area,
                                     pixels=detection.mask.size))

    def evaluate(self, size: int | None = None) -> dict:
        """Return the figures over all processes; MMagic's evaluator gives no size."""
        size = self.size if size is None else size
        return super().evaluate(len(self.results) if size is None else size)

    def compute_metrics(self, results: list[dict]) -> dict:
        """Sum up the counts."""
        regions = np.array([result['regions'] for result in results])
        area = sum(result['area'] for result in results)
        return dict(artifact_images=float((regions > 0).mean()),
                    artifact_area=area / sum(result['pixels'] for result in results),
                    regions=int(regions.sum()))

    def _set_mse(self, generator: nn.Module) -> None:
        if self.mse_checkpoint is None:
            raise ValueError('mse_generator was given without mse_checkpoint: random weights are '
                             'no reference')
        load_weights(generator, self.mse_checkpoint)
        self._mse = Upscaler(generator.requires_grad_(False), self.tile)

    def _reference(self, sample: dict) -> np.ndarray:
        if self.mse_key in sample:
            order = sample.get(f'{self.mse_key}_channel_order', 'rgb')
            return _to_rgb(sample[self.mse_key], order)
        if self._mse is None:
            raise ValueError(
                f'the data sample has no {self.mse_key!r}, and there is no MSE-trained generator '
                'to make it with: give mse_checkpoint (and mse_generator, unless the metric runs '
                "in MMagic's Evaluator)")
        lq = _to_rgb(sample['input'], _order_of_outputs(sample))
        if sample.get(MODEL_ORDER, 'rgb').lower() == 'bgr':
            return self._mse(lq[..., ::-1])[..., ::-1]
        return self._mse(lq)


def _order_of_outputs(sample: dict) -> str:
    # Whatever its model takes, MMagic hands inputs and predictions to metrics as BGR.
    return 'bgr' if MODEL_ORDER in sample else 'rgb'


def _to_rgb(image: Tensor | np.ndarray, order: str) -> np.ndarray:
    """(3, H, W) or (1, 3, H, W) in [0, 255], any dtype, RGB or BGR, to uint8 (H, W, 3) RGB."""
    values = torch.as_tensor(image)
    values = values[0] if values.ndim == 4 else values
    values = values if values.dtype == torch.uint8 else values.float().round().clamp(0, 255)
    pixels = values.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels[..., ::-1] if order.lower() == 'bgr' else pixels)
