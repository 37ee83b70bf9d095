/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What the parser's files share: a cursor over tokens. Functions that return a node return NULL for an
 * error, described in the diag; if the diag is empty it was -ENOMEM.
 */
#ifndef PROBE_SPEC_PARSE_PRIVATE_H
#define PROBE_SPEC_PARSE_PRIVATE_H

#include "types/arena.h"
#include "probe/spec/ast.h"
#include "probe/spec/diag.h"
#include "probe/spec/lex.h"

/* Levels of a tree: all later stages walk trees recursively. */
#define PARSE_MAX_DEPTH 200
/* The parser's own recursion: two steps for a pair of parentheses, which adds no level to the tree. */
#define PARSE_MAX_RECURSION (2 * PARSE_MAX_DEPTH)

struct parser {
	struct arena *arena;
	struct diag *diag;
	struct lexer lexer;
	struct token token; /* the next one, not yet taken */
	unsigned int depth;
};

/* Start at byte `pos` of the spec's text. */
void parser_start(struct parser *p, struct arena *arena, struct diag *diag, const char *text,
		  size_t pos);
/* Take the next token. */
void parser_next(struct parser *p);
/* Is the next token this punctuation? */
bool parser_at(const struct parser *p, unsigned int punct);
/* Take it if it is. */
bool parser_accept(struct parser *p, unsigned int punct);
/* "'foo'" or "the end", for messages. Returns buf. */
const char *parser_token_text(const struct parser *p, char *buf, size_t size);
/* The next token is '=': say what is meant by it. Returns -EINVAL. */
int parser_no_assignment(struct parser *p);
/* Is the next token this word? */
bool parser_at_word(const struct parser *p, const char *word);

/* A conditional expression: all of C's but the comma and what assigns. */
struct expr *parse_expression(struct parser *p);
/* Is the next token the beginning of a type, seen by itself? */
bool parse_at_type(const struct parser *p);
/* Does the name have a meaning at a probe (arg1, $pid, retval), so that it can't be a type's? */
bool parse_is_builtin(const char *text, size_t len);
/* A type with its stars. Any name is taken for one. */
struct type_name *parse_type_name(struct parser *p);

/* The string token is the format: its text and fields. 0, -EINVAL or -ENOMEM. */
int parse_format(struct parser *p, struct spec_format *format);
/* The bytes of the string token, unescaped; positions (may be NULL) gets where each byte is written. */
char *parse_string(struct parser *p, size_t *len, int **positions);

/* Behind the part of a function's name that begins at text[at] and may hold any character; at: there is none. start: the name's. */
size_t parse_name_skip(const char *text, size_t start, size_t at);
/* Has a function's name wildcards? *is_sure: not only brackets, which Go's names have, too. */
bool parse_name_is_pattern(const char *name, bool *is_sure);

#endif /* PROBE_SPEC_PARSE_PRIVATE_H */
