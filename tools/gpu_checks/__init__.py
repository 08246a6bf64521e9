"""What tools/check_gpu.py runs: a file for each part, and what they share.

Seconds are measured by the harness of tools/benchmarks, fine-tuning by a benchmark there: that
folder is put on the path.
"""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / 'benchmarks'))
