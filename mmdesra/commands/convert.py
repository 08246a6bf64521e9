"""Convert a checkpoint for other programs (BasicSR's layout, ONNX, ncnn), or for MMagic.

  # the fine-tuned generator, for Real-ESRGAN's own script and chaiNNer
  mmdesra convert work_dirs/desra/iter_1000.pth RealESRGAN_x4plus_DeSRA.pth

  # the same without pickle, checked against its config
  mmdesra convert work_dirs/desra/iter_1000.pth out.safetensors \\
      --generator mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py

  # official weights, for MMagic's own tools/test.py or load_from
  mmdesra convert RealESRGAN_x4plus.pth mmagic.pth --to mmagic
  mmdesra convert RealESRGAN_x4plus_netD.pth netD.pth --to mmagic \\
      --role discriminator

  # for ONNX Runtime, and for Real-ESRGAN-ncnn-vulkan and Upscayl; checked against PyTorch
  mmdesra convert cured.pth cured.onnx
  mmdesra convert cured.pth cured-x4.param --fp16

The suffix of OUTPUT decides what is written. .pth and .safetensors hold the same numbers under
other names. .onnx needs `pip install onnx onnxruntime`; .param, which comes with a .bin beside it,
needs `pip install pnnx ncnn`.

INPUT may have any layout that docs/checkpoints.md lists, and is never changed. If it holds the
weights twice, those of the EMA are taken. No code in a file is run.
mmdesra's own commands need no conversion: they read all of these layouts.
Exit code: 0 = converted, 2 = an error, and OUTPUT was not written.
"""
from __future__ import annotations

import argparse

from ..apis import command_line as cli
from ..apis.checkpoints import convert, describe_conversion
from ..generators.convert import CODE_BASES, ROLES


def parse_args() -> argparse.Namespace:
    parser = cli.make_parser(__doc__)
    parser.add_argument('input', metavar='INPUT', help='checkpoint to read')
    parser.add_argument('output', metavar='OUTPUT',
                        help='file to write: .pth, (for basicsr) .safetensors, .onnx or .param')
    parser.add_argument('--to', choices=CODE_BASES,
                        help='the layout of a .pth OUTPUT (default: basicsr)')
    parser.add_argument('--role', choices=ROLES, default='generator',
                        help='the network to take if INPUT holds a whole MMagic model '
                        '(default: %(default)s)')
    parser.add_argument('--generator', metavar='TYPE_OR_CONFIG',
                        help='check that the weights fit this generator: a registered type, a '
                        'config (its model.generator is taken), or spandrel, which recognises the '
                        'network (default: no check; spandrel for .onnx and .param, which need '
                        'the network)')
    parser.add_argument('--fp16', action='store_true',
                        help='write half precision, for .onnx and .param: half as large')
    parser.add_argument('--overwrite', action='store_true', help='replace OUTPUT if it is there')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    done = convert(args.input, args.output, args.to, args.role, args.generator, args.fp16,
                   args.overwrite)
    for line in describe_conversion(args.input, args.output, args.to, done):
        print(line)
    return 0
