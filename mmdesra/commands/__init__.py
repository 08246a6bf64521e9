"""The subcommands of `mmdesra`, one module each: parse options, build objects, call, print.

`mmdesra/program.py` lists them and runs the ``main`` of one. The docstring of a module is the
beginning of its ``--help``.
"""
