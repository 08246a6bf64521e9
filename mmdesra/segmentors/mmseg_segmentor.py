"""Label maps from an mmseg model."""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .base import LabelSource
from .class_names import table_indices
from .mmseg_model import MMSegModel


class MMSegSegmentor(LabelSource):
    """Labels images with an mmseg model, in the classes of a table.

    Args:
        config (str | Path): See :class:`MMSegModel`; the paper's model is ``segformer-b5``.
        checkpoint (str | Path, optional): See :class:`MMSegModel`.
        class_names (Sequence[str], optional): Names in the order of the class table. Default:
            the labels stay those of the model.
        batch_size (int): See :class:`MMSegModel`.
        **options: ``classes``, ``half``, ``device``, ``random_weights``; see
            :class:`MMSegModel`.

    Attributes:
        class_names (tuple[str, ...]): What the labels mean: the table, or the model's classes.
        model (MMSegModel): The model.

    Raises:
        InputError: If the model cannot be had (see :class:`MMSegModel`), or has a class that the
            table does not know.
    """

    def __init__(self,
                 config: str | Path,
                 checkpoint: str | Path | None = None,
                 class_names: Sequence[str] | None = None,
                 batch_size: int = 1,
                 **options: Any) -> None:
        self.batch_size = batch_size
        self.model = MMSegModel(config, checkpoint, batch_size=batch_size, **options)
        self.weights_files = {'segmenter': self.model.weights_file}
        own = self.model.class_names
        self.class_names = tuple(name.strip() for name in class_names or own)
        self._indices = (table_indices(own, self.class_names) if class_names
                         else np.arange(len(own), dtype=np.min_scalar_type(len(own))))

    def label(self, images: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
        """See :meth:`LabelSource.label`."""
        return [self._indices[labels] for labels in self.model.label(images)]

    def describe(self) -> dict:
        """See :meth:`LabelSource.describe`."""
        return dict(self.model.describe(), type=type(self).__name__,
                    class_indices_sha256=hashlib.sha256(self._indices.tobytes()).hexdigest())
