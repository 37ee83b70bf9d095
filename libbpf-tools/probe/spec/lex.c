/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Tokens; see lex.h. Bytes, not characters: what is not ASCII can only be in strings.
 */
#include "probe/spec/lex.h"

#include <array_size.h>
#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c);
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* The base that a number's beginning means, and the length of its prefix. */
static unsigned int number_base(const char *text, size_t len, size_t *prefix)
{
	*prefix = 0;
	if (len < 2 || text[0] != '0')
		return 10;
	*prefix = 2;
	if (text[1] == 'x' || text[1] == 'X')
		return 16;
	if (text[1] == 'b' || text[1] == 'B')
		return 2;
	*prefix = 1;
	return 8;
}

bool lex_number(const char *text, size_t len, uint64_t *value)
{
	size_t i;
	unsigned int base = number_base(text, len, &i);

	if (i == len)
		return false;
	for (*value = 0; i < len; i++) {
		unsigned int digit = digit_value(text[i]);

		if (digit >= base || __builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return false;
	}
	return true;
}

/* Read a suffix (C11 6.4.4.1: u and l or ll in any order); false if it isn't one. */
static bool number_suffix(const char *text, size_t len, struct token *token)
{
	static const struct {
		const char *text;
		bool is_unsigned, is_long;
	} suffixes[] = {
		{ "", false, false },  { "u", true, false },  { "l", false, true },
		{ "ll", false, true }, { "ul", true, true },  { "ull", true, true },
		{ "lu", true, true },  { "llu", true, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (strlen(suffixes[i].text) != len ||
		    strncasecmp(suffixes[i].text, text, len) != 0)
			continue;
		token->is_unsigned = suffixes[i].is_unsigned;
		token->is_long = suffixes[i].is_long;
		return true;
	}
	return false;
}

/* What is wrong with a number of which `digits` bytes stand before its suffix; NULL if nothing. */
static const char *number_problem(const struct token *token, size_t digits, unsigned int base,
				  size_t prefix)
{
	uint64_t value;

	if (memchr(token->text, '.', token->len) ||
	    (base == 10 && strcspn(token->text, "eE") < digits))
		return "is a floating-point constant: only integers are supported";
	for (size_t i = prefix; i < digits; i++)
		if ((unsigned int)digit_value(token->text[i]) >= base)
			return base == 8 ? "is not an octal number" : "is not a number";
	if (digits <= prefix && base != 8)
		return "is not a number";
	if (!lex_number(token->text, digits, &value))
		return "does not fit into 64 bits";
	return NULL;
}

static void lex_integer(struct token *token, struct diag *diag)
{
	size_t digits = token->len, prefix;
	const char *problem;
	unsigned int base;

	while (digits > 0 && strchr("uUlL", token->text[digits - 1]))
		digits--;
	/* A lone zero before a suffix is no prefix of anything. */
	base = number_base(token->text, digits, &prefix);
	problem = number_problem(token, digits, base, prefix);
	if (!problem && !number_suffix(token->text + digits, token->len - digits, token))
		problem = "is not a number";
	if (problem) {
		diag_error(diag, token->pos, "'%.*s' %s", (int)token->len, token->text, problem);
		token->kind = TOKEN_ERROR;
		return;
	}
	lex_number(token->text, digits, &token->value);
	token->kind = TOKEN_INT;
	token->is_decimal = base == 10;
}

/* \nnn or \xHH: up to `max` digits of a base. Returns the length of the digits. */
static int unescape_number(const char *text, size_t len, unsigned int base, size_t max,
			   unsigned int *value)
{
	size_t i;

	for (i = 0, *value = 0; i < len && i < max; i++) {
		unsigned int digit = digit_value(text[i]);

		if (digit >= base)
			break;
		*value = *value * base + digit;
	}
	return (int)i;
}

int lex_unescape(const char *text, size_t len, int pos, unsigned char *byte, struct diag *diag)
{
	static const char from[] = "ntrabfve\\\"'?", to[] = "\n\t\r\a\b\f\v\033\\\"'?";
	const char *escape;
	unsigned int value;
	int digits;

	if (text[0] != '\\') {
		*byte = text[0];
		return 1;
	}
	if (len < 2)
		return diag_error(diag, pos, "nothing follows the '\\'");
	escape = text[1] ? strchr(from, text[1]) : NULL;
	if (escape) {
		*byte = to[escape - from];
		return 2;
	}
	if (text[1] == 'x') {
		digits = unescape_number(text + 2, len - 2, 16, 2, &value);
		if (!digits)
			return diag_error(diag, pos, "'\\x' needs hexadecimal digits after it");
		*byte = value;
		return 2 + digits;
	}
	digits = unescape_number(text + 1, len - 1, 8, 3, &value);
	if (!digits)
		return diag_error(diag, pos,
				  "'\\%c' is not an escape sequence: there are \\n \\t \\r "
				  "\\a \\b \\f \\v \\e \\\\ \\\" \\' \\xHH and octal \\NNN",
				  text[1]);
	if (value > 0xff)
		return diag_error(diag, pos, "'\\%.*s' does not fit into a byte", digits, text + 1);
	*byte = value;
	return 1 + digits;
}

/* Where the closing quote is, counted from the opening one; 0 if there is none. */
static size_t find_quote(const char *text)
{
	for (size_t i = 1; text[i]; i++) {
		if (text[i] == text[0])
			return i;
		if (text[i] == '\\' && text[i + 1])
			i++;
	}
	return 0;
}

static void lex_quoted(struct lexer *lexer, struct token *token, struct diag *diag)
{
	const char *start = token->text;
	size_t end = find_quote(start);
	unsigned char byte;
	int taken;

	token->kind = TOKEN_ERROR;
	if (!end) {
		diag_error(diag, token->pos, "the closing %c is missing", *start);
		return;
	}
	lexer->pos += end + 1;
	token->text = start + 1;
	token->len = end - 1;
	if (*start == '"') {
		token->kind = TOKEN_STRING;
		return;
	}
	taken = token->len ? lex_unescape(token->text, token->len, token->pos + 1, &byte, diag) : 0;
	if (taken < 0)
		return;
	if (!taken || (size_t)taken != token->len) {
		diag_error(diag, token->pos,
			   "'%.*s' is not one character; text is written in double quotes",
			   (int)token->len, token->text);
		return;
	}
	token->kind = TOKEN_INT;
	token->is_decimal = token->is_char = true;
	token->value = (uint64_t)(int64_t)(char)byte; /* C: an int with the value of a char */
}

static size_t punctuation_length(const char *text)
{
	static const char *const long_ones[] = {
		"<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==",
		"!=",  "&&",  "||",  "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	};

	for (size_t i = 0; i < ARRAY_SIZE(long_ones); i++)
		if (strncmp(text, long_ones[i], strlen(long_ones[i])) == 0)
			return strlen(long_ones[i]);
	return 1;
}

static void lex_punctuation(struct lexer *lexer, struct token *token, struct diag *diag)
{
	if (!strchr("+-*/%&|^~!<>=?:.,()[]{};@", *token->text)) {
		token->kind = TOKEN_ERROR;
		if ((unsigned char)*token->text > ' ' && (unsigned char)*token->text < 0x7f)
			diag_error(diag, token->pos, "'%c' has no meaning here", *token->text);
		else
			diag_error(diag, token->pos, "byte 0x%02x has no meaning here",
				   (unsigned char)*token->text);
		return;
	}
	token->kind = TOKEN_PUNCTUATION;
	token->len = punctuation_length(token->text);
	for (size_t i = 0; i < token->len; i++)
		token->punct = token->punct << 8 | (unsigned char)token->text[i];
	lexer->pos += token->len;
}

struct token lex_next(struct lexer *lexer, struct diag *diag)
{
	struct token token = { .kind = TOKEN_END };
	const char *text;

	while (is_blank(lexer->text[lexer->pos]))
		lexer->pos++;
	text = token.text = lexer->text + lexer->pos;
	token.pos = (int)lexer->pos;
	if (is_digit(*text) || (*text == '.' && is_digit(text[1]))) {
		while (is_name(text[token.len]) || text[token.len] == '.')
			token.len++;
		lexer->pos += token.len;
		lex_integer(&token, diag);
	} else if (is_name_start(*text)) {
		while (is_name(text[token.len]))
			token.len++;
		lexer->pos += token.len;
		token.kind = TOKEN_NAME;
	} else if (*text == '"' || *text == '\'') {
		lex_quoted(lexer, &token, diag);
	} else if (*text) {
		lex_punctuation(lexer, &token, diag);
	}
	return token;
}
