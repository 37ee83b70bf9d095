/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Expressions printed as C; see ast.h.
 */
#include "probe/spec/ast.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct printer {
	char *buf;
	size_t size, len; /* len may exceed size: what was cut */
	bool show_types;
};

static const char *const op_text[] = {
	[OP_ADD] = "+",		 [OP_SUB] = "-",	 [OP_MUL] = "*", [OP_DIV] = "/",
	[OP_MOD] = "%",		 [OP_AND] = "&",	 [OP_OR] = "|",	 [OP_XOR] = "^",
	[OP_SHL] = "<<",	 [OP_SHR] = ">>",	 [OP_EQ] = "==", [OP_NE] = "!=",
	[OP_LT] = "<",		 [OP_LE] = "<=",	 [OP_GT] = ">",	 [OP_GE] = ">=",
	[OP_LOGICAL_AND] = "&&", [OP_LOGICAL_OR] = "||", [OP_NEG] = "-", [OP_NOT] = "!",
	[OP_COMPL] = "~",
};

static void print_expr(struct printer *p, const struct expr *e);

static void __attribute__((format(printf, 2, 3))) print(struct printer *p, const char *fmt, ...)
{
	size_t left = p->len < p->size ? p->size - p->len : 0;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(left ? p->buf + p->len : NULL, left, fmt, args);
	va_end(args);
	if (len > 0)
		p->len += len;
}

static bool is_leaf(const struct expr *e)
{
	switch (e->kind) {
	case EXPR_INT:
	case EXPR_NAME:
	case EXPR_STRING:
	case EXPR_MEMBER:
	case EXPR_INDEX:
	case EXPR_SIZEOF:
	case EXPR_STRCMP:
	case EXPR_STRNCMP:
	case EXPR_BITFIELD:
		return true;
	default:
		return false;
	}
}

static bool is_infix(const struct expr *e)
{
	return e->kind == EXPR_BINARY || e->kind == EXPR_LOGICAL || e->kind == EXPR_COND;
}

static void print_wrapped(struct printer *p, const struct expr *e, bool wrapped)
{
	print(p, "%s", wrapped ? "(" : "");
	print_expr(p, e);
	print(p, "%s", wrapped ? ")" : "");
}

static void print_type_name(struct printer *p, const struct type_name *type)
{
	print(p, "%s%s%s", type->base, type->is_user && type->len ? " __user" : "",
	      type->stars ? " " : "");
	for (unsigned int i = 0; i < type->stars; i++)
		print(p, "*");
}

/* As C would write a constant of this type; before check, as it was written. */
static void print_int(struct printer *p, const struct expr *e)
{
	bool is_unsigned = e->type ? !e->type->is_signed : e->is_unsigned;
	bool is_long = e->type ? e->type->size == 8 : e->is_long;

	if (is_unsigned || !e->type)
		print(p, "%" PRIu64, e->value);
	else
		print(p, "%" PRId64, (int64_t)e->value);
	if (!p->show_types || !e->type)
		print(p, "%s%s", is_unsigned ? "u" : "", is_long ? "L" : "");
}

static void print_string(struct printer *p, const struct expr *e)
{
	print(p, "\"");
	for (size_t i = 0; i < e->len; i++) {
		unsigned char c = e->text[i];

		if (c == '"' || c == '\\')
			print(p, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			print(p, "\\%03o", c);
		else
			print(p, "%c", c);
	}
	print(p, "\"");
}

static void print_cast(struct printer *p, const struct expr *e)
{
	if (!e->type && !e->type_name->len) {
		print_wrapped(p, e->a, !is_leaf(e->a));
		print(p, "@user");
		return;
	}
	print(p, "(");
	if (e->type)
		print(p, "%s", e->type->name);
	else
		print_type_name(p, e->type_name);
	print(p, ")");
	print_wrapped(p, e->a, is_infix(e->a));
}

static void print_compare(struct printer *p, const struct expr *e)
{
	print(p, e->kind == EXPR_STRCMP ? "STRCMP(" : "STRNCMP(");
	print_expr(p, e->a);
	print(p, ", ");
	print_expr(p, e->b);
	if (e->kind == EXPR_STRNCMP) {
		print(p, ", ");
		print_expr(p, e->c);
	}
	print(p, ")");
}

static void print_infix(struct printer *p, const struct expr *e)
{
	print_wrapped(p, e->a, is_infix(e->a));
	print(p, " %s ", e->kind == EXPR_COND ? "?" : op_text[e->op]);
	print_wrapped(p, e->b, is_infix(e->b));
	if (e->kind == EXPR_COND) {
		print(p, " : ");
		print_wrapped(p, e->c, is_infix(e->c));
	}
}

static void print_prefix(struct printer *p, const struct expr *e)
{
	print(p, "%s", e->kind == EXPR_UNARY ? op_text[e->op] : e->kind == EXPR_DEREF ? "*" : "&");
	print_wrapped(p, e->a,
		      is_infix(e->a) || e->a->kind == EXPR_UNARY ||
			      (e->a->kind == EXPR_INT && e->a->type && e->a->type->is_signed));
}

static void print_sizeof(struct printer *p, const struct expr *e)
{
	print(p, "sizeof(");
	if (e->type_name)
		print_type_name(p, e->type_name);
	else
		print_expr(p, e->a);
	print(p, ")");
}

static void print_pieces(struct printer *p, const struct expr *e)
{
	print(p, "pieces(");
	for (const struct expr *piece = e; piece; piece = piece->b) {
		print_expr(p, piece->a);
		print(p, piece->b ? ", " : ")");
	}
}

static void print_expr(struct printer *p, const struct expr *e)
{
	if (p->len >= p->size)
		return; /* cut here: a large tree isn't walked for a short message */
	if (p->show_types && e->type &&
	    (e->kind == EXPR_INT || (e->kind == EXPR_NAME && !e->type->is_unknown)))
		print(p, "(%s)", e->type->name);
	switch (e->kind) {
	case EXPR_INT:
		print_int(p, e);
		break;
	case EXPR_STRING:
		print_string(p, e);
		break;
	case EXPR_NAME:
		print(p, "%s", e->text);
		break;
	case EXPR_UNARY:
	case EXPR_DEREF:
	case EXPR_ADDRESS:
		print_prefix(p, e);
		break;
	case EXPR_BINARY:
	case EXPR_LOGICAL:
	case EXPR_COND:
		print_infix(p, e);
		break;
	case EXPR_CAST:
		print_cast(p, e);
		break;
	case EXPR_MEMBER:
		print_wrapped(p, e->a, !is_leaf(e->a));
		print(p, "%s%s", e->arrow ? "->" : ".", e->text);
		break;
	case EXPR_INDEX:
		print_wrapped(p, e->a, !is_leaf(e->a));
		print(p, "[");
		print_expr(p, e->b);
		print(p, "]");
		break;
	case EXPR_SIZEOF:
		print_sizeof(p, e);
		break;
	case EXPR_STRCMP:
	case EXPR_STRNCMP:
		print_compare(p, e);
		break;
	case EXPR_BITFIELD:
		print(p, "bits(");
		print_expr(p, e->a);
		print(p, ", %u, %u)", e->bit_offset, e->bit_size);
		break;
	case EXPR_PIECES:
		print_pieces(p, e);
		break;
	}
}

const char *ast_print_expr(const struct expr *expr, bool show_types, char *buf, size_t size)
{
	struct printer p = { .buf = buf, .size = size, .show_types = show_types };

	if (size)
		buf[0] = '\0';
	print_expr(&p, expr);
	return buf;
}

bool ast_has_piece(const struct expr *pieces, uint64_t offset, uint32_t size)
{
	uint64_t bytes = 0;

	for (; pieces; pieces = pieces->b) {
		uint64_t start = pieces->value, end = start + pieces->bit_size / 8;

		start = start > offset ? start : offset;
		end = end < offset + size ? end : offset + size;
		bytes += end > start ? end - start : 0;
	}
	return bytes >= size;
}
