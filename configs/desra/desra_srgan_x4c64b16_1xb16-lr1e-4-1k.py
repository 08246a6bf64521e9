# DeSRA fine-tuning of MMagic's SRGAN (whose generator has no batch norm), with its own losses.
_base_ = ['mmagic::srgan_resnet/srgan_x4c64b16_1xb16-1000k_div2k.py']

custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

experiment_name = 'desra_srgan_x4c64b16_1xb16-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

train_cfg = dict(max_iters=1000, val_interval=250)

custom_hooks = _base_.custom_hooks + [
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        heldout_lq_dir='data/desra/heldout',
        gan_checkpoint='checkpoints/srgan_x4c64b16_1x16_1000k_div2k_20200606-a1f0810e.pth',
        mse_checkpoint='checkpoints/msrresnet_x4c64b16_1x16_300k_div2k_20200521-61556be5.pth',
        gt_patch_size=128)  # the discriminator takes no other size
]
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=250, out_dir=None, save_best=None))
