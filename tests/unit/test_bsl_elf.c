/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* ELF files: opening, addresses and offsets, symbols by name and by address. */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
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

#include "test_bsl_image.h"

/* Things of this very program, to be found in it again. */
int bsl_test_visible(int x);
extern int bsl_test_data;

__attribute__((noinline)) int bsl_test_visible(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static __attribute__((noinline)) int bsl_test_hidden(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 2;
}

int bsl_test_data = 42;

struct found {
	struct bsl_symbol first;
	char names[64][64];
	char versions[64][32];
	unsigned int nr;
	int ret; /* what the callback is to return */
};

static int collect(const struct bsl_symbol *sym, void *ctx)
{
	struct found *found = ctx;

	if (!found->nr)
		found->first = *sym;
	if (found->nr < 64) {
		snprintf(found->names[found->nr], 64, "%s", sym->name);
		snprintf(found->versions[found->nr], 32, "%s", sym->version ? sym->version : "");
	}
	found->nr++;
	return found->ret;
}

static struct bsl_elf *self_open(void)
{
	struct bsl_elf *elf = NULL;

	assert_int_equal(bsl_elf_open("/proc/self/exe", &elf), 0);
	return elf;
}

static struct bsl_elf *image_open(const struct image *image)
{
	struct bsl_elf *elf = NULL;

	assert_int_equal(bsl_elf_open_mem(image->data, image->size, &elf), 0);
	return elf;
}

static void test_open_refuses_what_is_not_elf(void **state)
{
	struct bsl_elf *elf;

	(void)state;
	assert_int_equal(bsl_elf_open("/nonexistent", &elf), -ENOENT);
	assert_int_equal(bsl_elf_open("/tmp", &elf), -EISDIR);
	assert_int_equal(bsl_elf_open("/dev/null", &elf), -ENOEXEC);
	assert_int_equal(bsl_elf_open("/etc/passwd", &elf), -ENOEXEC);
	assert_int_equal(bsl_elf_open_mem("", 0, &elf), -ENOEXEC);
	assert_int_equal(bsl_elf_open_mem("#!/bin/sh\n#####################################"
					  "#########################",
					  64, &elf),
			 -ENOEXEC);
}

static void test_open_refuses_broken_headers(void **state)
{
	struct image image;
	struct bsl_elf *elf;
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)image.data;

	(void)state;
	image_build(&image, NULL, 0);
	assert_int_equal(bsl_elf_open_mem(image.data, 60, &elf), -EBADMSG);
	ehdr->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), -ENOTSUP);
	image_build(&image, NULL, 0);
	ehdr->e_phoff = image.size - 8;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), -EBADMSG);
	image_build(&image, NULL, 0);
	ehdr->e_shoff = UINT64_MAX - 8;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), -EBADMSG);
	image_build(&image, NULL, 0);
	ehdr->e_shnum = 0xff00 - 1;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), -EBADMSG);
	image_build(&image, NULL, 0);
	ehdr->e_shentsize = 8;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), -EBADMSG);
}

static void test_open_tells_machine_kind_and_file(void **state)
{
	struct bsl_elf *elf = self_open();
	struct stat st;

	(void)state;
	assert_int_equal(stat("/proc/self/exe", &st), 0);
	assert_int_equal(bsl_elf_machine(elf), bsl_host_machine());
	assert_int_equal(bsl_elf_bits(elf), sizeof(void *) * 8);
	assert_true(bsl_elf_dev(elf) == st.st_dev);
	assert_true(bsl_elf_ino(elf) == st.st_ino);
	assert_true(bsl_elf_type(elf) == BSL_ELF_PIE || bsl_elf_type(elf) == BSL_ELF_EXEC);
	assert_false(bsl_elf_is_go(elf));
	bsl_elf_close(elf);
	bsl_elf_close(NULL);
}

static void test_address_and_offset_follow_the_segments(void **state)
{
	struct image image;
	struct bsl_elf *elf;
	uint64_t value;

	(void)state;
	image_build(&image, NULL, 0);
	elf = image_open(&image);
	assert_int_equal(bsl_elf_type(elf), BSL_ELF_EXEC);
	assert_int_equal(bsl_elf_addr_to_offset(elf, IMAGE_BASE + 0x10, &value), 0);
	assert_int_equal(value, IMAGE_TEXT + 0x10);
	assert_int_equal(bsl_elf_addr_to_offset(elf, IMAGE_DATA_ADDR + 8, &value), 0);
	assert_int_equal(value, IMAGE_DATA + 8);
	/* behind the file's part of the segment lies .bss */
	assert_int_equal(bsl_elf_addr_to_offset(elf, IMAGE_DATA_ADDR + IMAGE_DATA_SIZE, &value),
			 -ENOENT);
	assert_int_equal(bsl_elf_addr_to_offset(elf, IMAGE_BASE - 1, &value), -ENOENT);
	assert_int_equal(bsl_elf_addr_to_offset(elf, UINT64_MAX, &value), -ENOENT);
	assert_int_equal(bsl_elf_offset_to_addr(elf, IMAGE_TEXT + 5, &value), 0);
	assert_int_equal(value, IMAGE_BASE + 5);
	assert_int_equal(bsl_elf_offset_to_addr(elf, 3, &value), -ENOENT);
	assert_ptr_equal(bsl_elf_data(elf, IMAGE_BASE + 4, 4), image.data + IMAGE_TEXT + 4);
	assert_null(bsl_elf_data(elf, IMAGE_BASE + IMAGE_TEXT_SIZE - 2, 4));
	assert_null(bsl_elf_data(elf, IMAGE_BASE, SIZE_MAX));
	bsl_elf_close(elf);
}

static void test_find_own_functions_at_their_bytes(void **state)
{
	struct bsl_elf *elf = self_open();
	/* called through pointers, lest the compiler make a differently named clone */
	int (*volatile visible)(int) = bsl_test_visible, (*volatile hidden)(int) = bsl_test_hidden;
	struct found found = { 0 };

	(void)state;
	assert_int_equal(visible(1) + hidden(1), 5);
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_test_visible", 0, collect, &found), 1);
	assert_int_equal(found.first.type, BSL_SYM_FUNC);
	assert_int_equal(found.first.bind, BSL_BIND_GLOBAL);
	assert_true(found.first.size > 0);
	assert_memory_equal(bsl_elf_data(elf, found.first.addr, found.first.size), (void *)visible,
			    found.first.size);
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_test_hidden", 0, collect, &found), 1);
	assert_int_equal(found.first.bind, BSL_BIND_LOCAL);
	bsl_elf_close(elf);
}

static void test_find_data_only_when_asked(void **state)
{
	struct bsl_elf *elf = self_open();
	struct found found = { 0 };

	(void)state;
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_test_data", 0, collect, &found), 0);
	assert_int_equal(
		bsl_elf_find_symbols(elf, "bsl_test_data", BSL_FIND_OBJECTS, collect, &found), 1);
	assert_int_equal(found.first.type, BSL_SYM_OBJECT);
	assert_int_equal(*(const int *)bsl_elf_data(elf, found.first.addr, 4), 42);
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_test_*",
					      BSL_FIND_GLOB | BSL_FIND_ONLY_OBJECTS, collect,
					      &found),
			 1);
	assert_string_equal(found.names[0], "bsl_test_data");
	bsl_elf_close(elf);
}

static void test_find_glob_gives_each_place_once(void **state)
{
	struct bsl_elf *elf = self_open();
	struct found found = { 0 };

	(void)state;
	assert_int_equal(
		bsl_elf_find_symbols(elf, "bsl_test_[vh]*i*", BSL_FIND_GLOB, collect, &found), 2);
	found = (struct found){ .ret = 1 };
	assert_int_equal(bsl_elf_find_symbols(elf, "*", BSL_FIND_GLOB, collect, &found), 1);
	found = (struct found){ .ret = -EINTR };
	assert_int_equal(bsl_elf_find_symbols(elf, "*", BSL_FIND_GLOB, collect, &found), -EINTR);
	bsl_elf_close(elf);
}

static const struct image_symbol odd_symbols[] = {
	{ "outer", IMAGE_BASE + 0x100, 0x100, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
	{ "inner", IMAGE_BASE + 0x140, 0x10, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	{ "alias_local", IMAGE_BASE + 0x300, 0x20, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	{ "alias_global", IMAGE_BASE + 0x300, 0x20, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
	{ "alias_weak", IMAGE_BASE + 0x300, 0x20, STT_FUNC, STB_WEAK, SECTION_TEXT },
	{ "twin", IMAGE_BASE + 0x400, 0x10, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	{ "twin", IMAGE_BASE + 0x420, 0x10, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	{ "versioned@@V2", IMAGE_BASE + 0x440, 0x10, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
	{ "versioned@V1", IMAGE_BASE + 0x460, 0x10, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
	{ "same@V1", IMAGE_BASE + 0x480, 0x10, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
	{ "same@@V2", IMAGE_BASE + 0x480, 0x10, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
	{ "assembly", IMAGE_BASE + 0x500, 0, STT_NOTYPE, STB_GLOBAL, SECTION_TEXT },
	{ "inner_label", IMAGE_BASE + 0x510, 0, STT_NOTYPE, STB_LOCAL, SECTION_TEXT },
	{ "_etext", IMAGE_BASE + IMAGE_TEXT_SIZE, 0, STT_NOTYPE, STB_GLOBAL, SECTION_TEXT },
	{ "imported", 0, 0, STT_FUNC, STB_GLOBAL, SHN_UNDEF },
	{ "ABSOLUTE", 0x10, 0, STT_OBJECT, STB_GLOBAL, SHN_ABS },
	{ "fast_memcpy", IMAGE_BASE + 0x600, 0x40, STT_GNU_IFUNC, STB_GLOBAL, SECTION_TEXT },
	{ "in_bss", IMAGE_DATA_ADDR + IMAGE_DATA_SIZE + 8, 8, STT_OBJECT, STB_GLOBAL,
	  SECTION_DATA },
	{ "endless", IMAGE_BASE + 0xf00, UINT64_MAX, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	{ "@@", IMAGE_BASE + 0x20, 4, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
};

#define NR_ODD (ARRAY_SIZE(odd_symbols))

static void test_find_in_an_odd_symbol_table(void **state)
{
	struct found found = { 0 };
	struct image image;
	struct bsl_elf *elf;

	(void)state;
	image_build(&image, odd_symbols, NR_ODD);
	elf = image_open(&image);
	assert_int_equal(bsl_elf_find_symbols(elf, "twin", 0, collect, &found), 2);
	assert_int_equal(bsl_elf_find_symbols(elf, "imported", BSL_FIND_OBJECTS, collect, &found),
			 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "ABSOLUTE", BSL_FIND_OBJECTS, collect, &found),
			 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "_etext", 0, collect, &found), 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "inner_label", 0, collect, &found), 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "assembly", 0, collect, &found), 1);
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "fast_memcpy", 0, collect, &found), 1);
	assert_int_equal(found.first.type, BSL_SYM_IFUNC);
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "in_bss", BSL_FIND_OBJECTS, collect, &found), 1);
	assert_true(found.first.offset == UINT64_MAX);
	bsl_elf_close(elf);
}

static void test_find_strips_and_chooses_versions(void **state)
{
	struct found found = { 0 };
	struct image image;
	struct bsl_elf *elf;

	(void)state;
	image_build(&image, odd_symbols, NR_ODD);
	elf = image_open(&image);
	assert_int_equal(bsl_elf_find_symbols(elf, "versioned", 0, collect, &found), 2);
	assert_string_equal(found.names[0], "versioned");
	assert_string_equal(found.versions[0], "V2");
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "versioned@V1", 0, collect, &found), 1);
	assert_int_equal(found.first.addr, IMAGE_BASE + 0x460);
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "versioned@@V2", 0, collect, &found), 1);
	assert_int_equal(bsl_elf_find_symbols(elf, "versioned@V3", 0, collect, &found), 0);
	/* two versions of one place are one symbol */
	assert_int_equal(bsl_elf_find_symbols(elf, "same", 0, collect, &found), 1);
	bsl_elf_close(elf);
}

static void test_find_takes_clones_when_asked(void **state)
{
	static const struct image_symbol symbols[] = {
		{ "work", IMAGE_BASE, 8, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
		{ "work.cold", IMAGE_BASE + 16, 8, STT_FUNC, STB_LOCAL, SECTION_TEXT },
		{ "work.part.0.constprop.0", IMAGE_BASE + 32, 8, STT_FUNC, STB_LOCAL,
		  SECTION_TEXT },
		{ "work.other", IMAGE_BASE + 48, 8, STT_FUNC, STB_LOCAL, SECTION_TEXT },
		{ "work2.cold", IMAGE_BASE + 64, 8, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	};
	struct found found = { 0 };
	struct image image;
	struct bsl_elf *elf;

	(void)state;
	image_build(&image, symbols, ARRAY_SIZE(symbols));
	elf = image_open(&image);
	assert_int_equal(bsl_elf_find_symbols(elf, "work", 0, collect, &found), 1);
	assert_null(found.first.clone);
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "work", BSL_FIND_CLONES, collect, &found), 3);
	assert_string_equal(found.names[2], "work.part.0.constprop.0");
	found = (struct found){ 0 };
	assert_int_equal(bsl_elf_find_symbols(elf, "work.part*", BSL_FIND_GLOB, collect, &found),
			 1);
	assert_string_equal(found.first.clone, ".part.0.constprop.0");
	bsl_elf_close(elf);
}

static void test_find_reads_versions_beside_dynsym(void **state)
{
	struct found found = { 0 };
	struct bsl_file file;
	struct bsl_elf *elf;

	(void)state;
	if (bsl_resolve("c", 0, BSL_RESOLVE_NO_COMMAND, &file, NULL, 0)) {
		print_message("skipped: no shared C library here\n");
		skip();
	}
	elf = file.elf;
	assert_true(bsl_elf_find_symbols(elf, "fopen", 0, collect, &found) >= 1);
	if (!found.versions[0][0]) {
		bsl_elf_close(elf);
		print_message("skipped: the C library has no symbol versions\n");
		skip();
	}
	assert_int_equal(strncmp(found.versions[0], "GLIBC_", 6), 0);
	assert_int_equal(bsl_elf_find_symbols(elf, "fopen@NO_SUCH", 0, collect, &found), 0);
	bsl_elf_close(elf);
}

static const char *name_at(struct bsl_elf *elf, uint64_t addr)
{
	static struct bsl_symbol sym;
	int err = bsl_elf_symbol_at(elf, addr, &sym);

	return err == -ENOENT ? "?" : err ? "error" : sym.name;
}

static void test_symbol_at_picks_innermost_and_best(void **state)
{
	struct image image;
	struct bsl_elf *elf;

	(void)state;
	image_build(&image, odd_symbols, NR_ODD);
	elf = image_open(&image);
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x100), "outer");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x13f), "outer");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x140), "inner");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x150), "outer");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x1ff), "outer");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x200), "?");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x310), "alias_global");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x445), "versioned");
	/* without a size: up to the next symbol or the section's end, not beyond */
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x520), "assembly");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0x640), "?");
	assert_string_equal(name_at(elf, IMAGE_BASE), "?");
	assert_string_equal(name_at(elf, IMAGE_BASE + 0xf80), "endless");
	assert_string_equal(name_at(elf, UINT64_MAX - 1), "endless");
	bsl_elf_close(elf);
}

static void test_symbol_at_finds_own_function(void **state)
{
	struct bsl_elf *elf = self_open();
	struct found found = { 0 };
	struct bsl_symbol sym;

	(void)state;
	assert_int_equal(bsl_elf_find_symbols(elf, "bsl_test_visible", 0, collect, &found), 1);
	assert_int_equal(bsl_elf_symbol_at(elf, found.first.addr + found.first.size - 1, &sym), 0);
	assert_string_equal(sym.name, "bsl_test_visible");
	assert_int_equal(sym.offset, found.first.offset);
	bsl_elf_close(elf);
}

static void test_symbol_at_names_linker_stubs(void **state)
{
	struct bsl_elf *elf = self_open();
	struct bsl_symbol sym;
	unsigned int nr = 0;
	uint64_t addr;

	(void)state;
	/* wherever the linker put them */
	for (uint64_t offset = 0; offset < 0x400000; offset += 8)
		if (!bsl_elf_offset_to_addr(elf, offset, &addr) &&
		    !bsl_elf_symbol_at(elf, addr, &sym) && strstr(sym.name, "@plt")) {
			assert_null(sym.version);
			nr++;
		}
	bsl_elf_close(elf);
	if (!nr) {
		print_message("skipped: no stubs, this test is linked statically\n");
		skip();
	}
}

static void test_no_symbols_is_told_apart_from_no_such_symbol(void **state)
{
	struct bsl_symbol sym;
	struct image image;
	struct bsl_elf *elf;

	(void)state;
	image_build(&image, NULL, 0);
	image_section(&image, SECTION_SYMTAB)->sh_type = SHT_PROGBITS;
	elf = image_open(&image);
	assert_int_equal(bsl_elf_find_symbols(elf, "main", 0, collect, NULL), -ENODATA);
	assert_int_equal(bsl_elf_symbol_at(elf, IMAGE_BASE, &sym), -ENODATA);
	bsl_elf_close(elf);
}

static void test_symbols_with_broken_strings_are_left_out(void **state)
{
	struct found found = { 0 };
	struct image image;
	struct bsl_elf *elf;
	Elf64_Shdr *strings;

	(void)state;
	image_build(&image, odd_symbols, NR_ODD);
	strings = image_section(&image, SECTION_STRTAB);
	/* cut inside of "inner": the table no longer ends with a NUL */
	strings->sh_size = 1 + sizeof("outer") + 3;
	elf = image_open(&image);
	assert_int_equal(bsl_elf_find_symbols(elf, "*", BSL_FIND_GLOB, collect, &found), 1);
	assert_string_equal(found.names[0], "outer");
	bsl_elf_close(elf);
}

static void test_suggest_gives_near_names_nearest_first(void **state)
{
	struct image image;
	struct bsl_elf *elf;
	char *near[3];
	int nr;

	(void)state;
	image_build(&image, odd_symbols, NR_ODD);
	elf = image_open(&image);
	nr = bsl_elf_suggest(elf, "alias_gloabl", 0, near, 3);
	assert_true(nr >= 1);
	assert_string_equal(near[0], "alias_global");
	while (nr > 0)
		free(near[--nr]);
	nr = bsl_elf_suggest(elf, "aliaslocal", 0, near, 1);
	assert_int_equal(nr, 1);
	assert_string_equal(near[0], "alias_local");
	free(near[0]);
	assert_int_equal(bsl_elf_suggest(elf, "zzzzzzzzz", 0, near, 3), 0);
	bsl_elf_close(elf);
}

static void test_32_bit_files_are_read_too(void **state)
{
	struct image image;
	Elf32_Ehdr ehdr = { 0 };
	Elf32_Phdr phdr = { .p_type = PT_LOAD,
			    .p_offset = 0x100,
			    .p_vaddr = 0x8048000,
			    .p_filesz = 0x80,
			    .p_memsz = 0x80 };
	struct bsl_elf *elf;
	uint64_t offset;

	(void)state;
	memset(&image, 0, sizeof(image));
	memcpy(ehdr.e_ident, ELFMAG, SELFMAG);
	ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr.e_type = ET_EXEC;
	ehdr.e_machine = EM_386;
	ehdr.e_phoff = sizeof(ehdr);
	ehdr.e_phentsize = sizeof(phdr);
	ehdr.e_phnum = 1;
	memcpy(image.data, &ehdr, sizeof(ehdr));
	memcpy(image.data + sizeof(ehdr), &phdr, sizeof(phdr));
	image.size = 0x200;
	elf = image_open(&image);
	assert_int_equal(bsl_elf_bits(elf), 32);
	assert_int_equal(bsl_elf_machine(elf), EM_386);
	assert_int_equal(bsl_elf_addr_to_offset(elf, 0x8048010, &offset), 0);
	assert_int_equal(offset, 0x110);
	bsl_elf_close(elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_refuses_what_is_not_elf),
		cmocka_unit_test(test_open_refuses_broken_headers),
		cmocka_unit_test(test_open_tells_machine_kind_and_file),
		cmocka_unit_test(test_address_and_offset_follow_the_segments),
		cmocka_unit_test(test_find_own_functions_at_their_bytes),
		cmocka_unit_test(test_find_data_only_when_asked),
		cmocka_unit_test(test_find_glob_gives_each_place_once),
		cmocka_unit_test(test_find_in_an_odd_symbol_table),
		cmocka_unit_test(test_find_strips_and_chooses_versions),
		cmocka_unit_test(test_find_takes_clones_when_asked),
		cmocka_unit_test(test_find_reads_versions_beside_dynsym),
		cmocka_unit_test(test_symbol_at_picks_innermost_and_best),
		cmocka_unit_test(test_symbol_at_finds_own_function),
		cmocka_unit_test(test_symbol_at_names_linker_stubs),
		cmocka_unit_test(test_no_symbols_is_told_apart_from_no_such_symbol),
		cmocka_unit_test(test_symbols_with_broken_strings_are_left_out),
		cmocka_unit_test(test_suggest_gives_near_names_nearest_first),
		cmocka_unit_test(test_32_bit_files_are_read_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
