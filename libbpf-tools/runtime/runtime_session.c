/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Ties the watch over processes to attaching. */
#include "runtime/runtime_session.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "runtime/runtime_front.h"

/* All runtimes of a usual system have some 150. */
#define PLACES_MAX 1024

static int found_image(void *ctx, struct runtime_image *image)
{
	struct runtime_session *session = ctx;
	int err;

	if (session->found_image)
		session->found_image(session->ctx, image);
	err = runtime_attach_image(&session->attach, image);
	return err < 0 ? err : 0;
}

/* Without cookies, for processes that are hit before they are found. Two places at once are none. */
static void note_place_in_page(const struct runtime_session *session,
			       const struct runtime_place *place, uint32_t index)
{
	const struct usdt_ip key = { .ip = place->addr & USDT_IP_IN_PAGE };
	const uint32_t none = -1;

	if (!session->ips || session->attach.features.cookie || place->is_return)
		return;
	if (bpf_map_update_elem(bpf_map__fd(session->ips), &key, &index, BPF_NOEXIST))
		bpf_map_update_elem(bpf_map__fd(session->ips), &key, &none, BPF_ANY);
}

/* Before a place is attached to: the kernel side must know it then. */
static int note_place(void *ctx, const struct runtime_image *image,
		      const struct runtime_place *place, uint64_t cookie)
{
	struct runtime_session *session = ctx;
	struct runtime_session_place *grown;
	uint32_t index = cookie;

	grown = reallocarray(session->attached, cookie + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	session->attached = grown;
	grown[cookie] = (struct runtime_session_place){ image, place };
	session->attached_count = cookie + 1;
	if (!session->places)
		return 0;
	note_place_in_page(session, place, index);
	return bpf_map_update_elem(bpf_map__fd(session->places), &index, &place->spec, BPF_ANY);
}

/* Without cookies, a place is known by its address in each process. */
static void found_process(void *ctx, const struct runtime_process *process)
{
	struct usdt_ip key = { .tgid = process->pid };
	struct runtime_session *session = ctx;

	if (session->found_process)
		session->found_process(session->ctx, process);
	if (!session->ips || session->attach.features.cookie)
		return;
	for (uint32_t i = 0; i < session->attached_count; i++) {
		for (int use = 0; use < process->uses_count; use++) {
			if (process->uses[use].image != session->attached[i].image ||
			    session->attached[i].place->is_return)
				continue;
			key.ip = session->attached[i].place->addr + process->uses[use].bias;
			bpf_map_update_elem(bpf_map__fd(session->ips), &key, &i, BPF_ANY);
		}
	}
}

int runtime_session_open(struct runtime_session *session, struct bpf_object *obj)
{
	const struct runtime_watch_opts opts = {
		.langs = session->langs
				 ?: runtime_front_lang_of_tool(program_invocation_short_name),
		.choice = &session->tool->choice,
		.found_image = found_image,
		.found_process = found_process,
		.ctx = session,
	};
	int err;

	session->watch = runtime_watch_new(&opts);
	if (!session->watch)
		return tool_fail_open();
	err = runtime_attach_prepare(&session->attach, obj);
	if (!err && session->places)
		err = bpf_map__set_max_entries(session->places, PLACES_MAX);
	if (err)
		log_libbpf_failure(err, "cannot prepare the BPF programs");
	if (session->use_cookie)
		*session->use_cookie = session->attach.features.cookie;
	session->attach.set = &session->tool->attached;
	session->attach.pid = choice_pid(&session->tool->choice);
	session->attach.place = note_place;
	session->attach.ctx = session;
	return err;
}

/* Does each of the processes that were asked for run any of the runtimes? */
static int check_processes(const struct runtime_session *session)
{
	const struct choice *choice = &session->tool->choice;
	const struct runtime_process *process;

	for (unsigned int i = 0; i < choice_pid_count(choice); i++) {
		process = runtime_watch_find(session->watch, choice->pids[i]);
		if (process && process->uses_count)
			continue;
		if (!processes_may_look(choice->pids[i])) {
			log_hidden_process(choice->pids[i]);
			return -EACCES;
		}
		log_error(
			"process %d maps no runtime of the languages asked for (a program or library that defines its functions)",
			choice->pids[i]);
		return -ENOENT;
	}
	return 0;
}

int runtime_session_attach(struct runtime_session *session)
{
	const struct options *options = &session->tool->options;
	int err = 0;

	if (options->command)
		err = runtime_watch_add_program(session->watch, options->command[0]);
	err = err ?: runtime_watch_start(session->watch);
	if (err)
		log_error("cannot look for language runtimes: %s", strerror(-err));
	return err || session->may_be_none ? err : check_processes(session);
}

const struct runtime_session_place *runtime_session_place(const struct runtime_session *session,
							  uint64_t cookie)
{
	return cookie < session->attached_count ? &session->attached[cookie] : NULL;
}

error_t runtime_session_parse(struct runtime_session *session, int key, char *arg,
			      struct argp_state *state)
{
	struct choice *choice = &session->tool->choice;

	switch (key) {
	case 'l':
		session->langs |= runtime_front_parse_lang(state, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (!choice->pid_count)
			choice_add_pid(choice, state, "PID", arg);
		else if (session->interval_ns && !*session->interval_ns)
			*session->interval_ns = options_seconds(state, "interval", arg);
		else
			argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int runtime_session_tick(struct runtime_session *session)
{
	return runtime_watch_scan(session->watch);
}

void runtime_session_close(struct runtime_session *session)
{
	if (session->unknown && *session->unknown)
		log_warn(
			"%llu hits in processes that had just started were left out: this kernel doesn't report of which probe "
			"(5.15 and later do); -l makes them fewer",
			(unsigned long long)*session->unknown);
	runtime_watch_free(session->watch);
	free(session->attached);
}
