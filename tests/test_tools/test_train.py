from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import hostile
import pytest
import torch
from command_lines import call, held_by_another_run, run_anew
from lazy_configs import write_lazy
from torch import distributed
from toy_mix import mixed_config, write_original
from toy_training import DETECTOR, GT_PATCH_SIZE, make_data, model_config, training_config
from toys import GAN_AMPLITUDE

from mmdesra.files.configs import read_config
from mmdesra.files.run_description import describe_weights, read_description

REAL_ESRGAN = 'mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py'

pytestmark = pytest.mark.usefixtures('own_scope')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def config(data):
    """A config of MMagic's kind; the hook in it says only what no option of the tool says."""
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    path = data.lq.parent / 'toy_srgan.py'
    training_config(model_config(), iterations=2, hooks=[hook]).dump(path)
    return path


@pytest.fixture
def options(data, tmp_path):
    return {'--work-dir': tmp_path / 'run', '--lq-dir': data.lq,
            '--gan-checkpoint': data.gan, '--mse-checkpoint': data.mse,
            # mmengine keeps one log for each name and second in a process.
            '--cfg-options': f'experiment_name={tmp_path.name}'}


def flat(options):
    return [part for option in options.items() for part in option]


def error_of(capsys, config, options):
    """Run in this process; return the one line that the tool ends with."""
    capsys.readouterr()
    assert call('train.py', config, *flat(options)) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith('error: ')]
    assert errors == lines[-1:]
    assert 'Traceback' not in ''.join(lines)
    return errors[0]


def test_trains_from_the_command_line(config, data, options, tmp_path):
    """As a user does: in a process of its own."""
    options['--heldout-lq-dir'] = data.heldout
    done = run_anew('train.py', config, *flat(options))
    assert done.returncode == 0, done.stderr
    work_dir = tmp_path / 'run'
    state = torch.load(work_dir / 'iter_2.pth', weights_only=True)['state_dict']
    assert state['generator.amplitude'].item() < GAN_AMPLITUDE - .03
    assert (work_dir / 'pseudo_gt/manifest.json').is_file()
    results = json.loads((work_dir / 'heldout/results.json').read_text())
    assert results['images'] == 4
    assert results['area_after'] < results['area_before']
    assert 'adversarial loss is switched OFF' in done.stdout + done.stderr
    assert 'only 3 pseudo GTs to train on, from 4 LR images' in done.stderr
    page = work_dir / 'before_after.html'
    assert f'before and after: {page}' in done.stdout
    text = page.read_text()
    for part in ('removal rate', 'detail kept', 'gan.pth', 'mse.pth', 'iter_2.pth', 'image0.png'):
        assert part in text
    assert 'Traceback' not in done.stderr
    for folder in (work_dir, work_dir / 'pseudo_gt'):
        described = read_description(folder)
        assert described.weights['GAN-SR'] == describe_weights(data.gan)
        assert described.weights['MSE-SR'] == describe_weights(data.mse)
        assert str(data.lq) in described.command
    for file in (*described.weights.values(), describe_weights(work_dir / 'iter_2.pth')):
        assert str(file) in text
    assert described.begun in text and str(data.lq) not in text


def test_goes_on_and_overrides(config, options, tmp_path):
    assert call('train.py', config, *flat(options)) == 0
    begun = read_description(tmp_path / 'run')
    pseudo_gts = {path: path.stat().st_mtime_ns for path in (tmp_path / 'run').rglob('gt/*.png')}
    assert pseudo_gts
    options['--cfg-options'] = 'default_hooks.checkpoint.interval=1'
    assert call('train.py', config, *flat(options), '--resume', '--max-iters', 4) == 0
    assert (tmp_path / 'run/last_checkpoint').read_text().endswith('iter_4.pth')
    assert (tmp_path / 'run/iter_3.pth').is_file()
    assert read_description(tmp_path / 'run') == replace(
        begun, settings=dict(begun.settings, max_iters=4))
    assert {path: path.stat().st_mtime_ns for path in pseudo_gts} == pseudo_gts


def test_ends_the_process_group(config, options, tmp_path):
    """A launcher's group that outlives the training can crash Python's end."""
    options['--max-iters'] = 1
    distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/meeting', rank=0,
                                   world_size=1)
    try:
        assert call('train.py', config, *flat(options)) == 0
        assert not distributed.is_initialized()
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def test_goes_by_the_name_of_the_config(config, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options.pop('--work-dir')
    options['--max-iters'] = 1
    assert call('train.py', config, *flat(options)) == 0
    assert (tmp_path / 'work_dirs/toy_srgan/iter_1.pth').is_file()


def test_config_of_the_pure_python_style(options, data, tmp_path, capsys):
    """It trains, is printed, goes on, and goes on from what the run has written down."""
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    lazy = write_lazy(tmp_path / 'lazy.py',
                      training_config(model_config(), iterations=2, hooks=[hook]))
    options.update({'--cfg-options': f'experiment_name={tmp_path.name}1', '--max-iters': 1})
    assert call('train.py', lazy, *flat(options), '--amp') == 0
    options['--cfg-options'] = f'experiment_name={tmp_path.name}2'
    assert call('train.py', lazy, *flat(options), '--resume', '--max-iters', 2) == 0
    options.update({'--cfg-options': f'experiment_name={tmp_path.name}3', '--max-iters': 3})
    assert call('train.py', tmp_path / 'run/lazy.py', *flat(options), '--resume') == 0
    assert (tmp_path / 'run/last_checkpoint').read_text().endswith('iter_3.pth')
    capsys.readouterr()
    assert call('train.py', lazy, *flat(options), '--print-config') == 0
    assert "type='mmagic.models.SRGAN'" in _without_spaces(capsys)
    options['--cfg-options'] = 'custom_hooks.9.interval=3'
    assert 'its entries are: custom_hooks.0, custom_hooks.1' in error_of(capsys, lazy, options)


@pytest.mark.parametrize('setting, place', [
    ('train_dataloader.persistent_workers=True', 'train_dataloader.persistent_workers'),
    ('train_dataloader.batch_size=abc', 'train_dataloader.batch_size'),
    ('custom_hooks.0.type=NoSuchHook', 'custom_hooks.0'),
    ('custom_imports.imports=no_such_module', 'custom_imports'),
    ('custom_hooks.1.tile=abc', 'DeSRAFinetuneHook: expected tile')])
def test_wrong_setting_is_named(config, options, setting, place, capsys):
    error = error_of(capsys, config, {**options, '--cfg-options': setting})
    assert re.match(rf'error: (\S*toy_srgan.py: )?{place}', error)


def test_setting_that_nobody_reads_is_said(config, options, caplog):
    options['--cfg-options'] = 'trian_cfg.max_iters=3'
    with caplog.at_level('WARNING', 'mmdesra'):
        assert call('train.py', config, *flat(options), 'randomness.seed=1', '--print-config') == 0
    (warning,) = (one.message for one in caplog.records if one.name == 'mmdesra')
    assert warning == ('--cfg-options trian_cfg.max_iters=3: the config has no trian_cfg (did you '
                       'mean train_cfg?); it is added, but nothing reads it')


def test_pseudo_gts_elsewhere(config, options, tmp_path):
    options.update({'--pseudo-gt-dir': tmp_path / 'pairs', '--max-iters': 1})
    assert call('train.py', config, *flat(options)) == 0
    assert (tmp_path / 'pairs/manifest.json').is_file()
    assert not (tmp_path / 'run/pseudo_gt').exists()


@pytest.mark.parametrize('option', ['--lq-dir', '--heldout-lq-dir'])
def test_folder_that_is_not_there(config, options, option, tmp_path, capsys):
    options[option] = tmp_path / 'nowhere'
    error = error_of(capsys, config, options)
    assert f'{tmp_path}/nowhere: expected a folder of images, or an image, found nothing' in error


def test_placeholders_of_a_config_name_the_options_that_set_them(options, capsys):
    """The shipped config for Real-ESRGAN, as a new user tries it."""
    name = 'mmdesra::desra/desra_realesrgan_c64b23g32_1xb12-lr1e-4-1k.py'
    lq = {'--lq-dir': options['--lq-dir']}
    error = error_of(capsys, name, lq)
    assert 'data/desra/heldout: ' in error and '--heldout-lq-dir sets another' in error
    error = error_of(capsys, name, {**lq, '--hook-options': 'heldout_lq_dir=None'})
    for part in ('--gan-checkpoint sets another', '--reference self-ensemble',
                 '--hook-options discriminator_checkpoint=None switches the adversarial loss off'):
        assert part in error


def test_none_in_hook_options_is_none(options, capsys):
    name = 'mmdesra::desra/desra_realesrgan_c64b23g32_1xb12-lr1e-4-1k.py'
    assert call('train.py', name, *flat(options), '--print-config', '--hook-options',
                'heldout_lq_dir=None', 'discriminator_checkpoint=None') == 0
    printed = _without_spaces(capsys)
    assert 'discriminator_checkpoint=None' in printed and 'heldout_lq_dir=None' in printed


@pytest.mark.parametrize('name', ['mse_checkpoint', 'lq_dir'])
def test_none_for_what_is_needed_is_an_error(config, options, name, capsys):
    error = error_of(capsys, config, {**options, '--hook-options': f'{name}=None'})
    assert f'fine-tuning needs {name}' in error


def test_folder_of_a_run_that_is_under_way(config, options, tmp_path, capsys):
    with held_by_another_run(tmp_path / 'run'):
        error = error_of(capsys, config, options)
    assert f'{tmp_path}/run: another run is at work in this folder' in error
    assert [path.name for path in (tmp_path / 'run').iterdir()] == ['.lock']  # its config is kept


def test_folder_without_images(config, options, tmp_path, capsys):
    options['--lq-dir'] = tmp_path / 'empty'
    (tmp_path / 'empty').mkdir()
    assert f'{tmp_path}/empty: holds no image' in error_of(capsys, config, options)


def test_work_dir_that_is_a_file(config, options, tmp_path, capsys):
    (tmp_path / 'run').write_text('')
    assert f'{tmp_path}/run' in error_of(capsys, config, options)


@pytest.mark.parametrize('option', ['--lq-dir', '--mse-checkpoint'])
def test_option_that_is_missing(options, option, capsys):
    options.pop(option)
    assert f'({option})' in error_of(capsys, REAL_ESRGAN, options)


@pytest.mark.parametrize('name', [
    'nowhere.py', 'mmagic::real_esrgan/nowhere.py', 'mmagic::nowhere/nowhere.py',
    'mmagic::nowhere', 'nowhere_at_all::srgan/srgan.py', 'README.md'])
def test_unknown_config(options, name, capsys):
    assert name in error_of(capsys, name, options)


def test_config_that_cannot_be_read(options, tmp_path, capsys):
    path = tmp_path / 'broken.py'
    path.write_text('model = dict(')
    assert str(path) in error_of(capsys, path, options)


@pytest.mark.parametrize('option', ['--gan-checkpoint', '--mse-checkpoint',
                                    '--discriminator-checkpoint'])
def test_checkpoint_that_does_not_fit(config, options, option, tmp_path, capsys):
    torch.save(torch.nn.Conv2d(3, 3, 3).state_dict(), tmp_path / 'other.pth')
    options[option] = tmp_path / 'other.pth'
    error = error_of(capsys, config, options)
    assert f'{tmp_path}/other.pth' in error
    assert 'missing: ' in error


def test_checkpoint_that_is_not_there(config, options, tmp_path, capsys):
    options['--mse-checkpoint'] = tmp_path / 'nowhere.pth'
    assert f'{tmp_path}/nowhere.pth: no such' in error_of(capsys, config, options)


def test_images_without_artifacts(options, data, tmp_path, capsys):
    hook = dict(type='DeSRAFinetuneHook', detector=dict(DETECTOR, min_area=10**6),
                gt_patch_size=GT_PATCH_SIZE)
    training_config(model_config(), hooks=[hook]).dump(tmp_path / 'strict.py')
    error = error_of(capsys, tmp_path / 'strict.py', options)
    assert 'no artifact was found in 4 images' in error
    assert re.search(r'regions in 3 images, the largest with [\d,]+ px in image\d.png; '
                     r'--hook-options detector.min_area=\d+ shows it', error)


def test_images_smaller_than_a_patch(options, tmp_path, capsys):
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=256)
    training_config(model_config(), hooks=[hook]).dump(tmp_path / 'large.py')
    error = error_of(capsys, tmp_path / 'large.py', options)
    assert 'all 4 photographs to train on are smaller than a patch of 64x64 px' in error
    assert '--hook-options gt_patch_size=160)' in error
    assert not (tmp_path / 'run/pseudo_gt').exists()  # before anything was made


def test_prints_what_it_changes(config, options, tmp_path, capsys):
    assert call('train.py', config, *flat(options), '--max-iters', 1) == 0
    lines = capsys.readouterr().out.splitlines()
    assert '--- as given' in lines and '+++ for fine-tuning' in lines
    assert any(line.startswith('-') and 'max_iters=2' in line for line in lines)
    assert any(line.startswith('+') and 'max_iters=1' in line for line in lines)


def test_prints_the_config_and_stops(options, tmp_path, capsys):
    """What is printed is a config: it can be kept, changed and trained."""
    assert call('train.py', REAL_ESRGAN, *flat(options), '--print-config', '--amp',
                '--hook-options', 'detector.min_area=1000', 'tile=64') == 0
    printed = tmp_path / 'printed.py'
    printed.write_text(capsys.readouterr().out)
    config = read_config(str(printed))
    (hook,) = (hook for hook in config.custom_hooks if hook['type'] == 'DeSRAFinetuneHook')
    assert hook['detector'] == dict(type='DeSRA', min_area=1000) and hook['tile'] == 64
    assert config.train_cfg.max_iters == 1000
    assert config.model == read_config(REAL_ESRGAN).model
    for name in ('generator', 'discriminator'):
        assert config.optim_wrapper[name].type.endswith('AmpOptimWrapper')
    assert not (tmp_path / 'run').exists()


def test_weights_without_their_segmenter_are_refused(config, options, capsys):
    options['--segmentor-checkpoint'] = 'weights.pth'
    assert 'weights.pth: give the segmenter that' in error_of(capsys, config, options)


def test_hook_options_add_to_those_of_the_config(config, options, capsys):
    assert call('train.py', config, *flat(options), '--print-config', '--hook-options',
                'detector.threshold=0.6') == 0
    assert f"min_area={DETECTOR['min_area']}" in capsys.readouterr().out.replace(' ', '')


def test_hook_options_go_before_the_options_of_the_same_name(config, options, capsys):
    assert call('train.py', config, *flat(options), '--print-config', '--hook-options',
                'pseudo_gt_dir=elsewhere') == 0
    assert "pseudo_gt_dir='elsewhere'" in capsys.readouterr().out


def test_mixes_with_the_original_data(options, data, tmp_path, capsys):
    config = tmp_path / 'mixed.py'
    mixed_config(tmp_path / 'original', 2).dump(config)
    options['--original-share'] = .5
    hook_options = ['--hook-options', f'gt_patch_size={GT_PATCH_SIZE}', 'detector.min_area=200']
    assert f'{tmp_path}/original: does not exist' in error_of(capsys, config, options)
    write_original(tmp_path / 'original')
    assert call('train.py', config, *flat(options), *hook_options) == 0
    assert (tmp_path / 'run/iter_2.pth').is_file()
    assert 'original_share=0.5' in capsys.readouterr().out


def test_what_the_config_options_say_of_the_run_counts(options, tmp_path, capsys):
    """Of an option that the tool has too, the tool's own goes before."""
    del options['--work-dir']
    options['--cfg-options'] = 'train_cfg.max_iters=3000'
    more = ['resume=True', f'work_dir={tmp_path}/mine']
    assert call('train.py', REAL_ESRGAN, *flat(options), *more, '--print-config') == 0
    printed = _without_spaces(capsys)
    for setting in ('max_iters=3000', 'resume=True', f"work_dir='{tmp_path}/mine'"):
        assert setting in printed
    assert call('train.py', REAL_ESRGAN, *flat(options), *more, '--print-config',
                '--work-dir', tmp_path / 'other', '--max-iters', 7) == 0
    printed = _without_spaces(capsys)
    assert 'max_iters=7' in printed and f"work_dir='{tmp_path}/other'" in printed


def _without_spaces(capsys) -> str:
    """What was printed; how a config is laid out depends on what yapf's style was set to."""
    return capsys.readouterr().out.replace(' ', '')


@pytest.mark.parametrize('option', ['--hook-options', '--cfg-options'])
def test_option_that_is_no_pair_is_a_usage_error(config, options, option, capsys):
    assert call('train.py', config, *flat(options), option, 'tile') == 2
    assert f'argument {option}: expected KEY=VALUE, got tile' in capsys.readouterr().err


@pytest.mark.parametrize('option, value', [
    ('--cfg-options', 'train_dataloader.batch_size.x=1'), ('--hook-options', 'gt_patch_size.x=1')])
def test_option_without_a_place_in_the_config_is_named(config, options, option, value, capsys):
    error = error_of(capsys, config, {**options, option: value})
    name = value.rpartition('.')[0]
    assert error.startswith(f'error: {option} {value}: {name} is ')
    assert error.endswith(f'add {name}._delete_=True')


def test_help(capsys):
    assert call('train.py', '--help') == 0
    text = capsys.readouterr().out
    for word in ('--lq-dir', '--heldout-lq-dir', '--gan-checkpoint', '--mse-checkpoint',
                 '--resume', 'WORK_DIR/pseudo_gt', 'mmdesra train mmdesra::desra/'):
        assert word in text
    named = next(word for word in text.split() if word.startswith('mmdesra::desra/'))
    assert (Path(__file__).parents[2] / 'configs' / named.partition('::')[2]).is_file()


# ---------------------------------------- weights that are not the run's own


def test_code_in_weights_that_the_config_names_is_not_run(data, options, capsys, tmp_path):
    """MMagic loads them while the model is built."""
    path = hostile.zipped(tmp_path / 'spynet.pth', tmp_path / 'canary', {})
    hook = dict(type='DeSRAFinetuneHook', detector=DETECTOR, gt_patch_size=GT_PATCH_SIZE)
    config = training_config(model_config(discriminator=dict(
        type='BasicVSRNet', spynet_pretrained=str(path))), hooks=[hook])
    config.dump(tmp_path / 'toy.py')
    message = error_of(capsys, tmp_path / 'toy.py', options)
    assert message.startswith(f'error: {path}: is damaged, or holds Python objects')
    assert 'would run code from the file (it names ' in message
    assert not (tmp_path / 'canary').exists()
    assert not (tmp_path / 'run/pseudo_gt').exists()


def test_another_kind_of_optimizer_is_told_in_one_line(config, options, capsys):
    assert call('train.py', config, *flat(options)) == 0
    options['--cfg-options'] += '-2'
    message = error_of(capsys, config, {
        **options, '--resume': '--max-iters=4',
        '--hook-options': 'tile=0', '--cfg-options': 'optim_wrapper.generator.optimizer.type=SGD'})
    assert 'iter_2.pth: cannot be gone on with: its optimizer (generator) has' in message
