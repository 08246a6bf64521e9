"""tools/make_offline_bundle.sh: what goes into a bundle, and what install.sh does with it."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from types import SimpleNamespace

import pytest
from command_lines import PATIENCE, TOOLS

BUNDLE = TOOLS / 'offline_bundle'
MODULES = 'contents', 'have', 'install', 'make', 'manifest', 'names', 'wheels'
HERE = f'{sys.version_info[0]}.{sys.version_info[1]}'
pytestmark = pytest.mark.skipif(
    not BUNDLE.is_dir() or shutil.which('bash') is None, reason='needs a checkout and bash')


@pytest.fixture
def tool(monkeypatch):
    """The modules, imported as the script does and forgotten again."""
    monkeypatch.syspath_prepend(str(BUNDLE))
    before = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    import contents
    import have
    import install
    import names
    import wheels
    yield SimpleNamespace(contents=contents, have=have, install=install, names=names,
                          wheels=wheels)
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.modules.update(before)


# ---------------------------------------- what the node has

COLUMNS = """\
Package                Version      Editable project location
---------------------- ------------ -------------------------
Jinja2                 3.1.6
my.own_package         0.1          /home/me/checkout of mine
torch                  2.11.0+cu130

[notice] A new release of pip is available: 24.0 -> 26.0
"""
FREEZE = """\
# pip freeze
Jinja2==3.1.6
my.own_package @ file:///home/me/a%20wheel.whl#sha256=0123
-e git+ssh://git@host/me/other.git@0123#egg=other
torch==2.11.0+cu130
"""
LINES_OF_OLD_PIP = 'Jinja2 (3.1.6)\n'


def write(tmp_path, text, encoding='utf-8'):
    path = tmp_path / 'list.txt'
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_columns(tool, tmp_path, encoding):
    assert tool.have.read_have(write(tmp_path, COLUMNS, encoding)) == {
        'jinja2': '3.1.6', 'my-own-package': '0.1', 'torch': '2.11.0+cu130'}


def test_columns_with_windows_line_ends_and_without_a_head(tool, tmp_path):
    text = '\r\n'.join(COLUMNS.splitlines()[2:])
    assert len(tool.have.read_have(write(tmp_path, text))) == 3


def test_freeze(tool, tmp_path):
    assert tool.have.read_have(write(tmp_path, FREEZE)) == {
        'jinja2': '3.1.6', 'my-own-package': '', 'other': '', 'torch': '2.11.0+cu130'}


@pytest.mark.parametrize('notice', ['', '\n[notice] A new release of pip is available\n'])
def test_json(tool, tmp_path, notice):
    text = json.dumps([dict(name='PyYAML', version='6.0'), dict(name='torch', version='2.11.0')])
    assert tool.have.read_have(write(tmp_path, text + notice)) == {
        'pyyaml': '6.0', 'torch': '2.11.0'}


@pytest.mark.parametrize('text,reason', [
    ('', 'got no package'), ('Package Version\n------- -------\n', 'got no package'),
    ('[{"nome": 1}]', 'expected what "pip list --format json" prints'),
    ('[', 'expected what "pip list --format json" prints'),
    ('numpy 2.5\nhow are you today\n', r'list\.txt:2: expected a line of "pip list".*how are'),
    (LINES_OF_OLD_PIP, 'expected a line of "pip list"'),
])
def test_no_list_is_an_error_that_names_the_line(tool, tmp_path, text, reason):
    with pytest.raises(tool.have.HaveError, match=reason):
        tool.have.read_have(write(tmp_path, text))


def test_no_file_and_no_text(tool, tmp_path):
    with pytest.raises(tool.have.HaveError, match=r'nowhere\.txt: No such file'):
        tool.have.read_have(tmp_path / 'nowhere.txt')
    path = tmp_path / 'image.png'
    path.write_bytes(b'\x89PNG\r\n\x1a\n\xff\xfe\x00')
    with pytest.raises(tool.have.HaveError, match='got no text'):
        tool.have.read_have(path)


def test_names_of_packages_that_write_one_folder(tool):
    standing_for = tool.names.standing_for
    assert tool.names.normalise('Opencv_Python.Headless') == 'opencv-python-headless'
    assert standing_for('opencv-python-headless', {'opencv-python'}) == 'opencv-python'
    assert standing_for('mmcv-lite', {'mmcv', 'torch'}) == 'mmcv'
    assert standing_for('numpy', {'scipy'}) is None


# ---------------------------------------- what goes in

PINS = {'mmagic': '1.2.0', 'mmcv-lite': '2.2.0', 'numba': '0.68.1', 'llvmlite': '0.50.0',
        'numpy': '2.4.6', 'opencv-python-headless': '5.0', 'torchvision': '0.28.0',
        'filelock': '4.3', 'pillow': '13.0', 'mmsegmentation': '1.2.2', 'pygments': '2.21'}
MORE = dict(pytest='9.2.0', pluggy='1.7.0', iniconfig='2.3.1', lpips='0.1.4')


def choose(tool, have=None, extras=(), numpy=None, torch='2.11'):
    return tool.contents.choose(PINS, MORE, have, extras, numpy, torch)


def test_the_usual_node_needs_the_rest(tool):
    found = choose(tool)
    assert found.wanted == {'mmagic': '1.2.0', 'mmcv-lite': '2.2.0', 'torchvision': '0.26.*',
                            'pillow': '13.0', 'pygments': '2.21'}
    assert set(found.there) == {'numpy', 'opencv-python-headless', 'filelock'}
    assert {'numba', 'segmentation', 'perceptual', 'tests'} <= set(found.left_out)


def test_what_the_node_has_is_left_out_by_whatever_name(tool):
    have = {'torch': '2.11.0+cu130', 'opencv-contrib-python': '4.10', 'mmcv': '2.1.0',
            'pillow': '11.0', 'numba': '0.66', 'torchvision': '0.26.0', 'mmsegmentation': '1.2'}
    found = choose(tool, have, numpy='2.5', torch=None)
    assert found.wanted == {'mmagic': '1.2.0', 'numpy': '2.5.*', 'filelock': '4.3',
                            'pygments': '2.21'}
    assert found.there['opencv-python-headless'] == 'opencv-contrib-python 4.10'
    assert found.there['mmcv-lite'] == 'mmcv 2.1.0'
    assert not {'numba', 'segmentation'} & set(found.left_out)


def test_extras_on_demand(tool):
    found = choose(tool, extras=['numba', 'tests', 'perceptual', 'segmentation'])
    assert {'numba', 'llvmlite', 'pytest', 'pluggy', 'iniconfig', 'lpips',
            'mmsegmentation'} <= set(found.wanted)
    assert set(found.left_out) == {'spandrel', 'keras'}


@pytest.mark.parametrize('torch,torchvision', [
    ('2.11', '0.26.*'), ('2.13.0+cpu', '0.28.*'), ('2.0.1', '0.15.*')])
def test_torchvision_is_that_of_pytorch(tool, torch, torchvision):
    assert choose(tool, {'torch': torch}, torch=None).wanted['torchvision'] == torchvision


def test_pytorch_decides_and_must_be_there(tool):
    for torch in (None, '1.13', 'newest'):
        with pytest.raises(tool.contents.ContentsError, match='expected --torch with a version'):
            choose(tool, torch=torch)
    with pytest.raises(tool.contents.ContentsError, match='expected PyTorch in the list'):
        choose(tool, {'numpy': '2.5'})


def test_the_lists_of_the_checkout_have_all_that_is_bundled(tool):
    lists = [TOOLS.parent / f'requirements/{name}.txt' for name in ('runtime', 'tests', 'demo')]
    pins, known = tool.contents.read_pins(lists[0]), tool.contents.read_pins(*lists)
    assert {name for names in tool.contents.EXTRAS.values() for name in names} <= {
        *known, 'ftfy', 'regex'}  # which the stand-ins may take the place of
    found = tool.contents.choose(pins, known, None, (), '2.5', '2.11')
    assert {'mmagic', 'mmcv-lite', 'mmengine', 'matplotlib', 'pillow'} <= set(found.wanted)
    assert not {'numba', 'llvmlite', 'torch', 'numpy', 'scipy', 'sympy'} & set(found.wanted)


def test_wheels_of_older_platforms_run_on_newer_ones(tool):
    tags = tool.wheels.platforms_up_to('manylinux_2_28_x86_64')
    assert tags[0] == 'manylinux_2_28_x86_64'
    assert {'manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64',
            'manylinux1_x86_64'} <= set(tags)
    assert 'manylinux_2_31_x86_64' not in tags
    assert tool.wheels.platforms_up_to('macosx_14_0_arm64') == ['macosx_14_0_arm64']


@pytest.mark.parametrize('in_git', [True, False])
def test_the_checkout_is_copied_as_git_knows_it(tool, tmp_path, in_git):
    """So a new file of the package is in its wheel, and what lies about is not."""
    checkout = tmp_path / 'checkout'
    for name in ('mmdesra/.mim/index.yml', 'mmdesra/new.py', 'setup.cfg', 'configs/a.py',
                 'work_dirs/run/weights.pth', '.venv/bin/python', 'mmdesra/__pycache__/new.pyc'):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(name)
    (checkout / '.gitignore').write_text('.venv\n__pycache__\nwork_dirs\n')
    (checkout / 'mmdesra/.mim/configs').symlink_to('../../configs')
    if in_git:
        git = shutil.which('git') or pytest.skip('needs git')
        for arguments in (['init', '-q'], ['add', 'setup.cfg', 'mmdesra/.mim']):
            subprocess.run([git, *arguments], cwd=checkout, check=True)
    tool.wheels.copy_checkout(checkout, tmp_path / 'copy')
    copied = {path.relative_to(tmp_path / 'copy').as_posix() for path in
              (tmp_path / 'copy').rglob('*') if path.is_file() or path.is_symlink()}
    assert copied - {'.gitignore', 'mmdesra/.mim/configs/a.py'} == {
        'mmdesra/.mim/index.yml', 'mmdesra/new.py', 'setup.cfg', 'configs/a.py',
        'mmdesra/.mim/configs'}
    assert (tmp_path / 'copy/mmdesra/.mim/configs').is_symlink()


# ---------------------------------------- made and installed, without an index


def environment(**more):
    """One in which pip reaches no index, by whatever way it is told of one."""
    nowhere = 'http://127.0.0.1:9'
    kept = {name: value for name, value in os.environ.items() if not name.startswith('PIP_')}
    return dict(kept, PIP_NO_INDEX='1', PIP_CONFIG_FILE=os.devnull, http_proxy=nowhere,
                https_proxy=nowhere, PYTHON=sys.executable, OMP_NUM_THREADS='1', **more)


def bash(script, *arguments, **more):
    return subprocess.run(['bash', str(script), *map(str, arguments)], env=environment(**more),
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """One for a node that has all but mmdesra: this environment. Unpacked."""
    folder = tmp_path_factory.mktemp('bundle')
    installed = {one.metadata['Name']: one.version for one in metadata.distributions()}
    (folder / 'have.txt').write_text(''.join(
        f'{name}=={version}\n' for name, version in installed.items() if name != 'mmdesra'))
    (folder / 'photos').mkdir()
    (folder / 'photos/one.txt').write_text('a photograph')
    listed = folder / 'list.txt'
    listed.write_text('mmengine==0.10.7\nnumpy==2.4.6\nmmcv-lite==2.2.0\n')
    done = bash(TOOLS / 'make_offline_bundle.sh', '--python', HERE, '--have',
                folder / 'have.txt', '--list', listed, '--out', folder, '--add',
                folder / 'photos', '--platform', 'manylinux_2_17_x86_64')
    assert done.returncode == 0, done.stdout
    archive, = folder.glob('*.tar.gz')
    assert f'cp{HERE.replace(".", "")}-manylinux_2_17_x86_64' in archive.name
    assert archive.name in done.stdout and 'MiB' in done.stdout
    with tarfile.open(archive) as file:
        file.extractall(folder / 'unpacked')
    unpacked, = (folder / 'unpacked').iterdir()
    return unpacked


@pytest.fixture
def copied(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / 'a bundle')
    return tmp_path / 'a bundle'


def test_the_manifest_names_all(bundle):
    manifest = json.loads((bundle / 'MANIFEST.json').read_text())
    package, = manifest['packages']
    assert package['name'] == 'mmdesra' and package['license'] == 'Apache-2.0'
    assert len(package['sha256']) == 64
    assert {'mmengine', 'numpy', 'mmcv-lite'} <= set(manifest['counted_on'])
    assert list(manifest['added']) == ['added/photos/one.txt']
    page = (bundle / 'MANIFEST.md').read_text()
    assert f'| mmdesra | {package["version"]} |' in page and package['sha256'] in page
    assert {'check_gpu/tools/check_gpu.py',
            'check_gpu/tools/benchmarks/benchmark_finetuning.py',
            'check_gpu/tools/gpu_checks/part.py', 'check_gpu/tools/benchmarks/harness/clock.py',
            'check_gpu/tests/test_cuda/conftest.py', 'check_gpu/tests/toys.py'} <= {
                path.relative_to(bundle).as_posix() for path in bundle.rglob('*')}
    assert not list(bundle.rglob('__pycache__'))


def test_it_installs_into_a_folder_with_no_index_and_detects(copied, tmp_path):
    done = bash(copied / 'install.sh', '--target', tmp_path / 'here')
    assert done.returncode == 0, done.stdout
    assert '1 packages were installed' in done.stdout and 'detects on' in done.stdout
    assert (tmp_path / 'here/mmdesra/__init__.py').is_file()
    again = bash(copied / 'install.sh', '--target', tmp_path / 'here', '--no-test')
    assert again.returncode == 0, again.stdout  # a second time, too


def change_manifest(folder, **changes):
    path = folder / 'MANIFEST.json'
    path.write_text(json.dumps(dict(json.loads(path.read_text()), **changes)))


@pytest.mark.parametrize('changes,reason', [
    (dict(python='3.7'), rf'for Python 3.7, but .* is {HERE}'),
    (dict(platform='manylinux_2_99_x86_64'), 'for glibc 2.99 or newer, got glibc'),
    (dict(platform='manylinux_2_17_riscv64'), 'for Linux on riscv64, got linux on'),
    (dict(counted_on={'numpy': 'numpy', 'no-such-package': ''}), 'counts on no-such-package'),
])
def test_a_node_that_it_is_not_for_is_refused_and_nothing_is_installed(copied, tmp_path, changes,
                                                                       reason):
    change_manifest(copied, **changes)
    done = bash(copied / 'install.sh', '--target', tmp_path / 'here')
    assert done.returncode == 1
    assert done.stdout.startswith('error: ') and len(done.stdout.splitlines()) == 1
    assert re.search(reason, done.stdout), done.stdout
    assert not (tmp_path / 'here').exists()


def test_a_damaged_and_a_missing_wheel_are_named(copied, tmp_path):
    wheel, = (copied / 'wheels').iterdir()
    wheel.write_bytes(wheel.read_bytes()[:-1])
    done = bash(copied / 'install.sh', '--target', tmp_path / 'here')
    assert done.returncode == 1 and f'{wheel.name}: is damaged' in done.stdout
    wheel.unlink()
    done = bash(copied / 'install.sh', '--target', tmp_path / 'here')
    assert done.returncode == 1 and f'{wheel.name}: is missing' in done.stdout


def test_an_installation_that_does_not_work_is_told(copied, tmp_path):
    (copied / 'parts/smoke_test.py').write_text('raise SystemExit("error: no artifact")')
    done = bash(copied / 'install.sh', '--target', tmp_path / 'here')
    assert done.returncode == 1
    assert 'it is installed, but trying it failed' in done.stdout
    assert 'error: no artifact' in done.stdout


def test_what_is_there_stays_unless_it_is_to_be_replaced(tool, capsys):
    packages = [dict(name=name, version='2', file=f'{name}.whl')
                for name in ('mmdesra', 'pillow', 'mmcv-lite', 'rich')]
    there = {'mmdesra': '1', 'pillow': '1', 'mmcv': '2.1', 'rich': '2'}
    chosen = tool.install.choose_wheels(dict(packages=packages), there, replace=False)
    assert [path.rpartition('/')[2] for path in chosen] == ['mmdesra.whl']
    assert capsys.readouterr().out == 'stay as they are: pillow 1, mmcv 2.1\n'
    chosen = tool.install.choose_wheels(dict(packages=packages), there, replace=True)
    assert [path.rpartition('/')[2] for path in chosen] == ['mmdesra.whl', 'pillow.whl']


@pytest.mark.parametrize('options,reason', [
    (['--python', 'three'], "expected a version such as 3.12, got 'three'"),
    (['--add', 'nowhere'], '--add nowhere: no such file'),
    (['--have', 'nowhere'], 'nowhere: No such file'),
])
def test_options_that_make_no_bundle(options, reason, tmp_path):
    done = bash(TOOLS / 'make_offline_bundle.sh', *options, '--out', tmp_path)
    assert done.returncode == 2 and reason in done.stdout
    assert not list(tmp_path.iterdir())
