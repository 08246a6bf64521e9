#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra make-artifact-benchmark`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.make_artifact_benchmark import main

if __name__ == '__main__':
    run(main)
