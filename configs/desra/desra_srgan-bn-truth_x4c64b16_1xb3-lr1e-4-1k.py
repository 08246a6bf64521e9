# As desra_srgan-bn-ema, and a third of each batch is photographs as ground truths of their own
# reductions; with a perceptual term where VGG16's weights are given (--vgg16-weights). What it
# gains, and that fewer iterations are better by the truth (--stop truth): docs/results.md.
_base_ = ['./desra_srgan-bn-ema_x4c64b16_1xb2-lr1e-4-1k.py']

experiment_name = 'desra_srgan-bn-truth_x4c64b16_1xb3-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

# Twice the weights: the loss on truths stands beside it.
model = dict(pixel_loss=dict(pixel_weight=2.0, texture_weight=4.0))
train_dataloader = dict(batch_size=3)
custom_hooks = [
    dict(hook, truth_share=1 / 3) if hook.type == 'DeSRAFinetuneHook' else hook
    for hook in _base_.custom_hooks
]
