/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What is missing is told, and nothing that isn't.
 */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <array_size.h>
#include <cmocka.h>

#include "lib/permission.h"

#define PERFMON (1ull << 38)
#define BPF (1ull << 39)
#define ADMIN (1ull << CAP_SYS_ADMIN)
#define ALL (~0ull)

static void test_the_cause_is_named(void **state)
{
	static const struct {
		enum permission what;
		struct permission_facts facts;
		const char *text;
	} rows[] = {
		{ PERMISSION_BPF,
		  {},
		  "needs CAP_BPF, CAP_PERFMON: CAP_BPF, CAP_PERFMON are missing" },
		{ PERMISSION_BPF, { .capabilities = BPF }, ": CAP_PERFMON is missing" },
		{ PERMISSION_BPF, { .capabilities = PERFMON }, ": CAP_BPF is missing" },
		/* Before there were these, and still. */
		{ PERMISSION_BPF, { .capabilities = ADMIN }, "no capability is missing" },
		{ PERMISSION_BPF, { .capabilities = ALL }, "no capability is missing" },
		{ PERMISSION_BPF, { .capabilities = ALL, .has_seccomp = true }, "a seccomp filter" },
		{ PERMISSION_BPF,
		  { .capabilities = ALL, .has_seccomp = true, .lockdown = "confidentiality" },
		  "locked down (confidentiality)" },
		{ PERMISSION_BPF,
		  { .capabilities = ALL, .in_user_ns = true },
		  "another user namespace" },
		{ PERMISSION_TRACEFS, { .has_tracefs = true }, ": CAP_DAC_READ_SEARCH is missing" },
		{ PERMISSION_TRACEFS,
		  {},
		  "needs tracefs mounted (mount -t tracefs none "
		  "/sys/kernel/tracing), or CAP_SYS_ADMIN" },
		{ PERMISSION_PERF,
		  { .capabilities = PERFMON, .perf_paranoid = 3 },
		  "kernel.perf_event_paranoid is 3, with which CAP_SYS_ADMIN is needed" },
		{ PERMISSION_UPROBE,
		  { .capabilities = BPF | PERFMON },
		  ": CAP_SYS_ADMIN is missing" },
		{ PERMISSION_PROCESS, { .capabilities = ADMIN }, ": CAP_SYS_PTRACE is missing" },
		{ PERMISSION_SYMBOLS, { .capabilities = ADMIN }, ": CAP_SYSLOG is missing" },
		{ PERMISSION_SYMBOLS,
		  { .capabilities = ALL, .kptr_restrict = 2 },
		  "kernel.kptr_restrict is 2" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		permission_explain(rows[i].what, &rows[i].facts, text, sizeof(text));
		if (!strstr(text, rows[i].text))
			fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].text, text);
	}
}

static void test_only_refusals_are_refusals(void **state)
{
	static const char text[] = "R1 type=ctx expected=fp";

	(void)state;
	assert_false(permission_lacks_helpers(text, strlen(text)));
	assert_false(permission_lacks_helpers(NULL, 0));
	assert_true(permission_is_refusal(-EPERM) && permission_is_refusal(-EACCES));
	assert_false(permission_is_refusal(0) || permission_is_refusal(-ENOENT) ||
		     permission_is_refusal(-EMFILE));
}

static void test_own_capabilities_are_those_of_proc(void **state)
{
	struct permission_facts facts;
	unsigned long long effective = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "CapEff: %llx", &effective) != 1)
		;
	fclose(file);
	permission_read(&facts);
	assert_true(facts.capabilities == effective);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_cause_is_named),
		cmocka_unit_test(test_only_refusals_are_refusals),
		cmocka_unit_test(test_own_capabilities_are_those_of_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
