#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra measure-artifacts`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.measure_artifacts import main

if __name__ == '__main__':
    run(main)
