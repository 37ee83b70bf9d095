/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Strings that are structures, and what is in a structure wherever it is.
 */
#include <errno.h>

#include "probe/check/checker.h"

struct expr *check_member_value(struct checker *c, struct expr *e, const struct type *type,
				uint32_t offset)
{
	return e->kind == EXPR_PIECES ? check_piece(c, e->pos, e, offset, type)
				      : check_new_deref(c, e->pos, e->a, offset, type);
}

bool check_is_kept(const struct expr *e)
{
	return e && ((e->kind == EXPR_NAME && e->var && e->var->where == VAR_ENTRY) ||
		     check_is_kept(e->a) || check_is_kept(e->b));
}

int check_text_field(struct checker *c, struct field *field, struct expr *e, uint32_t offset,
		     const struct type_text *text)
{
	struct expr *len = check_member_value(c, e, text->len, offset + text->len_offset);

	len = len ? check_cast_to(c, len, type_int(8, false)) : NULL;
	if (!len)
		return c->diag->text[0] ? -EINVAL : -ENOMEM;
	field->kind = FIELD_STR_LEN;
	field->len_expr = check_convert(c, len, type_int(8, true));
	/* Kept from the entry: the string is what it was, its bytes may be anything by now. */
	if (text->is_owner && e->kind == EXPR_PIECES && check_is_kept(e)) {
		field->expr = check_keep_text(c, e, offset + text->data_offset, len);
		if (!field->expr && !c->diag->text[0])
			diag_error(
				c->diag, e->pos,
				"the function may have moved or freed its own string by the return: p: shows it");
		return field->expr ? 0 : -EINVAL;
	}
	field->expr = check_member_value(c, e, text->data, offset + text->data_offset);
	if (field->expr)
		field->expr = check_cast_to(c, field->expr,
					    type_pointer(c->arena, type_char(),
							 field->expr->type->space));
	return field->expr && field->len_expr ? 0 : c->diag->text[0] ? -EINVAL : -ENOMEM;
}
