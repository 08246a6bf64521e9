# The adversarial part of training the SRGAN pair with batch norm: SRGAN's loss and the pair's own
# discriminator. As a second `_base_`, see desra_finetune.py: `adversarial_X` stands for X.
adversarial_model = dict(
    discriminator=dict(_delete_=True, type='SRGANDiscriminator'),
    gan_loss=dict(
        _delete_=True,
        type='GANLoss',
        gan_type='vanilla',
        loss_weight=1e-3,
        real_label_val=1.0,
        fake_label_val=0))

adversarial_optim_wrapper = dict(
    discriminator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-5, betas=(0.9, 0.99))))

# The discriminator takes patches of no other size.
adversarial_hook = dict(
    discriminator_checkpoint='checkpoints/srgan_gan_discriminator.pth', gt_patch_size=96)
