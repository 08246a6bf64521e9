"""The harness of tools/benchmarks, for the scripts beside this file: each sees its own folder."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / 'benchmarks'))

from harness.kept import hold_settings, once
from harness.machine import describe_machine, in_a_line

__all__ = ['describe_machine', 'hold_settings', 'in_a_line', 'once']
