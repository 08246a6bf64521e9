"""What tools/check_gpu.py runs: a file for each part, and what they share.

Fine-tuning is measured by functions of tools/benchmarks/benchmark_finetuning.py, whose folder is
therefore put on the path.
"""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / 'benchmarks'))
