/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* How returns are seen: of functions of this program, which are what their instructions and their tables say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <blazesym-lite.h>

void plain(void);
void untabled(void);
void untabled_tail(void);
void looks(void);
void pushes(void);
void moves_it(void);
void switches(void);
void never(void);
void cold_half(void);

#ifdef __x86_64__
#define FUNCTION(name, code)                                                             \
	".globl " #name "\n.type " #name ", @function\n" #name ": .cfi_startproc\n" code \
	"\n.cfi_endproc\n.size " #name ", . - " #name "\n"

/* clang-format off */
__asm__(".text\n"
	FUNCTION(plain, "sub $8, %rsp\n.cfi_adjust_cfa_offset 8\nadd $8, %rsp\n.cfi_adjust_cfa_offset -8\nret")
	FUNCTION(looks, "mov (%rsp), %rax\nret")
	FUNCTION(pushes, "push %rbx\n.cfi_adjust_cfa_offset 8\nlea 8(%rsp), %rax\npop %rbx\n.cfi_adjust_cfa_offset -8\nret")
	FUNCTION(moves_it, "pop %rdi\n.cfi_adjust_cfa_offset -8\n.cfi_register %rip, %rdi\npush %rdi\n"
		 ".cfi_adjust_cfa_offset 8\nret")
	/* a switch: with a frame of its own it can't end there */
	FUNCTION(switches, "push %rbx\n.cfi_adjust_cfa_offset 8\njmp *%rax\npop %rbx\n.cfi_adjust_cfa_offset -8\nret")
	FUNCTION(never, ".cfi_undefined %rip\nhlt")
	FUNCTION(cold_half, ".cfi_def_cfa_offset 32\nadd $24, %rsp\n.cfi_def_cfa_offset 8\njmp plain")
	".globl untabled, untabled_tail\n.type untabled, @function\n.type untabled_tail, @function\n"
	"untabled: nop; ret\n.size untabled, . - untabled\n"
	"untabled_tail: jmp plain\n.size untabled_tail, . - untabled_tail\n");
/* clang-format on */

static int keep(const struct bsl_symbol *sym, void *ctx)
{
	struct bsl_function *function = ctx;

	*function = (struct bsl_function){ sym->addr, sym->size, NULL, sym->is_label };
	return 1;
}

static int count_site(uint64_t offset, void *ctx)
{
	(void)offset;
	++*(int *)ctx;
	return 0;
}

static void test_ways(void **state)
{
	static const struct {
		const char *name;
		int way;
		const char *why;
		int sites;
	} rows[] = {
		{ "plain", BSL_RETURN_BY_PROBE, NULL, 1 },
		{ "switches", BSL_RETURN_BY_PROBE, NULL, 1 },
		{ "looks", BSL_RETURN_BY_SITES, NULL, 1 },
		{ "pushes", BSL_RETURN_BY_SITES, NULL, 1 },
		{ "moves_it", BSL_RETURN_BY_SITES, NULL, 1 },
		{ "untabled", BSL_RETURN_BY_SITES, NULL, 1 },
		{ "untabled_tail", -EPERM, "end in another function", 0 },
		{ "cold_half", -EPERM, "no unwinding table says", 0 },
		{ "never", -EPERM, "no return instruction", 0 },
		{ "_start", -EPERM, "no return instruction", 0 },
		/* a C function that is as good as any */
		{ "main", BSL_RETURN_BY_PROBE, NULL, -1 },
	};
	struct bsl_elf *elf;

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bsl_function function;
		char why[300] = "";
		int sites = 0, way;

#ifdef __SANITIZE_ADDRESS__
		/* The sanitizer's library gives signal handlers a stack of their own. */
		if (rows[i].way == BSL_RETURN_BY_PROBE)
			continue;
#endif
		assert_int_equal(bsl_elf_find_symbols(elf, rows[i].name, 0, keep, &function), 1);
		way = bsl_elf_return_way(elf, &function, why, sizeof(why));
		if (way != rows[i].way || (rows[i].why && !strstr(why, rows[i].why)))
			fail_msg("%s: %d '%s'", rows[i].name, way, why);
		if (rows[i].sites < 0)
			continue;
		assert_int_equal(bsl_elf_return_sites(elf, &function, count_site, &sites),
				 rows[i].sites);
		assert_int_equal(sites, rows[i].sites);
	}
	bsl_elf_close(elf);
}
#else
static void test_ways(void **state)
{
	(void)state;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
