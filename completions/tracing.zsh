#compdef @TOOLS@
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# Completion for zsh, the same for every tool: options out of --help; for trace also what can be traced, which it lists itself.

_tracing_specs()
{
	local word=${PREFIX#[\'\"]} tool=$1
	local -a found

	case $word in
	t:*:*) found=(${(f)"$($tool -l "$word*" 2>/dev/null)"}) ;;
	t:*) found=(${(fu)"$($tool -l "$word*:*" 2>/dev/null | cut -d : -f 1-2 | sed 's/$/:/')"}) ;;
	*:*:*) found=(${(f)"$($tool -l "$word*" 2>/dev/null)"}) ;;
	[pru]:*) compset -P '[pru]:'; _files -S : ; return ;;
	*) _files ; return ;;
	esac
	if [[ ${found[1]} == *: ]]; then
		compadd -S '' -- $found
	else
		compadd -- $found
	fi
}

_tracing()
{
	local tool=$words[1]
	local -a options

	if [[ $PREFIX == -* ]]; then
		options=(${(f)"$($tool --help 2>/dev/null | sed -nE 's/^ *(-[^ ,]+, +)?(--[A-Za-z0-9_-]+).*/\2/p')"})
		compadd -- $options
	elif [[ $words[CURRENT-1] == (-p|--pid) ]]; then
		_pids
	elif [[ $words[CURRENT-1] == --uid ]]; then
		_users
	elif [[ ${tool:t} == (trace|trace-*) ]]; then
		_tracing_specs $tool
	else
		_files
	fi
}

_tracing "$@"
