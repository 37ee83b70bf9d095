/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Compact unwinding tables: each row says what libdw, an independent reader, says of its first and last byte. */
#include <array_size.h>
#include <dirent.h>
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

/* x86_64's and arm64's numbers in DWARF. */
struct machine {
	int sp, fp, link;
};

struct comparison {
	Dwarf_CFI *cfi;
	struct machine machine;
	unsigned long kinds[256];
};

static bool is_breg(const Dwarf_Op *op, int reg, int64_t *offset)
{
	if (op->atom == DW_OP_bregx && op->number == (Dwarf_Word)reg) {
		*offset = (int64_t)op->number2;
		return true;
	}
	*offset = (int64_t)op->number;
	return op->atom == DW_OP_breg0 + reg;
}

/* What libdw says of a register: kept, undefined, or *offset from the CFA. */
enum rule { KEPT, UNDEFINED, AT_CFA, AT_RBP, ELSE };

static enum rule rule_of(Dwarf_Frame *frame, int reg, int64_t *offset)
{
	Dwarf_Op mem[3], *ops;
	size_t nr;

	*offset = 0;
	assert_int_equal(dwarf_frame_register(frame, reg, mem, &ops, &nr), 0);
	if (!nr)
		return ops == mem ? UNDEFINED : KEPT;
	if (ops[0].atom != DW_OP_call_frame_cfa || nr > 2)
		return ELSE;
	if (nr == 2 && is_breg(&ops[1], 6, offset))
		return AT_RBP;
	if (nr == 2 && ops[1].atom != DW_OP_plus_uconst)
		return ELSE; /* DW_OP_stack_value */
	*offset = nr == 2 ? (int64_t)ops[1].number : 0;
	return AT_CFA;
}

static bool is_leaf(uint8_t kind)
{
	return kind == BSL_UNWIND_SP_LEAF || kind == BSL_UNWIND_FP_LEAF;
}

/* Of the caller's registers. */
static void compare_rules(const struct comparison *c, Dwarf_Frame *frame, int ret_reg,
			  const struct bsl_unwind_row *row)
{
	int64_t ret_offset, fp_offset;
	enum rule ret = rule_of(frame, ret_reg, &ret_offset);
	enum rule fp = rule_of(frame, c->machine.fp, &fp_offset);

	if (is_leaf(row->kind)) {
		assert_int_equal(c->machine.link, ret_reg);
		assert_true(ret == KEPT && fp != AT_CFA && fp != ELSE && !row->fp);
		return;
	}
	assert_int_equal(ret, AT_CFA);
	if (row->kind == BSL_UNWIND_AT_FP) {
		assert_true(fp == AT_RBP && !fp_offset && ret_offset == -8);
		return;
	}
	if (row->kind & BSL_UNWIND_RET_ONLY) {
		assert_true(fp != AT_CFA && fp != ELSE);
		assert_int_equal(ret_offset, row->fp * 8);
		return;
	}
	if (c->machine.link < 0)
		assert_int_equal(ret_offset, -8);
	else
		assert_int_equal(ret_offset, row->fp * 8 + 8);
	if (row->fp)
		assert_true(fp == AT_CFA && fp_offset == row->fp * 8);
	else
		assert_true(fp == KEPT || fp == UNDEFINED);
}

static void compare_cfa(const struct comparison *c, const Dwarf_Op *ops, size_t nr,
			const struct bsl_unwind_row *row)
{
	int64_t offset = 0;

	switch (row->kind & ~BSL_UNWIND_RET_ONLY) {
	case BSL_UNWIND_SP:
	case BSL_UNWIND_SP_LEAF:
		assert_true(nr == 1 && is_breg(ops, c->machine.sp, &offset));
		break;
	case BSL_UNWIND_FP:
	case BSL_UNWIND_FP_LEAF:
		assert_true(nr == 1 && is_breg(ops, c->machine.fp, &offset));
		break;
	case BSL_UNWIND_AT_FP:
		assert_true(nr == 2 && is_breg(ops, c->machine.fp, &offset));
		assert_int_equal(ops[1].atom, DW_OP_deref);
		break;
	case BSL_UNWIND_AT_SP:
		assert_true(nr == 3 && is_breg(ops, c->machine.sp, &offset));
		assert_int_equal(ops[1].atom, DW_OP_deref);
		assert_true(ops[2].atom == DW_OP_plus_uconst && ops[2].number == 8);
		break;
	case BSL_UNWIND_STUB10:
	case BSL_UNWIND_STUB11:
		assert_int_equal(nr, 9);
		assert_true(is_breg(ops, c->machine.sp, &offset) && offset == 8);
		offset = 0;
		assert_int_equal(ops[4].atom,
				 row->kind == BSL_UNWIND_STUB11 ? DW_OP_lit11 : DW_OP_lit10);
		break;
	default:
		fail();
	}
	assert_int_equal(offset, row->cfa * 8);
}

static void compare_row(struct comparison *c, uint64_t addr, const struct bsl_unwind_row *row)
{
	Dwarf_Addr start, end;
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	bool is_signal;
	int64_t offset;
	size_t nr;
	int reg, err = dwarf_cfi_addrframe(c->cfi, addr, &frame);

	if (row->kind == BSL_UNWIND_NONE) {
		assert_int_not_equal(err, 0);
		return;
	}
	assert_int_equal(err, 0);
	reg = dwarf_frame_info(frame, &start, &end, &is_signal);
	if (row->kind == BSL_UNWIND_END) {
		assert_int_equal(rule_of(frame, reg, &offset), UNDEFINED);
	} else if (row->kind == BSL_UNWIND_SIGNAL) {
		assert_true(is_signal);
	} else if (row->kind != BSL_UNWIND_OTHER) {
		assert_false(is_signal);
		assert_int_equal(dwarf_frame_cfa(frame, &ops, &nr), 0);
		compare_cfa(c, ops, nr, row);
		compare_rules(c, frame, reg, row);
	}
	free(frame);
}

/* True: it has a table, which was compared. */
static bool compare_file(const char *path, struct comparison *c)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct bsl_unwind *unwind;
	struct bsl_elf *bsl;
	uint64_t first, last;
	Elf *elf;

	if (fd < 0 || bsl_elf_open_fd(fd, &bsl)) {
		close(fd);
		return false;
	}
	err = bsl_elf_unwind_read(bsl, &unwind);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	c->cfi = dwarf_getcfi_elf(elf);
	c->machine = bsl_elf_machine(bsl) == EM_X86_64 ? (struct machine){ 7, 6, -1 }
						       : (struct machine){ 31, 29, 30 };
	for (size_t i = 0; !err && i + 1 < unwind->nr; i++) {
		const struct bsl_unwind_row *row = &unwind->rows[i];

		assert_true(row[1].offset > row->offset);
		assert_ptr_equal(bsl_unwind_find(unwind, row->offset), row);
		assert_ptr_equal(bsl_unwind_find(unwind, row[1].offset - 1), row);
		c->kinds[row->kind]++;
		/* the gap between two segments is no code */
		if (bsl_elf_offset_to_addr(bsl, row->offset, &first) ||
		    bsl_elf_offset_to_addr(bsl, row[1].offset - 1, &last))
			continue;
		compare_row(c, first, row);
		compare_row(c, last, row);
	}
	if (!err)
		bsl_unwind_free(unwind);
	dwarf_cfi_end(c->cfi);
	elf_end(elf);
	bsl_elf_close(bsl);
	close(fd);
	return !err;
}

static void test_programs(void **state)
{
	static const char *const paths[] = {
		"/usr/lib/x86_64-linux-gnu/libc.so.6",
		"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
		"/usr/lib/aarch64-linux-gnu/libc.so.6",
		"/usr/aarch64-linux-gnu/lib/libc.so.6",
		"/usr/bin/redis-server",
	};
	struct comparison c = {};

	(void)state;
	elf_version(EV_CURRENT);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!compare_file(paths[i], &c))
			printf("[  SKIPPED ] %s is not installed\n", paths[i]);
	assert_true(compare_file("/proc/self/exe", &c));
	assert_true(c.kinds[BSL_UNWIND_END] && c.kinds[BSL_UNWIND_NONE]);
	assert_true(c.kinds[BSL_UNWIND_SP] || c.kinds[BSL_UNWIND_SP_LEAF]);
}

/* All libraries of this machine, with TESTS_FULL=1. */
static void test_libraries(void **state)
{
	static const char *const folders[] = { "/usr/lib/x86_64-linux-gnu", "/usr/bin",
					       "/usr/lib/aarch64-linux-gnu" };
	struct comparison c = {};
	unsigned int files = 0;
	unsigned long rows = 0;
	struct dirent *entry;
	char path[512];
	DIR *dir;

	(void)state;
	if (!getenv("TESTS_FULL")) {
		printf("[  SKIPPED ] TESTS_FULL is not set\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		dir = opendir(folders[i]);
		while (dir && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "%s/%s", folders[i], entry->d_name);
			if (entry->d_type == DT_REG)
				files += compare_file(path, &c);
		}
		if (dir)
			closedir(dir);
	}
	for (size_t i = 0; i < ARRAY_SIZE(c.kinds); i++) {
		rows += c.kinds[i];
		if (c.kinds[i])
			printf("kind %zu: %lu rows\n", i, c.kinds[i]);
	}
	printf("%u files, %lu rows\n", files, rows);
	assert_true(files > 100);
}

static void test_files_without_a_table(void **state)
{
	static const struct bsl_unwind_row rows[] = { { .offset = 16, .kind = BSL_UNWIND_SP },
						      { .offset = 32, .kind = BSL_UNWIND_NONE } };
	const struct bsl_unwind unwind = { .rows = (struct bsl_unwind_row *)rows, .nr = 2 };
	struct bsl_unwind *none;
	struct bsl_elf *elf;
	Elf64_Ehdr image = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			     .e_type = ET_DYN,
			     .e_machine = EM_X86_64,
			     .e_version = 1,
			     .e_ehsize = sizeof(image),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_shentsize = sizeof(Elf64_Shdr) };

	(void)state;
	assert_int_equal(bsl_elf_open_mem(&image, sizeof(image), &elf), 0);
	assert_int_equal(bsl_elf_unwind_read(elf, &none), -ENODATA);
	bsl_elf_close(elf);
	image.e_machine = EM_RISCV;
	assert_int_equal(bsl_elf_open_mem(&image, sizeof(image), &elf), 0);
	assert_int_equal(bsl_elf_unwind_read(elf, &none), -ENOTSUP);
	bsl_elf_close(elf);
	assert_null(bsl_unwind_find(&unwind, 15));
	assert_ptr_equal(bsl_unwind_find(&unwind, 16), rows);
	assert_ptr_equal(bsl_unwind_find(&unwind, 31), rows);
	assert_ptr_equal(bsl_unwind_find(&unwind, UINT32_MAX), rows + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_libraries),
		cmocka_unit_test(test_files_without_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
