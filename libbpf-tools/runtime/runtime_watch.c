/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A table of all processes, sorted by pid. Those without a runtime are looked at a few times while they are young (the
 * loader maps libraries after the program), then rarely.
 */
#include "runtime/runtime_watch.h"

#include <blazesym-lite.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/choice.h"
#include "lib/log.h"

#define LOOKS_YOUNG 4
#define SCANS_BETWEEN_LOOKS 16

struct runtime_watch {
	struct runtime_watch_opts opts;
	struct runtime_images *images;
	struct runtime_image **reported; /* images that found_image was called for */
	size_t reported_count;
	struct runtime_process *processes;
	size_t count, size;
	unsigned int scans;
};

struct runtime_watch *runtime_watch_new(const struct runtime_watch_opts *opts)
{
	struct runtime_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->opts = *opts;
	watch->images = runtime_images_new(opts->langs);
	if (!watch->images) {
		free(watch);
		return NULL;
	}
	return watch;
}

void runtime_watch_free(struct runtime_watch *watch)
{
	if (!watch)
		return;
	runtime_images_free(watch->images);
	free(watch->reported);
	free(watch->processes);
	free(watch);
}

static int tell_image(void *ctx, struct runtime_image *image)
{
	struct runtime_watch *watch = ctx;
	struct runtime_image **grown;

	for (size_t i = 0; i < watch->reported_count; i++)
		if (watch->reported[i] == image)
			return 0;
	grown = reallocarray(watch->reported, watch->reported_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	watch->reported = grown;
	grown[watch->reported_count++] = image;
	return watch->opts.found_image(watch->opts.ctx, image);
}

/* ---- one process ---- */

static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	else
		buf[len] = '\0';
	close(fd);
	return len;
}

/* Field 22 of proc_pid_stat(5); 0 if there is no such process. The name before it may hold anything. */
static uint64_t read_start_time(pid_t pid)
{
	unsigned long long start = 0;
	char text[1024], *rest;

	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	rest = strrchr(text, ')');
	if (!rest ||
	    sscanf(rest,
		   ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &start) != 1)
		return 0;
	return start ?: 1;
}

/* Not so for kernel threads and for processes that are ending. */
static bool has_program(pid_t pid)
{
	char path[32], target[1];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, target, sizeof(target)) >= 0;
}

static void read_cmdline(struct runtime_process *process)
{
	ssize_t len =
		read_proc(process->pid, "cmdline", process->cmdline, sizeof(process->cmdline));

	while (len > 0 && !process->cmdline[len - 1])
		len--;
	for (ssize_t i = 0; i < len; i++)
		if (!process->cmdline[i])
			process->cmdline[i] = ' ';
}

/* Which events are switched off; as they were found before, once the process can't be read any more. */
static void find_silent(struct runtime_process *process)
{
	bool is_silent;

	for (int i = 0; i < process->uses_count; i++) {
		process->silent[i] = 0;
		for (int event = 0; event < RUNTIME_EVENTS; event++) {
			runtime_explain(process->pid, &process->uses[i], event, &is_silent);
			process->silent[i] |= is_silent ? 1u << event : 0;
		}
	}
}

/* Reads the maps; calls back for images and for the process if there is something new. */
static int look(struct runtime_watch *watch, struct runtime_process *process)
{
	int before = process->uses_count, err = 0, count;

	process->looks++;
	count = runtime_images_find(watch->images, process->pid, process->uses);
	if (count == -ENOMEM)
		return count;
	/* The maps of one that is ending are empty. */
	if (count < 0 || count < before)
		return 0;
	process->uses_count = count;
	find_silent(process);
	for (int i = 0; i < count && !err; i++)
		err = tell_image(watch, process->uses[i].image);
	if (count == before)
		return err;
	read_cmdline(process);
	if (watch->opts.found_process && !err)
		watch->opts.found_process(watch->opts.ctx, process);
	return err;
}

/* ---- the table ---- */

/* Where the process is, or would be. */
static size_t table_place(const struct runtime_watch *watch, pid_t pid)
{
	size_t low = 0, high = watch->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (watch->processes[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct runtime_process *runtime_watch_find(const struct runtime_watch *watch, pid_t pid)
{
	size_t place = table_place(watch, pid);

	return place < watch->count && watch->processes[place].pid == pid ? &watch->processes[place]
									  : NULL;
}

const struct runtime_process *runtime_watch_processes(const struct runtime_watch *watch,
						      size_t *count)
{
	*count = watch->count;
	return watch->processes;
}

static struct runtime_process *table_insert(struct runtime_watch *watch, pid_t pid)
{
	size_t place = table_place(watch, pid), size = watch->size ? 2 * watch->size : 256;
	struct runtime_process *grown;

	if (place < watch->count && watch->processes[place].pid == pid)
		return &watch->processes[place];
	if (watch->count == watch->size) {
		grown = reallocarray(watch->processes, size, sizeof(*grown));
		if (!grown)
			return NULL;
		watch->processes = grown;
		watch->size = size;
	}
	memmove(&watch->processes[place + 1], &watch->processes[place],
		(watch->count++ - place) * sizeof(*watch->processes));
	watch->processes[place] = (struct runtime_process){ .pid = pid };
	return &watch->processes[place];
}

static void table_drop_ended(struct runtime_watch *watch)
{
	size_t kept = 0;

	for (size_t i = 0; i < watch->count; i++) {
		if (!watch->processes[i].is_there)
			continue;
		if (kept != i)
			watch->processes[kept] = watch->processes[i];
		kept++;
	}
	watch->count = kept;
}

int runtime_watch_look(struct runtime_watch *watch, pid_t pid)
{
	uint64_t start_time = read_start_time(pid);
	struct runtime_process *process, fresh = {};
	int err;

	if (!start_time || !choice_allows_pid(watch->opts.choice, pid))
		return 0;
	process = table_insert(watch, pid);
	if (!process)
		return -ENOMEM;
	/* The same process with another program is looked at as a new one. */
	fresh.pid = pid;
	fresh.start_time = start_time;
	fresh.is_there = true;
	err = look(watch, &fresh);
	/* What was known of one that is ending stays known. */
	if (fresh.uses_count || process->start_time != start_time || has_program(pid))
		*process = fresh;
	return err;
}

static int scan_process(struct runtime_watch *watch, pid_t pid)
{
	struct runtime_process *process = table_insert(watch, pid);
	uint64_t start_time = read_start_time(pid);

	if (!process)
		return -ENOMEM;
	if (!start_time)
		return 0;
	if (process->start_time != start_time)
		*process = (struct runtime_process){ .pid = pid, .start_time = start_time };
	process->is_there = true;
	if (process->looks >= LOOKS_YOUNG && (watch->scans + pid) % SCANS_BETWEEN_LOOKS)
		return 0;
	return look(watch, process);
}

int runtime_watch_scan(struct runtime_watch *watch)
{
	const struct choice *choice = watch->opts.choice;
	unsigned int count = choice_pid_count(choice);
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	table_drop_ended(watch);
	for (size_t i = 0; i < watch->count; i++)
		watch->processes[i].is_there = false;
	watch->scans++;
	for (unsigned int i = 0; i < count && !err; i++)
		err = scan_process(watch, choice->pids[i]);
	if (count)
		return err;
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (isdigit((unsigned char)*entry->d_name))
			err = scan_process(watch, atoi(entry->d_name));
	closedir(dir);
	return err;
}

int runtime_watch_start(struct runtime_watch *watch)
{
	int err = 0;

	if (!choice_pid_count(watch->opts.choice))
		err = runtime_images_find_installed(watch->images, tell_image, watch);
	return err ?: runtime_watch_scan(watch);
}

int runtime_watch_add_program(struct runtime_watch *watch, const char *name)
{
	struct runtime_image *image;
	struct bsl_file file;
	int err;

	if (bsl_resolve(name, 0, BSL_RESOLVE_NO_LIBRARY, &file, NULL, 0))
		return 0;
	err = runtime_images_open(watch->images, bsl_elf_path(file.elf), file.display, &image);
	bsl_elf_close(file.elf);
	return err ? 0 : tell_image(watch, image);
}
