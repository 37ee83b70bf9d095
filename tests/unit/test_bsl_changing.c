/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* ELF files that shrink, grow or are written to while they are looked at, and files made to take long. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <blazesym-lite.h>

#include "test_bsl_image.h"

/* A copy of this program, open as a file and as ELF. */
struct copy {
	char path[64];
	int fd;
	off_t size;
	struct bsl_elf *elf;
};

static void copy_open(struct copy *copy)
{
	int self = open("/proc/self/exe", O_RDONLY);
	char buf[65536];
	struct stat st;
	ssize_t got;

	strcpy(copy->path, "/tmp/test_bsl_changing.XXXXXX");
	copy->fd = mkstemp(copy->path);
	assert_true(self >= 0 && copy->fd >= 0);
	while ((got = read(self, buf, sizeof(buf))) > 0)
		assert_int_equal(write(copy->fd, buf, got), got);
	close(self);
	assert_int_equal(fstat(copy->fd, &st), 0);
	copy->size = st.st_size;
	/* in the past, so that whatever is written now has another time */
	assert_int_equal(futimens(copy->fd, (struct timespec[]){ { 1000, 0 }, { 1000, 0 } }), 0);
	assert_int_equal(bsl_elf_open(copy->path, &copy->elf), 0);
}

static void copy_close(struct copy *copy)
{
	bsl_elf_close(copy->elf);
	close(copy->fd);
	unlink(copy->path);
}

static int count(const struct bsl_symbol *sym, void *ctx)
{
	(void)sym;
	++*(int *)ctx;
	return 0;
}

static int take_usdt(const struct bsl_usdt *usdt, void *ctx)
{
	(void)usdt;
	(void)ctx;
	return 0;
}

static void assert_all_fail(struct bsl_elf *elf)
{
	struct bsl_symbol sym;
	struct bsl_line line;
	int nr = 0;

	assert_int_equal(bsl_elf_find_symbols(elf, "main", 0, count, &nr), -ESTALE);
	assert_int_equal(bsl_elf_symbol_at(elf, (uintptr_t)0x1000, &sym), -ESTALE);
	assert_int_equal(bsl_elf_lines(elf, 0x1000, &line, 1), -ESTALE);
	assert_int_equal(bsl_elf_ret_sites(elf, 0x1000, 16, NULL, NULL), -ESTALE);
}

static void test_file_that_shrinks_is_an_error(void **state)
{
	struct copy copy;

	(void)state;
	copy_open(&copy);
	assert_int_equal(ftruncate(copy.fd, 8192), 0);
	assert_all_fail(copy.elf);
	copy_close(&copy);
}

static void test_file_that_vanishes_is_an_error(void **state)
{
	struct copy copy;

	(void)state;
	copy_open(&copy);
	assert_int_equal(ftruncate(copy.fd, 0), 0);
	assert_all_fail(copy.elf);
	copy_close(&copy);
}

static void test_file_that_grows_is_an_error(void **state)
{
	struct copy copy;

	(void)state;
	copy_open(&copy);
	assert_int_equal(pwrite(copy.fd, "more", 4, copy.size), 4);
	assert_all_fail(copy.elf);
	copy_close(&copy);
}

static void test_file_that_is_rewritten_is_an_error(void **state)
{
	struct copy copy;
	char byte;

	(void)state;
	copy_open(&copy);
	assert_int_equal(pread(copy.fd, &byte, 1, copy.size / 2), 1);
	assert_int_equal(pwrite(copy.fd, &byte, 1, copy.size / 2), 1);
	assert_all_fail(copy.elf);
	copy_close(&copy);
}

/* A program that is replaced by a new one, as packages are, goes on being what it was. */
static void test_file_that_is_replaced_can_be_read_on(void **state)
{
	struct copy copy;
	int nr = 0;

	(void)state;
	copy_open(&copy);
	assert_int_equal(unlink(copy.path), 0);
	assert_int_equal(bsl_elf_find_symbols(copy.elf, "main", 0, count, &nr), 1);
	copy_close(&copy);
}

static void test_what_was_read_stays_as_it_was(void **state)
{
	struct bsl_symbol before, after;
	uint64_t addr;
	struct copy copy;

	(void)state;
	copy_open(&copy);
	/* no address of this run: a bias may be between */
	for (addr = 0x1000; bsl_elf_symbol_at(copy.elf, addr, &before); addr += 0x10)
		assert_true(addr < 0x100000);
	assert_int_equal(ftruncate(copy.fd, 0), 0);
	assert_int_equal(bsl_elf_symbol_at(copy.elf, addr, &after), 0);
	assert_string_equal(before.name, after.name);
	copy_close(&copy);
}

static void test_usdt_of_a_changed_file_is_an_error(void **state)
{
	struct image_symbol symbol = { "f", IMAGE_BASE, 16, STT_FUNC, STB_GLOBAL, SECTION_TEXT };
	char path[] = "/tmp/test_bsl_changing.XXXXXX", filler[0x8000] = "";
	struct image image;
	struct bsl_elf *elf;
	int fd = mkstemp(path);

	(void)state;
	image_build(&image, &symbol, 1);
	/* farther from the headers than what is read along with them */
	image_section_set(&image, SECTION_NOTE, ".note.stapsdt", SHT_NOTE, "", 0);
	image_section(&image, SECTION_NOTE)->sh_offset = image.size + sizeof(filler);
	image_section(&image, SECTION_NOTE)->sh_size = 16;
	assert_int_equal(write(fd, image.data, image.size), image.size);
	assert_int_equal(write(fd, filler, sizeof(filler)), sizeof(filler));
	assert_int_equal(write(fd, filler, 16), 16);
	assert_int_equal(bsl_elf_open_fd(fd, &elf), 0);
	assert_int_equal(ftruncate(fd, image.size), 0);
	assert_int_equal(bsl_elf_usdt_each(elf, take_usdt, NULL), -ESTALE);
	bsl_elf_close(elf);
	close(fd);
	unlink(path);
}

/* ---- made to take long: done in a second, or never ---- */

#define MANY 200000

/* A file being made; its bytes are zeroed. */
struct bytes {
	uint8_t *data;
	size_t size;
};

static size_t append(struct bytes *file, const void *more, size_t len)
{
	if (!file->data)
		file->data = calloc(1, 32 << 20);
	assert_true(file->data && file->size + len <= 32 << 20);
	if (more)
		memcpy(file->data + file->size, more, len);
	file->size += len;
	return file->size - len;
}

static void section_put(uint8_t *data, size_t shoff, int i, Elf64_Shdr shdr)
{
	memcpy(data + shoff + i * sizeof(shdr), &shdr, sizeof(shdr));
}

static void test_many_versions_of_many_symbols_take_no_square(void **state)
{
	Elf64_Ehdr ehdr = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			    .e_type = ET_DYN,
			    .e_machine = bsl_host_machine(),
			    .e_shoff = sizeof(ehdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 6 };
	size_t shoff = sizeof(ehdr), syms, versyms, verdefs, strings;
	struct bytes file = {};
	struct bsl_elf *elf;
	int nr = 0;

	(void)state;
	append(&file, &ehdr, sizeof(ehdr));
	append(&file, NULL, 6 * sizeof(Elf64_Shdr));
	strings = append(&file, "\0foo\0V1", 8);
	syms = file.size;
	for (int i = 0; i < MANY; i++) {
		Elf64_Sym sym = { .st_name = 1,
				  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				  .st_shndx = 1,
				  .st_value = 0x1000 + i,
				  .st_size = 1 };

		append(&file, &sym, sizeof(sym));
	}
	versyms = file.size;
	for (int i = 0; i < MANY; i++)
		append(&file, (uint16_t[]){ 0x7ffe }, 2);
	verdefs = file.size;
	for (int i = 0; i < MANY; i++) {
		Elf64_Verdef def = { .vd_version = 1,
				     .vd_ndx = 2 + (i & 0x3fff),
				     .vd_cnt = 1,
				     .vd_aux = sizeof(def),
				     .vd_next = sizeof(def) };

		append(&file, &def, sizeof(def));
	}
	section_put(file.data, shoff, 1,
		    (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
				  .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				  .sh_addr = 0x1000,
				  .sh_offset = 0,
				  .sh_size = 64 });
	section_put(file.data, shoff, 2,
		    (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = strings, .sh_size = 8 });
	section_put(file.data, shoff, 3,
		    (Elf64_Shdr){ .sh_type = SHT_DYNSYM,
				  .sh_offset = syms,
				  .sh_size = MANY * sizeof(Elf64_Sym),
				  .sh_link = 2 });
	section_put(file.data, shoff, 4,
		    (Elf64_Shdr){
			    .sh_type = SHT_GNU_versym, .sh_offset = versyms, .sh_size = MANY * 2 });
	section_put(file.data, shoff, 5,
		    (Elf64_Shdr){ .sh_type = SHT_GNU_verdef,
				  .sh_offset = verdefs,
				  .sh_size = MANY * sizeof(Elf64_Verdef),
				  .sh_link = 2 });
	assert_int_equal(bsl_elf_open_mem(file.data, file.size, &elf), 0);
	alarm(10);
	assert_int_equal(bsl_elf_find_symbols(elf, "foo", 0, count, &nr), MANY);
	alarm(0);
	bsl_elf_close(elf);
	free(file.data);
}

static void test_sections_over_each_other_are_refused(void **state)
{
	Elf64_Ehdr ehdr = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			    .e_type = ET_DYN,
			    .e_machine = EM_X86_64,
			    .e_shoff = sizeof(ehdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 1000 };
	struct bytes file = {};
	struct bsl_elf *elf;

	(void)state;
	append(&file, &ehdr, sizeof(ehdr));
	append(&file, NULL, 1000 * sizeof(Elf64_Shdr));
	for (int i = 1; i < 1000; i++)
		section_put(
			file.data, sizeof(ehdr), i,
			(Elf64_Shdr){ .sh_type = SHT_RELA, .sh_offset = 0, .sh_size = file.size });
	assert_int_equal(bsl_elf_open_mem(file.data, file.size, &elf), -EBADMSG);
	free(file.data);
}

static void test_more_segments_than_the_kernel_takes_are_refused(void **state)
{
	Elf64_Ehdr ehdr = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			    .e_type = ET_DYN,
			    .e_machine = EM_X86_64,
			    .e_phoff = sizeof(ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 65536 / sizeof(Elf64_Phdr) };
	struct bytes file = {};
	struct bsl_elf *elf;

	(void)state;
	append(&file, &ehdr, sizeof(ehdr));
	append(&file, NULL, 65536 + sizeof(Elf64_Phdr));
	assert_int_equal(bsl_elf_open_mem(file.data, file.size, &elf), 0);
	bsl_elf_close(elf);
	((Elf64_Ehdr *)file.data)->e_phnum++;
	assert_int_equal(bsl_elf_open_mem(file.data, file.size, &elf), -EBADMSG);
	free(file.data);
}

static void test_files_of_many_mappings_take_no_square(void **state)
{
	const struct bsl_map *map = NULL;
	struct bsl_maps *maps;
	char *text = malloc(MANY * 64), *at = text;
	size_t files = 0;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++)
		at += sprintf(at, "%x000-%x000 r-xp 0 08:01 %u /f%u\n", 2 * i, 2 * i + 1, i / 2 + 1,
			      i / 2 + 1);
	assert_int_equal(bsl_maps_parse(text, at - text, &maps), 0);
	alarm(10);
	while ((map = bsl_maps_next_file(maps, map)))
		assert_int_equal(map->start, 4 * 4096ull * files++);
	alarm(0);
	assert_int_equal(files, MANY / 2);
	bsl_maps_free(maps);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_that_shrinks_is_an_error),
		cmocka_unit_test(test_file_that_vanishes_is_an_error),
		cmocka_unit_test(test_file_that_grows_is_an_error),
		cmocka_unit_test(test_file_that_is_rewritten_is_an_error),
		cmocka_unit_test(test_file_that_is_replaced_can_be_read_on),
		cmocka_unit_test(test_what_was_read_stays_as_it_was),
		cmocka_unit_test(test_usdt_of_a_changed_file_is_an_error),
		cmocka_unit_test(test_many_versions_of_many_symbols_take_no_square),
		cmocka_unit_test(test_sections_over_each_other_are_refused),
		cmocka_unit_test(test_more_segments_than_the_kernel_takes_are_refused),
		cmocka_unit_test(test_files_of_many_mappings_take_no_square),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
