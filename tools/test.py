#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra test`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.test import main

if __name__ == '__main__':
    run(main)
