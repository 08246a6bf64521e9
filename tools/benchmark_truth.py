#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra benchmark-truth`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.benchmark_truth import main

if __name__ == '__main__':
    run(main)
