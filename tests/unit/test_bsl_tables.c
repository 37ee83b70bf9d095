/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Other sources of names: kallsyms, perf maps, Go's table, debug files, demanglers. */
#include <array_size.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include <blazesym-lite.h>

#include "test_bsl_image.h"

/* ---- names ---- */

static void test_demangle_makes_cpp_and_rust_readable(void **state)
{
	static const struct {
		const char *name, *full, *bare;
	} rows[] = {
		{ "_ZN3app3addEii", "app::add(int, int)", "app::add" },
		{ "_ZSt9terminatev", "std::terminate()", "std::terminate" },
		{ "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt",
		  "core::fmt::Write::write_fmt" },
		{ "_RNvC6_123foo3bar", "123foo::bar", "123foo::bar" },
		{ "main", NULL, NULL },
		{ "_Z", NULL, NULL },
		{ "_R", NULL, NULL },
		{ "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *full = bsl_demangle(rows[i].name, 0);
		char *bare = bsl_demangle(rows[i].name, BSL_DEMANGLE_NO_PARAMS);

		if (rows[i].full) {
			assert_non_null(full);
			assert_string_equal(full, rows[i].full);
			assert_string_equal(bare, rows[i].bare);
		} else {
			assert_null(full);
		}
		free(full);
		free(bare);
	}
}

static int count(const struct bsl_symbol *sym, void *ctx)
{
	(void)sym;
	++*(int *)ctx;
	return 0;
}

static int find(struct bsl_elf *elf, const char *name, unsigned int flags)
{
	int nr = 0, ret = bsl_elf_find_symbols(elf, name, flags, count, &nr);

	return ret < 0 ? ret : nr;
}

static void test_find_by_demangled_name(void **state)
{
	static const struct image_symbol symbols[] = {
		{ "_ZN3app3addEii", IMAGE_BASE, 8, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
		{ "_ZN3app3addEdd", IMAGE_BASE + 16, 8, STT_FUNC, STB_GLOBAL, SECTION_TEXT },
		{ "_ZN4core3fmt5write17h0123456789abcdefE", IMAGE_BASE + 32, 8, STT_FUNC, STB_LOCAL,
		  SECTION_TEXT },
		{ "_ZNSaIcEC1Ev", IMAGE_BASE + 48, 8, STT_FUNC, STB_LOCAL, SECTION_TEXT },
		{ "add", IMAGE_BASE + 64, 8, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	};
	static struct image image;
	struct bsl_elf *elf;

	(void)state;
	image_build(&image, symbols, ARRAY_SIZE(symbols));
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(find(elf, "app::add", BSL_FIND_DEMANGLED), 2);
	assert_int_equal(find(elf, "app::add", 0), 0);
	assert_int_equal(find(elf, "app::add(int, int)", BSL_FIND_DEMANGLED), 1);
	assert_int_equal(find(elf, "app::*", BSL_FIND_DEMANGLED | BSL_FIND_GLOB), 2);
	assert_int_equal(find(elf, "core::fmt::write", BSL_FIND_DEMANGLED), 1);
	assert_int_equal(find(elf, "std::allocator<char>::allocator", BSL_FIND_DEMANGLED), 1);
	assert_int_equal(find(elf, "add", BSL_FIND_DEMANGLED), 1);
	assert_int_equal(find(elf, "_ZN3app3addEii", BSL_FIND_DEMANGLED), 1);
	bsl_elf_close(elf);
}

/* ---- kallsyms ---- */

static const char kallsyms[] = "0000000000000000 A fixed_percpu_data\n"
			       "ffffffff81000000 T _text\n"
			       "ffffffff81000000 T _stext\n"
			       "ffffffff81000040 t do_one\n"
			       "ffffffff81000080 d some_data\n"
			       "ffffffff81000100 W weak_one\n"
			       "ffffffffc0001000 t ext4_open\t[ext4]\n"
			       "ffffffffc0000000 t ext4_init\t[ext4]\n"
			       "ffffffffc0100000 t bpf_prog_6deef7357e7b4530_x\t[bpf]\n";

static void assert_kernel_at(const struct bsl_kernel *kernel, uint64_t addr, const char *name,
			     const char *module)
{
	struct bsl_kernel_symbol sym;
	int err = bsl_kernel_symbol_at(kernel, addr, &sym);

	assert_int_equal(err, name ? 0 : -ENOENT);
	if (!name)
		return;
	assert_string_equal(sym.name, name);
	assert_string_equal(sym.module, module);
}

static int kernel_count(const struct bsl_kernel_symbol *sym, void *ctx)
{
	(void)sym;
	++*(int *)ctx;
	return 0;
}

static void test_kallsyms_lookup(void **state)
{
	struct bsl_kernel *kernel;
	int nr = 0;

	(void)state;
	assert_int_equal(bsl_kernel_parse(kallsyms, sizeof(kallsyms) - 1, &kernel), 0);
	assert_kernel_at(kernel, 0x1000, NULL, NULL);
	assert_kernel_at(kernel, 0xffffffff81000000, "_text", "vmlinux");
	assert_kernel_at(kernel, 0xffffffff8100003f, "_text", "vmlinux");
	assert_kernel_at(kernel, 0xffffffff81000090, "do_one", "vmlinux");
	assert_kernel_at(kernel, 0xffffffff81000100, "weak_one", "vmlinux");
	assert_kernel_at(kernel, 0xffffffff90000000, NULL, NULL); /* far behind the last one */
	assert_kernel_at(kernel, 0xffffffffc0000004, "ext4_init", "ext4");
	assert_kernel_at(kernel, 0xffffffffc0001004, "ext4_open", "ext4");
	assert_kernel_at(kernel, 0xffffffffc0100010, "bpf_prog_6deef7357e7b4530_x", "bpf");
	assert_int_equal(
		bsl_kernel_find_symbols(kernel, "ext4_*", BSL_FIND_GLOB, kernel_count, &nr), 2);
	assert_int_equal(bsl_kernel_find_symbols(kernel, "some_data", 0, kernel_count, &nr), 0);
	bsl_kernel_close(kernel);
}

static void test_kallsyms_hidden_and_broken(void **state)
{
	static const char hidden[] = "0000000000000000 T _text\n0000000000000000 t x\t[m]\n";
	static const char *const broken[] = {
		"x\n",
		"ffffffff81000000 T\n",
		"ffffffff81000000 T name",
		"ffffffff81000000 T name\tm\n",
		"fffffffff81000000 T name\n",
		"\n",
		"ffffffff81000000  T name\n",
	};
	struct bsl_kernel *kernel;

	(void)state;
	assert_int_equal(bsl_kernel_parse(hidden, sizeof(hidden) - 1, &kernel), -EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		if (bsl_kernel_parse(broken[i], strlen(broken[i]), &kernel) != -EBADMSG)
			fail_msg("taken: %s", broken[i]);
}

/* ---- perf maps ---- */

static void assert_perf_at(const struct bsl_perf_map *map, uint64_t addr, const char *name)
{
	struct bsl_perf_symbol sym;

	assert_int_equal(bsl_perf_map_symbol_at(map, addr, &sym), name ? 0 : -ENOENT);
	if (name)
		assert_string_equal(sym.name, name);
}

static void test_perf_map_last_line_counts(void **state)
{
	static const char text[] =
		"7f00 100 LFoo;::bar (int)\n8000 10 old\nnonsense\n8000 20 new\n"
		"0x9000 10 prefixed\n9100 10\n9200 zz bad\nffffffffffffffff 2 wraps\n"
		"8008 4 newest\na000 10 unended";
	struct bsl_perf_map *map;

	(void)state;
	assert_int_equal(bsl_perf_map_parse(text, sizeof(text) - 1, &map), 0);
	assert_perf_at(map, 0x7f50, "LFoo;::bar (int)");
	assert_perf_at(map, 0x8000, "new");
	assert_perf_at(map, 0x801f, "new");
	assert_perf_at(map, 0x8008, "newest");
	assert_perf_at(map, 0x800c, "new");
	assert_perf_at(map, 0x8020, NULL);
	assert_perf_at(map, 0x9000, "prefixed");
	assert_perf_at(map, 0x9100, NULL);
	assert_perf_at(map, 0xa00f, "unended");
	assert_perf_at(map, 0, NULL);
	assert_perf_at(map, UINT64_MAX, NULL);
	bsl_perf_map_free(map);
	assert_int_equal(bsl_perf_map_parse("nothing\n", 8, &map), -EBADMSG);
	assert_int_equal(bsl_perf_map_parse("", 0, &map), 0);
	bsl_perf_map_free(map);
}

/* ---- Go ---- */

struct pclntab {
	uint32_t magic;
	uint8_t pad[2], quantum, word;
	uint64_t nr_funcs, nr_files, text, names, cus, files, pcs, funcs;
	char strings[32];	/* at 0x48 */
	uint32_t functab[5];	/* at 0x68: entry, record; entry, record; end */
	uint32_t records[2][2]; /* at 0x7c: entry, name */
};

static void pclntab_image(struct image *image, uint64_t text_base)
{
	static const struct pclntab whole = {
		.magic = 0xfffffff1,
		.quantum = 1,
		.word = 8,
		.nr_funcs = 2,
		.names = 0x48,
		.cus = 0x68,
		.files = 0x68,
		.pcs = 0x68,
		.funcs = 0x68,
		.strings = "\0main.main\0main.(*T).Get",
		.functab = { 0, 20, 0x40, 28, 0x100 },
		.records = { { 0, 1 }, { 0x40, 11 } },
	};
	struct pclntab table = whole;
	Elf64_Phdr *phdr = (Elf64_Phdr *)(image->data + sizeof(Elf64_Ehdr)) + 2;

	table.text = text_base;
	image_build(image, NULL, 0);
	image_section_set(image, SECTION_EXTRA, ".gopclntab", SHT_PROGBITS, &table, sizeof(table));
	image_section(image, SECTION_EXTRA)->sh_flags = SHF_ALLOC;
	image_section(image, SECTION_EXTRA)->sh_addr = 0x700000;
	*phdr = (Elf64_Phdr){ .p_type = PT_LOAD,
			      .p_flags = PF_R,
			      .p_vaddr = 0x700000,
			      .p_offset = image_section(image, SECTION_EXTRA)->sh_offset,
			      .p_filesz = sizeof(table),
			      .p_memsz = sizeof(table) };
	((Elf64_Ehdr *)image->data)->e_phnum = 3;
	image_section(image, SECTION_SYMTAB)->sh_type = SHT_PROGBITS;
}

static void test_go_functions_without_a_symbol_table(void **state)
{
	static struct image image;
	struct bsl_symbol sym;
	struct bsl_elf *elf;

	(void)state;
	pclntab_image(&image, IMAGE_BASE);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_true(bsl_elf_is_go(elf));
	assert_int_equal(find(elf, "main.*", BSL_FIND_GLOB), 2);
	assert_int_equal(bsl_elf_symbol_at(elf, IMAGE_BASE + 0x50, &sym), 0);
	assert_string_equal(sym.name, "main.(*T).Get");
	assert_int_equal(sym.addr, IMAGE_BASE + 0x40);
	assert_int_equal(sym.size, 0xc0);
	assert_int_equal(sym.offset, IMAGE_TEXT + 0x40);
	assert_int_equal(bsl_elf_symbol_at(elf, IMAGE_BASE + 0x100, &sym), -ENOENT);
	bsl_elf_close(elf);
}

static void test_go_without_a_trusted_text_base_has_no_names(void **state)
{
	static struct image image;
	struct bsl_elf *elf;

	(void)state;
	pclntab_image(&image, 0);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(find(elf, "main.main", 0), -ENODATA);
	bsl_elf_close(elf);
	/* one that isn't in code is no better */
	pclntab_image(&image, 0x10000000);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(find(elf, "main.main", 0), -ENODATA);
	bsl_elf_close(elf);
}

static void test_go_text_base_from_moduledata(void **state)
{
	static struct image image;
	uint64_t *module;
	struct bsl_elf *elf;

	(void)state;
	pclntab_image(&image, 0);
	module = (uint64_t *)(image.data + IMAGE_DATA + 8);
	module[0] = 0x700000;	     /* the table ... */
	module[1] = 0x700000 + 0x48; /* ... and its names vouch for each other */
	module[22] = IMAGE_BASE + 0x10;
	module[23] = IMAGE_BASE + IMAGE_TEXT_SIZE;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(find(elf, "main.main", 0), 1);
	bsl_elf_close(elf);
	module[1]++;
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(find(elf, "main.main", 0), -ENODATA);
	bsl_elf_close(elf);
}

/* ---- separate debug files ---- */

static void file_write(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* A file whose .gnu_debuglink names x.debug, with that CRC. */
static void linked_image(struct image *image, uint32_t crc)
{
	char link[12] = "x.debug";

	memcpy(link + 8, &crc, sizeof(crc));
	image_build(image, NULL, 0);
	image_section(image, SECTION_SYMTAB)->sh_type = SHT_PROGBITS;
	image_section_set(image, SECTION_EXTRA, ".gnu_debuglink", SHT_PROGBITS, link, sizeof(link));
}

static void test_debug_file_by_link_needs_the_right_crc(void **state)
{
	static const struct image_symbol symbols[] = {
		{ "hidden", IMAGE_BASE + 0x10, 0x10, STT_FUNC, STB_LOCAL, SECTION_TEXT },
	};
	char dir[] = "/tmp/test_bsl_debug.XXXXXX", path[64], binary[64];
	static struct image debug, image;
	struct bsl_symbol sym;
	struct bsl_elf *elf;
	uint32_t crc;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.debug", dir);
	snprintf(binary, sizeof(binary), "%s/x", dir);
	image_build(&debug, symbols, 1);
	file_write(path, debug.data, debug.size);
	crc = crc32(crc32(0, NULL, 0), debug.data, debug.size);

	linked_image(&image, crc + 1);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(bsl_elf_load_debug(elf, 0, binary), -ENOENT);
	assert_int_equal(find(elf, "hidden", 0), -ENODATA);
	bsl_elf_close(elf);

	linked_image(&image, crc);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(bsl_elf_load_debug(elf, 0, binary), 0);
	assert_int_equal(find(elf, "hidden", 0), 1);
	assert_int_equal(bsl_elf_symbol_at(elf, IMAGE_BASE + 0x18, &sym), 0);
	assert_string_equal(sym.name, "hidden");
	assert_int_equal(sym.offset, IMAGE_TEXT + 0x10);
	assert_int_equal(bsl_elf_load_debug(elf, 0, binary), -EEXIST);
	bsl_elf_close(elf);

	/* The same by a name that isn't absolute. */
	assert_int_equal(chdir(dir), 0);
	file_write("x", image.data, image.size);
	assert_int_equal(bsl_elf_open_mem(image.data, image.size, &elf), 0);
	assert_int_equal(bsl_elf_load_debug(elf, 0, "./x"), 0);
	bsl_elf_close(elf);
	assert_int_equal(chdir("/"), 0);
	unlink(binary);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demangle_makes_cpp_and_rust_readable),
		cmocka_unit_test(test_find_by_demangled_name),
		cmocka_unit_test(test_kallsyms_lookup),
		cmocka_unit_test(test_kallsyms_hidden_and_broken),
		cmocka_unit_test(test_perf_map_last_line_counts),
		cmocka_unit_test(test_go_functions_without_a_symbol_table),
		cmocka_unit_test(test_go_without_a_trusted_text_base_has_no_names),
		cmocka_unit_test(test_go_text_base_from_moduledata),
		cmocka_unit_test(test_debug_file_by_link_needs_the_right_crc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
