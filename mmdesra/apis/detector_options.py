"""The command-line options that decide the masks: the detector and the label maps."""
from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from mmengine.dist import is_main_process

from ..detectors import DETECTORS, AreaLimit, BaseDetector, build_detector, build_labels
from ..errors import InputError
from ..files.configs import import_types, read_config, settings_of
from ..segmentors import LabelSource
from ..segmentors.build import label_folder
from .command_line import KeyValues, check_device

DETECTOR_HELP = ('the detector: a registered name (%(names)s), a config file with '
                 'detector = dict(type=...), or such a dict as JSON')


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide the masks."""
    group = parser.add_argument_group('detection')
    group.add_argument('--detector', default='DeSRA', metavar='NAME_OR_CONFIG',
                       help=detector_help() + ' (default: %(default)s)')
    group.add_argument('--detector-options', nargs='+', action=KeyValues, metavar='KEY=VALUE',
                       help='arguments of the detector, e.g. threshold=0.6 form=printed')
    group.add_argument('--custom-imports', nargs='+', metavar='MODULE_OR_FILE',
                       help='modules or .py files that define detectors of your own')
    group.add_argument('--threshold', type=float, metavar='T',
                       help='a pixel is an artifact where the map is below T (DeSRA and others '
                       "whose low values mean artifact) or above T (default: the detector's own; "
                       'DeSRA: 0.7)')
    group.add_argument('--min-area', type=_area, metavar='A',
                       help="drop regions up to this area: SR pixels (4000, as released), a share "
                       "of the image (0.4%), or auto, by the image's size (default): "
                       f'{AreaLimit.by_size()}'.replace('%', '%%'))
    group.add_argument('--form', choices=('released', 'printed'),
                       help='DeSRA only: the formula of D in the released code (default), or the '
                       'one printed in the paper')
    group.add_argument('--class-table', metavar='FILE',
                       help="DeSRA only: the bin of each class of the label maps, as a CSV or the "
                       "authors' SSIM_MSE_GAN_threshold.txt (default: the published ADE20K table)")
    add_label_options(parser)


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where label maps come from."""
    group = parser.add_argument_group('semantic step (default: off)')
    group.add_argument('--labels', metavar='DIR', help='8-bit label maps (ADE20K classes 0-149, '
                       '255 = none), matched by file stem')
    add_label_offset(group)
    add_segmentor_options(group)


def add_segmentor_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that name a segmenter."""
    group.add_argument('--segmentor', metavar='NAME_OR_CONFIG',
                       help="make the label maps with a segmenter: segformer-b5 (the paper's), an "
                       'mmseg config file, or a name such as mmseg::segformer/...; it is run only '
                       'on images whose mask it can change')
    group.add_argument('--segmentor-checkpoint', metavar='FILE',
                       help="the segmenter's weights (default: downloaded from where mmseg "
                       'publishes them)')
    group.add_argument('--segmentor-batch-size', type=int, default=1, metavar='N',
                       help='images that the segmenter labels together (default: %(default)s)')


def add_label_offset(group: argparse._ArgumentGroup) -> None:
    """Add the option that says which stored value means the first class."""
    group.add_argument('--label-offset', type=int, metavar='N', help='the value of the first '
                       'class in the label maps: 0, or 1 for maps like the annotations of ADE20K '
                       '(1-150, 0 = none; reduce_zero_label in mmseg). Default: 1 if a map holds '
                       '150, else 0; the value used is printed')


def detector_help() -> str:
    """Return the help text of an option that names a detector."""
    return DETECTOR_HELP % dict(names=', '.join(sorted(DETECTORS.module_dict)))


def detector_from(args: argparse.Namespace) -> BaseDetector:
    """Build the detector that the options of :func:`add_detector_options` describe."""
    import_custom(args.custom_imports or [])
    check_device(args.device)
    config = read_detector(args.detector)
    config.update(args.detector_options or {})
    for name in ('threshold', 'min_area', 'form', 'class_table'):
        value = getattr(args, name)
        if value is not None:
            config[name] = value
    return build_detector(config, device=args.device, half=args.half)


def read_detector(text: str) -> dict:
    """Read a detector's config: a registered name, JSON, or a config file.

    Raises:
        InputError: If it is none of these.
    """
    if text.lstrip().startswith('{'):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f'{text}: expected a detector as JSON ({error})') from error
    if not text.endswith(('.py', '.json', '.yaml', '.yml')):
        return dict(type=text)
    settings = settings_of(read_config(text))
    config = settings.get('detector', settings)
    if isinstance(config, (str, type)):
        return dict(type=config)
    if not isinstance(config, Mapping) or 'type' not in config:
        raise InputError(f'{text}: expected detector = dict(type=..., ...)')
    import_types(config, text)
    return dict(config)


def import_custom(names: list[str]) -> None:
    """Import modules by name, from the working folder too, or from ``.py`` files.

    Raises:
        InputError: If one of them cannot be imported.
    """
    for name in names:
        try:
            _import(name)
        except Exception as error:  # a module is a program
            raise InputError(f'--custom-imports {name}: cannot be imported '
                             f'({type(error).__name__}: {error})') from error


def _import(name: str) -> None:
    if not name.endswith('.py'):
        if '' not in sys.path:
            sys.path.append('')
        importlib.import_module(name)
        return
    stem = Path(name).stem
    spec = importlib.util.spec_from_file_location(stem, name)
    assert spec and spec.loader  # as its name ends with .py
    module = importlib.util.module_from_spec(spec)
    known = sys.modules.setdefault(stem, module)  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if known is module:
            del sys.modules[stem]
        raise


def labels_from(args: argparse.Namespace, detector: BaseDetector) -> LabelSource | None:
    """Open the source of label maps that the options name, or print that there is none.

    Raises:
        InputError: If two sources are named, the one named cannot be opened, or weights are
            given without a segmenter.
    """
    if args.labels and args.segmentor:
        raise InputError('expected label maps from either --labels or --segmentor, got both')
    check_segmentor_options(args)
    if args.labels:
        return build_labels(detector, label_folder(args.labels, args.label_offset))
    if args.segmentor:
        check_device(args.device)
        return build_labels(detector, dict(
            config=args.segmentor, checkpoint=args.segmentor_checkpoint,
            batch_size=args.segmentor_batch_size, half=args.half, device=args.device))
    if detector.uses_labels and is_main_process():
        print('semantic step: OFF (no --labels, no --segmentor); textured classes such as trees '
              'or grass are judged as strictly as sky', file=sys.stderr)
    return None


def check_segmentor_options(args: argparse.Namespace) -> None:
    """Refuse options without effect: weights without a segmenter, an offset without label maps.

    Raises:
        InputError: If there is one.
    """
    offset = getattr(args, 'label_offset', None)
    if offset is not None and not (getattr(args, 'labels', None)
                                   or getattr(args, 'labels_dir', None)):
        raise InputError(f'--label-offset {offset}: has no effect without label maps; give '
                         'them, too')
    if args.segmentor_checkpoint and not args.segmentor:
        raise InputError(f'--segmentor-checkpoint {args.segmentor_checkpoint}: give the segmenter '
                         'that these weights belong to, too (--segmentor)')


def _area(text: str) -> AreaLimit:
    try:
        return AreaLimit.parse(text)
    except InputError as error:  # argparse would hide the message of any other error
        raise argparse.ArgumentTypeError(str(error)) from error
