/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From a spec's text behind its target to C tokens. Private to the parser.
 */
#ifndef PROBE_SPEC_LEX_H
#define PROBE_SPEC_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/spec/diag.h"

enum token_kind {
	TOKEN_END,
	TOKEN_ERROR,	   /* the diag says which */
	TOKEN_INT,	   /* a number or a character constant */
	TOKEN_STRING,	   /* its bytes are still quoted: see lex_unescape() */
	TOKEN_NAME,	   /* identifiers, $names and keywords */
	TOKEN_PUNCTUATION, /* punct holds its characters: TOKEN2('&', '&') */
};

/* Punctuation of one, two and three characters as one number. */
#define TOKEN2(a, b) ((a) << 8 | (b))
#define TOKEN3(a, b, c) ((a) << 16 | (b) << 8 | (c))

struct token {
	enum token_kind kind;
	int pos;	  /* byte offset in the spec's text, quotes included */
	const char *text; /* as written, in the spec's text; of a string what is between the quotes */
	size_t len;
	unsigned int punct;
	uint64_t value; /* TOKEN_INT */
	bool is_unsigned, is_long, is_decimal;
	bool is_char; /* TOKEN_INT: a character constant, which may be negative */
};

struct lexer {
	const char *text; /* the whole spec */
	size_t pos;	  /* of the next token, or of the blanks before it */
};

/* The next token; at the end of the text TOKEN_END for ever. */
struct token lex_next(struct lexer *lexer, struct diag *diag);

/*
 * One character of a string or character constant, an escape sequence being one, into *byte.
 * Returns how many bytes of text it takes, or -EINVAL (see diag). pos is where text is in the spec.
 */
int lex_unescape(const char *text, size_t len, int pos, unsigned char *byte, struct diag *diag);

/* A number alone: "0x1f", "042", "17", of `len` bytes; false if it isn't one or needs over 64 bits. */
bool lex_number(const char *text, size_t len, uint64_t *value);

#endif /* PROBE_SPEC_LEX_H */
