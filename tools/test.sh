#!/bin/sh
# Everything that must hold before a change lands. Nothing is skipped.
set -eu
cd "$(dirname "$0")/.."

.venv/bin/ruff format --check .
.venv/bin/ruff check .
.venv/bin/mypy
.venv/bin/python -m pytest -q "$@"
