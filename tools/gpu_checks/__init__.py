"""What tools/check_gpu.py runs: a file for each part, and what they share."""
