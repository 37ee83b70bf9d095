/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Expressions and type names: recursive descent, binary operators by precedence climbing.
 */
#include <array_size.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/spec/parse.h"
#include "probe/spec/parse_private.h"
#include "probe/spec/suggest.h"

#define MAX_STARS 8

void parser_start(struct parser *p, struct arena *arena, struct diag *diag, const char *text,
		  size_t pos)
{
	*p = (struct parser){ .arena = arena, .diag = diag, .lexer = { .text = text, .pos = pos } };
	parser_next(p);
}

void parser_next(struct parser *p)
{
	p->token = lex_next(&p->lexer, p->diag);
}

bool parser_at(const struct parser *p, unsigned int punct)
{
	return p->token.kind == TOKEN_PUNCTUATION && p->token.punct == punct;
}

bool parser_accept(struct parser *p, unsigned int punct)
{
	if (!parser_at(p, punct))
		return false;
	parser_next(p);
	return true;
}

const char *parser_token_text(const struct parser *p, char *buf, size_t size)
{
	if (p->token.kind == TOKEN_END)
		snprintf(buf, size, "the end");
	else if (p->token.kind == TOKEN_STRING)
		snprintf(buf, size, "\"%.*s\"", (int)p->token.len, p->token.text);
	else
		snprintf(buf, size, "'%.*s'", (int)p->token.len, p->token.text);
	return buf;
}

static bool token_is(const struct token *token, const char *word)
{
	return token->kind == TOKEN_NAME && strlen(word) == token->len &&
	       memcmp(word, token->text, token->len) == 0;
}

bool parser_at_word(const struct parser *p, const char *word)
{
	return token_is(&p->token, word);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static struct expr *new_expr(struct parser *p, enum expr_kind kind, int pos)
{
	struct expr *e = arena_alloc(p->arena, sizeof(*e));

	if (e) {
		e->kind = kind;
		e->pos = pos;
		e->depth = 1;
	}
	return e;
}

static struct expr *too_deep(struct parser *p, int pos)
{
	diag_error(p->diag, pos, "the expression is nested more than %d levels deep",
		   PARSE_MAX_DEPTH);
	return NULL;
}

/* A node above up to three others, of which the first must be there. */
static struct expr *new_parent(struct parser *p, enum expr_kind kind, int pos, struct expr *a,
			       struct expr *b, struct expr *c)
{
	struct expr *e = a ? new_expr(p, kind, pos) : NULL;

	if (!e)
		return NULL;
	e->a = a;
	e->b = b;
	e->c = c;
	e->depth = a->depth;
	if (b && b->depth > e->depth)
		e->depth = b->depth;
	if (c && c->depth > e->depth)
		e->depth = c->depth;
	if (++e->depth > PARSE_MAX_DEPTH)
		return too_deep(p, pos);
	return e;
}

int parser_no_assignment(struct parser *p)
{
	return diag_error(p->diag, p->token.pos,
			  "'=' would assign, which no expression here does (did you mean '=='?)");
}

/* "++" or "--" is next. */
static struct expr *no_increment(struct parser *p)
{
	diag_error(p->diag, p->token.pos,
		   "'%.2s' would change a variable, which no expression here does", p->token.text);
	return NULL;
}

/* Take the punctuation that has to be next, or say what is there instead. */
static bool expect(struct parser *p, char punct, const char *after)
{
	char text[64];

	if (parser_accept(p, punct))
		return true;
	if (parser_at(p, '='))
		parser_no_assignment(p);
	else
		diag_error(p->diag, p->token.pos, "expected '%c' %s, not %s", punct, after,
			   parser_token_text(p, text, sizeof(text)));
	return false;
}

/* ---- strings -------------------------------------------------------------------------------- */

char *parse_string(struct parser *p, size_t *len, int **positions)
{
	const struct token *token = &p->token;
	char *bytes = arena_alloc(p->arena, token->len + 1);
	int *places = arena_alloc(p->arena, (token->len + 1) * sizeof(*places));
	int pos = token->pos + 1, taken;
	unsigned char byte;
	size_t n = 0;

	if (!bytes || !places)
		return NULL;
	for (size_t i = 0; i < token->len; i += taken, n++) {
		taken = lex_unescape(token->text + i, token->len - i, pos + (int)i, &byte, p->diag);
		if (taken < 0)
			return NULL;
		if (!byte) {
			diag_error(p->diag, pos + (int)i, "a NUL byte would end the text here");
			return NULL;
		}
		bytes[n] = (char)byte;
		places[n] = pos + (int)i;
	}
	places[n] = pos + (int)token->len;
	*len = n;
	if (positions)
		*positions = places;
	return bytes;
}

/* ---- types ---------------------------------------------------------------------------------- */

static bool is_tag_word(const struct parser *p)
{
	return parser_at_word(p, "struct") || parser_at_word(p, "union") ||
	       parser_at_word(p, "enum");
}

static bool is_qualifier(const struct parser *p)
{
	static const char *const words[] = { "const",  "volatile", "restrict", "__restrict",
					     "__user", "__kernel", "__rcu" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (parser_at_word(p, words[i]))
			return true;
	return false;
}

/* int, unsigned, ...: words of which several make one type. */
static bool is_type_keyword(const struct token *token)
{
	static const char *const words[] = { "void",  "char",	"short",      "int",
					     "long",  "signed", "__signed__", "unsigned",
					     "float", "double", "_Bool" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (token_is(token, words[i]))
			return true;
	return false;
}

bool parse_is_builtin(const char *text, size_t len)
{
	static const char *const words[] = {
		"retval", "args", "ctx", "sizeof", "offsetof", "container_of", "STRCMP", "STRNCMP",
	};
	size_t digits = 3;

	if (text[0] == '$')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
			return true;
	if (len < 4 || memcmp(text, "arg", 3) != 0)
		return false;
	while (digits < len && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	return digits == len;
}

bool parse_at_type(const struct parser *p)
{
	if (p->token.kind != TOKEN_NAME)
		return false;
	return is_tag_word(p) || is_qualifier(p) || type_basic(p->token.text, p->token.len);
}

/* Take qualifiers; true if one of them was __user. */
static bool skip_qualifiers(struct parser *p)
{
	bool is_user = false;

	for (; is_qualifier(p); parser_next(p))
		is_user |= parser_at_word(p, "__user");
	return is_user;
}

/* Add the next token to the words of a type. */
static bool take_type_word(struct parser *p, char *base, size_t size, struct type_name *type)
{
	int len = snprintf(base + type->len, size - type->len, "%s%.*s", type->len ? " " : "",
			   (int)p->token.len, p->token.text);

	if (len < 0 || (size_t)len >= size - type->len) {
		diag_error(p->diag, type->pos, "the type's name is too long");
		return false;
	}
	type->len += len;
	parser_next(p);
	return true;
}

/* The words before the stars: a tag, a typedef or keywords. */
static bool parse_type_base(struct parser *p, char *base, size_t size, struct type_name *type)
{
	char text[64];

	if (p->token.kind != TOKEN_NAME || parse_is_builtin(p->token.text, p->token.len)) {
		diag_error(p->diag, p->token.pos, "expected a type, not %s",
			   parser_token_text(p, text, sizeof(text)));
		return false;
	}
	if (is_tag_word(p)) {
		if (!take_type_word(p, base, size, type))
			return false;
		if (p->token.kind != TOKEN_NAME) {
			diag_error(p->diag, p->token.pos, "expected a name after '%s', not %s",
				   base, parser_token_text(p, text, sizeof(text)));
			return false;
		}
		return take_type_word(p, base, size, type);
	}
	if (!is_type_keyword(&p->token))
		return take_type_word(p, base, size, type);
	while (is_type_keyword(&p->token)) {
		if (!take_type_word(p, base, size, type))
			return false;
		type->is_user |= skip_qualifiers(p);
	}
	return true;
}

struct type_name *parse_type_name(struct parser *p)
{
	struct type_name *type = arena_alloc(p->arena, sizeof(*type));
	char base[128] = "";

	if (!type)
		return NULL;
	type->pos = p->token.pos;
	type->is_user = skip_qualifiers(p);
	if (!parse_type_base(p, base, sizeof(base), type))
		return NULL;
	type->is_user |= skip_qualifiers(p);
	while (parser_at(p, '*')) {
		if (++type->stars > MAX_STARS) {
			diag_error(p->diag, p->token.pos, "a type has at most %d '*'", MAX_STARS);
			return NULL;
		}
		parser_next(p);
		type->is_user |= skip_qualifiers(p);
	}
	type->base = arena_strndup(p->arena, base, type->len);
	return type->base ? type : NULL;
}

/*
 * Is the parenthesis that is next the beginning of a cast? (int) surely; (foo *) too, as no expression
 * ends in a star; (foo) only if what follows can't continue an expression.
 */
static bool at_cast(const struct parser *p)
{
	struct diag ignored = { 0 };
	struct parser ahead = *p;
	bool stars = false;

	ahead.diag = &ignored;
	if (!parser_accept(&ahead, '('))
		return false;
	if (parse_at_type(&ahead))
		return true;
	if (ahead.token.kind != TOKEN_NAME || parse_is_builtin(ahead.token.text, ahead.token.len))
		return false;
	parser_next(&ahead);
	for (; parser_at(&ahead, '*') || is_qualifier(&ahead); parser_next(&ahead))
		stars = true;
	if (!parser_accept(&ahead, ')'))
		return false;
	return stars || ahead.token.kind == TOKEN_NAME || ahead.token.kind == TOKEN_INT ||
	       parser_at(&ahead, '(') || parser_at(&ahead, '!') || parser_at(&ahead, '~');
}

static struct expr *parse_unary(struct parser *p);

/* "(type)" is next. */
static struct type_name *parse_parenthesized_type(struct parser *p)
{
	struct type_name *type;

	parser_next(p);
	type = parse_type_name(p);
	if (!type || !expect(p, ')', "after the type"))
		return NULL;
	return type;
}

static struct expr *parse_cast(struct parser *p)
{
	int pos = p->token.pos;
	struct type_name *type = parse_parenthesized_type(p);
	struct expr *e = type ? new_parent(p, EXPR_CAST, pos, parse_unary(p), NULL, NULL) : NULL;

	if (e)
		e->type_name = type;
	return e;
}

static struct expr *parse_sizeof(struct parser *p)
{
	struct expr *e = new_expr(p, EXPR_SIZEOF, p->token.pos);

	if (!e)
		return NULL;
	parser_next(p);
	if (at_cast(p)) {
		e->type_name = parse_parenthesized_type(p);
		return e->type_name ? e : NULL;
	}
	return new_parent(p, EXPR_SIZEOF, e->pos, parse_unary(p), NULL, NULL);
}

/* ---- primary and postfix expressions -------------------------------------------------------- */

static struct expr *parse_string_literal(struct parser *p)
{
	struct expr *e = new_expr(p, EXPR_STRING, p->token.pos);

	if (!e)
		return NULL;
	e->text = parse_string(p, &e->len, NULL);
	if (!e->text)
		return NULL;
	parser_next(p);
	return e;
}

/* STRCMP("text", expr) and STRNCMP("text", expr, n); the name has been taken. */
static struct expr *parse_string_compare(struct parser *p, bool counted, int pos)
{
	struct expr *literal, *string, *count = NULL;
	const char *name = counted ? "STRNCMP" : "STRCMP";

	parser_next(p);
	if (p->token.kind != TOKEN_STRING) {
		if (p->token.kind != TOKEN_ERROR)
			diag_error(
				p->diag, p->token.pos,
				"%s's first argument is a text in double quotes, as in %s(\"text\", arg1%s)",
				name, name, counted ? ", 3" : "");
		return NULL;
	}
	literal = parse_string_literal(p);
	if (!literal || !expect(p, ',', counted ? "after STRNCMP's text" : "after STRCMP's text"))
		return NULL;
	string = parse_expression(p);
	if (!string)
		return NULL;
	if (counted) {
		if (!expect(p, ',', "and a length after STRNCMP's second argument"))
			return NULL;
		count = parse_expression(p);
		if (!count)
			return NULL;
	}
	if (!expect(p, ')', counted ? "after STRNCMP's arguments" : "after STRCMP's arguments"))
		return NULL;
	return new_parent(p, counted ? EXPR_STRNCMP : EXPR_STRCMP, pos, literal, string, count);
}

static struct expr *parse_member(struct parser *p, struct expr *base, bool arrow);
static struct expr *parse_part(struct parser *p, struct expr *e);

static struct expr *new_cast(struct parser *p, int pos, const struct type_name *type,
			     unsigned int stars, struct expr *a)
{
	struct type_name *pointer = arena_alloc(p->arena, sizeof(*pointer));
	struct expr *e = pointer ? new_parent(p, EXPR_CAST, pos, a, NULL, NULL) : NULL;

	if (!e)
		return NULL;
	*pointer = *type;
	pointer->stars += stars;
	e->type_name = pointer;
	return e;
}

/*
 * offsetof(TYPE, MEMBER), as (unsigned long)&((TYPE *)0)->MEMBER; container_of(POINTER, TYPE, MEMBER), as
 * (TYPE *)((char *)POINTER - offsetof(TYPE, MEMBER)). MEMBER may be a path: a.b[1].
 */
static struct expr *parse_offset(struct parser *p, bool is_container, int pos)
{
	const struct type_name number = { .pos = pos, .base = "unsigned long", .len = 13 };
	const struct type_name byte = { .pos = pos, .base = "char", .len = 4 };
	struct expr *pointer = NULL, *e;
	struct type_name *type;

	parser_next(p);
	if (is_container) {
		pointer = parse_expression(p);
		if (!pointer || !expect(p, ',', "and the structure's type after the pointer"))
			return NULL;
	}
	type = parse_type_name(p);
	if (!type || !expect(p, ',', "and the member after the type"))
		return NULL;
	e = new_expr(p, EXPR_INT, pos);
	e = e ? new_cast(p, pos, type, 1, e) : NULL;
	e = e ? parse_member(p, e, true) : NULL;
	while (e && (parser_at(p, '.') || parser_at(p, '[')))
		e = parse_part(p, e);
	if (!e || !expect(p, ')', "after the member"))
		return NULL;
	e = new_cast(p, pos, &number, 0, new_parent(p, EXPR_ADDRESS, pos, e, NULL, NULL));
	if (!is_container || !e)
		return e;
	e = new_parent(p, EXPR_BINARY, pos, new_cast(p, pos, &byte, 1, pointer), e, NULL);
	if (!e)
		return NULL;
	e->op = OP_SUB;
	return new_cast(p, pos, type, 1, e);
}

static struct expr *parse_call(struct parser *p, const struct token *name)
{
	static const char *const functions[] = { "STRCMP", "STRNCMP" };
	bool is_container = token_is(name, "container_of");
	char upper[16] = "";
	struct suggest near = { .wanted = upper };

	if (is_container || token_is(name, "offsetof"))
		return parse_offset(p, is_container, name->pos);
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (token_is(name, functions[i]))
			return parse_string_compare(p, i == 1, name->pos);
	for (size_t i = 0; i < name->len && i + 1 < sizeof(upper); i++)
		upper[i] = (char)(name->text[i] & ~0x20);
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		if (strcmp(upper, functions[i]))
			suggest_add(&near, functions[i]);
		else
			suggest_add_at(&near, functions[i], 0);
	}
	diag_error(
		p->diag, name->pos,
		near.count
			? "there is no function '%.*s'%s"
			: "there is no function '%.*s': only STRCMP, STRNCMP, offsetof and container_of can be called%s",
		(int)name->len, name->text, suggest_text(&near));
	return NULL;
}

/* Words of types are no names of values. */
static struct expr *type_as_value(struct parser *p)
{
	diag_error(
		p->diag, p->token.pos,
		"expected a value, not '%.*s'; a type is written in parentheses, as in (int)arg1",
		(int)p->token.len, p->token.text);
	return NULL;
}

static struct expr *parse_name(struct parser *p)
{
	struct token name = p->token;
	struct expr *e;

	if (parser_at_word(p, "sizeof"))
		return parse_sizeof(p);
	if (is_tag_word(p) || is_qualifier(p) || is_type_keyword(&p->token))
		return type_as_value(p);
	parser_next(p);
	if (parser_at(p, '('))
		return parse_call(p, &name);
	e = new_expr(p, EXPR_NAME, name.pos);
	if (!e)
		return NULL;
	e->text = arena_strndup(p->arena, name.text, name.len);
	e->len = name.len;
	return e->text ? e : NULL;
}

/* A constant has no sign of its own; a character's, '\xff', becomes a minus before it. */
static struct expr *parse_integer(struct parser *p)
{
	bool is_negative = p->token.is_char && (int64_t)p->token.value < 0;
	struct expr *e = new_expr(p, EXPR_INT, p->token.pos);

	if (!e)
		return NULL;
	e->value = is_negative ? -p->token.value : p->token.value;
	e->is_unsigned = p->token.is_unsigned;
	e->is_long = p->token.is_long;
	e->is_decimal = p->token.is_decimal;
	parser_next(p);
	if (is_negative) {
		e = new_parent(p, EXPR_UNARY, e->pos, e, NULL, NULL);
		if (e)
			e->op = OP_NEG;
	}
	return e;
}

static struct expr *parse_primary(struct parser *p)
{
	struct expr *e;
	char text[64];

	switch (p->token.kind) {
	case TOKEN_INT:
		return parse_integer(p);
	case TOKEN_NAME:
		return parse_name(p);
	case TOKEN_STRING:
		return parse_string_literal(p);
	default:
		break;
	}
	if (parser_accept(p, '(')) {
		e = parse_expression(p);
		return e && expect(p, ')', "after the expression") ? e : NULL;
	}
	if (p->token.kind != TOKEN_ERROR)
		diag_error(p->diag, p->token.pos, "expected a value, not %s",
			   parser_token_text(p, text, sizeof(text)));
	return NULL;
}

static struct expr *parse_member(struct parser *p, struct expr *base, bool arrow)
{
	struct expr *e;
	char text[64];

	if (p->token.kind != TOKEN_NAME) {
		diag_error(p->diag, p->token.pos, "expected a field's name after '%s', not %s",
			   arrow ? "->" : ".", parser_token_text(p, text, sizeof(text)));
		return NULL;
	}
	e = new_parent(p, EXPR_MEMBER, p->token.pos, base, NULL, NULL);
	if (!e)
		return NULL;
	e->arrow = arrow;
	e->text = arena_strndup(p->arena, p->token.text, p->token.len);
	e->len = p->token.len;
	parser_next(p);
	return e->text ? e : NULL;
}

/* a@user, BCC's way to say that what a points to is in user memory. */
static struct expr *parse_at_user(struct parser *p, struct expr *a, int pos)
{
	struct type_name *type;
	struct expr *e;
	char text[64];

	if (!parser_at_word(p, "user")) {
		diag_error(p->diag, p->token.pos, "expected 'user' after '@', not %s",
			   parser_token_text(p, text, sizeof(text)));
		return NULL;
	}
	parser_next(p);
	e = new_parent(p, EXPR_CAST, pos, a, NULL, NULL);
	type = arena_alloc(p->arena, sizeof(*type));
	if (!e || !type)
		return NULL;
	*type = (struct type_name){ .pos = pos, .base = "", .stars = 1, .is_user = true };
	e->type_name = type;
	return e;
}

/* [i], .m or ->m is next. */
static struct expr *parse_part(struct parser *p, struct expr *e)
{
	bool arrow = !parser_at(p, '.');
	int pos = p->token.pos;
	struct expr *index;

	if (!parser_accept(p, '[')) {
		parser_next(p);
		return parse_member(p, e, arrow);
	}
	index = parse_expression(p);
	if (!index || !expect(p, ']', "after the index"))
		return NULL;
	return new_parent(p, EXPR_INDEX, pos, e, index, NULL);
}

static struct expr *parse_postfix(struct parser *p)
{
	struct expr *e = parse_primary(p);

	while (e) {
		int pos = p->token.pos;

		if (parser_at(p, '[') || parser_at(p, '.') || parser_at(p, TOKEN2('-', '>'))) {
			e = parse_part(p, e);
		} else if (parser_accept(p, '@')) {
			e = parse_at_user(p, e, pos);
		} else if (parser_at(p, TOKEN2('+', '+')) || parser_at(p, TOKEN2('-', '-'))) {
			return no_increment(p);
		} else {
			break;
		}
	}
	return e;
}

/* ---- operators ------------------------------------------------------------------------------ */

static const struct {
	char punct;
	enum expr_kind kind;
	enum expr_op op;
} unary_operators[] = {
	{ '-', EXPR_UNARY, OP_NEG },
	{ '!', EXPR_UNARY, OP_NOT },
	{ '~', EXPR_UNARY, OP_COMPL },
	{ '*', EXPR_DEREF, 0 },
	{ '&', EXPR_ADDRESS, 0 },
	/* 0 + a: promotes a and refuses what isn't a number, as C's unary plus */
	{ '+', EXPR_BINARY, OP_ADD },
};

static struct expr *parse_unary_operator(struct parser *p, size_t row)
{
	int pos = p->token.pos;
	struct expr *a, *e, *zero = NULL;

	parser_next(p);
	a = parse_unary(p);
	if (unary_operators[row].kind == EXPR_BINARY) {
		zero = new_expr(p, EXPR_INT, pos);
		if (!zero)
			return NULL;
		zero->is_decimal = true;
	}
	e = new_parent(p, unary_operators[row].kind, pos, a, zero, NULL);
	if (e)
		e->op = unary_operators[row].op;
	return e;
}

static struct expr *parse_unary(struct parser *p)
{
	struct expr *e = NULL;
	size_t row;

	if (++p->depth > PARSE_MAX_RECURSION) {
		p->depth--;
		return too_deep(p, p->token.pos);
	}
	for (row = 0; row < ARRAY_SIZE(unary_operators); row++)
		if (parser_at(p, unary_operators[row].punct))
			break;
	if (parser_at(p, TOKEN2('+', '+')) || parser_at(p, TOKEN2('-', '-')))
		e = no_increment(p);
	else if (parser_at(p, TOKEN2('&', '&')))
		diag_error(p->diag, p->token.pos, "expected a value, not '&&'");
	else if (row < ARRAY_SIZE(unary_operators))
		e = parse_unary_operator(p, row);
	else if (at_cast(p))
		e = parse_cast(p);
	else
		e = parse_postfix(p);
	p->depth--;
	return e;
}

struct binary_operator {
	unsigned int punct;
	int precedence; /* C's: the higher binds tighter */
	enum expr_kind kind;
	enum expr_op op;
};

static const struct binary_operator binary_operators[] = {
	{ '*', 10, EXPR_BINARY, OP_MUL },
	{ '/', 10, EXPR_BINARY, OP_DIV },
	{ '%', 10, EXPR_BINARY, OP_MOD },
	{ '+', 9, EXPR_BINARY, OP_ADD },
	{ '-', 9, EXPR_BINARY, OP_SUB },
	{ TOKEN2('<', '<'), 8, EXPR_BINARY, OP_SHL },
	{ TOKEN2('>', '>'), 8, EXPR_BINARY, OP_SHR },
	{ '<', 7, EXPR_BINARY, OP_LT },
	{ '>', 7, EXPR_BINARY, OP_GT },
	{ TOKEN2('<', '='), 7, EXPR_BINARY, OP_LE },
	{ TOKEN2('>', '='), 7, EXPR_BINARY, OP_GE },
	{ TOKEN2('=', '='), 6, EXPR_BINARY, OP_EQ },
	{ TOKEN2('!', '='), 6, EXPR_BINARY, OP_NE },
	{ '&', 5, EXPR_BINARY, OP_AND },
	{ '^', 4, EXPR_BINARY, OP_XOR },
	{ '|', 3, EXPR_BINARY, OP_OR },
	{ TOKEN2('&', '&'), 2, EXPR_LOGICAL, OP_LOGICAL_AND },
	{ TOKEN2('|', '|'), 1, EXPR_LOGICAL, OP_LOGICAL_OR },
};

static const struct binary_operator *at_binary_operator(const struct parser *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(binary_operators); i++)
		if (parser_at(p, binary_operators[i].punct))
			return &binary_operators[i];
	return NULL;
}

/* Operators that bind at least as tightly as `precedence`, all left-associative. */
static struct expr *parse_binary(struct parser *p, int precedence)
{
	const struct binary_operator *operator;
	struct expr *e = parse_unary(p), *right;

	while (e && (operator= at_binary_operator(p)) && operator->precedence >= precedence) {
		int pos = p->token.pos;

		parser_next(p);
		right = parse_binary(p, operator->precedence + 1);
		e = right ? new_parent(p, operator->kind, pos, e, right, NULL) : NULL;
		if (e)
			e->op = operator->op;
	}
	return e;
}

/* a ? b : c */
static struct expr *parse_conditional(struct parser *p)
{
	struct expr *a = parse_binary(p, 1), *b, *c;
	int pos = p->token.pos;

	if (!a || !parser_accept(p, '?'))
		return a;
	b = parse_expression(p);
	if (!b || !expect(p, ':', "and another value after the one for '?'"))
		return NULL;
	c = parse_expression(p);
	return c ? new_parent(p, EXPR_COND, pos, a, b, c) : NULL;
}

struct expr *parse_expression(struct parser *p)
{
	struct expr *e;

	if (++p->depth > PARSE_MAX_RECURSION) {
		p->depth--;
		return too_deep(p, p->token.pos);
	}
	e = parse_conditional(p);
	p->depth--;
	return e;
}

int parse_expr(struct arena *arena, const char *text, struct expr **expr, struct diag *diag)
{
	struct parser p;
	char token[64];

	*diag = (struct diag){ 0 };
	text = arena_strndup(arena, text, strlen(text));
	if (!text)
		return -ENOMEM;
	parser_start(&p, arena, diag, text, 0);
	*expr = parse_expression(&p);
	if (*expr && p.token.kind != TOKEN_END)
		diag_error(diag, p.token.pos, "expected an operator, not %s",
			   parser_token_text(&p, token, sizeof(token)));
	if (diag->text[0])
		return -EINVAL;
	return *expr ? 0 : -ENOMEM;
}
