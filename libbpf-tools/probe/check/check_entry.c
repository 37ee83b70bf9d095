/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a return wants to know of its function's entry: values that a probe there has to keep for it.
 */
#include <string.h>

#include "probe/check/checker.h"

/* A program's parameter that has been kept, in the shape that it has at the entry. */
struct check_kept {
	struct check_kept *next;
	const char *name;
	struct expr *value;
	const struct expr *original; /* as the entry has it */
	struct expr *text;	     /* of a string, its first bytes; NULL: nobody has asked */
};

/* Of a string that the function may free, so many words are kept. */
#define TEXT_WORDS 6

/* The number of a new value; negative: there is no room, which has been reported. */
static int new_value(struct checker *c, struct expr *value, int pos)
{
	struct checked *checked = c->checked;

	if (checked->entry_count == CHECKED_MAX_ENTRY_VALUES)
		return diag_error(c->diag, pos,
				  "at most %d values of the entry can be kept for the return",
				  CHECKED_MAX_ENTRY_VALUES);
	checked->entry_values[checked->entry_count] = value;
	return (int)checked->entry_count++;
}

struct var *check_keep_var(struct checker *c, struct var *var, enum var_where where, int pos)
{
	struct var *at_entry = var ? arena_alloc(c->arena, sizeof(*at_entry)) : NULL;
	struct expr *value;
	int number;

	if (!at_entry)
		return NULL;
	*at_entry = *var;
	if (where == VAR_LATENCY)
		at_entry->where = VAR_NSECS;
	value = check_new_name(c, at_entry, pos);
	number = value ? new_value(c, value, pos) : -1;
	if (number < 0)
		return NULL;
	var->where = where;
	var->offset = 8 * number;
	return var;
}

/* A scalar as it was. */
static struct expr *keep_scalar(struct checker *c, const char *name, struct expr *value)
{
	struct var *var = arena_alloc(c->arena, sizeof(*var));
	int number = var ? new_value(c, value, value->pos) : -1;

	if (number < 0)
		return NULL;
	*var = (struct var){
		.name = name, .where = VAR_ENTRY, .type = value->type, .offset = 8 * number
	};
	return check_new_name(c, var, value->pos);
}

/* What is in memory as a whole, word by word: by the return the function may have changed it, or its frame is gone. */
static struct expr *keep_copy(struct checker *c, const char *name, const struct expr *value)
{
	struct expr *pieces = NULL, **end = &pieces;
	uint32_t size = value->type->size;

	if (size > 8 * CHECKED_MAX_ENTRY_VALUES)
		return check_fail(
			c, value->pos,
			"'%s' has %u bytes: of the entry at most %d can be kept for the return",
			name, size, 8 * CHECKED_MAX_ENTRY_VALUES);
	for (uint32_t at = 0; at < size;) {
		unsigned int left = size - at, len = left >= 8	 ? 8
						     : left >= 4 ? 4
						     : left >= 2 ? 2
								 : 1;
		struct expr *word =
			check_new_deref(c, value->pos, value->a, at, type_int(len, false));

		word = check_cast_to(c, word, type_int(8, false));
		word = word ? keep_scalar(c, name, word) : NULL;
		*end = word ? check_new_expr(c, EXPR_PIECES, value->pos, value->type, word, NULL)
			    : NULL;
		if (!*end)
			return NULL;
		(*end)->value = at;
		(*end)->bit_size = (uint8_t)(8 * len);
		end = &(*end)->b;
		at += len;
	}
	return pieces;
}

static struct expr *keep_shape(struct checker *c, const char *name, const struct expr *value)
{
	struct expr *copy = arena_alloc(c->arena, sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *value;
	if (value->kind == EXPR_INT)
		return copy;
	if (value->kind != EXPR_PIECES && value->kind != EXPR_DEREF)
		return keep_scalar(c, name, copy);
	if (value->kind == EXPR_DEREF && type_is_scalar(value->type))
		return keep_scalar(c, name, copy);
	if (value->kind == EXPR_DEREF)
		return keep_copy(c, name, value);
	copy->a = keep_shape(c, name, value->a);
	if (value->b)
		copy->b = keep_shape(c, name, value->b);
	return copy->a && (copy->b || !value->b) ? copy : NULL;
}

struct expr *check_keep(struct checker *c, const char *name, struct expr *value)
{
	struct check_kept *kept = c->kept;

	while (kept && strcmp(kept->name, name))
		kept = kept->next;
	if (kept || !value)
		return kept ? kept->value : NULL;
	kept = arena_alloc(c->arena, sizeof(*kept));
	if (!kept)
		return NULL;
	*kept = (struct check_kept){ .next = c->kept, .name = name, .original = value };
	kept->value = keep_shape(c, name, value);
	if (kept->value)
		c->kept = kept;
	return kept->value;
}

/* A word of a string, of which it has but the bytes that the length leaves: those behind are no part of it. */
static struct expr *cut_word(struct checker *c, struct expr *word, struct expr *len, uint64_t at)
{
	const struct type *type = type_int(8, false);
	int pos = word->pos;
	struct expr *bits, *mask, *part, *rest, *whole;

	bits = check_new_binary(c, pos, OP_SUB, type, len, check_new_int(c, pos, type, at));
	bits = bits ? check_new_binary(c, pos, OP_MUL, type, bits, check_new_int(c, pos, type, 8))
		    : NULL;
	mask = bits ? check_new_binary(c, pos, OP_SHL, type, check_new_int(c, pos, type, 1), bits)
		    : NULL;
	mask = mask ? check_new_binary(c, pos, OP_SUB, type, mask, check_new_int(c, pos, type, 1))
		    : NULL;
	part = mask ? check_new_binary(c, pos, OP_AND, type, word, mask) : NULL;
	rest = check_new_expr(c, EXPR_COND, pos, type,
			      check_new_binary(c, pos, OP_GT, type_int(4, true), len,
					       check_new_int(c, pos, type, at)),
			      part);
	whole = check_new_expr(c, EXPR_COND, pos, type,
			       check_new_binary(c, pos, OP_GE, type_int(4, true), len,
						check_new_int(c, pos, type, at + 8)),
			       word);
	if (!part || !rest || !whole)
		return NULL;
	rest->c = check_new_int(c, pos, type, 0);
	whole->c = rest;
	return rest->c ? whole : NULL;
}

static struct expr *keep_text(struct checker *c, const char *name, struct expr *address,
			      struct expr *len)
{
	const struct type *word = type_int(8, false),
			  *type = type_array(c->arena, type_char(), 8 * TEXT_WORDS);
	struct expr *pieces = NULL, **end = &pieces, *pointer;

	for (uint64_t at = 0; at < 8 * TEXT_WORDS; at += 8) {
		struct expr *here = check_new_binary(c, address->pos, OP_ADD, word, address,
						     check_new_int(c, address->pos, word, at));

		pointer = here ? check_cast_to(c, here, type_pointer(c->arena, word, SPACE_USER))
			       : NULL;
		here = pointer ? check_new_deref(c, address->pos, pointer, 0, word) : NULL;
		here = here ? keep_scalar(c, name, here) : NULL;
		here = here ? cut_word(c, here, len, at) : NULL;
		*end = here && type ? check_new_expr(c, EXPR_PIECES, address->pos, type, here, NULL)
				    : NULL;
		if (!*end)
			return NULL;
		(*end)->value = at;
		(*end)->bit_size = 64;
		end = &(*end)->b;
	}
	return pieces;
}

struct expr *check_keep_text(struct checker *c, const struct expr *value, uint32_t data_offset,
			     struct expr *len)
{
	const struct type *word = type_int(8, false);
	struct check_kept *kept = c->kept;
	struct expr *address;

	while (kept && kept->value != value)
		kept = kept->next;
	if (!kept || kept->text)
		return kept ? kept->text : NULL;
	address = kept->original->kind == EXPR_PIECES
			  ? check_piece(c, value->pos, (struct expr *)kept->original, data_offset,
					word)
			  : check_new_deref(c, value->pos, kept->original->a, data_offset, word);
	address = address ? check_cast_to(c, address, word) : NULL;
	kept->text = address ? keep_text(c, kept->name, address, len) : NULL;
	return kept->text;
}
