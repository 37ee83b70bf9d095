/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Control groups as filters: only those that BPF can ask for are taken.
 */
#include <errno.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/filter.h"

static const char *find_cgroup2(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (!statfs(places[i], &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	}
	return NULL;
}

static void test_id_of_a_control_group(void **state)
{
	const char *path = find_cgroup2();
	uint64_t id = 0;
	struct stat st;
	int fd;

	(void)state;
	if (!path) {
		print_message("SKIPPED: no cgroup version 2 hierarchy is mounted\n");
		skip();
	}
	fd = filter_cgroup_open(path, &id);
	assert_true(fd >= 0);
	/* With 64 bits, the inode's number is the same id. */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(id, st.st_ino);
	close(fd);
}

static void test_what_is_no_control_group_is_refused(void **state)
{
	(void)state;
	assert_int_equal(filter_cgroup_open("/tmp", NULL), -EOPNOTSUPP);
	assert_int_equal(filter_cgroup_open("/no/such/dir", NULL), -ENOENT);
	assert_int_equal(filter_cgroup_open("/etc/passwd", NULL), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id_of_a_control_group),
		cmocka_unit_test(test_what_is_no_control_group_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
