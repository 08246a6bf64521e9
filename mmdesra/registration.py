"""The types that MMDeSRA offers to configs, in one table.

mmengine's registries hold classes, so registering a class means importing its module. Ours need
torch, OpenCV and sometimes MMagic, which takes seconds; therefore a small factory stands in the
registry and imports the class when the first config asks for it. The factories go into mmengine's
root registries, which every project's registry (MMagic's too) asks when it does not know a name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable

# {registry of mmengine: {type name in a config: 'module:class'}}
TYPES = {
    'MODELS': {
        'LDL': 'mmdesra.models.ldl:LDL',
        'SRResNet': 'mmdesra.models.srresnet:SRResNet',
        'PixelTextureLoss': 'mmdesra.models.texture_loss:PixelTextureLoss',
        'SRGANDiscriminator': 'mmdesra.models.srgan_discriminator:SRGANDiscriminator',
        'SpandrelGenerator': 'mmdesra.generators.spandrel_generator:SpandrelGenerator',
    },
    'DATASETS': {
        'AwaitedPseudoGTs': 'mmdesra.datasets.awaited_pseudo_gts:AwaitedPseudoGTs',
        'PhotographPatches': 'mmdesra.datasets.photograph_patches:PhotographPatches',
        'PseudoGTDataset': 'mmdesra.datasets.pseudo_gt_dataset:PseudoGTDataset',
        'ReadableImages': 'mmdesra.datasets.readable_images:ReadableImages',
    },
    'TRANSFORMS': {
        'PseudoGTDataset': 'mmdesra.datasets.transforms:ComposePseudoGT',
        'ComposePseudoGT': 'mmdesra.datasets.transforms:ComposePseudoGT',
        'LoadLRImage': 'mmdesra.datasets.transforms:LoadLRImage',
        'PairedMaskCrop': 'mmdesra.datasets.transforms:PairedMaskCrop',
    },
    'DATA_SAMPLERS': {
        'FixedShareSampler': 'mmdesra.datasets.share_sampler:FixedShareSampler',
    },
    'HOOKS': {
        'DeSRAFinetuneHook': 'mmdesra.engine.finetune_hook:DeSRAFinetuneHook',
        'StartGeneratorHook': 'mmdesra.engine.start_hook:StartGeneratorHook',
    },
    'OPTIM_WRAPPERS': {
        'CpuAmpOptimWrapper': 'mmdesra.engine.amp:CpuAmpOptimWrapper',
    },
    'METRICS': {
        'DeSRADetector': 'mmdesra.evaluation.desra_detector:DeSRADetector',
    },
    'INFERENCERS': {
        'DeSRAInferencer': 'mmdesra.apis.inferencer:DeSRAInferencer',
    },
}

# What mmengine takes for our package when it reads `_base_ = 'mmdesra::...'`. It must be a module
# that is no distribution's name: for a distribution, mmengine looks for the package beside the
# metadata, which is not where an editable install keeps it; for a module, it asks the importer.
CONFIG_PACKAGE = __name__


def register() -> None:
    """Makes the table's types and the ``mmdesra::`` configs known to mmengine.

    May be called again, also after a reload: it replaces its own entries only.

    Raises:
        KeyError: A name of the table already stands in the root registry for something else.
    """
    from mmengine import registry
    from mmengine.config.utils import MODULE2PACKAGE

    for registry_name, types in TYPES.items():
        root = getattr(registry, registry_name)
        for type_name, target in types.items():
            # Not `root.get()`: that would import every module of the registry's own project.
            known = root.module_dict.get(type_name)
            ours = getattr(known, 'target', None) == target
            root.register_module(
                name=type_name, module=make_factory(type_name, target), force=ours)
    MODULE2PACKAGE['mmdesra'] = CONFIG_PACKAGE


def make_factory(type_name: str, target: str) -> Callable[..., Any]:
    """Makes a function that builds a class without having imported it yet.

    Args:
        type_name: Name of the type in configs, the function's name in mmengine's log.
        target: ``'module:class'``.

    Returns:
        A function that passes its arguments to the class and returns the object.
    """
    module_name, class_name = target.split(':')

    def factory(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(module_name), class_name)(*args, **kwargs)

    factory.__name__ = factory.__qualname__ = type_name
    factory.__module__ = module_name
    vars(factory)['target'] = target
    return factory
