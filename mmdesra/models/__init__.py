"""Networks that MMagic lacks: SRGAN's generator with batch norm, and its discriminator."""
