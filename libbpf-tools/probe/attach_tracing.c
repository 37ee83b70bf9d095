/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A kernel function by fentry or fexit, whose programs the kernel calls with the function's own parameters.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "probe/probe_private.h"

/* The descriptor of a loaded module's BTF, by the module's name. */
static int module_btf_fd(const char *module)
{
	uint32_t id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		char name[64] = "";
		struct bpf_btf_info info = { .name = (uintptr_t)name, .name_len = sizeof(name) };
		uint32_t len = sizeof(info);
		int fd = bpf_btf_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.kernel_btf &&
		    !strcmp(name, module))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static int attach_tracing_program(struct attachment *at, int btf_fd, bool is_entry,
				  struct diag *diag)
{
	struct probe *probe = at->probe;
	bool is_exit = probe->spec->kind == SPEC_RETURN && !is_entry;
	struct generate_opts generate = *at->generate;
	struct probe_program kind = {
		.type = BPF_PROG_TYPE_TRACING,
		.attach_type = is_exit ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY,
		.btf_id = probe->target.tracing.btf_id,
		.btf_fd = btf_fd,
		.is_trial = true,
	};
	int err;

	generate.is_entry = is_entry;
	generate.frame = GENERATE_FRAME_CONTEXT;
	generate.place_is_cookie = false;
	generate.place = probe->first_place;
	err = probe_load(probe, &probe->tracing_record, &generate, &kind, diag);
	if (err < 0)
		return err;
	err = attach_tracing(is_entry ? &at->links->entries : &at->links->probes, err);
	if (err)
		return diag_error(diag, -1, "%s", strerror(-err));
	log_info("%s: by %s", probe->spec->text, is_exit ? "fexit" : "fentry");
	return 0;
}

int probe_attach_tracing(struct attachment *at, struct diag *diag)
{
	struct probe *probe = at->probe;
	const char *module = probe->target.tracing.module;
	int btf_fd = module[0] ? module_btf_fd(module) : 0, err = 0;

	if (btf_fd < 0)
		return diag_error(diag, -1, "the BTF of module %s is not there", module);
	if (probe->tracing_checked->entry_count)
		err = attach_tracing_program(at, btf_fd, true, diag);
	if (!err)
		err = attach_tracing_program(at, btf_fd, false, diag);
	if (btf_fd)
		close(btf_fd);
	if (!err) {
		probe->attached = 1;
		probe->is_traced = true;
		ways_warn_of_switches(at->ways, false);
	}
	return err;
}
