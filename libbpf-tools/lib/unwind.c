/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Unwinding tables to the kernel.
 */
#include "lib/unwind.h"

#include <array_size.h>
#include <blazesym-lite.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core.h"
#include "lib/log.h"
#include "lib/stack.h"
#include "lib/timestamp.h"
#include "lib/unwind_rest.h"

/* Room for files that are met later: of processes that are known, and of any. */
#define ROWS_MORE (128u << 10)
#define ROWS_UNKNOWN (1u << 20)
/* Stacks that were finished here: as many are kept. */
#define RESTS 4096

_Static_assert((int)UNWIND_NONE == BSL_UNWIND_NONE && (int)UNWIND_CALLERLESS == BSL_UNWIND_END &&
		       (int)UNWIND_SP == BSL_UNWIND_SP && (int)UNWIND_FP == BSL_UNWIND_FP &&
		       (int)UNWIND_SP_LEAF == BSL_UNWIND_SP_LEAF &&
		       (int)UNWIND_FP_LEAF == BSL_UNWIND_FP_LEAF &&
		       (int)UNWIND_AT_FP == BSL_UNWIND_AT_FP &&
		       (int)UNWIND_AT_SP == BSL_UNWIND_AT_SP &&
		       (int)UNWIND_STUB11 == BSL_UNWIND_STUB11 &&
		       (int)UNWIND_STUB10 == BSL_UNWIND_STUB10 &&
		       (int)UNWIND_SIGNAL == BSL_UNWIND_SIGNAL &&
		       (int)UNWIND_OTHER == BSL_UNWIND_OTHER &&
		       UNWIND_RET_ONLY == BSL_UNWIND_RET_ONLY,
	       "the kernel's half reads other rows");
_Static_assert(sizeof(struct unwind_row) == sizeof(struct bsl_unwind_row) &&
		       offsetof(struct unwind_row, cfa) == offsetof(struct bsl_unwind_row, cfa) &&
		       offsetof(struct unwind_row, kind) == offsetof(struct bsl_unwind_row, kind) &&
		       offsetof(struct unwind_row, fp) == offsetof(struct bsl_unwind_row, fp),
	       "the kernel's half reads other rows");

/* A file whose table was read. It is kept open: a deleted one's number could become another file's. */
struct known_file {
	struct bsl_elf *elf;
	struct bsl_unwind *table;    /* until it has been handed over; NULL: it has none */
	struct bsl_unwind_row *rows; /* then, mapped: the kernel's */
	uint32_t count;
};

struct unwind {
	struct unwind_config config;
	struct known_file *files;
	size_t nr, room;
	uint64_t ns; /* spent on reading tables */

	int rows_fd, files_fd, questions_fd, look_up_fd; /* the object's */
	size_t rows_room, rows_used, rows_given;
	struct ring_buffer *cut_ring;
	struct unwind_rest rests[RESTS]; /* by number */
	size_t vdso;			 /* its place among the files, and 1 */
	uint64_t cuts;
	struct stack_names *names;
	bool has_processes; /* it is known whose files will be met */
	size_t refused;	    /* files without room for their rows */
};

/* ---- the kernel ----------------------------------------------------------------------------- */

static int find_config(struct unwind_config *config)
{
	struct core_member members[] = {
		{ "task_struct", "mm", 0 },
		{ "mm_struct", "mm_mt", 0 },
		{ "maple_tree", "ma_root", 0 },
		{ "maple_range_64", "pivot", 0 },
		{ "maple_range_64", "slot", 0 },
		{ "maple_arange_64", "pivot", 0 },
		{ "maple_arange_64", "slot", 0 },
		{ "vm_area_struct", "vm_start", 0 },
		{ "vm_area_struct", "vm_end", 0 },
		{ "vm_area_struct", "vm_pgoff", 0 },
		{ "vm_area_struct", "vm_file", 0 },
		{ "vm_area_struct", "vm_private_data", 0 },
		{ "file", "f_inode", 0 },
		{ "inode", "i_ino", 0 },
		{ "inode", "i_sb", 0 },
		{ "super_block", "s_dev", 0 },
		/* from here on: some stacks end early without */
		{ "vm_area_struct", "vm_flags", 0 },
		{ "vm_special_mapping", "name", 0 },
		{ "task_struct", "utask", 0 },
		{ "uprobe_task", "return_instances", 0 },
		{ "uprobe_task", "vaddr", 0 },
		{ "return_instance", "stack", 0 },
		{ "return_instance", "orig_ret_vaddr", 0 },
		{ "return_instance", "next", 0 },
	};
	__s32 *const places[] = {
		&config->task_mm,      &config->mm_tree,	&config->tree_root,
		&config->range_pivots, &config->range_slots,	&config->arange_pivots,
		&config->arange_slots, &config->vma_start,	&config->vma_end,
		&config->vma_offset,   &config->vma_file,	&config->vma_private,
		&config->file_inode,   &config->inode_number,	&config->inode_super,
		&config->super_device, &config->vma_flags,	&config->special_name,
		&config->task_utask,   &config->utask_returns,	&config->utask_vaddr,
		&config->return_stack, &config->return_address, &config->return_next,
	};
	int err = 0;

	_Static_assert(ARRAY_SIZE(members) == ARRAY_SIZE(places), "a place per member");
	core_find_members(members, ARRAY_SIZE(members));
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		*places[i] = members[i].offset;
		if (members[i].offset < 0 && i < 16 && !err)
			err = members[i].offset;
	}
	config->page_shift = (__u32)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	return err;
}

struct unwind *unwind_new(const char **why)
{
	struct unwind *unwind = calloc(1, sizeof(*unwind));

	*why = "out of memory";
	if (!unwind)
		return NULL;
	*why = "the kernel's list of mappings can't be read without locks (before Linux 6.1)";
	if (find_config(&unwind->config) ||
	    libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_task_pt_regs, NULL) <= 0) {
		free(unwind);
		errno = ENOTSUP;
		return NULL;
	}
	return unwind;
}

/* Each file's rows begin at a page of the array, so that they alone can be mapped. */
static size_t rows_bytes(size_t count)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (count * sizeof(struct bsl_unwind_row) + page - 1) & ~(page - 1);
}

void unwind_free(struct unwind *unwind)
{
	if (!unwind)
		return;
	for (size_t i = 0; i < RESTS; i++)
		free(unwind->rests[i].addrs);
	for (size_t i = 0; i < unwind->nr; i++) {
		if (unwind->files[i].rows)
			munmap(unwind->files[i].rows, rows_bytes(unwind->files[i].count));
		bsl_unwind_free(unwind->files[i].table);
		bsl_elf_close(unwind->files[i].elf);
	}
	ring_buffer__free(unwind->cut_ring);
	free(unwind->files);
	free(unwind);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Takes the handle over. The file, or NULL. */
static struct known_file *file_add(struct unwind *unwind, struct bsl_elf *elf)
{
	uint64_t start = timestamp_now();
	struct known_file *grown, *file;

	if (unwind->nr == unwind->room) {
		unwind->room = unwind->room ? 2 * unwind->room : 16;
		grown = reallocarray(unwind->files, unwind->room, sizeof(*grown));
		if (!grown) {
			unwind->room = unwind->nr;
			bsl_elf_close(elf);
			return NULL;
		}
		unwind->files = grown;
	}
	file = &unwind->files[unwind->nr++];
	*file = (struct known_file){ .elf = elf };
	if (bsl_elf_unwind_read(elf, &file->table))
		file->table = NULL;
	unwind->ns += timestamp_now() - start;
	return file;
}

static struct known_file *file_find(const struct unwind *unwind, const struct bsl_elf *elf)
{
	for (size_t i = 0; i < unwind->nr; i++)
		if (bsl_elf_ino(elf) && bsl_elf_dev(unwind->files[i].elf) == bsl_elf_dev(elf) &&
		    bsl_elf_ino(unwind->files[i].elf) == bsl_elf_ino(elf))
			return &unwind->files[i];
	return NULL;
}

/* Of a process that has ended: the file of that name in our root, if it has the number that was mapped. */
static int open_again(const struct bsl_map *map)
{
	int fd = map->path[0] == '/' && !map->deleted ? open(map->path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0 || (!fstat(fd, &st) && st.st_ino == map->ino))
		return fd;
	close(fd);
	return -1;
}

static struct bsl_elf *map_open(const struct bsl_maps *maps, const struct bsl_map *map)
{
	int fd = bsl_map_open(maps, map);
	struct bsl_elf *elf = NULL;

	if (fd < 0)
		fd = open_again(map);
	if (fd < 0)
		return NULL;
	if (bsl_elf_open_fd(fd, &elf))
		elf = NULL;
	close(fd);
	return elf;
}

static void add_or_close(struct unwind *unwind, struct bsl_elf *elf)
{
	if (elf && file_find(unwind, elf))
		bsl_elf_close(elf);
	else if (elf)
		file_add(unwind, elf);
}

void unwind_add_process(struct unwind *unwind, pid_t pid)
{
	const struct bsl_map *map = NULL;
	struct bsl_maps *maps;

	if (bsl_maps_read(pid, &maps))
		return;
	unwind->has_processes = true;
	while ((map = bsl_maps_next_file(maps, map)))
		add_or_close(unwind, map_open(maps, map));
	bsl_maps_free(maps);
}

void unwind_add_file(struct unwind *unwind, const struct bsl_elf *elf)
{
	struct bsl_elf *own;

	if (!bsl_elf_open(bsl_elf_path(elf), &own))
		add_or_close(unwind, own);
}

/* ---- to the kernel -------------------------------------------------------------------------- */

int unwind_prepare_object(struct unwind *unwind, struct bpf_object *object,
			  struct unwind_config *config)
{
	struct bpf_map *rows = bpf_object__find_map_by_name(object, "unwind_rows");
	size_t count = unwind->has_processes ? ROWS_MORE : ROWS_UNKNOWN;

	for (size_t i = 0; i < unwind->nr; i++)
		count += unwind->files[i].table ? rows_bytes(unwind->files[i].table->nr) /
							  sizeof(struct bsl_unwind_row)
						: 0;
	unwind->rows_room = count;
	*config = unwind->config;
	return rows ? bpf_map__set_max_entries(rows, (__u32)count) : -ENOENT;
}

static int rows_give(struct unwind *unwind, struct known_file *file, struct unwind_file *where)
{
	size_t count = file->table->nr, bytes = rows_bytes(count);
	void *mapped;

	if (bytes / sizeof(*file->rows) > unwind->rows_room - unwind->rows_used)
		return -ENOSPC;
	mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, unwind->rows_fd,
		      (off_t)(unwind->rows_used * sizeof(*file->rows)));
	if (mapped == MAP_FAILED)
		return -errno;
	memcpy(mapped, file->table->rows, count * sizeof(*file->rows));
	file->rows = mapped;
	file->count = (uint32_t)count;
	where->first = (uint32_t)unwind->rows_used;
	where->count = (uint32_t)count;
	unwind->rows_given += count;
	unwind->rows_used += bytes / sizeof(*file->rows);
	return 0;
}

/*
 * The rows and what says where they are; a file without a table has none. Without room for them the kernel isn't told of the file: its stacks
 * are finished here. 0 or negative errno.
 */
static int file_give(struct unwind *unwind, const struct unwind_key *key, struct known_file *file)
{
	struct unwind_file where = {};
	int err = file->table ? rows_give(unwind, file, &where) : 0;

	if (err == -ENOSPC && !unwind->refused++)
		log_info("no more room for unwinding tables: stacks are finished in user space");
	if (err)
		return err;
	bsl_unwind_free(file->table);
	file->table = NULL;
	return bpf_map_update_elem(unwind->files_fd, key, &where, BPF_ANY) ? -errno : 0;
}

/* What the kernel calls the file that is mapped in this process at an address. */
static int key_at(const struct unwind *unwind, const void *address, struct unwind_key *key)
{
	uint64_t args[1] = { (uintptr_t)address };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	struct unwind_question question;
	uint32_t zero = 0;
	int err = bpf_prog_test_run_opts(unwind->look_up_fd, &opts);

	if (err || opts.retval)
		return err ?: -ENOENT;
	if (bpf_map_lookup_elem(unwind->questions_fd, &zero, &question))
		return -errno;
	*key = question.key;
	return 0;
}

static int key_of(const struct unwind *unwind, const struct bsl_elf *elf, struct unwind_key *key)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	FILE *file = fopen(bsl_elf_path(elf), "re");
	void *mapped = file ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fileno(file), 0)
			    : MAP_FAILED;
	int err;

	if (file)
		fclose(file);
	if (mapped == MAP_FAILED)
		return -errno;
	err = key_at(unwind, mapped, key);
	munmap(mapped, size);
	return err;
}

/* All processes have the same one. */
static void give_vdso(struct unwind *unwind)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct unwind_key key = UNWIND_VDSO;
	const struct bsl_map *map;
	struct bsl_maps *maps;
	struct bsl_elf *elf;
	struct known_file *file;

	if (!image || bsl_maps_read(0, &maps))
		return;
	map = bsl_maps_find(maps, (uintptr_t)image);
	if (map && !bsl_elf_open_mem(image, map->end - map->start, &elf)) {
		file = file_add(unwind, elf);
		if (file) {
			file_give(unwind, &key, file);
			unwind->vdso = unwind->nr;
		}
	}
	bsl_maps_free(maps);
}

static int handle_cut(void *ctx, void *data, size_t size);

int unwind_complete_object(struct unwind *unwind, const struct bpf_object *object)
{
	const struct bpf_program *look_up =
		bpf_object__find_program_by_name(object, "unwind_look_up");
	size_t nr = unwind->nr;
	struct unwind_key key;
	int err;

	unwind->rows_fd = bpf_object__find_map_fd_by_name(object, "unwind_rows");
	unwind->files_fd = bpf_object__find_map_fd_by_name(object, "unwind_files");
	unwind->questions_fd = bpf_object__find_map_fd_by_name(object, "unwind_questions");
	unwind->look_up_fd = look_up ? bpf_program__fd(look_up) : -ENOENT;
	unwind->cut_ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "unwind_cuts"),
					    handle_cut, unwind, NULL);
	if (!unwind->cut_ring)
		return -errno;
	for (size_t i = 0; i < nr; i++) {
		err = key_of(unwind, unwind->files[i].elf, &key);
		err = err ?: file_give(unwind, &key, &unwind->files[i]);
		if (err)
			log_debug("unwinding table of %s: %s", bsl_elf_path(unwind->files[i].elf),
				  strerror(-err));
	}
	give_vdso(unwind);
	return 0;
}

/* ---- what was not known beforehand ---------------------------------------------------------- */

/* The file of a mapping, read and handed over if it hadn't been. NULL: it can't be had. */
static const struct known_file *file_learn(struct unwind *unwind, const struct bsl_maps *maps,
					   const struct bsl_map *map)
{
	struct bsl_elf *elf = map_open(maps, map);
	struct known_file *file;
	struct unwind_key key;

	if (!elf)
		return NULL;
	file = file_find(unwind, elf);
	if (file) {
		bsl_elf_close(elf);
		return file;
	}
	if (key_of(unwind, elf, &key)) {
		bsl_elf_close(elf);
		return NULL;
	}
	file = file_add(unwind, elf);
	if (file)
		file_give(unwind, &key, file);
	return file;
}

/* Where rows of a process are looked for. */
struct source {
	struct unwind *unwind;
	const struct bsl_maps *maps;
};

/* As unwind_row_fn. Files that are met become known to the kernel, too. */
static bool row_at(void *ctx, uint64_t address, const struct unwind_row **row, bool *is_unknown)
{
	const struct source *source = ctx;
	const struct bsl_maps *maps = source->maps;
	struct unwind *unwind = source->unwind;
	const struct bsl_map *map = bsl_maps_find(maps, address);
	const struct known_file *file = NULL;
	struct bsl_unwind table = {};

	*row = NULL;
	*is_unknown = false;
	if (!map || !(map->perms & BSL_MAP_EXEC))
		return false;
	if (map->kind == BSL_MAP_FILE)
		file = file_learn(unwind, maps, map);
	else if (map->kind == BSL_MAP_VDSO && unwind->vdso)
		file = &unwind->files[unwind->vdso - 1];
	*is_unknown = !file && map->kind != BSL_MAP_ANON;
	if (!file || (!file->rows && !file->table))
		return true;
	table = file->table ? *file->table
			    : (struct bsl_unwind){ .rows = file->rows, .nr = file->count };
	*row = (const struct unwind_row *)bsl_unwind_find(
		&table,
		(uint32_t)(address - map->start + (map->kind == BSL_MAP_FILE ? map->offset : 0)));
	return true;
}

void unwind_set_names(struct unwind *unwind, struct stack_names *names)
{
	unwind->names = names;
}

static struct unwind_rest *rest_at(struct unwind *unwind, uint32_t number)
{
	return &unwind->rests[number % RESTS];
}

static int handle_cut(void *ctx, void *data, size_t size)
{
	const struct unwind_cut *cut = data;
	struct unwind *unwind = ctx;
	struct source source = { .unwind = unwind };
	struct bsl_maps *maps = NULL;
	struct unwind_rest *rest;

	if (size < sizeof(*cut) || cut->size > sizeof(cut->bytes))
		return 0;
	rest = rest_at(unwind, cut->number);
	free(rest->addrs);
	*rest = (struct unwind_rest){ .number = cut->number, .end = UNWIND_UNKNOWN_FILE };
	if (cut->tgid && !bsl_maps_read((pid_t)cut->tgid, &maps) && maps->nr)
		source.maps = maps;
	else if (cut->tgid && unwind->names)
		source.maps = stack_names_maps(unwind->names, (pid_t)cut->tgid);
	if (source.maps)
		unwind_rest_find(cut, row_at, &source, rest);
	bsl_maps_free(maps);
	unwind->cuts++;
	return 0;
}

unsigned int unwind_finish(struct unwind *unwind, uint64_t *result, uint64_t *addrs)
{
	uint32_t bytes = UNWIND_BYTES(*result), number = UNWIND_CUT(*result);
	const struct unwind_rest *rest;
	unsigned int room, count;

	if (!number)
		return 0;
	rest = rest_at(unwind, number);
	*result &= (1ull << UNWIND_CUT_SHIFT) - 1;
	if (rest->number != number || bytes > 8 * UNWIND_FRAMES)
		return 0;
	room = UNWIND_FRAMES - bytes / 8;
	count = rest->count < room ? rest->count : room;
	memcpy(addrs, rest->addrs, count * sizeof(*addrs));
	*result = (*result & UNWIND_FIRST_BY_POINTER) | (bytes + 8 * count) |
		  (uint64_t)(rest->count > room ? UNWIND_DEEP : rest->end) << 32;
	return count;
}

void unwind_update(struct unwind *unwind)
{
	if (unwind->cut_ring)
		ring_buffer__consume(unwind->cut_ring);
}

/* ---- for people ----------------------------------------------------------------------------- */

void unwind_report(const struct unwind *unwind)
{
	log_info(
		"unwinding tables of %zu files: %zu rows of 8 bytes, room for %zu, read in %.1f ms",
		unwind->nr, unwind->rows_given, unwind->rows_room, unwind->ns / 1e6);
}
