#!/bin/sh
# Builds the user-mode kernel of `--world timetravel` from Debian's source package and keeps it:
#
#   tools/kernel.sh           build it where it is missing; minutes
#   tools/kernel.sh --where   say where it is, or would be
#
# What the build needs is installed as tools/setup.sh does; the source is unpacked into a temporary
# folder and goes again. The kernel is kept by what tools/kernel.config and tools/kernel.patch say, so a
# change of these builds another one, and all checkouts share it. KERNEL_SOURCE=FILE takes a linux-source-*.tar.xz
# that is there already.
set -eu

[ -z "${KERNEL_SOURCE-}" ] || KERNEL_SOURCE=$(realpath "$KERNEL_SOURCE")
cd "$(dirname "$0")/.."
config=$PWD/tools/kernel.config
patch=$PWD/tools/kernel.patch
version=$(cat "$config" "$patch" | sha256sum | cut -c 1-12)
kernel=${XDG_CACHE_HOME:-$HOME/.cache}/forwardlab/kernel/$version/linux
package=$(sed -n 's/^# package: //p' "$config")

case ${1-} in
--where) echo "$kernel"; exit ;;
"") ;;
*) echo "tools/kernel.sh: unknown argument '$1'; say --where or nothing" >&2; exit 2 ;;
esac

cannot() {
	echo "tools/kernel.sh: $*" >&2
	exit 3
}

if [ -x "$kernel" ]; then
	echo "the kernel is there: $kernel"
	exit
fi
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
	cannot "user-mode Linux runs on Linux x86_64 only, and this is $(uname -s) $(uname -m)"
command -v apt-get >/dev/null || [ -n "${KERNEL_SOURCE-}" ] ||
	cannot "this is no Debian system: give Debian's tarball of $package as KERNEL_SOURCE=FILE"

started=$(date +%s)
say() {
	printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"
}

tools/setup.sh kernel

place=$(mktemp -d "${TMPDIR:-/tmp}/forwardlab-kernel.XXXXXX")
child=
trap 'rm -rf "$place"' EXIT
trap 'ended 129' HUP
trap 'ended 130' INT
trap 'ended 143' TERM

# What takes long runs beside the shell, which else would hear of a signal only afterwards.
ended() {
	trap '' HUP INT TERM
	[ -z "$child" ] || kill "$child" 2>/dev/null || true
	wait
	exit "$1"
}
beside() {
	"$@" >"$place/words" 2>&1 &
	child=$!
	wait "$child"
}

[ "$(df --output=avail -k "$place" | tail -n 1)" -ge 3000000 ] ||
	cannot "the build needs 3 GB in ${TMPDIR:-/tmp}; free some, or name another folder as TMPDIR"

if [ -z "${KERNEL_SOURCE-}" ]; then
	say "fetching $package"
	beside env --chdir="$place" apt-get download -q "$package" || {
		tail -n 5 "$place/words" >&2
		cannot "apt cannot fetch $package, see above: 'apt-get update' as root may help (Debian 12 has" \
			"it in bookworm-security), or give its tarball as KERNEL_SOURCE=FILE"
	}
	dpkg-deb -x "$place"/"$package"_*.deb "$place/package"
	KERNEL_SOURCE=$place/package/usr/src/$package.tar.xz
fi

say "unpacking the source"
mkdir "$place/source"
beside tar -xf "$KERNEL_SOURCE" -C "$place/source" --strip-components=1 || {
	tail -n 5 "$place/words" >&2
	cannot "$KERNEL_SOURCE cannot be unpacked"
}
rm -rf "$place/package"

step() {
	beside env --chdir="$place/source" "$@" || {
		tail -n 20 "$place/words" >&2
		cannot "'$*' failed; what it said last is above"
	}
}

say "patching and configuring"
step patch --strip=1 --input="$patch"
step make -s ARCH=um defconfig
cat "$config" >>"$place/source/.config"
step make -s ARCH=um olddefconfig
grep -v '^# [^C]\|^$' "$config" | while read -r wanted; do
	case $wanted in
	"# CONFIG_"*) ! grep -q "^$(expr "$wanted" : '# \(CONFIG_[A-Z0-9_]*\)')=" "$place/source/.config" ;;
	*) grep -qxF "$wanted" "$place/source/.config" ;;
	esac || {
		echo "tools/kernel.config: this source has no '$wanted'; take the line out or mend it" >&2
		exit 2
	}
done

processors=$(nproc)
say "compiling on $processors processors; on two this takes four to six minutes"
step make -s -j"$processors" ARCH=um linux
mkdir -p "$(dirname "$kernel")"
strip -o "$kernel.unfinished" "$place/source/linux"
mv "$kernel.unfinished" "$kernel"
say "done: $kernel"
