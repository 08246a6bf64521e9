# The same with SRGAN's adversarial loss and the pair's own discriminator, which takes patches of
# 96 px and needs 16 or more a batch (it works on batch statistics). See docs/recipes.md.
_base_ = [
    './desra_srgan-bn_x4c64b16_1xb8-lr2e-5-30.py',
    '../_base_/srgan_bn_adversarial.py',
]

experiment_name = 'desra_srgan-bn-gan_x4c64b16_1xb16-lr2e-5-30'
work_dir = f'./work_dirs/{experiment_name}'

model = _base_.adversarial_model
optim_wrapper = _base_.adversarial_optim_wrapper
train_dataloader = dict(batch_size=16)
custom_hooks = [
    dict(hook, **_base_.adversarial_hook) if hook.type == 'DeSRAFinetuneHook' else hook
    for hook in _base_.custom_hooks
]
