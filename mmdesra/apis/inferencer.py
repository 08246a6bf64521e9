"""DeSRAInferencer: LR images or SR pairs in, artifact masks, maps and overlays out."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Union, cast

import numpy as np

from ..detectors import BaseDetector, Outcome, build_detector, build_labels
from ..errors import InputError
from ..files.listing import ImageInputs
from ..generators import (
    ArrayPairs,
    GeneratedPairs,
    Pair,
    PairSource,
    Reference,
    Sibling,
    StoredPairs,
    Upscaler,
    build_reference,
    enlarge,
    load_upscaler,
)
from ..generators.pairs import check_pair
from ..generators.reference import HOW_TO_GET_ONE, ReferenceSpec, check_reference, refuse_both
from ..generators.upscaler import DEFAULT_TILE_PAD
from ..segmentors import LabelSource
from ..visualization import draw_overlay
from .command_line import check_device, default_device
from .detect import detect_folder, detect_with_progress
from .results import ImageResult

Images = Union[str, Path, np.ndarray, Sequence[Union[str, Path]], Sequence[np.ndarray]]
"""A file, a folder, a pattern or an array; or a list of files and folders, or one of arrays."""

CHANNEL_ORDERS = ('rgb', 'bgr')


class DeSRAInferencer:
    """Finds the artifacts of GAN-SR images; called like mmengine's inferencers.

    From LR images, with both generators::

        inferencer = DeSRAInferencer(gan_checkpoint='RealESRGAN_x4plus.pth',
                                     mse_checkpoint='RealESRNet_x4plus.pth',
                                     generator='mmagic::real_esrgan/realesrgan_….py')
        result = inferencer('photos', out_dir='artifacts')

    From existing SR images::

        result = DeSRAInferencer()(gan='results/gan', mse='results/mse')

    Args:
        gan_checkpoint (str | Path, optional): Weights of the GAN-trained generator.
        mse_checkpoint (str | Path, optional): Weights of its MSE-trained sibling.
        generator (str | dict, optional): The generator of both, see
            :func:`mmdesra.generators.build_generator`.
        detector (str | dict): The detector. Default: 'DeSRA'.
        segmentor (str | dict, optional): Source of label maps, see
            :func:`mmdesra.segmentors.build_segmentor`. Default: no semantic step.
        tile (int): See :class:`mmdesra.generators.Upscaler`.
        tile_pad (int): See :class:`mmdesra.generators.Upscaler`.
        half (bool): Half precision for networks.
        device (str, optional): Where networks run. Default: CUDA if there is a GPU.
        channel_order (str): Channel order of arrays: ``'rgb'`` or ``'bgr'`` (as OpenCV reads).
        reference (str | dict, optional): Instead of a sibling: ``'self-ensemble'``, or a dict
            with the type and arguments of a reference, see
            :func:`mmdesra.generators.build_reference`.

    Raises:
        InputError: If only some of generator and the two checkpoints are given, or an argument
            cannot be used.
    """

    def __init__(self,
                 gan_checkpoint: str | Path | None = None,
                 mse_checkpoint: str | Path | None = None,
                 generator: str | dict | None = None,
                 detector: str | dict | BaseDetector = 'DeSRA',
                 segmentor: str | dict | LabelSource | None = None,
                 tile: int = 0,
                 tile_pad: int = DEFAULT_TILE_PAD,
                 half: bool = False,
                 device: str | None = None,
                 channel_order: str = 'rgb',
                 reference: ReferenceSpec | None = None) -> None:
        if channel_order not in CHANNEL_ORDERS:
            raise InputError(f'expected channel_order to be one of {CHANNEL_ORDERS}, got '
                             f'{channel_order!r}')
        refuse_both(mse_checkpoint, reference)
        compared_with: dict[str, Any] = dict(mse_checkpoint=mse_checkpoint)
        if reference is not None:
            compared_with = dict(reference=check_reference(reference))
        needed: dict[str, Any] = dict(gan_checkpoint=gan_checkpoint, **compared_with,
                                      generator=generator)
        missing = [name for name, value in needed.items() if value is None]
        if missing and len(missing) < len(needed):
            raise InputError(f'LR images need {", ".join(needed)}; missing: {", ".join(missing)}'
                             + f'; {HOW_TO_GET_ONE}' * ('mse_checkpoint' in missing))
        device = device or default_device()
        check_device(device)
        self.detector = build_detector(detector, device=device, half=half)
        self.labels = build_labels(self.detector, segmentor, device=device, half=half)
        self.channel_order = channel_order
        self._pair: tuple[Upscaler, Reference] | None = None
        if generator is not None and gan_checkpoint is not None and not missing:
            load = partial(load_upscaler, generator, device=device, tile=tile, tile_pad=tile_pad,
                           half=half)
            gan = load(gan_checkpoint)
            self._pair = gan, (Sibling(load(mse_checkpoint)) if mse_checkpoint is not None else
                               build_reference(compared_with['reference'], gan))
            check_pair(*self._pair)

    def __call__(self,
                 inputs: Images | None = None,
                 *,
                 gan: Images | None = None,
                 mse: Images | None = None,
                 out_dir: str | Path | None = None,
                 save_map: bool = False,
                 save_sr: bool = False,
                 report: bool = True,
                 return_vis: bool = False,
                 show_progress: bool = True,
                 recursive: bool = False) -> dict:
        """Detect on LR images, or on pairs of SR images.

        If memory cannot hold the masks of all images, use :meth:`iterate`, or the command
        ``mmdesra detect``.

        Args:
            inputs (Images, optional): LR images; arrays are uint8, shape ``(H, W, 3)``.
            gan (Images, optional): Instead: GAN-SR images.
            mse (Images, optional): With ``gan``: their MSE-SR images; files are matched by stem
                (two single files are a pair), arrays by position. Not needed for a detector that
                does not use them.
            out_dir (str | Path, optional): Where to write the files of ``mmdesra detect``;
                ``predictions`` then hold no arrays.
            save_map (bool): With ``out_dir``, see :func:`detect_folder`.
            save_sr (bool): With ``out_dir``, see :func:`detect_folder`.
            report (bool): With ``out_dir``, see :func:`detect_folder`.
            return_vis (bool): Whether to return overlays.
            show_progress (bool): Whether to show a progress bar.
            recursive (bool): Whether to read the sub-folders of folders, too.

        Returns:
            dict: ``predictions``: a dict for each image, in order, with the fields of
            :class:`ImageResult` and, without ``out_dir``, ``mask`` (bool, shape ``(H, W)``) and
            ``map`` (float32, shape ``(H, W)``). Both are None if the image was skipped; ``error``
            says why. ``visualization``: overlays, uint8, shape ``(H, W, 3)``, RGB, or an empty
            list.

        Raises:
            InputError: If the inputs are of another kind, or do not go together.
        """
        source = self._source(inputs, gan, mse, recursive)
        if out_dir is not None:
            if return_vis:
                raise InputError('expected either out_dir, which gets the overlays, or return_vis')
            self._show_passes(show_progress)
            results = detect_folder(source, self.detector, out_dir, self.labels, save_map,
                                    save_sr, report, show_progress)
            return dict(predictions=[vars(result) for result in results], visualization=[])
        found = {outcome.path: (_prediction(outcome), _overlay(outcome) if return_vis else None)
                 for outcome in self._detect(source, show_progress)}
        ordered = [found[path] for path in source.paths]
        return dict(predictions=[prediction for prediction, _ in ordered],
                    visualization=[overlay for _, overlay in ordered] if return_vis else [])

    def iterate(self, inputs: Images | None = None, *, gan: Images | None = None,
                mse: Images | None = None, show_progress: bool = False,
                recursive: bool = False) -> Iterator[Outcome]:
        """Detect on one image after the other; arguments as for a call.

        Yields:
            Outcome: The SR images, the map and the mask of one image; no other is in memory. If a
            segmenter labels in batches, the order differs from that of the inputs.
        """
        yield from self._detect(self._source(inputs, gan, mse, recursive), show_progress)

    def _show_passes(self, show_progress: bool) -> None:
        if self._pair is not None:
            self._pair[1].show_progress = show_progress

    def _detect(self, source: PairSource, show_progress: bool) -> Iterator[Outcome]:
        self._show_passes(show_progress)
        return detect_with_progress(source, self.detector, self.labels, not show_progress)

    def _source(self, inputs: Images | None, gan: Images | None, mse: Images | None,
                recursive: bool) -> PairSource:
        is_given = mse is not None
        if mse is None and not self.detector.uses_mse:
            mse = gan
        if (inputs is None) == (gan is None and mse is None) or (gan is None) != (mse is None):
            raise InputError('expected either LR images, or both gan and mse')
        if inputs is not None:
            return self._from_lq(inputs, recursive)
        gan_arrays, mse_arrays = _arrays(gan), _arrays(mse)
        if gan_arrays is None and mse_arrays is None:
            pairs = StoredPairs(cast(ImageInputs, gan), cast(ImageInputs, mse), recursive)
            if is_given and self.detector.uses_mse:
                pairs.refuse_one_set()
            return pairs
        if gan_arrays is None or mse_arrays is None or len(gan_arrays) != len(mse_arrays):
            raise InputError('expected gan and mse to be both files, or both arrays, one for one')
        return ArrayPairs(list(zip(gan_arrays, mse_arrays)),
                          lambda pair, path: Pair(*map(self._to_rgb, pair)))

    def _from_lq(self, inputs: Images, recursive: bool) -> PairSource:
        if self._pair is None:
            raise InputError('LR images need an inferencer with gan_checkpoint, mse_checkpoint '
                             f'(or reference) and generator; {HOW_TO_GET_ONE}')
        gan, mse = self._pair
        arrays = _arrays(inputs)
        if arrays is None:
            return GeneratedPairs(cast(ImageInputs, inputs), gan, mse, recursive)
        return ArrayPairs(arrays, lambda lq, path: enlarge(gan, mse, self._to_rgb(lq), path))

    def _to_rgb(self, image: np.ndarray) -> np.ndarray:
        return image[..., ::-1] if self.channel_order == 'bgr' else image


def _arrays(images: Any) -> list[np.ndarray] | None:
    """Return the arrays, or None if the inputs are files."""
    if isinstance(images, (str, Path, np.ndarray)):
        images = [images]
    if not isinstance(images, Sequence):
        raise InputError('expected a file, a folder, an array or a list of these, got '
                         f'{type(images).__name__}')
    if all(isinstance(image, (str, Path)) for image in images):
        return None
    for image in images:
        if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
                and image.shape[2] == 3):
            got = (f'{image.shape} {image.dtype}' if isinstance(image, np.ndarray)
                   else type(image).__name__)
            raise InputError(f'expected uint8 arrays of shape (H, W, 3), got {got}')
    return list(images)


def _prediction(outcome: Outcome) -> dict:
    detection = outcome.detection
    return dict(vars(ImageResult.of(outcome)), mask=detection.mask if detection else None,
                map=detection.map if detection else None)


def _overlay(outcome: Outcome) -> np.ndarray | None:
    if outcome.error:
        return None
    pair, detection = outcome.found
    return draw_overlay(np.ascontiguousarray(pair.gan), detection.mask)
