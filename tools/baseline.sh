#!/bin/sh
# Writes reports/baseline/simulated.json anew from a run of every scenario in the simulated world.
set -eu
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/forwardlab run --world simulated --out "$folder/run" >"$folder/said" || {
	outcome=$?
	cat "$folder/said"
	exit $outcome
}
.venv/bin/forwardlab baseline save "$folder/run"
