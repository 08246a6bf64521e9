#!/usr/bin/env python3
"""Run MMagic's own tests without and with mmdesra, and compare test by test.

  python tests/run_mmagic_tests.py mmagic/tests/test_models/test_editors/test_real_esrgan ...

The tests are neither in MMagic's wheel nor in its source distribution: take the folder `tests` of
MMagic's repository at the installed version's tag. Each of three processes runs them:

  alone     nothing of ours; with mmcv-lite, or a torchvision of another build, no test can start
  mended    only the mends of mmdesra.compat: what it takes to import MMagic here
  mmdesra   `import mmdesra`, and every module behind a type that it registers

The losses fetch torchvision's VGG19, of which the tests use the shapes alone. With
--stand-in-vgg19 a file of constant weights takes its place, for machines without a network.
Exit code: 0 = what passes mended passes with mmdesra, 1 = something does not, 2 = nothing ran.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN = 'import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))'
WAYS = {
    'alone': '',
    'mended': f"""
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location('compat', {str(ROOT / 'mmdesra' / 'compat' / '__init__.py')!r})
compat = sys.modules['compat'] = module_from_spec(spec)
spec.loader.exec_module(compat)
compat.mend()
""",
    'mmdesra': """
import importlib
from mmdesra.registration import TYPES
for types in TYPES.values():
    for target in types.values():
        importlib.import_module(target.partition(':')[0])
""",
}
"""What each process does before pytest starts."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tests', type=Path, nargs='+', help="files or folders of MMagic's tests")
    parser.add_argument('--stand-in-vgg19', action='store_true',
                        help='constant weights for the perceptual losses')
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
        if args.stand_in_vgg19:
            environment['TORCH_HOME'] = str(scratch)
            write_stand_in_vgg19(scratch / 'hub' / 'checkpoints')
        outcomes = {way: run(way, args.tests, scratch / f'{way}.xml', environment)
                    for way in WAYS}
    return tell(outcomes)


def write_stand_in_vgg19(folder: Path) -> None:
    """Puts a small file where torchvision looks for its weights before it fetches them."""
    sys.path.insert(0, str(ROOT))
    import torch

    import mmdesra  # noqa: F401  (mends torchvision)
    from torchvision.models import VGG19_Weights, vgg19  # isort: skip
    with torch.device('meta'):
        shapes = {name: value.shape for name, value in vgg19().state_dict().items()}
    folder.mkdir(parents=True)
    one = torch.full((1,), 0.01)
    torch.save({name: one.expand(shape) for name, shape in shapes.items()},
               folder / Path(VGG19_Weights.IMAGENET1K_V1.url).name)


def run(way: str, tests: list[Path], report: Path, environment: dict[str, str]) -> dict[str, str]:
    """Runs the tests in a process of their own; gives each test's outcome."""
    print(f'{way}: running', flush=True)
    # --rootdir and -c: neither MMagic's nor our own settings.
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', WAYS[way] + RUN, '-q', '-p', 'no:cacheprovider',
         '--rootdir', str(report.parent), '-c', os.devnull, '--import-mode=importlib',
         '--continue-on-collection-errors', '--tb=line', f'--junitxml={report}',
         *(str(path.resolve()) for path in tests)],
        env=environment, cwd=report.parent, capture_output=True, text=True, check=False)
    if not report.is_file():
        sys.exit(f'{way}: pytest ended with {done.returncode}\n{done.stdout}{done.stderr}')
    return read_report(report)


def read_report(report: Path) -> dict[str, str]:
    """Reads pytest's report: 'passed', or the kind of trouble and the end of its first line."""
    outcomes = {}
    for case in ElementTree.parse(report).iter('testcase'):
        trouble = next(iter(case), None)
        outcome = 'passed'
        if trouble is not None:
            message = (trouble.get('message') or '').splitlines() or ['']
            text = [line for line in (trouble.text or '').splitlines() if line.startswith('E  ')]
            outcome = f'{trouble.tag}: {text[-1][1:].strip() if text else message[0]}'
        outcomes['::'.join(filter(None, (case.get('classname'), case.get('name'))))] = outcome
    return outcomes


def tell(outcomes: dict[str, dict[str, str]]) -> int:
    """Prints for each way the count and what did not pass, and what only we break."""
    for way, tests in outcomes.items():
        print(f'{way}: {sum(outcome == "passed" for outcome in tests.values())} passed')
        for test, outcome in tests.items():
            if outcome != 'passed':
                print(f'    {test}: {outcome}')
    if not outcomes['mmdesra']:
        return 2
    broken = [test for test, outcome in outcomes['mended'].items()
              if outcome == 'passed' and outcomes['mmdesra'].get(test) != 'passed']
    print('Broken by mmdesra: ' + (', '.join(broken) or 'none'))
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
