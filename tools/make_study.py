#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra study make`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.study_make import main

if __name__ == '__main__':
    run(main)
