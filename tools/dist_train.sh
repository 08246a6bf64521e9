#!/usr/bin/env bash
# Fine-tune in N processes on this machine, one a GPU; without GPUs they share the CPU (gloo).
#   bash tools/dist_train.sh CONFIG N [options of tools/train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT, as for MMagic's dist_train.sh.
# PYTHON names the interpreter (default: python).
set -euo pipefail

if [[ $# -lt 2 ]]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
"${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$2" \
    "$(dirname "$0")/train.py" "$1" --launcher pytorch "${@:3}"
