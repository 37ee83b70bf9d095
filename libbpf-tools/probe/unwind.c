/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * libbpf relocates the object's program and shows it before it is loaded: that is where its functions are taken from. It is loaded too, though never
 * attached: a kernel that refuses it would refuse all programs that call them.
 */
#include "probe/unwind.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/pidns_config.h"
#include "lib/unwind.h"
#include "unwind.skel.h"

struct probe_unwind {
	struct unwind_bpf *skel;
	struct code_library library;
};

/* The instructions behind the program's own: they begin where the first function does. */
static int take_functions(struct code_library *library, const struct bpf_insn *insns, size_t len,
			  const struct bpf_prog_load_opts *opts)
{
	const struct bpf_func_info *funcs = opts->func_info;
	uint32_t first;

	if (opts->func_info_cnt < 2 || opts->func_info_rec_size != sizeof(*funcs))
		return -EOPNOTSUPP;
	first = funcs[1].insn_off;
	if (first >= len)
		return -EINVAL;
	library->insns = calloc(len - first, sizeof(*insns));
	library->funcs = calloc(opts->func_info_cnt, sizeof(*funcs));
	library->btf_fd = fcntl((int)opts->prog_btf_fd, F_DUPFD_CLOEXEC, 0);
	if (!library->insns || !library->funcs || library->btf_fd < 0)
		return -ENOMEM;
	memcpy(library->insns, insns + first, (len - first) * sizeof(*insns));
	library->len = (unsigned int)len - first;
	library->func_count = opts->func_info_cnt;
	library->funcs[0] = funcs[0];
	for (unsigned int i = 1; i < library->func_count; i++) {
		library->funcs[i] = funcs[i];
		library->funcs[i].insn_off -= first;
	}
	return 0;
}

static int before_load(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	struct probe_unwind *linked = (struct probe_unwind *)cookie;

	return take_functions(&linked->library, bpf_program__insns(prog),
			      bpf_program__insn_cnt(prog), opts);
}

struct probe_unwind *probe_unwind_new(struct unwind *unwind, const struct pidns_config *pidns)
{
	struct probe_unwind *linked = calloc(1, sizeof(*linked));
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)linked,
		    .prog_prepare_load_fn = before_load);
	int err, handler;

	if (!linked)
		return NULL;
	linked->library.btf_fd = -1;
	handler = libbpf_register_prog_handler("linked", BPF_PROG_TYPE_KPROBE, 0, &opts);
	err = handler < 0 ? handler : 0;
	if (!err) {
		linked->skel = unwind_bpf__open();
		err = linked->skel ? 0 : -errno;
	}
	if (!err)
		linked->skel->rodata->pidns_config = *pidns;
	err = err
		      ?: unwind_prepare_object(unwind, linked->skel->obj,
					       &linked->skel->rodata->unwind_config);
	err = err ?: unwind_bpf__load(linked->skel);
	err = err ?: unwind_complete_object(unwind, linked->skel->obj);
	if (handler >= 0)
		libbpf_unregister_prog_handler(handler);
	if (!err)
		return linked;
	probe_unwind_free(linked);
	errno = -err;
	return NULL;
}

void probe_unwind_free(struct probe_unwind *linked)
{
	if (!linked)
		return;
	unwind_bpf__destroy(linked->skel);
	free(linked->library.insns);
	free(linked->library.funcs);
	if (linked->library.btf_fd >= 0)
		close(linked->library.btf_fd);
	free(linked);
}

const struct code_library *probe_unwind_library(const struct probe_unwind *linked)
{
	return linked ? &linked->library : NULL;
}
