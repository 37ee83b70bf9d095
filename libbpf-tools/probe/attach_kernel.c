/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Kernel functions, by the cheapest way that works: fentry and fexit cost a call, kprobes an exception
 * or a jump through ftrace. What the kernel refuses is tried the next way, and -v says so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "probe/probe_private.h"

/* ---- fentry and fexit ----------------------------------------------------------------------- */

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

/* fexit has the parameters; only the time must be kept at the entry. */
static int attach_by_tracing(struct attachment *at, struct diag *diag)
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
	if (!err)
		probe->attached = 1;
	return err;
}

/* ---- kprobes -------------------------------------------------------------------------------- */

struct same_name {
	const struct attach_kprobe_opts *opts;
	struct attach_set *links;
	int prog_fd;
	size_t found, count;
	int err;
};

static int attach_same_name(const struct bsl_kernel_symbol *sym, void *ctx)
{
	struct same_name *same = ctx;
	struct attach_function function = same->opts->functions[0];
	struct attach_kprobe_opts opts = *same->opts;
	size_t attached;

	function.addr = sym->addr;
	opts.functions = &function;
	opts.count = 1;
	same->err = attach_kprobes(same->links, same->prog_fd, &opts, &attached) ?: same->err;
	same->count += attached;
	same->found++;
	return 0;
}

/* Static functions of one name in several files: all are meant. */
static int attach_all_of_name(struct attachment *at, struct attach_set *links, int prog_fd,
			      const struct attach_kprobe_opts *opts)
{
	struct same_name same = { .opts = opts, .links = links, .prog_fd = prog_fd };
	struct bsl_kernel *kernel;

	if (bsl_kernel_open(&kernel))
		return -EADDRNOTAVAIL;
	bsl_kernel_find_symbols(kernel, opts->functions[0].name, 0, attach_same_name, &same);
	bsl_kernel_close(kernel);
	if (same.count && same.count < same.found)
		log_warn("'%s': %zu functions have this name, %zu of them can't be probed: %s",
			 at->probe->spec->text, same.found, same.found - same.count,
			 strerror(-same.err));
	else if (same.count)
		log_info("%s: %zu functions have this name", at->probe->spec->text, same.count);
	return same.count ? 0 : same.err ?: -EADDRNOTAVAIL;
}

/* One by one, so that one that can't be probed doesn't hide the others. *done: how many it was. */
static int attach_each(struct attachment *at, struct attach_set *links, int prog_fd,
		       const struct attach_kprobe_opts *opts, size_t *done)
{
	int first_err = 0;

	for (size_t i = 0; i < opts->count; i++) {
		struct attach_kprobe_opts one = *opts;
		size_t attached;
		int err;

		one.functions = &opts->functions[i];
		one.count = 1;
		one.use_multi = false;
		err = attach_kprobes(links, prog_fd, &one, &attached);
		if (err == -EADDRNOTAVAIL && !one.functions->addr)
			err = attach_all_of_name(at, links, prog_fd, &one);
		if (!err) {
			(*done)++;
			continue;
		}
		if (!first_err)
			diag_error(at->diag, -1, "cannot probe the kernel's %s: %s",
				   one.functions->name,
				   attach_explain_function(one.functions->name, err));
		first_err = first_err ? first_err : err;
		if (err == -ENOENT && !attach_has_kprobes())
			break;
	}
	return *done ? 0 : first_err;
}

static int attach_program(struct attachment *at, const struct attach_function *functions,
			  size_t count, bool use_multi, bool is_entry)
{
	struct attach_set *links = is_entry ? &at->links->entries : &at->links->probes;
	struct probe *probe = at->probe;
	struct generate_opts generate = *at->generate;
	struct probe_program kind = { .type = BPF_PROG_TYPE_KPROBE,
				      .attach_type = use_multi ? ATTACH_TYPE_KPROBE_MULTI : 0 };
	struct attach_kprobe_opts opts = {
		.functions = functions,
		.count = count,
		.is_return = probe->spec->kind == SPEC_RETURN && !is_entry,
		.use_multi = use_multi,
		.use_cookie = count > 1,
	};
	size_t attached = 0;
	int err;

	generate.is_entry = is_entry;
	generate.place_is_cookie = opts.use_cookie;
	generate.place = (uint32_t)functions[0].cookie;
	err = probe_load(probe, &probe->records[0], &generate, &kind, at->diag);
	if (err < 0)
		return err;
	if (use_multi)
		err = attach_kprobes(links, err, &opts, &attached);
	else
		err = attach_each(at, links, err, &opts, &attached);
	if (err && use_multi)
		log_info("%s: not by one kprobe multi link: %s", probe->spec->text, strerror(-err));
	if (err)
		return err;
	if (!is_entry)
		probe->attached += attached;
	log_info("%s: %zu of %zu%s by %s", probe->spec->text, attached, count,
		 is_entry ? " entries" : "",
		 use_multi ? "one kprobe multi link" : "kprobes, a perf event each");
	return 0;
}

/* First what keeps the entries' values, if returns want them: so each return that fires has some. */
static int attach_group(struct attachment *at, const struct attach_function *functions,
			size_t count, bool use_multi)
{
	int err = at->probe->checked[0]->entry_count
			  ? attach_program(at, functions, count, use_multi, true)
			  : 0;

	return err ?: attach_program(at, functions, count, use_multi, false);
}

/* All by one multi link; else all by one program, if it can learn where it is; else a program each. */
static int attach_by_kprobes(struct attachment *at, const struct attach_function *functions,
			     size_t count)
{
	bool has_offset = at->probe->spec->offset != 0;
	int err, first_err = 0;

	if (count > 1 && !has_offset && at->features->cookie && attach_has_kprobe_multi() &&
	    !attach_group(at, functions, count, true))
		return 0;
	if (count == 1 || at->features->cookie) {
		err = attach_group(at, functions, count, false);
	} else {
		for (size_t i = 0; i < count; i++) {
			err = attach_group(at, &functions[i], 1, false);
			first_err = first_err ? first_err : err;
		}
		err = at->probe->attached ? 0 : first_err;
	}
	return err;
}

int probe_attach_kernel(struct attachment *at)
{
	struct probe *probe = at->probe;
	struct attach_function *functions;
	struct diag refusal = {};
	int err;

	if (probe->tracing_checked && attach_is_ambiguous(probe->spec->func)) {
		log_info(
			"%s: not by %s, which would take but one of several functions of this name",
			probe->spec->text, probe->spec->kind == SPEC_RETURN ? "fexit" : "fentry");
	} else if (probe->tracing_checked) {
		if (!attach_by_tracing(at, &refusal))
			return 0;
		log_info("%s: not by %s: %s", probe->spec->text,
			 probe->spec->kind == SPEC_RETURN ? "fexit" : "fentry", refusal.text);
	}
	functions = calloc(probe->target.place_count, sizeof(*functions));
	if (!functions)
		return -ENOMEM;
	for (size_t i = 0; i < probe->target.place_count; i++) {
		const struct target_place *place = &probe->target.places[i];

		functions[i] = (struct attach_function){ place->name, place->addr, place->offset,
							 probe->first_place + i };
	}
	err = attach_by_kprobes(at, functions, probe->target.place_count);
	free(functions);
	return err;
}
