/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Addresses of processes, files and the kernel into names, with everything read on the way kept for
 * the next address. Strings handed out stay until the next call: what is replaced or evicted in
 * between goes to the garbage and is freed when that call begins.
 */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "elf_file.h"
#include "io.h"

#define MAX_FILES 64
#define MAX_PROCESSES 64
#define VDSO_MAX (1u << 20)
#define REREAD_NS 1000000000ull /* perf maps and kallsyms: not more often after a miss */

/* An ELF file or vDSO image, opened or found unusable. */
struct file {
	uint64_t id; /* never used twice; 0: a free slot */
	uint64_t last_used;
	dev_t dev;
	ino_t ino;
	struct timespec mtime;
	struct bsl_elf *elf; /* NULL: see reason */
	enum bsl_reason reason;
	void *image; /* of a vDSO */
};

struct process {
	pid_t pid; /* 0: a free slot */
	uint64_t start_time;
	uint64_t last_used;
	char root[IO_ROOT_SIZE]; /* as io_root() gives it */
	struct bsl_maps *maps;	 /* NULL: see reason */
	enum bsl_reason reason;
	uint64_t *file_ids; /* of each mapping, 0: not looked up yet */
	struct bsl_perf_map *perf;
	uint64_t perf_read_at; /* ns; 0: never */
};

struct garbage {
	void *data;
	void (*release)(void *data);
};

struct bsl_symbolizer {
	unsigned int flags;
	uint64_t clock; /* counts uses */
	struct file files[MAX_FILES];
	struct process processes[MAX_PROCESSES];
	struct bsl_kernel *kernel;
	int kernel_err;
	uint64_t kernel_read_at;
	struct garbage *garbage;
	size_t nr_garbage, garbage_room;
};

const char *bsl_reason_text(enum bsl_reason reason)
{
	static const char *const texts[] = {
		[BSL_FOUND] = "found",
		[BSL_NO_PROCESS] = "the process has ended, or is of another PID namespace",
		[BSL_NO_PERMISSION] = "no permission to read the process's maps or file",
		[BSL_NOT_MAPPED] = "nothing is mapped there",
		[BSL_NO_FILE] = "code made at run time, and no perf map with its name",
		[BSL_FILE_GONE] = "the mapped file can't be reached any more",
		[BSL_FILE_BROKEN] = "the file isn't ELF, or is broken",
		[BSL_FILE_CHANGED] = "the file changed while it was read",
		[BSL_NO_SYMBOLS] = "the file has no symbols, and no debug file was found",
		[BSL_NO_SYMBOL] = "no symbol covers the address",
		[BSL_KERNEL_HIDDEN] =
			"the kernel hides its addresses (no CAP_SYSLOG, or kernel.kptr_restrict)",
		[BSL_NO_MEMORY] = "out of memory",
	};

	return (size_t)reason < ARRAY_SIZE(texts) ? texts[reason] : "unknown reason";
}

/* ---- garbage ---- */

static void garbage_free(struct bsl_symbolizer *symbolizer)
{
	while (symbolizer->nr_garbage) {
		struct garbage *garbage = &symbolizer->garbage[--symbolizer->nr_garbage];

		garbage->release(garbage->data);
	}
}

/* Without room the data is leaked rather than freed under somebody's eyes. */
static bool garbage_add(struct bsl_symbolizer *symbolizer, void *data, void (*release)(void *))
{
	struct garbage *grown;

	if (!data)
		return true;
	if (symbolizer->nr_garbage == symbolizer->garbage_room) {
		size_t room = symbolizer->garbage_room ? symbolizer->garbage_room * 2 : 32;

		grown = reallocarray(symbolizer->garbage, room, sizeof(*grown));
		if (!grown)
			return false;
		symbolizer->garbage = grown;
		symbolizer->garbage_room = room;
	}
	symbolizer->garbage[symbolizer->nr_garbage++] = (struct garbage){ data, release };
	return true;
}

static void release_elf(void *data)
{
	bsl_elf_close(data);
}

static void release_maps(void *data)
{
	bsl_maps_free(data);
}

static void release_perf_map(void *data)
{
	bsl_perf_map_free(data);
}

static void release_kernel(void *data)
{
	bsl_kernel_close(data);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* ---- files ---- */

static enum bsl_reason reason_of(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENXIO:
		return BSL_FILE_GONE;
	case -EACCES:
	case -EPERM:
		return BSL_NO_PERMISSION;
	case -ESTALE:
		return BSL_FILE_CHANGED;
	case -ENOMEM:
		return BSL_NO_MEMORY;
	case -ESRCH:
		return BSL_NO_PROCESS;
	default:
		return BSL_FILE_BROKEN;
	}
}

static void file_drop(struct bsl_symbolizer *symbolizer, struct file *file)
{
	garbage_add(symbolizer, file->image, free);
	garbage_add(symbolizer, file->elf, release_elf);
	memset(file, 0, sizeof(*file));
}

/* A slot to fill: a free one, else the one not used for longest. */
static struct file *file_slot(struct bsl_symbolizer *symbolizer)
{
	struct file *oldest = &symbolizer->files[0];

	for (size_t i = 0; i < MAX_FILES; i++)
		if (symbolizer->files[i].last_used < oldest->last_used)
			oldest = &symbolizer->files[i];
	file_drop(symbolizer, oldest);
	oldest->id = oldest->last_used = ++symbolizer->clock;
	return oldest;
}

static struct file *file_by_id(struct bsl_symbolizer *symbolizer, uint64_t id)
{
	for (size_t i = 0; id && i < MAX_FILES; i++)
		if (symbolizer->files[i].id == id)
			return &symbolizer->files[i];
	return NULL;
}

static struct file *file_by_stat(struct bsl_symbolizer *symbolizer, const struct stat *st)
{
	for (size_t i = 0; i < MAX_FILES; i++) {
		struct file *file = &symbolizer->files[i];

		if (file->id && !file->image && file->dev == st->st_dev &&
		    file->ino == st->st_ino && file->mtime.tv_sec == st->st_mtim.tv_sec &&
		    file->mtime.tv_nsec == st->st_mtim.tv_nsec)
			return file;
	}
	return NULL;
}

/*
 * The file of a descriptor, called display in the world of process pid: as it is known already, or opened. The descriptor is
 * taken over; a negative one is why there is none.
 */
static struct file *file_get(struct bsl_symbolizer *symbolizer, int fd, pid_t pid,
			     const char *display)
{
	struct stat st = { 0 };
	struct file *file;
	int err = fd < 0 ? fd : fstat(fd, &st) ? -errno : 0;

	file = err ? NULL : file_by_stat(symbolizer, &st);
	if (file) {
		close(fd);
		return file;
	}
	file = file_slot(symbolizer);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->mtime = st.st_mtim;
	err = elf_open_own_fd(fd, &file->elf);
	if (err) {
		file->elf = NULL;
		file->reason = reason_of(err);
		return file;
	}
	if (!(symbolizer->flags & BSL_SYMBOLIZE_NO_DEBUG))
		bsl_elf_load_debug(file->elf, pid, display);
	return file;
}

/* A vDSO is a whole ELF file in memory, a few pages of the process. */
static struct file *vdso_get(struct bsl_symbolizer *symbolizer, pid_t pid,
			     const struct bsl_map *map)
{
	struct file *file = file_slot(symbolizer);
	size_t size = map->end - map->start;
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		file->reason = reason_of(-errno);
		return file;
	}
	file->image = size <= VDSO_MAX ? malloc(size) : NULL;
	got = file->image ? pread(fd, file->image, size, map->start) : -1;
	close(fd);
	if (got < 0 || bsl_elf_open_mem(file->image, got, &file->elf))
		file->reason = BSL_FILE_BROKEN;
	return file;
}

/* ---- processes ---- */

/* Field 22 of /proc/PID/stat, which tells a process from a later one of the same number. */
static uint64_t start_time_read(pid_t pid)
{
	unsigned long long start = 0;
	char path[64], *text, *at;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_all(path, 65536, &text, &len))
		return 0;
	/* the second field is a name that may hold anything, a `)` too */
	at = strrchr(text, ')');
	if (at)
		sscanf(at + 1,
		       " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		       "%*s %*s %llu",
		       &start);
	free(text);
	return start;
}

static void process_drop(struct bsl_symbolizer *symbolizer, struct process *process)
{
	garbage_add(symbolizer, process->maps, release_maps);
	garbage_add(symbolizer, process->perf, release_perf_map);
	free(process->file_ids);
	memset(process, 0, sizeof(*process));
}

static void process_read_maps(struct bsl_symbolizer *symbolizer, struct process *process)
{
	struct bsl_maps *maps;
	uint64_t *file_ids;
	int err;

	err = bsl_maps_read(process->pid, &maps);
	/* an ending process has no mappings: what it had is more useful */
	if (!err && !maps->nr) {
		bsl_maps_free(maps);
		process->reason = BSL_NO_PROCESS;
		return;
	}
	file_ids = err ? NULL : calloc(maps->nr + 1, sizeof(*file_ids));
	if (!err && !file_ids) {
		bsl_maps_free(maps);
		err = -ENOMEM;
	}
	if (err) {
		if (!process->maps)
			process->reason = err == -EBADMSG ? BSL_NOT_MAPPED : reason_of(err);
		return;
	}
	garbage_add(symbolizer, process->maps, release_maps);
	free(process->file_ids);
	process->maps = maps;
	process->file_ids = file_ids;
}

/* The process as it is known, or is now to be read; stays when it has ended since. */
static struct process *process_get(struct bsl_symbolizer *symbolizer, pid_t pid)
{
	struct process *process = NULL, *oldest = &symbolizer->processes[0];
	uint64_t start_time = start_time_read(pid);

	for (size_t i = 0; i < MAX_PROCESSES; i++) {
		if (symbolizer->processes[i].pid == pid)
			process = &symbolizer->processes[i];
		if (symbolizer->processes[i].last_used < oldest->last_used)
			oldest = &symbolizer->processes[i];
	}
	if (process && start_time && process->start_time != start_time)
		process_drop(symbolizer, process);
	else if (!process)
		process_drop(symbolizer, process = oldest);
	process->last_used = ++symbolizer->clock;
	if (process->pid)
		return process;
	process->pid = pid;
	process->start_time = start_time;
	io_root(pid, process->root);
	process_read_maps(symbolizer, process);
	return process;
}

/* As bsl_map_open(), and for a process that has ended, if its files were ours too. */
static int map_open(const struct process *process, const struct bsl_map *map)
{
	int fd = bsl_map_open(process->maps, map);
	struct stat st;

	/* of a zombie the root is not to be had any more: -ENOENT */
	if (fd != -ESRCH && fd != -ENOENT)
		return fd;
	if (process->root[0] || map->deleted)
		return -ENOENT;
	fd = io_open_in_root("", map->path, O_RDONLY);
	if (fd < 0 || (!fstat(fd, &st) && st.st_ino == map->ino))
		return fd;
	close(fd);
	return -ENOENT;
}

static struct file *map_file_get(struct bsl_symbolizer *symbolizer, struct process *process,
				 const struct bsl_map *map)
{
	uint64_t *id = &process->file_ids[map - process->maps->maps];
	struct file *file = file_by_id(symbolizer, *id);

	if (!file && map->kind == BSL_MAP_VDSO)
		file = vdso_get(symbolizer, process->pid, map);
	else if (!file)
		file = file_get(symbolizer, map_open(process, map), process->pid, map->path);
	*id = file->id;
	file->last_used = ++symbolizer->clock;
	return file;
}

/* ---- one address ---- */

/* Makes a name ready for the caller: demangled, if that is wanted and possible. */
static const char *name_finish(struct bsl_symbolizer *symbolizer, const char *name)
{
	char *text;

	if (!name || (symbolizer->flags & BSL_SYMBOLIZE_MANGLED))
		return name;
	text = bsl_demangle(name, 0);
	if (text && !garbage_add(symbolizer, text, free)) {
		free(text);
		text = NULL;
	}
	return text ? text : name;
}

static void lines_fill(struct bsl_symbolizer *symbolizer, struct bsl_elf *elf,
		       struct bsl_location *location)
{
	struct bsl_line *lines = NULL, *grown;
	int nr = 0, got;

	if (!(symbolizer->flags & BSL_SYMBOLIZE_LINES))
		return;
	/* most addresses have few lines; Rust inlines twenty deep */
	for (got = 4; got > nr; got = bsl_elf_lines(elf, location->addr, lines, nr)) {
		grown = reallocarray(lines, got, sizeof(*lines));
		if (!grown)
			break;
		lines = grown;
		nr = got;
	}
	if (got <= 0 || got > nr || !garbage_add(symbolizer, lines, free)) {
		free(lines);
		return;
	}
	for (int i = 0; i < got; i++)
		lines[i].function = name_finish(symbolizer, lines[i].function);
	/* DWARF may know no more than `operator()` of it, or nothing */
	if (location->name)
		lines[got - 1].function = location->name;
	location->lines = lines;
	location->nr_lines = got;
}

static void elf_locate(struct bsl_symbolizer *symbolizer, const struct file *file,
		       struct bsl_location *location)
{
	struct bsl_symbol sym;
	int err;

	location->reason = file->reason;
	if (!file->elf)
		return;
	err = bsl_elf_symbol_at(file->elf, location->addr, &sym);
	if (err) {
		location->reason = err == -ENODATA  ? BSL_NO_SYMBOLS
				   : err == -ENOENT ? BSL_NO_SYMBOL
						    : reason_of(err);
	} else {
		location->reason = BSL_FOUND;
		location->name = name_finish(symbolizer, sym.name);
		location->offset = location->addr - sym.addr;
		location->size = sym.size;
	}
	lines_fill(symbolizer, file->elf, location);
}

static bool perf_locate(struct bsl_symbolizer *symbolizer, struct process *process, uint64_t addr,
			struct bsl_location *location)
{
	struct bsl_perf_symbol sym;
	uint64_t now = now_ns();

	for (;;) {
		struct bsl_perf_map *map;

		if (process->perf && !bsl_perf_map_symbol_at(process->perf, addr, &sym))
			break;
		if (process->perf_read_at && now - process->perf_read_at < REREAD_NS)
			return false;
		process->perf_read_at = now;
		if (bsl_perf_map_read(process->pid, &map))
			return false;
		garbage_add(symbolizer, process->perf, release_perf_map);
		process->perf = map;
	}
	location->reason = BSL_FOUND;
	location->name = name_finish(symbolizer, sym.name);
	location->offset = addr - sym.addr;
	location->size = sym.size;
	return true;
}

static void map_locate(struct bsl_symbolizer *symbolizer, struct process *process,
		       const struct bsl_map *map, uint64_t addr, struct bsl_location *location)
{
	uint64_t offset = addr - map->start + map->offset;
	struct file *file;

	location->module = map->path[0] ? map->path : NULL;
	location->reason = BSL_NO_FILE;
	if (map->kind == BSL_MAP_FILE || map->kind == BSL_MAP_VDSO) {
		file = map_file_get(symbolizer, process, map);
		location->reason = file->reason;
		/* a vDSO's mapping says nothing of offsets: it starts with the image */
		if (map->kind == BSL_MAP_VDSO)
			offset = addr - map->start;
		if (file->elf && bsl_elf_offset_to_addr(file->elf, offset, &location->addr))
			location->reason = BSL_NO_SYMBOL;
		else
			elf_locate(symbolizer, file, location);
		if (file->elf)
			return;
	}
	/* anonymous memory, or what isn't ELF: where just-in-time compilers put their code */
	perf_locate(symbolizer, process, addr, location);
}

int bsl_symbolize_process(struct bsl_symbolizer *symbolizer, pid_t pid, const uint64_t *addrs,
			  size_t n, struct bsl_location *locations)
{
	struct process *process;
	bool fresh;

	garbage_free(symbolizer);
	process = process_get(symbolizer, pid);
	fresh = false;
	for (size_t i = 0; i < n; i++) {
		const struct bsl_map *map;

		memset(&locations[i], 0, sizeof(locations[i]));
		map = process->maps ? bsl_maps_find(process->maps, addrs[i]) : NULL;
		if (!map && !fresh) {
			process_read_maps(symbolizer, process);
			fresh = true;
			map = process->maps ? bsl_maps_find(process->maps, addrs[i]) : NULL;
		}
		if (map)
			map_locate(symbolizer, process, map, addrs[i], &locations[i]);
		else
			locations[i].reason = process->maps ? BSL_NOT_MAPPED : process->reason;
	}
	return 0;
}

int bsl_symbolize_maps(struct bsl_symbolizer *symbolizer, const struct bsl_maps *maps,
		       const uint64_t *addrs, size_t n, struct bsl_location *locations)
{
	struct process process = { .pid = maps->pid, .maps = (struct bsl_maps *)maps };

	garbage_free(symbolizer);
	process.file_ids = calloc(maps->nr + 1, sizeof(*process.file_ids));
	if (!process.file_ids)
		return -ENOMEM;
	io_root(maps->pid, process.root);
	for (size_t i = 0; i < n; i++) {
		const struct bsl_map *map = bsl_maps_find(maps, addrs[i]);

		memset(&locations[i], 0, sizeof(locations[i]));
		if (map)
			map_locate(symbolizer, &process, map, addrs[i], &locations[i]);
		else
			locations[i].reason = BSL_NOT_MAPPED;
	}
	garbage_add(symbolizer, process.perf, release_perf_map);
	free(process.file_ids);
	return 0;
}

int bsl_symbolizer_note_process(struct bsl_symbolizer *symbolizer, pid_t pid)
{
	garbage_free(symbolizer);
	return process_get(symbolizer, pid)->maps ? 0 : -ESRCH;
}

int bsl_symbolize_elf(struct bsl_symbolizer *symbolizer, struct bsl_elf *elf, const char *module,
		      bool offsets, const uint64_t *addrs, size_t n, struct bsl_location *locations)
{
	const struct file file = { .elf = elf };

	garbage_free(symbolizer);
	for (size_t i = 0; i < n; i++) {
		struct bsl_location *location = &locations[i];

		memset(location, 0, sizeof(*location));
		location->module = module;
		location->addr = offsets ? 0 : addrs[i];
		if (offsets && bsl_elf_offset_to_addr(elf, addrs[i], &location->addr))
			location->reason = BSL_NO_SYMBOL;
		else
			elf_locate(symbolizer, &file, location);
	}
	return 0;
}

/* ---- the kernel ---- */

static bool kernel_find(struct bsl_symbolizer *symbolizer, uint64_t addr,
			struct bsl_kernel_symbol *sym)
{
	struct bsl_kernel *kernel;
	uint64_t now;

	if (symbolizer->kernel && !bsl_kernel_symbol_at(symbolizer->kernel, addr, sym))
		return true;
	/* a module or BPF program may have come since */
	now = now_ns();
	if (symbolizer->kernel_read_at && now - symbolizer->kernel_read_at < REREAD_NS)
		return false;
	symbolizer->kernel_read_at = now;
	symbolizer->kernel_err = bsl_kernel_open(&kernel);
	if (symbolizer->kernel_err)
		return false;
	garbage_add(symbolizer, symbolizer->kernel, release_kernel);
	symbolizer->kernel = kernel;
	return !bsl_kernel_symbol_at(kernel, addr, sym);
}

/* "[kernel]", or "[ext4]" as /proc/kallsyms has it. */
static const char *kernel_module(struct bsl_symbolizer *symbolizer, const char *module)
{
	char *text;

	if (!strcmp(module, "vmlinux"))
		return "[kernel]";
	if (asprintf(&text, "[%s]", module) < 0)
		return NULL;
	if (garbage_add(symbolizer, text, free))
		return text;
	free(text);
	return NULL;
}

int bsl_symbolize_kernel(struct bsl_symbolizer *symbolizer, const uint64_t *addrs, size_t n,
			 struct bsl_location *locations)
{
	struct bsl_kernel_symbol sym;

	garbage_free(symbolizer);
	for (size_t i = 0; i < n; i++) {
		struct bsl_location *location = &locations[i];

		memset(location, 0, sizeof(*location));
		location->addr = addrs[i];
		if (kernel_find(symbolizer, addrs[i], &sym)) {
			location->name = sym.name;
			location->offset = addrs[i] - sym.addr;
			location->size = sym.size;
			location->module = kernel_module(symbolizer, sym.module);
		} else {
			location->reason = symbolizer->kernel		       ? BSL_NO_SYMBOL
					   : symbolizer->kernel_err == -ENOMEM ? BSL_NO_MEMORY
									       : BSL_KERNEL_HIDDEN;
		}
	}
	return 0;
}

/* ---- life ---- */

int bsl_symbolizer_new(unsigned int flags, struct bsl_symbolizer **out)
{
	struct bsl_symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return -ENOMEM;
	symbolizer->flags = flags;
	*out = symbolizer;
	return 0;
}

void bsl_symbolizer_free(struct bsl_symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	garbage_free(symbolizer);
	for (size_t i = 0; i < MAX_FILES; i++) {
		bsl_elf_close(symbolizer->files[i].elf);
		free(symbolizer->files[i].image);
	}
	for (size_t i = 0; i < MAX_PROCESSES; i++) {
		bsl_maps_free(symbolizer->processes[i].maps);
		bsl_perf_map_free(symbolizer->processes[i].perf);
		free(symbolizer->processes[i].file_ids);
	}
	bsl_kernel_close(symbolizer->kernel);
	free(symbolizer->garbage);
	free(symbolizer);
}
