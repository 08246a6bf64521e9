#!/usr/bin/env bash
# Makes the environment where it is missing (tools/project/setup_env.sh) and runs the main job on
# a real model pair and real photographs.
#
#   bash tools/demo.sh [--out DIR] [--photographs DIR]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
start=$SECONDS
bash tools/project/setup_env.sh demo
exec .venv/bin/python tools/reproductions/demo.py --setup-seconds $((SECONDS - start)) "$@"
