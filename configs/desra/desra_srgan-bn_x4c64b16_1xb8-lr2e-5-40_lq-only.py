# DeSRA fine-tuning of the published SRGAN pair whose generator has batch norm
# (tools/convert_keras_srgan.py makes its checkpoints). 40 iterations at batch 8: the artifacts
# go first and the texture after, so the run stops early; see docs/recipes.md.
_base_ = ['mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py']

custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

experiment_name = 'desra_srgan-bn_x4c64b16_1xb8-lr2e-5-40_lq-only'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    generator=dict(_delete_=True, type='SRResNet'),
    discriminator=dict(_delete_=True, type='SRGANDiscriminator'),
    pixel_loss=dict(loss_weight=1.0),
    # Its VGG19 is fetched from the net when the model is built; the recipe does without.
    perceptual_loss=None)

optim_wrapper = dict(
    generator=dict(optimizer=dict(lr=2e-5, betas=(0.9, 0.99))),
    discriminator=dict(optimizer=dict(lr=2e-5, betas=(0.9, 0.99))))
param_scheduler = None

train_dataloader = dict(batch_size=8, num_workers=0)
train_cfg = dict(max_iters=40, val_interval=40)

custom_hooks = [
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        heldout_lq_dir='data/desra/heldout',
        gan_checkpoint='checkpoints/srgan_gan.pth',
        mse_checkpoint='checkpoints/srgan_mse.pth',
        detector=dict(type='DeSRA', min_area=1000),
        gt_patch_size=96)
]
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=40, out_dir=None, save_best=None))
