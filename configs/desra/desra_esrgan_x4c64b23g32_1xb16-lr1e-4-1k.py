# DeSRA fine-tuning of MMagic's ESRGAN, with its own losses.
_base_ = ['mmagic::esrgan/esrgan_x4c64b23g32_1xb16-400k_div2k.py']

custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

experiment_name = 'desra_esrgan_x4c64b23g32_1xb16-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

# The hook fills the generator; what the base config would download for it is the MSE-SR sibling.
model = dict(generator=dict(init_cfg=None))

train_cfg = dict(max_iters=1000, val_interval=250)

custom_hooks = _base_.custom_hooks + [
    dict(
        type='DeSRAFinetuneHook',
        lq_dir='data/desra/lq',
        heldout_lq_dir='data/desra/heldout',
        gan_checkpoint='checkpoints/esrgan_x4c64b23g32_1x16_400k_div2k_20200508-f8ccaf3b.pth',
        mse_checkpoint='checkpoints/esrgan_psnr_x4c64b23g32_1x16_1000k_div2k_20200420-bf5c993c.pth',
        gt_patch_size=128)  # the discriminator takes no other size
]
default_hooks = dict(
    logger=dict(interval=10), checkpoint=dict(interval=250, out_dir=None, save_best=None))
