#!/bin/sh
# Runs every scenario: in Mininet on Linux, in the simulated world elsewhere.
set -eu
cd "$(dirname "$0")/.."

if [ "$(uname -s)" != Linux ]; then
	exec .venv/bin/forwardlab run "$@"
fi
if [ "$(id -u)" != 0 ] && ! .venv/bin/forwardlab doctor >/dev/null; then
	# No user namespaces or no /dev/net/tun for this user: root has both.
	echo "this user cannot run Mininet worlds (forwardlab doctor says why); using sudo"
	exec sudo .venv/bin/forwardlab run --world mininet "$@"
fi
exec .venv/bin/forwardlab run --world mininet "$@"
