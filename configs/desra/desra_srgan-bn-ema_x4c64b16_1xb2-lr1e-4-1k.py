# DeSRA fine-tuning of the published SRGAN pair for 1,000 iterations, with an EMA; what it does
# to which photographs, and why these numbers: docs/results.md.
_base_ = ['./desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py']

experiment_name = 'desra_srgan-bn-ema_x4c64b16_1xb2-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    # SRGAN with an EMA is what MMagic calls RealESRGAN.
    type='RealESRGAN',
    is_use_ema=True,
    # L1 alone fades the texture of what it is not sure of.
    pixel_loss=dict(_delete_=True, type='PixelTextureLoss', texture_weight=2.0))

optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-4)))
# Adam's first steps move every weight by the whole learning rate, whatever the gradient.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, begin=50, end=1000, by_epoch=False),
]

train_dataloader = dict(batch_size=2)
train_cfg = dict(max_iters=1000, val_interval=1000)

custom_hooks = [
    dict(
        type='ExponentialMovingAverageHook',
        module_keys=('generator_ema', ),
        interval=1,
        interp_cfg=dict(momentum=0.003)),
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        gan_checkpoint='checkpoints/srgan_gan.pth',
        mse_checkpoint='checkpoints/srgan_mse.pth',
        # Smaller than what is measured (1000 px): a generator cannot tell a region's size, and
        # small artifacts that stay in the pseudo GTs would ask for the large ones, too.
        detector=dict(type='DeSRA', min_area=500),
        gt_patch_size=192)
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=50))
