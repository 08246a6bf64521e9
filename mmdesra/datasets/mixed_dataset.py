"""Pseudo-GT pairs and pairs with a ground truth as one dataset."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset

from ..errors import InputError

HAS_TRUTH = 'has_truth'
"""In the metainfo of each sample: whether its target is a ground truth (else a pseudo GT)."""
READING = ('_channel_order', '_color_type')
"""Endings of the fields that say how an image was read."""


class MixedDataset(ConcatDataset):
    """The samples of two datasets, pruned to the fields they share, so that they go in one batch.

    MMagic packs what each pipeline happens to make: a pseudo-GT pair has a mask, a photograph
    degraded on the fly has not. What models read is in the original samples, so a tensor of
    theirs must be in the pseudo-GT samples too. One sample of each is looked at.

    Args:
        pseudo_gt (Dataset): (LR, pseudo-GT) pairs, after a pipeline that ends in ``PackInputs``.
        original (Dataset): The original training data, or the user's own photographs
            (:class:`OwnTruths`), likewise.
        read_by_model (Mapping[str, str]): Tensors that the model reads of every sample, each with
            the model's name: the original samples must have them.

    Raises:
        InputError: If the samples cannot go in one batch, or the first original cannot be read.
    """

    def __init__(self, pseudo_gt: Dataset, original: Dataset,
                 read_by_model: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__([pseudo_gt, original])
        try:
            of_original = _parts(original[0])
        except OSError as error:
            raise InputError(f'original training data: {error}') from error
        of_pseudo_gt = _parts(pseudo_gt[0])
        _check(of_pseudo_gt, of_original, read_by_model)
        self._shared = of_pseudo_gt.keys() & of_original.keys()
        if hasattr(original, 'metainfo'):  # goes into checkpoints; a resumed run looks for it
            self.metainfo = original.metainfo

    def __getitem__(self, index: int) -> dict:
        """Return a sample of ``inputs`` and ``data_samples``, with the shared fields alone."""
        sample = super().__getitem__(index)
        data_sample = self._pruned(sample['data_samples'])
        data_sample.set_metainfo({HAS_TRUTH: index % len(self) >= self.cumulative_sizes[0]})
        return dict(sample, data_samples=data_sample)

    def _pruned(self, data_sample: BaseDataElement) -> BaseDataElement:
        # A new sample with its fields in a fixed order. mmengine keeps the names in a set, whose
        # order depends on the sample's history, and MMagic stacks only samples of equal order.
        def shared(fields: Iterable[tuple[str, object]]) -> dict:
            return {name: value for name, value in sorted(fields) if name in self._shared}

        pruned = type(data_sample)(metainfo=shared(data_sample.metainfo_items()))
        pruned.set_data(shared(data_sample.items()))
        return pruned


def _parts(sample: object) -> dict:
    """Return the LR image under 'inputs', and the fields of the data sample."""
    sample = sample if isinstance(sample, dict) else {}
    lq, data_sample = sample.get('inputs'), sample.get('data_samples')
    if not (isinstance(lq, Tensor) and isinstance(data_sample, BaseDataElement)):
        raise InputError('original_share: expected pipelines that end in PackInputs and give one '
                         f'LR image as img, got {sorted(sample) or "something else"}')
    return dict(data_sample.all_items(), inputs=lq)


def _check(pseudo_gt: dict, original: dict, read_by_model: Mapping[str, str]) -> None:
    if 'gt_img' not in original:
        raise InputError('original_share: the original training data hold no GT (key gt); the '
                         "config's train_dataloader.dataset is not what the model was trained on")
    for name, model in read_by_model.items():
        if name not in original:
            raise InputError(
                f'original_share: {model} reads {name} of every sample, and the original training '
                'data have none; add the step that makes it to the pipeline of '
                'train_dataloader.dataset, before PackInputs, such as '
                f"dict(type='CopyValues', src_keys=['gt'], dst_keys=[{name!r}])")
    missing = [name for name, value in original.items()
               if isinstance(value, Tensor) and name not in pseudo_gt]
    if missing:
        raise InputError(f'original_share: the original training data have {", ".join(missing)}, '
                         'the pseudo-GT pairs have not; give a pipeline that adds it')
    for name in sorted(pseudo_gt.keys() & original.keys()):
        ours, theirs = pseudo_gt[name], original[name]
        if isinstance(theirs, Tensor) and ours.shape != theirs.shape:
            advice = (f'; set gt_patch_size to {theirs.shape[-1]}, what the original pipeline '
                      'crops' if name == 'gt_img' else '')
            raise InputError(
                f'original_share: expected {name} of one size, got {_size(ours)} px from the '
                f'pseudo-GT pairs and {_size(theirs)} px from the original training data{advice}')
        if name.endswith(READING) and ours != theirs:
            setting = next(ending for ending in READING if name.endswith(ending)).lstrip('_')
            raise InputError(
                f'original_share: expected {name} to be the same, got {ours} in the pseudo-GT '
                f'pairs and {theirs} in the original training data; read these alike, by '
                f'{setting}={ours!r} in the LoadImageFromFile of their pipeline')


def _size(image: Tensor) -> str:
    return f'{image.shape[-1]}x{image.shape[-2]}'
