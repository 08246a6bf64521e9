#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra calibrate`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.calibrate import main

if __name__ == '__main__':
    run(main)
