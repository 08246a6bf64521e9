# What `mmdesra cure` trains with, whatever the network: mmdesra/apis/curing/config.py puts the
# network, the photographs and the figures of the recipe in. docs/cure.md says why it is so.
default_scope = 'mmagic'
custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

model = dict(
    # With an EMA and without a discriminator; that is what MMagic's class allows.
    type='RealESRGAN',
    generator=None,
    discriminator=None,
    gan_loss=None,
    perceptual_loss=None,
    # L1 alone fades the texture of what it is not sure of.
    pixel_loss=dict(type='PixelTextureLoss', texture_weight=2.0),
    is_use_ema=True,
    train_cfg=dict(),
    test_cfg=dict(),
    data_preprocessor=dict(type='DataPreprocessor', mean=[0.] * 3, std=[255.] * 3))

train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='BasicImageDataset', data_root='.'))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000, val_interval=1000)

optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))))
param_scheduler = None
randomness = dict(seed=0)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook', interval=50, by_epoch=False, max_keep_ckpts=2,
        save_optimizer=True),
    sampler_seed=dict(type='DistSamplerSeedHook'))
custom_hooks = [
    dict(
        type='ExponentialMovingAverageHook',
        module_keys=('generator_ema', ),
        interval=1,
        interp_cfg=dict(momentum=0.003))
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=4),
    dist_cfg=dict(backend='gloo'))
log_processor = dict(type='LogProcessor', window_size=100, by_epoch=False)
log_level = 'WARNING'
load_from = None
resume = False
