"""Mends what today's libraries break in MMagic (being written)."""


def mend():
    return []
