#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Build kvm-ft.ko and the test modules for one kernel.
#
# kbuild puts objects beside the sources, and two kernels must not share
# them.  So each kernel gets a mirror of the sources, made of symbolic links,
# in build/obj-KERNEL/; what was built is copied to build/modules-KERNEL/.

set -eu

usage()
{
	cat <<-EOF
	usage: $0 [--install] KERNEL [MAKE-ARGUMENT...]
	       $0 [--install] --kdir DIR [MAKE-ARGUMENT...]

	KERNEL is 6.1, 6.12 or debug (prepared by tools/testing/deps.sh), DIR any
	folder of kernel headers or a kernel build folder.  The arguments that
	follow are passed to make; with none of them a target, modules are built.
	--install builds without the test modules, in build/product-KERNEL/, and
	installs to \$INSTALL_MOD_PATH/lib/modules/ as kbuild does.
	EOF
}

die()
{
	echo "build-modules: $*" >&2
	exit 1
}

cd "$(dirname "$0")/../.."

objects=obj
results=modules
tests=m
install=
if [ "${1-}" = --install ]; then
	install=1
	objects=obj-product
	results=product
	tests=
	shift
fi

case ${1-} in
-h|--help)
	usage
	exit 0
	;;
--kdir)
	[ $# -ge 2 ] || { usage >&2; exit 2; }
	kdir=$2
	[ -f "$kdir/include/generated/utsrelease.h" ] ||
		die "$kdir holds no kernel headers (on Debian: apt-get install linux-headers-RELEASE)"
	kernel=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' \
		"$kdir/include/generated/utsrelease.h")
	shift 2
	;;
''|-*)
	usage >&2
	exit 2
	;;
*)
	kernel=$1
	kdir=$(tools/testing/deps.sh --print kdir "$kernel")
	shift
	;;
esac

mirror=$PWD/build/$objects-$kernel
out=$PWD/build/$results-$kernel
mkdir -p "$mirror" "$out"

# Two makes may run in one checkout.
exec 9>"$mirror/.lock"
flock 9

# The folders that hold module sources: kvm-ft/ and every folder of tests that
# has a Kbuild file.
source_dirs()
{
	echo kvm-ft
	for kbuild in tools/testing/*/Kbuild; do
		[ ! -f "$kbuild" ] || dirname "$kbuild"
	done
}

# Link sources that are new; drop links whose source has gone, so that a
# removed file fails the build here as it would in a fresh checkout.
refresh_mirror()
{
	find "$mirror" -xtype l -delete
	{
		echo Kbuild
		# shellcheck disable=SC2046 # folder names of ours: no blanks
		find $(source_dirs) -type f \( -name Kbuild -o -name 'Makefile' \
			-o -name '*.[chS]' \)
	} | while read -r file; do
		[ ! -e "$mirror/$file" ] || continue
		mkdir -p "$mirror/$(dirname "$file")"
		ln -s "$PWD/$file" "$mirror/$file"
	done
	find "$mirror" -mindepth 1 -type d -empty -delete
}

# Copy the modules that this build made, and only those.
collect()
{
	sed 's/\.k\{0,1\}o$//' "$mirror/modules.order" | while read -r module; do
		name=${module##*/}.ko
		echo "$name"
		cmp -s "$module.ko" "$out/$name" || {
			cp "$module.ko" "$out/.$name.new"
			mv "$out/.$name.new" "$out/$name"
			echo "  MODULE  build/$results-$kernel/$name" >&2
		}
	done >"$mirror/.built"
	for module in "$out"/*.ko; do
		[ ! -e "$module" ] || grep -qxF "${module##*/}" "$mirror/.built" ||
			rm "$module"
	done
}

refresh_mirror

# No vmlinux comes with the headers, so kbuild could but warn that it makes no
# BTF for the modules: nothing here needs it.
kbuild()
{
	make -C "$kdir" --no-print-directory M="$mirror" KVM_FT_TESTS=$tests \
		CONFIG_DEBUG_INFO_BTF_MODULES= "$@"
}

# Headers come without the key to sign with and without System.map, so kbuild
# can neither sign (where Secure Boot asks for it, DKMS does) nor run depmod.
install_modules()
{
	output=$(kbuild CONFIG_MODULE_SIG_ALL= INSTALL_MOD_DIR=updates modules_install 2>&1) ||
		die "modules_install failed: $output"
	echo "$output" | grep -v -e DEPMOD -e 'Skipping depmod' || :
	release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' \
		"$kdir/include/generated/utsrelease.h")
	# Below another root, it is for whoever puts it to its place.
	[ -n "${INSTALL_MOD_PATH-}" ] || depmod "$release"
}

refresh_mirror
if [ -n "$install" ]; then
	kbuild "$@" modules
	collect
	install_modules
else
	kbuild "$@"
	[ ! -f "$mirror/modules.order" ] || collect
fi
