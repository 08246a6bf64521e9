"""Artifact figures as a metric, for MMagic's evaluator and for mmengine's."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from torch import nn
from torch.utils.data import DataLoader

from ..detectors import BaseDetector, build_detector, build_labels, detect_image
from ..files import ImageError
from ..generators import (
    Reference,
    Sibling,
    Upscaler,
    build_reference,
    load_generator,
    load_weights,
    make_reference,
)
from ..generators.checkpoint import refuse_address
from ..generators.reference import (
    HOW_TO_GET_ONE,
    ReferenceSpec,
    check_reference,
    refuse_both,
)
from ..generators.wrappers import generator_of, result_generator_of
from ..segmentors import LabelSource
from .image_figures import ImageFigures, sum_up
from .image_sums import Known
from .judge import Judge
from .known_masks import GT_KEY, KnownMasks
from .perceptual import build_perceptual
from .sample_arrays import MODEL_ORDER, order_of_outputs, path_of, to_labels, to_rgb
from .truth_table import NO_PERCEPTUAL

logger = logging.getLogger('mmdesra')


class DeSRADetector(BaseMetric):
    """Reports how many artifacts a GAN-SR model makes (DeSRA, ICML 2023).

    The MSE-SR reference comes from the data sample (``mse_img``; with MMagic,
    ``PackInputs(data_keys=['mse_img'])``, loaded as RGB unless ``mse_img_channel_order`` is
    packed, too, and says otherwise) where it has one, else from a frozen generator filled from
    ``mse_checkpoint``, or it is another ``reference``. Reported under the prefix ``DeSRA``:

    - ``artifact_images`` and ``artifact_area`` (shares of images and of pixels, in [0, 1]),
      ``regions`` (a count);
    - ``IoU``, ``Precision``, ``Recall``, in [0, 1], over the samples with a human mask
      (``gt_mask``, or a file of ``gt_mask_dir``); see :func:`mmdesra.ops.scores.score_mask`;
    - ``RemovalRate``, ``AdditionRate``, at least 0, over the samples with a mask from before
      fine-tuning (``mask_before``, or a file of ``mask_before_dir``);
    - ``DetailKept``, at least 0, over those that also have the GAN-SR image from before
      (``img_before``, in the channel order of ``mse_img``, or a file of ``img_before_dir``);
      see :func:`mmdesra.ops.detail_outside`. Over the same samples ``excess_left``, at least 0,
      and the counts ``gone``, ``faded`` and ``left``; see :func:`mmdesra.ops.region_fates`;
    - ``texture_error_inside``, ``texture_above_inside`` (in grey levels of 255),
      ``psnr_inside`` (in dB), with ``perceptual`` also ``perceptual_inside``, and the same with
      ``_outside``, over the samples with a ground truth (``gt_key``, or a file of ``gt_dir``):
      how far the predictions are from it inside the masks from before fine-tuning (where no
      sample has one: inside their own) and outside. With ``_before`` and ``_reference`` at the
      end: the same of the images from before and of the MSE-SR images. ``farther_by_texture``,
      ``farther_by_perceptual`` (and ``…_before``), in [0, 1]: the share of the regions in which
      they are farther from the truth than the MSE-SR image is.

    A figure without a denominator (nothing detected, nothing to remove) is nan. The folders
    ``mask_before`` and ``gan_before`` that :class:`DeSRAFinetuneHook` leaves in
    ``WORK_DIR/heldout`` are such folders. Files are matched by the stem of the sample's
    ``img_path``. Images are not kept between samples.

    Args:
        mse_checkpoint (str, optional): Weights of the MSE-trained generator.
        mse_generator (str | dict, optional): Its type or config, see
            :func:`mmdesra.generators.load_generator`. Default: a copy of the evaluated model's
            own generator, which only MMagic's evaluator shows to its metrics.
        detector (str | dict): The detector. Default: 'DeSRA'.
        segmentor (str | dict, optional): Source of label maps for the semantic step, see
            :func:`mmdesra.segmentors.build_segmentor`. A label map in the data sample
            (``labels``) goes before it.
        gt_mask_dir (str, optional): Folder of human masks.
        mask_before_dir (str, optional): Folder of masks from before fine-tuning.
        img_before_dir (str, optional): Folder of GAN-SR images from before fine-tuning.
        img_dir (str, optional): Folder of the samples' images: those in its sub-folders are
            matched by sub-folder and stem. Default: by stem alone.
        gt_dir (str, optional): Folder of ground truths.
        perceptual (str | dict, optional): Perceptual distance to the ground truths, such as
            ``dict(type='LPIPS', net='alex', backbone_weights='alexnet.pth')``, see
            :func:`mmdesra.evaluation.perceptual.build_perceptual`. Without one this is said
            once.
        tile (int): See :class:`mmdesra.generators.Upscaler`.
        half (bool): Half precision for the reference's generator.
        pred_key (str): Key of the prediction in a data sample. Default: 'pred_img'.
        mse_key (str): Key of a stored MSE-SR image in a data sample. Default: 'mse_img'.
        gt_key (str): Key of the ground truth in a data sample. Default: 'gt_img'.
        skip_unusable (bool): Report an image that cannot be judged (it has no label map, say),
            and leave it out, instead of raising: it must not end a training that validates.
            Default: False.
        collect_device (str): As for ``BaseMetric``.
        prefix (str, optional): As for ``BaseMetric``.
        reference (str | dict, optional): Instead of a sibling: ``'self-ensemble'``, or a dict
            with the type and arguments of a reference, see
            :func:`mmdesra.generators.build_reference`.
        gan_checkpoint (str, optional): With ``reference``: weights of the GAN-trained generator
            that it is made of; the ``mse_generator``, if one is given. Default: those of the
            evaluated model when it is first evaluated. While it trains, give its weights from
            before.
    """

    default_prefix = 'DeSRA'

    # MMagic's evaluator asks for these; with them the metric need not derive from MMagic's class.
    SAMPLER_MODE = 'normal'
    sample_model = 'orig'

    def __init__(self,
                 mse_checkpoint: str | None = None,
                 mse_generator: str | dict | None = None,
                 detector: str | dict = 'DeSRA',
                 segmentor: str | dict | LabelSource | None = None,
                 gt_mask_dir: str | None = None,
                 mask_before_dir: str | None = None,
                 img_before_dir: str | None = None,
                 img_dir: str | None = None,
                 gt_dir: str | None = None,
                 perceptual: str | dict | BaseDetector | None = None,
                 tile: int = 0,
                 half: bool = False,
                 pred_key: str = 'pred_img',
                 mse_key: str = 'mse_img',
                 gt_key: str = GT_KEY,
                 skip_unusable: bool = False,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 reference: ReferenceSpec | None = None,
                 gan_checkpoint: str | None = None) -> None:
        super().__init__(collect_device, prefix)
        for checkpoint in (mse_checkpoint, gan_checkpoint):
            refuse_address(checkpoint)
        refuse_both(mse_checkpoint, reference)
        if reference is not None:
            check_reference(reference)
        elif gan_checkpoint is not None:
            raise ValueError('gan_checkpoint was given without a reference to make with it')
        self.mse_checkpoint = mse_checkpoint
        self.reference = reference
        self.gan_checkpoint = gan_checkpoint
        self.detector = build_detector(detector)
        self.labels = build_labels(self.detector, segmentor)
        self.img_dir = img_dir
        self.known_masks = KnownMasks(gt_mask_dir, mask_before_dir, img_before_dir, gt_dir,
                                      gt_key, img_dir)
        self.judge = Judge(build_perceptual(perceptual))
        self.tile = tile
        self.half = half
        self.pred_key = pred_key
        self.mse_key = mse_key
        self.skip_unusable = skip_unusable
        self.size: int | None = None
        self._has_said_so = False
        self._made: Reference | None = None
        if mse_generator is not None:
            weights = mse_checkpoint or gan_checkpoint
            if weights is None:
                raise ValueError('mse_generator was given without mse_checkpoint (or reference '
                                 'and gan_checkpoint): random weights are no reference')
            self._set_reference(load_generator(mse_generator, weights))

    def prepare(self, module: nn.Module, dataloader: DataLoader) -> None:
        """Called by MMagic's evaluator: remember the size, copy the generator."""
        self.size = len(dataloader.dataset)  # type: ignore[arg-type]  # mmengine's have a length
        weights = self.mse_checkpoint or self.gan_checkpoint
        if self._made is None and weights is not None:
            generator = deepcopy(generator_of(module))
            load_weights(generator, weights)
            self._set_reference(generator)
        elif self._made is None and self.reference is not None:
            self._set_reference(deepcopy(result_generator_of(module)))
        if self._made is not None:
            parameter = next(module.parameters(), None)
            self._made.upscaler.generator.to('cpu' if parameter is None else parameter.device)

    def get_metric_sampler(self, model: nn.Module, dataloader: DataLoader,
                           metrics: Sequence) -> DataLoader:
        """Called by MMagic's evaluator: samples come from the dataloader as they are."""
        return dataloader

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Detect the artifacts of a batch and keep their counts.

        Raises:
            ImageError: If a sample has no MSE-SR reference and none can be made, if what it has
                does not fit, or if its prediction is not finite.
        """
        for sample in data_samples:
            try:
                self.results.append(self._compare(sample))
            except ImageError as error:
                if not self.skip_unusable:
                    raise
                logger.warning('skipped: %s', error)

    def evaluate(self, size: int | None = None) -> dict:
        """Return the figures over all processes; MMagic's evaluator gives no size."""
        size = self.size if size is None else size
        return super().evaluate(len(self.results) if size is None else size)

    def compute_metrics(self, results: list[ImageFigures]) -> dict:
        """Sum up the counts."""
        if self.judge.perceptual is None and not self._has_said_so and any(
                image.sums.truth for image in results):
            logger.warning('DeSRADetector: %s', NO_PERCEPTUAL)
            self._has_said_so = True
        return sum_up(results)

    def _detect(self, sample: dict, gan: np.ndarray, mse: np.ndarray) -> np.ndarray:
        if 'labels' in sample:
            return self.detector.detect(gan, mse, to_labels(sample['labels'])).mask
        return detect_image(self.detector, gan, mse, self._name(sample), self.labels).mask

    def _compare(self, sample: dict) -> ImageFigures:
        masks = self.known_masks
        try:
            gan = to_rgb(sample.get('output', sample)[self.pred_key], order_of_outputs(sample))
            before, truth = masks.before(sample), masks.truth(sample, gan)
            is_compared = truth is not None or (before is not None and before.image is not None)
            mse = None
            if self.detector.uses_mse or (is_compared and self._has_reference(sample)):
                mse = self._reference(sample, gan)
            mask = self._detect(sample, gan, gan if mse is None else mse)
            known = Known(masks.gt_mask(sample), before, mse, truth)
            return ImageFigures.of(gan, mask, known, self.judge)
        except ImageError:
            raise
        except ValueError as error:
            raise ImageError(f'{self._name(sample)}: {error}') from error

    def _set_reference(self, generator: nn.Module) -> None:
        upscaler = Upscaler(generator.requires_grad_(False), self.tile, half=self.half,
                            weights_file=self.mse_checkpoint)
        self._made = (Sibling(upscaler) if self.reference is None else
                      build_reference(self.reference, upscaler))

    def _has_reference(self, sample: dict) -> bool:
        return self.mse_key in sample or (self._made is not None and 'input' in sample)

    def _reference(self, sample: dict, gan: np.ndarray) -> np.ndarray:
        if self.mse_key in sample:
            order = sample.get(f'{self.mse_key}_channel_order', 'rgb')
            return to_rgb(sample[self.mse_key], order)
        if self._made is None or 'input' not in sample:
            missing = ('no MSE-trained generator' if self._made is None else
                       "no LR image ('input')")
            raise ValueError(
                f'the data sample has no {self.mse_key!r}, and there is {missing} to make it '
                'with: give mse_checkpoint (and mse_generator, unless the metric runs in '
                "MMagic's Evaluator), or pack mse_img into the samples; " + HOW_TO_GET_ONE)
        lq = to_rgb(sample['input'], order_of_outputs(sample))
        is_bgr = sample.get(MODEL_ORDER, 'rgb').lower() == 'bgr'
        lq, gan = (image[..., ::-1] if is_bgr else image for image in (lq, gan))
        sr = make_reference(self._made, lq, gan, self._name(sample))
        return sr[..., ::-1] if is_bgr else sr

    def _name(self, sample: dict) -> Path:
        return path_of(sample, self.img_dir) or Path('sample without a path')
