/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * USDT sites: the notes that <sys/sdt.h> leaves in .note.stapsdt. A note's description is three
 * addresses (site, base, semaphore) and three strings (provider, name, arguments).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"

#define NOTE_TYPE 3 /* _SDT_NOTE_TYPE */

static bool string_take(const char **at, const char *end, const char **string)
{
	const char *nul = memchr(*at, '\0', end - *at);

	if (!nul)
		return false;
	*string = *at;
	*at = nul + 1;
	return true;
}

static uint64_t address_take(const struct bsl_elf *elf, const char **at)
{
	uint64_t wide;
	uint32_t narrow;

	if (elf->is64) {
		memcpy(&wide, *at, sizeof(wide));
		*at += sizeof(wide);
		return wide;
	}
	memcpy(&narrow, *at, sizeof(narrow));
	*at += sizeof(narrow);
	return narrow;
}

struct symbol_place {
	uint64_t addr;
	unsigned int nr;
};

static int symbol_place_add(const struct bsl_symbol *sym, void *ctx)
{
	struct symbol_place *place = ctx;

	if (place->nr && place->addr == sym->addr)
		return 0;
	place->addr = sym->addr;
	place->nr++;
	return 0;
}

/* Each lookup goes through all symbols, and only few operands name one: variables that are passed as they are. */
#define MAX_LOOKUPS 1024

static void arg_resolve(struct bsl_elf *elf, struct bsl_usdt_arg *arg, unsigned int *lookups)
{
	struct symbol_place place = { 0 };
	char *name;

	if (arg->kind != BSL_ARG_ADDR)
		return;
	if (++*lookups > MAX_LOOKUPS) {
		arg->kind = BSL_ARG_UNSUPPORTED;
		arg->why = "at a symbol, as too many others are";
		return;
	}
	name = strndup(arg->sym, arg->sym_len);
	if (name)
		bsl_elf_find_symbols(elf, name, BSL_FIND_OBJECTS, symbol_place_add, &place);
	free(name);
	if (place.nr == 1) {
		arg->addr += place.addr;
		return;
	}
	arg->kind = BSL_ARG_UNSUPPORTED;
	arg->why = place.nr ? "at a symbol that the file has several of"
			    : "at a symbol that isn't in the file, which may be stripped";
}

static bool note_parse(struct bsl_elf *elf, const struct elf_note *note,
		       const Elf64_Shdr *base_section, struct bsl_usdt *usdt, unsigned int *lookups)
{
	const char *at = (const char *)note->desc, *end = at + note->desc_size, *args;
	uint64_t base, moved;

	memset(usdt, 0, sizeof(*usdt));
	if (note->desc_size < 3 * (elf->is64 ? 8 : 4))
		return false;
	usdt->addr = address_take(elf, &at);
	base = address_take(elf, &at);
	usdt->sema_addr = address_take(elf, &at);
	if (!string_take(&at, end, &usdt->provider) || !string_take(&at, end, &usdt->name) ||
	    !string_take(&at, end, &args))
		return false;
	/* prelink moves the sections but knows nothing of this one, which isn't loaded */
	moved = base_section ? base_section->sh_addr - base : 0;
	usdt->addr += moved;
	if (bsl_elf_addr_to_offset(elf, usdt->addr, &usdt->offset))
		usdt->offset = UINT64_MAX;
	if (usdt->sema_addr) {
		usdt->sema_addr += moved;
		if (bsl_elf_addr_to_offset(elf, usdt->sema_addr, &usdt->sema_offset))
			usdt->sema_offset = UINT64_MAX;
	}
	bsl_usdt_parse_args(args, bsl_elf_machine(elf), usdt);
	for (size_t i = 0; i < usdt->nargs && i < BSL_USDT_MAX_ARGS; i++)
		arg_resolve(elf, &usdt->args[i], lookups);
	return true;
}

int bsl_elf_usdt_each(struct bsl_elf *elf, bsl_usdt_fn fn, void *ctx)
{
	const Elf64_Shdr *section = elf_section_by_name(elf, ".note.stapsdt");
	const Elf64_Shdr *base = elf_section_by_name(elf, ".stapsdt.base");
	const uint8_t *data;
	struct elf_note note;
	struct bsl_usdt usdt;
	size_t size, pos = 0;
	unsigned int lookups = 0;
	int nr = 0, ret;

	if (!section || section->sh_type != SHT_NOTE)
		return 0;
	data = elf_section_data(elf, section, &size);
	if (!data)
		return elf_error(elf, -EBADMSG);
	while ((ret = elf_note_next(data, size, 4, &pos, &note)) > 0) {
		if (note.type != NOTE_TYPE || note.name_size != sizeof("stapsdt") ||
		    memcmp(note.name, "stapsdt", sizeof("stapsdt")))
			continue;
		if (!note_parse(elf, &note, base, &usdt, &lookups))
			return -EBADMSG;
		nr++;
		ret = fn(&usdt, ctx);
		if (ret)
			return ret < 0 ? ret : nr;
	}
	return elf_error(elf, ret < 0 ? ret : nr);
}

/* ---- of a process ---- */

struct process_search {
	struct bsl_process_usdt site;
	bsl_process_usdt_fn fn;
	void *ctx;
	bool stopped;
};

static int process_site_found(const struct bsl_usdt *usdt, void *ctx)
{
	struct process_search *search = ctx;
	int ret;

	search->site.usdt = usdt;
	ret = search->fn(&search->site, search->ctx);
	search->stopped = ret != 0;
	return ret;
}

/* Returns the number of sites, or what fn returned if < 0. */
static int mapped_file_each(struct process_search *search, const struct bsl_maps *maps)
{
	struct bsl_process_usdt *site = &search->site;
	int ret;

	site->elf = NULL;
	ret = elf_open_own_fd(bsl_map_open(maps, site->map), &site->elf);
	if (!ret)
		ret = bsl_elf_usdt_each(site->elf, process_site_found, search);
	/* what a program maps executable need not be ELF: .jsa archives, its own code caches */
	if (ret < 0 && ret != -ENOEXEC && !search->stopped) {
		site->usdt = NULL;
		site->err = ret;
		ret = search->fn(site, search->ctx);
		search->stopped = ret != 0;
		ret = ret < 0 ? ret : 0;
		site->err = 0;
	}
	bsl_elf_close(site->elf);
	return ret == -ENOEXEC && !search->stopped ? 0 : ret;
}

int bsl_process_usdt_each(pid_t pid, bsl_process_usdt_fn fn, void *ctx)
{
	struct process_search search = { .fn = fn, .ctx = ctx };
	const struct bsl_map *map = NULL;
	struct bsl_maps *maps;
	int nr = 0, ret;

	ret = bsl_maps_read(pid, &maps);
	if (ret)
		return ret;
	while (ret >= 0 && !search.stopped && (map = bsl_maps_next_file(maps, map))) {
		search.site.map = map;
		ret = mapped_file_each(&search, maps);
		nr += ret;
	}
	bsl_maps_free(maps);
	return ret < 0 ? ret : nr;
}
