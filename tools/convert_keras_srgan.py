#!/usr/bin/env python3
"""In a checkout, the same as `mmdesra convert-keras-srgan`."""
from mmdesra.apis.command_line import run
from mmdesra.commands.convert_keras_srgan import main

if __name__ == '__main__':
    run(main)
