# DeSRA fine-tuning of LDL, with its own losses. The pseudo GT is the GT of its artifact map, too.
_base_ = [
    '../ldl/ldl_c64b23g32_4xb4-lr1e-4-400k_df2k-ost.py',
    '../_base_/desra_finetune.py',
]

experiment_name = 'desra_ldl_c64b23g32_1xb4-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

custom_hooks = _base_.custom_hooks + _base_.desra_hooks
custom_hooks[-1].update(
    lq_dir='data/desra/lq',
    heldout_lq_dir='data/desra/heldout',
    gan_checkpoint='checkpoints/net_g_RealESRGAN+LDL.pth',
    # LDL was trained from Real-ESRNet, which makes that its MSE-SR sibling.
    mse_checkpoint='checkpoints/RealESRNet_x4plus.pth',
    gt_patch_size=256)
default_hooks = dict(_base_.desra_default_hooks, logger=dict(interval=10))
train_cfg = dict(_base_.desra_train_cfg, val_interval=250)
train_dataloader = dict(
    num_workers=4,
    dataset=dict(
        _delete_=True, type='AwaitedPseudoGTs', dataset=_base_.train_dataloader.dataset))
val_cfg = val_dataloader = val_evaluator = None
