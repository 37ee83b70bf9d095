/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Containers' ids in the names of control groups.
 */
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cgroup.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_ids_are_found_as_the_runtimes_write_them(void **state)
{
	static const char *const names[] = {
		ID,
		"docker-" ID ".scope",
		"libpod-" ID ".scope",
		"cri-containerd-" ID ".scope",
		"crio-" ID ".scope",
		"kubepods-besteffort-pod1.slice:cri-containerd:" ID,
	};
	const char *id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(cgroup_container_id(names[i], strlen(names[i]), &id), 64);
		assert_memory_equal(id, ID, 64);
	}
}

static void test_other_groups_are_no_containers(void **state)
{
	static const char *const names[] = {
		"",
		"user.slice",
		"session-1.scope",
		"docker-0123.scope",
		ID "0",
		"docker-" ID ".mount",
		"x" ID,
		"docker-" ID ".scopes",
		"-",
		":",
	};
	const char *id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(cgroup_container_id(names[i], strlen(names[i]), &id), 0);
	/* Not more than it is given. */
	assert_int_equal(cgroup_container_id(ID, 63, &id), 0);
}

static void test_bad_prefixes_are_refused(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(cgroup_find_container("", path), -EINVAL);
	assert_int_equal(cgroup_find_container("012", path), -EINVAL);
	assert_int_equal(cgroup_find_container("web-server", path), -EINVAL);
	assert_int_equal(cgroup_find_container(ID "0", path), -EINVAL);
	assert_int_equal(cgroup_find_container("fedcba9876543210fedcba98765432100123", path),
			 -ENOENT);
}

static void test_directories_outside_of_all_hierarchies_are_refused(void **state)
{
	struct cgroup_place place;

	(void)state;
	assert_int_equal(cgroup_describe("/usr", &place), -EOPNOTSUPP);
	assert_int_equal(cgroup_describe("/usr/no such thing", &place), -ENOENT);
	assert_int_equal(cgroup_describe("/etc/passwd", &place), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_are_found_as_the_runtimes_write_them),
		cmocka_unit_test(test_other_groups_are_no_containers),
		cmocka_unit_test(test_bad_prefixes_are_refused),
		cmocka_unit_test(test_directories_outside_of_all_hierarchies_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
