/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What processes map, told after they have ended. Skipped where the kernel lets nobody but root watch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <blazesym-lite.h>
#include "lib/mappings.h"

static const struct bsl_map *find_file(const struct bsl_maps *maps, const char *name)
{
	for (size_t i = 0; maps && i < maps->nr; i++) {
		const char *slash = strrchr(maps->maps[i].path, '/');

		if (slash && !strcmp(slash + 1, name))
			return &maps->maps[i];
	}
	return NULL;
}

/* Run a program to its end; returns the process that it was. */
static pid_t run(const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		execl(path, path, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static int setup(void **state)
{
	*state = mappings_new();
	return 0;
}

static int teardown(void **state)
{
	mappings_free(*state);
	return 0;
}

static void test_program_that_has_ended_is_known(void **state)
{
	struct mappings *mappings = *state;
	const struct bsl_maps *maps;
	pid_t pid;

	if (!mappings)
		skip();
	pid = run("/bin/true");
	mappings_drain(mappings);
	maps = mappings_of(mappings, pid);
	assert_non_null(find_file(maps, "true"));
	assert_int_equal(find_file(maps, "true")->kind, BSL_MAP_FILE);
	for (size_t i = 1; i < maps->nr; i++)
		assert_true(maps->maps[i - 1].end <= maps->maps[i].start);
}

static void test_child_has_what_its_parent_had_mapped(void **state)
{
	struct mappings *mappings = *state;
	const struct bsl_maps *maps;
	pid_t pid;

	if (!mappings)
		skip();
	pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	mappings_drain(mappings);
	/* Mapped before anybody watched: what the parent, still there, has. */
	maps = mappings_of(mappings, pid);
	assert_non_null(bsl_maps_find(maps, (uintptr_t)test_child_has_what_its_parent_had_mapped));
}

static void test_process_that_did_nothing_yet_is_unknown(void **state)
{
	struct mappings *mappings = *state;

	if (!mappings)
		skip();
	mappings_drain(mappings);
	assert_null(mappings_of(mappings, getpid()));
}

static void test_many_processes_are_kept(void **state)
{
	struct mappings *mappings = *state;
	pid_t pids[50];

	if (!mappings)
		skip();
	for (int i = 0; i < 50; i++)
		pids[i] = run("/bin/true");
	mappings_drain(mappings);
	for (int i = 0; i < 50; i++)
		assert_non_null(find_file(mappings_of(mappings, pids[i]), "true"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_program_that_has_ended_is_known, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_child_has_what_its_parent_had_mapped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_process_that_did_nothing_yet_is_unknown, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_many_processes_are_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
