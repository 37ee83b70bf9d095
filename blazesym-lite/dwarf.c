/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Source lines and inlined functions of an address, by libdw from DWARF. libelf reads whole sections into memory, as a mapped
 * file may shrink or change below it, and decompresses what is compressed.
 */
#include <array_size.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dwarf_private.h"
#include "elf_file.h"
#include "io.h"

/* Compilers nest scopes a few dozen deep; files made to harm may not exhaust our stack. */
#define MAX_DEPTH 256

/* Where a function's code lies; of a function in several pieces one of these. */
struct function_range {
	uint64_t start, end;
	Dwarf_Off die;
};

/* The functions of one compilation unit: finding them means walking all of it, so once only. */
struct unit_index {
	Dwarf_Off unit;
	Dwarf_Die code;		       /* as unit_code() */
	struct function_range *ranges; /* by rising start */
	size_t nr, room;
	Dwarf_Off last; /* seen while walking */
	struct unit_index *next;
};

struct dwarf_state {
	void *copy; /* of a file that is somebody's memory */
	Elf *elf;
	char path[PATH_MAX]; /* of elf, as libdw knows it; "" if it doesn't */
	Dwarf *dwarf;	     /* NULL: there is none */
	Elf *frames_elf;     /* of the file itself, for its .eh_frame, once asked for */
	Dwarf_CFI *frames;
	struct unit_index *units; /* the one used last comes first */
};

static void unit_index_free(struct unit_index *index)
{
	free(index->ranges);
	free(index);
}

static void state_free(struct dwarf_state *state)
{
	while (state->units) {
		struct unit_index *next = state->units->next;

		unit_index_free(state->units);
		state->units = next;
	}
	dwarf_cfi_end(state->frames);
	elf_end(state->frames_elf);
	dwarf_end(state->dwarf);
	elf_end(state->elf);
	free(state->copy);
	free(state);
}

static bool has_dwarf(const struct bsl_elf *elf)
{
	return elf_section_by_name(elf, ".debug_info") || elf_section_by_name(elf, ".zdebug_info");
}

/* What a section says it will be decompressed; 0 if it isn't compressed, UINT64_MAX if broken. */
static uint64_t decompressed_size(const struct bsl_elf *elf, const Elf64_Shdr *shdr)
{
	bool is_gnu = !strncmp(elf_section_name(elf, shdr), ".zdebug", 7);
	size_t header = !(shdr->sh_flags & SHF_COMPRESSED) ? 12
			: elf->is64			   ? sizeof(Elf64_Chdr)
							   : sizeof(Elf32_Chdr);
	const uint8_t *data;
	uint64_t size = 0;
	Elf64_Chdr chdr;
	Elf32_Chdr chdr32;

	if (shdr->sh_type == SHT_NOBITS || !(shdr->sh_flags & SHF_COMPRESSED || is_gnu))
		return 0;
	data = elf_holds(elf, shdr->sh_offset, shdr->sh_size) && shdr->sh_size >= header
		       ? elf_bytes(elf, shdr->sh_offset, header)
		       : NULL;
	if (!data)
		return UINT64_MAX;
	if (shdr->sh_flags & SHF_COMPRESSED) {
		memcpy(&chdr, data, elf->is64 ? sizeof(chdr) : 0);
		memcpy(&chdr32, data, sizeof(chdr32));
		return elf->is64 ? chdr.ch_size : chdr32.ch_size;
	}
	/* "ZLIB", then the size, highest byte first */
	for (int i = 4; i < 12; i++)
		size = size << 8 | data[i];
	return size;
}

/*
 * libelf allocates what a section claims before it looks further. Deflate can't shrink data to less
 * than a 1032nd (zlib's technical notes), and nobody's debug information gets that far.
 */
static bool sizes_credible(const struct bsl_elf *elf)
{
	for (size_t i = 0; i < elf->nr_shdrs; i++)
		if (decompressed_size(elf, &elf->shdrs[i]) / 1032 > elf->shdrs[i].sh_size)
			return false;
	return true;
}

/*
 * The file for libelf: by its descriptor libdw knows where it lies, and with it the files of split DWARF. Reading it costs 0.6 ms
 * a MB, where walking DWARF costs 9.
 */
static Elf *libelf_open(const struct bsl_elf *elf, struct dwarf_state *state)
{
	elf_version(EV_CURRENT);
	if (elf->fd >= 0)
		return elf_begin(elf->fd, ELF_C_READ, NULL);
	/* it writes over section headers when it decompresses: not over the caller's */
	state->copy = malloc(elf->size);
	return state->copy ? elf_memory(memcpy(state->copy, elf->data, elf->size), elf->size)
			   : NULL;
}

/*
 * Where the file lies, for the split DWARF beside it. "" if that name means another file to us: one of another mount namespace,
 * or one that was deleted.
 */
static void own_path_read(const struct bsl_elf *elf, char path[static PATH_MAX])
{
	struct stat st;

	if (io_fd_path(elf->fd, path) || stat(path, &st) || st.st_dev != elf->dev ||
	    st.st_ino != elf->ino)
		path[0] = '\0';
}

static int state_open(struct bsl_elf *elf)
{
	const struct bsl_elf *source = elf->debug && has_dwarf(elf->debug) ? elf->debug : elf;

	elf->dwarf = calloc(1, sizeof(*elf->dwarf));
	if (!elf->dwarf)
		return -ENOMEM;
	elf->dwarf_free = state_free;
	/* addresses in relocatable files are not what their DWARF says before relocation */
	if (!has_dwarf(source) || source->ehdr.e_type == ET_REL || !sizes_credible(source))
		return 0;
	elf->dwarf->elf = libelf_open(source, elf->dwarf);
	if (!elf->dwarf->elf)
		return -ENOMEM;
	elf->dwarf->dwarf = dwarf_begin_elf(elf->dwarf->elf, DWARF_C_READ, NULL);
	if (source->fd >= 0)
		own_path_read(source, elf->dwarf->path);
	/* libelf has read for itself: the same file that we looked at? */
	if (source->view && !view_check(source->view))
		return view_error(source->view);
	return 0;
}

/* What dwarf_getcfi_elf() looks at, beside headers: the tables' sections, or what is loaded where they are. */
static void frames_read(const struct bsl_elf *elf)
{
	static const char *const names[] = { ".eh_frame", ".eh_frame_hdr" };
	const Elf64_Shdr *shdr;
	bool found = true;
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		shdr = elf_section_by_name(elf, names[i]);
		found &= shdr && elf_section_data(elf, shdr, &size);
	}
	for (size_t i = 0; i < elf->nr_phdrs && !found; i++)
		if (elf->phdrs[i].p_type == PT_LOAD)
			elf_bytes(elf, elf->phdrs[i].p_offset, elf->phdrs[i].p_filesz);
}

/*
 * Of the file itself: a separate debug file has no .eh_frame. Not by its descriptor: where sections don't suffice, libdw reads all of a
 * file, and libelf then forgets what it had read of it before (elf_rawfile(), elf_end() of elfutils 0.192).
 */
static void frames_open(struct bsl_elf *elf)
{
	struct dwarf_state *state = elf->dwarf;

	frames_read(elf);
	state->frames_elf = elf_memory((char *)elf->data, elf->size);
	if (state->frames_elf)
		state->frames = dwarf_getcfi_elf(state->frames_elf);
}

/* ---- units whose functions lie in another file ---- */

static const char *string_attr(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;

	return dwarf_formstring(dwarf_attr(die, name, &attr));
}

/* libdw opens whatever bears the name, a FIFO, a bomb. What isn't there does no harm. */
static bool is_harmless(const char *path)
{
	struct bsl_elf *elf;
	bool credible;
	struct stat st;

	if (stat(path, &st))
		return true;
	if (!S_ISREG(st.st_mode) || bsl_elf_open(path, &elf))
		return false;
	credible = sizes_credible(elf);
	bsl_elf_close(elf);
	return credible;
}

/*
 * True if libdw may look for the file that a skeleton unit names: in the package beside the program
 * (PROGRAM.dwp), else beside it or where the compiler wrote it, as __libdw_find_split_unit() does.
 */
static bool split_is_harmless(const struct dwarf_state *state, Dwarf_Die *skeleton)
{
	const char *name = string_attr(skeleton, DW_AT_dwo_name),
		   *slash = strrchr(state->path, '/');
	const char *dir = string_attr(skeleton, DW_AT_comp_dir);
	int len = slash ? slash - state->path + 1 : 0;
	char path[PATH_MAX];

	if (!name)
		name = string_attr(skeleton, DW_AT_GNU_dwo_name);
	if (!name || !state->path[0] || !io_format(path, sizeof(path), "%s.dwp", state->path) ||
	    !is_harmless(path))
		return false;
	if (*name == '/')
		return is_harmless(name);
	if (!io_format(path, sizeof(path), "%.*s%s", len, state->path, name) || !is_harmless(path))
		return false;
	if (dir && *dir == '/')
		len = 0;
	return !dir || (io_format(path, sizeof(path), "%.*s%s/%s", len, state->path, dir, name) &&
			is_harmless(path));
}

/*
 * The entry below which a unit's functions are: its own, or with -gsplit-dwarf that of the unit in
 * another file, if that is found. Lines stay in `unit`.
 */
static Dwarf_Die unit_code(const struct dwarf_state *state, Dwarf_Die *unit)
{
	Dwarf_Die self = *unit, split;
	uint8_t type;

	/* before libdw is asked for the file: it looks for it only then */
	if (dwarf_cu_info(unit->cu, NULL, &type, NULL, NULL, NULL, NULL, NULL) ||
	    type != DW_UT_skeleton || !split_is_harmless(state, unit) ||
	    dwarf_cu_info(unit->cu, NULL, &type, NULL, &split, NULL, NULL, NULL) ||
	    !dwarf_tag(&split))
		return self;
	return split;
}

const char *dwarf_function_name(Dwarf_Die *die)
{
	static const unsigned int names[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name };
	Dwarf_Attribute attr;

	for (size_t i = 0; i < 2; i++) {
		const char *name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &attr));

		if (name)
			return name;
	}
	return dwarf_diename(die);
}

static unsigned int number_attr(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value = 0;

	if (!dwarf_attr(die, name, &attr) || dwarf_formudata(&attr, &value) || value > UINT32_MAX)
		return 0;
	return value;
}

static const char *dir_get(Dwarf_Die *unit, const char *file)
{
	return !file || *file == '/' ? NULL : string_attr(unit, DW_AT_comp_dir);
}

bool dwarf_function_entry(Dwarf_Die *function, Dwarf_Addr *entry)
{
	Dwarf_Addr base, end;

	return !dwarf_entrypc(function, entry) || dwarf_ranges(function, 0, &base, entry, &end) > 0;
}

void dwarf_call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct bsl_line *line)
{
	unsigned int file = number_attr(inlined, DW_AT_call_file);
	Dwarf_Files *files;
	size_t nr;

	memset(line, 0, sizeof(*line));
	line->line = number_attr(inlined, DW_AT_call_line);
	line->column = number_attr(inlined, DW_AT_call_column);
	if (!dwarf_getsrcfiles(unit, &files, &nr) && file < nr)
		line->file = dwarf_filesrc(files, file, NULL, NULL);
	line->dir = dir_get(unit, line->file);
}

static void position_get(Dwarf_Die *unit, uint64_t addr, struct bsl_line *line)
{
	Dwarf_Line *row = dwarf_getsrc_die(unit, addr);
	int number;

	memset(line, 0, sizeof(*line));
	if (!row)
		return;
	line->file = dwarf_linesrc(row, NULL, NULL);
	line->dir = dir_get(unit, line->file);
	if (!dwarf_lineno(row, &number))
		line->line = number;
	if (!dwarf_linecol(row, &number))
		line->column = number;
}

/* ---- the function around an address ---- */

bool dwarf_is_ahead(Dwarf_Off *last, Dwarf_Die *die)
{
	Dwarf_Off offset = dwarf_dieoffset(die);

	if (offset <= *last)
		return false;
	*last = offset;
	return true;
}

static int ranges_add(struct unit_index *index, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	struct function_range *grown;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
		if (start >= end)
			continue;
		if (index->nr == index->room) {
			index->room = index->room ? index->room * 2 : 64;
			grown = reallocarray(index->ranges, index->room, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			index->ranges = grown;
		}
		index->ranges[index->nr++] =
			(struct function_range){ start, end, dwarf_dieoffset(die) };
	}
	return 0;
}

/* Functions lie in units, namespaces and classes, and in functions. */
static int functions_collect(struct unit_index *index, Dwarf_Die *parent, unsigned int depth)
{
	Dwarf_Die die;
	int err = 0;

	if (depth >= MAX_DEPTH || dwarf_child(parent, &die))
		return 0;
	do {
		if (!dwarf_is_ahead(&index->last, &die))
			return 0;
		switch (dwarf_tag(&die)) {
		case DW_TAG_subprogram:
			err = ranges_add(index, &die);
			break;
		case DW_TAG_namespace:
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_module:
		case DW_TAG_lexical_block:
			break;
		default:
			continue;
		}
		if (!err)
			err = functions_collect(index, &die, depth + 1);
	} while (!err && !dwarf_siblingof(&die, &die));
	return err;
}

static int range_compare(const void *a, const void *b)
{
	const struct function_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct unit_index *unit_index_get(struct dwarf_state *state, Dwarf_Die *unit)
{
	Dwarf_Off offset = dwarf_dieoffset(unit);
	struct unit_index *index, **link;

	for (link = &state->units; (index = *link); link = &index->next) {
		if (index->unit != offset)
			continue;
		*link = index->next;
		index->next = state->units;
		return state->units = index;
	}
	index = calloc(1, sizeof(*index));
	if (!index)
		return NULL;
	index->code = unit_code(state, unit);
	if (functions_collect(index, &index->code, 0)) {
		unit_index_free(index);
		return NULL;
	}
	if (index->nr)
		qsort(index->ranges, index->nr, sizeof(*index->ranges), range_compare);
	index->unit = offset;
	index->next = state->units;
	return state->units = index;
}

static bool function_find(const struct unit_index *index, uint64_t addr, Dwarf_Die *function)
{
	size_t low = 0, high = index->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (index->ranges[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && addr < index->ranges[low - 1].end &&
	       dwarf_offdie(dwarf_cu_getdwarf(index->code.cu), index->ranges[low - 1].die,
			    function);
}

/* The inlined functions that hold an address, the outermost first. */
struct inline_chain {
	Dwarf_Die dies[MAX_DEPTH];
	size_t nr;
	Dwarf_Off last; /* seen while walking */
};

/* True if something inlined below parent holds the address. */
static bool chain_collect(struct inline_chain *chain, Dwarf_Die *parent, uint64_t addr,
			  unsigned int depth)
{
	Dwarf_Die die;

	if (depth >= MAX_DEPTH || dwarf_child(parent, &die))
		return false;
	do {
		int tag = dwarf_tag(&die), holds;

		if (!dwarf_is_ahead(&chain->last, &die))
			return false;
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
			continue;
		holds = dwarf_haspc(&die, addr);
		if (holds > 0 && tag == DW_TAG_inlined_subroutine) {
			chain->dies[chain->nr++] = die;
			chain_collect(chain, &die, addr, depth + 1);
			return true;
		}
		/*
		 * A block may have no addresses of its own, and yet code inside; of two that hold
		 * the address, as compilers write them, only the second may know of a function.
		 */
		if (holds && tag == DW_TAG_lexical_block &&
		    chain_collect(chain, &die, addr, depth + 1))
			return true;
	} while (!dwarf_siblingof(&die, &die));
	return false;
}

static int handle_open(struct bsl_elf *elf)
{
	int err = elf->dwarf ? 0 : state_open(elf);

	return elf_error(elf, err ? err : elf->dwarf->dwarf ? 0 : -ENODATA);
}

int dwarf_handle(struct bsl_elf *elf, Dwarf **dwarf)
{
	int err = handle_open(elf);

	*dwarf = err ? NULL : elf->dwarf->dwarf;
	return err;
}

void dwarf_place_offset(const struct bsl_elf *elf, struct bsl_dwarf_place *place)
{
	if (bsl_elf_addr_to_offset(elf, place->addr, &place->offset))
		place->offset = UINT64_MAX;
}

int bsl_elf_dwarf(struct bsl_elf *elf, Dwarf **dwarf, Dwarf_CFI **cfi)
{
	int err = handle_open(elf);

	*dwarf = NULL;
	*cfi = NULL;
	if (err)
		return err;
	if (!elf->dwarf->frames_elf)
		frames_open(elf);
	*dwarf = elf->dwarf->dwarf;
	*cfi = elf->dwarf->frames;
	return 0;
}

void bsl_elf_split_unit(struct bsl_elf *elf, void *unit)
{
	Dwarf_Die *die = unit;

	if (!handle_open(elf))
		*die = unit_code(elf->dwarf, die);
}

static void line_add(struct bsl_line *lines, size_t n, size_t i, struct bsl_line *line,
		     Dwarf_Die *die)
{
	line->function = die ? dwarf_function_name(die) : NULL;
	if (i < n)
		lines[i] = *line;
}

int bsl_elf_lines(struct bsl_elf *elf, uint64_t addr, struct bsl_line *lines, size_t n)
{
	struct inline_chain *chain;
	struct unit_index *index;
	Dwarf_Die unit, function;
	struct bsl_line current;
	size_t nr = 0;
	int err;

	err = handle_open(elf);
	if (err)
		return err;
	if (!dwarf_addrdie(elf->dwarf->dwarf, addr, &unit))
		return -ENOENT;
	position_get(&unit, addr, &current);
	index = unit_index_get(elf->dwarf, &unit);
	if (!index)
		return -ENOMEM;
	if (!function_find(index, addr, &function)) {
		/* a line table without functions, as assemblers write it */
		if (!current.file && !current.line)
			return -ENOENT;
		line_add(lines, n, 0, &current, NULL);
		return 1;
	}
	chain = malloc(sizeof(*chain));
	if (!chain)
		return -ENOMEM;
	chain->nr = chain->last = 0;
	chain_collect(chain, &function, addr, 0);
	while (chain->nr) {
		Dwarf_Die *die = &chain->dies[--chain->nr];

		line_add(lines, n, nr++, &current, die);
		dwarf_call_site(&index->code, die, &current);
	}
	free(chain);
	line_add(lines, n, nr++, &current, &function);
	return nr;
}

/* ---- lines -> places ---- */

/* Looking for one line in one unit after the other. */
struct line_search {
	const struct bsl_elf *elf;
	const char *wanted;
	bsl_dwarf_place_fn fn;
	void *ctx;
	Dwarf_Die unit;
	int nr;
	bool stopped;
};

static int place_report(struct line_search *search, const struct bsl_dwarf_place *place)
{
	int ret = search->fn(place, search->ctx);

	search->nr++;
	search->stopped = ret != 0;
	return ret < 0 ? ret : 0;
}

/* `file` is the whole path or its last components. */
static bool path_ends_with(const char *path, const char *file)
{
	size_t path_len = strlen(path), file_len = strlen(file);

	if (file_len > path_len || strcmp(path + path_len - file_len, file))
		return false;
	return file_len == path_len || path[path_len - file_len - 1] == '/';
}

/* A unit's table of files is much smaller than its rows, and mostly shows that these need not be read. */
static bool unit_has_file(Dwarf_Die *unit, const char *wanted)
{
	Dwarf_Files *files;
	size_t nr;

	if (dwarf_getsrcfiles(unit, &files, &nr))
		return false;
	for (size_t i = 0; i < nr; i++) {
		const char *name = dwarf_filesrc(files, i, NULL, NULL);

		if (name && path_ends_with(name, wanted))
			return true;
	}
	return false;
}

static int unit_find_line(struct line_search *search, unsigned int line)
{
	Dwarf_Lines *rows;
	int number, before = -1, err = 0;
	bool statement;
	size_t nr;

	if (!unit_has_file(&search->unit, search->wanted) ||
	    dwarf_getsrclines(&search->unit, &rows, &nr))
		return 0;
	for (size_t i = 0; i < nr && !err && !search->stopped; i++) {
		struct bsl_dwarf_place place = { .line = { .line = line } };
		Dwarf_Line *row = dwarf_onesrcline(rows, i);

		if (dwarf_lineno(row, &number) || dwarf_linebeginstatement(row, &statement))
			continue;
		/* of neighbouring rows of one line the first is where it starts */
		if ((unsigned int)number == line && before != number && statement) {
			place.name = place.line.file = dwarf_linesrc(row, NULL, NULL);
			if (place.name && path_ends_with(place.name, search->wanted) &&
			    !dwarf_lineaddr(row, &place.addr)) {
				place.line.dir = dir_get(&search->unit, place.name);
				dwarf_place_offset(search->elf, &place);
				err = place_report(search, &place);
			}
		}
		before = number;
	}
	return err;
}

int bsl_elf_find_line(struct bsl_elf *elf, const char *file, unsigned int line,
		      bsl_dwarf_place_fn fn, void *ctx)
{
	struct line_search search = { .elf = elf, .wanted = file, .fn = fn, .ctx = ctx };
	Dwarf_CU *unit = NULL;
	int err = handle_open(elf);

	while (!err && !search.stopped &&
	       !dwarf_get_units(elf->dwarf->dwarf, unit, &unit, NULL, NULL, &search.unit, NULL))
		err = unit_find_line(&search, line);
	return err ? err : search.nr;
}
