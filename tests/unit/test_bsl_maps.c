/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* /proc/PID/maps: its text, hostile text, and opening what is mapped. */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <blazesym-lite.h>

static struct bsl_maps *parse(const char *text)
{
	struct bsl_maps *maps = NULL;

	assert_int_equal(bsl_maps_parse(text, strlen(text), &maps), 0);
	return maps;
}

static void test_parse_reads_every_kind_of_line(void **state)
{
	struct bsl_maps *maps = parse(
		"55d0c8000000-55d0c8002000 r-xp 00002000 fd:01 1234567        /usr/bin/a b\n"
		"55d0c8003000-55d0c8004000 rw-p 00003000 fd:01 1234567        /usr/bin/a b\n"
		"55d0c9000000-55d0c9021000 rw-p 00000000 00:00 0        [heap]\n"
		"7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
		"7f0000001000-7f0000002000 r--s 00000000 00:01 77        /memfd:jit code (deleted)\n"
		"7f0000002000-7f0000003000 r-xp 00000000 fd:01 99        /tmp/x\\012y.so (deleted)\n"
		"7f0000003000-7f0000004000 rw-p 00000000 00:00 0        [anon:stack]\n"
		"7fff00000000-7fff00001000 r-xp 00000000 00:00 0        [vdso]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0        [vsyscall]");
	const struct bsl_map *map = maps->maps;

	(void)state;
	assert_int_equal(maps->nr, 9);
	assert_int_equal(map[0].start, 0x55d0c8000000);
	assert_int_equal(map[0].end, 0x55d0c8002000);
	assert_int_equal(map[0].perms, BSL_MAP_READ | BSL_MAP_EXEC);
	assert_int_equal(map[0].offset, 0x2000);
	assert_int_equal(map[0].dev_major, 0xfd);
	assert_int_equal(map[0].dev_minor, 1);
	assert_int_equal(map[0].ino, 1234567);
	assert_int_equal(map[0].kind, BSL_MAP_FILE);
	assert_string_equal(map[0].path, "/usr/bin/a b");
	assert_string_equal(map[1].path, "/usr/bin/a b");
	assert_false(map[1].deleted);
	assert_int_equal(map[2].kind, BSL_MAP_SPECIAL);
	assert_int_equal(map[3].kind, BSL_MAP_ANON);
	assert_int_equal(map[3].perms, 0);
	assert_string_equal(map[3].path, "");
	assert_true(map[4].memfd && map[4].deleted);
	assert_int_equal(map[4].perms, BSL_MAP_READ | BSL_MAP_SHARED);
	assert_string_equal(map[4].path, "/memfd:jit code");
	assert_true(map[5].deleted && !map[5].memfd);
	assert_string_equal(map[5].path, "/tmp/x\ny.so");
	assert_int_equal(map[6].kind, BSL_MAP_ANON);
	assert_int_equal(map[7].kind, BSL_MAP_VDSO);
	assert_int_equal(map[8].kind, BSL_MAP_SPECIAL);
	assert_int_equal(map[8].end, 0xffffffffff601000);
	bsl_maps_free(maps);
}

static void test_parse_refuses_what_is_not_a_maps_file(void **state)
{
	static const char *const broken[] = {
		"\n",
		"hello\n",
		"1000-2000\n",
		"1000-2000 r-xp\n",
		"1000-2000 r-xp 0 0:0\n",
		"2000-1000 r-xp 0 0:0 0\n",
		"1000-2000 rrxp 0 0:0 0\n",
		"1000-2000 r-xp0 0 0:0 0\n",
		"1000-11111111111111111 r-xp 0 0:0 0\n",
		"-2000 r-xp 0 0:0 0\n",
		"1000-2000 r-xp 0 123456789:0 0\n",
		"1000-2000 r-xp 0 0:0 0x1 /a\n",
		/* overlapping, falling */
		"1000-3000 r-xp 0 0:0 0\n2000-4000 r-xp 0 0:0 0\n",
		"3000-4000 r-xp 0 0:0 0\n1000-2000 r-xp 0 0:0 0\n",
	};
	struct bsl_maps *maps;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		if (bsl_maps_parse(broken[i], strlen(broken[i]), &maps) != -EBADMSG)
			fail_msg("taken: %s", broken[i]);
	assert_int_equal(bsl_maps_parse("", 0, &maps), 0); /* a kernel thread */
	assert_int_equal(maps->nr, 0);
	assert_null(bsl_maps_find(maps, 0));
	bsl_maps_free(maps);
	bsl_maps_free(NULL);
}

static void test_find_knows_the_gaps(void **state)
{
	struct bsl_maps *maps = parse("1000-2000 r-xp 0 0:0 0\n2000-3000 r-xp 0 0:0 0\n"
				      "5000-6000 r-xp 0 0:0 0\n");

	(void)state;
	assert_null(bsl_maps_find(maps, 0xfff));
	assert_ptr_equal(bsl_maps_find(maps, 0x1000), &maps->maps[0]);
	assert_ptr_equal(bsl_maps_find(maps, 0x1fff), &maps->maps[0]);
	assert_ptr_equal(bsl_maps_find(maps, 0x2000), &maps->maps[1]);
	assert_null(bsl_maps_find(maps, 0x3000));
	assert_ptr_equal(bsl_maps_find(maps, 0x5fff), &maps->maps[2]);
	assert_null(bsl_maps_find(maps, 0x6000));
	assert_null(bsl_maps_find(maps, UINT64_MAX));
	bsl_maps_free(maps);
}

static void test_files_are_each_given_once(void **state)
{
	static const char text[] = "1000-2000 r-xp 00000000 08:01 7 /a\n"
				   "2000-3000 r--p 00001000 08:01 8 /data\n"
				   "3000-4000 r-xp 00000000 08:01 9 /b\n"
				   "4000-5000 r-xp 00000000 08:02 7 /other/disk\n"
				   "5000-6000 r-xp 00004000 08:01 7 /a\n"
				   "6000-7000 r-xp 00000000 00:00 0 \n"
				   "7000-8000 r-xp 00000000 00:01 5 /memfd:x (deleted)\n";
	static const uint64_t starts[] = { 0x1000, 0x3000, 0x4000, 0x7000 };
	const struct bsl_map *map = NULL;
	struct bsl_maps *maps;

	(void)state;
	assert_int_equal(bsl_maps_parse(text, strlen(text), &maps), 0);
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		map = bsl_maps_next_file(maps, map);
		assert_non_null(map);
		assert_int_equal(map->start, starts[i]);
	}
	assert_null(bsl_maps_next_file(maps, map));
	bsl_maps_free(maps);
}

static void test_read_finds_own_code(void **state)
{
	struct bsl_maps *maps;
	const struct bsl_map *map;
	struct stat st, exe;
	int fd;

	(void)state;
	assert_int_equal(bsl_maps_read(0, &maps), 0);
	assert_int_equal(maps->pid, getpid());
	map = bsl_maps_find(maps, (uintptr_t)test_read_finds_own_code);
	assert_non_null(map);
	assert_true(map->perms & BSL_MAP_EXEC);
	fd = bsl_map_open(maps, map);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st) | stat("/proc/self/exe", &exe), 0);
	assert_true(st.st_dev == exe.st_dev && st.st_ino == exe.st_ino);
	close(fd);
	bsl_maps_free(maps);
	assert_int_equal(bsl_maps_read(INT_MAX, &maps), -ESRCH);
}

/* Maps `fd`'s first page, and opens what is mapped. */
static int mapped_open(int fd)
{
	struct bsl_maps *maps = NULL;
	const struct bsl_map *map;
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	int opened;

	assert_true(page != MAP_FAILED);
	assert_int_equal(bsl_maps_read(0, &maps), 0);
	map = bsl_maps_find(maps, (uintptr_t)page);
	assert_non_null(map);
	opened = bsl_map_open(maps, map);
	bsl_maps_free(maps);
	munmap(page, 4096);
	return opened;
}

static void assert_holds(int fd, const char *text)
{
	char buf[16] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) > 0);
	close(fd);
	assert_string_equal(buf, text);
}

static void test_deleted_replaced_and_memfd_files_can_be_opened(void **state)
{
	char name[] = "/tmp/test_bsl_maps.XXXXXX";
	int fd = mkstemp(name), other, opened;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "first", 5), 5);
	assert_holds(mapped_open(fd), "first");
	unlink(name);
	opened = mapped_open(fd);
	if (opened < 0) {
		close(fd);
		print_message("skipped: /proc/PID/map_files needs CAP_CHECKPOINT_RESTORE\n");
		skip();
	}
	assert_holds(opened, "first");
	/* another file of the same name must not be taken for it */
	other = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	assert_true(other >= 0);
	assert_int_equal(write(other, "second", 6), 6);
	assert_holds(mapped_open(fd), "first");
	unlink(name);
	close(other);
	close(fd);

	fd = memfd_create("test", 0);
	assert_int_equal(write(fd, "memory", 6), 6);
	assert_holds(mapped_open(fd), "memory");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_reads_every_kind_of_line),
		cmocka_unit_test(test_parse_refuses_what_is_not_a_maps_file),
		cmocka_unit_test(test_find_knows_the_gaps),
		cmocka_unit_test(test_files_are_each_given_once),
		cmocka_unit_test(test_read_finds_own_code),
		cmocka_unit_test(test_deleted_replaced_and_memfd_files_can_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
