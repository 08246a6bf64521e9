"""Fine-tuning inside MMagic: the hook, and inheriting the workflow into a config."""
