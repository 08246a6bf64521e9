#!/usr/bin/env bash
# Makes .venv in the checkout, or completes it, from the pinned lists in requirements/.
#
#   bash tools/project/setup_env.sh [LIST ...]   LIST: names under requirements/: tests, demo ...
#
# Called by tools/test.sh and tools/demo.sh. What is done stays done: each step leaves a stamp of
# the files that it read, and a second run only compares stamps. After a failure or a Ctrl-C run
# it again: it goes on with the step that was not finished.
#
#   PYTHON     the Python 3.11 to use (default: python3.11, else python3 where that is 3.11)
#   PIP_ARGS   more options for pip, such as --index-url or --find-links naming a place that has
#              the CPU build of PyTorch. Without, pip takes the build that your index offers; on
#              Linux that often is a CUDA build, which runs without a GPU but is some GB larger.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$root/.venv
python=$venv/bin/python
stamps=$venv/mmdesra-stamps
log=$venv/mmdesra-setup.log

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# What a stamp holds: one line a file, different when the file is; and the checkout's place, since
# an environment does not survive being moved.
stamp_of() {
  printf '%s\n' "$root"
  cksum "$@"
}

# step NUMBER NAME TEXT COMMAND FILE...: runs COMMAND unless it was finished with these very FILEs.
# Says how long it took, or what went wrong.
step() {
  local number=$1 name=$2 text=$3 command=$4 start=$SECONDS status=0 ticker
  shift 4
  if [ -f "$stamps/$name" ] && [ "$(cat "$stamps/$name")" = "$(stamp_of "$@")" ]; then
    return
  fi
  printf '[%s/4] %s\n' "$number" "$text"
  mkdir -p "$stamps"
  : >"$log"
  tick "$start" 9<&- &
  ticker=$!
  "$command" >>"$log" 2>&1 || status=$?
  kill "$ticker" 2>/dev/null && wait "$ticker" 2>/dev/null || true
  if ((status != 0)); then
    grep -v 'already satisfied' "$log" | tail -n 12 | cut -c1-300 >&2 || true
    fail "Set-up failed in step [$number/4] $text (exit code $status); above is the end of" \
      "$log. Mend the cause and run the same command again: finished steps are kept."
  fi
  mkdir -p "$stamps" # the step may have made the environment anew
  stamp_of "$@" >"$stamps/$name"
  printf '      %s s\n' $((SECONDS - start))
}

# While the script lives: every ten seconds, the time and what pip is at. The sleep that outlives
# the step must hold neither the lock nor the pipe that the script writes to.
tick() {
  while sleep 10 >/dev/null 2>&1 9<&- && kill -0 $$ 2>/dev/null; do
    printf '      %s s  %s\n' $((SECONDS - $1)) "$(
      grep -oE '^ *(Collecting|Downloading|Processing|Installing|Importing) [^ ,;<>=(:]*' "$log" \
        | tail -n 1 | sed 's|/.*/||; s|^ *||'
    )"
  done
}

find_python() {
  local candidate candidates=(python3.11 python3 python)
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Expected Python 3.11, which the pinned versions are for, but ${PYTHON:-python3.11} is not" \
    'there or is another version. Set PYTHON=/path/to/python3.11.'
}

has_pip() { "$python" -m pip --version; }

make_venv() {
  local base
  base=$(find_python) || return
  # An interrupted environment is completed; only one beyond that is made anew.
  { "$base" -m venv "$venv" && has_pip; } || { "$base" -m venv --clear "$venv" && has_pip; }
}

install() {
  # --no-compile: byte code is made at a module's first import (see check_imports); most of the
  # packages' modules are never imported.
  # shellcheck disable=SC2086  # PIP_ARGS holds several options
  "$python" -m pip install --no-input --disable-pip-version-check --root-user-action ignore \
    --no-compile ${PIP_ARGS:-} "$@"
}

install_torch() {
  install --only-binary :all: -c requirements/runtime.txt -r requirements/torch.txt
}

install_lists() {
  local file args=()
  for file in "${lists[@]}"; do args+=(-r "$file"); done
  install --only-binary :all: --no-deps "${args[@]}"
}

install_project() { install --no-deps --no-build-isolation --editable . && check_imports; }

# Shows that the environment works. An empty PYTHONDONTWRITEBYTECODE lets Python keep the byte
# code; without it each later start of MMagic would take 20 s longer.
check_imports() {
  echo 'Importing MMagic'
  PYTHONDONTWRITEBYTECODE='' "$python" -W ignore -c "
import mmdesra
import mmagic.datasets, mmagic.engine, mmagic.evaluation, mmagic.models, mmagic.visualization"
}

cd "$root"
lists=(requirements/runtime.txt)
for name in "$@"; do
  [ -f "requirements/$name.txt" ] || fail "Expected requirements/$name.txt, but it is not there."
  lists+=("requirements/$name.txt")
done

# Two of us would install into each other; the second waits, and then finds the work done.
if command -v flock >/dev/null; then
  exec 9<"${BASH_SOURCE[0]}"
  flock 9
fi
[ -x "$python" ] || rm -rf "$stamps"

step 1 venv "Python environment in .venv" make_venv
step 2 torch "PyTorch (requirements/torch.txt)" install_torch \
  requirements/torch.txt requirements/runtime.txt
step 3 "packages-${*:-}" "Packages (${lists[*]})" install_lists "${lists[@]}"
step 4 project "mmdesra itself (editable), and a first import of MMagic" install_project \
  setup.cfg pyproject.toml mmdesra/version.py requirements/torch.txt requirements/runtime.txt
