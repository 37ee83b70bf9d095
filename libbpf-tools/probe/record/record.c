/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The layout of records: where each value is.
 */
#include "probe/record/record.h"

#include <errno.h>
#include <linux/types.h>
#include <string.h>

#include "bpf/unwind_state.h"
#include "types/arena.h"

/* ---- layout --------------------------------------------------------------------------------- */

/* False: it is a string. */
static bool layout_object(const struct type *type, struct record_field *out)
{
	out->size = type->size;
	out->is_signed = type->is_signed;
	if (type_is_scalar(type) && !type_is_string(type)) {
		out->mode = RECORD_VALUE;
		return true;
	}
	out->mode = RECORD_OBJECT;
	out->max = type->size < CHECKED_MAX_OBJECT ? type->size : CHECKED_MAX_OBJECT;
	return type->kind != TYPE_POINTER && !type->is_data_loc;
}

static void layout_field(const struct field *field, uint32_t string_size, struct record_field *out)
{
	const struct type *type = field->expr->type;

	out->field = field;
	if (field->kind == FIELD_KSYM || field->kind == FIELD_USYM) {
		out->mode = RECORD_VALUE;
		out->size = 8;
		return;
	}
	if (field->kind == FIELD_INT) {
		out->mode = RECORD_VALUE;
		out->size = type->size;
		out->is_signed = field->is_signed;
		/* A type of unknown width is as wide as the format says, a declared one at least its own. */
		if (type->is_unknown || out->size < field->int_size)
			out->size = field->int_size;
		return;
	}
	if (field->kind == FIELD_OBJECT && layout_object(type, out))
		return;
	out->mode = field->kind == FIELD_STR_LEN ? RECORD_BYTES : RECORD_CSTR;
	/* One for the NUL, one to tell a string that was cut from one that just fits. */
	out->max = field->expr->kind == EXPR_PIECES ? type->size : string_size + 2;
	if (out->mode == RECORD_CSTR && type->kind == TYPE_ARRAY && !type->is_data_loc &&
	    type->size < out->max)
		out->max = type->size;
}

static uint32_t layout_slot(struct record *record)
{
	record->fixed_size += 8;
	return record->fixed_size - 8;
}

/*
 * A user stack is walked by frame pointers, and at a function's first instruction that pointer is still its caller's: the
 * kernel then finds the caller's caller next, and leaves the caller itself out (on x86 it looks for a push at the probe from
 * Linux 6.11 on, cfa7f3d2c526). So the return address is recorded too, and added if it isn't there. (Of a function that
 * called itself it is there either way: such a stack may lack a level.) So it is at a return instruction, where the frame is gone.
 */
static bool leaves_caller_out(const struct checked *checked)
{
	const struct spec *spec = checked->spec;

	if (spec->kind == SPEC_RETURN)
		return checked->context->at_ret;
	return spec->kind == SPEC_ENTRY && !checked->context->is_settled &&
	       !checked->context->is_kernel && !spec->offset && !spec->has_addr && !spec->file;
}

static void layout_stacks(const struct record_opts *opts, struct record *record)
{
	record->unwinds = opts->unwinds && opts->stacks[RECORD_USER_STACK];
	for (unsigned int i = 0; i < RECORD_STACKS; i++)
		record->stack_room[i] = record->stack_size[i] = 8 * opts->stack_depth;
	if (record->unwinds) {
		record->stack_size[RECORD_USER_STACK] = 8 * UNWIND_FRAMES;
		record->stack_room[RECORD_USER_STACK] = sizeof(struct unwind_stack);
	}
	if (opts->stacks[RECORD_USER_STACK] && leaves_caller_out(record->checked))
		record->caller_offset = layout_slot(record);
	for (unsigned int i = 0; i < RECORD_STACKS; i++)
		if (opts->stacks[i])
			record->stack_offset[i] = layout_slot(record);
}

bool record_is_of_process(const struct record *record)
{
	for (unsigned int i = 0; i < record->field_count; i++)
		if (record->fields[i].field->kind == FIELD_USYM)
			return true;
	return record->stack_offset[RECORD_USER_STACK] != 0;
}

int record_layout(const struct checked *checked, const struct record_opts *opts,
		  struct record *record)
{
	*record = (struct record){ .checked = checked,
				   .string_size = opts->string_size,
				   .fixed_size = RECORD_MIN_SIZE };
	if (checked->field_count > CHECKED_MAX_FIELDS)
		return -E2BIG;
	record->fields = arena_alloc(checked->spec->arena,
				     (checked->field_count + 1) * sizeof(*record->fields));
	if (!record->fields)
		return -ENOMEM;
	if (opts->time)
		record->time_offset = layout_slot(record);
	if (opts->cpu)
		record->cpu_offset = layout_slot(record);
	record->field_count = checked->field_count;
	for (unsigned int i = 0; i < record->field_count; i++) {
		layout_field(&checked->fields[i], opts->string_size, &record->fields[i]);
		record->fields[i].offset = layout_slot(record);
	}
	layout_stacks(opts, record);
	record->max_size = record->fixed_size;
	for (unsigned int i = 0; i < record->field_count; i++)
		record->max_size += record->fields[i].max;
	for (unsigned int i = 0; i < RECORD_STACKS; i++)
		if (record->stack_offset[i])
			record->max_size += record->stack_room[i];
	return 0;
}

bool record_is_alike(const struct record *a, const struct record *b)
{
	bool is_alike = a->max_size == b->max_size && a->field_count == b->field_count;

	for (unsigned int i = 0; i < a->field_count && is_alike; i++) {
		const struct record_field *x = &a->fields[i], *y = &b->fields[i];

		is_alike = x->mode == y->mode && x->offset == y->offset && x->max == y->max &&
			   x->size == y->size && x->is_signed == y->is_signed;
	}
	return is_alike;
}
