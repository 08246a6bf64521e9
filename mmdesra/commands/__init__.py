"""The subcommands of `mmdesra`, a module each: parse, build, call, print.

`mmdesra_command.py`, beside the package, lists them and runs ``main`` of the one that is asked
for. The docstring of a module is what its ``--help`` begins with.
"""
