#!/bin/sh
# Installs what is missing and nothing else: Debian packages, then a virtual environment.
#
#   tools/setup.sh run     what `forwardlab run` needs
#   tools/setup.sh test    that, and what the tests need
#
# Starts no daemon. A second call finds everything in place and takes no time worth naming.
set -eu

purpose=${1:?usage: tools/setup.sh run|test}
cd "$(dirname "$0")/.."

run_packages="mininet iproute2 bridge-utils nftables ethtool python3-venv fonts-dejavu-core"
test_packages="chromium vagrant tshark tcpdump dnsutils git"
case $purpose in
run) packages=$run_packages extras="" ;;
test) packages="$run_packages $test_packages" extras="[dev]" ;;
*) echo "tools/setup.sh: unknown purpose '$purpose'; say run or test" >&2; exit 2 ;;
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
	# Debian starts a daemon as soon as it is installed; 101 is "not allowed" (policy-rc.d).
	guard=/usr/sbin/policy-rc.d
	if [ ! -e $guard ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee $guard >/dev/null
		as_root chmod 755 $guard
		trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	as_root apt-get update -q
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "$@"
}

python_with_venv() {
	# Debian's own interpreter first: it is the one the packages above belong to.
	for candidate in /usr/bin/python3 python3; do
		if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			echo "$candidate"
			return
		fi
	done
	echo "tools/setup.sh: no Python 3.11 or newer; Debian 12 has it as package python3" >&2
	exit 3
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	missing=$(missing_packages)
	if [ -n "$missing" ]; then
		echo "installing Debian packages: $missing"
		# shellcheck disable=SC2086 # a list of names
		install_packages $missing
	fi
else
	echo "not a Debian system: install the counterparts of: $packages" >&2
fi

stamp=.venv/.installed-$purpose
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
	[ -x .venv/bin/python ] || "$(python_with_venv)" -m venv .venv
	echo "installing Python packages into .venv"
	.venv/bin/python -m pip install -q --disable-pip-version-check --editable ".$extras"
	touch "$stamp"
fi
