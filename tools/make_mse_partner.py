#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra make-mse-partner`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.make_mse_partner import main

if __name__ == '__main__':
    run(main)
