#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra make-pseudo-gt`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.make_pseudo_gt import main

if __name__ == '__main__':
    run(main)
