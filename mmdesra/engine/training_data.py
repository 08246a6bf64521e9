"""What a run trains on: pseudo-GT pairs, and pairs with a ground truth where they are wanted."""
from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from mmengine.config import ConfigDict
from mmengine.dist import broadcast_object_list
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ..datasets.mixed_dataset import MixedDataset
from ..datasets.own_truths import OwnTruths
from ..datasets.pseudo_gt_dataset import PseudoGTDataset
from ..datasets.pseudo_gt_folder import PseudoGTFolder
from ..errors import InputError
from ..generators import ImageSizes
from ..generators.wrappers import unwrap


class TrainingData:
    """Swaps the pairs of a pseudo-GT folder into a training loop.

    Args:
        runner (Runner): Its loop has the config's own data; they are the original ones.
        patches (dict): Arguments of :class:`PseudoGTDataset`.
        original_share (float): Share of the original data in each batch, in [0, 1).
        truths (Dataset, optional): Instead of the original data: the user's own photographs.
        truth_share (float): Their share in each batch, in [0, 1).

    Raises:
        InputError: If original data or truths are wanted and the loop counts epochs.
    """

    def __init__(self, runner: Runner, patches: dict, original_share: float,
                 truths: OwnTruths | None = None, truth_share: float = 0) -> None:
        loop = runner.train_loop
        self._iterator_type: type = type(getattr(loop, 'dataloader_iterator', None))
        name = 'truth_share' if truth_share else 'original_share'
        self.share = truth_share or original_share
        if self.share and not counts_iterations(runner):
            raise InputError(f'DeSRAFinetuneHook: {name} needs a loop that counts iterations '
                             f'(train_cfg.type IterBasedTrainLoop), got {type(loop).__name__}')
        self.patches = patches
        self.others: Any = None  # a Dataset; PyTorch's type has no length
        if self.share:
            self.others = truths if truth_share else loop.dataloader.dataset

    def swap_in(self, runner: Runner, folder: PseudoGTFolder,
                seed_offset: int = 0) -> Iterator | None:
        """Make the pairs of a folder the loop's data.

        Args:
            runner (Runner): The run.
            folder (PseudoGTFolder): The pairs.
            seed_offset (int): Added to the run's seed.

        Returns:
            Iterator | None: The batches, for a loop that counts iterations. It has started on the
            old data already, and needs them in the place of its ``dataloader_iterator``.
        """
        loop = runner.train_loop
        loop.dataloader = self._build(runner, folder, seed_offset)
        if counts_iterations(runner):
            return self._iterator_type(loop.dataloader)
        loop._max_iters = loop.max_epochs * len(loop.dataloader)  # it had counted the old data
        return None

    def _build(self, runner: Runner, folder: PseudoGTFolder, seed_offset: int) -> DataLoader:
        config = deepcopy(runner.cfg.train_dataloader)
        config.dataset = dict(type='PseudoGTDataset', data_root=str(folder.root), **self.patches)
        # runner.seed may be another one in each rank (diff_rank_seed); samplers need the same.
        seeds = [runner.seed]
        broadcast_object_list(seeds)
        seed = seeds[0] + seed_offset
        if self.others is not None:
            self._mix(config, self.others, seed, _read_by(unwrap(runner.model)))
            kind = ('photographs, as truths of their own reductions'
                    if isinstance(self.others, OwnTruths)
                    else 'samples of the original training data')
            runner.logger.info(f'DeSRA: {self.share:.2%} of each batch are of the '
                               f'{len(self.others)} {kind}')
        return runner.build_dataloader(config, seed=seed)

    def _mix(self, config: ConfigDict, others: Dataset, seed: int,
             read_by_model: dict[str, str]) -> None:
        config.dataset = MixedDataset(DATASETS.build(config.dataset), others, read_by_model)
        if isinstance(others, OwnTruths):  # what is resumed is a run on pseudo GTs
            config.dataset.metainfo = dict(PseudoGTDataset.METAINFO)
        config.sampler = dict(type='FixedShareSampler', batch_size=config.batch_size,
                              share=self.share, seed=seed)
        config.pop('batch_sampler', None)


def _read_by(model: nn.Module) -> dict[str, str]:
    """Return the tensors that a model reads beside ``gt_img``, each with the model's name."""
    is_real_esrgan = any(base.__name__ == 'RealESRGAN' for base in type(model).__mro__)
    return {'gt_unsharp': type(model).__name__} if is_real_esrgan else {}


def counts_iterations(runner: Runner) -> bool:
    """Whether the training loop is one over an endless stream of batches."""
    return hasattr(runner.train_loop, 'dataloader_iterator')


def check_patch_size(gt_patch_size: int, sizes: ImageSizes) -> None:
    """Refuse patches that a generator does not take.

    Raises:
        InputError: If the LR patches have no size that it does, naming one that would fit.
    """
    side = gt_patch_size // sizes.scale
    if gt_patch_size % sizes.scale or sizes.padded(side) != side:
        step = sizes.scale * sizes.multiple
        below = max(gt_patch_size // step * step, sizes.scale * sizes.minimum)
        raise InputError(
            f'DeSRAFinetuneHook: expected gt_patch_size to be a multiple of {step} (the generator '
            f'enlarges by {sizes.scale} and takes LR images with sides of a multiple of '
            f'{sizes.multiple} px, from {sizes.minimum} px on), got {gt_patch_size}; {below} will '
            'do')
