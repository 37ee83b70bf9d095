/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Stacks that are finished in user space: each kind of row, from memory that is written here. */
#include <array_size.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/unwind_rest.h"

#define CODE 0x400000
#define STACK 0x7ffd0000

#if defined(__x86_64__)

struct rows {
	const struct unwind_row *rows;
	size_t count;
	uint64_t unknown; /* from this address on files are unknown */
};

static bool row_at(void *ctx, uint64_t address, const struct unwind_row **row, bool *is_unknown)
{
	const struct rows *rows = ctx;

	*row = NULL;
	*is_unknown = rows->unknown && address >= rows->unknown;
	for (size_t i = 0; i < rows->count && rows->rows[i].offset <= address - CODE; i++)
		*row = &rows->rows[i];
	return address >= CODE && address < CODE + 0x1000;
}

static struct unwind_cut *cut_new(uint64_t ip, uint64_t fp)
{
	struct unwind_cut *cut = calloc(1, sizeof(*cut));

	assert_non_null(cut);
	cut->number = 7;
	cut->tgid = 1;
	cut->size = 512;
	cut->state = (struct unwind_state){ .ip = ip, .sp = STACK, .fp = fp, .is_exact = 1 };
	return cut;
}

static void put(struct unwind_cut *cut, size_t at, uint64_t value)
{
	memcpy(cut->bytes + at, &value, sizeof(value));
}

/* What is found behind the first frame: as many addresses, and why it ends. */
static void expect(struct unwind_cut *cut, struct rows *rows, const uint64_t *addrs, size_t count,
		   enum unwind_end end)
{
	struct unwind_rest rest = {};

	unwind_rest_find(cut, row_at, rows, &rest);
	assert_int_equal(rest.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rest.addrs[i], addrs[i]);
	assert_int_equal(rest.end, end);
	free(rest.addrs);
	free(cut);
}

static const struct unwind_row rows_of_code[] = {
	{ .offset = 0x000, .kind = UNWIND_SP, .cfa = 1 },
	{ .offset = 0x100, .kind = UNWIND_SP, .cfa = 4, .fp = -2 },
	{ .offset = 0x200, .kind = UNWIND_FP, .cfa = 2, .fp = -2 },
	{ .offset = 0x300, .kind = UNWIND_AT_FP, .cfa = -1 },
	{ .offset = 0x400, .kind = UNWIND_CALLERLESS },
	{ .offset = 0x500, .kind = UNWIND_OTHER },
	{ .offset = 0x600, .kind = UNWIND_SIGNAL },
	{ .offset = 0x700, .kind = UNWIND_NONE },
};

static void test_each_kind_of_row(void **state)
{
	struct rows rows = { rows_of_code, ARRAY_SIZE(rows_of_code), 0 };
	const uint64_t addrs[] = { CODE + 0x110, CODE + 0x210, CODE + 0x310, CODE + 0x410 };
	struct unwind_cut *cut = cut_new(CODE, 0);

	(void)state;
	put(cut, 0, addrs[0]);	      /* CFA 8 */
	put(cut, 8 + 16, STACK + 64); /* CFA 40: frame pointer, */
	put(cut, 8 + 24, addrs[1]);   /* return address */
	put(cut, 64, STACK + 128);    /* CFA 80 */
	put(cut, 72, addrs[2]);
	put(cut, 120, STACK + 208); /* CFA 208, by fp - 8 */
	put(cut, 128, STACK + 300);
	put(cut, 200, addrs[3]);
	expect(cut, &rows, addrs, 4, UNWIND_COMPLETE);
}

static void test_a_signal_goes_on_where_it_came(void **state)
{
	struct rows rows = { rows_of_code, ARRAY_SIZE(rows_of_code), 0 };
	/* the first instruction of a function, which is looked up itself */
	const uint64_t addrs[] = { CODE + 0x100, CODE + 0x410 };
	struct unwind_cut *cut = cut_new(CODE + 0x600, 0);

	(void)state;
	put(cut, 160, STACK + 256);
	put(cut, 168, addrs[0]);
	put(cut, 256 + 24, addrs[1]);
	expect(cut, &rows, addrs, 2, UNWIND_COMPLETE);
}

static void test_without_a_row_by_frame_pointer(void **state)
{
	struct rows rows = { rows_of_code, ARRAY_SIZE(rows_of_code), 0 };
	const uint64_t addrs[] = { CODE + 0x710, CODE + 0x720 };
	struct unwind_cut *cut = cut_new(CODE + 0x700, STACK + 32);

	(void)state;
	put(cut, 32, STACK + 64);
	put(cut, 40, addrs[0]);
	put(cut, 64, 0);
	put(cut, 72, addrs[1]);
	expect(cut, &rows, addrs, 2, UNWIND_COMPLETE);
}

static void test_every_end_has_its_reason(void **state)
{
	struct rows rows = { rows_of_code, ARRAY_SIZE(rows_of_code), 0 };
	struct unwind_cut *cut;

	(void)state;
	expect(cut_new(CODE + 0x500, 0), &rows, NULL, 0, UNWIND_NO_RULE);
	expect(cut_new(CODE + 0x400, 0), &rows, NULL, 0, UNWIND_COMPLETE);
	/* no frame pointer: below the stack pointer, not aligned */
	expect(cut_new(CODE + 0x700, STACK - 8), &rows, NULL, 0, UNWIND_NO_CHAIN);
	expect(cut_new(CODE + 0x700, STACK + 9), &rows, NULL, 0, UNWIND_NO_CHAIN);
	/* beyond what was sent */
	expect(cut_new(CODE + 0x700, STACK + 512), &rows, NULL, 0, UNWIND_UNREADABLE);
	/* a return address that isn't in any code */
	expect(cut_new(CODE, 0), &rows, NULL, 0, UNWIND_NO_CODE);
	cut = cut_new(CODE, 0);
	cut->size = 0;
	expect(cut, &rows, NULL, 0, UNWIND_UNREADABLE);
	rows = (struct rows){ NULL, 0, CODE };
	expect(cut_new(CODE, STACK + 16), &rows, NULL, 0, UNWIND_UNKNOWN_FILE);
}

/* A function that calls itself without an end. */
static void test_a_deep_stack_is_cut(void **state)
{
	struct rows rows = { rows_of_code, ARRAY_SIZE(rows_of_code), 0 };
	uint64_t addrs[UNWIND_FRAMES];
	struct unwind_cut *cut = cut_new(CODE, 0);

	(void)state;
	cut->size = UNWIND_CUT_BYTES;
	for (size_t i = 0; i < UNWIND_CUT_BYTES / 8; i++)
		put(cut, 8 * i, CODE + 0x10);
	for (size_t i = 0; i < UNWIND_FRAMES; i++)
		addrs[i] = CODE + 0x10;
	expect(cut, &rows, addrs, UNWIND_FRAMES, UNWIND_DEEP);
}

#endif

int main(void)
{
#if defined(__x86_64__)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_of_row),
		cmocka_unit_test(test_a_signal_goes_on_where_it_came),
		cmocka_unit_test(test_without_a_row_by_frame_pointer),
		cmocka_unit_test(test_every_end_has_its_reason),
		cmocka_unit_test(test_a_deep_stack_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
#else
	return 0;
#endif
}
