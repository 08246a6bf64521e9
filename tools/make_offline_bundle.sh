#!/usr/bin/env bash
# Makes one archive that installs mmdesra where no package index can be reached.
#
#   bash tools/make_offline_bundle.sh --python 3.12 --numpy 2.5 --torch 2.11 --have pip_list.txt
#
# --help says the rest, docs/offline.md how to go on. Run it where pip reaches an index.
#
#   PYTHON     the Python that does it, with pip (default: the checkout's .venv, else python3)
#   PIP_ARGS   more options for pip, such as --index-url or --find-links
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-}
if [ -z "$python" ]; then
  python=$root/.venv/bin/python
  { [ -x "$python" ] && "$python" -m pip --version >/dev/null 2>&1; } || python=python3
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
  echo "error: $python has no pip; set PYTHON to one that has" >&2
  exit 2
fi
exec "$python" "$root/tools/offline_bundle/make.py" "$@"
