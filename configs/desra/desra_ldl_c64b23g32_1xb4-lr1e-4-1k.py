# DeSRA fine-tuning of LDL, with its own losses. The pseudo GT is the GT of its artifact map, too.
_base_ = ['../ldl/ldl_c64b23g32_4xb4-lr1e-4-400k_df2k-ost.py']

experiment_name = 'desra_ldl_c64b23g32_1xb4-lr1e-4-1k'
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
        gan_checkpoint='checkpoints/net_g_RealESRGAN+LDL.pth',
        # LDL was trained from Real-ESRNet, which makes that its MSE-SR sibling.
        mse_checkpoint='checkpoints/RealESRNet_x4plus.pth',
        gt_patch_size=256)
]
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=250, out_dir=None, save_best=None))
