# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# Bash completion, the same for every tool: options out of --help, processes, users, files.

_bpf_tool()
{
	local cur prev words cword

	_init_completion || return
	case $prev in
	-p | --pid) _pids ;;
	-u | --uid | -U) _uids ;;
	*) _longopt "$1" ;;
	esac
}
complete -F _bpf_tool "${BASH_SOURCE[0]##*/}"
