#!/bin/sh
# Runs every scenario: in Mininet on Linux, in the simulated world elsewhere.
set -eu
cd "$(dirname "$0")/.."

forwardlab=.venv/bin/forwardlab
cannot=3 # the exit code of a host that lacks something

if [ "$(uname -s)" != Linux ]; then
	exec $forwardlab run "$@"
fi
if [ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null; then
	exec $forwardlab run --world mininet "$@"
fi

trap : INT TERM
$forwardlab run --world mininet "$@" && exit
outcome=$?
[ $outcome = $cannot ] || exit $outcome

# No user namespaces or no /dev/net/tun for this user: root has both. What root writes here is
# given back, however the run ends.
echo "using sudo, as this user cannot"
trap 'sudo chown -R "$(id -u):$(id -g)" reports' EXIT
sudo env PYTHONDONTWRITEBYTECODE=1 $forwardlab run --world mininet "$@"
