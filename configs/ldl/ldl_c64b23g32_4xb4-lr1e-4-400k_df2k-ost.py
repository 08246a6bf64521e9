# LDL for real-world SR, trained from Real-ESRNet. Over MMagic's Real-ESRGAN: what differs in the
# authors' options/train/LDL/train_Realworld_LDL.yml (csjliang/LDL).
_base_ = ['mmagic::real_esrgan/realesrgan_c64b23g32_4xb12-lr1e-4-400k_df2k-ost.py']

custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

experiment_name = 'ldl_c64b23g32_4xb4-lr1e-4-400k_df2k-ost'
work_dir = f'./work_dirs/{experiment_name}'

model = dict(
    type='LDL',
    pixel_loss=dict(loss_weight=1e-2),
    artifact_loss=dict(type='L1Loss', loss_weight=1.0, reduction='mean'))

train_dataloader = dict(batch_size=4)  # gpus 4
