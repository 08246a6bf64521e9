"""Training data that are yet to be made."""
from __future__ import annotations

from torch.utils.data import Dataset

from ..errors import InputError
from .pseudo_gt_dataset import PseudoGTDataset


class AwaitedPseudoGTs(Dataset):
    """Stands in a training config where the pseudo GTs will be, around the original dataset.

    The training loop opens its data before any hook can act; ``DeSRAFinetuneHook`` makes the
    pseudo GTs after that and swaps them in. The original data need not exist.

    Args:
        dataset (dict, optional): Config of the original dataset. It is not built.
    """

    def __init__(self, dataset: dict | None = None) -> None:
        self.dataset = dataset

    @property
    def metainfo(self) -> dict:
        """dict: That of the pseudo GTs; a resumed run is told that its data are those it had."""
        return dict(PseudoGTDataset.METAINFO)

    def __len__(self) -> int:
        """One, for samplers that refuse an empty dataset."""
        return 1

    def __getitem__(self, index: int) -> dict:
        """Not asked for in a run with the hook; a worker that reads ahead is not waited for.

        Raises:
            InputError: Always.
        """
        raise InputError(
            'AwaitedPseudoGTs: holds no samples. Pseudo GTs are put in its place by '
            'DeSRAFinetuneHook, which must be among the custom_hooks; for an original_share, '
            'train_dataloader.dataset must be the original dataset itself')
