# The same with the losses of GAN training: L1, perceptual (torchvision's VGG16) and adversarial,
# with the pair's own discriminator, which takes patches of 96 px. See docs/results.md.
_base_ = [
    './desra_srgan-bn-ema_x4c64b16_1xb2-lr1e-4-1k.py',
    '../_base_/srgan_bn_adversarial.py',
]

experiment_name = 'desra_srgan-bn-ema-full_x4c64b16_1xb8-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    _base_.adversarial_model,
    perceptual_loss=dict(
        _delete_=True,
        type='PerceptualLoss',
        layer_weights={'2': 0.1, '7': 0.1, '14': 1.0, '21': 1.0, '28': 1.0},
        vgg_type='vgg16',
        pretrained='torchvision://vgg16',
        perceptual_weight=1.0,
        style_weight=0,
        norm_img=False),
    pixel_loss=dict(texture_weight=0))
optim_wrapper = _base_.adversarial_optim_wrapper
train_dataloader = dict(batch_size=8)
custom_hooks = [
    dict(hook, **_base_.adversarial_hook) if hook.type == 'DeSRAFinetuneHook' else hook
    for hook in _base_.custom_hooks
]
