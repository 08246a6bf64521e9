#!/usr/bin/env bash
# Fine-tune in N processes on this machine, one a GPU; without GPUs they share the CPU (gloo).
#   bash tools/dist_train.sh CONFIG N [options of tools/train.py]
# The same as `mmdesra train CONFIG --nproc N`. Several machines: set NNODES, NODE_RANK, MASTER_ADDR
# and PORT. PYTHON names the interpreter (default: python).
set -euo pipefail

if [[ $# -lt 2 ]]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
exec "${PYTHON:-python}" "$(dirname "$0")/train.py" "$1" --nproc "$2" "${@:3}"
