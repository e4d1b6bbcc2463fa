#!/bin/sh
# Runs every scenario: in Mininet on Linux, in the simulated world elsewhere.
set -eu
cd "$(dirname "$0")/.."

forwardlab=.venv/bin/forwardlab
if [ "$(uname -s)" != Linux ]; then
	exec $forwardlab run "$@"
fi
if [ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null || $forwardlab doctor >/dev/null 2>&1; then
	exec $forwardlab run --world mininet "$@"
fi

# No user namespaces or no /dev/net/tun for this user: root has both. What root writes here is
# given back, however the run ends.
echo "this user cannot run Mininet worlds (forwardlab doctor says why); using sudo"
trap 'sudo chown -R "$(id -u):$(id -g)" reports' EXIT
trap : INT TERM
sudo env PYTHONDONTWRITEBYTECODE=1 $forwardlab run --world mininet "$@"
