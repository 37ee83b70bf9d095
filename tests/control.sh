#!/bin/sh
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# The build dependencies of debian/control are those of bootstrap, libbpf with the Makefile's version.
# make, gcc and libc6-dev are on every Debian that builds packages.
set -eu

libbpf=$(sed -n 's/^LIBBPF_MIN *:= *//p' Makefile)

wanted() {
	echo 'debhelper-compat (= 13)'
	sed -nE 's/^\t\t(build|bpf|unit) +([^ |]+).*/\1 \2/p' bootstrap | while read -r group package; do
		case $group/$package in
		*/make | */gcc | */libc6-dev) ;;
		*/libbpf-dev) echo "$package (>= 1:$libbpf)" ;;
		unit/*) echo "$package <!nocheck>" ;;
		*) echo "$package" ;;
		esac
	done
}

given() {
	sed -n '/^Build-Depends:/,/^[^ ]*:/{s/^Build-Depends://; /^[A-Z]/d; p}' debian/control |
		tr ',' '\n' | sed 's/^ *//; /^$/d'
}

wanted=$(wanted | sort) given=$(given | sort)
[ "$wanted" != "$given" ] || exit 0
echo "debian/control: Build-Depends must be, by bootstrap and LIBBPF_MIN:" >&2
echo "$wanted" >&2
exit 1
