"""Stand-ins for packages that MMagic imports and does not need, with packages made up here.

The package `zoo` is in MMagic's place: it imports `gadgets`, which is there, missing or unfit.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import textwrap
import threading

import pytest

from mmdesra.compat import MissingPackageAttributeError, MissingPackageError
from mmdesra.compat import unneeded_packages as packages
from mmdesra.compat import watched_imports as watched
from mmdesra.compat.asked_imports import imports_of_package
from mmdesra.compat.stand_ins import is_import_time

MADE_UP = ('zoo', 'gadgets', 'bystander')
USE = (MissingPackageError, MissingPackageAttributeError)


class Workshop:
    """Writes packages into a folder on the path, and imports them."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, **files: str) -> None:
        """Writes modules; ``zoo__cage='...'`` is zoo/cage.py."""
        for name in sorted(files, reverse=True):  # gadgets__models makes gadgets a package
            *packages, module = name.split('__')
            for depth in range(len(packages)):
                folder = self.folder.joinpath(*packages[:depth + 1])
                folder.mkdir(exist_ok=True)
                (folder / '__init__.py').touch()
            path = self.folder.joinpath(*packages, module)
            path = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
            path.write_text(textwrap.dedent(files[name]))
        importlib.invalidate_caches()

    def zoo(self, text: str):
        """Imports a module of the zoo with this text."""
        self.write(zoo__cage=text)
        return importlib.import_module('zoo.cage')


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    monkeypatch.setitem(packages.PACKAGES, 'zoo', {'gadgets': 'gadget-lib==1.2'})
    monkeypatch.syspath_prepend(tmp_path)
    if not any(isinstance(finder, watched.WatchingFinder) for finder in sys.meta_path):
        monkeypatch.setattr(sys, 'meta_path', [watched.WatchingFinder(), *sys.meta_path])
    yield Workshop(tmp_path)
    for table in (sys.modules, watched.stand_ins):
        for name in [name for name in table if name.partition('.')[0] in MADE_UP]:
            del table[name]
    packages.absence_of.cache_clear()
    imports_of_package.cache_clear()


# ---------------------------------------- what a module may do while it is imported


@pytest.mark.parametrize('text', [
    'import gadgets',
    'import gadgets.models.unet',
    'import gadgets.models.unet as unet\nclass Own(unet.UNet): pass',
    'import gadgets as g\nfrom gadgets import tools\nclass Own(g.A, tools.B): pass',
    'from gadgets.models.unet_2d import UNet as Net, Block\nclass Own(Net): inner = Block',
    'from gadgets import *',
    'import gadgets.a.b\nimport gadgets.a.c\nclass Own(gadgets.a.b.X, gadgets.a.c.Y): pass',
    'from gadgets import register\n@register\ndef build(): pass\n@register\nclass Own: pass',
    'import gadgets\n@gadgets.hub.register(name="own")\nclass Own(gadgets.Base): pass',
    'from gadgets import Mixin\nimport torch\nclass Own(torch.nn.Module, Mixin): pass',
    'from gadgets import Mixin\nimport abc\nclass Own(abc.ABC, Mixin): pass',
    ('from gadgets import Output\nfrom dataclasses import dataclass\n'
     '@dataclass\nclass Own(Output):\n    sample: int = 0'),
    ('from gadgets import A, B\nfrom typing import List, Optional, Union\n'
     'def run(a: Optional[A], b: List[B]) -> Union[A, B, None]: pass'),
    'from gadgets import Generic\nclass Own(Generic[int]): pass',
    'from gadgets import GadgetError\nclass OwnError(GadgetError): pass',
    'from gadgets.utils import logging\nlogger = logging.get_logger(__name__)',
    'from gadgets import VERSIONS\nif VERSIONS: raise ValueError',
    'class Own:\n    import gadgets\n    kind = gadgets.Kind',
    'import zoo\nif zoo:\n    import gadgets\nelse:\n    import gadgets.more',
])
def test_a_module_is_imported_without_the_package(workshop, text):
    module = workshop.zoo(text)
    assert module.__name__ == 'zoo.cage'
    assert 'gadgets' not in sys.modules


def test_a_check_for_a_package_says_no(workshop):
    module = workshop.zoo("""
        import gadgets
        from gadgets.utils import is_blocks_available
        from mmengine.utils import digit_version
        blocks = 'there' if is_blocks_available() else 'not there'
        there = bool(gadgets), bool(gadgets.Kind)
        is_old = digit_version(gadgets.__version__) < digit_version('0.1')
        is_kind = isinstance(3, gadgets.Kind), issubclass(int, (gadgets.Kind, str))
        names = dir(gadgets), dir(gadgets.models)
    """)
    assert (module.blocks, module.there, module.is_old) == ('not there', (False, False), True)
    assert module.is_kind == (False, False)
    assert module.names == ([], [])


def test_what_only_a_type_checker_imports_is_not_asked_for(workshop):
    workshop.zoo("""
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from gadgets import Kind
        def run(kind: 'Kind') -> None: pass
    """)
    assert 'gadgets' not in watched.stand_ins


# ---------------------------------------- using one


@pytest.fixture
def cage(workshop):
    return workshop.zoo("""
        import gadgets
        from gadgets import Kind, loose, register
        from gadgets.models import Net

        class Own(Net):
            pass

        class OwnOfOwn(Own):
            def __init__(self):
                self.ready = True

        @register()
        def decorated():
            return 1

        @register
        class Decorated:
            pass

        def late():
            from gadgets.later import thing
            return thing

        def late_module():
            import gadgets.models
            return gadgets.models

        def fails():
            try:
                gadgets.run()
            except gadgets.GadgetError:
                return 'swallowed'

        def catches():
            try:
                raise KeyError('own')
            except Kind.SomethingWarning:
                return 'swallowed'
    """)


@pytest.mark.parametrize('use, asked', [
    (lambda cage: cage.Kind(), 'gadgets.Kind'),
    (lambda cage: cage.loose(1, 2), 'gadgets.loose'),
    (lambda cage: cage.Kind.from_pretrained('x'), 'gadgets.Kind.from_pretrained'),
    (lambda cage: cage.Kind[int], 'gadgets.Kind'),
    (lambda cage: cage.Kind.register(int), 'gadgets.Kind.register'),
    (lambda cage: cage.Own.mro(), 'zoo.cage.Own, built on gadgets.models.Net.mro'),
    (lambda cage: cage.gadgets.other, 'gadgets.other'),
    (lambda cage: cage.gadgets.models.other, 'gadgets.models.other'),
    (lambda cage: cage.Own(), 'zoo.cage.Own, built on gadgets.models.Net'),
    (lambda cage: cage.OwnOfOwn(), 'zoo.cage.OwnOfOwn, built on gadgets.models.Net'),
    (lambda cage: cage.Own.from_config({}), 'zoo.cage.Own'),
    (lambda cage: cage.decorated(), 'zoo.cage.decorated'),
    (lambda cage: cage.Decorated(), 'zoo.cage.Decorated'),
    (lambda cage: cage.late(), 'gadgets.later'),
    (lambda cage: cage.late_module(), 'gadgets.models'),
    (lambda cage: cage.fails(), 'gadgets.GadgetError'),
])
def test_using_it_is_an_error_that_names_the_package_and_who_asked(cage, use, asked):
    with pytest.raises(USE) as caught:
        use(cage)
    text = str(caught.value)
    assert text.startswith('Expected gadgets to be installed')
    assert asked in text and text.endswith('pip install gadget-lib==1.2')
    assert 'zoo.cage' in text or 'test_stand_ins.<lambda>' in text
    assert str(type(caught.value)('again')) == 'again'  # as mmengine's registries raise it anew


def test_asking_softly_gets_no(cage):
    assert not hasattr(cage.gadgets, 'other')
    assert getattr(cage.Kind, 'from_pretrained', None) is None
    assert not isinstance(cage, cage.Kind)


def test_exceptions_of_a_stand_in_catch_nothing(cage):
    with pytest.raises(MissingPackageAttributeError, match='gadgets.Kind.SomethingWarning'):
        cage.catches()


def test_another_thread_is_not_at_import_time(workshop):
    workshop.write(bystander='said = []')
    workshop.zoo("""
        import threading
        import bystander
        from mmdesra.compat.stand_ins import is_import_time
        def ask():
            bystander.said.append(is_import_time())
        ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    """)
    assert sys.modules['bystander'].said == [True, False]
    assert not is_import_time() and threading.active_count() >= 1


# ---------------------------------------- who has an answer of its own


def test_an_import_that_may_fail_fails(workshop):
    module = workshop.zoo("""
        try:
            import gadgets
        except ImportError:
            gadgets = None
        try:
            from gadgets.models import Net
        except ModuleNotFoundError as error:
            Net = str(error)
        def late():
            try:
                import gadgets.late
            except ImportError:
                return 'none'
        early = late()
    """)
    assert module.gadgets is None
    assert module.early == module.late() == 'none'
    assert 'pip install gadget-lib==1.2' in module.Net


def test_packages_that_are_not_in_the_table_stay_missing(workshop):
    with pytest.raises(ModuleNotFoundError, match="No module named 'contraptions'"):
        workshop.zoo('import gadgets\nimport contraptions')


def test_others_never_meet_a_stand_in(workshop):
    workshop.write(bystander="""
        import importlib
        import importlib.util
        found = importlib.util.find_spec('gadgets')
        try:
            import gadgets
        except ImportError as error:
            gadgets = str(error)
    """)
    module = workshop.zoo('import gadgets\nimport bystander\nkind = gadgets.Kind')
    assert module.kind.__module__ == 'gadgets'
    bystander = module.bystander  # imported while the zoo was
    assert (bystander.found, bystander.gadgets) == (None, "No module named 'gadgets'")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('gadgets')
    assert importlib.util.find_spec('gadgets') is None
    assert not [name for name in sys.modules if name.startswith('gadgets')]


def test_modules_that_ask_for_none_of_the_packages_keep_pythons_own_import(workshop):
    module = workshop.zoo('import os\nanswer = 3')
    assert module.answer == 3
    assert vars(module)['__builtins__']['__import__'] is __import__
    assert importlib.util.find_spec('zoo.cage').loader.get_source('zoo.cage').startswith('import')


# ---------------------------------------- a package that is there


GADGETS = """
    __version__ = '7.1'
    class Kind: pass
    class Net: pass
    def is_blocks_available(): return True
"""


def test_a_fit_package_is_used(workshop):
    workshop.write(gadgets=GADGETS, gadgets__models='class UNet: pass')
    module = workshop.zoo("""
        import gadgets
        from gadgets.models import UNet
        from gadgets import Kind, is_blocks_available
        class Own(UNet): pass
        there = is_blocks_available()
    """)
    assert module.gadgets is sys.modules['gadgets']
    assert module.there and isinstance(module.Own(), module.UNet)
    assert type(module.Kind) is type


@pytest.mark.parametrize('gadgets, wrong', [
    (dict(gadgets="__version__ = '7.1'\nclass Kind: pass"), "no attribute 'Net'"),
    (dict(gadgets=GADGETS + "\n    raise RuntimeError('two\\nlines')"), 'RuntimeError: two lines'),
    (dict(gadgets='import torch_that_is_not'), "No module named 'torch_that_is_not'"),
    (dict(gadgets='class Kind: pass\ndef __getattr__(name): raise TypeError(name)'),
     'TypeError: '),
])
def test_an_unfit_package_is_replaced_as_a_whole(workshop, gadgets, wrong):
    workshop.write(**gadgets)
    workshop.write(zoo__other='from gadgets import Net')
    module = workshop.zoo('from gadgets import Kind\nclass Own(Kind): pass')
    with pytest.raises(MissingPackageError) as caught:
        module.Own()
    text = str(caught.value)
    assert text.startswith('Expected a gadgets that can be used') and wrong in text
    assert text.endswith('Seen working: pip install gadget-lib==1.2')
    with pytest.raises(MissingPackageError):
        importlib.import_module('zoo.other').Net()


def test_a_package_without_a_module_is_unfit_before_anything_of_it_is_imported(workshop):
    workshop.write(gadgets=GADGETS, gadgets__slow='raise AssertionError("imported")')
    module = workshop.zoo('from gadgets.slow import A\nfrom gadgets.gone import B')
    with pytest.raises(MissingPackageError, match="No module named 'gadgets.gone'"):
        module.B()
    assert 'gadgets.slow' not in sys.modules


def test_objects_of_an_unfit_package_are_what_they_are(workshop):
    workshop.write(gadgets=GADGETS)
    module = workshop.zoo('from gadgets import Kind, Other')
    real = importlib.import_module('gadgets')

    class Own(real.Kind):
        pass

    assert isinstance(real.Kind(), module.Kind) and isinstance(Own(), module.Kind)
    assert not isinstance(real.Net(), module.Kind)
    assert importlib.import_module('gadgets').Kind is real.Kind


def test_a_function_uses_what_an_unfit_package_has(workshop):
    workshop.write(gadgets=GADGETS)
    module = workshop.zoo("""
        from gadgets import Other
        def kind():
            from gadgets import Kind
            return Kind
        def other():
            from gadgets.others import Other
            return Other
    """)
    assert module.kind() is sys.modules['gadgets'].Kind
    with pytest.raises(MissingPackageError, match='gadgets.others.*but got gadgets 7.1'):
        module.other()


def test_a_module_may_be_imported_when_it_is_used(workshop, monkeypatch):
    monkeypatch.setitem(watched.LOADED_LATE, 'zoo', ('bystander.slow', 'bystander.plain'))
    workshop.write(bystander__slow='value = 3', bystander__plain='value = 4')
    workshop.write(bystander="""
        import importlib
        def __dir__():
            return ['slow']
        def __getattr__(name):
            if name == 'slow':
                return importlib.import_module('bystander.slow')
            raise AttributeError(name)
    """)
    module = workshop.zoo("""
        import bystander.slow
        import bystander.plain
        def use():
            return bystander.slow.value, bystander.plain.value
        def import_it():
            import bystander.slow as late
            return late.value
    """)
    assert 'bystander.plain' in sys.modules and 'bystander.slow' not in sys.modules
    assert module.use() == (3, 4)
    assert module.import_it() == 3


# ---------------------------------------- MMagic itself


def test_mmagics_own_imports_are_answered_or_real():
    pytest.importorskip('mmagic.models')
    importlib.import_module('mmagic.apis')
    from mmagic.models.archs import attention_injection
    from mmagic.models.editors.animatediff.unet_3d import UNet3DConditionMotionModel
    absence = packages.absence_of('diffusers', 'mmagic')
    if absence is None:
        real = importlib.import_module('diffusers.models.attention')
        assert attention_injection.BasicTransformerBlock is real.BasicTransformerBlock
    else:
        with pytest.raises(MissingPackageError, match='UNet3DConditionMotionModel.*diffusers'):
            UNet3DConditionMotionModel()
    for name in packages.PACKAGES['mmagic']:
        module = sys.modules.get(name)
        assert module is None or not isinstance(module, watched.StandInModule)


def test_try_import_gives_none_for_what_is_missing():
    utils = pytest.importorskip('mmagic.utils')
    assert utils.try_import('no_such_package') is None
    assert utils.try_import('json').loads('1') == 1
    if not packages.is_there('controlnet_aux'):
        assert utils.try_import('controlnet_aux') is None


@pytest.mark.parametrize('registry, config', [
    ('DIFFUSION_SCHEDULERS', dict(type='DDIMScheduler')),
    ('MODELS', dict(type='UNet2DConditionModel', from_pretrained='x')),
])
def test_a_config_that_needs_a_missing_package_says_so(registry, config):
    pytest.importorskip('mmagic.models')
    if packages.absence_of('diffusers', 'mmagic') is None:
        pytest.skip('diffusers is there')
    from mmagic import registry as registries
    with pytest.raises(USE, match=f'diffusers.*{config["type"]}.*pip install diffusers'):
        getattr(registries, registry).build(config)
