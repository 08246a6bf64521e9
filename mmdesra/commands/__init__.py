"""The subcommands of `mmdesra`, a module each: parse, build, call, print.

`mmdesra/program.py` lists them and runs ``main`` of the one that is asked for. The docstring of a
module is what its ``--help`` begins with.
"""
