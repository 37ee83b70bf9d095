/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Addresses of this very process, of its children and of files into names. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <blazesym-lite.h>

int bsl_test_outer(int x);

/* The address inside of it is taken at run time: that's code of bsl_test_outer(), too. */
static inline __attribute__((always_inline)) void *bsl_test_inlined(int *x)
{
	void *here;

#if defined(__x86_64__)
	__asm__ volatile("lea 0(%%rip), %0\nnop" : "=r"(here), "+r"(*x));
#else
	__asm__ volatile("adr %0, .\nnop" : "=r"(here), "+r"(*x));
#endif
	return here;
}

static void *inlined_at;

__attribute__((noinline)) int bsl_test_outer(int x)
{
	inlined_at = bsl_test_inlined(&x);
	return x;
}

static struct bsl_symbolizer *symbolizer_new(unsigned int flags)
{
	struct bsl_symbolizer *symbolizer = NULL;

	assert_int_equal(bsl_symbolizer_new(flags, &symbolizer), 0);
	return symbolizer;
}

static struct bsl_location locate(struct bsl_symbolizer *symbolizer, pid_t pid, const void *addr)
{
	struct bsl_location location;
	uint64_t number = (uintptr_t)addr;

	assert_int_equal(bsl_symbolize_process(symbolizer, pid, &number, 1, &location), 0);
	return location;
}

static void test_own_function_by_address(void **state)
{
	int (*volatile outer)(int) = bsl_test_outer;
	struct bsl_symbolizer *symbolizer = symbolizer_new(0);
	struct bsl_location location = locate(symbolizer, getpid(), (char *)outer + 1);

	(void)state;
	assert_int_equal(location.reason, BSL_FOUND);
	assert_string_equal(location.name, "bsl_test_outer");
	assert_int_equal(location.offset, 1);
	assert_non_null(location.module);
	assert_int_equal(location.nr_lines, 0);
	bsl_symbolizer_free(symbolizer);
	bsl_symbolizer_free(NULL);
}

static void test_inlined_function_with_lines(void **state)
{
	struct bsl_symbolizer *symbolizer = symbolizer_new(BSL_SYMBOLIZE_LINES);
	struct bsl_location location;

	(void)state;
	bsl_test_outer(1);
	location = locate(symbolizer, getpid(), inlined_at);
	assert_string_equal(location.name, "bsl_test_outer");
	if (!location.nr_lines) {
		bsl_symbolizer_free(symbolizer);
		print_message("skipped: this test was built without debug information\n");
		skip();
	}
	assert_int_equal(location.nr_lines, 2);
	assert_string_equal(location.lines[0].function, "bsl_test_inlined");
	assert_string_equal(location.lines[1].function, "bsl_test_outer");
	assert_non_null(strstr(location.lines[0].file, "test_bsl_symbolize.c"));
	assert_true(location.lines[0].line < location.lines[1].line);
	bsl_symbolizer_free(symbolizer);
}

struct places {
	struct bsl_dwarf_place first;
	int nr;
};

static int place_take(const struct bsl_dwarf_place *place, void *ctx)
{
	struct places *places = ctx;

	if (!places->nr++)
		places->first = *place;
	return 0;
}

static void test_inlined_copies_and_lines_are_found_by_name(void **state)
{
	struct places inlined = { .nr = 0 }, lines = { .nr = 0 };
	struct bsl_line where[2];
	struct bsl_elf *elf;
	int ret;

	(void)state;
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	ret = bsl_elf_find_inlined(elf, "bsl_test_inlined", 0, place_take, &inlined);
	if (ret == -ENODATA) {
		bsl_elf_close(elf);
		print_message("skipped: this test was built without debug information\n");
		skip();
	}
	assert_int_equal(ret, 1);
	assert_int_equal(inlined.nr, 1);
	assert_string_equal(inlined.first.name, "bsl_test_inlined");
	assert_string_equal(inlined.first.line.function, "bsl_test_outer");
	assert_true(inlined.first.offset != UINT64_MAX);
	assert_int_equal(
		bsl_elf_find_inlined(elf, "bsl_test_inl*", BSL_FIND_GLOB, place_take, &inlined), 1);
	assert_int_equal(bsl_elf_find_inlined(elf, "no_such", 0, place_take, &inlined), 0);
	/* the call's line, found again by its number */
	assert_true(bsl_elf_find_line(elf, "test_bsl_symbolize.c", inlined.first.line.line,
				      place_take, &lines) >= 1);
	assert_true(bsl_elf_lines(elf, lines.first.addr, where, 2) >= 1);
	assert_int_equal(lines.first.line.line, inlined.first.line.line);
	assert_int_equal(bsl_elf_find_line(elf, "l_symbolize.c", inlined.first.line.line,
					   place_take, &lines),
			 0);
	assert_int_equal(bsl_elf_find_line(elf, "test_bsl_symbolize.c", 1, place_take, &lines), 0);
	bsl_elf_close(elf);
}

static void test_every_miss_has_its_reason(void **state)
{
	struct bsl_symbolizer *symbolizer = symbolizer_new(0);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct bsl_location location;
	struct bsl_elf *elf;
	uint64_t addr = 0;

	(void)state;
	assert_int_equal(locate(symbolizer, getpid(), NULL).reason, BSL_NOT_MAPPED);
	assert_int_equal(locate(symbolizer, getpid(), page).reason, BSL_NO_FILE);
	assert_int_equal(locate(symbolizer, INT32_MAX, page).reason, BSL_NO_PROCESS);
	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	assert_int_equal(bsl_symbolize_elf(symbolizer, elf, "me", false, &addr, 1, &location), 0);
	assert_string_equal(location.module, "me");
	assert_int_equal(location.reason, BSL_NO_SYMBOL);
	assert_null(location.name);
	for (int i = BSL_FOUND; i <= BSL_NO_MEMORY; i++)
		assert_string_not_equal(bsl_reason_text(i), "unknown reason");
	assert_string_equal(bsl_reason_text(1000), "unknown reason");
	munmap(page, 4096);
	bsl_elf_close(elf);
	bsl_symbolizer_free(symbolizer);
}

static void test_maps_are_read_anew_for_an_unknown_address(void **state)
{
	struct bsl_symbolizer *symbolizer = symbolizer_new(0);
	int fd = open("/proc/self/exe", O_RDONLY);
	void *page;

	(void)state;
	locate(symbolizer, getpid(), (void *)locate);
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(page != MAP_FAILED);
	assert_int_equal(locate(symbolizer, getpid(), page).reason, BSL_NO_SYMBOL);
	munmap(page, 4096);
	close(fd);
	bsl_symbolizer_free(symbolizer);
}

static void test_vdso(void **state)
{
	char *image = (char *)getauxval(AT_SYSINFO_EHDR);
	struct bsl_symbolizer *symbolizer;
	struct bsl_location location;
	int found = 0;

	(void)state;
	if (!image) {
		print_message("skipped: no vDSO here\n");
		skip();
	}
	symbolizer = symbolizer_new(0);
	/* whatever lies where, some of its code has a name */
	for (int at = 0; at < 4096 && !found; at += 16) {
		location = locate(symbolizer, getpid(), image + at);
		assert_string_equal(location.module, "[vdso]");
		found = location.reason == BSL_FOUND && strstr(location.name, "gettime");
	}
	assert_true(found);
	bsl_symbolizer_free(symbolizer);
}

static void test_generated_code_by_perf_map(void **state)
{
	struct bsl_symbolizer *symbolizer = symbolizer_new(0);
	char *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct bsl_location location;
	char path[64];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	file = fopen(path, "wx");
	if (!file) {
		print_message("skipped: can't make %s\n", path);
		skip();
	}
	fprintf(file, "%lx 40 Interpreter\n%lx 10 LMain;::run\n", (long)page, (long)page + 0x40);
	fclose(file);
	location = locate(symbolizer, getpid(), page + 0x42);
	unlink(path);
	assert_int_equal(location.reason, BSL_FOUND);
	assert_string_equal(location.name, "LMain;::run");
	assert_int_equal(location.offset, 2);
	assert_int_equal(locate(symbolizer, getpid(), page + 0x80).reason, BSL_NO_FILE);
	munmap(page, 4096);
	bsl_symbolizer_free(symbolizer);
}

static pid_t child_new(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	assert_true(pid > 0);
	return pid;
}

static void test_process_that_was_noted_is_known_after_its_end(void **state)
{
	struct bsl_symbolizer *symbolizer = symbolizer_new(0);
	pid_t pid = child_new();

	(void)state;
	assert_int_equal(bsl_symbolizer_note_process(symbolizer, pid), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_string_equal(locate(symbolizer, pid, (void *)locate).name, "locate");
	bsl_symbolizer_free(symbolizer);
	/* one that was not is gone */
	symbolizer = symbolizer_new(0);
	assert_int_equal(locate(symbolizer, pid, (void *)locate).reason, BSL_NO_PROCESS);
	bsl_symbolizer_free(symbolizer);
}

/* main() with this argument: tells where a function is, then waits. */
#define CHILD_ARG "child"

static void test_deleted_binary_is_read_through_its_mapping(void **state)
{
	char path[] = "/tmp/test_bsl_symbolize.XXXXXX", text[32] = "", buf[65536];
	int fd = mkstemp(path), from = open("/proc/self/exe", O_RDONLY), out[2];
	struct bsl_symbolizer *symbolizer;
	struct bsl_location location;
	ssize_t got;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0 && from >= 0);
	while ((got = read(from, buf, sizeof(buf))) > 0)
		assert_int_equal(write(fd, buf, got), got);
	fchmod(fd, 0700);
	close(fd);
	close(from);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		execl(path, path, CHILD_ARG, NULL);
		_exit(1);
	}
	close(out[1]);
	assert_true(read(out[0], text, sizeof(text) - 1) > 0);
	close(out[0]);
	unlink(path);
	symbolizer = symbolizer_new(0);
	location = locate(symbolizer, pid, (void *)strtoul(text, NULL, 16));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (location.reason == BSL_FILE_GONE || location.reason == BSL_NO_PERMISSION) {
		bsl_symbolizer_free(symbolizer);
		print_message("skipped: /proc/PID/map_files needs CAP_CHECKPOINT_RESTORE\n");
		skip();
	}
	assert_int_equal(location.reason, BSL_FOUND);
	assert_string_equal(location.name, "bsl_test_outer");
	bsl_symbolizer_free(symbolizer);
}

static void test_kernel_address(void **state)
{
	struct bsl_symbolizer *symbolizer = symbolizer_new(0);
	struct bsl_location location;
	struct bsl_kernel *kernel;
	uint64_t addr = 16;

	(void)state;
	assert_int_equal(bsl_symbolize_kernel(symbolizer, &addr, 1, &location), 0);
	assert_null(location.name);
	if (bsl_kernel_open(&kernel)) {
		assert_int_equal(location.reason, BSL_KERNEL_HIDDEN);
		bsl_symbolizer_free(symbolizer);
		print_message("skipped: the kernel hides its addresses\n");
		skip();
	}
	assert_int_equal(location.reason, BSL_NO_SYMBOL);
	bsl_kernel_close(kernel);
	bsl_symbolizer_free(symbolizer);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_function_by_address),
		cmocka_unit_test(test_inlined_function_with_lines),
		cmocka_unit_test(test_inlined_copies_and_lines_are_found_by_name),
		cmocka_unit_test(test_every_miss_has_its_reason),
		cmocka_unit_test(test_maps_are_read_anew_for_an_unknown_address),
		cmocka_unit_test(test_vdso),
		cmocka_unit_test(test_generated_code_by_perf_map),
		cmocka_unit_test(test_process_that_was_noted_is_known_after_its_end),
		cmocka_unit_test(test_deleted_binary_is_read_through_its_mapping),
		cmocka_unit_test(test_kernel_address),
	};

	if (argc > 1 && !strcmp(argv[1], CHILD_ARG)) {
		printf("%lx\n", (unsigned long)(uintptr_t)bsl_test_outer);
		fflush(stdout);
		for (;;)
			pause();
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
