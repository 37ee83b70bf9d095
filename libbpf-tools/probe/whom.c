/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Whom a run looks at. Ids, names and version 2 groups are tests of the generated programs' frame;
 * a parent and a version 1 group, which only the kernel's structures tell, are written in the probes' own language.
 */
#include "probe/whom.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cgroup.h"
#include "lib/filter.h"
#include "lib/follow.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/pidns.h"
#include "lib/subtree.h"
#include "types/btf.h"

enum { KEY_UID = 0x2000, KEY_PPID, KEY_FOLLOW, KEY_CONTAINER };

static const struct argp_option options[] = {
	{ "pid", 'p', "PID[,PID...]", 0, "Only these processes", 0 },
	{ "follow", KEY_FOLLOW, NULL, 0, "With -p: all that it forks, too", 0 },
	{ "ppid", KEY_PPID, "PID", 0, "Only the children of this process", 0 },
	{ "tid", 'L', "TID", 0, "Only this thread", 0 },
	{ "uid", KEY_UID, "USER", 0, "Only this user, a name or number", 0 },
	{ "name", 'n', "TEXT", 0, "Only threads whose name contains TEXT", 0 },
	{ "cgroup-path", 'c', "PATH", 0, "Only tasks in this cgroup and those below it", 0 },
	{ "container", KEY_CONTAINER, "ID", 0, "Only the container whose id begins so", 0 },
	{ "include-self", 'S', NULL, 0, "Trace this very process too", 0 },
	{},
};

static void add_pids(struct whom *whom, struct argp_state *state, char *list)
{
	char *pid, *rest = list;

	while ((pid = strsep(&rest, ","))) {
		if (whom->pid_count == WHOM_MAX_PIDS)
			argp_error(state, "at most %d processes can be chosen", WHOM_MAX_PIDS);
		whom->pids[whom->pid_count++] = options_pid(state, "--pid", pid);
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct whom *whom = state->input;

	switch (key) {
	case 'p':
		add_pids(whom, state, arg);
		break;
	case KEY_FOLLOW:
		whom->follow = true;
		break;
	case KEY_PPID:
		whom->ppid = options_pid(state, "--ppid", arg);
		break;
	case 'L':
		whom->tid = options_pid(state, "--tid", arg);
		break;
	case KEY_UID:
		whom->uid = options_uid(state, "--uid", arg);
		break;
	case 'n':
		if (!*arg || strlen(arg) >= RECORD_COMM_SIZE)
			argp_error(state, "the name of a thread has 1 to %d bytes",
				   RECORD_COMM_SIZE - 1);
		whom->name = arg;
		break;
	case 'c':
		whom->cgroup = arg;
		break;
	case KEY_CONTAINER:
		whom->container = arg;
		break;
	case 'S':
		whom->include_self = true;
		break;
	case ARGP_KEY_END:
		if (whom->follow && whom->pid_count != 1)
			argp_error(state, "--follow goes with one -p PID");
		if (whom->cgroup && whom->container)
			argp_error(state, "-c and --container exclude each other");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const struct argp whom_argp = { .options = options, .parser = parse_option };

/* ---- what can be said in the language ------------------------------------------------------- */

/* "a && b" */
static void add_test(struct whom_state *state, const char *test)
{
	size_t len = strlen(state->predicate);

	snprintf(state->predicate + len, sizeof(state->predicate) - len, "%s%s", len ? " && " : "",
		 test);
}

static int test_parent(struct whom_state *state)
{
	char test[64];

	if (!pidns_is_initial()) {
		log_error("--ppid needs the host's process ids, but this is another PID namespace "
			  "(docker: --pid=host)");
		return -EOPNOTSUPP;
	}
	snprintf(test, sizeof(test), "$task->real_parent->tgid == %d", state->whom->ppid);
	add_test(state, test);
	return 0;
}

/* Is it the group, or one below it? Its ancestors by level are pointers since 6.1 (7f203bc89eb6), ids before. */
static void test_group(struct whom_state *state, const struct cgroup_place *place,
		       struct btf_types *types)
{
	static const char name[] = "struct cgroup";
	const struct type *cgroup = btf_types_find(types, name, strlen(name));
	char test[320], group[96];
	uint32_t offset;
	bool has_pointers = cgroup &&
			    type_find_member(cgroup, "ancestors", strlen("ancestors"), &offset);

	snprintf(group, sizeof(group), "$task->cgroups->subsys[%s_cgrp_id]->cgroup",
		 place->controller);
	snprintf(test, sizeof(test), "%s->level >= %u && %s->%s[%u]%s == %lluu", group,
		 place->level, group, has_pointers ? "ancestors" : "ancestor_ids", place->level,
		 has_pointers ? "->kn->id" : "", (unsigned long long)place->id);
	add_test(state, test);
}

/* ---- groups --------------------------------------------------------------------------------- */

static int find_container(const char *prefix, char path[PATH_MAX])
{
	int err = cgroup_find_container(prefix, path);

	switch (err) {
	case 0:
		log_info("container %s: %s", prefix, path);
		return 0;
	case -EINVAL:
		log_error(
			"'%s' is not the beginning of a container's id: 4 to 64 hexadecimal digits",
			prefix);
		return err;
	case -ENOENT:
		log_error("no process runs in a container whose id begins with '%s'", prefix);
		return err;
	case -EEXIST:
		log_error("several containers' ids begin with '%s', one is %.64s", prefix, path);
		return -EINVAL;
	default:
		log_error("the control group of container '%s' cannot be found: %s", prefix,
			  strerror(-err));
		return err;
	}
}

static int open_group(struct whom_state *state, const char *path, struct btf_types *types)
{
	struct cgroup_place place;
	int err = cgroup_describe(path, &place);

	if (err) {
		log_error("%s: %s", path,
			  err == -EOPNOTSUPP
				  ? "not in a hierarchy of control groups that tells its tasks"
				  : strerror(-err));
		return err;
	}
	if (!place.is_v2) {
		log_info("%s: by the tasks' %s group, of version 1", path, place.controller);
		test_group(state, &place, types);
		return 0;
	}
	state->cgroup_fd = filter_cgroup_open(path, NULL);
	if (state->cgroup_fd < 0)
		log_error("%s: %s", path, strerror(-state->cgroup_fd));
	return state->cgroup_fd < 0 ? state->cgroup_fd : 0;
}

/* A filter that nothing can pass is a mistake. */
static int check_ids(const struct whom *whom)
{
	pid_t ids[WHOM_MAX_PIDS + 2] = { whom->tid, whom->ppid };
	unsigned int count = 2;

	for (unsigned int i = 0; i < whom->pid_count; i++)
		ids[count++] = whom->pids[i];
	for (unsigned int i = 0; i < count; i++) {
		if (!ids[i] || !kill(ids[i], 0) || errno != ESRCH)
			continue;
		log_error("there is no %s %d", i ? "process" : "thread", ids[i]);
		return -ESRCH;
	}
	return 0;
}

/* ---- the life of it ------------------------------------------------------------------------- */

int whom_open(struct whom_state *state, const struct whom *whom, struct btf_types *types)
{
	char path[PATH_MAX];
	int err = check_ids(whom);

	*state = (struct whom_state){ .whom = whom, .cgroup_fd = -1, .cgroup_map_fd = -1 };
	if (!err && whom->ppid)
		err = test_parent(state);
	if (!err && whom->container)
		err = find_container(whom->container, path);
	if (!err && (whom->cgroup || whom->container))
		err = open_group(state, whom->cgroup ? whom->cgroup : path, types);
	return err;
}

int whom_start(struct whom_state *state)
{
	uint32_t zero = 0;
	int err = pidns_find(&state->pidns);

	if (err)
		return err;
	if (state->cgroup_fd >= 0) {
		state->cgroup_map_fd =
			bpf_map_create(BPF_MAP_TYPE_CGROUP_ARRAY, "trace_cgroup", 4, 4, 1, NULL);
		err = state->cgroup_map_fd < 0 ? state->cgroup_map_fd
					       : bpf_map_update_elem(state->cgroup_map_fd, &zero,
								     &state->cgroup_fd, 0);
	}
	if (err) {
		log_libbpf_failure(err, "cannot filter by cgroup");
		return err;
	}
	if (!state->whom->follow)
		return 0;
	state->follow = subtree_follow(state->whom->pids[0]);
	if (!state->follow) {
		err = -errno;
		log_libbpf_failure(err, "cannot follow process %d", state->whom->pids[0]);
	}
	return err;
}

void whom_close(struct whom_state *state)
{
	follow_free(state->follow);
	if (state->cgroup_map_fd >= 0)
		close(state->cgroup_map_fd);
	if (state->cgroup_fd >= 0)
		close(state->cgroup_fd);
	*state = (struct whom_state){ .cgroup_fd = -1, .cgroup_map_fd = -1 };
}

pid_t whom_pid(const struct whom *whom)
{
	return whom->pid_count == 1 && !whom->follow ? whom->pids[0] : 0;
}

void whom_fill(const struct whom_state *state, struct generate_opts *opts)
{
	const struct whom *whom = state->whom;

	if (state->follow)
		opts->follow_fd = follow_map_fd(state->follow);
	opts->cgroup_fd = state->cgroup_map_fd;
	opts->tgids = whom->pids;
	opts->tgid_count = whom->follow ? 0 : whom->pid_count;
	opts->tid = whom->tid;
	opts->uid = whom->uid;
	opts->name = whom->name;
	opts->not_tgid = whom->include_self ? 0 : getpid();
	opts->pidns = state->pidns;
}

void whom_tell(const struct whom_state *state)
{
	unsigned long long missed = state->follow ? follow_missed(state->follow) : 0;

	if (missed)
		log_warn("%llu processes or threads were not followed: too many at a time", missed);
}
