# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# Completion for bash, the same for every tool: options out of --help, processes, users, files; for trace also what can be traced,
# which trace itself lists.

# What can stand in the place of a spec that begins so, a line each.
_tracing_specs()
{
	local tool=$1 word=$2

	case $word in
	t:*:*) "$tool" -l "$word*" ;;
	t:*) "$tool" -l "$word*:*" | cut -d : -f 1-2 | sed 's/$/:/' | sort -u ;;
	[pru]:*:*) "$tool" -l "$word*" ;;
	[pru]:*) compgen -f -P "${word%%:*}:" -S : -- "${word#*:}" ;;
	*/*:*) "$tool" -l "$word*" | sed 's/^p://' ;;
	*) compgen -f -- "$word" ;;
	esac 2>/dev/null | head -n 2000
}

_tracing_options()
{
	"$1" --help 2>/dev/null | sed -nE 's/^ *(-[^ ,]+, +)?(--[A-Za-z0-9_-]+)(\[?=)?.*/\2\3/p' | sed 's/\[=$//' | sort -u
}

_tracing_tool()
{
	local tool=$1 word previous line

	# By words between blanks: a spec has colons, at which bash would part it.
	line=${COMP_LINE:0:COMP_POINT}
	word=${line##*[[:space:]]}
	previous=${line%"$word"}
	previous=${previous%"${previous##*[![:space:]]}"}
	previous=${previous##*[[:space:]]}
	word=${word#[\'\"]}
	case $previous in
	-p | --pid) line=$(compgen -W "$(ps -A -o pid= 2>/dev/null)" -- "$word") ;;
	--uid) line=$(compgen -u -- "$word") ;;
	*)
		case ${tool##*/}:$word in
		*:-*) line=$(compgen -W "$(_tracing_options "$tool")" -- "$word") ;;
		trace:* | trace-*:*) line=$(_tracing_specs "$tool" "$word") ;;
		*) line=$(compgen -f -- "$word") ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(printf '%s' "${line:+$line$'\n'}")
	[[ ${COMPREPLY[0]} != *[:=] ]] || compopt -o nospace 2>/dev/null
	# What bash takes for words of their own in front of the last part stays.
	[[ $word != *:* || $COMP_WORDBREAKS != *:* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
}
complete -F _tracing_tool "${BASH_SOURCE[0]##*/}"
