# Fine-tuning on pseudo GTs, as a second `_base_` beside the training config of any GAN-SR model
# of MMagic's: configs/desra/README.md has the few lines that it takes. Two `_base_` files must not
# share a key, so `desra_X` stands for X. `mmdesra train` reads it from here, too.

desra_custom_imports = dict(imports=['mmdesra'], allow_failed_imports=False)

desra_hooks = [dict(type='DeSRAFinetuneHook')]

# As many as in the paper.
desra_train_cfg = dict(max_iters=1000)

# MMagic's configs save every 5000 iterations, to ./work_dirs whatever the work_dir, and keep the
# best by a PSNR that LR images without GT do not have.
desra_default_hooks = dict(checkpoint=dict(interval=250, out_dir=None, save_best=None))
