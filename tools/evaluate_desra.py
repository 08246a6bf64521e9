#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra evaluate-desra`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.evaluate_desra import main

if __name__ == '__main__':
    run(main)
