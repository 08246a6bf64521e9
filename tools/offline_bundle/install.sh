#!/usr/bin/env bash
# Installs mmdesra from this folder. No package index is asked.
#
#   bash install.sh                 into the Python that runs (an active environment, say)
#   bash install.sh --target DIR    into a folder, for PYTHONPATH
#   bash install.sh --venv DIR      into a new environment that sees the packages of that Python
#
#   PYTHON    the Python to install for (default: python3)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
  echo "error: expected a Python called $python; set PYTHON=/path/to/python" >&2
  exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
  echo "error: expected Python 3.9 or newer, got $("$python" -V 2>&1); set PYTHON=/path/to/python" >&2
  exit 2
fi
exec "$python" "$here/parts/install.py" "$@"
