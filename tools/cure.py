#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra cure`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.cure import main

if __name__ == '__main__':
    run(main)
