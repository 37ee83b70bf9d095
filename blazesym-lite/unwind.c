/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Unwinding tables in the form that a program in the kernel follows: a sorted array of rows of eight bytes, each saying how
 * to get from a frame to its caller's. Rules that the form can't express become BSL_UNWIND_OTHER: never an approximation.
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

/* DWARF's numbers: x86-64 psABI, figure 3.36; AADWARF64, 4.1. */
static const struct registers {
	int machine;
	int16_t sp, fp, ret;
	bool has_link; /* the return address is in a register at a function's entry */
} machines[] = {
	{ EM_X86_64, 7, 6, 16, false },
	{ EM_AARCH64, 31, 29, 30, true },
};

struct compiler {
	struct bsl_elf *elf;
	const struct registers *registers;
	struct bsl_unwind *unwind;
	size_t room;
	const struct bsl_frame *frame;
	uint64_t end; /* of the entry, or where the next one begins */
	uint64_t other;
};

/* `bytes` is a multiple of 8 that fits: it is stored in units of 8. */
static bool fits(int64_t bytes, int64_t least, int64_t most)
{
	return !(bytes % 8) && bytes / 8 >= least && bytes / 8 <= most;
}

/* DW_OP_breg7 8, DW_OP_breg16 0, DW_OP_lit15, and, DW_OP_lit11 (or 10), ge, lit3, shl, plus: written by GNU ld and lld. */
static uint8_t stub_kind(const uint8_t *expr, size_t size)
{
	uint8_t stub[] = { 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22 };

	if (size != sizeof(stub))
		return BSL_UNWIND_OTHER;
	if (!memcmp(expr, stub, size))
		return BSL_UNWIND_STUB11;
	stub[6] = 0x3a;
	return memcmp(expr, stub, size) ? BSL_UNWIND_OTHER : BSL_UNWIND_STUB10;
}

/* A signed LEB128 number of two bytes at most, behind the operation. Returns its length; 0: it is longer. */
static size_t short_number(const uint8_t *expr, size_t size, int64_t *number)
{
	if (size > 1 && !(expr[1] & 0x80)) {
		*number = expr[1] - ((expr[1] & 0x40) << 1);
		return 1;
	}
	if (size > 2 && !(expr[2] & 0x80)) {
		*number = (expr[1] & 0x7f) | (expr[2] & 0x7f) << 7;
		*number -= (*number & 0x2000) << 1;
		return 2;
	}
	return 0;
}

/* Realigned stacks: DW_OP_breg6 n, deref. OpenSSL's assembly: DW_OP_breg7 n, deref, DW_OP_plus_uconst 8. */
static uint8_t cfa_of_expr(const struct bsl_frame_row *from, int64_t *cfa)
{
	const uint8_t *expr = from->cfa_expr;
	size_t size = from->cfa_expr_size, used;

	*cfa = 0;
	if (!expr || !size)
		return BSL_UNWIND_OTHER;
	used = 1 + short_number(expr, size, cfa);
	if (used > 1 && expr[0] == 0x76 && size == used + 1 && expr[used] == 6)
		return BSL_UNWIND_AT_FP;
	if (used > 1 && expr[0] == 0x77 && size == used + 3 && expr[used] == 6 &&
	    expr[used + 1] == 0x23 && expr[used + 2] == 8)
		return BSL_UNWIND_AT_SP;
	*cfa = 0;
	return stub_kind(expr, size);
}

static uint8_t cfa_kind(const struct compiler *c, const struct bsl_frame_row *from, int64_t *cfa)
{
	*cfa = from->cfa_offset;
	if (from->cfa_reg == c->registers->sp)
		return BSL_UNWIND_SP;
	if (from->cfa_reg == c->registers->fp)
		return BSL_UNWIND_FP;
	/* x86_64's expressions */
	return from->cfa_reg == BSL_REG_NONE && !c->registers->has_link ? cfa_of_expr(from, cfa)
									: BSL_UNWIND_OTHER;
}

/* The rules of the return address and the frame pointer, where the CFA is known. False: they don't fit the form. */
static bool rules_fit(const struct compiler *c, const struct bsl_frame_row *from,
		      struct bsl_unwind_row *row)
{
	bool keeps_fp = from->fp == BSL_FRAME_IN_REG || from->fp == BSL_FRAME_NONE;

	if (row->kind == BSL_UNWIND_AT_FP)
		return from->fp == BSL_FRAME_AT_FP && !from->fp_offset &&
		       from->ret == BSL_FRAME_AT_CFA && from->ret_offset == -8;
	if (!keeps_fp && (from->fp != BSL_FRAME_AT_CFA || !from->fp_offset ||
			  !fits(from->fp_offset, INT8_MIN, INT8_MAX)))
		return false;
	row->fp = keeps_fp ? 0 : (int8_t)(from->fp_offset / 8);
	if (!c->registers->has_link)
		return from->ret == BSL_FRAME_AT_CFA && from->ret_offset == -8;
	if (from->ret == BSL_FRAME_IN_REG) {
		row->kind = row->kind == BSL_UNWIND_SP ? BSL_UNWIND_SP_LEAF : BSL_UNWIND_FP_LEAF;
		return keeps_fp;
	}
	if (from->ret != BSL_FRAME_AT_CFA || !fits(from->ret_offset, INT8_MIN, INT8_MAX))
		return false;
	if (!keeps_fp)
		return from->ret_offset == from->fp_offset + 8;
	row->fp = (int8_t)(from->ret_offset / 8);
	row->kind |= BSL_UNWIND_RET_ONLY;
	return row->fp != 0;
}

static struct bsl_unwind_row row_of(const struct compiler *c, const struct bsl_frame_row *from)
{
	const struct bsl_unwind_row other = { .kind = BSL_UNWIND_OTHER };
	struct bsl_unwind_row row = {};
	int64_t cfa;

	if (from->ret == BSL_FRAME_NONE)
		return (struct bsl_unwind_row){ .kind = BSL_UNWIND_END };
	if (c->frame->is_signal)
		return (struct bsl_unwind_row){ .kind = c->registers->has_link
								? BSL_UNWIND_OTHER
								: BSL_UNWIND_SIGNAL };
	row.kind = cfa_kind(c, from, &cfa);
	/* glibc's assembly for arm64 has functions that return to x15 */
	if (c->frame->return_reg != c->registers->ret || row.kind == BSL_UNWIND_OTHER ||
	    !fits(cfa, INT16_MIN, INT16_MAX) || !rules_fit(c, from, &row))
		return other;
	row.cfa = (int16_t)(cfa / 8);
	return row;
}

/* ---- rows in order -------------------------------------------------------------------------- */

static bool is_alike(const struct bsl_unwind_row *a, const struct bsl_unwind_row *b)
{
	return a->kind == b->kind && a->cfa == b->cfa && a->fp == b->fp;
}

/* What is there for the same offset ends there. */
static int row_put(struct compiler *c, struct bsl_unwind_row row)
{
	struct bsl_unwind *unwind = c->unwind;
	struct bsl_unwind_row *grown;

	if (unwind->nr && unwind->rows[unwind->nr - 1].offset == row.offset)
		unwind->nr--;
	if (unwind->nr && is_alike(&unwind->rows[unwind->nr - 1], &row))
		return 0;
	if (unwind->nr == c->room) {
		c->room = c->room ? 2 * c->room : 1024;
		grown = reallocarray(unwind->rows, c->room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		unwind->rows = grown;
	}
	unwind->rows[unwind->nr++] = row;
	return 0;
}

/* 0, or -EFBIG: not where a row can say. */
static int offset_of(const struct compiler *c, uint64_t addr, uint32_t *offset)
{
	uint64_t wide;

	if (bsl_elf_addr_to_offset(c->elf, addr, &wide) || wide >= UINT32_MAX)
		return -EFBIG;
	*offset = (uint32_t)wide;
	return 0;
}

static int row_compile(const struct bsl_frame_row *from, void *ctx)
{
	struct compiler *c = ctx;
	struct bsl_unwind_row row = row_of(c, from);
	uint64_t end = from->addr + from->size;

	if (from->addr >= c->end)
		return 0;
	if (row.kind == BSL_UNWIND_OTHER)
		c->other += (end < c->end ? end : c->end) - from->addr;
	return offset_of(c, from->addr, &row.offset) ?: row_put(c, row);
}

/* An entry leaves either its rows and one that ends them, or nothing. */
static int entry_compile(struct compiler *c)
{
	struct bsl_unwind *unwind = c->unwind;
	size_t before = unwind->nr;
	struct bsl_unwind_row last = before ? unwind->rows[before - 1] : (struct bsl_unwind_row){};
	struct bsl_unwind_row end = { .kind = BSL_UNWIND_NONE };
	int err;

	c->other = 0;
	/* the last byte has a place in the file: its end may not */
	err = offset_of(c, c->end - 1, &end.offset);
	err = err ?: bsl_elf_frame_rows(c->elf, c->frame, row_compile, c);
	end.offset++;
	err = err ?: row_put(c, end);
	if (err == -ENOMEM)
		return err;
	if (err) {
		unwind->nr = before;
		if (before)
			unwind->rows[before - 1] = last;
		return 0;
	}
	unwind->nr_entries++;
	unwind->covered += c->end - c->frame->addr;
	unwind->other += c->other;
	return 0;
}

static int row_compare(const void *a, const void *b)
{
	const struct bsl_unwind_row *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Segments may lie in another order in the file than in memory. */
static void rows_sort(struct bsl_unwind *unwind)
{
	for (size_t i = 1; i < unwind->nr; i++) {
		if (unwind->rows[i].offset >= unwind->rows[i - 1].offset)
			continue;
		qsort(unwind->rows, unwind->nr, sizeof(*unwind->rows), row_compare);
		return;
	}
}

static int entries_compile(struct compiler *c)
{
	const struct bsl_frame *frames;
	size_t nr;
	int err = elf_frames(c->elf, &frames, &nr);

	for (size_t i = 0; i < nr && !err; i++) {
		c->frame = &frames[i];
		c->end = frames[i].addr + frames[i].size;
		if (i + 1 < nr && frames[i + 1].addr < c->end)
			c->end = frames[i + 1].addr;
		if (c->end > frames[i].addr)
			err = entry_compile(c);
	}
	return err;
}

int bsl_elf_unwind_read(struct bsl_elf *elf, struct bsl_unwind **unwind)
{
	struct compiler c = { .elf = elf };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == elf->ehdr.e_machine && elf->is64)
			c.registers = &machines[i];
	if (!c.registers)
		return -ENOTSUP;
	c.unwind = calloc(1, sizeof(*c.unwind));
	if (!c.unwind)
		return -ENOMEM;
	err = entries_compile(&c);
	if (!err)
		err = elf_error(elf, c.unwind->nr ? 0 : -ENODATA);
	if (err) {
		bsl_unwind_free(c.unwind);
		return err;
	}
	rows_sort(c.unwind);
	*unwind = c.unwind;
	return 0;
}

void bsl_unwind_free(struct bsl_unwind *unwind)
{
	if (!unwind)
		return;
	free(unwind->rows);
	free(unwind);
}

const struct bsl_unwind_row *bsl_unwind_find(const struct bsl_unwind *unwind, uint32_t offset)
{
	size_t low = 0, high = unwind->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (unwind->rows[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &unwind->rows[low - 1] : NULL;
}
