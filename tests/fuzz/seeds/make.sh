#!/bin/sh
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# make.sh FOLDER: the binary inputs that fuzzers begin with, made from sources. What no compiler makes on demand is kept as text:
# machine code of other machines and servers, and files that a fuzzer has found.
set -eu

to=$1 here=$(dirname "$0")
cc=${CC:-gcc} clang=${CLANG:-clang}
mkdir -p "$to/dwarf" "$to/elf" "$to/probe_dwarf" "$to/redis_layout" "$to/runtime"
seed="$here/seed.c -nostdlib -fno-stack-protector"

$cc -shared -fPIC -O2 -g $seed -o "$to/dwarf/plain"
$cc -shared -fPIC -O2 -g -gz $seed -o "$to/dwarf/compressed"
$cc -c -O2 -DWITH_PROBE $seed -o "$to/elf/object"
$cc -shared -fPIC -O2 -DWITH_PROBE $seed -o "$to/elf/shared"
$cc -static -O2 -e main -DWITH_PROBE $seed -o "$to/elf/static"
cp "$to/elf/static" "$to/runtime/small"
for level in O0 O2; do
	$cc -shared -fPIC -$level -g $seed -o "$to/probe_dwarf/$level"
	$clang -shared -fPIC -$level -gdwarf-4 $seed -o "$to/probe_dwarf/clang-$level"
done
for text in "$here"/*.gz.b64; do
	name=$(basename "$text" .gz.b64)
	base64 -d "$text" | gzip -dc >"$to/${name%%-*}/${name#*-}"
done
