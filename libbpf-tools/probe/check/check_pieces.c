/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Parts of values that aren't in memory as a whole.
 */
#include "probe/check/checker.h"

/* What of a piece lies in `type` at `offset`, as a piece of that. */
static struct expr *cut_piece(struct checker *c, int pos, const struct expr *piece, uint32_t offset,
			      const struct type *type)
{
	const struct type *word = type_int(8, false);
	uint64_t start = piece->value, end = start + piece->bit_size / 8;
	uint64_t from = start > offset ? start : offset, to = (uint64_t)offset + type->size;
	struct expr *value = piece->a, *cut;

	if (to > end)
		to = end;
	if (from > start)
		value = check_new_binary(c, pos, OP_SHR, word, value,
					 check_new_int(c, pos, word, 8 * (from - start)));
	cut = value ? check_new_expr(c, EXPR_PIECES, pos, type, value, NULL) : NULL;
	if (!cut)
		return NULL;
	cut->value = from - offset;
	cut->bit_size = (uint8_t)(8 * (to - from));
	return cut;
}

struct expr *check_piece(struct checker *c, int pos, struct expr *pieces, uint32_t offset,
			 const struct type *type)
{
	struct expr *cut = NULL, **end = &cut;

	for (const struct expr *piece = pieces; piece; piece = piece->b) {
		if (piece->value >= (uint64_t)offset + type->size ||
		    piece->value + piece->bit_size / 8 <= offset)
			continue;
		*end = cut_piece(c, pos, piece, offset, type);
		if (!*end)
			return NULL;
		end = &(*end)->b;
	}
	if (!cut)
		return check_fail(
			c, pos,
			"a part of this has been optimised out at this place: the program doesn't keep it here");
	if (!type_is_scalar(type))
		return cut;
	if (cut->b || cut->value || cut->bit_size < 8 * type->size)
		return check_fail(c, pos, "this is spread over several registers");
	return check_from_word(c, cut->a, type);
}
