# DeSRA fine-tuning of MMagic's ESRGAN, with its own losses.
_base_ = [
    'mmagic::esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py',
    '../_base_/desra_finetune.py',
]

experiment_name = 'desra_esrgan_x4c64b23g32_1xb16-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

custom_imports = _base_.desra_custom_imports
custom_hooks = _base_.custom_hooks + _base_.desra_hooks
custom_hooks[-1].update(
    lq_dir='data/desra/lq',
    heldout_lq_dir='data/desra/heldout',
    gan_checkpoint='checkpoints/esrgan_x4c64b23g32_1x16_400k_div2k_20200508-f8ccaf3b.pth',
    mse_checkpoint='checkpoints/esrgan_psnr_x4c64b23g32_1x16_1000k_div2k_20200420-bf5c993c.pth',
    gt_patch_size=128)  # the discriminator takes no other size
default_hooks = dict(_base_.desra_default_hooks, logger=dict(interval=10))
train_cfg = dict(_base_.desra_train_cfg, val_interval=250)
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='AwaitedPseudoGTs', dataset=_base_.train_dataloader.dataset))
val_cfg = val_dataloader = val_evaluator = None
