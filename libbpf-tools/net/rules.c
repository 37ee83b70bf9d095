/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rules of what is dropped; see rules.h.
 */
#include "net/rules.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/prefix_key.h"
#include "lib/log.h"
#include "net/lockout.h"

bool rules_add(struct rules *rules, const struct rule *rule)
{
	if (rules->count == RULES_MAX)
		return false;
	rules->options[rules->count++] = *rule;
	return true;
}

static int rules_read_one(const struct rule *rule, struct prefix_list *list, char *why,
			  size_t why_size)
{
	struct prefix prefix;
	char reason[160];

	if (rule->is_file)
		return prefix_list_read(list, rule->text, rule->is_blocked, why, why_size);
	if (prefix_parse(rule->text, strlen(rule->text), &prefix, reason, sizeof(reason))) {
		snprintf(why, why_size, "invalid %s '%s': %s", rule->option, rule->text, reason);
		return -EINVAL;
	}
	prefix.is_blocked = rule->is_blocked;
	return prefix_list_add(list, &prefix);
}

int rules_read(const struct rules *rules, struct prefix_list *list, char *why, size_t why_size)
{
	char threat[160];
	int err = 0;

	for (size_t i = 0; i < rules->count && !err; i++)
		err = rules_read_one(&rules->options[i], list, why, why_size);
	if (err == -ENOMEM)
		snprintf(why, why_size, "out of memory");
	err = err ?: prefix_list_finish(list, why, why_size);
	if (err || rules->may_lock_out || !lockout_threatens(list, threat, sizeof(threat)))
		return err;
	snprintf(why, why_size, "%s: --allow it, or --force if that is meant", threat);
	return -EPERM;
}

int rules_make_map(const struct prefix_list *list)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "rules", sizeof(struct prefix_key),
				sizeof(uint8_t), list->count ? (uint32_t)list->count : 1, &opts);
	int err = fd < 0 ? fd : 0;

	for (size_t i = 0; i < list->count && !err; i++) {
		const struct prefix *prefix = &list->prefixes[i];
		uint8_t verdict = prefix->is_blocked ? PREFIX_BLOCKED : PREFIX_ALLOWED;
		struct prefix_key key = { .bits = 32 + prefix->bits,
					  .version = prefix->family == AF_INET ? 4 : 6 };

		memcpy(key.address, prefix->address, sizeof(key.address));
		err = bpf_map_update_elem(fd, &key, &verdict, BPF_ANY);
	}
	if (!err)
		return fd;
	log_libbpf_failure(err, "cannot make a map of %zu prefixes", list->count);
	if (fd >= 0)
		close(fd);
	return err;
}
