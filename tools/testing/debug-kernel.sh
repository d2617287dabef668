#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the debug kernel (KASAN, lockdep, kmemleak, KUnit and KVM) from the
# distribution's kernel source, and put it where the lab looks for kernels.
# Done once for a version of source and configuration; a build that was
# interrupted goes on.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${KVM_FT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-ft}
source_tree=$cache/src/linux-source-6.12
fragment=$here/debug-kernel.config

say()
{
	echo "debug-kernel: $*" >&2
}

die()
{
	say "$*"
	exit 1
}

case ${1-} in
'') check_only= ;;
--check) check_only=1 ;;
*)
	cat <<-EOF
	usage: $0 [--check]

	Builds the debug kernel, unless it is up to date.  --check builds nothing,
	and fails if there is something to build.
	EOF
	[ "$1" = --help ] || [ "$1" = -h ]
	exit
	;;
esac

if [ ! -f "$source_tree/.unpacked" ]; then
	[ -z "$check_only" ] || exit 1
	die "no kernel source in $source_tree: run tools/testing/deps.sh debug"
fi
hash=$(cat "$source_tree/.unpacked" "$fragment" | sha256sum | cut -c 1-8)
build=$cache/debug-build-$hash

up_to_date()
{
	release=$(readlink "$cache/kernels/debug") || return 1
	case $release in
	*-"$hash") [ -f "$cache/kernels/$release/boot/vmlinuz-$release" ] ;;
	*) return 1 ;;
	esac
}

if [ -n "$check_only" ]; then
	up_to_date
	exit
fi
up_to_date && exit

mkdir -p "$cache/kernels" "$build"
exec 7>"$cache/.debug-kernel.lock"
flock -n 7 || { say "waiting for another run"; flock 7; }
up_to_date && exit

kbuild()
{
	nice -n 19 make -C "$source_tree" O="$build" ARCH=x86 \
		KBUILD_BUILD_USER=kvm-ft KBUILD_BUILD_HOST=lab "$@"
}

# An option that the kernel does not know, or whose dependencies are not met,
# would be dropped in silence.
configure()
{
	KCONFIG_ALLCONFIG=$fragment kbuild -s allnoconfig
	"$source_tree/scripts/config" --file "$build/.config" \
		--set-str LOCALVERSION "-kvm-ft-debug-$hash"
	kbuild -s olddefconfig
	missing=$(grep -v '^#' "$fragment" | grep . | grep -vxF -f "$build/.config" || :)
	[ -z "$missing" ] || die "options not taken over to $build/.config:
$missing"
}

# Says every minute how far it is.  Once it is killed, its last sleep must keep
# neither the locks nor a reader of our output waiting.
report_progress()
{
	minutes=0
	while sleep 60 7>&- 8>&- >/dev/null 2>&1; do
		minutes=$((minutes + 1))
		say "$minutes minutes, $(grep -c '^  CC' "$1") files compiled"
	done
}

compile()
{
	log=$build/build.log
	report_progress "$log" &
	reporter=$!
	trap 'kill "$reporter"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if ! kbuild -j"$(nproc)" bzImage modules >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "the build failed; all of its output is in $log"
	fi
	kill "$reporter"
	trap - EXIT INT TERM
}

# Put it in place complete or not at all.
install_kernel()
{
	release=$(cat "$build/include/config/kernel.release")
	temp=$(mktemp -d "$cache/kernels/.debug.XXXXXX")
	mkdir "$temp/boot"
	cp "$build/arch/x86/boot/bzImage" "$temp/boot/vmlinuz-$release"
	cp "$build/.config" "$temp/boot/config-$release"
	cp "$build/System.map" "$temp/boot/System.map-$release"
	kbuild -s modules_install INSTALL_MOD_PATH="$temp" INSTALL_MOD_STRIP=1
	chmod 755 "$temp"
	rm -rf "$cache/kernels/$release"
	mv "$temp" "$cache/kernels/$release"
	ln -sfn "$release" "$cache/kernels/.debug-link.new"
	mv -T "$cache/kernels/.debug-link.new" "$cache/kernels/debug"
	say "$release is ready"
}

say "building the debug kernel in $build: takes up to an hour, once"
configure
compile
install_kernel
