# The same with SRGAN's adversarial loss and the pair's own discriminator, which takes patches of
# 96 px and needs 16 or more a batch (it works on batch statistics). See docs/recipes.md.
_base_ = ['./desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py']

experiment_name = 'desra_srgan-bn-gan_x4c64b16_1xb16-lr2e-5-30'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    discriminator=dict(_delete_=True, type='SRGANDiscriminator'),
    gan_loss=dict(
        _delete_=True,
        type='GANLoss',
        gan_type='vanilla',
        loss_weight=1e-3,
        real_label_val=1.0,
        fake_label_val=0))

optim_wrapper = dict(
    discriminator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-5, betas=(0.9, 0.99))))

train_dataloader = dict(batch_size=16)

custom_hooks = [
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        heldout_lq_dir='data/desra/heldout',
        gan_checkpoint='checkpoints/srgan_gan.pth',
        mse_checkpoint='checkpoints/srgan_mse.pth',
        discriminator_checkpoint='checkpoints/srgan_gan_discriminator.pth',
        detector=dict(type='DeSRA', min_area=1000),
        gt_patch_size=96)
]
