#!/usr/bin/env bash
# Makes the environment where it is missing (tools/setup_env.sh) and runs the tests.
#
#   bash tools/test.sh [pytest options, such as -k detector or tests/test_ops]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/setup_env.sh tests
# The tests' arrays are small: threads cost more than they bring.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec .venv/bin/python -m pytest --cov=mmdesra --cov-report=term:skip-covered "$@"
