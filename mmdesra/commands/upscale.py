"""Enlarge photographs with a model, as Real-ESRGAN's own script does.

  mmdesra upscale RealESRGAN_x4plus.pth photos --out results
  mmdesra upscale cured.pth photos --out results --recursive --tile 256 --outscale 2

PHOTOS may have any size, have 8 or 16 bits, and be grey or transparent; the results keep all this.
They are OUT/NAME_out.EXT (with --recursive OUT/SUBFOLDER/NAME_out.EXT). The network is recognised
by its weights (with spandrel), or named by --generator.

With --heal artifacts are found and replaced, without training, by the pixels of an MSE-trained
sibling or, if there is none, of a picture computed from several passes of the model itself:
  mmdesra upscale srgan_gan.pth photos --out results --generator SRResNet \\
      --heal --mse-checkpoint srgan_mse.pth --save-masks
  mmdesra upscale srgan_gan.pth photos --out results --generator SRResNet \\
      --heal --reference self-ensemble

After Ctrl-C or a kill, the same command with --resume goes on where it stopped.
Exit code: 0 = all images done, 1 = some were skipped (they are named), 2 = nothing was done.
"""
from __future__ import annotations

import argparse

from ..apis import command_line as cli
from ..apis.detector_options import add_detector_options, detector_from, labels_from
from ..apis.healing import DEFAULT_FEATHER, Healer
from ..apis.upscale_image import ALPHA_UPSAMPLERS
from ..apis.upscaling import (
    AUTO,
    DEFAULT_QUALITY,
    DEFAULT_SUFFIX,
    EXTENSIONS,
    Upscaled,
    upscale,
)
from ..errors import InputError
from ..generators import build_reference, load_upscaler
from ..generators.build import SPANDREL
from ..generators.reference import HOW_TO_GET_ONE, refuse_both


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('model', metavar='MODEL', help='weights (.pth or .safetensors)')
    parser.add_argument('photos', nargs='+', metavar='PHOTOS',
                        help="a folder, a file, a pattern in quotes ('photos/**/*.jpg'), or "
                        'several')
    parser.add_argument('--out', required=True, metavar='DIR', help='where the results go')
    parser.add_argument('--generator', metavar='TYPE_OR_CONFIG',
                        help='the network of MODEL: a registered type (SRResNet), or a config '
                        '(its model.generator is taken) as a path or as mmagic::real_esrgan/'
                        '....py (default: spandrel recognises it by the weights)')
    cli.add_recursive_option(parser)
    parser.add_argument('--resume', action='store_true',
                        help='continue a stopped run, which must have had the same settings')
    _add_result_options(parser)
    cli.add_tile_options(parser.add_argument_group('tiles'))
    cli.add_device_options(parser)
    heal = parser.add_argument_group('healing')
    heal.add_argument('--heal', action='store_true',
                      help='replace artifacts by the pixels of --mse-checkpoint or --reference')
    heal.add_argument('--mse-checkpoint', metavar='FILE',
                      help="weights of MODEL's MSE-trained sibling, of the same network")
    cli.add_reference_options(heal)
    heal.add_argument('--feather', type=float, default=DEFAULT_FEATHER, metavar='PX',
                      help='softness of the border around replaced pixels: the standard '
                      'deviation of a Gaussian, in SR pixels (default: %(default)g)')
    heal.add_argument('--save-masks', action='store_true',
                      help='also write mask/NAME_out.png, the mask of the pixels that were '
                      'replaced')
    add_detector_options(parser)
    return parser.parse_args()


def _add_result_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('results')
    group.add_argument('--outscale', type=float, metavar='S',
                       help='resize the result to S times the photograph (Lanczos; default: the '
                       "model's own scale)")
    group.add_argument('--suffix', default=DEFAULT_SUFFIX,
                       help="text that is added to names, after _; '' = none (default: "
                       '%(default)s)')
    group.add_argument('--ext', choices=EXTENSIONS, default=AUTO,
                       help="the results' format; auto: the photograph's, or png if that cannot "
                       'hold alpha or 16 bits (default: %(default)s)')
    group.add_argument('--quality', type=int, default=DEFAULT_QUALITY, metavar='Q',
                       help='quality of JPEG and WebP, 1 to 100 (default: %(default)s)')
    group.add_argument('--alpha-upsampler', choices=ALPHA_UPSAMPLERS, default='model',
                       help='how the alpha channel is enlarged (default: %(default)s)')


def main() -> int:
    args = parse_args()
    results = upscale(
        args.model, args.photos, args.out, args.generator, tile=args.tile,
        tile_pad=args.tile_pad, half=args.half, device=args.device, outscale=args.outscale,
        suffix=args.suffix, extension=args.ext, quality=args.quality,
        alpha_upsampler=args.alpha_upsampler, healer=_healer_from(args),
        save_masks=args.save_masks, recursive=args.recursive, resume=args.resume)
    skipped = [result.error for result in results if result.error]
    if len(skipped) == len(results):
        cli.tell_all_skipped(skipped)
        return cli.EXIT_ERROR
    _tell(args, results, len(skipped))
    return cli.EXIT_SKIPPED if skipped else 0


def _healer_from(args: argparse.Namespace) -> Healer | None:
    if not args.heal:
        for option in ('mse_checkpoint', 'reference'):
            if getattr(args, option):
                raise InputError(f'--{option.replace("_", "-")} {getattr(args, option)}: has no '
                                 'effect without --heal; give it, too')
        cli.reference_from(args)  # refuses options without a reference
        return None
    refuse_both(args.mse_checkpoint, args.reference)
    spec = cli.reference_from(args)
    if not args.mse_checkpoint and spec is None:
        raise InputError("--heal needs --mse-checkpoint, the weights of the model's MSE-trained "
                         f'sibling, or --reference; {HOW_TO_GET_ONE}')
    detector = detector_from(args)
    upscaler = load_upscaler(args.generator or SPANDREL, args.mse_checkpoint or args.model,
                             args.device, tile=args.tile, tile_pad=args.tile_pad, half=args.half)
    reference = upscaler if spec is None else build_reference(spec, upscaler)
    return Healer(detector, reference, labels_from(args, detector), args.feather)


def _tell(args: argparse.Namespace, results: list[Upscaled], skipped: int) -> None:
    done = len(results) - skipped
    print(f'{done} image{"s" * (done != 1)} in {args.out}')
    if args.heal:
        with_artifacts = [result for result in results if result.regions]
        print(f'healed: {sum(result.regions for result in results)} regions, '
              f'{sum(result.healed for result in results)} px, in {len(with_artifacts)} of them')
    if skipped:
        print(f'skipped: {skipped} of {len(results)}')
