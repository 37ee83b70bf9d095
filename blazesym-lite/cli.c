/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * blazesym-lite: the library on the command line. Addresses into names, names into places, USDT
 * sites and return instructions of a file or of all a process maps.
 */
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blazesym-lite.h"
#include "front.h"

#ifndef TOOLS_VERSION
#define TOOLS_VERSION "0"
#endif

const char *argp_program_version = "blazesym-lite " TOOLS_VERSION;

enum action { SYMBOLIZE, FIND, USDT, RETS };

static struct env {
	pid_t pid;
	const char *file;
	const char *pattern;
	char **addrs;
	int nr_addrs;
	enum action action;
	unsigned int flags; /* BSL_SYMBOLIZE_* */
	unsigned int find_flags;
	bool kernel, offsets, json;
} env;

static const char doc[] =
	"Addresses into names, names into places.\v"
	"Addresses are hexadecimal or decimal; without any they are read from standard input, "
	"one a line.\n\nEXAMPLES\n"
	"    blazesym-lite -p 181 0x7f2a1c0de010     # an address of a process\n"
	"    blazesym-lite -l -e ./app 0x1149        # with source line and inlined functions\n"
	"    blazesym-lite -k 0xffffffff81000000     # of the kernel\n"
	"    blazesym-lite -e redis-server --find 'create*Object'\n"
	"    blazesym-lite -p 181 --usdt             # USDT sites of all that it maps\n";

enum { OPT_FIND = 256, OPT_USDT, OPT_JSON, OPT_RETS, OPT_DATA, OPT_NO_DEBUG };

static const struct argp_option options[] = {
	{ "pid", 'p', "PID", 0, "Addresses, or files, of this process", 1 },
	{ "elf", 'e', "FILE", 0,
	  "Of this file: a path, a library (c), a command; with -p as PID sees it", 1 },
	{ "kernel", 'k', NULL, 0, "Of the kernel", 1 },
	{ "find", OPT_FIND, "NAME", 0,
	  "Where NAME is: a symbol's name, glob, or demangled name; with -l its inlined copies "
	  "too; or FILE:LINE",
	  2 },
	{ "usdt", OPT_USDT, NULL, 0, "USDT sites", 2 },
	{ "returns", OPT_RETS, "NAME", 0, "Return instructions of the functions named NAME", 2 },
	{ "lines", 'l', NULL, 0, "Source lines and inlined functions, from DWARF", 3 },
	{ "offsets", 'o', NULL, 0, "With -e: numbers are file offsets, not ELF addresses", 3 },
	{ "mangled", 'm', NULL, 0, "Leave names as they are in the symbol table", 3 },
	{ "data", OPT_DATA, NULL, 0, "With --find: data symbols too", 3 },
	{ "no-debug-files", OPT_NO_DEBUG, NULL, 0, "Don't look for separate debug files", 3 },
	{ "json", OPT_JSON, NULL, 0, "One JSON object per line", 3 },
	{ 0 },
};

static bool address_parse(const char *text, uint64_t *addr)
{
	char *end;

	errno = 0;
	*addr = strtoull(text, &end, 0);
	return end != text && !errno && !end[strspn(end, " \t\n")];
}

static void set_pid(struct argp_state *state, const char *arg)
{
	char *end;
	long pid = strtol(arg, &end, 10);

	if (*end || pid <= 0 || pid > INT32_MAX)
		argp_error(state, "'%s' is not a process id", arg);
	env.pid = pid;
}

static void set_addresses(struct argp_state *state)
{
	uint64_t addr;

	env.addrs = state->argv + state->next;
	env.nr_addrs = state->argc - state->next;
	if (env.action != SYMBOLIZE)
		argp_error(state, "addresses make no sense here: '%s'", env.addrs[0]);
	for (int i = 0; i < env.nr_addrs; i++)
		if (!address_parse(env.addrs[i], &addr))
			argp_error(state, "'%s' is not an address", env.addrs[i]);
}

static void check_options(struct argp_state *state)
{
	if (env.kernel + !!env.file + (env.pid && !env.file) != 1)
		argp_error(state, "give one of -p PID, -e FILE, -k");
	if (env.kernel && (env.action == USDT || env.action == RETS))
		argp_error(state, "not for the kernel");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'p':
		set_pid(state, arg);
		break;
	case 'e':
		env.file = arg;
		break;
	case 'k':
		env.kernel = true;
		break;
	case OPT_FIND:
		env.action = FIND;
		env.pattern = arg;
		break;
	case OPT_RETS:
		env.action = RETS;
		env.pattern = arg;
		break;
	case OPT_USDT:
		env.action = USDT;
		break;
	case 'l':
		env.flags |= BSL_SYMBOLIZE_LINES;
		break;
	case 'o':
		env.offsets = true;
		break;
	case 'm':
		env.flags |= BSL_SYMBOLIZE_MANGLED;
		break;
	case OPT_DATA:
		env.find_flags |= BSL_FIND_OBJECTS;
		break;
	case OPT_NO_DEBUG:
		env.flags |= BSL_SYMBOLIZE_NO_DEBUG;
		break;
	case OPT_JSON:
		env.json = true;
		break;
	case ARGP_KEY_ARGS:
		set_addresses(state);
		break;
	case ARGP_KEY_END:
		check_options(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- output ---- */

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
	va_list args;

	fputs("blazesym-lite: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void complain_of_maps(int err)
{
	if (err == -ESRCH)
		complain("there is no process %d", env.pid);
	else
		complain("can't read the maps of process %d: %s", env.pid, strerror(-err));
}

/* Untrusted: a JSON string, or null; or text. */
static void put_string(const char *text)
{
	struct bsl_escaped piece;
	size_t len;

	if (env.json && !text) {
		fputs("null", stdout);
		return;
	}
	if (env.json)
		putchar('"');
	for (len = strlen(text); len; text += piece.used, len -= piece.used) {
		bsl_escape_next(text, len, env.json, &piece);
		fwrite(piece.text, 1, piece.len, stdout);
	}
	if (env.json)
		putchar('"');
}

static void put_field(const char *key, const char *value)
{
	printf(",\"%s\":", key);
	put_string(value);
}

static void put_line(const struct bsl_line *line)
{
	if (env.json) {
		fputs("{\"function\":", stdout);
		put_string(line->function);
		put_field("file", line->file);
		put_field("directory", line->dir);
		printf(",\"line\":%u,\"column\":%u}", line->line, line->column);
		return;
	}
	put_string(line->file ? line->file : "?");
	printf(":%u", line->line);
}

static void put_location_json(uint64_t addr, const struct bsl_location *location)
{
	printf("{\"address\":%llu", (unsigned long long)addr);
	put_field("name", location->name);
	if (location->name)
		printf(",\"offset\":%llu,\"size\":%llu", (unsigned long long)location->offset,
		       (unsigned long long)location->size);
	else
		put_field("reason", bsl_reason_text(location->reason));
	put_field("module", location->module);
	if (location->addr || location->name)
		printf(",\"elf_address\":%llu", (unsigned long long)location->addr);
	if (env.flags & BSL_SYMBOLIZE_LINES) {
		fputs(",\"lines\":[", stdout);
		for (unsigned int i = 0; i < location->nr_lines; i++) {
			fputs(i ? "," : "", stdout);
			put_line(&location->lines[i]);
		}
		putchar(']');
	}
	fputs("}\n", stdout);
}

/* Inlined functions come first, as in a stack: they are what runs. */
static void put_location_text(uint64_t addr, const struct bsl_location *location)
{
	for (unsigned int i = 0; i + 1 < location->nr_lines; i++) {
		printf("%#018llx ", (unsigned long long)addr);
		put_string(location->lines[i].function ? location->lines[i].function : "?");
		fputs(" (inlined) ", stdout);
		put_line(&location->lines[i]);
		putchar('\n');
	}
	printf("%#018llx ", (unsigned long long)addr);
	if (location->name) {
		put_string(location->name);
		printf("+0x%llx", (unsigned long long)location->offset);
	} else {
		printf("? (%s)", bsl_reason_text(location->reason));
	}
	if (location->module) {
		bool bare = location->module[0] != '[';

		fputs(bare ? " [" : " ", stdout);
		put_string(location->module);
		fputs(bare ? "]" : "", stdout);
	}
	if (location->nr_lines) {
		putchar(' ');
		put_line(&location->lines[location->nr_lines - 1]);
	}
	putchar('\n');
}

/* ---- addresses ---- */

static void debug_load(const struct bsl_file *file)
{
	if (!(env.flags & BSL_SYMBOLIZE_NO_DEBUG))
		bsl_elf_load_debug(file->elf, env.pid, file->display);
}

/* One that was written to since the last address, as by a compiler, is another one now. */
static int file_renew(struct bsl_file *file)
{
	struct bsl_elf *now;
	int err;

	if (bsl_elf_check(file->elf))
		return 0;
	err = bsl_elf_open(bsl_elf_path(file->elf), &now);
	if (err) {
		complain("%s: %s", file->display, bsl_error_text(err));
		return err;
	}
	bsl_elf_close(file->elf);
	file->elf = now;
	debug_load(file);
	return 0;
}

static int addr_symbolize(struct bsl_symbolizer *symbolizer, struct bsl_file *file, uint64_t addr)
{
	struct bsl_location location;
	int err;

	err = file ? file_renew(file) : 0;
	if (err)
		return err;
	if (env.kernel)
		err = bsl_symbolize_kernel(symbolizer, &addr, 1, &location);
	else if (file)
		err = bsl_symbolize_elf(symbolizer, file->elf, file->display, env.offsets, &addr, 1,
					&location);
	else
		err = bsl_symbolize_process(symbolizer, env.pid, &addr, 1, &location);
	if (err)
		return err;
	if (env.json)
		put_location_json(addr, &location);
	else
		put_location_text(addr, &location);
	return 0;
}

static int text_symbolize(struct bsl_symbolizer *symbolizer, struct bsl_file *file,
			  const char *text)
{
	uint64_t addr;

	if (!address_parse(text, &addr)) {
		complain("'%s' is not an address", text);
		return -EINVAL;
	}
	return addr_symbolize(symbolizer, file, addr);
}

static int symbolize(struct bsl_file *file)
{
	struct bsl_symbolizer *symbolizer;
	char *line = NULL;
	size_t room = 0;
	int err;

	err = bsl_symbolizer_new(env.flags, &symbolizer);
	if (err)
		return err;
	if (file)
		debug_load(file);
	if (env.pid && !file) {
		err = bsl_symbolizer_note_process(symbolizer, env.pid);
		if (err)
			complain_of_maps(err);
	}
	for (int i = 0; i < env.nr_addrs && !err; i++)
		err = text_symbolize(symbolizer, file, env.addrs[i]);
	/* who asks through a pipe, address by address, waits for each answer */
	if (!env.nr_addrs)
		setvbuf(stdout, NULL, _IOLBF, 0);
	while (!env.nr_addrs && !err && getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		err = text_symbolize(symbolizer, file, line);
	}
	free(line);
	bsl_symbolizer_free(symbolizer);
	return err;
}

/* ---- names ---- */

/* A file being looked through. */
struct scan {
	struct bsl_elf *elf;
	const char *display;
	bool line; /* what is looked for is FILE:LINE */
	int nr;
};

/* FILE:LINE; the name of a C++ function has no single colon. */
static bool line_split(const char *text, char *file, size_t size, unsigned int *line)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (!colon || colon == text || colon[-1] == ':' || !colon[1])
		return false;
	*line = strtoul(colon + 1, &end, 10);
	return !*end && (size_t)snprintf(file, size, "%.*s", (int)(colon - text), text) < size;
}

static void put_symbol(const struct bsl_symbol *sym, const char *display)
{
	static const char *const types[] = { "func", "ifunc", "object" };
	char *text = env.flags & BSL_SYMBOLIZE_MANGLED ? NULL : bsl_demangle(sym->name, 0);

	if (env.json) {
		printf("{\"address\":%llu", (unsigned long long)sym->addr);
		if (sym->offset != UINT64_MAX)
			printf(",\"offset\":%llu", (unsigned long long)sym->offset);
		printf(",\"size\":%llu,\"type\":\"%s\"", (unsigned long long)sym->size,
		       types[sym->type]);
		put_field("name", sym->name);
		put_field("demangled", text);
		put_field("version", sym->version);
		put_field("clone", sym->clone);
		put_field("module", display);
		fputs("}\n", stdout);
	} else {
		printf("%#018llx %6llu %-6s ", (unsigned long long)sym->addr,
		       (unsigned long long)sym->size, types[sym->type]);
		put_string(text ? text : sym->name);
		if (sym->version)
			printf("@%s", sym->version);
		fputs(" [", stdout);
		put_string(display);
		fputs("]\n", stdout);
	}
	free(text);
}

static int symbol_found(const struct bsl_symbol *sym, void *ctx)
{
	struct scan *scan = ctx;

	scan->nr++;
	put_symbol(sym, scan->display);
	return 0;
}

static int kernel_symbol_found(const struct bsl_kernel_symbol *sym, void *ctx)
{
	const struct bsl_symbol as_symbol = {
		.name = sym->name,
		.addr = sym->addr,
		.size = sym->size,
		.offset = UINT64_MAX,
	};

	++*(int *)ctx;
	put_symbol(&as_symbol, sym->module);
	return 0;
}

/* An inlined copy, or a source line's code. */
static int place_found(const struct bsl_dwarf_place *place, void *ctx)
{
	struct scan *scan = ctx;
	char *text = env.flags & BSL_SYMBOLIZE_MANGLED ? NULL : bsl_demangle(place->name, 0);

	scan->nr++;
	if (env.json) {
		printf("{\"address\":%llu,\"type\":\"%s\"", (unsigned long long)place->addr,
		       scan->line ? "line" : "inlined");
		if (place->offset != UINT64_MAX)
			printf(",\"offset\":%llu", (unsigned long long)place->offset);
		put_field("name", place->name);
		put_field("demangled", text);
		fputs(",\"line\":", stdout);
		put_line(&place->line);
		put_field("module", scan->display);
		fputs("}\n", stdout);
	} else {
		printf("%#018llx %6s %-6s ", (unsigned long long)place->addr, "-",
		       scan->line ? "line" : "inline");
		if (!scan->line)
			put_string(text ? text : place->name);
		fputs(scan->line ? "" : " at ", stdout);
		put_line(&place->line);
		fputs(" [", stdout);
		put_string(scan->display);
		fputs("]\n", stdout);
	}
	free(text);
	return 0;
}

/* Counts in *ctx, for JSON's commas. */
static int put_return(uint64_t offset, void *ctx)
{
	const char *before = !env.json ? " 0x" : *(int *)ctx ? "," : "";

	++*(int *)ctx;
	printf(env.json ? "%s%llu" : "%s%llx", before, (unsigned long long)offset);
	return 0;
}

static int put_returns(const struct bsl_symbol *sym, void *ctx)
{
	struct scan *scan = ctx;
	int nr = 0, err;

	scan->nr++;
	if (env.json) {
		fputs("{\"name\":", stdout);
		put_string(sym->name);
		put_field("module", scan->display);
		fputs(",\"offsets\":[", stdout);
	} else {
		put_string(sym->name);
	}
	err = bsl_elf_ret_sites(scan->elf, sym->addr, sym->size, put_return, &nr);
	if (!err && !env.json)
		fputs(" none: it ends in jumps", stdout);
	if (err < 0 && !env.json)
		printf(" ? (%s)", err == -EINVAL ? "its code can't be decoded" : strerror(-err));
	fputs(env.json ? "]}\n" : "\n", stdout);
	return 0;
}

static const char *register_name(int machine, int reg)
{
	const struct bsl_reg *row = bsl_reg_get(machine, reg);

	return row ? row->name : "none";
}

static void put_argument(int machine, const struct bsl_usdt_arg *arg)
{
	static const char *const kinds[] = { "unsupported", "const", "reg", "deref", "addr" };

	printf("{\"kind\":\"%s\",\"size\":%u,\"signed\":%s", kinds[arg->kind], arg->size,
	       arg->is_signed ? "true" : "false");
	if (arg->kind == BSL_ARG_UNSUPPORTED)
		put_field("reason", arg->why);
	if (arg->kind == BSL_ARG_REG || arg->kind == BSL_ARG_DEREF)
		put_field("register", register_name(machine, arg->reg));
	if (arg->kind == BSL_ARG_DEREF)
		printf(",\"index\":\"%s\",\"scale\":%u", register_name(machine, arg->index),
		       arg->scale);
	if (arg->kind == BSL_ARG_DEREF || arg->kind == BSL_ARG_CONST)
		printf(",\"value\":%lld", (long long)arg->disp);
	if (arg->kind == BSL_ARG_ADDR)
		printf(",\"address\":%llu", (unsigned long long)arg->addr);
	putchar('}');
}

static int usdt_found(const struct bsl_usdt *usdt, void *ctx)
{
	struct scan *scan = ctx;

	scan->nr++;
	if (!env.json) {
		put_string(usdt->provider);
		putchar(':');
		put_string(usdt->name);
		printf(" %#llx", (unsigned long long)usdt->addr);
		if (usdt->sema_addr)
			printf(" semaphore %#llx", (unsigned long long)usdt->sema_addr);
		fputs(" [", stdout);
		put_string(scan->display);
		fputs("] ", stdout);
		put_string(usdt->args_text);
		putchar('\n');
		return 0;
	}
	fputs("{\"provider\":", stdout);
	put_string(usdt->provider);
	put_field("name", usdt->name);
	put_field("module", scan->display);
	printf(",\"address\":%llu,\"offset\":%llu,\"semaphore_offset\":%llu",
	       (unsigned long long)usdt->addr, (unsigned long long)usdt->offset,
	       (unsigned long long)usdt->sema_offset);
	put_field("text", usdt->args_text);
	fputs(",\"arguments\":[", stdout);
	for (unsigned int i = 0; i < usdt->nargs && i < BSL_USDT_MAX_ARGS; i++) {
		fputs(i ? "," : "", stdout);
		put_argument(bsl_elf_machine(scan->elf), &usdt->args[i]);
	}
	fputs("]}\n", stdout);
	return 0;
}

/* ---- files ---- */

/* All that bears the name: symbols, and with -l their inlined copies; or a source line. */
static int names_scan(struct scan *scan)
{
	unsigned int flags = env.find_flags | BSL_FIND_DEMANGLED | BSL_FIND_CLONES, line;
	char file[PATH_MAX];
	int err;

	if (env.action == FIND && line_split(env.pattern, file, sizeof(file), &line)) {
		scan->line = true;
		return bsl_elf_find_line(scan->elf, file, line, place_found, scan);
	}
	if (bsl_glob_is_pattern(env.pattern))
		flags |= BSL_FIND_GLOB;
	err = bsl_elf_find_symbols(scan->elf, env.pattern, flags,
				   env.action == FIND ? symbol_found : put_returns, scan);
	if ((err < 0 && err != -ENODATA) || env.action != FIND ||
	    !(env.flags & BSL_SYMBOLIZE_LINES))
		return err;
	return bsl_elf_find_inlined(scan->elf, env.pattern, flags, place_found, scan);
}

/* display: its name in the world of the process, if there is one. */
static int file_scan(struct bsl_elf *elf, const char *display, int *nr)
{
	struct scan scan = { .elf = elf, .display = display };
	int err;

	if (!(env.flags & BSL_SYMBOLIZE_NO_DEBUG) && env.action != USDT)
		bsl_elf_load_debug(elf, env.pid, display);
	err = env.action == USDT ? bsl_elf_usdt_each(elf, usdt_found, &scan) : names_scan(&scan);
	*nr += scan.nr;
	return err < 0 && err != -ENODATA ? err : 0;
}

static int process_usdt_found(const struct bsl_process_usdt *site, void *ctx)
{
	struct scan scan = { .elf = site->elf, .display = site->map->path };

	(void)ctx;
	if (site->usdt)
		return usdt_found(site->usdt, &scan);
	complain("%s: %s", site->map->path, bsl_error_text(site->err));
	return 0;
}

/* The names in each file that the process runs. */
static int process_names_scan(const struct bsl_maps *maps, int *nr)
{
	const struct bsl_map *map = NULL;
	struct bsl_elf *elf;
	int err, fd;

	while ((map = bsl_maps_next_file(maps, map))) {
		fd = bsl_map_open(maps, map);
		err = fd < 0 ? fd : bsl_elf_open_fd(fd, &elf);
		if (fd >= 0)
			close(fd);
		if (!err) {
			err = file_scan(elf, map->path, nr);
			bsl_elf_close(elf);
		}
		if (err)
			complain("%s: %s", map->path, bsl_error_text(err));
	}
	return 0;
}

static int process_scan(int *nr)
{
	struct bsl_maps *maps = NULL;
	int err;

	if (env.action == USDT)
		err = *nr = bsl_process_usdt_each(env.pid, process_usdt_found, NULL);
	else
		err = bsl_maps_read(env.pid, &maps);
	if (err < 0) {
		complain_of_maps(err);
		return err;
	}
	if (maps)
		process_names_scan(maps, nr);
	bsl_maps_free(maps);
	return 0;
}

static int kernel_scan(int *nr)
{
	unsigned int flags = bsl_glob_is_pattern(env.pattern) ? BSL_FIND_GLOB : 0;
	struct bsl_kernel *kernel;
	int err;

	err = bsl_kernel_open(&kernel);
	if (err) {
		complain("%s", err == -EPERM ? bsl_reason_text(BSL_KERNEL_HIDDEN) : strerror(-err));
		return err;
	}
	err = bsl_kernel_find_symbols(kernel, env.pattern, flags, kernel_symbol_found, nr);
	bsl_kernel_close(kernel);
	return err < 0 ? err : 0;
}

static int named_file_scan(const struct bsl_file *file, int *nr)
{
	int err = file_scan(file->elf, file->display, nr);

	if (err)
		complain("%s: %s", file->display, bsl_error_text(err));
	return err;
}

static int scan(const struct bsl_file *file)
{
	int nr = 0, err;

	if (env.kernel)
		err = kernel_scan(&nr);
	else if (file)
		err = named_file_scan(file, &nr);
	else
		err = process_scan(&nr);
	if (err || nr)
		return err;
	if (env.action == USDT)
		complain("no USDT sites there");
	else
		complain("no symbol is named '%s' there", env.pattern);
	return -ENOENT;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "[ADDRESS...]",
		.doc = doc,
	};
	struct bsl_file *file = NULL;
	char reason[1024];
	int err;

	front_start();
	argp_err_exit_status = 2;
	err = argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (err)
		complain("cannot read the command line: %s", strerror(err));
	if (!err && env.file) {
		file = malloc(sizeof(*file));
		err = file ? bsl_resolve(env.file, env.pid, 0, file, reason, sizeof(reason))
			   : -ENOMEM;
		if (err)
			complain("%s", file ? reason : strerror(ENOMEM));
	}
	if (!err)
		err = env.action == SYMBOLIZE ? symbolize(file) : scan(file);
	if (file)
		bsl_elf_close(file->elf);
	free(file);
	return err ? 1 : 0;
}
