"""The user's own photographs as ground truths, in a fine-tuning run."""
from __future__ import annotations

from collections.abc import Mapping

from mmengine.runner import Runner

from ..datasets.own_truths import OwnTruths
from ..errors import InputError
from ..files.listing import ImageInputs
from ..generators import image_sizes_of
from ..generators.wrappers import generator_of
from ..models.loss_by_source import LossBySource
from .truth_loss import build_truth_loss, mark_truths, take_truth_loss


class OwnTruthsOfRun:
    """Opens the photographs, and puts the loss on them beside the model's own.

    Args:
        share (float): Their share in each batch, in [0, 1). With 0 nothing is done.
        photographs (str | Sequence[str]): A folder, a file, a pattern, or several.
        degradation (str): How they are reduced.
        loss (Mapping, optional): Arguments of :class:`TruthLoss`.
        recursive (bool): Whether to read sub-folders, too.
    """

    def __init__(self, share: float, photographs: ImageInputs, degradation: str,
                 loss: Mapping | None, recursive: bool) -> None:
        self.share = share
        self._photographs = photographs
        self._degradation = degradation
        self._recursive = recursive
        self._truth_loss = build_truth_loss(loss) if share else None
        self._loss: LossBySource | None = None
        vgg16 = (loss or {}).get('vgg16_weights') if share else None
        self.weights_files = {'truth loss (vgg16)': vgg16}

    def open(self, runner: Runner, gt_patch_size: int) -> OwnTruths | None:
        """Open the photographs; let the model take its loss on them.

        Args:
            runner (Runner): The run, before its training data are swapped in.
            gt_patch_size (int): Side of the GT patches in px.

        Raises:
            InputError: If the model has no pixel loss, or does not enlarge.
        """
        if self._truth_loss is None:
            return None
        scale = image_sizes_of(generator_of(runner.model)).scale
        if scale < 2:
            raise InputError('DeSRAFinetuneHook: truth_share needs a generator that enlarges, got '
                             f'one of scale {scale}: the truths are reduced to make its LR images')
        self._loss = take_truth_loss(runner.model, self._truth_loss)
        if not self._truth_loss.is_perceptual:
            runner.logger.info("DeSRA: the loss on truths has no perceptual term; give VGG16's "
                               'weights (--vgg16-weights) to have one')
        return OwnTruths(self._photographs, gt_patch_size, scale, self._degradation,
                         recursive=self._recursive)

    def mark(self, runner: Runner, data_batch: object) -> None:
        """Tell the loss which samples of the next batch have the truth for a target."""
        if self._loss is not None and isinstance(data_batch, Mapping):
            device = next(runner.model.parameters()).device
            mark_truths(self._loss, data_batch, device)
