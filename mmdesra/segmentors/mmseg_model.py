"""An mmseg model on RGB arrays, without a trace in the process around it."""
from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from ..errors import InputError
from ..files.download import fetch_weights
from ..generators.checkpoint import (
    fill_weights,
    fingerprint,
    read_checkpoint,
    report_weights,
)
from ..generators.safe_loading import SafeLoading
from . import logits as logit_maps
from .mmseg_config import (
    array_pipeline,
    class_names,
    model_config,
    published_weights,
    read_mmseg_config,
)

logger = logging.getLogger('mmdesra')


class MMSegModel:
    """A segmentation model of mmseg, by config and checkpoint.

    mmengine's default scope, which a runner of another project may have set, stays as it is.

    Args:
        config (str | Path): A config file, a config of a package (``mmseg::segformer/…``), or
            ``segformer-b5``, the paper's. A config is a program: it is run.
        checkpoint (str | Path, optional): Weights for the whole model: mmseg's (of mmengine or
            mmcv), or a bare state dict; never run as code. Default: those of the package's
            model zoo, downloaded once.
        classes (Sequence[str], optional): Names in the order of the model's labels. Default:
            as the checkpoint says, else as the config's data set has them.
        batch_size (int): Images of one size run together.
        half (bool): Autocast to half precision (float16 on CUDA, bfloat16 on the CPU).
        device (str, optional): Default: CUDA where there is one.
        random_weights (bool): Take no weights at all, which only tests of the plumbing want.

    Attributes:
        class_names (tuple[str, ...]): Of the labels, in order, stripped.
        model (nn.Module): In evaluation mode.

    Raises:
        InputError: If the model cannot be built or its classes are not known.
        DownloadError: If its published weights cannot be fetched.
        CheckpointError: If the checkpoint is damaged, unsafe, or does not fill the model.
    """

    def __init__(self,
                 config: str | Path,
                 checkpoint: str | Path | None = None,
                 classes: Sequence[str] | None = None,
                 batch_size: int = 1,
                 half: bool = False,
                 device: str | None = None,
                 random_weights: bool = False) -> None:
        if batch_size < 1:
            raise InputError(f'expected a batch size of at least 1, got {batch_size}')
        self.config = str(config)
        self.batch_size = batch_size
        self.half = half
        self.weights_file: str | Path | None = None
        self.device = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
        parsed = read_mmseg_config(self.config)
        source: str | Path = config
        content: Mapping = {}
        if random_weights:
            logger.warning('%s: RANDOM weights, its labels mean nothing', self.config)
        else:
            source = checkpoint or _fetch(self.config)
            content = read_checkpoint(source)
            self.weights_file = source
        self.model, self._pipeline = _build(parsed)
        if not random_weights:
            report_weights(source, fill_weights(self.model, content, source, 'segmenter'))
        self.model.requires_grad_(False).eval().to(self.device)
        self.class_names = _check_classes(classes or class_names(parsed, content), self.model,
                                          source)
        self._settings = repr((model_config(parsed), array_pipeline(parsed)))

    def label(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Label images with the model's classes.

        Args:
            images (Sequence[np.ndarray]): uint8, shape ``(H, W, 3)``, RGB, of any sizes.

        Returns:
            list[np.ndarray]: int16, shape ``(H, W)``: indices of :attr:`class_names`.

        Raises:
            ValueError: If the model returns NaN or infinity.
        """
        labels: list = [None] * len(images)
        for index, sample in self._predict(images):
            logits = sample.seg_logits.data
            if len(logits) == 1:  # one logit for two classes: mmseg has applied its threshold
                found = sample.pred_sem_seg.data[0].to(torch.int16)
            else:
                found = logit_maps.strongest_class(logits.float(), images[index].shape[:2],
                                                   self.model.align_corners)
            labels[index] = found.cpu().numpy()
        return labels

    def class_probability(self, image: np.ndarray, name: str) -> np.ndarray:
        """Return the probability of one class: the softmax of the logits at the image's size.

        Args:
            image (np.ndarray): uint8, shape ``(H, W, 3)``, RGB.
            name (str): One of :attr:`class_names`.

        Returns:
            np.ndarray: float32 in [0, 1], shape ``(H, W)``.

        Raises:
            InputError: If the model has no such class.
            ValueError: If the model returns NaN or infinity.
        """
        class_index = self.class_index(name)
        _, sample = next(self._predict([image]))
        logits = sample.seg_logits.data.float()
        if len(logits) == 1:  # mmseg has turned it into the probability of the second class
            probability = logits[0] if class_index == 1 else 1 - logits[0]
        else:
            probability = logit_maps.class_probability(logits, class_index, image.shape[:2],
                                                       self.model.align_corners)
        return probability.cpu().numpy()

    def class_index(self, name: str) -> int:
        """Return the label of a class.

        Raises:
            InputError: If the model has no such class.
        """
        if name.strip() not in self.class_names:
            raise InputError(f'{self.config}: has no class {name!r}; it has '
                             f'{", ".join(self.class_names)}')
        return self.class_names.index(name.strip())

    def describe(self) -> dict:
        """Return what decides the labels, for manifests."""
        return dict(config=self.config, half=self.half, weights_sha256=fingerprint(self.model),
                    settings_sha256=hashlib.sha256(self._settings.encode()).hexdigest())

    def _predict(self, images: Sequence[np.ndarray]) -> Iterator[tuple[int, Any]]:
        """Yield the place of each image and mmseg's data sample, with logits to be enlarged."""
        for batch in _batches([image.shape for image in images], self.batch_size):
            inputs, samples = zip(*(self._prepare(images[index]) for index in batch))
            yield from zip(batch, self._run(list(inputs), list(samples)))

    def _prepare(self, image: np.ndarray) -> tuple[Tensor, Any]:
        packed = self._pipeline(dict(img=np.ascontiguousarray(image[..., ::-1])))
        inputs, sample = packed['inputs'], packed['data_samples']
        if self.model.out_channels > 1:
            # mmseg enlarges the logits of all classes to this size at once; see .logits.
            sample.set_metainfo(dict(ori_shape=tuple(inputs.shape[-2:])))
        return inputs, sample

    @torch.no_grad()
    def _run(self, inputs: list[Tensor], samples: list) -> list:
        dtype = torch.float16 if self.device.type == 'cuda' else torch.bfloat16
        with torch.autocast(self.device.type, dtype, enabled=self.half):
            results = self.model.test_step(dict(inputs=inputs, data_samples=samples))
        if not all(bool(torch.isfinite(result.seg_logits.data).all()) for result in results):
            raise ValueError('the segmenter returned NaN or infinity'
                             + (' (half precision is on)' if self.half else ''))
        return results


def _fetch(config: str) -> Path:
    url = published_weights(config)
    if url is None:
        raise InputError(f'{config}: no weights are published under this name; give a '
                         'checkpoint (--segmentor-checkpoint FILE)')
    return fetch_weights(url, 'give the file as checkpoint (--segmentor-checkpoint FILE)')


def _build(config: Config) -> tuple[Any, Callable[[dict], dict]]:
    """Build model and test pipeline in the scope of the config, and leave that scope."""
    from mmengine.dataset import Compose
    from mmengine.registry import MODELS, DefaultScope
    scope = config.get('default_scope') or 'mmseg'
    with DefaultScope.overwrite_default_scope(scope), warnings.catch_warnings():
        # mmseg warns its own developers, and of losses that nothing is trained with here.
        warnings.filterwarnings('ignore', module=r'mmseg\.models\.(builder|losses)')
        try:
            with SafeLoading():
                return MODELS.build(model_config(config)), Compose(array_pipeline(config))
        except InputError:
            raise
        except Exception as error:  # a model of somebody's may fail in any way
            raise InputError(f'{config.filename}: its model cannot be built '
                             f'({type(error).__name__}: {error})') from error


def _check_classes(names: Sequence[str] | None, model: nn.Module,
                   source: str | Path) -> tuple[str, ...]:
    if not names:
        raise InputError(f'{source}: names no classes, and neither does the data set of the '
                         'config; give their names (classes)')
    if len(names) != model.num_classes:
        raise InputError(f'{source}: names {len(names)} classes, but the model tells '
                         f'{model.num_classes} apart')
    return tuple(name.strip() for name in names)


def _batches(shapes: Sequence[tuple], batch_size: int) -> Iterator[list[int]]:
    """Yield the places of up to ``batch_size`` images of one shape."""
    groups: dict[tuple, list[int]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(index)
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield group[start:start + batch_size]
