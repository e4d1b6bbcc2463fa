#!/bin/sh
# Installs what is missing and nothing else: Debian packages, then a virtual environment.
#
#   tools/setup.sh run     what `forwardlab run` needs
#   tools/setup.sh test    that, the servers, and what else the tests need
#   tools/setup.sh bench   that, and the load generator of benchmarks/
#   tools/setup.sh servers the servers that can take a seat (docs/subjects.md), and nothing else
#   tools/setup.sh kernel  what tools/kernel.sh builds a kernel with, and nothing else
#
# Starts no daemon. A second call finds everything in place and takes no time worth naming.
set -eu

purpose=${1:?usage: tools/setup.sh run|test|bench|servers|kernel}
cd "$(dirname "$0")/.."

run_packages="mininet iproute2 bridge-utils nftables ethtool python3-venv"
test_packages="chromium fonts-dejavu-core iputils-ping tcpdump tshark vagrant vagrant-libvirt shellcheck
	bind9-dnsutils knot-dnsutils gcc libc6-dev musl-tools libsystemd-shared"
server_packages="bind9 unbound dnsmasq-base pdns-recursor knot-resolver dnsdist gdnsd nsd nftables
	conntrack"
bench_packages="dnsperf"
case $purpose in
run) packages=$run_packages extras="" serves="run" ;;
test) packages="$run_packages $server_packages $test_packages" extras="[dev]" serves="run test" ;;
bench)
	packages="$run_packages $server_packages $test_packages $bench_packages" extras="[dev]"
	serves="run test bench"
	;;
servers) packages=$server_packages ;;
kernel) packages="bc bison dpkg-dev flex gcc libc6-dev make patch xz-utils" ;;
*) echo "tools/setup.sh: unknown purpose '$purpose'; say run, test, bench, servers or kernel" >&2; exit 2 ;;
esac

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "tools/setup.sh: '$*' needs root: run as root or install sudo" >&2
		exit 3
	fi
}

missing_packages() {
	for package in $packages; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$state" = installed ] || printf '%s ' "$package"
	done
}

install_packages() {
	# Debian starts a daemon as soon as it is installed; 101 is "not allowed" (policy-rc.d). A guard
	# of somebody else's stays; ours goes again, also one that a killed run left behind.
	guard=/usr/sbin/policy-rc.d
	mark="# forwardlab: gone when tools/setup.sh ends"
	if [ ! -e $guard ] || grep -qxF "$mark" $guard; then
		trap 'as_root rm -f $guard' EXIT
		# Without these the shell would die of a signal and leave the guard.
		trap 'exit 129' HUP
		trap 'exit 130' INT
		trap 'exit 143' TERM
		printf '#!/bin/sh\n%s\nexit 101\n' "$mark" | as_root tee $guard >/dev/null
		as_root chmod 755 $guard
	fi
	as_root apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "$@"
}

lay_aside_resolved() {
	# Debian's systemd-resolved puts itself into /etc/resolv.conf when it is installed, and is started.
	# The tests want its program alone, so the package is unpacked into .build/ and nothing of it runs.
	aside=.build/systemd-resolved
	installed=/usr/lib/systemd/systemd-resolved
	for program in $installed $aside/lib/systemd/systemd-resolved $aside$installed; do
		[ ! -x "$program" ] || return 0
	done
	echo "unpacking systemd-resolved into $aside"
	[ -n "$(apt-cache policy systemd-resolved)" ] || as_root apt-get update -q
	fetched=$(mktemp -d)
	(cd "$fetched" && apt-get download -q systemd-resolved)
	mkdir -p "$aside"
	dpkg-deb -x "$fetched"/systemd-resolved_*.deb "$aside"
	rm -r "$fetched"
}

python_with_venv() {
	# Debian's own interpreter first: it is the one the packages above belong to.
	for candidate in /usr/bin/python3 python3; do
		if "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			echo "$candidate"
			return
		fi
	done
	echo "tools/setup.sh: no Python 3.11 or newer with pip; Debian 12 has it as python3-venv" >&2
	exit 3
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	missing=$(missing_packages)
	if [ -n "$missing" ]; then
		echo "installing Debian packages: $missing"
		# shellcheck disable=SC2086 # a list of names
		install_packages $missing
	fi
	case $purpose in test | bench) lay_aside_resolved ;; esac
else
	echo "not a Debian system: install the counterparts of: $packages" >&2
fi
case $purpose in servers | kernel) exit 0 ;; esac

stamp=.venv/.installed-$purpose
if [ ! -e "$stamp" ] || [ -n "$(find pyproject.toml -newer "$stamp")" ]; then
	if [ ! -x .venv/bin/pip ]; then
		python=$(python_with_venv)
		"$python" -m venv --clear .venv
	fi
	echo "installing Python packages into .venv"
	.venv/bin/python -m pip install -q --disable-pip-version-check --editable ".$extras"
	for purpose in $serves; do
		touch ".venv/.installed-$purpose"
	done
fi
