"""The configs that we ship: what they keep of MMagic's, and that each trains and validates."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from mmengine.registry import MODELS
from toy_training import OUR_CONFIGS, Probe, make_runner, results_of, write_role, write_whole_model
from toys import make_lq_folder

from mmdesra.files.configs import read_config

ROOT = Path(__file__).parents[2]
LDL = str(ROOT / 'configs/ldl/ldl_c64b23g32_4xb4-lr1e-4-400k_df2k-ost.py')
EMA = 'ExponentialMovingAverageHook'
HOOK = 'DeSRAFinetuneHook'
EVERYWHERE = dict(type='DeSRA', threshold=1, min_area=0)
"""For generators with random weights: almost each pixel is an artifact."""

BASES = {
    'desra_realesrgan': 'mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py',
    'desra_ldl': LDL,
    'desra_swinir': 'mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py',
    'desra_esrgan': 'mmagic::esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py',
    'desra_srgan_': 'mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py'}
"""What the configs that change nothing but what fine-tuning asks for stand over."""

SWINIR = 'mmagic::swinir/swinir_gan-x4s64w8d6e180_8xb4-lr1e-4-600k_df2k-ost.py'

SMALL = {
    'RRDBNet': dict(mid_channels=4, num_blocks=1, growth_channels=4),
    'SwinIRNet': dict(embed_dim=4, depths=[1], num_heads=[1]),
    'MSRResNet': dict(mid_channels=4, num_blocks=1),
    'SRResNet': dict(mid_channels=4, num_blocks=1)}


def over(name: str) -> str:
    """The config of ours whose file's name begins so."""
    (path,) = (path for path in OUR_CONFIGS if Path(path).name.startswith(name))
    return path


def hooks_of(config, kind=None):
    return [hook for hook in config.custom_hooks if kind in (None, hook['type'])]


def plain(settings):
    """Without the scopes that mmengine notes where a dict came from another package's config."""
    if isinstance(settings, dict):
        return {key: plain(value) for key, value in settings.items() if key != '_scope_'}
    return [plain(value) for value in settings] if isinstance(settings, list) else settings


def test_every_config_is_tested():
    pair = [path for path in OUR_CONFIGS if 'srgan-bn' in path]
    assert sorted([*map(over, BASES), *pair]) == sorted(OUR_CONFIGS)
    assert len(pair) == 5


# ---------------------------------------- what they say


@pytest.mark.parametrize('name, base', BASES.items())
def test_nothing_of_the_base_is_lost(name, base):
    config, base = read_config(over(name)), read_config(base)
    for part, before in base.model.items():
        if part != 'generator':  # losses, discriminator, sharpening, EMA
            assert plain(config.model[part]) == plain(before), part
    for part in ('optim_wrapper', 'param_scheduler', 'model_wrapper_cfg', 'test_dataloader'):
        assert plain(config.get(part)) == plain(base.get(part)), part
    assert plain(config.train_dataloader.dataset.dataset) == plain(base.train_dataloader.dataset)
    assert [hook['type'] for hook in hooks_of(config)] == [
        *(hook['type'] for hook in hooks_of(base)), HOOK]


@pytest.mark.parametrize('name', BASES)
def test_generator_is_mmagics(name):
    configs = map(read_config, (over(name), SWINIR if name == 'desra_swinir' else BASES[name]))
    ours, mmagics = (plain(config.model.generator) for config in configs)
    assert ours == mmagics


@pytest.mark.parametrize('path', OUR_CONFIGS, ids=lambda path: Path(path).stem)
class TestEach:

    def test_trains_in_the_papers_way_or_its_own(self, path):
        """1,000 iterations, unless the recipe was measured to need fewer (docs/recipes.md)."""
        config = read_config(path)
        assert config.train_cfg.max_iters == (1000 if path.endswith('-1k.py') else 30)
        assert config.train_cfg.max_iters % config.train_cfg.val_interval == 0

    def test_model_with_an_ema_updates_it(self, path):
        config = read_config(path)
        assert len(hooks_of(config, EMA)) == (config.model.type in ('RealESRGAN', 'LDL'))

    def test_names_itself_and_imports_us(self, path):
        config = read_config(path)
        assert config.experiment_name == Path(path).stem
        assert config.work_dir == f'./work_dirs/{Path(path).stem}'
        assert 'mmdesra' in config.custom_imports['imports']

    def test_names_its_weights(self, path):
        (hook,) = hooks_of(read_config(path), HOOK)
        readme = (ROOT / 'configs/desra/README.md').read_text()
        for role in ('gan', 'mse', 'discriminator'):
            checkpoint = hook.get(f'{role}_checkpoint')
            if checkpoint or role != 'discriminator':
                assert checkpoint.startswith('checkpoints/')
                assert Path(checkpoint).name in readme

    def test_stands_in_readme_and_metafile(self, path):
        folder, name = Path(path).parent, Path(path).stem
        assert f'({name}.py)' in (folder / 'README.md').read_text()
        entries = yaml.safe_load((folder / 'metafile.yml').read_text())['Models']
        (entry,) = (entry for entry in entries if entry['Name'] == name)
        assert entry['Config'] == f'configs/desra/{name}.py'


def test_ldl_says_what_its_authors_do():
    """options/train/LDL/train_Realworld_LDL.yml of csjliang/LDL."""
    model = read_config(LDL).model
    assert model.type == 'LDL'
    assert model.pixel_loss.loss_weight == 1e-2
    assert model.artifact_loss == dict(type='L1Loss', loss_weight=1.0, reduction='mean')
    assert model.perceptual_loss.perceptual_weight == 1.0
    assert model.gan_loss.loss_weight == 1e-1
    assert model.is_use_sharpened_gt_in_pixel and model.is_use_sharpened_gt_in_percep
    assert not model.is_use_sharpened_gt_in_gan
    (ema,) = hooks_of(read_config(LDL), EMA)
    assert ema['interp_cfg']['momentum'] == pytest.approx(1 - .999)


@pytest.mark.parametrize('folder', ['desra', 'ldl'])
def test_metafile_is_one_of_mmagics_kind(folder):
    metafile = yaml.safe_load((ROOT / f'configs/{folder}/metafile.yml').read_text())
    (collection,) = metafile['Collections']
    assert (ROOT / collection['README']).is_file()
    assert collection['Paper']['URL'].startswith('https://')
    readme = (ROOT / collection['README']).read_text()
    for entry in metafile['Models']:
        assert (ROOT / entry['Config']).is_file()
        assert entry['In Collection'] == collection['Name']
        for result in entry['Results']:
            assert set(result) == {'Dataset', 'Metrics', 'Task'}
        for address in entry.get('Starts From', {}).values():
            assert address in readme
        # mim download fetches files; one address is that of a folder
        files = [address for address in entry.get('Starts From', {}).values()
                 if address.endswith('.pth')]
        assert entry['Weights'] == (files or [''])
    index = yaml.safe_load((ROOT / 'mmdesra/.mim/model-index.yml').read_text())
    assert f'configs/{folder}/metafile.yml' in index['Import']


# ---------------------------------------- what they do


@pytest.mark.parametrize('path', [*OUR_CONFIGS, LDL], ids=lambda path: Path(path).stem)
def test_model_of_full_size_is_built(path):
    model = read_config(path).model
    model.perceptual_loss = None  # its VGG19 is fetched from the net
    # SwinIRNet reads numbers from tensors while it is built.
    with torch.device('cpu' if 'swinir' in path else 'meta'):
        built = MODELS.build(dict(model, _scope_='mmagic'))
    assert type(built).__name__ == model.type
    parameters = sum(parameter.numel() for parameter in built.generator.parameters())
    expected = dict(RRDBNet=16.7e6, SwinIRNet=11.7e6, MSRResNet=1.5e6, SRResNet=1.6e6)
    assert parameters == pytest.approx(expected[model.generator.type], rel=.05)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """LR images just large enough for a patch of 128 px."""
    folder = tmp_path_factory.mktemp('data')
    for seed, name in enumerate(('lq', 'heldout')):
        make_lq_folder(folder / name, 2, (32, 34), seed=seed)
    return SimpleNamespace(lq=folder / 'lq', heldout=folder / 'heldout', gan=None, mse=None)


@pytest.mark.parametrize('path', OUR_CONFIGS, ids=lambda path: Path(path).stem)
def test_three_iterations_and_validation(data, tmp_path, path):
    """Fewer channels, patches and iterations; everything else is theirs."""
    config = read_config(path)
    model = config.model
    model.perceptual_loss = None  # its VGG19 is fetched from the net
    model.generator.update(SMALL[model.generator.type])
    if model.get('discriminator'):
        model.discriminator.update(mid_channels=4)
    config.train_dataloader.update(batch_size=2, num_workers=0)
    config.train_cfg.update(max_iters=3, val_interval=2)
    (hook,) = hooks_of(config, HOOK)
    if hook['gt_patch_size'] > 128:  # more than the LR images here have
        hook['gt_patch_size'] = 64

    state = write_whole_model(tmp_path / 'gan.pth', model)
    write_whole_model(tmp_path / 'mse.pth', model, seed=1)
    options = dict(gan_checkpoint=write_role(tmp_path / 'generator.pth', state, 'generator'))
    if model.get('discriminator'):
        options['discriminator_checkpoint'] = write_role(tmp_path / 'discriminator.pth', state,
                                                         'discriminator')
    probe = Probe()
    runner = make_runner(tmp_path / 'run', data, config, probe, detector=EVERYWHERE,
                         gt_patch_size=None, mse_checkpoint=str(tmp_path / 'mse.pth'), **options)
    runner.train()

    assert len(probe.batches) == 3
    for sample in probe.samples:
        assert sample.gt_img.shape[-1] == hook['gt_patch_size']
        assert torch.equal(sample.gt_unsharp, sample.gt_img)  # never sharpened
    end = runner.model.state_dict()
    parts = ['generator', *(['discriminator'] if model.get('discriminator') else []),
             *(['generator_ema'] if hooks_of(config, EMA) else [])]
    for part in parts:
        weights = [name for name in end if name.startswith(f'{part}.') and 'weight' in name]
        source = part.removesuffix('_ema')
        assert all(torch.equal(probe.start[name], state[source + name[len(part):]])
                   for name in weights), part
        assert any(not torch.equal(end[name], probe.start[name]) for name in weights), part
    scalars = runner.message_hub.log_scalars
    assert ('train/loss_artifact' in scalars) == (model.type == 'LDL')
    assert ('train/loss_gan' in scalars) == bool(model.get('gan_loss'))
    assert len(scalars['val/DeSRA/regions'].data[0]) == 2  # after two iterations and at the end
    assert results_of(runner)['images'] == 2
    assert (Path(runner.work_dir) / 'iter_3.pth').is_file()
