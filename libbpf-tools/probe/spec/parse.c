/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A spec as a whole: its target, signature, predicate, format. The target has its own rules, as any
 * character but a blank and a parenthesis may be in it; what follows it is C tokens.
 */
#include "probe/spec/parse.h"

#include <array_size.h>
#include <blazesym-lite.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/spec/parse_private.h"

/* A spec comes from a command line; positions are ints, and errors quote parts of it. */
#define MAX_SPEC_SIZE 65536
#define MAX_PARTS 5
#define MAX_PARAMS 32
#define MAX_ARGS 256

/* A piece of the target's text, still with what quotes in it: backslashes, or "double quotes" around all of it. */
struct part {
	const char *text;
	size_t len;
	int pos;
};

struct target {
	struct arena *arena;
	struct diag *diag;
	const char *text;
	size_t start, end;	      /* of the target in text */
	struct part parts[MAX_PARTS]; /* between unquoted colons; the last one has the rest */
	unsigned int part_count;
};

/* ---- the target ----------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the double quotes that begin at text[at], if they do and end; else at. */
static size_t skip_quotes(const char *text, size_t at, size_t end)
{
	if (at >= end || text[at] != '"')
		return at;
	for (size_t i = at + 1; i < end; i++) {
		if (text[i] == '"')
			return i + 1;
		if (text[i] == '\\')
			i++;
	}
	return at;
}

/* Is the colon that was just reached that of "p:" or of another kind, not a library's? */
static bool is_kind(const struct target *t)
{
	size_t len = t->end - t->start;

	return len == 0 || (len == 1 && strchr("prtu", t->text[t->start]));
}

/* A format may stand where the target should: what begins with quotes is one only if a colon follows them. */
static void find_target_end(struct target *t)
{
	size_t size = strlen(t->text), behind, name = 0;

	while (is_blank(t->text[t->start]))
		t->start++;
	behind = skip_quotes(t->text, t->start, size);
	t->end = t->start;
	if (t->text[t->start] == '"' && t->text[behind] != ':')
		return;
	for (t->end = behind; t->text[t->end]; t->end++) {
		size_t end = name ? parse_name_skip(t->text, name, t->end) : t->end;

		if (end > t->end) {
			t->end = end - 1;
			continue;
		}
		if (is_blank(t->text[t->end]) || t->text[t->end] == '(')
			return;
		if (t->text[t->end] == '\\' && t->text[t->end + 1])
			t->end++;
		else if (t->text[t->end] == ':' && t->text[t->end + 1] == '"')
			t->end = skip_quotes(t->text, t->end + 1, size) - 1;
		if (!name && t->text[t->end] == ':' && !is_kind(t))
			name = t->end + 1;
	}
}

/* The first c that nothing quotes in [from, end), a part's beginning, or end. */
static size_t find_unquoted(const char *text, size_t from, size_t end, char c)
{
	for (from = skip_quotes(text, from, end); from < end && text[from] != c; from++)
		if (text[from] == '\\' && from + 1 < end)
			from++;
	return from;
}

static void split_target(struct target *t)
{
	size_t at = t->start;

	while (t->part_count < MAX_PARTS) {
		size_t end = find_unquoted(t->text, at, t->end, ':');

		if (t->part_count == MAX_PARTS - 1)
			end = t->end;
		t->parts[t->part_count++] = (struct part){ t->text + at, end - at, (int)at };
		if (end == t->end)
			return;
		at = end + 1;
	}
}

/* From the i-th part to the target's end as one, colons included: a C++ function's name. */
static struct part parts_from(const struct target *t, unsigned int i)
{
	struct part part = t->parts[i];

	part.len = t->end - part.pos;
	return part;
}

static bool part_is(const struct part *part, const char *text)
{
	return strlen(text) == part->len && memcmp(part->text, text, part->len) == 0;
}

static bool is_quoted(const struct part *part)
{
	return part->len && skip_quotes(part->text, 0, part->len) == part->len;
}

static char *part_copy(struct arena *arena, const struct part *part, bool keep_quotes)
{
	bool quoted = is_quoted(part);
	char *copy = arena_strndup(arena, part->text + quoted, part->len - 2 * quoted), *to = copy;

	if (!copy || keep_quotes)
		return copy;
	for (const char *from = copy; *from; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return copy;
}

/* A pattern keeps its backslashes, which quote for the matching too. In double quotes there is none. */
static const char *copy_pattern(struct arena *arena, const struct part *part, bool *is_pattern)
{
	char *copy = part_copy(arena, part, true);

	if (!copy)
		return NULL;
	if (!is_quoted(part) && bsl_glob_is_pattern(copy)) {
		*is_pattern = true;
		return copy;
	}
	return part_copy(arena, part, false);
}

/* The same of a function's name. */
static int copy_function(struct arena *arena, const struct part *part, struct spec *spec)
{
	char *copy = part_copy(arena, part, true);
	bool is_sure;

	if (!copy)
		return -ENOMEM;
	spec->func = copy;
	spec->is_pattern = !is_quoted(part) && parse_name_is_pattern(copy, &is_sure);
	if (spec->is_pattern && is_sure)
		return 0;
	spec->literal = part_copy(arena, part, false);
	if (!spec->is_pattern)
		spec->func = spec->literal;
	return spec->literal ? 0 : -ENOMEM;
}

/* "+0x10" at the end of a function. A name may hold a plus sign too: operator+, operator++. */
static int split_offset(struct target *t, struct spec *spec, struct part *func)
{
	size_t plus = func->len, digits;

	if (is_quoted(func))
		return 0;
	while (plus > 0 && func->text[plus - 1] != '+')
		plus--;
	digits = func->len - plus;
	if (!plus || !digits || (plus > 8 && !memcmp(func->text + plus - 9, "operator", 8)))
		return 0;
	if (plus == 1)
		return diag_error(t->diag, func->pos, "there is no function before '+'");
	if (!lex_number(func->text + plus, digits, &spec->offset))
		return diag_error(t->diag, func->pos + (int)plus,
				  "'%.*s' is not an offset: a number of bytes is", (int)digits,
				  func->text + plus);
	func->len = plus - 1;
	return 0;
}

/* file.c:42 */
static bool is_line(const struct part *part, size_t *colon, uint64_t *line)
{
	*colon = find_unquoted(part->text, 0, part->len, ':');
	if (!*colon || *colon + 1 >= part->len)
		return false;
	*line = 0;
	for (size_t i = *colon + 1; i < part->len; i++) {
		if (part->text[i] < '0' || part->text[i] > '9')
			return false;
		if (*line <= UINT32_MAX) /* else it is too large whatever follows */
			*line = *line * 10 + (part->text[i] - '0');
	}
	return true;
}

static int parse_line_target(struct target *t, struct spec *spec, const struct part *part,
			     size_t colon, uint64_t line)
{
	struct part file = { part->text, colon, part->pos };

	if (spec->kind == SPEC_RETURN)
		return diag_error(t->diag, part->pos, "a line has no return: use p: instead of r:");
	if (!line || line > INT32_MAX)
		return diag_error(t->diag, part->pos + (int)colon + 1,
				  "'%.*s' is not a line's number", (int)(part->len - colon - 1),
				  part->text + colon + 1);
	spec->file = part_copy(t->arena, &file, false);
	spec->line = (unsigned int)line;
	spec->func = "";
	return spec->file ? 0 : -ENOMEM;
}

/* What is behind p:lib: or r:lib: */
static int parse_func(struct target *t, struct spec *spec, struct part part)
{
	uint64_t line;
	size_t colon;
	int err;

	spec->func_pos = part.pos;
	if (!part.len)
		return diag_error(t->diag, part.pos, "the function's name is missing");
	if (is_line(&part, &colon, &line))
		return parse_line_target(t, spec, &part, colon, line);
	err = split_offset(t, spec, &part);
	if (err)
		return err;
	if (spec->offset && spec->kind == SPEC_RETURN)
		return diag_error(t->diag, part.pos, "a function's return has no offset");
	if (part.text[0] >= '0' && part.text[0] <= '9') {
		if (!lex_number(part.text, part.len, &spec->addr))
			return diag_error(t->diag, part.pos, "'%.*s' is not an address",
					  (int)part.len, part.text);
		spec->has_addr = true;
		spec->func = "";
		return 0;
	}
	return copy_function(t->arena, &part, spec);
}

static int parse_lib(struct target *t, struct spec *spec, const struct part *part)
{
	spec->lib_pos = part->pos;
	spec->lib = part_copy(t->arena, part, false);
	return spec->lib ? 0 : -ENOMEM;
}

/* [p|r]:[lib]:func */
static int parse_function_target(struct target *t, struct spec *spec)
{
	const char *kind = spec->kind == SPEC_RETURN ? "r" : "p";
	int err;

	if (t->part_count < 3)
		return diag_error(
			t->diag, t->parts[1].pos,
			"a library is missing: write %s:LIB:%.*s, or %s::%.*s for the kernel's",
			kind, (int)t->parts[1].len, t->parts[1].text, kind, (int)t->parts[1].len,
			t->parts[1].text);
	err = parse_lib(t, spec, &t->parts[1]);
	return err ? err : parse_func(t, spec, parts_from(t, 2));
}

/* func, lib:func: BCC's short forms of p::func and p:lib:func. */
/* bpftrace's words for kinds of probes, and what comes in their place. */
static int refuse_long_kind(struct target *t)
{
	static const struct {
		const char *name, *here;
	} kinds[] = {
		{ "kprobe", "p::" }, { "kretprobe", "r::" }, { "fentry", "p::" },
		{ "fexit", "r::" },  { "uprobe", "p:" },     { "uretprobe", "r:" },
		{ "usdt", "u:" },    { "tracepoint", "t:" },
	};
	const struct part *kind = &t->parts[0];
	struct part rest = parts_from(t, 1);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].name) == kind->len &&
		    !memcmp(kinds[i].name, kind->text, kind->len))
			return diag_error(t->diag, kind->pos, "%s:%.*s is written %s%.*s",
					  kinds[i].name, (int)rest.len, rest.text, kinds[i].here,
					  (int)rest.len, rest.text);
	return 0;
}

static int parse_short_target(struct target *t, struct spec *spec)
{
	struct part rest;
	uint64_t line;
	size_t colon;
	int err;

	spec->kind = SPEC_ENTRY;
	if (t->part_count == 1) {
		spec->lib = "";
		spec->lib_pos = t->parts[0].pos;
		return parse_func(t, spec, t->parts[0]);
	}
	err = refuse_long_kind(t);
	if (err)
		return err;
	rest = parts_from(t, 1);
	colon = find_unquoted(rest.text, 0, rest.len, ':');
	/* Of the colons that follow only those of C++ names and of a file's line can be meant. */
	if (colon < rest.len &&
	    (colon == 0 || (rest.text[colon + 1] != ':' && !is_line(&rest, &colon, &line))))
		return diag_error(t->diag, t->parts[0].pos,
				  "'%.*s' is not a kind of probe: there are p, r, t and u",
				  (int)t->parts[0].len, t->parts[0].text);
	err = parse_lib(t, spec, &t->parts[0]);
	return err ? err : parse_func(t, spec, rest);
}

/* t:category:event */
static int parse_tracepoint_target(struct target *t, struct spec *spec)
{
	bool category_is_pattern = false;

	if (t->part_count != 3 || !t->parts[1].len || !t->parts[2].len)
		return diag_error(
			t->diag, t->parts[0].pos,
			"a tracepoint is written t:CATEGORY:EVENT, as in t:sched:sched_switch");
	spec->lib = "";
	spec->lib_pos = t->parts[1].pos;
	spec->func_pos = t->parts[2].pos;
	spec->category = copy_pattern(t->arena, &t->parts[1], &category_is_pattern);
	spec->func = copy_pattern(t->arena, &t->parts[2], &spec->is_pattern);
	spec->is_pattern |= category_is_pattern;
	return spec->category && spec->func ? 0 : -ENOMEM;
}

/* u:[lib]:[provider:]probe */
static int parse_usdt_target(struct target *t, struct spec *spec)
{
	const struct part *name = &t->parts[t->part_count - 1];
	bool provider_is_pattern = false;
	int err;

	if (t->part_count < 3 || t->part_count > 4 || !name->len)
		return diag_error(t->diag, t->parts[0].pos,
				  "a USDT probe is written u:LIB:PROBE or u:LIB:PROVIDER:PROBE");
	err = parse_lib(t, spec, &t->parts[1]);
	if (err)
		return err;
	if (t->part_count == 4) {
		spec->category = copy_pattern(t->arena, &t->parts[2], &provider_is_pattern);
		if (!spec->category)
			return -ENOMEM;
	}
	spec->func_pos = name->pos;
	spec->func = copy_pattern(t->arena, name, &spec->is_pattern);
	spec->is_pattern |= provider_is_pattern;
	return spec->func ? 0 : -ENOMEM;
}

static const struct {
	const char *text;
	enum spec_kind kind;
	int (*parse)(struct target *t, struct spec *spec);
} kinds[] = {
	{ "p", SPEC_ENTRY, parse_function_target },
	{ "", SPEC_ENTRY, parse_function_target },
	{ "r", SPEC_RETURN, parse_function_target },
	{ "t", SPEC_TRACEPOINT, parse_tracepoint_target },
	{ "u", SPEC_USDT, parse_usdt_target },
};

/* Read the target; *end is where it ends in the spec's text. */
static int read_target(struct spec *spec, size_t *end, struct diag *diag)
{
	struct target t = { .arena = spec->arena, .diag = diag, .text = spec->text };

	find_target_end(&t);
	*end = t.end;
	if (t.start == t.end)
		return diag_error(diag, (int)t.start,
				  "a probe is missing, as in p:c:malloc, r:c:malloc, "
				  "t:sched:sched_switch, u:pthread:pthread_create");
	spec->category = "";
	split_target(&t);
	for (size_t i = 0; i < t.part_count; i++)
		if (t.parts[i].len && t.parts[i].text[0] == '"' &&
		    !skip_quotes(t.parts[i].text, 0, t.parts[i].len))
			return diag_error(diag, t.parts[i].pos, "a closing '\"' is missing");
	for (size_t i = 0; t.part_count > 1 && i < ARRAY_SIZE(kinds); i++) {
		if (!part_is(&t.parts[0], kinds[i].text))
			continue;
		spec->kind = kinds[i].kind;
		return kinds[i].parse(&t, spec);
	}
	return parse_short_target(&t, spec);
}

/* ---- the signature -------------------------------------------------------------------------- */

/* Skip to behind the parenthesis that closes the one just taken. */
static bool skip_parentheses(struct parser *p)
{
	for (unsigned int open = 1; open; parser_next(p)) {
		if (p->token.kind == TOKEN_END || p->token.kind == TOKEN_ERROR) {
			diag_error(p->diag, p->token.pos, "a ')' is missing");
			return false;
		}
		if (parser_at(p, '('))
			open++;
		else if (parser_at(p, ')'))
			open--;
	}
	return true;
}

static bool take_param_name(struct parser *p, struct param *param)
{
	param->pos = p->token.pos;
	if (p->token.kind != TOKEN_NAME)
		return true;
	if (p->token.text[0] == '$') {
		diag_error(p->diag, p->token.pos, "'%.*s' can't be a parameter's name",
			   (int)p->token.len, p->token.text);
		return false;
	}
	param->name = arena_strndup(p->arena, p->token.text, p->token.len);
	parser_next(p);
	return param->name;
}

/* "(*name)(...)", behind the return type: no more is known than that it is a pointer. */
static bool parse_function_pointer(struct parser *p, struct param *param)
{
	if (!parser_accept(p, '*')) {
		diag_error(p->diag, p->token.pos, "expected '*', as in void (*function)(int)");
		return false;
	}
	param->type.base = "void";
	param->type.len = strlen("void");
	param->type.stars = 1;
	if (!take_param_name(p, param))
		return false;
	if (!parser_accept(p, ')') || !parser_accept(p, '(')) {
		diag_error(p->diag, p->token.pos,
			   "expected a function pointer, as in void (*function)(int)");
		return false;
	}
	return skip_parentheses(p);
}

/* One parameter; an array is a pointer, as in C. */
static bool parse_param(struct parser *p, struct param *param)
{
	struct type_name *type;
	bool known = parse_at_type(p), is_array = false;

	type = parse_type_name(p);
	if (!type)
		return false;
	*param = (struct param){ .type = *type, .name = "", .pos = type->pos };
	if (parser_accept(p, '('))
		return parse_function_pointer(p, param);
	if (!take_param_name(p, param))
		return false;
	while (parser_at(p, '[')) {
		/* In an array of arrays only the first index makes a pointer of it. */
		if (is_array) {
			diag_error(p->diag, p->token.pos,
				   "a parameter can't be an array of arrays here; write a pointer");
			return false;
		}
		is_array = true;
		param->type.stars++;
		parser_next(p);
		if (!parser_at(p, ']') && !parse_expression(p))
			return false;
		if (!parser_accept(p, ']')) {
			diag_error(p->diag, p->token.pos, "expected ']' after the array's size");
			return false;
		}
	}
	/* A lone name that isn't a type's is more likely a predicate: f(fd). */
	if (!known && !param->type.stars && !param->name[0]) {
		diag_error(p->diag, type->pos, "'%s' is not a type", type->base);
		return false;
	}
	return true;
}

static bool parse_params(struct parser *p, struct spec *spec)
{
	char text[64];

	do {
		/* What ... stands for has no names to be used. */
		if (spec->param_count && parser_accept(p, TOKEN3('.', '.', '.')))
			break;
		if (spec->param_count == MAX_PARAMS) {
			diag_error(p->diag, p->token.pos, "a signature has at most %d parameters",
				   MAX_PARAMS);
			return false;
		}
		if (!parse_param(p, &spec->params[spec->param_count]))
			return false;
		spec->param_count++;
	} while (parser_accept(p, ','));
	if (parser_accept(p, ')'))
		return true;
	diag_error(p->diag, p->token.pos, "expected ',' or ')' in the signature, not %s",
		   parser_token_text(p, text, sizeof(text)));
	return false;
}

/* The "(" is next. Returns false, with a diag unless memory ran out, if this is no signature. */
static bool parse_signature(struct parser *p, struct spec *spec)
{
	const struct param *first;

	spec->param_count = 0;
	spec->params = arena_alloc(p->arena, MAX_PARAMS * sizeof(*spec->params));
	if (!spec->params)
		return false;
	parser_next(p);
	if (!parser_accept(p, ')') && !parse_params(p, spec))
		return false;
	first = &spec->params[0];
	if (spec->param_count == 1 && !first->name[0] && !first->type.stars &&
	    strcmp(first->type.base, "void") == 0)
		spec->param_count = 0;
	spec->has_signature = true;
	return true;
}

/* ---- predicate, format, arguments ----------------------------------------------------------- */

static bool at_operator(const struct parser *p)
{
	static const char *const operators[] = { "==", "!=", "<",  ">",	 "<=", ">=", "&&",
						 "||", "+",  "-",  "*",	 "/",  "%",  "&",
						 "|",  "^",  "<<", ">>", "?" };

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (p->token.kind == TOKEN_PUNCTUATION && strlen(operators[i]) == p->token.len &&
		    memcmp(operators[i], p->token.text, p->token.len) == 0)
			return true;
	return false;
}

static int parse_failed(const struct parser *p)
{
	return p->diag->text[0] ? -EINVAL : -ENOMEM;
}

/* "(expression)" is next. */
static int parse_predicate(struct parser *p, struct spec *spec)
{
	char text[64];
	int pos = p->token.pos;

	parser_next(p);
	if (parser_at(p, ')'))
		return diag_error(p->diag, pos, "the predicate is empty");
	spec->predicate = parse_expression(p);
	if (!spec->predicate)
		return parse_failed(p);
	if (parser_at(p, '='))
		return parser_no_assignment(p);
	if (!parser_accept(p, ')'))
		return diag_error(p->diag, p->token.pos,
				  "expected ')' at the end of the predicate, not %s",
				  parser_token_text(p, text, sizeof(text)));
	if (at_operator(p))
		return diag_error(
			p->diag, p->token.pos,
			"the predicate has ended here: write parentheses around the whole of it");
	return 0;
}

/* Keep the function with what is in the parentheses, which may be the types of one of several overloads. *behind: these. */
static int note_overload(struct parser *p, struct spec *spec, size_t *behind)
{
	size_t open = (size_t)p->token.pos, len = strlen(spec->func);
	char *text;

	*behind = open;
	for (unsigned int depth = 0; spec->text[*behind]; ++*behind) {
		depth += spec->text[*behind] == '(';
		if (spec->text[*behind] == ')' && !--depth)
			break;
	}
	if (!spec->text[*behind] || spec->is_pattern || spec->has_addr || spec->file || !*spec->lib)
		return 0;
	++*behind;
	text = arena_alloc(spec->arena, len + *behind - open + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, spec->func, len);
	memcpy(text + len, spec->text + open, *behind - open);
	spec->overload = text;
	return 0;
}

/* Types that C hasn't: std::string const&, Ring<int>. */
static bool has_cxx_types(const char *text)
{
	return strpbrk(text, "&<") || strstr(text, "::");
}

/*
 * Directly behind p's and r's target a parenthesis is a signature, if it can be one, else the
 * predicate. If it can be neither, what got further says what is wrong.
 */
static int parse_signature_or_predicate(struct parser *p, struct spec *spec)
{
	struct diag *diag = p->diag, as_signature = { 0 }, as_predicate = { 0 };
	struct parser start = *p;
	size_t behind;

	if (note_overload(p, spec, &behind))
		return -ENOMEM;

	p->diag = &as_signature;
	if (parse_signature(p, spec)) {
		p->diag = diag;
		/* Its last token was looked at with the other diag. */
		if (p->token.kind == TOKEN_ERROR)
			*diag = as_signature;
		return diag->text[0] ? -EINVAL : 0;
	}
	if (!as_signature.text[0])
		return -ENOMEM;
	*p = start;
	p->diag = &as_predicate;
	spec->params = NULL;
	spec->param_count = 0;
	parse_predicate(p, spec);
	p->diag = diag;
	if (!as_predicate.text[0])
		return spec->predicate ? 0 : -ENOMEM;
	if (spec->overload && has_cxx_types(spec->overload + strlen(spec->func))) {
		*p = start;
		spec->predicate = NULL;
		spec->is_overload = true;
		parser_start(p, spec->arena, diag, spec->text, behind);
		return 0;
	}
	*diag = as_signature.column > as_predicate.column ? as_signature : as_predicate;
	return -EINVAL;
}

static int parse_args(struct parser *p, struct spec *spec)
{
	char text[64];

	spec->args = arena_alloc(p->arena, MAX_ARGS * sizeof(*spec->args));
	if (!spec->args)
		return -ENOMEM;
	if (!parser_accept(p, ',') && p->token.kind == TOKEN_END)
		return 0;
	do {
		if (spec->arg_count == MAX_ARGS)
			return diag_error(p->diag, p->token.pos,
					  "there are more than %d expressions", MAX_ARGS);
		spec->args[spec->arg_count] = parse_expression(p);
		if (!spec->args[spec->arg_count])
			return parse_failed(p);
		spec->arg_count++;
	} while (parser_accept(p, ','));
	if (parser_at(p, '='))
		return parser_no_assignment(p);
	if (p->token.kind != TOKEN_END)
		return diag_error(p->diag, p->token.pos,
				  "expected ',' or the end after the expression, not %s",
				  parser_token_text(p, text, sizeof(text)));
	return 0;
}

/* Everything behind the target. */
static int parse_rest(struct parser *p, struct spec *spec, bool adjacent)
{
	bool may_have_signature = spec->kind == SPEC_ENTRY || spec->kind == SPEC_RETURN;
	char text[64];
	int err;

	if (adjacent && may_have_signature) {
		err = parse_signature_or_predicate(p, spec);
		if (err)
			return err;
	}
	if (!spec->predicate && parser_at(p, '(')) {
		err = parse_predicate(p, spec);
		if (err)
			return err;
	}
	if (p->token.kind == TOKEN_END)
		return 0;
	if (p->token.kind == TOKEN_ERROR)
		return -EINVAL;
	if (p->token.kind != TOKEN_STRING && spec->predicate)
		return diag_error(
			p->diag, p->token.pos,
			"expected a \"format\" in double quotes after the predicate, not %s",
			parser_token_text(p, text, sizeof(text)));
	if (p->token.kind != TOKEN_STRING)
		return diag_error(p->diag, p->token.pos,
				  "expected a (predicate) in parentheses or a \"format\" in double "
				  "quotes here, not %s",
				  parser_token_text(p, text, sizeof(text)));
	err = parse_format(p, &spec->format);
	if (err)
		return err;
	spec->has_format = true;
	return parse_args(p, spec);
}

static int new_spec(struct arena *arena, const char *text, struct spec **spec, struct diag *diag)
{
	struct spec *s;

	*diag = (struct diag){ 0 };
	*spec = NULL;
	if (strlen(text) > MAX_SPEC_SIZE)
		return diag_error(diag, -1, "the probe is longer than %d bytes", MAX_SPEC_SIZE);
	s = arena_alloc(arena, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->arena = arena;
	s->text = arena_strndup(arena, text, strlen(text));
	if (!s->text)
		return -ENOMEM;
	*spec = s;
	return 0;
}

/* The spec with its target, which ends before text[*end]; what follows is the parser's. */
static int start(struct parser *p, struct arena *arena, const char *text, struct spec **spec,
		 size_t *end, struct diag *diag)
{
	int err;

	err = new_spec(arena, text, spec, diag);
	if (err)
		return err;
	err = read_target(*spec, end, diag);
	if (err)
		return err;
	parser_start(p, arena, diag, (*spec)->text, *end);
	return 0;
}

int parse_spec(struct arena *arena, const char *text, struct spec **spec, struct diag *diag)
{
	struct parser p;
	size_t end;
	int err;

	err = start(&p, arena, text, spec, &end, diag);
	if (err)
		return err;
	return parse_rest(&p, *spec, (*spec)->text[end] == '(');
}

int parse_target(struct arena *arena, const char *text, struct spec **spec, struct diag *diag)
{
	struct parser p;
	char token[64];
	size_t end;
	int err;

	err = start(&p, arena, text, spec, &end, diag);
	if (err)
		return err;
	if (p.token.kind == TOKEN_END)
		return 0;
	return diag_error(diag, p.token.pos, "a pattern to list ends before %s",
			  parser_token_text(&p, token, sizeof(token)));
}
