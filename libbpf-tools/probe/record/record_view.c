/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From a record's bytes to its values and stacks.
 */
#include "probe/record/record_view.h"

#include <linux/types.h>
#include <errno.h>
#include <string.h>

#include "bpf/unwind_state.h"
#include "lib/stack.h"
#include "lib/unwind.h"
#include "probe/record/object.h"

static uint32_t get_u32(const unsigned char *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static uint64_t get_u64(const unsigned char *data)
{
	uint64_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

int record_view_place(const void *data, size_t size, uint32_t *place)
{
	if (size < RECORD_MIN_SIZE)
		return -EBADMSG;
	*place = get_u32((const unsigned char *)data + RECORD_PLACE);
	return 0;
}

int record_view_open(const struct record *record, const void *data, size_t size,
		     struct record_view *view)
{
	uint64_t pid_tgid;

	if (size < record->fixed_size)
		return -EBADMSG;
	*view = (struct record_view){ .record = record, .data = data, .size = size };
	view->place = get_u32(view->data + RECORD_PLACE);
	view->errors = get_u32(view->data + RECORD_ERRORS);
	pid_tgid = get_u64(view->data + RECORD_PID_TGID);
	view->tgid = pid_tgid >> 32;
	view->pid = (uint32_t)pid_tgid;
	memcpy(view->comm, view->data + RECORD_COMM, RECORD_COMM_SIZE - 1);
	if (record->time_offset)
		view->time = get_u64(view->data + record->time_offset);
	if (record->cpu_offset)
		view->cpu = (uint32_t)get_u64(view->data + record->cpu_offset);
	return 0;
}

static int view_string(const struct record_view *view, const struct record_field *field, size_t *at,
		       struct record_string *string)
{
	uint32_t stored = get_u32(view->data + field->offset);
	uint32_t full = get_u32(view->data + field->offset + 4);
	uint32_t limit = view->record->string_size;

	if (stored > field->max || stored > view->size - *at)
		return -EBADMSG;
	string->text = (const char *)view->data + *at;
	*at += stored;
	string->len = field->mode == RECORD_CSTR ? strnlen(string->text, stored)
		      : stored < full		 ? stored
						 : full;
	if (field->mode == RECORD_OBJECT) {
		string->cut = false;
		return 0;
	}
	/* Bytes were left out if none of those here ends the string and there were more. */
	string->cut = string->len > limit || (string->len == stored && full > stored);
	if (string->len > limit)
		string->len = limit;
	if (field->field->precision >= 0 && field->mode == RECORD_CSTR &&
	    string->len > (size_t)field->field->precision) {
		string->len = field->field->precision;
		string->cut = false; /* as asked */
	}
	return 0;
}

int record_view_value(const struct record_view *view, unsigned int i, size_t *at,
		      struct record_value *value)
{
	const struct record_field *field = &view->record->fields[i];

	*value = (struct record_value){};
	if (view->errors & 1u << i) {
		value->err = (int)get_u32(view->data + field->offset);
		return 0;
	}
	if (field->mode != RECORD_VALUE)
		return view_string(view, field, at, &value->string);
	value->number = get_u64(view->data + field->offset);
	if (field->size < 8) {
		int shift = 64 - 8 * (int)field->size;

		value->number = field->is_signed
					? (uint64_t)((int64_t)(value->number << shift) >> shift)
					: value->number << shift >> shift;
	}
	return 0;
}

int record_view_object(const struct record_view *view, unsigned int i, size_t *at,
		       const struct record_value *value, struct object *object, unsigned int *next)
{
	static const struct type string = { .kind = TYPE_POINTER, .name = "char *", .size = 8 };
	const struct record_field *field = &view->record->fields[i], *inner;
	struct record_value text;

	*object = (struct object){
		.type = field->field->expr->type,
		.bytes = (const unsigned char *)value->string.text,
		.size = value->string.len,
		.pieces = field->field->expr->kind == EXPR_PIECES ? field->field->expr : NULL,
	};
	if (field->mode == RECORD_VALUE) {
		object->bytes = (const unsigned char *)&value->number;
		object->size = field->size;
	} else if (field->mode == RECORD_CSTR) {
		/* A string by itself: as the pointer to it would be printed. */
		object->type = &string;
		object->inner[object->inner_count++] = (struct object_inner){
			.at = { .kind = INNER_STRING },
			.text = value->string.text,
			.len = value->string.len,
			.is_cut = value->string.cut,
		};
		object->bytes = (const unsigned char *)&value->number;
		object->size = sizeof(value->number);
	}
	for (*next = i + 1; *next < view->record->field_count; ++*next) {
		inner = &view->record->fields[*next];
		if (!inner->field->inner.kind)
			break;
		if (record_view_value(view, *next, at, &text))
			return -EBADMSG;
		if (object->inner_count < CHECKED_MAX_INNER)
			object->inner[object->inner_count++] =
				(struct object_inner){ inner->field->inner, text.string.text,
						       text.string.len,	    text.number,
						       text.string.cut,	    text.err != 0 };
	}
	return 0;
}

static uint64_t stack_slot(const struct record_view *view, enum record_stack which)
{
	return get_u64(view->data + view->record->stack_offset[which]);
}

static bool is_unwound(const struct record_view *view, enum record_stack which)
{
	return which == RECORD_USER_STACK && view->record->unwinds;
}

/* Bytes of a stack's frames, or the negative errno of walking it; -EBADMSG if they aren't there. */
static int64_t stack_bytes(const struct record_view *view, enum record_stack which, size_t at)
{
	int64_t stored = (int64_t)stack_slot(view, which);

	if (is_unwound(view, which))
		stored = UNWIND_BYTES(stored);
	if (stored > view->record->stack_size[which] || stored % 8 ||
	    (stored > 0 && (size_t)stored > view->size - at))
		return stored < 0 && stored > -4096 ? stored : -EBADMSG;
	return stored;
}

pid_t record_view_process(const struct record_view *view)
{
	return view->tgid ? (pid_t)view->tgid : STACK_UNKNOWN_PROCESS;
}

/* By frame pointers a function that has just been entered hides its caller. */
static void add_caller(uint64_t caller, uint64_t *addrs, struct stack *stack)
{
	if (!caller || !stack->count || (stack->count > 1 && addrs[1] == caller))
		return;
	memmove(addrs + 2, addrs + 1, 8 * (stack->count++ - 1));
	addrs[1] = caller;
}

/* Why it ends, and whether its first caller was found by frame pointer. */
static bool note_end(uint64_t slot, struct stack *stack)
{
	stack->is_cut = UNWIND_END(slot) == UNWIND_DEEP;
	stack->end = UNWIND_END(slot);
	return slot & UNWIND_FIRST_BY_POINTER;
}

/* Where a stack's frames are. 0, -ENOENT: it isn't recorded, or -EBADMSG. */
static int stack_place(const struct record_view *view, enum record_stack which, size_t *at)
{
	const struct record *record = view->record;
	struct record_value value;
	int64_t bytes;

	*at = record->fixed_size;
	if (!record->stack_offset[which])
		return -ENOENT;
	for (unsigned int i = 0; i < record->field_count; i++)
		if (record_view_value(view, i, at, &value))
			return -EBADMSG;
	for (enum record_stack before = 0; before < which; before++) {
		bytes = record->stack_offset[before] ? stack_bytes(view, before, *at) : 0;
		if (bytes == -EBADMSG)
			return -EBADMSG;
		*at += bytes > 0 ? bytes : 0;
	}
	return stack_bytes(view, which, *at) == -EBADMSG ? -EBADMSG : 0;
}

int record_view_stack(const struct record_view *view, enum record_stack which, uint64_t *addrs,
		      struct stack *stack)
{
	const struct record *record = view->record;
	bool may_hide = true;
	int64_t bytes;
	size_t at;
	int err = stack_place(view, which, &at);

	if (err)
		return err;
	bytes = stack_bytes(view, which, at);
	*stack = (struct stack){
		.tgid = which == RECORD_USER_STACK ? record_view_process(view) : 0,
		.addrs = addrs,
		.count = bytes > 0 ? bytes / 8 : 0,
		.is_cut = bytes == record->stack_size[which],
		.first_is_exact = record->checked->spec->kind != SPEC_RETURN,
		.err = bytes < 0 ? (int)-bytes : 0,
	};
	memcpy(addrs, view->data + at, 8 * stack->count);
	/* Where the chain of frame pointers ends there often is a zero for an address. */
	while (stack->count && !addrs[stack->count - 1])
		stack->count--;
	if (is_unwound(view, which))
		may_hide = note_end(stack_slot(view, which), stack);
	if (which == RECORD_USER_STACK && record->caller_offset && may_hide)
		add_caller(get_u64(view->data + record->caller_offset), addrs, stack);
	return 0;
}

size_t record_view_finish(const struct record_view *view, struct unwind *unwind,
			  unsigned char *bytes)
{
	uint64_t addrs[UNWIND_FRAMES], slot;
	unsigned int count;
	size_t at;

	if (!view->record->unwinds || stack_place(view, RECORD_USER_STACK, &at))
		return 0;
	slot = stack_slot(view, RECORD_USER_STACK);
	at += UNWIND_BYTES(slot);
	count = unwind_finish(unwind, &slot, addrs);
	if (at + 8 * count > view->record->max_size)
		return 0;
	memcpy(bytes + at, addrs, 8 * count);
	memcpy(bytes + view->record->stack_offset[RECORD_USER_STACK], &slot, sizeof(slot));
	return 8 * count;
}
