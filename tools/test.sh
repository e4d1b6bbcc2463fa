#!/bin/sh
# Everything that must hold before a change lands. Nothing is skipped.
#
#   tools/test.sh              all of it
#   tools/test.sh ARGUMENT …   the static checks, and of the tests what pytest makes of the arguments
set -eu
cd "$(dirname "$0")/.."

.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
if [ $# != 0 ]; then
	exec .venv/bin/python -m pytest -q "$@"
fi

# What needs no kernel to itself shares the processors; real packets meet real deadlines alone.
pure="tests/unit tests/simulated tests/fuzz"
# shellcheck disable=SC2086 # a list of folders
.venv/bin/python -m pytest -q --numprocesses=logical --dist=worksteal $pure
others=""
for folder in $pure; do others="$others --ignore=$folder"; done
# shellcheck disable=SC2086 # a list of options
.venv/bin/python -m pytest -q $others
