"""Pseudo GTs: the folder, its making, and the dataset that serves it."""
