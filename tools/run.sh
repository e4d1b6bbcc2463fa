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
tun=/dev/net/tun
if [ -e $tun ] && [ ! -w $tun ]; then
	echo "$tun, which NAT translators need, is not open to this user; using sudo"
else
	$forwardlab run --world mininet "$@" && exit
	outcome=$?
	[ $outcome = $cannot ] || exit $outcome
	echo "using sudo, as this user cannot"
fi

# What root writes here is given back, however the run ends.
trap 'sudo chown -R "$(id -u):$(id -g)" reports' EXIT
sudo env PYTHONDONTWRITEBYTECODE=1 $forwardlab run --world mininet "$@"
