/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is longer than a register: strings and objects, compared with a text or put into the record.
 */
#include <blazesym-lite.h>
#include <errno.h>
#include <string.h>

#include "probe/generate/generate_private.h"

#define MAX_STRCMP 256

/* What the helpers need to know of a string expression. */
struct string_source {
	int addr;	       /* vreg; unused with is_comm */
	enum type_space space; /* not SPACE_CTX */
	bool is_comm;
	uint32_t array_size; /* a char array in the record or in memory: its size; else 0 */
	int length;	     /* vreg with the length of a __data_loc string, or -1 */
};

static void gen_data_loc(struct generator *g, const struct expr *e, int64_t offset,
			 struct string_source *s)
{
	struct code *c = g->code;
	int loc = code_new_vreg(c);

	code_comment(c, "__data_loc: offset in the low half, length in the high one");
	code_load(c, 4, loc, g->ctx, (int16_t)offset);
	s->length = code_new_vreg(c);
	code_mov(c, s->length, loc);
	code_alu_imm(c, BPF_RSH, true, s->length, 16);
	code_alu_imm(c, BPF_AND, true, loc, 0xffff);
	if (e->type->is_rel_loc)
		code_alu_imm(c, BPF_ADD, true, loc, (int32_t)offset + 4);
	code_mov(c, s->addr, g->ctx);
	code_alu(c, BPF_ADD, true, s->addr, loc);
}

static bool is_comm(const struct expr *e)
{
	return e->kind == EXPR_NAME && e->var->where == VAR_COMM;
}

static void gen_string_source(struct generator *g, const struct expr *e, struct string_source *s)
{
	const struct probe_context *context = g->record->checked->context;
	int64_t offset;

	*s = (struct string_source){ .addr = -1, .length = -1 };
	if (is_comm(e)) {
		s->is_comm = true;
		s->array_size = RECORD_COMM_SIZE;
		return;
	}
	while (e->kind == EXPR_CAST && e->a->kind == EXPR_DEREF && e->a->type->kind == TYPE_ARRAY)
		e = e->a;
	if (e->kind == EXPR_DEREF && !type_is_scalar(e->type)) {
		s->array_size = e->type->is_data_loc ? 0 : e->type->size;
		if (e->a->type->space == SPACE_CTX && generate_context_offset(e->a, &offset)) {
			s->space = SPACE_KERNEL;
			if (e->type->is_data_loc) {
				s->addr = code_new_vreg(g->code);
				gen_data_loc(g, e, offset, s);
			} else {
				s->addr = generate_context_address(g, offset);
			}
			return;
		}
		s->space = e->a->type->space;
		s->addr = generate_value(g, e->a);
		return;
	}
	s->addr = generate_value(g, e);
	s->space = e->type->kind == TYPE_POINTER ? e->type->space
		   : context->is_kernel		 ? SPACE_ANY
						 : SPACE_USER;
}

/* Jump to differs unless the `len` bytes on the stack equal those of the literal. */
static void gen_compare_bytes(struct generator *g, int at, const char *text, size_t len,
			      int differs)
{
	struct code *c = g->code;

	for (size_t i = 0; i < len;) {
		unsigned int n = len - i >= 8 ? 8 : len - i >= 4 ? 4 : len - i >= 2 ? 2 : 1;
		int bytes = code_new_vreg(c), wanted = code_new_vreg(c);
		uint64_t value = 0;

		memcpy(&value, text + i, n);
		code_load(c, n, bytes, BPF_REG_10, (int16_t)(at + (int)i));
		if ((int64_t)value == (int32_t)value) {
			code_jump_if_imm(c, BPF_JNE, bytes, (int32_t)value, differs);
		} else {
			code_mov_imm(c, wanted, value);
			code_jump_if(c, BPF_JNE, bytes, wanted, differs);
		}
		i += n;
	}
}

/* -> the helper's result. */
static int gen_read_to_buffer(struct generator *g, const struct string_source *s, uint32_t size,
			      bool is_str)
{
	int result = code_new_vreg(g->code);

	generate_read(g,
		      &(struct read){ .helper = is_str ? generate_read_str_helper(s->space)
						       : generate_read_helper(s->space),
				      .space = s->space,
				      .dst = BPF_REG_10,
				      .dst_offset = g->string_buffer,
				      .size = -1,
				      .size_imm = (int)size,
				      .addr = s->addr,
				      .most = size,
				      .is_str = is_str },
		      result);
	return result;
}

void generate_comm(struct generator *g, int base, int offset)
{
	struct code *c = g->code;

	code_mov(c, BPF_REG_1, base);
	if (offset)
		code_alu_imm(c, BPF_ADD, true, BPF_REG_1, offset);
	code_mov_imm(c, BPF_REG_2, RECORD_COMM_SIZE);
	code_call(c, BPF_FUNC_get_current_comm, 2);
}

/*
 * STRCMP: read one byte more than the literal has with its NUL, so that a longer string differs in
 * length. STRNCMP compares at most n bytes. Control goes on if equal, else to differs.
 */
void generate_strcmp(struct generator *g, const struct expr *e, int differs)
{
	size_t len = e->a->len;
	bool prefix = e->kind == EXPR_STRNCMP && e->c->value <= len;
	uint32_t wanted = prefix ? e->c->value : len + 1, size = wanted + 1;
	struct code *c = g->code;
	struct string_source s;
	int result;

	if (len > MAX_STRCMP) {
		g->err = diag_error(g->diag, e->a->pos,
				    "a string to compare with has at most %d bytes", MAX_STRCMP);
		return;
	}
	gen_string_source(g, e->b, &s);
	/* One buffer serves all comparisons; generate_prepare() has seen the longest literal. */
	if (!g->string_buffer)
		g->string_buffer = code_new_buffer(c, g->string_buffer_size);
	code_comment(c, "compare with \"%.*s\"", e->a->is_bytes ? 0 : (int)len, e->a->text);
	if (s.is_comm) {
		generate_comm(g, BPF_REG_10, g->string_buffer);
		/* At most 15 characters: no longer literal can be equal, and the rest isn't there to load. */
		if (wanted > RECORD_COMM_SIZE)
			code_jump(c, differs);
		else
			gen_compare_bytes(g, g->string_buffer, e->a->text, wanted, differs);
		return;
	}
	if (s.array_size && size > s.array_size + 1)
		size = s.array_size + 1;
	if (e->a->is_bytes) {
		gen_read_to_buffer(g, &s, (uint32_t)len, false);
		gen_compare_bytes(g, g->string_buffer, e->a->text, len, differs);
		return;
	}
	result = gen_read_to_buffer(g, &s, size, true);
	if (prefix) {
		code_jump_if_imm(c, BPF_JSLT, result, (int32_t)wanted, differs);
		gen_compare_bytes(g, g->string_buffer, e->a->text, wanted, differs);
	} else {
		code_jump_if_imm(c, BPF_JNE, result, (int32_t)wanted, differs);
		gen_compare_bytes(g, g->string_buffer, e->a->text, len, differs);
	}
}

/* The stack's string buffer must hold the longest literal, its NUL, one more, and a comm. */
static void note_string_size(struct generator *g, const struct expr *e)
{
	if (!e)
		return;
	if (e->kind == EXPR_STRCMP || e->kind == EXPR_STRNCMP) {
		if (g->string_buffer_size < e->a->len + 2)
			g->string_buffer_size = e->a->len + 2;
		if (g->string_buffer_size < RECORD_COMM_SIZE)
			g->string_buffer_size = RECORD_COMM_SIZE;
	}
	note_string_size(g, e->a);
	note_string_size(g, e->b);
	note_string_size(g, e->c);
}

static bool expr_reads_user(const struct expr *e)
{
	return e && (e->kind == EXPR_DEREF || e->kind == EXPR_STRCMP || e->kind == EXPR_STRNCMP ||
		     expr_reads_user(e->a) || expr_reads_user(e->b) || expr_reads_user(e->c));
}

bool generate_reads_user(const struct record *record)
{
	bool reads = expr_reads_user(record->checked->predicate) ||
		     expr_reads_user(record->checked->measure);

	for (unsigned int i = 0; i < record->field_count && !reads; i++) {
		const struct record_field *f = &record->fields[i];

		reads = (f->mode != RECORD_VALUE && !is_comm(f->field->expr)) ||
			expr_reads_user(f->field->expr) || expr_reads_user(f->field->len_expr);
	}
	return reads;
}

void generate_prepare(struct generator *g)
{
	const struct checked *checked = g->record->checked;

	note_string_size(g, checked->predicate);
	note_string_size(g, checked->measure);
	for (unsigned int i = 0; i < checked->field_count; i++) {
		note_string_size(g, checked->fields[i].expr);
		note_string_size(g, checked->fields[i].len_expr);
	}
}

/* The record's end so far, to which a field's bytes go. */
static void gen_end(struct generator *g, const struct record_field *f, int dst)
{
	struct code *c = g->code;
	int fits = code_new_label(c);

	/* Always true; tells the verifier again where a spilled register made it forget. */
	code_jump_if_imm(c, BPF_JLE, g->used, (int32_t)(g->record->max_size - f->max), fits);
	generate_fault(g, ENOSPC);
	code_label(c, fits);
	code_mov(c, dst, g->rec);
	code_alu(c, BPF_ADD, true, dst, g->used);
}

/* The bytes of an object that isn't in memory as a whole. What no piece has is 0, and not an earlier record's. */
static void gen_pieces(struct generator *g, const struct record_field *f)
{
	struct code *c = g->code;
	int dst = code_new_vreg(c);

	gen_end(g, f, dst);
	for (uint32_t at = 0, size; at < f->max; at += size) {
		size = f->max - at >= 8 ? 8 : f->max - at >= 4 ? 4 : 1;
		code_store_imm(c, (int)size, dst, (int16_t)at, 0);
	}
	for (const struct expr *piece = f->field->expr; piece; piece = piece->b) {
		unsigned int left = piece->bit_size / 8, size;
		int v = generate_value(g, piece->a);

		/* A register may have more bytes than the object. */
		if (left > f->max - piece->value)
			left = f->max - (unsigned int)piece->value;
		for (uint64_t at = piece->value; left; at += size, left -= size) {
			size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
			code_store(c, (int)size, dst, (int16_t)at, v);
			if (left > size)
				code_alu_imm(c, BPF_RSH, true, v, 8 * (int32_t)size);
		}
	}
	code_store_imm(c, 4, g->rec, (int16_t)f->offset, (int32_t)f->max);
	if (f->mode == RECORD_BYTES)
		code_store(c, 4, g->rec, (int16_t)(f->offset + 4),
			   generate_value(g, f->field->len_expr));
	else
		code_store_imm(c, 4, g->rec, (int16_t)(f->offset + 4), (int32_t)f->max);
	code_alu_imm(c, BPF_ADD, true, g->used, (int32_t)f->max);
}

/* `full` bytes, of which at most `most` are stored; less than none is none. */
static void gen_counted_bytes(struct generator *g, const struct string_source *s, uint32_t most,
			      int dst, int full, int stored)
{
	struct code *c = g->code;
	int whole = code_new_label(c), some = code_new_label(c), done = code_new_label(c);

	code_comment(c, "so many bytes, at most %u", most);
	code_jump_if_imm(c, BPF_JSGE, full, 0, some);
	code_mov_imm(c, full, 0);
	code_label(c, some);
	code_mov(c, stored, full);
	code_jump_if_imm(c, BPF_JLE, stored, (int32_t)most, whole);
	code_mov_imm(c, stored, most);
	code_label(c, whole);
	code_jump_if_imm(c, BPF_JEQ, stored, 0, done);
	generate_read(g,
		      &(struct read){ .helper = generate_read_helper(s->space),
				      .space = s->space,
				      .dst = dst,
				      .size = stored,
				      .addr = s->addr,
				      .most = most },
		      code_new_vreg(c));
	code_label(c, done);
}

/* A string's bytes behind those already in the record; its two lengths into its slot. */
static void gen_string_bytes(struct generator *g, const struct record_field *f)
{
	struct code *c = g->code;
	int full = -1, dst = code_new_vreg(c), stored = code_new_vreg(c);
	struct string_source s;
	bool is_cstr;

	if (f->field->expr->kind == EXPR_PIECES) {
		gen_pieces(g, f);
		return;
	}
	if (f->mode == RECORD_BYTES)
		full = generate_value(g, f->field->len_expr);
	gen_string_source(g, f->field->expr, &s);
	if (s.length >= 0)
		full = s.length;
	is_cstr = full < 0 && !s.array_size;
	gen_end(g, f, dst);
	if (is_cstr) {
		code_comment(c, "the string, as far as it goes");
		generate_read(g,
			      &(struct read){ .helper = generate_read_str_helper(s.space),
					      .space = s.space,
					      .dst = dst,
					      .size = -1,
					      .size_imm = (int)f->max,
					      .addr = s.addr,
					      .most = f->max,
					      .is_str = true },
			      stored);
		full = stored;
	} else if (s.is_comm) {
		generate_comm(g, dst, 0);
		code_mov_imm(c, stored, RECORD_COMM_SIZE);
		full = stored;
	} else {
		if (full < 0) {
			full = code_new_vreg(c);
			code_mov_imm(c, full, s.array_size);
		}
		gen_counted_bytes(g, &s, f->max, dst, full, stored);
	}
	code_store(c, 4, g->rec, (int16_t)f->offset, stored);
	code_store(c, 4, g->rec, (int16_t)(f->offset + 4), full);
	code_alu(c, BPF_ADD, true, g->used, stored);
}

void generate_field(struct generator *g, const struct record_field *field, unsigned int index)
{
	struct code *c = g->code;
	int failed = code_new_label(c), end = code_new_label(c), errors = code_new_vreg(c);

	code_comment(c, "field %u", index + 1);
	g->fault = failed;
	g->fault_code = code_new_vreg(c);
	/* The label is reached only through faults; so that the verifier sees a value on every path. */
	code_mov_imm(c, g->fault_code, 0);
	if (field->mode == RECORD_VALUE)
		code_store(c, 8, g->rec, (int16_t)field->offset,
			   generate_value(g, field->field->expr));
	else
		gen_string_bytes(g, field);
	code_jump(c, end);
	code_label(c, failed);
	code_comment(c, "could not be read: the reason, and a mark");
	code_store(c, 8, g->rec, (int16_t)field->offset, g->fault_code);
	code_load(c, 4, errors, g->rec, RECORD_ERRORS);
	code_alu_imm(c, BPF_OR, true, errors, (int32_t)(1u << index));
	code_store(c, 4, g->rec, RECORD_ERRORS, errors);
	code_label(c, end);
	g->fault_code = -1;
}
