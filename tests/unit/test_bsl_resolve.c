/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Finding files by path, library name and command; the linker's cache. */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <blazesym-lite.h>

/* What was found is open; the kernel finds the same file by its path. */
static void assert_is_open_elf(struct bsl_file *file)
{
	struct stat st;

	assert_non_null(file->elf);
	assert_int_equal(stat(bsl_elf_path(file->elf), &st), 0);
	assert_true(st.st_dev == bsl_elf_dev(file->elf));
	assert_true(st.st_ino == bsl_elf_ino(file->elf));
	bsl_elf_close(file->elf);
}

static void test_paths(void **state)
{
	struct bsl_file file;
	char err[256], cwd[PATH_MAX];

	(void)state;
	assert_int_equal(bsl_resolve("/proc/self/exe", 0, 0, &file, err, sizeof(err)), 0);
	assert_is_open_elf(&file);
	assert_int_equal(bsl_resolve("/no/such/file", 0, 0, &file, err, sizeof(err)), -ENOENT);
	assert_string_equal(err, "/no/such/file: No such file or directory");
	assert_int_equal(bsl_resolve("/etc/passwd", 0, 0, &file, err, sizeof(err)), -ENOEXEC);
	assert_string_equal(err, "/etc/passwd: not an ELF file");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir("/proc/self"), 0);
	assert_int_equal(bsl_resolve("./exe", 0, 0, &file, err, sizeof(err)), 0);
	assert_string_equal(file.display, "./exe");
	assert_is_open_elf(&file);
	assert_int_equal(chdir(cwd), 0);
	/* without room for a message */
	assert_int_equal(bsl_resolve("/no/such/file", 0, 0, &file, NULL, 0), -ENOENT);
	assert_int_equal(bsl_resolve("/no/such/file", 0, 0, &file, err, 4), -ENOENT);
	assert_string_equal(err, "/no");
}

static void test_executable_of_a_process(void **state)
{
	struct bsl_file file, exe;
	char err[256];

	(void)state;
	assert_int_equal(bsl_resolve(NULL, getpid(), 0, &file, err, sizeof(err)), 0);
	assert_int_equal(bsl_resolve("/proc/self/exe", 0, 0, &exe, err, sizeof(err)), 0);
	assert_true(bsl_elf_ino(file.elf) == bsl_elf_ino(exe.elf));
	assert_true(bsl_elf_dev(file.elf) == bsl_elf_dev(exe.elf));
	bsl_elf_close(file.elf);
	bsl_elf_close(exe.elf);
	assert_int_equal(bsl_resolve("", 0, 0, &file, err, sizeof(err)), -EINVAL);
	assert_int_equal(bsl_resolve("", INT_MAX, 0, &file, err, sizeof(err)), -ESRCH);
	assert_string_equal(err, "no process 2147483647");
}

static void test_library_mapped_by_the_process_wins(void **state)
{
	struct bsl_file file;
	char err[1024];
	struct bsl_maps *maps;
	bool mapped = false;

	(void)state;
	if (bsl_resolve("c", getpid(), BSL_RESOLVE_NO_COMMAND, &file, err, sizeof(err))) {
		print_message("skipped: this test is linked statically\n");
		skip();
	}
	assert_is_open_elf(&file);
	assert_int_equal(bsl_maps_read(0, &maps), 0);
	for (size_t i = 0; i < maps->nr; i++)
		mapped |= !strcmp(maps->maps[i].path, file.display);
	assert_true(mapped);
	bsl_maps_free(maps);
}

static void test_command_on_path(void **state)
{
	struct bsl_file file;
	char err[1024];

	(void)state;
	assert_int_equal(bsl_resolve("sleep", 0, 0, &file, err, sizeof(err)), 0);
	assert_is_open_elf(&file);
	assert_int_equal(bsl_resolve("sleep", 0, BSL_RESOLVE_NO_COMMAND, &file, err, sizeof(err)),
			 -ENOENT);
	assert_non_null(strstr(err, "libsleep.so"));
	assert_null(strstr(err, "PATH"));
	assert_int_equal(bsl_resolve("no-such-thing", 0, 0, &file, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "'no-such-thing' not found"));
	assert_non_null(strstr(err, "no command in PATH"));
}

static void test_command_that_is_a_script_is_told(void **state)
{
	char dir[] = "/tmp/test_bsl_resolve.XXXXXX", path[PATH_MAX], err[1024], *saved;
	struct bsl_file file;
	FILE *script;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a-script", dir);
	script = fopen(path, "w");
	assert_non_null(script);
	fputs("#!/bin/sh\n", script);
	fclose(script);
	saved = strdup(getenv("PATH"));
	setenv("PATH", dir, 1);
	assert_int_equal(bsl_resolve("a-script", 0, 0, &file, err, sizeof(err)), -ENOEXEC);
	assert_non_null(strstr(err, path));
	assert_non_null(strstr(err, "not an ELF file"));
	setenv("PATH", saved, 1);
	free(saved);
	unlink(path);
	rmdir(dir);
}

/* A child with its own root directory: bin/tool, lib -> /hidden (an absolute link), hidden/x. */
static pid_t child_in_root(const char *root)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(ready[0]);
		if (chroot(root) || chdir("/") || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

static void file_copy(const char *from, const char *to)
{
	char buf[65536];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t got;

	assert_true(in && out);
	while ((got = fread(buf, 1, sizeof(buf), in)) > 0)
		assert_int_equal(fwrite(buf, 1, got, out), got);
	fclose(in);
	fclose(out);
	chmod(to, 0755);
}

static void test_paths_are_followed_in_the_root_of_the_process(void **state)
{
	char root[] = "/tmp/test_bsl_resolve.XXXXXX", path[PATH_MAX], err[1024], command[64];
	struct bsl_file file;
	struct stat st;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/bin", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/hidden", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/lib", root);
	assert_int_equal(symlink("/hidden", path), 0);
	snprintf(path, sizeof(path), "%s/hidden/libonly.so.1", root);
	file_copy("/proc/self/exe", path);
	assert_int_equal(stat(path, &st), 0);
	pid = child_in_root(root);
	if (pid > 0) {
		assert_int_equal(bsl_resolve("/lib/libonly.so.1", pid, 0, &file, err, sizeof(err)),
				 0);
		assert_true(bsl_elf_ino(file.elf) == st.st_ino);
		assert_string_equal(file.display, "/lib/libonly.so.1");
		assert_is_open_elf(&file);
		assert_int_equal(bsl_resolve("only", pid, 0, &file, err, sizeof(err)), 0);
		assert_true(bsl_elf_ino(file.elf) == st.st_ino);
		assert_is_open_elf(&file);
		/* what only our own root has isn't there */
		assert_int_equal(bsl_resolve("/etc/passwd", pid, 0, &file, err, sizeof(err)),
				 -ENOENT);
		assert_non_null(strstr(err, "root directory of process"));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	snprintf(command, sizeof(command), "%s/hidden/libonly.so.1", root);
	unlink(command);
	snprintf(command, sizeof(command), "%s/lib", root);
	unlink(command);
	snprintf(command, sizeof(command), "%s/hidden", root);
	rmdir(command);
	snprintf(command, sizeof(command), "%s/bin", root);
	rmdir(command);
	rmdir(root);
	if (pid <= 0) {
		print_message("skipped: chroot(2) needs CAP_SYS_CHROOT\n");
		skip();
	}
}

/* ---- the linker's cache ---- */

struct cache {
	uint8_t data[1024];
	size_t size;
};

static void cache_put(struct cache *cache, const void *data, size_t size)
{
	memcpy(cache->data + cache->size, data, size);
	cache->size += size;
}

static void cache_put_u32(struct cache *cache, uint32_t value)
{
	cache_put(cache, &value, sizeof(value));
}

static const char cache_strings[] = "libfoo.so.2\0/lib64/libfoo.so.2\0"
				    "libfoo.so.1\0/lib32/libfoo.so.1\0"
				    "libfoobar.so\0/lib64/libfoobar.so\0relative\0";
enum { S_FOO2 = 0, P_FOO2 = 12, S_FOO1 = 31, P_FOO1 = 43, S_BAR = 62, P_BAR = 75, S_REL = 95 };

/* The new layout at the end of `cache`; its strings are counted from its own header. */
static void cache_put_new(struct cache *cache)
{
	static const struct {
		uint32_t flags, key, value;
	} entries[] = {
		{ 0x0303, S_FOO2, P_FOO2 },	 { 0x0003, S_FOO1, P_FOO1 },
		{ 0x0303, S_BAR, P_BAR },	 { 0x0303, S_FOO2, S_REL },
		{ 0x0303, S_FOO2, 4000000000u },
	};
	size_t nr = ARRAY_SIZE(entries), strings = 48 + nr * 24;

	cache_put(cache, "glibc-ld.so.cache1.1", 20);
	cache_put_u32(cache, nr);
	cache_put_u32(cache, sizeof(cache_strings));
	for (int i = 0; i < 5; i++)
		cache_put_u32(cache, 0);
	for (size_t i = 0; i < nr; i++) {
		cache_put_u32(cache, entries[i].flags);
		cache_put_u32(cache, strings + entries[i].key);
		cache_put_u32(cache, strings + entries[i].value);
		for (int j = 0; j < 3; j++)
			cache_put_u32(cache, 0);
	}
	cache_put(cache, cache_strings, sizeof(cache_strings));
}

static void cache_put_old(struct cache *cache)
{
	cache_put(cache, "ld.so-1.7.0", 12);
	cache_put_u32(cache, 1);
	cache_put_u32(cache, 0x0003);
	cache_put_u32(cache, S_FOO1);
	cache_put_u32(cache, P_FOO1);
}

struct taken {
	char paths[4][64];
	int nr;
};

static int take(const char *path, void *ctx)
{
	struct taken *taken = ctx;

	snprintf(taken->paths[taken->nr++ & 3], 64, "%s", path);
	return 0;
}

static void test_ldcache_new_layout(void **state)
{
	struct cache cache = { .size = 0 };
	struct taken taken = { .nr = 0 };

	(void)state;
	cache_put_new(&cache);
	assert_int_equal(bsl_ldcache_find(cache.data, cache.size, "foo", EM_X86_64, take, &taken),
			 0);
	assert_int_equal(taken.nr, 1);
	assert_string_equal(taken.paths[0], "/lib64/libfoo.so.2");
	taken.nr = 0;
	bsl_ldcache_find(cache.data, cache.size, "libfoo.so.1", EM_386, take, &taken);
	assert_int_equal(taken.nr, 1);
	assert_string_equal(taken.paths[0], "/lib32/libfoo.so.1");
	taken.nr = 0;
	bsl_ldcache_find(cache.data, cache.size, "fo", EM_X86_64, take, &taken);
	bsl_ldcache_find(cache.data, cache.size, "foo", EM_AARCH64, take, &taken);
	bsl_ldcache_find(cache.data, cache.size, "foo", EM_S390, take, &taken);
	assert_int_equal(taken.nr, 0);
}

static void test_ldcache_old_layout_alone_and_with_the_new(void **state)
{
	struct cache old = { .size = 0 }, both = { .size = 0 };
	struct taken taken = { .nr = 0 };

	(void)state;
	cache_put_old(&old);
	cache_put(&old, cache_strings, sizeof(cache_strings));
	assert_int_equal(bsl_ldcache_find(old.data, old.size, "foo", EM_386, take, &taken), 0);
	assert_int_equal(taken.nr, 1);
	assert_string_equal(taken.paths[0], "/lib32/libfoo.so.1");
	taken.nr = 0;
	cache_put_old(&both);
	both.size = (both.size + 7) & ~(size_t)7;
	cache_put_new(&both);
	assert_int_equal(bsl_ldcache_find(both.data, both.size, "foo", EM_X86_64, take, &taken), 0);
	assert_int_equal(taken.nr, 1);
	assert_string_equal(taken.paths[0], "/lib64/libfoo.so.2");
}

static void test_ldcache_cut_anywhere_is_safe(void **state)
{
	struct cache cache = { .size = 0 };

	(void)state;
	cache_put_new(&cache);
	for (size_t size = 0; size < cache.size; size++) {
		struct taken taken = { .nr = 0 };
		uint8_t *copy = malloc(size + 1); /* an exact end, for ASan to watch */

		memcpy(copy, cache.data, size);
		bsl_ldcache_find(copy, size, "foo", EM_X86_64, take, &taken);
		free(copy);
	}
	assert_int_equal(bsl_ldcache_find("nonsense", 8, "foo", EM_X86_64, take, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_executable_of_a_process),
		cmocka_unit_test(test_library_mapped_by_the_process_wins),
		cmocka_unit_test(test_command_on_path),
		cmocka_unit_test(test_command_that_is_a_script_is_told),
		cmocka_unit_test(test_paths_are_followed_in_the_root_of_the_process),
		cmocka_unit_test(test_ldcache_new_layout),
		cmocka_unit_test(test_ldcache_old_layout_alone_and_with_the_new),
		cmocka_unit_test(test_ldcache_cut_anywhere_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
