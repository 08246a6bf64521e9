# DeSRA fine-tuning of SwinIR-GAN (real-world SR, middle size). MMagic has its generator, but no
# adversarial training of it; losses, optimisers and EMA are Real-ESRGAN's, which are also those
# that SwinIR-GAN was trained with (KAIR, options/swinir/train_swinir_sr_realworld_x4_gan.json).
_base_ = [
    'mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py',
    '../_base_/desra_finetune.py',
]

experiment_name = 'desra_swinir-gan_x4s64w8d6e180_1xb4-lr1e-4-1k'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    # As in mmagic::swinir/swinir_gan-x4s64w8d6e180_8xb4-lr1e-4-600k_df2k-ost.py.
    generator=dict(
        _delete_=True,
        type='SwinIRNet',
        upscale=4,
        in_chans=3,
        img_size=64,
        window_size=8,
        img_range=1.0,
        depths=[6, 6, 6, 6, 6, 6],
        embed_dim=180,
        num_heads=[6, 6, 6, 6, 6, 6],
        mlp_ratio=2,
        upsampler='nearest+conv',
        resi_connection='1conv'))

custom_imports = _base_.desra_custom_imports
custom_hooks = _base_.custom_hooks + _base_.desra_hooks
custom_hooks[-1].update(
    lq_dir='data/desra/lq',
    heldout_lq_dir='data/desra/heldout',
    gan_checkpoint='checkpoints/003_realSR_BSRGAN_DFO_s64w8_SwinIR-M_x4_GAN.pth',
    mse_checkpoint='checkpoints/003_realSR_BSRGAN_DFO_s64w8_SwinIR-M_x4_PSNR.pth',
    gt_patch_size=256)  # LR patches of 64 px, as img_size says
default_hooks = dict(_base_.desra_default_hooks, logger=dict(interval=10))
train_cfg = dict(_base_.desra_train_cfg, val_interval=250)
train_dataloader = dict(
    batch_size=4, num_workers=4,
    dataset=dict(
        _delete_=True, type='AwaitedPseudoGTs', dataset=_base_.train_dataloader.dataset))
val_cfg = val_dataloader = val_evaluator = None
