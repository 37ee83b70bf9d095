# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
# Completion for fish, of one tool: options out of --help; for trace also what can be traced, which it lists itself.

function __tracing_options_@NAME@
    @TOOL@ --help 2>/dev/null | string match -rg -- '^ *(?:-[^ ,]+, +)?(--[A-Za-z0-9_-]+)' | sort -u
end

function __tracing_specs_@NAME@
    set -l word (commandline -ct | string trim -c "'\"")
    switch $word
        case 't:*:*' '*:*:*'
            @TOOL@ -l "$word*" 2>/dev/null
        case 't:*'
            @TOOL@ -l "$word*:*" 2>/dev/null | string replace -r '^(t:[^:]*:).*' '$1' | sort -u
    end
end

complete -c @TOOL@ -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__tracing_options_@NAME@)'
complete -c @TOOL@ -s p -l pid -x -a '(__fish_complete_pids)'
complete -c @TOOL@ -l uid -x -a '(__fish_complete_users)'
complete -c @TOOL@ -n 'string match -q trace "@BASE@"' -a '(__tracing_specs_@NAME@)'
