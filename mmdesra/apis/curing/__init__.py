"""Curing a model in one go: the steps of ``mmdesra cure``, each made of what is there already."""
