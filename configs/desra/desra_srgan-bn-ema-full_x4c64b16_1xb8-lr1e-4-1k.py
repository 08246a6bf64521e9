# The same with the losses of GAN training: L1, perceptual (torchvision's VGG16) and adversarial,
# with the pair's own discriminator, which takes patches of 96 px. See docs/results.md.
_base_ = ['./desra_srgan-bn-ema_x4c64b16_1xb2-lr1e-4-1k.py']

experiment_name = 'desra_srgan-bn-ema-full_x4c64b16_1xb8-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    discriminator=dict(_delete_=True, type='SRGANDiscriminator'),
    perceptual_loss=dict(
        _delete_=True,
        type='PerceptualLoss',
        layer_weights={'2': 0.1, '7': 0.1, '14': 1.0, '21': 1.0, '28': 1.0},
        vgg_type='vgg16',
        pretrained='torchvision://vgg16',
        perceptual_weight=1.0,
        style_weight=0,
        norm_img=False),
    pixel_loss=dict(texture_weight=0),
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

train_dataloader = dict(batch_size=8)

custom_hooks = [
    dict(hook, gt_patch_size=96,
         discriminator_checkpoint='checkpoints/srgan_gan_discriminator.pth')
    if hook.type == 'DeSRAFinetuneHook' else hook for hook in _base_.custom_hooks
]
