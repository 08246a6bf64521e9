"""Each mend of mmdesra.compat: done where its symptom is, not done elsewhere."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import json
import pickle
import shutil
import subprocess
import sys
import types
from pathlib import Path

import mmengine
import mmengine.runner.checkpoint
import numpy as np
import pytest
import torch
from command_lines import PATIENCE
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from start_figures import check_start
from torch.utils.data import Dataset

from mmdesra import compat
from mmdesra.compat import (
    checkpoints,
    mmcv_ops,
    numpy_names,
    package_lookup,
    torchvision_operators,
)
from mmdesra.compat.unneeded_packages import PACKAGES, is_there

COMPAT_FILE = compat.__file__
TORCH_VERSION = tuple(int(part) for part in torch.__version__.split('.')[:2])
# Loads the package alone, without importing the package, whose import mends at once.
LOAD_COMPAT = f"""
import importlib.util, json, logging, sys
spec = importlib.util.spec_from_file_location('compat', {COMPAT_FILE!r})
compat = sys.modules['compat'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compat)
lines = []
handler = logging.Handler()
handler.emit = lambda record: lines.append(record.getMessage())
logging.getLogger('mmdesra').addHandler(handler)
logging.getLogger('mmdesra').setLevel(logging.DEBUG)
"""


def run_python(code: str, *path: Path) -> dict:
    """Runs code in a fresh Python, `path` first on its path; reads the JSON it prints."""
    code = f'import sys; sys.path[:0] = {[str(folder) for folder in path]!r}\n' + code
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True,
        timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# ---------------------------------------- the whole process


def test_import_is_light_and_quick():
    code = """
import json, sys, time
start = time.process_time()  # not of the clock: the machine may be busy
import torch
torch_seconds, start = time.process_time() - start, time.process_time()
import mmdesra
seconds = time.process_time() - start, torch_seconds
heavy = ('mmagic', 'mmcv', 'torchvision', 'mmengine.hooks', 'mmengine.evaluator',
         'mmengine.runner', 'mmdesra.models', 'mmdesra.datasets', 'mmdesra.engine',
         'mmdesra.evaluation')
print(json.dumps(dict(seconds=seconds, loaded=[name for name in heavy if name in sys.modules])))
"""

    def measure() -> list[float]:
        found = run_python(code)
        assert found['loaded'] == []
        return found['seconds']

    check_start('import mmdesra', measure)


def test_this_stack_is_mended_once_and_said_in_one_line():
    found = run_python(LOAD_COMPAT + """
first = compat.mend()
print(json.dumps(dict(first=first, second=compat.mend(), lines=lines)))
""")
    versions = {dist.name.lower(): dist.version for dist in importlib.metadata.distributions()}
    expected = set()
    mmcv = importlib.util.find_spec('mmcv')  # mmcv-lite, or onedl-mmcv built without PyTorch
    if mmcv is not None and not list(Path(mmcv.origin).parent.glob('_ext*')):
        expected.add('mmcv ops')
    if torch.version.cuda is None and '+cu' in torchvision_build():
        expected.add('torchvision operators')
    if 'mmagic' in versions and versions['numpy'].startswith('2.'):
        expected.add('numpy.bool8')
    if mmengine.__version__.startswith('0.10.'):
        expected.add('checkpoint globals')
    if importlib.util.find_spec('pkg_resources') is None or any(package_lookup.missed_packages()):
        expected.add('package lookup')
    if sys.version_info >= (3, 11) and 'mmengine' in versions:  # onedl-mmengine does it itself
        expected.add('config imports')
    if not all(is_there(name) for package in PACKAGES if is_there(package)
               for name in PACKAGES[package]):
        expected.add('unneeded packages')
    # These depend on where Python is, too, and on whether it has read setuptools' .pth file.
    expected |= set(found['first']) & {'config imports', 'distutils'}
    assert set(found['first']) == expected
    assert found['second'] == []
    assert found['lines'] == ['mmdesra.compat mended: ' + ', '.join(found['first'])]


def test_distutils_is_found_where_python_has_not_read_setuptools_pth_file():
    """As from a path that is no site-packages: -S leaves out all .pth files."""
    program = f"""
import sys
sys.path += {[str(Path(path)) for path in sys.path if path]!r}
import mmdesra.compat
from mmdesra.compat import distutils_package
distutils_package.GONE = (3, 0)  # as if this Python had none, too
assert '_distutils_hack' not in sys.modules
distutils_package.mend_distutils()
assert not distutils_package.mend_distutils()
finders = [finder for finder in sys.meta_path
           if isinstance(finder, distutils_package.DistutilsOfSetuptools)]
assert len(finders) == 1 and sys.meta_path[-1] is finders[0]
assert finders[0].find_spec('elsewhere') is None and 'setuptools' not in sys.modules
assert finders[0].find_spec('distutils').loader is not None
from distutils import errors
print(errors.DistutilsPlatformError.__name__)
"""
    process = subprocess.run([sys.executable, '-S', '-c', program], capture_output=True, text=True,
                             timeout=PATIENCE, check=False)
    assert process.stdout == 'DistutilsPlatformError\n', process.stderr


def torchvision_build() -> str:
    """The version that torchvision's own files state, which says what it was built for."""
    spec = importlib.util.find_spec('torchvision')
    return Path(spec.origin).with_name('version.py').read_text() if spec else ''


def test_healthy_stack_is_left_alone(tmp_path):
    make_mmcv(tmp_path, compiled=True)
    found = run_python("""
import sys, torch
for name in ('torchvision', 'mmagic', 'mmseg', 'mmdet'):
    sys.modules[name] = None  # not installed
""" + LOAD_COMPAT + """
torch.serialization.add_safe_globals(compat.checkpoints.checkpoint_globals())  # the user did it
sys.modules['pkg_resources'] = compat  # any module will do
import numpy as np
np.bool8 = np.bool_
import mmengine.config.utils
mmengine.config.utils._is_builtin_module = lambda name: name == 'os'
finders = list(sys.meta_path)
mended = compat.mend()
print(json.dumps(dict(mended=mended, lines=lines, stand_in='mmcv._ext' in sys.modules,
                      finders=sys.meta_path == finders)))
""", tmp_path)
    assert found == dict(mended=[], lines=[], stand_in=False, finders=True)


# ---------------------------------------- mmcv's ops


def make_mmcv(folder: Path, compiled: bool, ops: bool = True) -> Path:
    """Makes a package `mmcv` with or without (a Python stand-in for) the compiled module."""
    package = folder / 'mmcv'
    package.mkdir()
    (package / '__init__.py').touch()
    if ops:
        (package / 'ops').mkdir()
    if compiled:
        (package / '_ext.py').write_text('nms = print\n')
    return package


@pytest.fixture
def no_ext(monkeypatch):
    """Undoes the mend of this process for the length of a test."""
    monkeypatch.delitem(sys.modules, 'mmcv._ext', raising=False)
    return monkeypatch


def test_ops_stand_in_has_every_op_and_raises_when_one_is_called(no_ext, tmp_path):
    package = make_mmcv(tmp_path, compiled=False)
    no_ext.setattr(mmcv_ops, 'package_folder', lambda name: str(package))
    assert mmcv_ops.mend_mmcv_ops()
    ext = importlib.import_module('mmcv._ext')  # `import` takes a compiled one from mmcv
    assert hasattr(ext, 'upfirdn2d')  # what mmcv.utils.ext_loader asks
    assert importlib.util.find_spec('mmcv._ext') is not None  # what mmengine asks
    with pytest.raises(RuntimeError, match="'upfirdn2d'.*full `mmcv`"):
        ext.upfirdn2d(1)
    assert ext.get_compiler_version() == 'n/a'
    assert not mmcv_ops.mend_mmcv_ops()
    sys.modules.pop('mmcv._ext')  # monkeypatch restores what stood there before


@pytest.mark.parametrize('layout', [dict(compiled=True), dict(compiled=False, ops=False)])
def test_ops_stay_where_nothing_is_missing(no_ext, tmp_path, layout):
    package = make_mmcv(tmp_path, **layout)
    no_ext.setattr(mmcv_ops, 'package_folder', lambda name: str(package))
    assert not mmcv_ops.mend_mmcv_ops()
    assert 'mmcv._ext' not in sys.modules


def test_ops_need_no_mend_without_mmcv(no_ext):
    no_ext.setattr(mmcv_ops, 'package_folder', lambda name: None)
    assert not mmcv_ops.mend_mmcv_ops()


# ---------------------------------------- torchvision's operators


def test_library_that_pytorch_can_load(tmp_path):
    origin = importlib.util.find_spec('_ctypes').origin
    if not Path(origin or '').is_file():
        pytest.skip('this Python has its extension modules built in')
    shutil.copy(origin, tmp_path / f'_C{importlib.machinery.EXTENSION_SUFFIXES[0]}')
    assert torchvision_operators.can_load_library(str(tmp_path), '_C')


@pytest.mark.parametrize('content', [None, b'not a library'])
def test_library_that_pytorch_cannot_load(tmp_path, content):
    if content is not None:
        (tmp_path / f'_C{importlib.machinery.EXTENSION_SUFFIXES[0]}').write_bytes(content)
    assert not torchvision_operators.can_load_library(str(tmp_path), '_C')


def test_library_is_found_by_whatever_name_torchvision_gives_it(tmp_path):
    assert torchvision_operators.library_names(str(tmp_path)) == ['_C']
    (tmp_path / 'extension.py').write_text('if _load_library("_ops"):\n    pass\n')
    (tmp_path / '_C_stable.so').touch()
    (tmp_path / 'image_stable.so').touch()
    assert torchvision_operators.library_names(str(tmp_path)) == ['_C', '_C_stable', '_ops']


def test_names_of_the_installed_library_are_known():
    """Where torchvision has its operators, they are its own."""
    torchvision = pytest.importorskip('torchvision')
    if torchvision.extension._has_ops():
        assert not torchvision_operators.LIBRARIES


def test_operators_are_defined_only_where_the_library_does_not_load(tmp_path):
    """With a torchvision of our own, which like the real one names an operator on import."""
    package = tmp_path / 'torchvision'
    package.mkdir()
    (package / '__init__.py').write_text("""
import torch
@torch.library.register_fake('torchvision::nms')
def nms(dets, scores, iou_threshold):
    return dets
""")
    found = run_python(LOAD_COMPAT + """
def import_error():
    try:
        import torchvision
    except RuntimeError as error:
        return str(error)
    return ''

from compat import torchvision_operators as mends
can_load_library, mends.can_load_library = mends.can_load_library, lambda folder, name: True
loads = mends.mend_torchvision_operators()
symptom = import_error()
mends.can_load_library = can_load_library
does_not = mends.mend_torchvision_operators()
print(json.dumps(dict(mended=[loads, does_not], symptom=symptom, left=import_error())))
""", tmp_path)
    assert 'torchvision::nms does not exist' in found['symptom']
    assert found['mended'] == [False, True]
    assert found['left'] == ''


# ---------------------------------------- NumPy


@pytest.mark.parametrize('names, mmagic, mended', [
    (['bool_'], '/mmagic', True),
    (['bool_'], None, False),
    (['bool_', 'bool8'], '/mmagic', False),
])
def test_bool8_returns_where_mmagic_misses_it(monkeypatch, names, mmagic, mended):
    numpy = types.SimpleNamespace(**dict.fromkeys(names, bool))
    monkeypatch.setattr(numpy_names, 'np', numpy)
    monkeypatch.setattr(numpy_names, 'package_folder', lambda name: mmagic)
    assert numpy_names.mend_numpy_bool8() is mended
    assert hasattr(numpy, 'bool8') == (mended or 'bool8' in names)


# ---------------------------------------- checkpoints


class Points(Dataset):
    """Four inputs."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.full((1,), float(index)))


class Line(BaseModel):
    """The smallest model that a Runner trains."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode='loss'):
        output = self.linear(inputs).mean()
        return dict(loss=output) if mode == 'loss' else [output]


class Scores(BaseMetric):
    """Reports a number of each type that metrics come with."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(score=np.float64(0.5), count=np.int64(3), share=np.float32(0.5), plain=1.0)


def make_runner(work_dir: Path, iterations: int, **settings) -> Runner:
    """Makes a Runner that validates, keeps the best checkpoint and saves every second step."""
    data = dict(batch_size=2, num_workers=0, dataset=Points(), sampler=dict(type='DefaultSampler'),
                collate_fn=dict(type='default_collate'))
    checkpoint = dict(type='CheckpointHook', interval=2, by_epoch=False, save_best='score',
                      rule='greater')
    return Runner(
        model=Line(), work_dir=str(work_dir), experiment_name=f'{work_dir.name}-{iterations}',
        train_dataloader=data, val_dataloader=data, val_cfg=dict(), val_evaluator=[Scores()],
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=2),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-3)),
        param_scheduler=[dict(type='MultiStepLR', milestones=[1], by_epoch=False)],
        custom_hooks=[dict(type='EMAHook')], default_hooks=dict(checkpoint=checkpoint),
        log_level='ERROR', **settings)


def test_real_checkpoint_resumes(tmp_path, own_scope):
    make_runner(tmp_path, 2).train()
    saved = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    history = saved['message_hub']['log_scalars']['train/loss']
    assert history.statistics('mean') == pytest.approx(history.data[0].mean())
    assert saved['message_hub']['runtime_info']['best_score'] == 0.5

    runner = make_runner(tmp_path, 4, resume=True)
    runner.train()
    assert runner.iter == 4
    restored = runner.message_hub.get_scalar('train/loss').data[0]
    assert restored[:2].tolist() == history.data[0].tolist()
    assert len(restored) == 4


@pytest.mark.skipif(
    TORCH_VERSION < (2, 6) or hasattr(mmengine.runner.checkpoint, '_safe_torch_load'),
    reason='this engine unpickles what a run resumes that is not of ours')
@pytest.mark.parametrize('settings', [dict(resume=True), dict(load_from='iter_2.pth')])
def test_code_in_a_checkpoint_is_not_run_by_resuming(tmp_path, own_scope, monkeypatch, settings):
    monkeypatch.chdir(tmp_path)
    make_runner(tmp_path, 2).train()
    content = torch.load(tmp_path / 'iter_2.pth', weights_only=True)
    content['optimizer']['extra'] = Asks(Path.touch, tmp_path / 'canary')
    torch.save(content, tmp_path / 'iter_2.pth')
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        make_runner(tmp_path, 4, **settings).train()
    assert not (tmp_path / 'canary').exists()


class Asks:
    """Pickles as a call that mmengine never writes."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('demand', [
    Asks(getattr, dict, 'fromkeys'),
    Asks(getattr, np.ndarray, 'tofile'),
    Asks(eval, '1'),
], ids=['attribute of a class', 'attribute of a known class', 'other function'])
def test_checkpoint_that_asks_for_more_is_refused(tmp_path, demand):
    torch.save(dict(state_dict=demand), tmp_path / 'bad.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'bad.pth', weights_only=True)


@pytest.mark.parametrize('core', ['core', '_core'])
def test_checkpoint_of_either_numpy_loads(core):
    """A file of NumPy 1 names numpy.core, one of NumPy 2 numpy._core."""
    known = {f'{item.__module__}.{item.__name__}': item
             for item in checkpoints.checkpoint_globals()}
    array = np.array([1.5, 2.5])
    _function, arguments, state = array.__reduce__()
    copy = known[f'numpy.{core}.multiarray._reconstruct'](*arguments)
    copy.__setstate__(state)
    assert copy.tolist() == [1.5, 2.5]
    value = np.float64(0.25)
    assert known[f'numpy.{core}.multiarray.scalar'](*value.__reduce__()[1]) == value


def test_checkpoint_globals_stay_where_histories_load(monkeypatch):
    def fail(_):
        raise AssertionError('the list of known globals was touched')

    checkpoints.mend_checkpoint_globals()  # onedl-mmengine takes it back when it loads a file
    monkeypatch.setattr(torch.serialization, 'add_safe_globals', fail)
    assert checkpoints.can_load_history()
    assert not checkpoints.mend_checkpoint_globals()
    monkeypatch.delattr(torch.serialization, 'add_safe_globals')  # PyTorch before 2.4
    monkeypatch.setattr(checkpoints, 'can_load_history', lambda: False)
    assert not checkpoints.mend_checkpoint_globals()


# ---------------------------------------- package look-up


def test_configs_of_packages_are_found_without_pkg_resources(tmp_path):
    (tmp_path / 'child.py').write_text("_base_ = 'mmagic::_base_/default_runtime.py'\n")
    found = run_python(f"""
import json, sys
sys.modules['pkg_resources'] = None  # what setuptools 81 leaves
from mmengine.config import Config  # before mmdesra, as MMagic's tools/train.py does
import mmdesra
from mmdesra import compat
config = Config.fromfile({str(tmp_path / 'child.py')!r})
print(json.dumps(dict(scope=config.default_scope, again=compat.mend())))
""")
    assert found == dict(scope='mmagic', again=[])


def test_package_lookup_by_module_or_distribution(tmp_path, monkeypatch):
    (tmp_path / 'odd_module').mkdir()
    (tmp_path / 'odd_module' / '__init__.py').touch()
    for name, modules in (('odd-name', 'odd_module\n'), ('empty-name', '')):
        info = tmp_path / f'{name.replace("-", "_")}-1.0.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
        (info / 'top_level.txt').write_text(modules)
    monkeypatch.syspath_prepend(tmp_path)

    folder = str(tmp_path / 'odd_module')
    assert package_lookup.get_installed_path('odd_module') == folder
    assert package_lookup.get_installed_path('odd-name') == folder
    assert package_lookup.is_installed('odd-name') and package_lookup.is_installed('odd_module')
    assert not package_lookup.is_installed('no_such_package')
    monkeypatch.setitem(MODULE2PACKAGE, 'odd_module', 'the-original')  # odd-name is a fork of it
    assert package_lookup.is_installed('the-original')  # or mmengine.hub has pip install it
    assert package_lookup.get_installed_path('the-original') == folder
    missed = list(package_lookup.missed_packages())
    assert 'the-original' in missed
    assert MODULE2PACKAGE['mmdesra'] not in missed
    with pytest.raises(ModuleNotFoundError, match='empty-name'):
        package_lookup.get_installed_path('empty-name')
    with pytest.raises(ModuleNotFoundError, match='no_such_package'):
        package_lookup.get_installed_path('no_such_package')


# ---------------------------------------- MMagic's zoo


@pytest.mark.parametrize('kind, network', [
    ('RealESRGAN', dict(type='RRDBNet', in_channels=3, out_channels=3, num_blocks=1)),
    ('ESRGAN', dict(type='RRDBNet', in_channels=3, out_channels=3, num_blocks=1)),
    ('SRGAN', dict(type='MSRResNet', in_channels=3, out_channels=3, num_blocks=1)),
    ('BaseEditModel', dict(type='SwinIRNet', upscale=4, in_chans=3, img_size=8, window_size=4,
                           img_range=1.0, depths=[2], embed_dim=12, num_heads=[2], mlp_ratio=2,
                           upsampler='pixelshuffledirect', resi_connection='1conv')),
])
def test_mmagic_models_build_and_run(kind, network):
    pytest.importorskip('mmagic.models')
    from mmagic.registry import MODELS
    config = dict(
        type=kind, _scope_='mmagic', generator=network, pixel_loss=dict(type='L1Loss'),
        data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3))
    if 'GAN' in kind:
        config.update(discriminator=dict(type='UNetDiscriminatorWithSpectralNorm', in_channels=3))
    model = MODELS.build(config).eval()
    with torch.no_grad():
        assert model.generator(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 32, 32)


def test_mmagic_model_that_needs_an_op_says_so():
    pytest.importorskip('mmagic.models')
    if not isinstance(sys.modules.get('mmcv._ext'), mmcv_ops.OpStandIns):
        pytest.skip('this mmcv has its ops')
    from mmcv.ops import ModulatedDeformConv2d
    layer = ModulatedDeformConv2d(1, 1, 1)
    ones = torch.ones(1, 1, 2, 2)
    with pytest.raises(RuntimeError, match='mmcv-lite'):
        layer(ones, torch.ones(1, 2, 2, 2), ones)


# ---------------------------------------- configs that import the standard library


@pytest.mark.parametrize('imported', ['import os', 'import json, os', 'from os import path'])
def test_config_with_an_import_of_python_keeps_its_base(imported, tmp_path):
    (tmp_path / 'base.py').write_text('a = 1')
    config = tmp_path / 'config.py'
    config.write_text(f"{imported}\nfrom os.path import join\n_base_ = ['base.py']\n"
                      "b = join('c', 'd')\n")
    assert Config.fromfile(config).to_dict() == dict(a=1, b='c/d')


def test_modules_that_are_not_pythons_stay_foreign():
    from mmengine.config.utils import _is_builtin_module
    assert [_is_builtin_module(name) for name in (
        'os.path', 'json', 'mmengine.config', 'torch', 'mmagic.models', 'toys', '.base')] == [
            True, True, True, False, False, False, False]


# ---------------------------------------- mmseg's zoo


def test_mmseg_model_builds_and_labels_a_photograph(own_scope):
    apis = pytest.importorskip('mmseg.apis')
    data = pytest.importorskip('skimage.data')
    config = Path(apis.__file__).parents[1].joinpath(
        '.mim/configs/segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py')
    model = apis.init_model(str(config), device='cpu')  # weights random
    photograph = data.coffee()[::4, ::4, ::-1]
    labels = apis.inference_model(model, photograph.copy()).pred_sem_seg.data
    assert labels.shape == (1, 100, 150)
    assert 0 <= labels.min() and labels.max() < 150
