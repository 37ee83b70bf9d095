#!/bin/sh
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
#
# install.sh 'TOOL...' 'LINK:TOOL...' [PROGRAM...]: called by "make install", which says where things go. Each tool with its man page,
# links and completions, its name followed by SUFFIX; the programs as they are.
set -eu

tools=$1 links=$2
shift 2
man=$DESTDIR$MANDIR/man8 bin=$DESTDIR$SBINDIR
bash=$DESTDIR$SHARE/bash-completion/completions fish=$DESTDIR$SHARE/fish/vendor_completions.d zsh=$DESTDIR$SHARE/zsh/site-functions
install -d "$bin" "$man" "$bash" "$fish" "$zsh" "$DESTDIR$UNITDIR"

# complete NAME BASE: completions of a tool called NAME, BASE without the suffix
complete() {
	install -m 644 completions/tracing.bash "$bash/$1"
	sed "s|@TOOL@|$1|g; s|@BASE@|$2|g; s|@NAME@|$(echo "$1" | tr - _)|g" completions/tracing.fish >"$fish/$1.fish"
	names="${names:+$names }$1"
}

names=
# In man pages, other tools are named as they are installed.
others=$(echo $tools | tr ' ' '|')
for tool in $tools; do
	install -m 755 "$BUILD/bin/$tool" "$bin/$tool$SUFFIX"
	sed -E "s/^(\.BR? ($others))( \(8\))/\1$(echo "$SUFFIX" | sed 's/-/\\\\-/g')\3/" "man/$tool.8" >"$man/$tool$SUFFIX.8"
	complete "$tool$SUFFIX" "$tool"
done
for pair in $links; do
	ln -sf "${pair#*:}$SUFFIX" "$bin/${pair%:*}$SUFFIX"
	ln -sf "${pair#*:}$SUFFIX.8" "$man/${pair%:*}$SUFFIX.8"
	complete "${pair%:*}$SUFFIX" "${pair%:*}"
done
for program; do
	install -m 755 "$BUILD/bin/$program" "$bin/$program"
done
sed "s|@TOOLS@|$names|" completions/tracing.zsh >"$zsh/_tracing$SUFFIX"
sed "s|@SBINDIR@|$SBINDIR|; s|@SUFFIX@|$SUFFIX|" packaging/systemd/tracing@.service >"$DESTDIR$UNITDIR/tracing$SUFFIX@.service"
