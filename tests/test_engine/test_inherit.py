from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.registry import HOOKS
from toy_training import MMAGICS_CONFIGS, OUR_CONFIGS, make_data, model_config, training_config

from mmdesra.engine.inherit import HOOK, inherit_desra
from mmdesra.errors import InputError
from mmdesra.files.configs import read_config

REAL_ESRGAN, ESRGAN, SRGAN = MMAGICS_CONFIGS
(OF_30_ITERATIONS,) = (path for path in OUR_CONFIGS if 'srgan-bn_' in path)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def options(data):
    return dict(lq_dir=str(data.lq), heldout_lq_dir=str(data.heldout),
                gan_checkpoint=str(data.gan), mse_checkpoint=str(data.mse))


def hooks_of(config):
    return [hook for hook in config.custom_hooks if hook['type'] == HOOK]


def others_of(config):
    return [hook.to_dict() for hook in config.get('custom_hooks', []) if hook['type'] != HOOK]


def test_there_is_a_config_of_ours():
    assert OUR_CONFIGS


@pytest.mark.parametrize('name', ['mmdesra::desra/' + Path(OUR_CONFIGS[0]).name, ESRGAN])
def test_config_of_a_package_needs_no_suffix(name):
    assert read_config(name.removesuffix('.py')).to_dict() == read_config(name).to_dict()


@pytest.mark.parametrize('name', [*OUR_CONFIGS, REAL_ESRGAN, ESRGAN, SRGAN])
def test_workflow_comes_in_and_the_model_stays(name, options):
    base, config = read_config(name), inherit_desra(read_config(name), **options)

    (hook,) = hooks_of(config)
    assert {name: hook[name] for name in options} == options
    assert [hook['type'] for hook in others_of(config)] == [
        hook['type'] for hook in others_of(base)]
    for key in ('model', 'optim_wrapper', 'test_cfg', 'test_dataloader', 'test_evaluator'):
        assert config[key] == base[key]

    assert config.train_dataloader.dataset.type == 'AwaitedPseudoGTs'
    assert config.train_dataloader.batch_size == base.train_dataloader.batch_size

    checkpoint = config.default_hooks.checkpoint
    assert checkpoint.save_best is None
    assert checkpoint.out_dir is None
    assert 'mmdesra' in config.custom_imports['imports']


@pytest.mark.parametrize('own, iterations, expected', [
    (5000, 1000, 250), (5000, 8000, 5000), (500, 1000, 500)])
def test_checkpoints_are_kept_on_the_way(own, iterations, expected, options):
    """An interval of whole training would be longer than the run."""
    config = read_config(SRGAN)
    config.default_hooks.checkpoint.interval = own
    inherit_desra(config, iterations, **options)
    assert config.default_hooks.checkpoint.interval == expected


@pytest.mark.parametrize('name', [REAL_ESRGAN, ESRGAN, SRGAN])
def test_validation_looks_for_artifacts_in_heldout_images(name, options, data):
    detector = dict(type='DeSRA', min_area=1000)
    config = inherit_desra(read_config(name), 400_000, detector=detector, **options)
    assert config.val_dataloader.dataset.data_root == str(data.heldout)
    (metric,) = config.val_evaluator['metrics']
    assert metric == dict(type='DeSRADetector', mse_checkpoint=str(data.mse), detector=detector,
                          skip_unusable=True)


@pytest.mark.parametrize('name, given, expected', [
    (OF_30_ITERATIONS, None, 30), (OF_30_ITERATIONS, 7, 7), (ESRGAN, None, 1000),
    (ESRGAN, 5000, 5000)])
def test_iterations(name, given, expected, options):
    """Those of a DeSRA config are its own, those of a whole training are not meant."""
    config = inherit_desra(read_config(name), given, **options)
    assert config.train_cfg.max_iters == expected
    assert config.train_cfg.type == read_config(name).train_cfg.type


def test_hook_that_updates_the_ema_stays(options):
    config = inherit_desra(read_config(REAL_ESRGAN), **options)
    assert [hook['type'] for hook in config.custom_hooks] == [
        'BasicVisualizationHook', 'ExponentialMovingAverageHook', HOOK]


@pytest.mark.parametrize('name', [OUR_CONFIGS[0], REAL_ESRGAN])
def test_inheriting_twice_is_inheriting_once(name, options):
    once = inherit_desra(read_config(name), **options)
    twice = inherit_desra(inherit_desra(read_config(name), **options), **options)
    assert twice.to_dict() == once.to_dict()


def test_hook_that_is_named_with_its_scope_is_not_added_again(options):
    config = training_config(model_config(), hooks=[dict(type=f'mmdesra.{HOOK}', half=True)])
    hooks = inherit_desra(config, **options).custom_hooks
    (hook,) = (hook for hook in hooks if HOOK in hook['type'])
    assert hook['half']
    assert hook['lq_dir'] == options['lq_dir']


def test_option_takes_the_place_of_the_configs_own(options):
    """Merged, the arguments of one detector would go to the other."""
    hook = dict(type=HOOK, detector=dict(type='DeSRA', min_area=9))
    config = training_config(model_config(), hooks=[hook])
    inherit_desra(config, detector=dict(type='Other'), **options)
    assert hooks_of(config)[0]['detector'] == dict(type='Other')


def test_options_that_are_none_leave_the_configs_own(options):
    config = read_config(OUR_CONFIGS[0])
    before = dict(hooks_of(config)[0])
    given = dict(options, labels_dir=None, pseudo_gt_dir=None, gan_checkpoint=None)
    (hook,) = hooks_of(inherit_desra(config, **given))
    assert hook['gan_checkpoint'] == before['gan_checkpoint']
    assert hook['detector'] == before['detector']
    assert 'labels_dir' not in hook


def test_inherited_config_is_written_and_read_as_it_is(options, tmp_path):
    """The Runner writes its config into the work dir; one must be able to start from that."""
    config = inherit_desra(read_config(REAL_ESRGAN), **options)
    config.dump(tmp_path / 'dumped.py')
    assert read_config(str(tmp_path / 'dumped.py')).to_dict() == config.to_dict()


@pytest.mark.parametrize('heldout, interval', [(False, 5000), (True, 400_000)],
                         ids=['nothing to look at', 'only at the end'])
def test_no_validation(options, heldout, interval):
    """At the end the hook measures on the same images."""
    config = read_config(ESRGAN)
    config.train_cfg.val_interval = interval
    inherit_desra(config, **(options if heldout else dict(options, heldout_lq_dir=None)))
    for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
        assert config[key] is None


def test_load_from_becomes_where_the_generator_starts(options):
    """Left where it was, a resumed run would begin there again, at its iteration."""
    config = training_config(model_config())
    config.load_from = 'start.pth'
    inherit_desra(config, **dict(options, gan_checkpoint=None))
    assert hooks_of(config)[0]['gan_checkpoint'] == 'start.pth'
    assert config.load_from is None


def test_given_gan_checkpoint_goes_before_load_from(options):
    config = training_config(model_config())
    config.load_from = 'start.pth'
    inherit_desra(config, **options)
    assert hooks_of(config)[0]['gan_checkpoint'] == options['gan_checkpoint']


@pytest.mark.parametrize('name, option', [('lq_dir', '--lq-dir'),
                                          ('mse_checkpoint', '--mse-checkpoint')])
def test_what_is_missing_is_named(name, option, options):
    with pytest.raises(InputError, match=f'realesrgan.*needs {name} .*{option}'):
        inherit_desra(read_config(REAL_ESRGAN), **dict(options, **{name: None}))


@pytest.mark.parametrize('name', ['lq_dir', 'heldout_lq_dir'])
@pytest.mark.parametrize('made', [False, True], ids=['missing', 'empty'])
def test_folder_without_images_is_named(name, made, options, tmp_path):
    folder = tmp_path / 'photographs'
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match=f'{folder}: (holds no image|expected a folder)'):
        inherit_desra(training_config(model_config()), **dict(options, **{name: str(folder)}))


def test_config_of_another_kind_of_model_is_refused(options):
    with pytest.raises(InputError, match='dim_stage1.*expected the training config of a GAN-SR'):
        inherit_desra(read_config('mmagic::dim/dim_stage1-v16_1xb1-1000k_comp1k.py'), **options)


@pytest.mark.parametrize('model', [None, dict(type='SRGAN')])
def test_config_without_generator_is_refused(model, options):
    config = training_config(model_config())
    config.model = model
    with pytest.raises(InputError, match='model.generator'):
        inherit_desra(config, **options)


def test_number_of_iterations_that_makes_no_sense(options):
    with pytest.raises(InputError, match='at least 1 iteration, got 0'):
        inherit_desra(training_config(model_config()), 0, **options)
    config = training_config(model_config())
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=7)
    assert inherit_desra(config, **options).train_cfg.max_epochs == 7
    with pytest.raises(InputError, match=r'counts epochs.* 7; .*max_epochs .--cfg-options'):
        inherit_desra(config, 100, **options)


def test_argument_that_the_hook_does_not_have(options):
    with pytest.raises(InputError, match='takes lq_dir, .* recursive, reference, got til$'):
        inherit_desra(training_config(model_config()), til=256, **options)


def test_config_of_no_training_is_refused(options):
    config = training_config(model_config())
    config.pop('train_dataloader')
    with pytest.raises(InputError, match='train_dataloader'):
        inherit_desra(config, **options)


def test_imports_of_the_config_stay(options):
    config = inherit_desra(training_config(model_config()), **options)
    assert config.custom_imports['imports'] == ['toys', 'mmdesra']


def test_config_that_leaves_the_default_hooks_to_mmengine(options):
    config = training_config(model_config())
    config.pop('default_hooks')
    assert hooks_of(inherit_desra(config, **options))


@pytest.mark.parametrize('option, expected', [
    (dict(segmentor=dict(config='segformer-b5')), dict(config='segformer-b5')),
    (dict(labels_dir='labels'), dict(folder='labels'))])
def test_validation_takes_label_maps_from_where_the_hook_does(options, option, expected):
    config = training_config(model_config(), iterations=2, val_interval=1)
    inherit_desra(config, **options, **option)
    (metric,) = config.val_evaluator.metrics
    assert metric.segmentor == expected


def test_two_sources_of_label_maps_are_an_error():
    with pytest.raises(InputError, match='labels_dir or segmentor, got both'):
        HOOKS.build(dict(type=HOOK, lq_dir='a', mse_checkpoint='b', labels_dir='c',
                         segmentor='segformer-b5'))
