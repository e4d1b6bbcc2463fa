#!/bin/sh
# Proves the Vagrantfile: brings the box up, runs scenarios in it, and destroys it, whatever happened.
#
#   tools/vagrant-test.sh [SCENARIO …]
#
# Vagrant chooses the provider; VAGRANT_DEFAULT_PROVIDER=libvirt chooses for it. It ends with what
# the scenarios ended with; with 3 where Vagrant cannot run or this folder has a box already, and
# with 4 where the box did not come up or did not go.
set -eu
cd "$(dirname "$0")/.."
[ $# != 0 ] || set -- cluster/eight_steps failures/node_dies_and_returns
cannot=3 broke=4

say() {
	echo "vagrant-test: $*"
}

refuse() {
	say "$*" >&2
	exit $cannot
}

# Of a machine that is not there Vagrant says "TIME,default,state,not_created".
machine_is_gone() {
	status=$(vagrant status --machine-readable) || return $broke
	echo "$status" | grep -q '^[0-9]*,default,state,not_created'
}

command -v vagrant >/dev/null ||
	refuse "there is no vagrant here: apt-get install vagrant vagrant-libvirt"
found=0
machine_is_gone || found=$?
[ $found != $broke ] || refuse "vagrant cannot say whether this folder has a box: vagrant status"
[ $found = 0 ] || refuse "this folder has a box already, which is yours: vagrant destroy first"

# A signal ends what runs in the foreground; then the box is destroyed, and only then this ends.
interrupted=0
trap 'interrupted=129' HUP
trap 'interrupted=130' INT
trap 'interrupted=143' TERM

outcome=0
say "bringing the box up"
vagrant up || { outcome=$broke && say "the box did not come up" >&2; }
if [ $outcome = 0 ] && [ $interrupted = 0 ]; then
	say "in the box: forwardlab run --world mininet $*"
	# In Mininet or not at all: the box is there for its kernel.
	vagrant ssh -c "forwardlab run --world mininet $*" || outcome=$?
	say "the scenarios ended with $outcome"
fi
say "destroying the box"
if vagrant destroy --force && machine_is_gone; then
	say "the box is gone"
else
	say "the box did not go; vagrant destroy --force says why" >&2
	[ $outcome != 0 ] || outcome=$broke
fi
[ $interrupted = 0 ] || outcome=$interrupted
exit $outcome
