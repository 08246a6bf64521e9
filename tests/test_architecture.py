"""The picture of docs/architecture.md, compared with what the code imports."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'mmdesra'
TOOLS = ROOT / 'tools'
OPENMMLAB = {'mmagic', 'mmcv', 'mmengine', 'mmseg'}
PAGE = (ROOT / 'docs/architecture.md').read_text(encoding='utf-8')
TEXT = {'.md', '.py', '.sh', '.txt', '.yml'}
ENTRANCES = {'__init__', '__main__', 'after_import', 'program', 'registration', 'registry',
             'version'}
"""Beside the rooms: they are imported by Python, mmengine and set-up, and by no room."""


def find_imports(path: Path, package: tuple[str, ...]) -> set[tuple[str, bool]]:
    """What a file imports, and whether inside a function.

    A dotted name for each; with relative ones spelt out and ``from a import b`` as ``a.b``.
    """
    found = set()

    def visit(node: ast.AST, is_inside: bool) -> None:
        if isinstance(node, ast.Import):
            found.update((alias.name, is_inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[:len(package) - node.level + 1]] if node.level else []
            base += [node.module] if node.module else []
            found.update(('.'.join([*base, alias.name]), is_inside) for alias in node.names)
        is_inside |= isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            visit(child, is_inside)

    visit(ast.parse(path.read_text(encoding='utf-8')), False)
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].partition('.')[0]


def imports_of_rooms() -> dict[str, set[tuple[str, bool]]]:
    rooms: dict[str, set[tuple[str, bool]]] = {}
    for path in sorted(PACKAGE.rglob('*.py')):
        package = path.parent.relative_to(ROOT).parts
        rooms.setdefault(room_of(path), set()).update(find_imports(path, package))
    rooms['tools'] = {found for path in TOOLS.rglob('*.py')
                      for found in find_imports(path, ())}
    return rooms


IMPORTS = imports_of_rooms()


def edges() -> set[tuple[str, str]]:
    """Which rooms import which, as the code has it."""
    found = set()
    for room, imported in IMPORTS.items():
        for name, _ in imported:
            parts = name.split('.')
            if parts[0] == 'mmdesra':
                target = parts[1] if len(parts) > 1 and parts[1] in IMPORTS else '__init__'
                found.add((room, target))
    return {(room, target) for room, target in found if room != target}


def arrows() -> set[tuple[str, str]]:
    """The arrows of the picture."""
    picture = re.search(r'```mermaid\n(.*?)```', PAGE, re.DOTALL)[1]
    return set(re.findall(r'^ *(\w+) --> (\w+)$', picture, re.MULTILINE))


def reachable(room: str, among: set[tuple[str, str]]) -> set[str]:
    found, waiting = set(), [room]
    while waiting:
        here = waiting.pop()
        new = {target for source, target in among if source == here} - found
        found |= new
        waiting += new
    return found


def table() -> dict[str, str]:
    """The table of rooms: what mm* packages each may import."""
    return dict(re.findall(r'^\| `(\w+)` \| ([^|]+) \|', PAGE, re.MULTILINE))


def rooms() -> list[str]:
    return sorted(IMPORTS.keys() - ENTRANCES)


def test_the_picture_and_the_table_show_every_room():
    assert {room for arrow in arrows() for room in arrow} == set(rooms())
    assert set(table()) == set(rooms()) - {'tools'}


@pytest.mark.parametrize('room', rooms())
def test_a_room_imports_only_where_arrows_lead(room):
    allowed = reachable(room, arrows())
    imported = {target for source, target in edges() if source == room}
    assert room not in allowed, 'the picture has a circle'
    assert imported <= allowed | {'version'} | ({'__init__', 'registration'} if room == 'tools'
                                  else set())


def test_every_arrow_is_an_import():
    assert arrows() <= edges()


def test_no_arrow_says_what_others_say():
    for arrow in arrows():
        assert arrow[1] not in reachable(arrow[0], arrows() - {arrow})


def test_entrances_import_no_room_but_compat():
    imported = {target for source, target in edges() if source in ENTRANCES}
    assert imported <= {'after_import', 'compat', 'program', 'registration', 'registry', 'version'}


@pytest.mark.parametrize('room', table())
def test_openmmlab_is_imported_where_the_table_says(room):
    whole = set(re.findall(r'mm\w+', re.sub(r'\(.*\)', '', table()[room])))
    late = set(re.findall(r'mm\w+', ' '.join(re.findall(r'\((.*?)\)', table()[room]))))
    found = {(name.partition('.')[0], is_inside) for name, is_inside in IMPORTS[room]}
    found = {(name, is_inside) for name, is_inside in found
             if name in OPENMMLAB}
    assert {name for name, is_inside in found if not is_inside} == whole
    assert {name for name, _ in found} == whole | late


def test_files_that_the_page_names_are_there():
    for name in re.findall(r'`((?:\w+/)+\w+\.\w+)`', PAGE):
        assert (PACKAGE / name).is_file() or (ROOT / name).is_file(), name


def test_top_of_tools_is_for_users():
    """Commands of the program, OpenMMLab's names and those that README promises; see its page."""
    files = {path.name: path.read_text(encoding='utf-8') for path in TOOLS.iterdir()
             if path.is_file()}
    assert {name for name, text in files.items() if 'mmdesra.commands.' not in text} == {
        'README.md', 'check_gpu.py', 'demo.sh', 'dist_train.sh', 'make_offline_bundle.sh',
        'slurm_train.sh', 'test.sh'}
    page = files['README.md']
    for path in TOOLS.iterdir():
        if path.is_dir() and path.name != '__pycache__':
            assert f'`{path.name}/`' in page


def test_scripts_of_tools_that_are_named_are_there():
    texts = [ROOT / 'README.md', ROOT / 'setup.cfg', ROOT / 'pyproject.toml', *(
        path for folder in ('.github', 'configs', 'docs', 'mmdesra', 'requirements', 'tools')
        for path in (ROOT / folder).rglob('*') if path.suffix in TEXT)]
    named = {(name, path.relative_to(ROOT)) for path in texts for name in re.findall(
        r'(?<![\w/:])tools/(?:\w+/)*\w+\.(?:py|sh)\b', path.read_text(encoding='utf-8'))}
    assert len(named) > 50
    assert not {(name, path) for name, path in named if not (ROOT / name).is_file()}


def test_it_would_see_a_wrong_import(tmp_path):
    path = tmp_path / 'module.py'
    path.write_text('from ..apis import detect\ndef f():\n    import mmagic.models\n')
    assert find_imports(path, ('mmdesra', 'ops')) == {('mmdesra.apis.detect', False),
                                                      ('mmagic.models', True)}
