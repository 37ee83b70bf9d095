/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Processes of which a tool can't see everything; see blind.h.
 */
#include "lib/blind.h"

#include <array_size.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/attach.h"
#include "lib/log.h"

#define BLIND_RING "anon_inode:[io_uring]"

static const struct {
	const char *program, *tracepoint;
	size_t spot; /* the text in struct blind_spots */
} blind_probes[] = {
	{ "blind_ring", "io_uring_create", offsetof(struct blind_spots, by_ring) },
	{ "blind_program", "sched_process_exec", offsetof(struct blind_spots, by_program) },
};

static const char **blind_text(struct blind_spots *spots, size_t i)
{
	return (const char **)((char *)spots + blind_probes[i].spot);
}

void blind_choose(const struct blind_spots *spots, struct bpf_object *obj)
{
	struct blind_spots copy = *spots;
	struct bpf_program *prog;

	for (size_t i = 0; i < ARRAY_SIZE(blind_probes); i++) {
		prog = bpf_object__find_program_by_name(obj, blind_probes[i].program);
		if (prog && !*blind_text(&copy, i))
			bpf_program__set_autoload(prog, false);
	}
}

bool blind_is_program(const struct bpf_program *prog)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(blind_probes); i++)
		found |= !strcmp(bpf_program__name(prog), blind_probes[i].program);
	return found;
}

void blind_attach(struct blind *blind, const struct blind_spots *spots,
		  const struct blind_seen *seen, const struct bpf_object *obj,
		  struct attach_set *attached)
{
	const struct bpf_program *prog;
	int err;

	blind->spots = *spots;
	blind->seen = seen;
	for (size_t i = 0; i < ARRAY_SIZE(blind_probes); i++) {
		prog = bpf_object__find_program_by_name(obj, blind_probes[i].program);
		if (!prog || bpf_program__fd(prog) < 0) {
			*blind_text(&blind->spots, i) = NULL;
			continue;
		}
		err = attach_raw_tracepoint(attached, bpf_program__fd(prog),
					    blind_probes[i].tracepoint);
		if (err)
			log_info("cannot attach to the raw tracepoint %s: %s",
				 blind_probes[i].tracepoint, strerror(-err));
	}
}

static void blind_warn_ring(struct blind *blind, int pid, const char *comm)
{
	if (!blind->has_told_ring && blind->spots.by_ring)
		log_warn("process %d (%.16s) uses io_uring: %s; others that do aren't reported",
			 pid, comm, blind->spots.by_ring);
	blind->has_told_ring = true;
}

static void blind_warn_program(struct blind *blind, int pid, const char *comm)
{
	if (!blind->has_told_program && blind->spots.by_program)
		log_warn(
			"process %d (%.16s) runs a 32-bit program: %s; others that do aren't reported",
			pid, comm, blind->spots.by_program);
	blind->has_told_program = true;
}

void blind_tell(struct blind *blind)
{
	const volatile struct blind_seen *seen = blind->seen;

	if (!seen)
		return;
	if (seen->ring.is_there && !blind->has_told_ring)
		blind_warn_ring(blind, (int)seen->ring.pid, blind->seen->ring.comm);
	if (seen->program.is_there && !blind->has_told_program)
		blind_warn_program(blind, (int)seen->program.pid, blind->seen->program.comm);
}

/* The first bytes of /proc/PID/FILE. Their number, 0 if it can't be read. */
static size_t blind_read(pid_t pid, const char *file, char *buffer, size_t size)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, buffer, size);
	if (fd >= 0)
		close(fd);
	return len > 0 ? (size_t)len : 0;
}

static bool blind_has_ring(pid_t pid)
{
	char path[64], link[sizeof(BLIND_RING)];
	const struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder)))
		found = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link)) ==
				(ssize_t)strlen(BLIND_RING) &&
			!memcmp(link, BLIND_RING, strlen(BLIND_RING));
	if (folder)
		closedir(folder);
	return found;
}

void blind_look_at(struct blind *blind, pid_t pid)
{
	char magic[EI_CLASS + 1], comm[16] = "";
	size_t len = blind_read(pid, "comm", comm, sizeof(comm) - 1);

	if (!blind->seen)
		return;
	comm[len && comm[len - 1] == '\n' ? len - 1 : len] = '\0';
	if (blind_has_ring(pid))
		blind_warn_ring(blind, pid, comm);
	if (blind_read(pid, "exe", magic, sizeof(magic)) == sizeof(magic) &&
	    !memcmp(magic, ELFMAG, SELFMAG) && magic[EI_CLASS] == ELFCLASS32)
		blind_warn_program(blind, pid, comm);
}
