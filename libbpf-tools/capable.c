/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * capable: the kernel's checks of capabilities, and who needed which. See man/capable.8.
 */
#include <array_size.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/stack.h"
#include "lib/syscall.h"
#include "lib/tool.h"
#include "capable.h"
#include "capable.skel.h"

/* include/uapi/linux/capability.h */
static const char *const cap_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

#define CAP_PREFIX "CAP_"

/* The inode of the initial user namespace: include/linux/proc_ns.h. */
#define INITIAL_USER_NS 0xeffffffd

struct env {
	struct tool tool;
	bool kernel_stack, user_stack, denied_only, by_multi;
	uint64_t caps; /* a bit each */
	enum capable_unique unique;
	struct capable_bpf *skel;
	struct stack_names *names;
};

/* A row. */
struct check {
	const struct capable_event *event;
	char *text; /* room for a value that is made when it is shown */
};

#define TEXT_SIZE 24

static void set_string(struct row_value *value, const char *text)
{
	row_set_text(value, text, (int64_t)strlen(text));
}

static void get_name(const void *row, struct row_value *value)
{
	size_t cap = ((const struct check *)row)->event->cap;

	if (cap < ARRAY_SIZE(cap_names))
		set_string(value, cap_names[cap]);
	else
		row_set_unknown(value, "newer than this program");
}

static void get_allowed(const void *row, struct row_value *value)
{
	value->number = !((const struct check *)row)->event->result;
}

static void get_verdict(const void *row, struct row_value *value)
{
	static const char *const verdicts[2][2] = { { "allow", "allow-ns" },
						    { "deny", "deny-ns" } };
	const struct capable_event *event = ((const struct check *)row)->event;

	set_string(value, verdicts[!!event->result][event->target_ns != INITIAL_USER_NS]);
}

static void get_effective(const void *row, struct row_value *value)
{
	const struct check *check = row;

	snprintf(check->text, TEXT_SIZE, "%016" PRIx64, (uint64_t)check->event->effective);
	set_string(value, check->text);
}

static void get_syscall(const void *row, struct row_value *value)
{
	const struct check *check = row;
	const struct capable_event *event = check->event;
	const char *name = syscall_name(event->syscall, event->call == CAPABLE_CALL_32BIT);

	if (!name)
		snprintf(check->text, TEXT_SIZE, "%u", event->syscall);
	set_string(value, name ?: check->text);
	if (event->call == CAPABLE_NO_CALL)
		row_set_none(value, NULL);
	else if (event->call == CAPABLE_CALL_UNKNOWN)
		row_set_unknown(value, "not known to kernels before 5.15");
}

/* arg: an option that the check has, or with a minus has not. */
static void get_option(const void *row, struct row_value *value)
{
	const struct capable_event *event = ((const struct check *)row)->event;

	value->number = !!(event->options & abs(value->arg)) == (value->arg > 0);
	if (event->options < 0)
		row_set_unknown(value, "the kernel's tracepoint doesn't say it");
}

#define AT(member) ROW_VIA(struct check, event, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(ktime), .help = "when it was checked" },
	{ "UID", "uid", ROW_UNSIGNED, -5, AT(uid), .help = "the user's number" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT(pid), .help = "the process" },
	{ "TID", "tid", ROW_UNSIGNED, -7, AT(tid), .when = { 'x' }, .help = "the thread" },
	{ "COMM", "comm", ROW_CHARS, -16, AT(comm), .help = "its name" },
	{ "CGROUP_ID", "cgroup_id", ROW_UNSIGNED, -9, AT(cgroup_id), .when = { ROW_CHOSEN },
	  .help = "its control group's number" },
	{ "CAP", "cap", ROW_SIGNED, -7, .least = 3, AT(cap), .help = "the capability's number" },
	{ "NAME", "name", ROW_STRING, -20, .get = get_name, .help = "the capability's name" },
	{ "VERDICT", NULL, ROW_STRING, -7, .get = get_verdict,
	  .help = "allow or deny; -ns: not in the host's userns" },
	{ NULL, "allowed", ROW_BOOL, .get = get_allowed, .help = "what the kernel decided" },
	{ "AUDIT", "audit", ROW_BOOL, -7, .least = 5, .get = get_option, .arg = -CAPABLE_NOAUDIT,
	  .help = "would a refusal be audited?" },
	{ "INSETID", "insetid", ROW_BOOL, 0, .get = get_option, .arg = CAPABLE_INSETID,
	  .when = { 'x' }, .help = "was it for setuid(2) or the like?" },
	{ "SYSCALL", "syscall", ROW_STRING, -16, .get = get_syscall, .when = { ROW_CHOSEN },
	  .help = "the system call that it was made in" },
	{ "TARGETNS", "target_userns", ROW_UNSIGNED, -10, AT(target_ns), .when = { ROW_CHOSEN },
	  .help = "the user namespace that it was about" },
	{ "USERNS", "userns", ROW_UNSIGNED, -10, AT(user_ns), .when = { ROW_CHOSEN },
	  .help = "that of the process" },
	{ "EFFECTIVE", "effective", ROW_STRING, -16, .get = get_effective, .when = { ROW_CHOSEN },
	  .help = "CapEff of /proc/PID/status" },
	{ NULL, "kernel_stack", ROW_APART, .when = { 'K' }, .help = "frames, innermost first" },
	{ NULL, "user_stack", ROW_APART, .when = { 'U' }, .help = "frames, innermost first" },
};

static const struct row_table rows = {
	.columns = columns,
	.count = ARRAY_SIZE(columns),
	.order = "time,uid,pid,tid,comm,cgroup_id,syscall,target_userns,userns,effective,cap,name,"
		 "audit,verdict,insetid"
};

enum { KEY_UNIQUE = 256, KEY_DENIED, KEY_CAP };

static const struct argp_option arguments[] = {
	{ "kernel-stack", 'K', NULL, 0, "Print the kernel's stack", 0 },
	{ "user-stack", 'U', NULL, 0, "Print the process's stack", 0 },
	{ "extra-fields", 'x', NULL, 0, "Print the thread, and whether it was for set*id()", 0 },
	{ "unique", KEY_UNIQUE, "pid|cgroup", OPTION_ARG_OPTIONAL,
	  "Only the first check of each capability, result and shown stack in each process or control group",
	  0 },
	{ "denied", KEY_DENIED, NULL, 0, "Only what was refused", 0 },
	{ "cap", KEY_CAP, "NAME[,...]", 0, "Only these capabilities, such as net_admin,CAP_BPF",
	  0 },
	{},
};

/* By name, in small letters or not and with CAP_ or without it, or by number. */
static uint64_t parse_cap(const char *text, const struct argp_state *state)
{
	size_t prefix = strncasecmp(text, CAP_PREFIX, strlen(CAP_PREFIX)) ? strlen(CAP_PREFIX) : 0;
	uint64_t number;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cap_names); i++) {
		if (!strcasecmp(cap_names[i] + prefix, text))
			return 1ull << i;
	}
	if (options_parse_u64(text, 0, 63, &number))
		argp_error(state,
			   "invalid --cap '%s': expected a name of capabilities(7), or its number",
			   text);
	return 1ull << number;
}

static void add_caps(struct env *env, char *list, const struct argp_state *state)
{
	char *name;

	while ((name = strsep(&list, ",")))
		env->caps |= parse_cap(name, state);
}

static error_t parse_argument(int key, char *arg, struct argp_state *state)
{
	struct env *env = state->input;
	const struct options_switch switches[] = { { 'K', &env->kernel_stack },
						   { 'U', &env->user_stack },
						   { KEY_DENIED, &env->denied_only } };

	if (options_switch_on(switches, ARRAY_SIZE(switches), key))
		return 0;
	switch (key) {
	case KEY_CAP:
		add_caps(env, arg, state);
		return 0;
	case KEY_UNIQUE:
		if (!arg || !strcmp(arg, "pid"))
			env->unique = CAPABLE_UNIQUE_PROCESS;
		else if (!strcmp(arg, "cgroup"))
			env->unique = CAPABLE_UNIQUE_CGROUP;
		else
			argp_error(state, "invalid --unique '%s': expected pid or cgroup", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* size: of the stack in bytes, or why there is none. */
static void print_stack(struct env *env, const struct stack *frames, int32_t size)
{
	struct stack stack = *frames;

	if (size < 0)
		stack.err = -size;
	else
		stack.count = size / sizeof(*stack.addrs);
	stack.is_cut = stack.count == CAPABLE_STACK_MAX;
	stack.first_is_exact = true;
	if (output_is_json(env->tool.output))
		stack_json(env->names, &stack, stack.tgid ? "user_stack" : "kernel_stack",
			   env->tool.output);
	else
		stack_print(env->names, &stack, false, env->tool.output);
}

static void print_stacks(struct env *env, const struct capable_event *event)
{
	struct stack stack = { .addrs = (const uint64_t *)event->addresses };

	stack_names_update(env->names);
	if (env->kernel_stack)
		print_stack(env, &stack, event->kernel_size);
	if (event->kernel_size > 0)
		stack.addrs += event->kernel_size / sizeof(*stack.addrs);
	stack.tgid = (pid_t)event->pid ?: STACK_UNKNOWN_PROCESS;
	if (env->user_stack)
		print_stack(env, &stack, event->user_size);
}

static int print_event(struct env *env, const struct capable_event *event)
{
	bool json = output_is_json(env->tool.output);
	char text[TEXT_SIZE];
	struct check check = { event, text };
	int err;

	row_put(&env->tool.rows, &check);
	if (json)
		print_stacks(env, event);
	err = output_end(env->tool.output);
	if (!json)
		print_stacks(env, event);
	return err;
}

static int handle_event(void *ctx, const void *data, size_t size)
{
	const size_t header = offsetof(struct capable_event, addresses);
	const struct capable_event *event = data;
	struct env *env = ctx;
	const int32_t max = CAPABLE_STACK_MAX * sizeof(uint64_t);

	if (size < header || event->kernel_size > max || event->user_size > max ||
	    (size_t)((event->kernel_size > 0 ? event->kernel_size : 0) +
		     (event->user_size > 0 ? event->user_size : 0)) > size - header)
		return -EINVAL;
	return print_event(env, event);
}

/* Is the function there, and may it be probed? */
static int attach_kprobe(struct env *env, const struct bpf_program *prog, bool is_return)
{
	const struct attach_function function = { .name = "cap_capable" };
	const struct attach_kprobe_opts opts = { .functions = &function,
						 .count = 1,
						 .is_return = is_return,
						 .use_multi = env->by_multi };
	size_t attached;

	return attach_kprobes(&env->tool.attached, bpf_program__fd(prog), &opts, &attached);
}

static int attach(void *ctx)
{
	struct env *env = ctx;
	const struct capable_bpf *skel = env->skel;
	const struct tool_point traced = { "check_traced", "capability", "cap_capable", NULL, {} };
	int err, kprobe_err;

	err = attach_kprobe(env, skel->progs.check_ends, true);
	err = err ?: attach_kprobe(env, skel->progs.check_begins, false);
	if (!err)
		return 0;
	log_info(
		"no kprobes on cap_capable (%s): using its tracepoint, which doesn't say what is audited",
		strerror(-err));
	attach_set_close(&env->tool.attached);
	kprobe_err = err;
	err = tool_attach_point(&env->tool, &traced);
	if (err == -ENOENT && permission_is_refusal(kprobe_err))
		log_failure(kprobe_err, PERMISSION_PERF, "cannot probe cap_capable");
	else if (err == -ENOENT)
		log_error(
			"this kernel has neither kprobes nor the tracepoint capability:cap_capable (6.14)");
	return err;
}

/* A multi link's return probe has room for any number of checks, which other threads make while one is preempted. */
static void choose_programs(struct env *env)
{
	const struct capable_bpf *skel = env->skel;
	struct ways ways = {};

	if (ways_preempts())
		ways_ask(&ways);
	env->by_multi = ways.follows_all_returns;
	if (!env->by_multi)
		return;
	bpf_program__set_expected_attach_type(skel->progs.check_begins, ATTACH_TYPE_KPROBE_MULTI);
	bpf_program__set_expected_attach_type(skel->progs.check_ends, ATTACH_TYPE_KPROBE_MULTI);
}

static int open_object(void *ctx, const struct bpf_object_open_opts *opts)
{
	struct env *env = ctx;
	struct capable_bpf *skel = env->skel = TOOL_OPEN(&env->tool, capable, opts);
	int err = 0;

	if (!skel)
		return -errno;
	choose_programs(env);
	/* BCC's meaning of -v. */
	skel->rodata->with_unaudited = env->tool.options.verbosity > 0;
	skel->rodata->with_kernel_stack = env->kernel_stack;
	skel->rodata->with_user_stack = env->user_stack;
	skel->rodata->denied_only = env->denied_only;
	skel->rodata->wanted_caps = env->caps ?: UINT64_MAX;
	skel->rodata->unique = env->unique;
	skel->rodata->command = run_child_pid(env->tool.run);
	if (!env->kernel_stack && !env->user_stack) {
		skel->rodata->check_size = offsetof(struct capable_event, addresses);
		err = bpf_map__set_value_size(skel->maps.checks, skel->rodata->check_size);
	}
	env->names = stack_names_new();
	if (!env->names) {
		log_error("out of memory");
		return -ENOMEM;
	}
	if (env->user_stack)
		stack_names_watch(env->names);
	return err ?: bpf_map__set_autocreate(skel->maps.seen, env->unique != CAPABLE_NOT_UNIQUE);
}

static void close_object(void *ctx)
{
	struct env *env = ctx;

	if (env->names)
		stack_tell_unknown(env->names);
	stack_names_free(env->names);
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .options = arguments,
					  .parser = parse_argument,
					  .doc = "Show the kernel's checks of capabilities." };
	static const char *const types[] = { "pt_regs", "user_pt_regs", "task_struct", "cred",
					     "user_namespace" };
	static const struct tool_spec spec = {
		.options = { .argp = &argp,
			     .common = OPTIONS_EVENTS,
			     .rows = { &rows },
			     .letters = { [OPTIONS_DURATION] = 'd' } },
		.types = types,
		.type_count = ARRAY_SIZE(types),
		.open = open_object,
		.attach = attach,
		.handle = handle_event,
		.close = close_object,
	};
	struct env env = {};

	return tool_main(&spec, &env.tool, &env, argc, argv);
}
