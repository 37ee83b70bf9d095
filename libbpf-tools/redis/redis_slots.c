/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Giving slots out, and taking them back. */
#include "redis/redis_slots.h"

#include <errno.h>

#include <bpf/bpf.h>

int redis_slots_init(const struct redis_slots *slots, uint32_t count)
{
	int err = 0;

	for (__u32 i = 0; i < count && !err; i++)
		err = bpf_map_update_elem(slots->slots_free, NULL, &i, 0);
	return err;
}

int redis_slots_take(const struct redis_slots *slots, pid_t pid, const struct redis_layout *layout,
		     uint32_t *slot)
{
	struct redis_state state = { .layout = *layout, .pid = pid };
	__u32 key = pid;
	int err;

	if (!bpf_map_lookup_elem(slots->slots, &key, slot))
		return 0;
	err = bpf_map_lookup_and_delete_elem(slots->slots_free, NULL, &state.slot);
	if (err)
		return err == -ENOENT ? -ENOSPC : err;
	err = bpf_map_update_elem(slots->servers, &state.slot, &state, 0);
	err = err ?: bpf_map_update_elem(slots->slots, &key, &state.slot, BPF_NOEXIST);
	*slot = state.slot;
	if (!err)
		return 0;
	/* The kernel side has been faster. */
	state = (struct redis_state){};
	bpf_map_update_elem(slots->servers, slot, &state, 0);
	bpf_map_update_elem(slots->slots_free, NULL, slot, 0);
	return bpf_map_lookup_elem(slots->slots, &key, slot);
}

void redis_slots_release(const struct redis_slots *slots, pid_t pid)
{
	static const struct redis_state nobody;
	__u32 key = pid, slot;

	if (bpf_map_lookup_elem(slots->slots, &key, &slot))
		return;
	bpf_map_delete_elem(slots->slots, &key);
	bpf_map_update_elem(slots->servers, &slot, &nobody, 0);
	bpf_map_update_elem(slots->slots_free, NULL, &slot, 0);
}
