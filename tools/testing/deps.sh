#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Install and prepare what building and testing need.  Does nothing, quickly,
# when all of it is there.  See usage() for the groups, and
# Documentation/dependencies.rst for why each thing is needed.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${KVM_FT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-ft}
headers=/usr/src/linux-headers-
source_package=linux-source-6.12
source_tree=$cache/src/$source_package
dry_run=
upgrade=

usage()
{
	cat <<-EOF
	usage: $0 [--dry-run] [--upgrade] GROUP...
	       $0 --print release|kdir|kernel KERNEL
	       $0 --print source|uapi|cache

	Groups (KERNEL is 6.1 or 6.12):
	  build-KERNEL  compiler and headers to build modules
	  lab-KERNEL    the emulator and the kernel image that emulated hosts boot
	  source        the kernel's source, for KUnit, checkpatch and kselftest
	  selftest      what the selftests are compiled with
	  style         sparse, cppcheck and other checkers
	  kunit         what a User Mode Linux kernel is built with
	  debug         the debug kernel: built from source, takes long
	  user          compiler and libraries for user space
	  fuzz          clang and libFuzzer
	  vmm           compiler and libraries for ftvmm
	  workloads     programs for the guests that ftvmm is tested with
	  python        the interpreter that the test runners need

	  --dry-run     say what would be done, and do nothing
	  --upgrade     take the newest kernels the archive has, even if a usable
	                one is there
	  --print       print a path (or a kernel release) prepared before

	Packages come from the Debian archive with apt-get; kernels and sources are
	unpacked to \$KVM_FT_CACHE, now $cache
	EOF
}

say()
{
	echo "deps: $*" >&2
}

die()
{
	say "$*"
	exit 1
}

# --- packages ---------------------------------------------------------------

# Of the packages named, those not installed.
missing_packages()
{
	installed=" $(dpkg-query -W -f '${Package}:${db:Status-Status} ' "$@" 2>/dev/null || :)"
	for package in "$@"; do
		case $installed in
		*" $package:installed "*) ;;
		*) echo "$package" ;;
		esac
	done
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "not root and no sudo here; as root, run: $*"
	fi
}

apt_get()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
		-o DPkg::Lock::Timeout=600 "$@"
}

updated=
update_index()
{
	[ -z "$updated" ] || return 0
	updated=1
	say "updating the package index"
	# A third party's source that fails must not stop us: what is really
	# missing shows when it is installed.
	apt_get update || say "apt-get update had errors; going on"
}

is_known()
{
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

install_packages()
{
	say "installing $*"
	[ -z "$dry_run" ] || return 0
	for package in "$@"; do
		is_known "$package" || update_index
	done
	# An old index names versions the archive no longer has: once more then.
	apt_install "$@" && return
	if [ -z "$updated" ]; then
		update_index
		apt_install "$@" && return
	fi
	cat "$apt_log" >&2
	die "apt-get could not install $*"
}

# dpkg has a lot to say; it is of interest only if it fails.
apt_log=
apt_install()
{
	if [ -z "$apt_log" ]; then
		apt_log=$(mktemp)
		trap 'rm -f "$apt_log"' EXIT
	fi
	apt_get install --no-install-recommends -y "$@" >"$apt_log" 2>&1
}

need_packages()
{
	missing=$(missing_packages "$@")
	# shellcheck disable=SC2086 # a list of names
	[ -z "$missing" ] || install_packages $missing
}

# --- which kernel -----------------------------------------------------------

meta_package()
{
	case $1 in
	6.1) echo linux-headers-amd64 ;;
	6.12) echo linux-headers-6.12-amd64 ;;
	esac
}

# The release that the archive's meta package stands for now.
archive_release()
{
	meta=$(meta_package "$1")
	if [ -z "$dry_run" ]; then
		if ! is_known "$meta" || [ -n "$upgrade" ]; then
			update_index
		fi
	fi
	release=$(apt-cache show --no-all-versions "$meta" 2>/dev/null |
		sed -n 's/^Depends:.*linux-headers-\([^ ,]*\).*/\1/p' | head -n 1)
	case $release in
	"$1".[0-9]*-amd64) echo "$release" ;;
	'')
		[ -z "$dry_run" ] || { echo "(newest-$1)"; return; }
		die "no package $meta known: Debian 12 (with its -security archive) is needed"
		;;
	*) die "$meta stands for Linux $release here, not $1: Debian 12 is needed" ;;
	esac
}

# The newest release of the series whose headers are installed, if any.
installed_release()
{
	for folder in "$headers$1".*-amd64; do
		case ${folder##*/} in
		*-cloud-amd64|*-rt-amd64) continue ;;
		esac
		[ ! -f "$folder/.config" ] || echo "${folder#"$headers"}"
	done | sort -V | tail -n 1
}

linked_release()
{
	readlink "$cache/kernels/$1" || :
}

has_headers()
{
	[ -n "$1" ] && [ -f "$headers$1/.config" ]
}

# Build and lab must use one release: first the one that the lab has, then the
# one whose headers are installed, then the archive's.
release_of()
{
	if [ "$1" = debug ]; then
		linked_release debug
		return
	fi
	if [ -z "$upgrade" ]; then
		release=$(linked_release "$1")
		has_headers "$release" || release=$(installed_release "$1")
	else
		release=
	fi
	if [ -n "$release" ]; then
		echo "$release"
	else
		archive_release "$1"
	fi
}

# --- groups -----------------------------------------------------------------

prepare_build()
{
	release=$(release_of "$1")
	need_packages gcc make kmod xz-utils
	has_headers "$release" || install_packages "linux-headers-$release"
}

have_image()
{
	[ -f "$cache/kernels/$1/boot/vmlinuz-$1" ] &&
		[ -d "$cache/kernels/$1/lib/modules/$1/kernel" ]
}

# Unpack the image package of a release beside the others, under its final
# name only once it is complete.
fetch_image()
{
	temp=$(mktemp -d "$cache/kernels/.unpack.XXXXXX")
	(cd "$temp" && apt-get -qq download "linux-image-$1" \
		-o APT::Sandbox::User=root >&2) || { rm -rf "$temp"; return 1; }
	dpkg-deb -x "$temp"/linux-image-*.deb "$temp/root"
	rm -rf "$cache/kernels/$1"
	mv "$temp/root" "$cache/kernels/$1"
	rm -rf "$temp"
	have_image "$1" || die "linux-image-$1 holds no kernel: unexpected package layout"
}

set_link()
{
	ln -sfn "$1" "$cache/kernels/.$2.new"
	mv -T "$cache/kernels/.$2.new" "$cache/kernels/$2"
}

prepare_lab()
{
	need_packages qemu-system-x86 busybox-static iproute2 cpio kmod xz-utils zstd python3 \
		gcc libc6-dev
	release=$(release_of "$1")
	[ "$(linked_release "$1")" != "$release" ] || ! have_image "$release" || return 0
	if ! have_image "$release"; then
		say "fetching the kernel image $release"
		[ -z "$dry_run" ] || return 0
		mkdir -p "$cache/kernels"
		rm -rf "$cache/kernels"/.unpack.*	# of a run that was cut off
		if ! fetch_image "$release"; then
			# The archive has moved on from the installed headers.
			update_index
			release=$(archive_release "$1")
			say "fetching the kernel image $release"
			fetch_image "$release" || die "could not download linux-image-$release"
		fi
	fi
	say "Linux $1 in the lab is now $release"
	[ -n "$dry_run" ] || set_link "$release" "$1"
	has_headers "$release" || install_packages "linux-headers-$release"
}

source_version()
{
	dpkg-query -W -f '${Version}' "$source_package" 2>/dev/null || :
}

prepare_source()
{
	need_packages "$source_package" xz-utils
	version=$(source_version)
	[ "$(cat "$source_tree/.unpacked" 2>/dev/null)" != "$version" ] || return 0
	say "unpacking the kernel's source $version to $source_tree"
	[ -z "$dry_run" ] || return 0
	mkdir -p "$cache/src"
	rm -rf "$cache/src"/.unpack.* "$cache/src"/.old.*
	temp=$(mktemp -d "$cache/src/.unpack.XXXXXX")
	tar -C "$temp" -xf "/usr/src/$source_package.tar.xz"
	echo "$version" >"$temp/$source_package/.unpacked"
	[ ! -d "$source_tree" ] || mv "$source_tree" "$cache/src/.old.$$"
	mv "$temp/$source_package" "$source_tree"
	rm -rf "$temp" "$cache/src"/.old.*
}

# The kernel's exported headers, newer than Debian 12's linux-libc-dev.
prepare_selftest()
{
	need_packages gcc make libc6-dev
	prepare_source
	uapi=$cache/uapi-6.12
	[ "$(cat "$uapi/.made-from" 2>/dev/null)" != "$(source_version)" ] || return 0
	say "exporting the kernel's headers to $uapi"
	[ -z "$dry_run" ] || return 0
	rm -rf "$uapi"
	mkdir -p "$uapi"
	make -s -C "$source_tree" ARCH=x86 O="$uapi" headers >&2
	source_version >"$uapi/.made-from"
}

prepare_debug()
{
	need_packages gcc make flex bison bc libelf-dev libssl-dev kmod cpio xz-utils
	prepare_source
	if [ -n "$dry_run" ]; then
		"$here/debug-kernel.sh" --check ||
			say "building the debug kernel"
	else
		# It takes long, and has a lock of its own.
		flock -u 8
		"$here/debug-kernel.sh"
	fi
}

prepare()
{
	case $1 in
	build-6.1|build-6.12) prepare_build "${1#build-}" ;;
	lab-6.1|lab-6.12) prepare_lab "${1#lab-}" ;;
	source) prepare_source ;;
	selftest) prepare_selftest ;;
	style)
		need_packages git sparse cppcheck pyflakes3 python3 shellcheck perl
		prepare_source
		;;
	kunit)
		need_packages gcc make flex bison bc python3 libelf-dev libssl-dev
		prepare_source
		;;
	build-debug|lab-debug|debug) prepare_debug ;;
	user)
		need_packages gcc g++ make pkgconf libc6-dev libjson-c-dev libinih-dev libssl-dev
		;;
	fuzz) need_packages clang libclang-rt-14-dev make libjson-c-dev libssl-dev ;;
	vmm) need_packages gcc make libc6-dev acpica-tools libjson-c-dev liburing-dev libxxhash-dev ;;
	workloads)
		need_packages python3 binutils e2fsprogs
		# To the cache: nothing of it is installed.
		[ -n "$dry_run" ] || "$here/vmm/packages.py"
		;;
	python) need_packages python3 ;;
	esac
}

check_group()
{
	case $1 in
	build-6.1|build-6.12|build-debug|lab-6.1|lab-6.12|lab-debug) ;;
	source|selftest|style|kunit|debug|user|fuzz|vmm|workloads|python) ;;
	*) die "no group $1 (see $0 --help)" ;;
	esac
}

# --- printing ---------------------------------------------------------------

print_kernel()
{
	case $2 in
	6.1|6.12|debug) ;;
	*) die "KERNEL is 6.1, 6.12 or debug, not '$2'" ;;
	esac
	release=$(linked_release "$2")
	[ "$2" = debug ] || has_headers "$release" || release=$(installed_release "$2")
	[ -n "$release" ] ||
		die "Linux $2 is not prepared: run $0 build-$2 lab-$2"
	case $1 in
	release) path= ;;
	kernel) path=$cache/kernels/$release ;;
	kdir)
		path=$headers$release
		[ "$2" != debug ] ||
			path=$(readlink -f "$cache/kernels/debug/lib/modules/$release/build")
		;;
	esac
	[ -z "$path" ] || [ -d "$path" ] ||
		die "$path is not there: run $0 build-$2 lab-$2"
	echo "${path:-$release}"
}

print_path()
{
	case $1 in
	release|kdir|kernel)
		print_kernel "$1" "${2-}"
		return
		;;
	cache) path=$cache ;;
	source) path=$source_tree ;;
	uapi) path=$cache/uapi-6.12/usr/include ;;
	*) die "cannot print '$1' (see $0 --help)" ;;
	esac
	[ -d "$path" ] || [ "$1" = cache ] ||
		die "$path is not there: run $0 selftest"
	echo "$path"
}

# ----------------------------------------------------------------------------

main()
{
	while [ $# -gt 0 ]; do
		case $1 in
		-h|--help)
			usage
			return
			;;
		--dry-run) dry_run=1 ;;
		--upgrade) upgrade=1 ;;
		--print)
			shift
			[ $# -gt 0 ] || die "--print what? (see $0 --help)"
			print_path "$@"
			return
			;;
		-*) die "no option $1 (see $0 --help)" ;;
		*) break ;;
		esac
		shift
	done
	[ $# -gt 0 ] || { usage >&2; exit 2; }
	for group in "$@"; do
		check_group "$group"
	done
	# Parallel runs wait for one another, then find the work done.
	if [ -z "$dry_run" ]; then
		mkdir -p "$cache"
		exec 8>"$cache/.deps.lock"
		flock -n 8 || { say "waiting for another run"; flock 8; }
	fi
	for group in "$@"; do
		prepare "$group"
	done
}

main "$@"
