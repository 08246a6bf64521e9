#!/usr/bin/env bash
# Makes the environment where it is missing (setup_env.sh beside it) and builds the API pages from
# the docstrings: build/docs/index.html. A docstring that does not render, or that refers to
# something which is not there, is an error.
#
#   bash tools/project/build_docs.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash tools/project/setup_env.sh docs
source=build/docs-source
rm -rf "$source" build/docs
mkdir -p "$source"
cp docs/api/conf.py docs/api/index.rst "$source"
SPHINX_APIDOC_OPTIONS=members .venv/bin/sphinx-apidoc -q --separate --module-first --no-toc \
  -o "$source" mmdesra mmdesra/__main__.py mmdesra/version.py mmdesra/commands
rm "$source/mmdesra.rst" # index.rst lists the rooms
sed -i -E '1s/ (package|module)$//' "$source"/mmdesra.*.rst
.venv/bin/python -W ignore -m sphinx -q -W --keep-going -d build/docs-cache "$source" build/docs
echo "build/docs/index.html"
