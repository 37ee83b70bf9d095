/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Programs to the kernel, and what it says against them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "probe/probe_private.h"

#define VERIFIER_LOG_SIZE (1u << 20)

/* The verifier's last words, which name the reason, and with -v all of them. */
static int explain_refusal(const struct probe_program *kind, const struct code_program *program,
			   int err, struct bpf_prog_load_opts *opts, struct diag *diag)
{
	char *log = calloc(1, VERIFIER_LOG_SIZE), *last, why[384] = "";

	if (!log)
		return diag_error(diag, -1, "the kernel refused the program: %s", strerror(-err));
	opts->log_buf = log;
	opts->log_size = VERIFIER_LOG_SIZE;
	opts->log_level = 1;
	bpf_prog_load(kind->type, "trace", "GPL", program->insns, program->len, opts);
	if (!kind->is_trial)
		log_info("verifier log:\n%s", log);
	for (size_t len = strlen(log); len && log[len - 1] == '\n'; len--)
		log[len - 1] = '\0';
	last = strstr(log, "\nprocessed ");
	if (last)
		*last = '\0';
	last = strrchr(log, '\n');
	/* Only of the others its words are about the program. */
	if (err == -EPERM || permission_lacks_helpers(log, strlen(log)))
		permission_explain_own(PERMISSION_BPF, why, sizeof(why));
	else if (err == -EINVAL || err == -EACCES || err == -E2BIG)
		snprintf(why, sizeof(why), "%s", last ? last + 1 : log);
	diag_error(diag, -1, "the kernel refused the program: %s%s%s", strerror(-err),
		   *why ? ": " : "", why);
	free(log);
	return err;
}

int probe_load(struct probe *probe, const struct record *record,
	       const struct generate_opts *generate, const struct probe_program *kind,
	       struct diag *diag)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = kind->attach_type,
		    .attach_btf_id = kind->btf_id, .attach_btf_obj_fd = kind->btf_fd,
		    .prog_flags = generate->sleepable ? BPF_F_SLEEPABLE : 0);
	struct bpf_func_info *funcs = NULL;
	struct code_program program;
	int err = generate_program(record, generate, &program, diag), fd, *grown;

	if (err)
		return err;
	/* Kprobes' programs don't need it, but it costs them nothing. */
	err = kind->type == BPF_PROG_TYPE_KPROBE ? code_program_keep_task_stack(&program) : 0;
	if (!err && record->unwinds && !generate->is_entry)
		err = code_program_link(&program, generate->unwind, &funcs);
	if (err)
		goto cleanup;
	if (funcs) {
		opts.prog_btf_fd = generate->unwind->btf_fd;
		opts.func_info = funcs;
		opts.func_info_cnt = generate->unwind->func_count;
		opts.func_info_rec_size = sizeof(*funcs);
	}
	fd = bpf_prog_load(kind->type, "trace", "GPL", program.insns, program.len, &opts);
	if (fd < 0) {
		err = explain_refusal(kind, &program, fd, &opts, diag);
		goto cleanup;
	}
	log_info("%s: %sprogram of %u instructions, %u bytes of stack, %u spilled registers",
		 probe->spec->text, generate->sleepable ? "sleepable " : "", program.len,
		 program.stack_size, program.spills);
	grown = realloc(probe->prog_fds, (probe->prog_count + 1) * sizeof(*grown));
	if (!grown) {
		close(fd);
		err = -ENOMEM;
		goto cleanup;
	}
	probe->prog_fds = grown;
	probe->prog_fds[probe->prog_count++] = fd;
	err = fd;
cleanup:
	free(funcs);
	code_program_free(&program);
	return err;
}
