/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Specs to places: symbols and USDT notes by blazesym-lite, tracepoints by tracefs.
 */
#include "probe/target/target_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/tracefs.h"
#include "types/arena.h"
#include "types/type_tracepoint.h"
#include "types/debuginfo.h"

static int add_to(struct target_place **places, size_t *count, size_t *size,
		  const struct target_place *place)
{
	if (*count == *size) {
		size_t wanted = *size ? 2 * *size : 16;
		struct target_place *grown = realloc(*places, wanted * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*places = grown;
		*size = wanted;
	}
	(*places)[(*count)++] = *place;
	return 0;
}

int target_add_place(struct target *target, const struct target_place *place)
{
	return add_to(&target->places, &target->place_count, &target->place_size, place);
}

int target_add_context(struct target *target, const struct probe_context *context)
{
	struct probe_context *grown =
		realloc(target->contexts, (target->context_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	target->contexts = grown;
	target->contexts[target->context_count++] = *context;
	return 0;
}

void target_close(struct target *target)
{
	free(target->places);
	free(target->entries);
	free(target->contexts);
	debuginfo_types_free(target->dwarf);
	bsl_elf_close(target->elf);
	*target = (struct target){};
}

/* ---- functions ------------------------------------------------------------------------------ */

struct symbol_search {
	struct target *target;
	const struct spec *spec;
	struct diag *diag;
	unsigned int ifuncs;
};

/* The return instructions of one function. */
struct ret_search {
	struct target *target;
	const char *name;
};

static int add_ret_site(uint64_t offset, void *ctx)
{
	struct ret_search *search = ctx;
	struct target_place place = { .offset = offset, .name = search->name };

	return target_add_place(search->target, &place);
}

/*
 * A return probe rewrites the return address on the stack, which Go cannot bear when it moves that
 * stack: probes on each RET see the same result in the same register.
 */
static int add_ret_sites(struct symbol_search *search, const struct bsl_symbol *sym,
			 const char *name)
{
	const struct target_place entry = { .offset = sym->offset, .name = name };
	struct target *target = search->target;
	struct ret_search ret = { target, name };
	int found = bsl_elf_ret_sites(target->elf, sym->addr, sym->size, add_ret_site, &ret);

	if (found > 0)
		return add_to(&target->entries, &target->entry_count, &target->entry_size, &entry);
	if (search->spec->is_pattern)
		return 0;
	if (found == 0)
		return diag_error(
			search->diag, search->spec->func_pos,
			"%s has no return instruction: it ends in other functions, or never", name);
	return diag_error(
		search->diag, search->spec->func_pos,
		"the return instructions of %s cannot be found (%s), and a return probe would crash the program",
		name, strerror(-found));
}

/* What the compiler split off a function is never entered as that function. */
static bool is_fragment(const struct bsl_symbol *sym)
{
	return sym->clone && (!strncmp(sym->clone, ".cold", 5) || !strncmp(sym->clone, ".part", 5));
}

/* app::add, of _ZN3app3addEii; NULL: it isn't mangled. */
static const char *demangled(struct arena *arena, const char *name)
{
	char *plain = bsl_demangle(name, BSL_DEMANGLE_NO_PARAMS), *copy;

	copy = plain ? arena_strndup(arena, plain, strlen(plain)) : NULL;
	free(plain);
	return copy;
}

/* Functions that may end in another one, which returns for them. */
struct tail_search {
	const struct bsl_elf *elf;
	bool any;	/* is there any function at all? */
	char name[256]; /* of the first that may; "" if none may */
};

static int note_tail_jumps(const struct bsl_symbol *sym, void *ctx)
{
	struct tail_search *search = ctx;

	if (sym->type == BSL_SYM_IFUNC || sym->offset == UINT64_MAX || is_fragment(sym))
		return 0;
	search->any = true;
	if (!bsl_elf_tail_jumps(search->elf, sym->addr, sym->size))
		return 0;
	snprintf(search->name, sizeof(search->name), "%s", sym->name);
	return 1;
}

/*
 * A return probe ends the program when an exception passes through the function. Probes on its RET instructions
 * don't, but see only calls that end there: where a function may end in another one, what users expect of r: is
 * kept, and the danger told.
 */
static bool wants_ret_sites(const struct spec *spec, unsigned int flags, struct bsl_elf *elf)
{
	struct tail_search search = { .elf = elf };

	if (spec->kind != SPEC_RETURN || spec->has_addr || spec->file)
		return false;
	if (bsl_elf_is_go(elf))
		return true;
	if (!bsl_elf_has_exceptions(elf))
		return false;
	bsl_elf_find_symbols(elf, spec->func, flags, note_tail_jumps, &search);
	if (search.name[0])
		log_warn(
			"'%s': an exception that is thrown through %s while its return is probed ends the program; return instructions can't be probed instead, as it may end in another function",
			spec->text, search.name);
	return search.any && !search.name[0];
}

static int add_symbol(const struct bsl_symbol *sym, void *ctx)
{
	struct symbol_search *search = ctx;
	struct target_place place = { .offset = sym->offset };
	const struct spec *spec = search->spec;

	if (sym->type == BSL_SYM_IFUNC) {
		search->ifuncs++;
		return 0;
	}
	if (sym->offset == UINT64_MAX || (spec->is_pattern && is_fragment(sym)))
		return 0;
	if (spec->offset && sym->size && spec->offset >= sym->size)
		return diag_error(search->diag, spec->func_pos,
				  "%s has only %llu bytes: +0x%llx is outside of it", sym->name,
				  (unsigned long long)sym->size, (unsigned long long)spec->offset);
	place.offset += spec->offset;
	place.name = arena_strndup(spec->arena, sym->name, strlen(sym->name));
	if (!place.name)
		return -ENOMEM;
	place.title = demangled(spec->arena, sym->name);
	if (search->target->ret_sites)
		return add_ret_sites(search, sym, place.name);
	if (!spec->offset)
		place.skip =
			(unsigned int)bsl_elf_entry_skip(search->target->elf, sym->addr, sym->size);
	return target_add_place(search->target, &place);
}

static int compare_places(const void *a, const void *b)
{
	const struct target_place *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Several names of one address are one place. Returns how many are left. */
static size_t drop_aliases(struct target_place *places, size_t count)
{
	size_t kept = 0;

	if (!count)
		return 0;
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 1; i < count; i++)
		if (places[i].offset != places[kept].offset)
			places[++kept] = places[i];
	return kept + 1;
}

static int no_function(const struct spec *spec, struct target *target, unsigned int ifuncs,
		       int found, struct diag *diag)
{
	char *near[SUGGEST_MAX], text[400];
	int count = 0;

	if (found == -ENODATA)
		return diag_error(diag, spec->func_pos,
				  "%s has no symbols at all (stripped): use an address, p:%s:0x...",
				  target->file.display, spec->lib);
	if (ifuncs)
		return diag_error(
			diag, spec->func_pos,
			"%s in %s is an indirect function: each program chooses its own version of it when it starts, under another name; list them with: trace -l 'p:%s:*%s*'",
			spec->func, target->file.display, spec->lib, spec->func);
	snprintf(text, sizeof(text),
		 spec->is_pattern ? "no function of %s matches '%s'" : "%s has no function '%s'",
		 target->file.display, spec->func);
	if (!spec->is_pattern)
		count = bsl_elf_suggest(target->elf, spec->func, 0, near, SUGGEST_MAX);
	suggest_append(text, sizeof(text), near, count);
	return diag_error(diag, spec->func_pos, "%s", text);
}

static int resolve_address(const struct spec *spec, struct target *target, struct diag *diag)
{
	struct target_place place = {};
	char name[32];

	if (bsl_elf_addr_to_offset(target->elf, spec->addr + spec->offset, &place.offset))
		return diag_error(diag, spec->func_pos, "%s has nothing at address 0x%llx",
				  target->file.display,
				  (unsigned long long)(spec->addr + spec->offset));
	snprintf(name, sizeof(name), "0x%llx", (unsigned long long)spec->addr);
	place.name = arena_strndup(spec->arena, name, strlen(name));
	return place.name ? target_add_place(target, &place) : -ENOMEM;
}

static int resolve_functions(const struct spec *spec, const struct target_opts *opts,
			     struct target *target, struct diag *diag)
{
	struct symbol_search search = { target, spec, diag, 0 };
	unsigned int flags = spec->is_pattern ? BSL_FIND_GLOB : 0;
	int found;

	/* Only names that cannot be a linker's are looked for among the demangled ones, which costs time. */
	if (strstr(spec->func, "::"))
		flags |= BSL_FIND_DEMANGLED;
	target->ret_sites = wants_ret_sites(spec, flags, target->elf);
	if (spec->file) {
		target_load_debug(opts, target);
		return target_resolve_line(spec, target, diag);
	}
	if (spec->has_addr)
		return resolve_address(spec, target, diag);
	found = bsl_elf_find_symbols(target->elf, spec->func, flags, add_symbol, &search);
	/* Static functions of a stripped program are known to its debug file only. */
	if (found == 0 || found == -ENODATA) {
		target_load_debug(opts, target);
		found = bsl_elf_find_symbols(target->elf, spec->func, flags, add_symbol, &search);
	}
	if (diag->text[0])
		return -EINVAL;
	if (found < 0 && found != -ENODATA)
		return found;
	if (!target->place_count && !search.ifuncs)
		found = target_resolve_inlined(spec, flags, target, diag);
	if (found < 0 && found != -ENODATA)
		return found;
	if (!target->place_count)
		return no_function(spec, target, search.ifuncs, found, diag);
	target->place_count = drop_aliases(target->places, target->place_count);
	target->entry_count = drop_aliases(target->entries, target->entry_count);
	return 0;
}

/* ---- USDT ----------------------------------------------------------------------------------- */

struct usdt_search {
	struct target *target;
	const struct spec *spec;
	const struct target_opts *opts;
	unsigned int seen; /* sites of any name */
	char *near[SUGGEST_MAX];
	int near_count;
};

static bool usdt_is_same(const struct bsl_usdt *a, const struct bsl_usdt *b)
{
	if (strcmp(a->args_text, b->args_text))
		return false;
	/* Operands relative to the site differ with it. */
	for (unsigned int i = 0; i < a->nargs && i < BSL_USDT_MAX_ARGS; i++)
		if (a->args[i].kind == BSL_ARG_ADDR && a->addr != b->addr)
			return false;
	return true;
}

static int usdt_context(struct usdt_search *search, const struct bsl_usdt *usdt,
			unsigned int *index)
{
	struct probe_context context = {
		.kind = SPEC_USDT,
		.machine = bsl_elf_machine(search->target->elf),
		.types = search->opts->types,
		.string_size = search->opts->string_size,
	};
	struct bsl_usdt *copy;

	for (unsigned int i = 0; i < search->target->context_count; i++) {
		if (usdt_is_same(search->target->contexts[i].usdt, usdt)) {
			*index = i;
			return 0;
		}
	}
	copy = arena_alloc(search->spec->arena, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *usdt;
	context.usdt = copy;
	*index = search->target->context_count;
	return target_add_context(search->target, &context);
}

static bool matches(const char *pattern, const char *text)
{
	return !pattern || !*pattern || bsl_glob_match(pattern, text);
}

static int add_usdt(const struct bsl_usdt *usdt, void *ctx)
{
	struct usdt_search *search = ctx;
	struct target_place place = {
		.name = usdt->name,
		.provider = usdt->provider,
		.offset = usdt->offset,
		.ref_ctr_offset = usdt->sema_offset,
	};
	const struct spec *spec = search->spec;
	int err;

	search->seen++;
	if (usdt->offset == UINT64_MAX || usdt->sema_offset == UINT64_MAX)
		return 0;
	if (!matches(spec->category, usdt->provider))
		return 0;
	if (!matches(spec->func, usdt->name)) {
		if (search->near_count < SUGGEST_MAX &&
		    bsl_edit_distance(spec->func, usdt->name, 2) <= 2) {
			for (int i = 0; i < search->near_count; i++)
				if (!strcmp(search->near[i], usdt->name))
					return 0;
			search->near[search->near_count] = strdup(usdt->name);
			if (search->near[search->near_count])
				search->near_count++;
		}
		return 0;
	}
	err = usdt_context(search, usdt, &place.context);
	return err ? err : target_add_place(search->target, &place);
}

static int resolve_usdt(const struct spec *spec, const struct target_opts *opts,
			struct target *target, struct diag *diag)
{
	struct usdt_search search = { .target = target, .spec = spec, .opts = opts };
	char text[400];
	int found = bsl_elf_usdt_each(target->elf, add_usdt, &search);

	if (found < 0) {
		diag_error(diag, spec->lib_pos, "%s: its USDT notes cannot be read: %s",
			   target->file.display, strerror(-found));
	} else if (!search.seen) {
		diag_error(diag, spec->lib_pos, "%s has no USDT probes", target->file.display);
	} else if (!target->place_count) {
		snprintf(text, sizeof(text), "%s has no USDT probe '%s%s%s'", target->file.display,
			 spec->category, *spec->category ? ":" : "", spec->func);
		suggest_append(text, sizeof(text), search.near, search.near_count);
		search.near_count = 0;
		diag_error(diag, spec->func_pos, "%s", text);
	}
	for (int i = 0; i < search.near_count; i++)
		free(search.near[i]);
	return diag->text[0] ? -EINVAL : 0;
}

/* ---- tracepoints ---------------------------------------------------------------------------- */

static int add_tracepoint(const struct spec *spec, int tracefs, const char *category,
			  const char *event, const struct target_opts *opts, struct target *target)
{
	struct probe_context context = {
		.kind = SPEC_TRACEPOINT,
		.machine = bsl_host_machine(),
		.is_kernel = true,
		.pointers_are_user = !strcmp(category, "syscalls"),
		.types = opts->types,
		.string_size = opts->string_size,
	};
	struct target_place place = { .context = target->context_count };
	struct tracefs_format format;
	int err = tracefs_format_read(tracefs, category, event, &format);

	if (err)
		return err;
	place.tracepoint_id = format.id;
	place.name = arena_strndup(spec->arena, event, strlen(event));
	place.provider = arena_strndup(spec->arena, category, strlen(category));
	context.record = type_tracepoint(spec->arena, &format, context.pointers_are_user);
	tracefs_format_free(&format);
	if (!context.record || !place.name || !place.provider)
		return -ENOMEM;
	err = target_add_context(target, &context);
	return err ? err : target_add_place(target, &place);
}

/*
 * The entries of a tracefs directory that match a pattern, sorted; a NULL-terminated list to be freed with its
 * names. near: if nothing matches, those that are near to it instead.
 */
static int list_directory(int tracefs, const char *path, const char *pattern, char ***names,
			  bool near)
{
	int fd = openat(tracefs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char **list = calloc(1, sizeof(*list));
	unsigned int limit = 1 + (unsigned int)strlen(pattern) / 6;

	if (!dir || !list) {
		if (fd >= 0 && !dir)
			close(fd);
		if (dir)
			closedir(dir);
		free(list);
		return -ENOENT;
	}
	while ((entry = readdir(dir))) {
		char **grown;

		if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
			continue;
		if (near ? bsl_edit_distance(pattern, entry->d_name, limit) > limit
			 : !matches(pattern, entry->d_name))
			continue;
		grown = realloc(list, (count + 2) * sizeof(*list));
		if (!grown)
			break;
		list = grown;
		list[count] = strdup(entry->d_name);
		if (!list[count])
			break;
		list[++count] = NULL;
	}
	closedir(dir);
	*names = list;
	return count;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names)
{
	for (int i = 0; names[i]; i++)
		free(names[i]);
	free(names);
}

static void no_tracepoint(const struct spec *spec, int tracefs, struct diag *diag)
{
	char path[300], text[400], *near[SUGGEST_MAX], **names;
	const char *wrong = spec->func;
	int count, pos = spec->func_pos, n = 0;

	snprintf(path, sizeof(path), "events/%s", spec->category);
	if (bsl_glob_is_pattern(spec->category) || faccessat(tracefs, path, F_OK, 0)) {
		snprintf(text, sizeof(text), "the kernel has no tracepoint category '%s'",
			 spec->category);
		snprintf(path, sizeof(path), "events");
		wrong = spec->category;
		pos = spec->lib_pos;
	} else {
		snprintf(text, sizeof(text), "the kernel has no tracepoint '%s:%s'", spec->category,
			 spec->func);
	}
	count = list_directory(tracefs, path, wrong, &names, true);
	if (count > 0)
		qsort(names, count, sizeof(*names), compare_strings);
	for (; n < SUGGEST_MAX && n < count; n++)
		near[n] = strdup(names[n]) ?: strdup("");
	suggest_append(text, sizeof(text), near, n);
	if (count >= 0)
		free_names(names);
	diag_error(diag, pos, "%s", text);
}

static int resolve_category(const struct spec *spec, int tracefs, const char *category,
			    const struct target_opts *opts, struct target *target)
{
	char path[300], **events;
	int count, err = 0;

	snprintf(path, sizeof(path), "events/%s", category);
	count = list_directory(tracefs, path, spec->func, &events, false);
	if (count < 0)
		return 0;
	qsort(events, count, sizeof(*events), compare_strings);
	for (int i = 0; i < count && !err; i++) {
		err = add_tracepoint(spec, tracefs, category, events[i], opts, target);
		/* Some directories are no events: ftrace's internal ones have no id to attach to. */
		if (err == -ENOENT || err == -EINVAL)
			err = 0;
	}
	free_names(events);
	return err;
}

static int resolve_tracepoints(const struct spec *spec, const struct target_opts *opts,
			       struct target *target, struct diag *diag)
{
	int tracefs = tracefs_open(), count, err = 0;
	char **categories;

	if (tracefs < 0)
		return diag_error(
			diag, -1, "the kernel's tracing file system cannot be opened: %s%s",
			strerror(-tracefs),
			tracefs == -EPERM || tracefs == -EACCES ? "; tracepoints need root" : "");
	if (!bsl_glob_is_pattern(spec->category) && !spec->is_pattern) {
		err = add_tracepoint(spec, tracefs, spec->category, spec->func, opts, target);
		if (err == -EPERM || err == -EACCES)
			diag_error(diag, -1,
				   "the format of %s:%s cannot be read: %s; tracepoints need root",
				   spec->category, spec->func, strerror(-err));
		else if (err && err != -ENOMEM)
			no_tracepoint(spec, tracefs, diag);
		close(tracefs);
		return err;
	}
	count = list_directory(tracefs, "events", spec->category, &categories, false);
	if (count >= 0) {
		qsort(categories, count, sizeof(*categories), compare_strings);
		for (int i = 0; i < count && !err; i++)
			err = resolve_category(spec, tracefs, categories[i], opts, target);
		free_names(categories);
	}
	if (!err && !target->place_count) {
		no_tracepoint(spec, tracefs, diag);
		err = -EINVAL;
	}
	close(tracefs);
	return err;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Of the files that a process runs the one that has a USDT probe, and another one if there is. */
struct usdt_owner {
	const struct spec *spec;
	struct bsl_file *file;
	char other[PATH_MAX];
	struct stat program;
};

static int usdt_owner_found(const struct bsl_process_usdt *site, void *ctx)
{
	struct usdt_owner *owner = ctx;
	struct bsl_file *file = owner->file;
	bool is_program, is_new;

	if (!site->usdt || !matches(owner->spec->category, site->usdt->provider) ||
	    !matches(owner->spec->func, site->usdt->name))
		return 0;
	is_program = bsl_elf_dev(site->elf) == owner->program.st_dev &&
		     bsl_elf_ino(site->elf) == owner->program.st_ino;
	is_new = !*file->path || file->dev != bsl_elf_dev(site->elf) ||
		 file->ino != bsl_elf_ino(site->elf);
	if (*file->path && is_new && !is_program) {
		snprintf(owner->other, sizeof(owner->other), "%s", site->map->path);
	} else if (is_new) {
		snprintf(file->path, sizeof(file->path), "%s", site->path);
		snprintf(file->display, sizeof(file->display), "%s", site->map->path);
		file->dev = bsl_elf_dev(site->elf);
		file->ino = bsl_elf_ino(site->elf);
	}
	if (is_program)
		*owner->other = '\0';
	return is_program;
}

/*
 * `u::probe` of a process: in its program, else in any library, be it one that was made at run time and
 * deleted as soon as it was loaded, as libstapsdt does. 0 and no path: in none of them.
 */
static int resolve_usdt_owner(const struct spec *spec, pid_t pid, struct target *target,
			      struct diag *diag)
{
	struct usdt_owner owner = { .spec = spec, .file = &target->file };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	stat(path, &owner.program);
	bsl_process_usdt_each(pid, usdt_owner_found, &owner);
	if (!*owner.other)
		return 0;
	return diag_error(diag, spec->func_pos,
			  "both %s and %s have such a probe: name one of them",
			  target->file.display, owner.other);
}

static int resolve_file(const struct spec *spec, pid_t pid, struct target *target,
			struct diag *diag)
{
	char text[400];
	int err = 0;

	if (!*spec->lib)
		err = resolve_usdt_owner(spec, pid, target, diag);
	if (err)
		return err;
	if (!*target->file.path)
		err = bsl_resolve(spec->lib, pid, 0, &target->file, text, sizeof(text));
	if (err)
		return diag_error(diag, spec->lib_pos, "%s", text);
	err = bsl_elf_open(target->file.path, &target->elf);
	if (err)
		return diag_error(diag, spec->lib_pos, "%s: %s", target->file.display,
				  strerror(-err));
	if (bsl_elf_machine(target->elf) != bsl_host_machine())
		return diag_error(
			diag, spec->lib_pos,
			"%s is a program for another kind of machine (32-bit programs included)",
			target->file.display);
	return 0;
}

int target_resolve(const struct spec *spec, const struct target_opts *opts, struct target *target,
		   struct diag *diag)
{
	struct probe_context context = { .kind = spec->kind,
					 .types = opts->types,
					 .string_size = opts->string_size };
	int err;

	*target = (struct target){ .how = spec->kind == SPEC_TRACEPOINT ? TARGET_TRACEPOINT
									: TARGET_FILE };
	if (spec->kind == SPEC_TRACEPOINT)
		return resolve_tracepoints(spec, opts, target, diag);
	if (!*spec->lib && spec->kind != SPEC_USDT)
		return target_resolve_kernel(spec, opts, target, diag);
	if (!*spec->lib && !opts->pid)
		return diag_error(diag, spec->func_pos, "u: needs a program or library, or -p PID");
	err = resolve_file(spec, opts->pid, target, diag);
	if (err)
		return err;
	if (spec->kind == SPEC_USDT)
		return resolve_usdt(spec, opts, target, diag);
	err = resolve_functions(spec, opts, target, diag);
	if (err)
		return err;
	context.machine = bsl_elf_machine(target->elf);
	context.is_go = bsl_elf_is_go(target->elf);
	return target_add_contexts(spec, opts, target, &context);
}

void target_print_place(const struct spec *spec, const struct target *target,
			const struct target_place *place, FILE *file)
{
	switch (spec->kind) {
	case SPEC_TRACEPOINT:
		fprintf(file, "t:%s:%s", place->provider, place->name);
		break;
	case SPEC_USDT:
		fprintf(file, "u:%s:%s:%s", target->file.display, place->provider, place->name);
		break;
	default:
		fprintf(file, "%c:%s:%s", spec->kind == SPEC_RETURN ? 'r' : 'p',
			target->file.display, place->name);
		/* target->file.display is empty for the kernel: p::func */
		if (spec->offset)
			fprintf(file, "+0x%llx", (unsigned long long)spec->offset);
	}
}
