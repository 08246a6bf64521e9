# DeSRA fine-tuning of Real-ESRGAN x4plus, with its own losses and discriminator.
_base_ = ['mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py']

custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

experiment_name = 'desra_realesrgan_c64b23g32_1xb12-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

train_cfg = dict(max_iters=1000, val_interval=250)
train_dataloader = dict(num_workers=4)

custom_hooks = [
    # 0.997 ** 1000 = 5% of the old weights remain in the EMA at the end; with 0.001 it is 37%.
    dict(hook, interp_cfg=dict(momentum=0.003))
    if hook.type == 'ExponentialMovingAverageHook' else hook for hook in _base_.custom_hooks
] + [
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        heldout_lq_dir='data/desra/heldout',
        gan_checkpoint='checkpoints/RealESRGAN_x4plus.pth',
        mse_checkpoint='checkpoints/RealESRNet_x4plus.pth',
        discriminator_checkpoint='checkpoints/RealESRGAN_x4plus_netD.pth',
        gt_patch_size=256)
]
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=250, out_dir=None, save_best=None))
