/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From a spec's text to its tree: the grammar, and nothing about what names mean.
 */
#ifndef PROBE_SPEC_PARSE_H
#define PROBE_SPEC_PARSE_H

#include "probe/spec/ast.h"
#include "probe/spec/diag.h"

/*
 * Parse BCC's trace grammar: SPEC[(signature)] [(predicate)] ["format"[[,] expr, ...]].
 *
 *	spec      = [p|r] ':' [lib] ':' func ['+' offset] | lib ':' func | func
 *	          | 't' ':' category ':' event | 'u' ':' [lib] ':' [provider ':'] probe
 *	          | 'p' ':' lib ':' file ':' line
 *
 * `func` may be a number 0x… (an address) or have wildcards. SPEC ends at a blank or an opening parenthesis
 * (or the end); a `\` quotes the next character. A parenthesis directly after SPEC is a signature, as in BCC, if it
 * can be parsed as one ("()" included), else the predicate; a signature is followed by an optional
 * predicate. The comma between the format and its first expression is optional.
 *
 * The predicate and the expressions are C: all integer operators with C's precedence, ?:, casts to basic, struct and
 * pointer types, sizeof, . -> [] * &, character constants, decimal, octal and hexadecimal numbers
 * with suffixes, names (arg1, retval, $pid, args, parameters), STRCMP("lit", expr), STRNCMP("lit", expr, n).
 *
 * Nesting is limited (an error, never a stack overflow) to 200 levels. text is copied into the arena.
 * Returns 0, -EINVAL (see diag) or -ENOMEM.
 */
int parse_spec(struct arena *arena, const char *text, struct spec **spec, struct diag *diag);

/* The same for an expression alone (tests, --msg-filter-like options). */
int parse_expr(struct arena *arena, const char *text, struct expr **expr, struct diag *diag);

/*
 * Parse the target part only ("p:/usr/bin/python3:*", "u:lib:*", "t:sched:*"), for trace -l: what follows it is an
 * error. For u: and t: both parts may be patterns.
 */
int parse_target(struct arena *arena, const char *text, struct spec **spec, struct diag *diag);

/*
 * BCC's -B, after parse_spec(): the literals of STRCMP are arrays of bytes, "{0x6C, 0x00}", and that many bytes are compared.
 * 0, -EINVAL or -ENOMEM.
 */
int parse_binary_literals(struct spec *spec, struct diag *diag);

#endif /* PROBE_SPEC_PARSE_H */
