"""A GAN-SR model and a folder of photographs in, a cured model out.

  mmdesra cure RealESRGAN_x4plus.pth photos --out cured

Nothing else is needed: the network is recognised by its weights; large photographs are cut where
there is the most texture, and a share of them is held out; a reference is made where no
MSE-trained sibling is given; artifacts are found, pseudo GTs made, and the network is fine-tuned
on them. The result is judged on the held-out photographs and by the truth, which their reductions
have. Before it starts it says how long it will take.

DIR gets cured.pth (or .safetensors), in the very layout of MODEL; before_after.html; cure.json;
photographs.csv, what was done with each; cure.log; and work/, which can be deleted.
Stop it at any moment (Ctrl-C, kill): the same command goes on, to the same result.

Exit code: 0 = cured; 1 = cured, but some photographs were skipped, or a file beside the weights
could not be written, such as the page or the export (they are named); 2 = an error;
3 = there is nothing to cure: too few artifacts were found; 4 = it did not help: cured.pth is not
written. After 3 and 4 the model that you have is the better one.
"""
from __future__ import annotations

import argparse

from tqdm import tqdm

from ..apis import command_line as cli
from ..apis.curing.record import CURED, NOTHING, CureResult
from ..apis.curing.run import cure
from ..apis.curing.settings import EXPORTS, HELDOUT_SHARE, MAX_HOURS, REFERENCES
from ..apis.launch import in_processes, tell_stopped
from ..apis.perceptual_options import add_perceptual_options, perceptual_from
from ..apis.processes import add_launcher_options, call_in_first, joined
from ..datasets.degradations import DEGRADATIONS

EXIT_NOTHING = 3
EXIT_NO_HELP = 4
STOPPED = 'stopped: the same command goes on where it was'


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('model', metavar='MODEL', help='weights of the GAN-trained network '
                        '(.pth or .safetensors)')
    parser.add_argument('photos', metavar='PHOTOS',
                        help='a folder of photographs of any size, with its sub-folders')
    parser.add_argument('--out', required=True, metavar='DIR', help='where the results go')
    parser.add_argument('--config', metavar='FILE_OR_NAME', help='the network of MODEL, where its '
                        'weights do not tell: a config whose model.generator is meant, as a path, '
                        'as mmagic::real_esrgan/....py, or a name such as realesrgan-x4plus')
    reference = parser.add_argument_group('what MODEL is compared with')
    reference.add_argument('--mse', metavar='FILE', help='weights of its MSE-trained sibling')
    reference.add_argument('--reference', choices=REFERENCES, help='without a sibling: a partner '
                           'that is trained on the photographs (the default), or the '
                           'self-ensemble of MODEL (docs/references.md)')
    reference.add_argument('--degradation', choices=tuple(DEGRADATIONS),
                           help='how photographs are reduced for it, and to judge (default: by '
                           'whether MODEL takes noise away)')
    reference.add_argument('--partner-photos', metavar='DIR', help='good photographs, on which a '
                           'partner is trained, where PHOTOS are few or poor (default: PHOTOS)')
    parser.add_argument('--vgg16-weights', metavar='FILE', help="torchvision's vgg16, as "
                        'downloaded: half of each batch is then photographs (those of '
                        '--partner-photos, if given) as the truths of their own reductions, with '
                        'a perceptual loss on its features')
    judging = parser.add_argument_group('what it is judged with')
    judging.add_argument('--heldout', metavar='DIR', help='a folder of photographs (default: a '
                         'share of PHOTOS)')
    judging.add_argument('--heldout-share', type=float, default=HELDOUT_SHARE, metavar='S',
                         help='that share (default: %(default)s)')
    add_perceptual_options(judging)
    length = parser.add_argument_group('how long')
    length.add_argument('--max-hours', type=float, default=MAX_HOURS, metavar='H',
                        help='what it may take here, by what is measured (default: %(default)g)')
    length.add_argument('--max-iters', type=int, metavar='N', help='iterations of fine-tuning '
                        '(default: as many as there is time for, at most 1000)')
    length.add_argument('--partner-iters', type=int, metavar='N', help='iterations of training '
                        'the partner (default: likewise, at most 400)')
    parser.add_argument('--min-area', metavar='AREA', help='the smallest region that counts: '
                        'pixels, or a share of the image as 0.4%% (default: half of the released '
                        "4000 px a megapixel, by the image's size)")
    parser.add_argument('--export', nargs='+', choices=tuple(EXPORTS), default=[],
                        help='write cured.onnx, or cured.param and .bin for ncnn, too')
    parser.add_argument('--device', default=cli.default_device(),
                        help='where networks run (default here: %(default)s)')
    add_launcher_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    cli.check_device(args.device)
    return in_processes('cure', args, work, STOPPED)


def work(args: argparse.Namespace) -> int:
    with joined(args.launcher):
        try:
            result = cure(
                args.model, args.photos, args.out, tqdm.write, args.device, config=args.config,
                mse=args.mse, reference=args.reference,
                partner_photographs=args.partner_photos, heldout=args.heldout,
                heldout_share=args.heldout_share, degradation=args.degradation,
                max_hours=args.max_hours, max_iters=args.max_iters,
                partner_iters=args.partner_iters, min_area=args.min_area,
                perceptual=perceptual_from(args), vgg16_weights=args.vgg16_weights,
                export=tuple(args.export))
        except KeyboardInterrupt:
            tell_stopped(STOPPED)
            raise
        call_in_first(lambda: tell(args.out, result))
    return code_of(result)


def tell(out: str, result: CureResult) -> None:
    print(f'{result.outcome}: ' + '; '.join(result.reasons))
    if result.outcome == CURED:
        print(f'{result.weights}: the cured model, in the layout of the one that came in')
    elif result.weights is not None:
        print(f'cured.pth is not written: the model that you have is the better one (the weights '
              f'that did not help are {result.weights})')
    for page in result.figures.get('pages', ()):
        print(f'{out}/{page}')
    for name, reason in result.skipped.items():
        print(f'skipped: {name}: {reason}')
    for name, reason in result.unwritten.items():
        print(f'not written: {name}: {reason}; the weights are there ({result.weights})'
              if result.weights else f'not written: {name}: {reason}')


def code_of(result: CureResult) -> int:
    if result.outcome != CURED:
        return EXIT_NOTHING if result.outcome == NOTHING else EXIT_NO_HELP
    return cli.EXIT_SKIPPED if result.skipped or result.unwritten else 0
