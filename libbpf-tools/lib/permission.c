/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Why the kernel refused; see permission.h. Which capability is asked for where: bpf(2), perf_event_open(2), proc(5) under
 * "ptrace access mode", and in the kernel security/lockdown, kernel/kallsyms.c (kallsyms_show_value()).
 */
#include "lib/permission.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <array_size.h>

#define BIT(capability) (1ull << (capability))
/* The headers of older systems end before them. */
#define PERMISSION_CAP_PERFMON 38
#define PERMISSION_CAP_BPF 39

static const struct {
	int capability;
	const char *name;
	bool is_of_admin; /* CAP_SYS_ADMIN does as well, as it did before there was this one */
} permission_capabilities[] = {
	{ PERMISSION_CAP_BPF, "CAP_BPF", true },
	{ PERMISSION_CAP_PERFMON, "CAP_PERFMON", true },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", false },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false },
	{ CAP_SYSLOG, "CAP_SYSLOG", false },
	{ CAP_NET_RAW, "CAP_NET_RAW", false },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN", false },
};

static const struct {
	const char *what;
	uint64_t capabilities;
	bool by_lockdown; /* of the kernel refuses it, too */
} permission_needs[PERMISSIONS] = {
	[PERMISSION_BPF] = { "tracing by BPF",
			     BIT(PERMISSION_CAP_BPF) | BIT(PERMISSION_CAP_PERFMON), true },
	[PERMISSION_TRACEFS] = { "finding tracepoints", BIT(CAP_DAC_READ_SEARCH), true },
	[PERMISSION_PERF] = { "a perf event", BIT(PERMISSION_CAP_PERFMON), true },
	[PERMISSION_UPROBE] = { "a uprobe on a kernel without links for them", BIT(CAP_SYS_ADMIN),
				true },
	[PERMISSION_PROCESS] = { "looking at another user's process", BIT(CAP_SYS_PTRACE), false },
	[PERMISSION_FILE] = { "reading another user's files", BIT(CAP_DAC_READ_SEARCH), false },
	[PERMISSION_PACKETS] = { "seeing packets", BIT(CAP_NET_RAW), false },
	[PERMISSION_XDP] = { "a program on a network interface",
			     BIT(PERMISSION_CAP_BPF) | BIT(CAP_NET_ADMIN), false },
	[PERMISSION_SYMBOLS] = { "the kernel's addresses", BIT(CAP_SYSLOG), false },
};

bool permission_is_refusal(int err)
{
	return err == -EPERM || err == -EACCES;
}

/* ---- what the kernel reports ---- */

/* The first line of a file with a prefix, without that; "" if there is none. */
static void permission_read_line(const char *path, const char *prefix, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool is_found = false;

	while (file && !is_found && fgets(line, size, file))
		is_found = !strncmp(line, prefix, strlen(prefix));
	if (file)
		fclose(file);
	if (!is_found)
		line[0] = '\0';
	else
		memmove(line, line + strlen(prefix), strlen(line) - strlen(prefix) + 1);
}

static int permission_read_number(const char *path)
{
	char line[64];
	int number = 0;

	permission_read_line(path, "", line, sizeof(line));
	sscanf(line, "%d", &number);
	return number;
}

/* "none [integrity] confidentiality" */
static void permission_read_lockdown(char lockdown[32])
{
	char line[128];

	permission_read_line("/sys/kernel/security/lockdown", "", line, sizeof(line));
	if (sscanf(line, "%*[^[][%31[^]]", lockdown) != 1 &&
	    sscanf(line, "[%31[^]]", lockdown) != 1)
		lockdown[0] = '\0';
	if (!strcmp(lockdown, "none"))
		lockdown[0] = '\0';
}

static bool permission_has_tracefs(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	struct statfs fs;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (!statfs(places[i], &fs) && fs.f_type == TRACEFS_MAGIC)
			return true;
	return false;
}

void permission_read(struct permission_facts *facts)
{
	unsigned long long first = 0, outside = 0, count = 0;
	char line[128];

	*facts = (struct permission_facts){};
	permission_read_line("/proc/self/status", "CapEff:", line, sizeof(line));
	sscanf(line, "%" SCNx64, &facts->capabilities);
	permission_read_line("/proc/self/status", "Seccomp:", line, sizeof(line));
	facts->has_seccomp = strtol(line, NULL, 10) == 2;
	permission_read_line("/proc/self/uid_map", "", line, sizeof(line));
	facts->in_user_ns = sscanf(line, "%llu %llu %llu", &first, &outside, &count) == 3 &&
			    (first || outside || count != UINT32_MAX);
	permission_read_lockdown(facts->lockdown);
	facts->perf_paranoid = permission_read_number("/proc/sys/kernel/perf_event_paranoid");
	facts->kptr_restrict = permission_read_number("/proc/sys/kernel/kptr_restrict");
	facts->has_tracefs = permission_has_tracefs();
}

bool permission_lacks_helpers(const char *text, size_t size)
{
	static const char *const words[] = { "cannot use helper", "unknown func" };
	struct permission_facts facts;

	for (size_t i = 0; size && i < ARRAY_SIZE(words); i++) {
		if (!memmem(text, size, words[i], strlen(words[i])))
			continue;
		permission_read(&facts);
		return !strcmp(facts.lockdown, "confidentiality");
	}
	return false;
}

/* ---- what it means ---- */

/* "CAP_BPF, CAP_PERFMON" of a set; how many they are. */
static int permission_list(uint64_t capabilities, char *list, size_t size)
{
	size_t i, len = 0;
	int count = 0;

	list[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(permission_capabilities) && len < size; i++) {
		if (!(capabilities & BIT(permission_capabilities[i].capability)))
			continue;
		len += snprintf(list + len, size - len, "%s%s", count ? ", " : "",
				permission_capabilities[i].name);
		count++;
	}
	return count;
}

/* Which of those that are needed aren't there. */
static uint64_t permission_missing(uint64_t needed, uint64_t capabilities)
{
	uint64_t missing = needed & ~capabilities;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(permission_capabilities); i++)
		if (permission_capabilities[i].is_of_admin && capabilities & BIT(CAP_SYS_ADMIN))
			missing &= ~BIT(permission_capabilities[i].capability);
	return missing;
}

/* What else may refuse where no capability is missing. */
static void permission_explain_others(enum permission what, const struct permission_facts *facts,
				      char *buf, size_t size)
{
	if (permission_needs[what].by_lockdown && facts->lockdown[0])
		snprintf(buf, size, "the kernel is locked down (%s)", facts->lockdown);
	else if (facts->has_seccomp)
		snprintf(buf, size,
			 "a seccomp filter is in force, which may refuse it (docker: "
			 "--security-opt seccomp=unconfined)");
	else if ((what == PERMISSION_PERF || what == PERMISSION_UPROBE) && facts->perf_paranoid > 2)
		/* Debian's own level, which before Linux 6.9 CAP_PERFMON is not enough for. */
		snprintf(buf, size,
			 "sysctl kernel.perf_event_paranoid is %d, with which CAP_SYS_ADMIN is "
			 "needed; 2 does without",
			 facts->perf_paranoid);
	else if (what == PERMISSION_SYMBOLS && facts->kptr_restrict > 1)
		snprintf(buf, size, "sysctl kernel.kptr_restrict is %d", facts->kptr_restrict);
	else
		snprintf(buf, size,
			 "no capability is missing, and nothing else that was looked at "
			 "forbids it: maybe a security module (SELinux, AppArmor)");
}

const char *permission_explain(enum permission what, const struct permission_facts *facts,
			       char *buf, size_t size)
{
	uint64_t needed = permission_needs[what].capabilities, missing;
	char needs[128], lacks[128], others[192] = "";
	const char *mounted = "";

	if (what == PERMISSION_TRACEFS && !facts->has_tracefs) {
		needed = BIT(CAP_SYS_ADMIN);
		mounted = "tracefs mounted (mount -t tracefs none /sys/kernel/tracing), or ";
	}
	missing = permission_missing(needed, facts->capabilities);
	permission_list(needed, needs, sizeof(needs));
	if (facts->in_user_ns)
		snprintf(others, sizeof(others),
			 "this is another user namespace than the host's, "
			 "where nobody has it");
	else if (missing)
		snprintf(others, sizeof(others),
			 "%s %s missing (run as root, or docker --cap-add, "
			 "setpriv --ambient-caps)",
			 lacks, permission_list(missing, lacks, sizeof(lacks)) > 1 ? "are" : "is");
	else
		permission_explain_others(what, facts, others, sizeof(others));
	snprintf(buf, size, "%s needs %s%s: %s", permission_needs[what].what, mounted, needs,
		 others);
	return buf;
}

const char *permission_explain_own(enum permission what, char *buf, size_t size)
{
	struct permission_facts facts;

	permission_read(&facts);
	return permission_explain(what, &facts, buf, size);
}
