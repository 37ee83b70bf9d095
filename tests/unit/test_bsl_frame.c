/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Unwinding tables: as libdw, an independent reader, has those of programs of this machine; broken ones. */
#include <array_size.h>
#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <blazesym-lite.h>

struct comparison {
	struct bsl_elf *elf;
	Dwarf_CFI *cfi;
	int ret_reg;
	struct bsl_frame frame;
	uint64_t next; /* where the next row must begin */
	unsigned long frames, rows, by_stack, by_other, handlers, none;
};

/* DW_OP_bregN or bregx, and nothing more: the register, and *offset. */
static int register_of(const Dwarf_Op *ops, size_t nr, int64_t *offset)
{
	if (nr != 1)
		return BSL_REG_NONE;
	if (ops[0].atom == DW_OP_bregx) {
		*offset = (int64_t)ops[0].number2;
		return (int)ops[0].number;
	}
	if (ops[0].atom < DW_OP_breg0 || ops[0].atom > DW_OP_breg31)
		return BSL_REG_NONE;
	*offset = (int64_t)ops[0].number;
	return ops[0].atom - DW_OP_breg0;
}

static void compare_return(const struct bsl_frame_row *row, const Dwarf_Op *ops, size_t nr,
			   const Dwarf_Op *mem)
{
	int64_t offset = 0;

	/* nothing at all: undefined, or with ops also: the same value */
	if (nr == 0) {
		assert_int_equal(row->ret, ops == mem ? BSL_FRAME_NONE : BSL_FRAME_IN_REG);
		return;
	}
	if (ops[0].atom == DW_OP_call_frame_cfa) {
		if (nr == 2 && ops[1].atom == DW_OP_plus_uconst)
			offset = (int64_t)ops[1].number;
		assert_int_equal(row->ret, BSL_FRAME_AT_CFA);
		assert_int_equal(row->ret_offset, offset);
		return;
	}
	assert_int_equal(row->ret, BSL_FRAME_OTHER);
}

static int compare_row(const struct bsl_frame_row *row, void *ctx)
{
	struct comparison *c = ctx;
	Dwarf_Op mem[3], *ops;
	Dwarf_Frame *frame;
	int64_t offset = 0;
	Dwarf_Addr start, end;
	bool is_signal;
	size_t nr;
	int reg;

	c->rows++;
	assert_int_equal(row->addr, c->next);
	assert_true(row->size);
	c->next = row->addr + row->size;
	assert_int_equal(dwarf_cfi_addrframe(c->cfi, row->addr, &frame), 0);
	reg = dwarf_frame_info(frame, &start, &end, &is_signal);
	assert_int_equal(is_signal, c->frame.is_signal);
	assert_true(start <= row->addr && row->addr + row->size <= end);
	c->ret_reg = reg;
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &nr), 0);
	reg = register_of(ops, nr, &offset);
	assert_int_equal(row->cfa_reg, reg);
	if (reg >= 0)
		assert_int_equal(row->cfa_offset, offset);
	if (reg == 7)
		c->by_stack++;
	else
		c->by_other++;
	assert_int_equal(dwarf_frame_register(frame, c->ret_reg, mem, &ops, &nr), 0);
	compare_return(row, ops, nr, mem);
	c->none += row->ret == BSL_FRAME_NONE;
	free(frame);
	return 0;
}

static int compare_frame(const struct bsl_symbol *sym, void *ctx)
{
	struct comparison *c = ctx;
	int err = bsl_elf_frame_at(c->elf, sym->addr, &c->frame);

	if (err == -ENOENT)
		return 0;
	assert_int_equal(err, 0);
	assert_true(sym->addr - c->frame.addr < c->frame.size);
	c->frames++;
	c->handlers += c->frame.has_handlers;
	c->next = c->frame.addr;
	assert_int_equal(bsl_elf_frame_rows(c->elf, &c->frame, compare_row, c), 0);
	assert_int_equal(c->next, c->frame.addr + c->frame.size);
	return 0;
}

/* Everything that has a symbol. */
static void compare_file(const char *path, struct comparison *c)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf;

	*c = (struct comparison){ .frames = 0 };
	assert_true(fd >= 0);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	c->cfi = dwarf_getcfi_elf(elf);
	assert_non_null(c->cfi);
	assert_int_equal(bsl_elf_open(path, &c->elf), 0);
	assert_true(bsl_elf_find_symbols(c->elf, "*", BSL_FIND_GLOB, compare_frame, c) > 0);
	bsl_elf_close(c->elf);
	dwarf_cfi_end(c->cfi);
	elf_end(elf);
	close(fd);
}

static void test_programs(void **state)
{
	static const char *const paths[] = {
		"/usr/lib/x86_64-linux-gnu/libc.so.6",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
		"/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so",
		"/usr/bin/redis-server",
	};
	unsigned long handlers = 0;
	struct comparison c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], R_OK)) {
			printf("[  SKIPPED ] %s is not installed\n", paths[i]);
			continue;
		}
		compare_file(paths[i], &c);
		assert_true(c.frames > 1000 && c.rows > 2 * c.frames && c.by_stack && c.by_other);
		handlers += c.handlers;
	}
	assert_true(handlers > 100);
	compare_file("/proc/self/exe", &c);
	assert_true(c.frames > 10);
	/* _start has no caller */
	assert_true(c.none);
}

static void test_files_without_a_table(void **state)
{
	struct bsl_frame frame;
	struct bsl_elf *elf;

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(bsl_elf_frame_at(elf, 1, &frame), -ENOENT);
	assert_int_equal(bsl_elf_frame_at(elf, UINT64_MAX, &frame), -ENOENT);
	bsl_elf_close(elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_files_without_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
