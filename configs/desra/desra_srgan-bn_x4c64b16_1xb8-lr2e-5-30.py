# DeSRA fine-tuning of the published SRGAN pair whose generator has batch norm
# (`mmdesra convert-keras-srgan` makes its checkpoints); why these numbers: docs/recipes.md.
_base_ = ['mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py']

custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

experiment_name = 'desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    # Batch norm keeps its statistics (norm_eval): those of a few patches are not the images'.
    generator=dict(_delete_=True, type='SRResNet', norm_eval=True),
    pixel_loss=dict(loss_weight=1.0),
    # The pseudo GT is GAN-SR outside the artifacts, so it holds the texture itself; the
    # discriminator, which was trained against photographs, would add to it.
    discriminator=None,
    gan_loss=None,
    perceptual_loss=None)

optim_wrapper = dict(
    _delete_=True,
    constructor='MultiOptimWrapperConstructor',
    generator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-5, betas=(0.9, 0.99))))
param_scheduler = None
randomness = dict(seed=0)

train_dataloader = dict(batch_size=8, num_workers=0)
train_cfg = dict(max_iters=30, val_interval=30)

custom_hooks = [
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        heldout_lq_dir='data/desra/heldout',
        gan_checkpoint='checkpoints/srgan_gan.pth',
        mse_checkpoint='checkpoints/srgan_mse.pth',
        detector=dict(type='DeSRA', min_area=1000),
        gt_patch_size=128)
]
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=30, out_dir=None, save_best=None))
