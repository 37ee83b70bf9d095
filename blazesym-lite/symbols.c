/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Names <-> addresses in one ELF file. Names are searched by walking the tables as they lie in the
 * file; addresses through a sorted index that the first such question builds.
 */
#include <array_size.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "debug_file.h"
#include "elf_file.h"
#include "plt.h"
#include "symbols.h"

/* One table entry that is a defined symbol of a wanted type. */
struct entry {
	struct bsl_symbol sym; /* name still carries its version: use name_len */
	size_t name_len;
	uint16_t section;
	const struct elf_symtab *tab;
};

/* Splits foo@V and foo@@V. Both strings end with the same NUL. */
static void version_split(const char *full, size_t *name_len, const char **version)
{
	const char *at = *full ? strchr(full + 1, '@') : NULL;

	*version = NULL;
	*name_len = at ? (size_t)(at - full) : strlen(full);
	if (at)
		*version = at + 1 + (at[1] == '@');
}

/*
 * The suffix of a function that gcc or clang made out of another: of several, as in
 * foo.part.0.constprop.0, the first one.
 */
static const char *clone_suffix(const char *name)
{
	static const char *const suffixes[] = {
		".constprop.", ".isra.", ".part.", ".cold", ".lto_priv.", ".llvm.",
	};

	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		for (size_t i = 0; dot > name && i < ARRAY_SIZE(suffixes); i++)
			if (!strncmp(dot, suffixes[i], strlen(suffixes[i])))
				return dot;
	return NULL;
}

/*
 * Assembly written without .type has STT_NOTYPE; so have markers like _etext, which lie behind
 * the section they name, arm64's $x and $d, and the inner labels of assembly, which are local.
 */
static bool notype_is_func(const struct bsl_elf *elf, const struct elf_symtab *tab,
			   const Elf64_Sym *sym, const char *name)
{
	const Elf64_Shdr *shdr;

	if (sym->st_shndx >= tab->nr_shdrs || name[0] == '$')
		return false;
	shdr = &tab->shdrs[sym->st_shndx];
	if (!(shdr->sh_flags & SHF_EXECINSTR))
		return false;
	if (ELF64_ST_BIND(sym->st_info) == STB_LOCAL && !sym->st_size)
		return false;
	if (elf->ehdr.e_type == ET_REL)
		return sym->st_value < shdr->sh_size;
	return sym->st_value >= shdr->sh_addr && sym->st_value - shdr->sh_addr < shdr->sh_size;
}

static bool type_get(const struct bsl_elf *elf, const struct elf_symtab *tab, const Elf64_Sym *sym,
		     const char *name, enum bsl_symbol_type *type)
{
	switch (ELF64_ST_TYPE(sym->st_info)) {
	case STT_FUNC:
		*type = BSL_SYM_FUNC;
		return true;
	case STT_GNU_IFUNC:
		*type = BSL_SYM_IFUNC;
		return true;
	case STT_OBJECT:
	case STT_COMMON:
		*type = BSL_SYM_OBJECT;
		return true;
	case STT_NOTYPE:
		*type = BSL_SYM_FUNC;
		return notype_is_func(elf, tab, sym, name);
	default:
		return false;
	}
}

/* The address is a file offset in relocatable files; see blazesym-lite.h. */
static bool address_get(const struct bsl_elf *elf, const Elf64_Sym *sym, uint64_t *addr)
{
	*addr = sym->st_value;
	if (elf->ehdr.e_type != ET_REL)
		return true;
	if (sym->st_shndx >= elf->nr_shdrs || elf->shdrs[sym->st_shndx].sh_type == SHT_NOBITS)
		return false;
	*addr += elf->shdrs[sym->st_shndx].sh_offset;
	return true;
}

static bool type_wanted(enum bsl_symbol_type type, unsigned int flags)
{
	if (type == BSL_SYM_OBJECT)
		return flags & (BSL_FIND_OBJECTS | BSL_FIND_ONLY_OBJECTS);
	return !(flags & BSL_FIND_ONLY_OBJECTS);
}

/* Fills all but the file offset, which most entries looked at don't need. */
static bool entry_get(const struct bsl_elf *elf, const struct elf_symtab *tab, size_t i,
		      unsigned int flags, struct entry *entry)
{
	struct bsl_symbol *out = &entry->sym;
	Elf64_Sym sym;

	elf_symbol_get(tab, i, &sym);
	/* an absolute symbol is a number or a version's name, not a place */
	if (sym.st_shndx == SHN_UNDEF || sym.st_shndx == SHN_ABS || sym.st_shndx == SHN_COMMON)
		return false;
	out->name = elf_string(&tab->strings, sym.st_name);
	if (!out->name || !*out->name)
		return false;
	if (!type_get(elf, tab, &sym, out->name, &out->type) || !type_wanted(out->type, flags) ||
	    !address_get(elf, &sym, &out->addr))
		return false;
	out->size = sym.st_size;
	out->is_label = ELF64_ST_TYPE(sym.st_info) == STT_NOTYPE;
	switch (ELF64_ST_BIND(sym.st_info)) {
	case STB_LOCAL:
		out->bind = BSL_BIND_LOCAL;
		break;
	case STB_WEAK:
		out->bind = BSL_BIND_WEAK;
		break;
	default: /* STB_GLOBAL, STB_GNU_UNIQUE */
		out->bind = BSL_BIND_GLOBAL;
	}
	entry->section = sym.st_shndx;
	entry->tab = tab;
	return true;
}

static void offset_fill(const struct bsl_elf *elf, struct bsl_symbol *sym)
{
	if (bsl_elf_addr_to_offset(elf, sym->addr, &sym->offset))
		sym->offset = UINT64_MAX;
}

/* ---- name -> symbols ---- */

/* A growing set of non-zero 64-bit hashes: what was given to the caller already. */
struct seen {
	uint64_t *slots;
	size_t nr_slots; /* a power of 2 */
	size_t nr;
};

static uint64_t seen_hash(uint64_t addr, const char *name, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ addr * 0x9e3779b97f4a7c15ull;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3ull;
	hash ^= hash >> 32;
	return hash ? hash : 1;
}

static int seen_grow(struct seen *seen)
{
	size_t nr_slots = seen->nr_slots ? seen->nr_slots * 2 : 64;
	uint64_t *slots = calloc(nr_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < seen->nr_slots; i++) {
		size_t to = seen->slots[i] & (nr_slots - 1);

		if (!seen->slots[i])
			continue;
		while (slots[to])
			to = (to + 1) & (nr_slots - 1);
		slots[to] = seen->slots[i];
	}
	free(seen->slots);
	seen->slots = slots;
	seen->nr_slots = nr_slots;
	return 0;
}

/* 1: new, and in the set from now on; 0: was there; -ENOMEM. */
static int seen_add(struct seen *seen, uint64_t hash)
{
	size_t at;

	if (seen->nr >= seen->nr_slots / 2 && seen_grow(seen))
		return -ENOMEM;
	for (at = hash & (seen->nr_slots - 1); seen->slots[at];
	     at = (at + 1) & (seen->nr_slots - 1))
		if (seen->slots[at] == hash)
			return 0;
	seen->slots[at] = hash;
	seen->nr++;
	return 1;
}

/* A search in progress. */
struct search {
	struct bsl_elf *elf;
	const char *name; /* without its version */
	size_t name_len;
	const char *version; /* wanted, or NULL */
	unsigned int flags;
	char word[SYMBOLS_WORD_SIZE]; /* for BSL_FIND_DEMANGLED: what a mangled name must hold */
	bsl_symbol_fn fn;
	void *ctx;
	struct seen seen;
	char *copy; /* of the last name that had to lose its version */
	int nr;
	bool stopped;
};

/* Behind the bracket that closes the one at text[0]; NULL: none does. */
static const char *bracket_end(const char *text)
{
	unsigned int depth = 0;

	for (; *text; text++) {
		if (*text == '[')
			depth++;
		if (*text == ']' && !--depth)
			return text + 1;
	}
	return NULL;
}

/*
 * Go's names of generic functions have the shapes of their types, main.Sum[go.shape.int_0]: main.Sum[int] means that, and main.Sum all of
 * them.
 */
static bool go_match(const char *wanted, const char *name)
{
	static const char shape[] = "go.shape.";

	while (*name) {
		size_t digits = *name == '_' ? strspn(name + 1, "0123456789") : 0;

		if (*name == '[' && *wanted != '[') {
			name = bracket_end(name);
			if (!name)
				return false;
		} else if (!strncmp(name, shape, strlen(shape)) &&
			   strncmp(wanted, shape, strlen(shape)) != 0) {
			name += strlen(shape);
		} else if (digits && strchr(",]", name[1 + digits]) && *wanted != '_') {
			name += 1 + digits;
		} else if (*name++ != *wanted++) {
			return false;
		}
	}
	return !*wanted;
}

static bool plain_match(const char *wanted, unsigned int flags, const char *name)
{
	if (flags & BSL_FIND_GLOB)
		return bsl_glob_match(wanted, name);
	return !strcmp(wanted, name) || (strchr(name, '[') && go_match(wanted, name));
}

/* What nobody writes: the tags of C++'s ABIs, f[abi:cxx11], and the brackets around the type of Rust's methods, <app::T>::f. */
static void demangled_simplify(const char *wanted, char *text)
{
	char *tag, *end;

	while (!strstr(wanted, "[abi:") && (tag = strstr(text, "[abi:")) &&
	       (end = strchr(tag, ']')))
		memmove(tag, end + 1, strlen(end + 1) + 1);
	end = *text == '<' && *wanted != '<' ? strstr(text, ">::") : NULL;
	if (!end || memchr(text + 1, '<', end - text - 1) || memchr(text, ' ', end - text))
		return;
	memmove(end, end + 1, strlen(end + 1) + 1);
	memmove(text, text + 1, strlen(text + 1) + 1);
}

/* Blanks apart: f(int,char) is f(int, char). */
static bool is_same_text(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, " ");
		b += strspn(b, " ");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
	}
}

static bool demangled_match(const char *wanted, unsigned int flags, const char *name)
{
	static const unsigned int ways[] = { BSL_DEMANGLE_NO_RESULT, BSL_DEMANGLE_NO_PARAMS,
					     BSL_DEMANGLE_BARE };
	bool is_glob = flags & BSL_FIND_GLOB, match = false;
	char *text;

	for (size_t i = 0; i < 3 && !match; i++) {
		text = bsl_demangle(name, ways[i]);
		/* it isn't mangled, and won't be */
		if (!text)
			return false;
		demangled_simplify(wanted, text);
		match = is_glob ? bsl_glob_match(wanted, text) : is_same_text(wanted, text);
		free(text);
	}
	return match;
}

bool symbols_match_name(const char *wanted, unsigned int flags, const char *name)
{
	return plain_match(wanted, flags, name) ||
	       ((flags & BSL_FIND_DEMANGLED) && demangled_match(wanted, flags, name));
}

/*
 * Demangling a hundred thousand names takes a tenth of a second. The last identifier can't be said of operators, of the words
 * of a pattern, which may be cut, and of constructors of those std classes that have short forms.
 */
void symbols_last_word(const char *name, char word[static SYMBOLS_WORD_SIZE])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	const char *end = name + strcspn(name, "(<{"), *at = end, *other;
	size_t len;

	word[0] = '\0';
	if (strpbrk(name, "*?[\\") || strstr(name, "operator"))
		return;
	while (at > name && strchr(letters, at[-1]))
		at--;
	len = end - at;
	if (len >= SYMBOLS_WORD_SIZE)
		return;
	memcpy(word, at, len);
	word[len] = '\0';
	other = strstr(name, word);
	if (other == at)
		other = strstr(end, word);
	if (!strncmp(name, "std::", 5) && other)
		word[0] = '\0';
}

static bool search_match(struct search *search, const struct entry *entry)
{
	const struct bsl_symbol *sym = &entry->sym;

	/* a symbol without a version in a file with versions still is what was meant */
	if (search->version && sym->version && strcmp(search->version, sym->version))
		return false;
	if (plain_match(search->name, search->flags, sym->name))
		return true;
	if ((search->flags & BSL_FIND_CLONES) && sym->clone &&
	    (size_t)(sym->clone - sym->name) == search->name_len &&
	    !memcmp(search->name, sym->name, search->name_len))
		return true;
	return (search->flags & BSL_FIND_DEMANGLED) && strstr(sym->name, search->word) &&
	       demangled_match(search->name, search->flags, sym->name);
}

/*
 * Finds a symbol's version: in its name, as linkers write it into .symtab, or beside it, as they
 * do for .dynsym. Gives versioned names a place where they can end before the `@`.
 */
static int search_unversion(struct search *search, const struct elf_symtab *tab, size_t i,
			    struct entry *entry)
{
	version_split(entry->sym.name, &entry->name_len, &entry->sym.version);
	entry->sym.clone = clone_suffix(entry->sym.name);
	if (!entry->sym.version) {
		if (tab == &search->elf->dynsym)
			entry->sym.version = elf_dynsym_version(search->elf, i);
		return 0;
	}
	free(search->copy);
	search->copy = strndup(entry->sym.name, entry->name_len);
	if (!search->copy)
		return -ENOMEM;
	entry->sym.name = search->copy;
	entry->sym.clone = clone_suffix(search->copy);
	return 0;
}

static int search_report(struct search *search, struct entry *entry)
{
	int ret;

	ret = seen_add(&search->seen, seen_hash(entry->sym.addr, entry->sym.name, entry->name_len));
	if (ret <= 0)
		return ret;
	offset_fill(search->elf, &entry->sym);
	search->nr++;
	ret = search->fn(&entry->sym, search->ctx);
	search->stopped = ret > 0;
	return ret < 0 ? ret : 0;
}

static int search_table(struct search *search, const struct elf_symtab *tab)
{
	bool clones = search->flags & BSL_FIND_CLONES;
	bool exact = !(search->flags & (BSL_FIND_GLOB | BSL_FIND_DEMANGLED)) &&
		     !bsl_elf_is_go(search->elf);
	struct entry entry;
	Elf64_Sym sym;
	int err;

	for (size_t i = 0; i < tab->nr && !search->stopped; i++) {
		if (exact) {
			const char *name;

			/* most entries end here: no more than one string comparison each */
			elf_symbol_get(tab, i, &sym);
			name = elf_string(&tab->strings, sym.st_name);
			if (!name || strncmp(name, search->name, search->name_len) ||
			    (name[search->name_len] && name[search->name_len] != '@' &&
			     !(clones && name[search->name_len] == '.')))
				continue;
		}
		if (!entry_get(search->elf, tab, i, search->flags, &entry))
			continue;
		err = search_unversion(search, tab, i, &entry);
		if (!err && search_match(search, &entry))
			err = search_report(search, &entry);
		if (err)
			return err;
	}
	return 0;
}

int bsl_elf_find_symbols(struct bsl_elf *elf, const char *name, unsigned int flags,
			 bsl_symbol_fn fn, void *ctx)
{
	struct search search = { .elf = elf, .flags = flags, .fn = fn, .ctx = ctx };
	char *plain = NULL;
	int err;

	debug_file_prepare(elf);
	if (!elf->symtab.nr && !elf->dynsym.nr)
		return elf_error(elf, -ENODATA);
	version_split(name, &search.name_len, &search.version);
	plain = strndup(name, search.name_len);
	if (!plain)
		return -ENOMEM;
	search.name = plain;
	symbols_last_word(plain, search.word);
	err = search_table(&search, &elf->symtab);
	if (!err)
		err = search_table(&search, &elf->dynsym);
	free(search.seen.slots);
	free(search.copy);
	free(plain);
	return elf_error(elf, err ? err : search.nr);
}

/* ---- near names ---- */

struct near {
	const char *name; /* what we were asked for */
	size_t len;
	unsigned int limit;
	char **out;
	unsigned int *distances;
	size_t nr, max;
};

static int near_insert(struct near *near, const char *name, unsigned int distance)
{
	size_t at = near->nr;
	char *copy;

	for (size_t i = 0; i < near->nr; i++)
		if (!strcmp(near->out[i], name))
			return 0;
	while (at && (near->distances[at - 1] > distance))
		at--;
	if (at == near->max)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	if (near->nr == near->max)
		free(near->out[--near->nr]);
	memmove(near->out + at + 1, near->out + at, (near->nr - at) * sizeof(*near->out));
	memmove(near->distances + at + 1, near->distances + at,
		(near->nr - at) * sizeof(*near->distances));
	near->out[at] = copy;
	near->distances[at] = distance;
	near->nr++;
	return 0;
}

/* Of a name with namespaces, types or packages the part that is the function's own. */
static const char *last_part(const char *name)
{
	const char *part = name;
	int depth = 0;

	for (const char *at = name; *at; at++) {
		depth += strchr("<([{", *at) != NULL;
		depth -= strchr(">)]}", *at) != NULL;
		if (!depth && at[0] == ':' && at[1] == ':')
			part = at + 2;
		if (!depth && at[0] == '.' && at != name)
			part = at + 1;
	}
	return part;
}

/* Who knows only the last part of a name has made no mistake in it. */
static unsigned int near_distance(const char *wanted, const char *name, unsigned int limit)
{
	const char *part = last_part(name);
	unsigned int whole = bsl_edit_distance(wanted, name, limit),
		     last = part == name ? whole : bsl_edit_distance(wanted, part, limit);

	return last < whole ? last : whole;
}

static int near_consider(const struct bsl_symbol *sym, void *ctx)
{
	struct near *near = ctx;
	unsigned int limit = near->limit, distance;
	char *plain = bsl_demangle(sym->name, BSL_DEMANGLE_NO_PARAMS);
	const char *name = plain ?: sym->name;
	int err = 0;

	if (near->nr == near->max && near->distances[near->nr - 1] < limit)
		limit = near->distances[near->nr - 1];
	if (plain)
		demangled_simplify(near->name, plain);
	distance = near_distance(near->name, name, limit);
	/* a clone of it */
	if (!plain && sym->clone && (size_t)(sym->clone - name) == near->len &&
	    !strncmp(name, near->name, near->len))
		distance = 0;
	if (distance <= limit)
		err = near_insert(near, name, distance);
	free(plain);
	return err;
}

int bsl_elf_suggest(struct bsl_elf *elf, const char *name, unsigned int flags, char **out, size_t n)
{
	struct near near = { .name = name, .len = strlen(name), .out = out, .max = n };
	int ret;

	near.limit = near.len < 3 ? 1 : near.len / 3;
	if (near.limit > 8)
		near.limit = 8;
	if (!n)
		return 0;
	near.distances = calloc(n, sizeof(*near.distances));
	if (!near.distances)
		return -ENOMEM;
	ret = bsl_elf_find_symbols(elf, "*", flags | BSL_FIND_GLOB, near_consider, &near);
	free(near.distances);
	if (ret < 0) {
		while (near.nr)
			free(out[--near.nr]);
		return ret;
	}
	return near.nr;
}

/* ---- address -> symbol ---- */

/* The top bits of a key name the table, the rest is the entry's number. */
#define KEY_DYNSYM (1u << 31)
#define KEY_PLT (1u << 30)

struct index_entry {
	uint64_t addr;
	uint64_t max_end; /* of this entry and all before it: how far back to look */
	uint32_t key;
	uint32_t rank; /* of several at one address the highest is the best */
};

/* The name, cut before its version, of a symbol that has one. Sorted by key. */
struct versioned {
	uint32_t key;
	char *name;
};

struct symbol_index {
	struct index_entry *entries;
	size_t nr;
	struct versioned *versioned;
	size_t nr_versioned;
};

static void index_free(struct symbol_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->nr_versioned; i++)
		free(index->versioned[i].name);
	free(index->versioned);
	free(index->entries);
	free(index);
}

static int index_entry_compare(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	/* .symtab before .dynsym and lower numbers first: the same answer each time */
	return x->key > y->key ? -1 : x->key < y->key;
}

/* malloc rather than __libc_malloc, write (weak) rather than __write (global). */
static uint32_t entry_rank(const struct entry *entry)
{
	const struct bsl_symbol *sym = &entry->sym;

	return (sym->type != BSL_SYM_OBJECT) << 3 | (sym->bind != BSL_BIND_LOCAL) << 2 |
	       (sym->name[0] != '_') << 1 | (sym->bind == BSL_BIND_GLOBAL);
}

static int index_add_versioned(struct symbol_index *index, uint32_t key, const char *name,
			       size_t len)
{
	struct versioned *grown = index->versioned;

	/* doubles at each power of two */
	if (!(index->nr_versioned & (index->nr_versioned - 1)))
		grown = reallocarray(grown, index->nr_versioned ? index->nr_versioned * 2 : 1,
				     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	index->versioned = grown;
	grown[index->nr_versioned].key = key;
	grown[index->nr_versioned].name = strndup(name, len);
	if (!grown[index->nr_versioned].name)
		return -ENOMEM;
	index->nr_versioned++;
	return 0;
}

static int index_add_table(struct symbol_index *index, const struct bsl_elf *elf,
			   const struct elf_symtab *tab, uint32_t key)
{
	struct entry entry;
	int err;

	for (size_t i = 0; i < tab->nr; i++, key++) {
		struct index_entry *to = &index->entries[index->nr];

		if (!entry_get(elf, tab, i, BSL_FIND_OBJECTS, &entry))
			continue;
		version_split(entry.sym.name, &entry.name_len, &entry.sym.version);
		/* foo@plt is no version of foo */
		if (entry.sym.version && tab != &elf->plt) {
			err = index_add_versioned(index, key, entry.sym.name, entry.name_len);
			if (err)
				return err;
		}
		to->addr = entry.sym.addr;
		to->max_end = entry.sym.addr + entry.sym.size;
		if (to->max_end < to->addr)
			to->max_end = UINT64_MAX;
		to->key = key;
		to->rank = entry_rank(&entry);
		index->nr++;
	}
	return 0;
}

static int index_build(struct bsl_elf *elf)
{
	struct symbol_index *index = calloc(1, sizeof(*index));
	struct index_entry *shrunk;
	int err = -ENOMEM;

	if (!index)
		return -ENOMEM;
	elf_plt_close(elf);
	err = plt_read(elf);
	if (err)
		goto cleanup;
	err = -ENOMEM;
	index->entries =
		calloc(elf->symtab.nr + elf->plt.nr + elf->dynsym.nr, sizeof(*index->entries));
	if (!index->entries)
		goto cleanup;
	err = index_add_table(index, elf, &elf->symtab, 0);
	if (!err)
		err = index_add_table(index, elf, &elf->plt, KEY_PLT);
	if (!err)
		err = index_add_table(index, elf, &elf->dynsym, KEY_DYNSYM);
	if (err)
		goto cleanup;
	shrunk = realloc(index->entries, (index->nr ? index->nr : 1) * sizeof(*index->entries));
	if (shrunk)
		index->entries = shrunk;
	qsort(index->entries, index->nr, sizeof(*index->entries), index_entry_compare);
	for (size_t i = 1; i < index->nr; i++)
		if (index->entries[i].max_end < index->entries[i - 1].max_end)
			index->entries[i].max_end = index->entries[i - 1].max_end;
	elf->index = index;
	elf->index_free = index_free;
	return 0;
cleanup:
	index_free(index);
	return err;
}

static void index_entry_get(const struct bsl_elf *elf, uint32_t key, struct entry *entry)
{
	const struct elf_symtab *tab = key & KEY_DYNSYM ? &elf->dynsym
				       : key & KEY_PLT	? &elf->plt
							: &elf->symtab;

	entry_get(elf, tab, key & ~(KEY_DYNSYM | KEY_PLT), BSL_FIND_OBJECTS, entry);
}

static int versioned_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct versioned *)a)->key, y = ((const struct versioned *)b)->key;

	return x < y ? -1 : x > y;
}

static void index_symbol_get(const struct bsl_elf *elf, uint32_t key, struct bsl_symbol *sym)
{
	const struct symbol_index *index = elf->index;
	const struct versioned *versioned, wanted = { .key = key };
	struct entry entry;

	index_entry_get(elf, key, &entry);
	version_split(entry.sym.name, &entry.name_len, &entry.sym.version);
	if (key & KEY_PLT)
		entry.sym.version = NULL;
	*sym = entry.sym;
	if (sym->version) {
		versioned = bsearch(&wanted, index->versioned, index->nr_versioned, sizeof(wanted),
				    versioned_compare);
		if (versioned)
			sym->name = versioned->name;
	}
	sym->clone = clone_suffix(sym->name);
	offset_fill(elf, sym);
}

/* The number of entries at or before addr. */
static size_t index_upper_bound(const struct symbol_index *index, uint64_t addr)
{
	size_t low = 0, high = index->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (index->entries[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* True if the address lies in the entry's section, which is where a sizeless symbol must end. */
static bool entry_section_holds(const struct bsl_elf *elf, const struct entry *entry, uint64_t addr)
{
	const Elf64_Shdr *shdr;
	uint64_t start;

	if (entry->section >= entry->tab->nr_shdrs)
		return false;
	shdr = &entry->tab->shdrs[entry->section];
	start = elf->ehdr.e_type == ET_REL ? shdr->sh_offset : shdr->sh_addr;
	return addr >= start && addr - start < shdr->sh_size;
}

static int symbol_at(struct bsl_elf *elf, uint64_t addr, struct bsl_symbol *sym)
{
	const struct index_entry *sizeless = NULL;
	bool nearest = true; /* nothing with a size starts between here and addr */
	struct entry entry;
	int err;

	debug_file_prepare(elf);
	if (!elf->symtab.nr && !elf->dynsym.nr)
		return -ENODATA;
	err = elf->index ? 0 : index_build(elf);
	if (err)
		return err;

	for (size_t i = index_upper_bound(elf->index, addr); i-- > 0;) {
		const struct index_entry *at = &elf->index->entries[i];

		if (at->max_end <= addr && (sizeless || !nearest))
			break;
		index_entry_get(elf, at->key, &entry);
		if (entry.sym.size && addr - entry.sym.addr < entry.sym.size) {
			index_symbol_get(elf, at->key, sym);
			return 0;
		}
		if (entry.sym.size)
			nearest = false;
		else if (nearest && !sizeless && entry_section_holds(elf, &entry, addr))
			sizeless = at;
	}
	if (!sizeless)
		return -ENOENT;
	index_symbol_get(elf, sizeless->key, sym);
	return 0;
}

int bsl_elf_symbol_at(struct bsl_elf *elf, uint64_t addr, struct bsl_symbol *sym)
{
	return elf_error(elf, symbol_at(elf, addr, sym));
}
