#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra study tally`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.study_tally import main

if __name__ == '__main__':
    run(main)
