"""The program `mmdesra`: what it lists, how soon it answers, what it says to what it has not."""
from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from command_lines import PATIENCE, TOOLS, environment
from start_figures import STANDARD_MODULES, check_start

import mmdesra
from mmdesra import program
from mmdesra.program import COMMANDS, answer

ROOT = Path(mmdesra.__file__).parents[1]
MODULES = {name: name.replace(' ', '_').replace('-', '_') for name in COMMANDS}
WRAPPERS = {path.name: path for path in TOOLS.glob('*.py')
            if 'mmdesra.commands.' in path.read_text()}


def run_python(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], env=environment(), capture_output=True,
                          text=True, timeout=PATIENCE)


def run_program(monkeypatch, *words: str) -> int:
    """Run it in this process, with arguments that end in an exit."""
    monkeypatch.setattr(sys, 'argv', ['mmdesra', *words])
    with pytest.raises(SystemExit) as end:
        program.main()
    return end.value.code


SCRIPT = """
import json, sys, time
start = time.process_time()
sys.argv = ['/somewhere/bin/mmdesra', *sys.argv[1:]]
from mmdesra.program import main
try:
    main()
except SystemExit as end:
    code = end.code
ours, modules, start = time.process_time() - start, [*sys.modules], time.process_time()
import STANDARD_MODULES
print(json.dumps([code, [ours, time.process_time() - start], modules]))
""".replace('STANDARD_MODULES', STANDARD_MODULES)


@pytest.mark.parametrize('words, code, said', [
    (['--help'], 0, 'make-pseudo-gt'), (['--version'], 0, f'mmdesra {mmdesra.__version__}'),
    (['detct'], 2, '')])
def test_it_answers_before_it_imports(words, code, said):
    def ask() -> list[float]:
        done = run_python('-c', SCRIPT, *words)
        *lines, found = done.stdout.splitlines()
        ended, seconds, modules = json.loads(found)
        assert ended == code and said in '\n'.join(lines)
        assert not {'torch', 'numpy', 'mmengine', 'argparse'} & set(modules)
        return seconds

    check_start('mmdesra --help', ask)


@pytest.mark.skipif(sys.version_info < (3, 10), reason='Python 3.9 keeps no orig_argv')
def test_so_does_the_package_when_it_is_run():
    done = run_python('-X', 'importtime', '-m', 'mmdesra', '--version')
    assert done.stdout == f'mmdesra {mmdesra.__version__}\n'
    assert '_io' in done.stderr and 'torch' not in done.stderr


def test_a_program_that_is_run_by_m_and_imports_it_is_mended(tmp_path):
    (tmp_path / 'imports_it').mkdir()
    (tmp_path / 'imports_it/__init__.py').write_text('import mmdesra\n')
    (tmp_path / 'imports_it/__main__.py').write_text('')
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', '-m', 'imports_it', '-m', 'mmdesra'],
        capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path,
        env=dict(environment(), PYTHONPATH=f'{ROOT}'))
    assert done.returncode == 0 and 'mmdesra.registration' in done.stderr


def test_every_module_is_a_command_and_is_named_in_the_help(capsys):
    there = {path.stem for path in (ROOT / 'mmdesra/commands').glob('[!_]*.py')}
    assert set(MODULES.values()) == there
    assert answer(['--help']) == 0
    said = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert re.search(rf'^  {name} +{re.escape(line)}$', said, re.MULTILINE)
    assert max(map(len, said.splitlines())) < 100


@pytest.mark.parametrize('name', COMMANDS)
def test_help_of_a_command(name, monkeypatch, capsys):
    assert run_program(monkeypatch, *name.split(), '--help') == 0
    said = capsys.readouterr().out
    assert said.startswith(f'usage: mmdesra {name} ')
    assert f'\n  mmdesra {name} ' in said  # an example
    assert 'tools/' not in said.replace('mmagic::tools/', '').replace("MMagic's own tools/", '')
    assert run_program(monkeypatch, 'help', *name.split()) == 0
    assert capsys.readouterr().out == said


@pytest.mark.parametrize('words, said', [
    (['detcet'], 'there is no subcommand detcet; did you mean `mmdesra detect`?'),
    (['make_pseudo_gt'], 'did you mean `mmdesra make-pseudo-gt`?'),
    (['tally_study'], 'did you mean `mmdesra study tally`?'),
    (['convert-checkpoint'], 'did you mean `mmdesra convert`?'),
    (['Train'], 'did you mean `mmdesra train`?'),
    (['xyzzy'], 'there is no subcommand xyzzy; `mmdesra --help` lists them'),
    (['study'], 'expected `mmdesra study make` or `mmdesra study tally`\n'),
    (['study', 'mak'], '`mmdesra study tally`, got `mmdesra study mak`'),
    (['--nproc', '2', 'train'], 'expected a subcommand first, got the option --nproc')])
def test_what_it_has_not(words, said, capsys):
    assert answer(words) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith('error: ') and said in err and err.count('\n') == 1


def test_no_subcommand_at_all_is_an_error_with_the_help(capsys):
    assert answer([]) == 2
    assert capsys.readouterr().err == program.help_text()


def test_what_is_asked_of_a_command_reaches_it(monkeypatch, tmp_path, capsys):
    assert run_program(monkeypatch, 'study', 'tally', str(tmp_path / 'nowhere')) == 2
    assert capsys.readouterr().err.startswith(f'error: {tmp_path / "nowhere"}')


def test_a_script_may_follow_at_once(monkeypatch, tmp_path, capsys):
    """As before there were subcommands: ``python -m mmdesra SCRIPT``."""
    script = tmp_path / 'script.py'
    script.write_text('import sys\nprint(__name__, sys.argv[1:], sys.path[0])\n')
    monkeypatch.setattr(sys, 'path', sys.path.copy())
    assert run_program(monkeypatch, str(script), '--help') == 0
    assert capsys.readouterr().out == f"__main__ ['--help'] {tmp_path}\n"


def test_a_missing_package_is_one_line(monkeypatch, capsys):
    def import_nothing(name):
        raise ModuleNotFoundError("No module named 'torch'", name='torch')

    monkeypatch.setattr(program, 'import_module', import_nothing)
    assert run_program(monkeypatch, 'detect') == 2
    assert capsys.readouterr().err == (
        "error: No module named 'torch'; `mmdesra detect` needs the package torch\n")


def test_ctrl_c_while_it_imports(monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(program, 'import_module', interrupt)
    assert run_program(monkeypatch, 'detect') == 130


def test_run_as_a_file_it_leaves_no_folder_on_the_path():
    """Processes of ``--nproc`` are: what lies beside it is the whole of site-packages."""
    done = run_python('-c', f"""
import runpy, sys
sys.argv = ['x', '--version']
sys.path.insert(0, 'of a file')
try:
    runpy.run_path({program.__file__!r}, run_name='__main__')
finally:
    print(sys.path[0] == 'of a file')""")
    assert done.stdout.splitlines() == [f'mmdesra {mmdesra.__version__}', 'False']


# ---------------------------------------- in a checkout


def test_tools_of_the_same_commands_hold_no_logic():
    reached = set()
    for path in WRAPPERS.values():
        tree = ast.parse(path.read_text())
        assert len(tree.body) == 4, path  # docstring, two imports, the call
        reached.add(tree.body[2].module.rpartition('.')[2])
        assert import_module(tree.body[2].module).main
    assert reached == set(MODULES.values()) - {'run', 'enable_mim'}


def test_a_wheel_gets_these_and_no_others():
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    lines = config['options.package_data']['mmdesra'].split()
    assert sorted(line[len('.mim/tools/'):] for line in lines if '/tools/' in line) == sorted(
        WRAPPERS)


@pytest.mark.parametrize('page', ['README.md', 'docs/wheel.md', 'configs/desra/README.md', *(
    f'docs/{path.name}' for path in sorted((ROOT / 'docs').glob('*.md')))])
def test_pages_name_commands_that_there_are(page):
    text = (ROOT / page).read_text(encoding='utf-8')
    blocks = re.findall(r'^```\w*\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
    spans = re.findall('`([^`]+)`', text)
    named = re.findall(r'^(?:\$ )?mmdesra ([a-z][\w-]*(?: (?:make|tally)\b)?)',
                       '\n'.join([*blocks, *spans]), re.MULTILINE)
    assert set(named) <= set(COMMANDS)


def test_the_pages_words_are_looked_at():
    assert 'mmdesra detect' in (ROOT / 'docs/wheel.md').read_text(encoding='utf-8')
