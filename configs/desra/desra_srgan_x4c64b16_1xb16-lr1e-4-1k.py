# DeSRA fine-tuning of MMagic's SRGAN (whose generator has no batch norm), with its own losses.
_base_ = [
    'mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py',
    '../_base_/desra_finetune.py',
]

experiment_name = 'desra_srgan_x4c64b16_1xb16-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

custom_imports = _base_.desra_custom_imports
custom_hooks = _base_.custom_hooks + _base_.desra_hooks
custom_hooks[-1].update(
    lq_dir='data/desra/lq',
    heldout_lq_dir='data/desra/heldout',
    gan_checkpoint='checkpoints/srgan_x4c64b16_1x16_1000k_div2k_20200606-a1f0810e.pth',
    mse_checkpoint='checkpoints/msrresnet_x4c64b16_1x16_300k_div2k_20200521-61556be5.pth',
    gt_patch_size=128)  # the discriminator takes no other size
default_hooks = dict(_base_.desra_default_hooks, logger=dict(interval=10))
train_cfg = dict(_base_.desra_train_cfg, val_interval=250)
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='AwaitedPseudoGTs', dataset=_base_.train_dataloader.dataset))
val_cfg = val_dataloader = val_evaluator = None
