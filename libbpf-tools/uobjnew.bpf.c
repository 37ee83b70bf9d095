/* SPDX-License-Identifier: GPL-2.0 */
/* uobjnew, kernel side: objects made, counted by class. */
#include "vmlinux.h"
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "uobjnew.h"

#include "bpf/filter.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/task_stack.bpf.h"
#include "runtime/usdt_args.bpf.h"

/* Objects whose class found no room in the map below. */
__u64 dropped = 0;

MAPS_HASH(classes, struct uobjnew_key, struct uobjnew_counts, UOBJNEW_CLASSES_MAX);

static __always_inline void read_name(struct pt_regs *ctx, const struct runtime_place_spec *place,
				      __u32 number, struct uobjnew_key *key)
{
	__u64 address, length;
	long err;

	if (place->args[RUNTIME_CLASS_NAME].kind == USDT_ARG_NONE) {
		key->place = number;
		return;
	}
	err = usdt_read(ctx, &place->args[RUNTIME_CLASS_NAME], &address);
	if (!err && !usdt_read(ctx, &place->args[RUNTIME_CLASS_LEN], &length)) {
		if (length > sizeof(key->name) - 1)
			length = sizeof(key->name) - 1;
		err = bpf_probe_read_user(key->name, length, (void *)address);
	} else if (!err) {
		err = bpf_probe_read_user_str(key->name, sizeof(key->name), (void *)address);
	}
	key->error = err < 0 ? err : 0;
}

SEC("uprobe")
int object_made(struct pt_regs *ctx)
{
	__u32 number = usdt_place_number(ctx);
	const struct runtime_place_spec *place = bpf_map_lookup_elem(&places, &number);
	struct uobjnew_counts *counts, fresh = {};
	struct uobjnew_key key = {};
	__u64 bytes = 0;

	TASK_STACK(ctx);
	if (!place || !filter_allows_current())
		return 0;
	read_name(ctx, place, number, &key);
	usdt_read(ctx, &place->args[RUNTIME_NUMBER], &bytes);
	counts = bpf_map_lookup_elem(&classes, &key);
	if (!counts) {
		bpf_map_update_elem(&classes, &key, &fresh, BPF_NOEXIST);
		counts = bpf_map_lookup_elem(&classes, &key);
	}
	if (counts) {
		__sync_fetch_and_add(&counts->objects, 1);
		__sync_fetch_and_add(&counts->bytes, bytes);
	} else {
		__sync_fetch_and_add(&dropped, 1);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
