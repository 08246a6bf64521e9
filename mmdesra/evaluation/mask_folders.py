"""The folders of masks and images that are scored together."""
from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from ..errors import InputError
from ..files import ImageFolder


@dataclass(frozen=True)
class MaskFolders:
    """The folders to score, matched by file stem.

    The images of ``gt`` (without it, those of ``before``, then those of ``gt_images``) are the
    set; each needs a file in every other folder but ``gt_images``.

    Attributes:
        pred (str | Path): Detected masks; with ``before``, those after fine-tuning.
        gt (str | Path, optional): Ground truth.
        before (str | Path, optional): Masks detected before fine-tuning.
        pred_images (str | Path, optional): The SR images after, for the detail kept and the
            distance to the truth.
        before_images (str | Path, optional): The SR images before.
        mse_images (str | Path, optional): The MSE-SR images: the reference.
        gt_images (str | Path, optional): The true images. An image whose truth is missing or does
            not fit is reported, and left out of the figures that need it.

    Raises:
        InputError: If there is nothing to score against, or a folder of images is given without
            those that it would be compared with.
    """
    pred: str | Path
    gt: str | Path | None = None
    before: str | Path | None = None
    pred_images: str | Path | None = None
    before_images: str | Path | None = None
    mse_images: str | Path | None = None
    gt_images: str | Path | None = None

    def __post_init__(self) -> None:
        if self.gt is None and self.before is None and self.gt_images is None:
            raise InputError('expected something to score against: ground truth masks, masks '
                             'from before fine-tuning, or true images')
        if self.before_images is not None and (self.pred_images is None or self.before is None):
            raise InputError('expected the images after and before fine-tuning together, with '
                             'the masks from before: detail kept is measured outside those')
        if self.gt_images is not None and self.pred_images is None:
            raise InputError('expected the SR images together with the true ones that they are '
                             'compared with')
        if self.pred_images is not None and self.gt_images is None and self.before_images is None:
            raise InputError('expected the images after and before fine-tuning together, or true '
                             'images to compare those after with')
        if self.mse_images is not None and self.pred_images is None:
            raise InputError('expected the SR images together with the MSE-SR images that they '
                             'are compared with')

    @property
    def reference(self) -> str | Path:
        """str | Path: The folder whose images are the set."""
        found = next((folder for folder in (self.gt, self.before, self.gt_images)
                      if folder is not None), None)
        assert found is not None  # __post_init__ has seen to it
        return found


@dataclass(frozen=True)
class OpenFolders:
    """Where the files of :class:`MaskFolders` but the true images are looked up."""
    pred: ImageFolder
    gt: ImageFolder | None = None
    before: ImageFolder | None = None
    pred_images: ImageFolder | None = None
    before_images: ImageFolder | None = None
    mse_images: ImageFolder | None = None

    @classmethod
    def of(cls, folders: MaskFolders) -> OpenFolders:
        """Open them.

        Raises:
            ImageError: If one does not exist or holds no image.
        """
        given = {field.name: getattr(folders, field.name) for field in fields(cls)}
        return cls(**{name: ImageFolder.checked(folder) for name, folder in given.items()
                      if folder is not None})
