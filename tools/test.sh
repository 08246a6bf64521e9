#!/usr/bin/env bash
# Makes the environment where it is missing (tools/project/setup_env.sh) and runs the tests.
#
#   bash tools/test.sh [pytest options, such as -k detector or tests/test_ops]
#   bash tools/test.sh --cov      with the coverage, which takes a fifth more time
#
# Two files at a time where there are two cores; with -n 0 (needed by --pdb) one after the other,
# with -n 8 eight.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/project/setup_env.sh tests
# The tests' arrays are small: threads cost more than they bring.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
workers=()
if [[ " $* " != *" no:xdist "* ]]; then
  # A file stays together: its tests share what is dear to make. Files go by their names, so that
  # the last ones are short; else those with one long test would come last.
  workers=(-n $(($(getconf _NPROCESSORS_ONLN) > 1 ? 2 : 0)) --dist loadfile)
  workers+=(--no-loadscope-reorder)
fi
# Tests chosen by options cover less than the share that pyproject.toml asks of all of them.
[[ "$*" == --cov ]] || set -- --cov-fail-under=0 "$@"
exec .venv/bin/python -m pytest ${workers[@]+"${workers[@]}"} --cov-report=term:skip-covered "$@"
