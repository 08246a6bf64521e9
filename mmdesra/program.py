"""The program `mmdesra`: finds a subcommand, imports it, and runs it.

Help, version and misspelt names are answered without importing PyTorch, which takes seconds. So
for this program `import mmdesra` prepares nothing (see `mmdesra.is_to_be_run`), and the lines of
the help are here, not in the modules of `mmdesra/commands`.
"""
from __future__ import annotations

import sys

if __name__ == '__main__' and not getattr(sys.flags, 'safe_path', False):
    del sys.path[0]  # run as a file, by `--nproc`: what lies beside it must not be imported

from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

GROUPS = {
    'In one go': {
        'cure': 'cure a model with a folder of photographs; nothing else is needed',
    },
    'Detect': {
        'detect': 'find the artifacts of SR images: masks, overlays, tables, a report',
        'measure-artifacts': 'measure how artifacts look: strength, period, direction, colour',
    },
    'Fine-tune': {
        'train': 'fine-tune a GAN-SR model so that it stops inventing artifacts',
        'make-pseudo-gt': 'make the pseudo GTs only, to look at them and correct them by hand',
        'make-mse-partner': 'train the MSE sibling that a GAN-SR model lacks',
        'test': 'evaluate a checkpoint with the data and the metrics of a config',
        'evaluate-masks': 'score masks, and images before and after, against known ones',
        'study make': 'write a page that asks people which of two pictures is better',
        'study tally': 'count the answers of a user study',
    },
    'Deploy': {
        'upscale': 'enlarge photographs with a model; --heal replaces artifacts at once',
        'blend': 'mix the weights of a model and of its cure: a slider',
        'convert': 'turn a checkpoint into one for other programs, ONNX or ncnn, or back',
        'convert-keras-srgan': 'fetch and convert the published SRGAN pair',
    },
    'Detectors': {
        'compare-detectors': 'compare detectors on images with known masks',
        'evaluate-desra': "judge the data of DeSRA's authors, beside their published tables",
        'make-artifact-benchmark': 'add artifacts at known places to clean images',
        'evaluate-benchmark': 'tell which of these artifacts a detector found',
        'benchmark-truth': 'mark real artifacts of a model by comparison with photographs',
        'calibrate': 'train a detector for your model, on photographs',
        'calibrate-semantics': 'make a class table of your own for the semantic step',
    },
    'Other programs': {
        'run': 'run a script that needs MMagic (mmagic::tools/train.py) on new packages',
        'enable-mim': 'let mim, and any program here, import MMagic on current packages',
    },
}
COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}

FORMER_NAMES = {'make-study': 'study make', 'tally-study': 'study tally',
                'convert-checkpoint': 'convert', 'calibrate-detector': 'calibrate'}
"""Names that some commands have in the folder tools/ of a checkout."""

EXIT_ERROR = 2
INTERRUPTED = 130


def main() -> None:
    """Run what the command line asks for, and exit with its code."""
    try:
        sys.exit(answer(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def answer(words: list[str]) -> int:
    """Print what is asked for, or run a subcommand, which exits.

    Args:
        words (list[str]): The command line, without the program's name.

    Returns:
        The exit code.
    """
    if words[:1] == ['help']:
        words = [*words[1:], '--help']
    if not words:
        sys.stderr.write(help_text())
        return EXIT_ERROR
    if words[0] in ('-h', '--help'):
        sys.stdout.write(help_text())
        return 0
    if words[0] in ('-V', '--version'):
        sys.stdout.write(f'mmdesra {version()}\n')
        return 0
    for count in (2, 1):
        name = ' '.join(words[:count])
        if name in COMMANDS:
            run(name, words[count:])
    if words[0].endswith('.py') or '::' in words[0]:
        run('run', words)
    sys.stderr.write(f'error: {complaint(words)}\n')
    return EXIT_ERROR


def help_text() -> str:
    """List the subcommands."""
    width = max(map(len, COMMANDS)) + 2
    parts = ['usage: mmdesra COMMAND ...\n',
             '\nDetect the artifacts of GAN super-resolution and fine-tune them away.\n']
    for title, commands in GROUPS.items():
        parts.append(f'\n{title}:\n')
        parts += [f'  {name:{width}}{line}\n' for name, line in commands.items()]
    parts.append('\n`mmdesra COMMAND --help` has examples and all options; `mmdesra --version`.\n')
    return ''.join(parts)


def version() -> str:
    """Read the version without importing the package."""
    names: dict[str, str] = {}
    path = package_folder() / 'version.py'
    exec(path.read_text(encoding='utf-8'), names)  # noqa: S102  (our own file)
    return names['__version__']


def package_folder() -> Path:
    """Find the package without importing it."""
    spec = find_spec('mmdesra')
    if spec is None or spec.origin is None:
        raise SystemExit(f'error: {__file__} is here, but the package mmdesra is not found; '
                         'install it again')
    return Path(spec.origin).parent


def complaint(words: list[str]) -> str:
    """Say what is wrong with a command line that names no subcommand."""
    name = words[0]
    ahead = [command for command in COMMANDS if command.split()[0] == name]
    if ahead:
        return f'expected {" or ".join(f"`mmdesra {command}`" for command in ahead)}' + (
            f', got `mmdesra {" ".join(words[:2])}`' if words[1:] else '')
    if name.startswith('-'):
        return f'expected a subcommand first, got the option {name}; `mmdesra --help` lists them'
    known = {**{command: command for command in COMMANDS}, **FORMER_NAMES}
    spoken = name.lower().replace('_', '-')
    near = get_close_matches(spoken, known, 1) or [
        command for command in COMMANDS if command.startswith(spoken)][:1]
    hint = f'did you mean `mmdesra {known[near[0]]}`? ' if near else ''
    return f'there is no subcommand {name}; {hint}`mmdesra --help` lists them'


def run(name: str, arguments: list[str]) -> None:
    """Run a subcommand as if it were a program of its own; it exits.

    Raises:
        SystemExit: Always.
    """
    sys.argv = [f'mmdesra {name}', *arguments]
    try:
        import_module('mmdesra').prepare()
        command = import_module('mmdesra.commands.' + name.translate({32: '_', 45: '_'}))
    except ModuleNotFoundError as error:
        if (error.name or 'mmdesra').startswith('mmdesra'):
            raise
        sys.stderr.write(f'error: {error}; `mmdesra {name}` needs the package {error.name}\n')
        sys.exit(EXIT_ERROR)
    if name == 'run':  # another's program, with its own ways of logging and of ending
        sys.exit(command.main())
    import_module('mmdesra.apis.command_line').run(command.main)


if __name__ == '__main__':
    main()
