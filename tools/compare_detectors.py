#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra compare-detectors`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.compare_detectors import main

if __name__ == '__main__':
    run(main)
