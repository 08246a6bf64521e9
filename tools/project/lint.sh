#!/usr/bin/env bash
# Makes the environment where it is missing (setup_env.sh beside it) and runs every check of
# .pre-commit-config.yaml on every file that git tracks: ruff, mypy, shellcheck, white space ...
#
#   bash tools/project/lint.sh [HOOK]      HOOK: one of them only, such as ruff or mypy
#
# To have what you commit checked by git itself, once: .venv/bin/pre-commit install
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash tools/project/setup_env.sh lint
exec .venv/bin/pre-commit run --all-files "$@"
