#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra calibrate-semantics`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.calibrate_semantics import main

if __name__ == '__main__':
    run(main)
