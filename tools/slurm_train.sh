#!/usr/bin/env bash
# Fine-tune under Slurm, one process a GPU:
#   GPUS=8 bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
# The same as `GPUS=8 mmdesra train CONFIG --slurm PARTITION --job-name JOB_NAME --work-dir WORK_DIR`.
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as for MMagic's slurm_train.sh; PYTHON names the
# interpreter (default: python).
set -euo pipefail

if [[ $# -lt 4 ]]; then
    sed -n '2,6s/^# //p' "$0" >&2
    exit 2
fi
exec "${PYTHON:-python}" "$(dirname "$0")/train.py" "$3" --slurm "$1" --job-name "$2" \
    --work-dir "$4" "${@:5}"
