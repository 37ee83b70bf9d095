/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A BPF interpreter for unit tests: runs what the generator made, without a kernel. Registers hold
 * real addresses; "user memory" is the test's own, of which the first page is the unreadable one.
 */
#ifndef TESTS_BPF_VM_H
#define TESTS_BPF_VM_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VM_RING_FD 101
#define VM_CTL_FD 102
#define VM_LOST_FD 103
#define VM_UNREADABLE_FD 104
#define VM_SCRATCH_FD 105
#define VM_ENTRY_FD 106
#define VM_ENTRY_MISSED_FD 107

#define VM_OVERFLOW_FD 108
#define VM_AGGREGATE_FD 109
#define VM_CALLS_FD 110
#define VM_BUSY_FD 111

#define VM_MAX_KEYS 8
#define VM_MAX_KEY 512

/* The map of values kept at entries: 24 bytes to at most 64. */
struct vm_kept {
	int used;
	_Alignas(8) unsigned char key[24];
	_Alignas(8) unsigned char value[64];
};

struct vm {
	unsigned char record[16384];
	size_t record_size; /* of what was submitted; 0: nothing */
	int submitted;
	uint64_t lost[8], unreadable[8], overflow[8];
	/* The aggregate's map: max_keys at most. */
	_Alignas(8) unsigned char keys[VM_MAX_KEYS][VM_MAX_KEY];
	uint64_t values[VM_MAX_KEYS][66];
	uint32_t key_size, key_count, max_keys;
	_Alignas(8) unsigned char scratch[3][16384];
	uint32_t waiting;
	int wakeups;
	int ring_full;
	uint64_t pid_tgid, uid_gid, cookie;
	uint64_t now; /* 0: some time */
	struct vm_kept kept[16];
	unsigned int kept_size; /* of a value */
	int kept_busy;		/* updates and deletions fail, as a lock is not to be had */
	uint64_t entry_missed[8];
	uint64_t calls[8]; /* entries and returns of probe 0, of probe 1, ... */
	uint64_t busy[8];  /* programs that run, and what was skipped of probe 0, of probe 1, ... */
	uint32_t cpu;
	const char *comm;
	uint64_t stack[2][8]; /* the kernel's, the user's: frames up to a zero */
	int stack_error;      /* what walking a stack fails with, or 0 */
	const char *error;    /* what an actual kernel would have refused or crashed at */
	uint64_t steps;
};

static int vm_readable(uint64_t addr)
{
	return addr >= 4096 && addr < 1ull << 47;
}

static int64_t vm_read_str(uint64_t dst, uint64_t size, uint64_t addr)
{
	size_t i;

	if (!vm_readable(addr))
		return -EFAULT;
	for (i = 0; i < size; i++) {
		((char *)dst)[i] = ((char *)addr)[i];
		if (!((char *)dst)[i])
			return (int64_t)i + 1;
	}
	((char *)dst)[size - 1] = '\0';
	return (int64_t)size;
}

static uint64_t vm_find_key(struct vm *vm, const void *key)
{
	for (uint32_t i = 0; i < vm->key_count; i++)
		if (!memcmp(vm->keys[i], key, vm->key_size))
			return (uint64_t)vm->values[i];
	return 0;
}

static int64_t vm_new_key(struct vm *vm, uint64_t fd, const void *key, const void *value,
			  uint64_t flags)
{
	if (fd != VM_AGGREGATE_FD || flags != BPF_NOEXIST || vm->key_size > VM_MAX_KEY)
		vm->error = "not how a key is added";
	if (vm_find_key(vm, key))
		return -EEXIST;
	if (vm->key_count == vm->max_keys)
		return -E2BIG;
	memcpy(vm->keys[vm->key_count], key, vm->key_size);
	memcpy(vm->values[vm->key_count++], value, sizeof(vm->values[0]));
	return 0;
}

/* The element of a key; NULL: none. */
static struct vm_kept *vm_find_kept(struct vm *vm, uint64_t key)
{
	for (int i = 0; i < 16; i++)
		if (vm->kept[i].used &&
		    !memcmp(vm->kept[i].key, (void *)key, sizeof(vm->kept[i].key)))
			return &vm->kept[i];
	return NULL;
}

static uint64_t vm_update(struct vm *vm, const uint64_t *r)
{
	struct vm_kept *kept = vm_find_kept(vm, r[2]);

	if (r[1] != VM_ENTRY_FD)
		vm->error = "update of an unknown map";
	for (int i = 0; i < 16 && !kept; i++)
		if (!vm->kept[i].used)
			kept = &vm->kept[i];
	if (vm->kept_busy)
		return (uint64_t)-EBUSY;
	if (!kept)
		return (uint64_t)-E2BIG;
	kept->used = 1;
	memcpy(kept->key, (void *)r[2], sizeof(kept->key));
	memcpy(kept->value, (void *)r[3], vm->kept_size);
	return 0;
}

static uint64_t vm_delete(struct vm *vm, const uint64_t *r)
{
	struct vm_kept *kept = vm_find_kept(vm, r[2]);

	if (r[1] != VM_ENTRY_FD || !kept)
		return (uint64_t)-ENOENT;
	if (vm->kept_busy)
		return (uint64_t)-EBUSY;
	/* As in the kernel somebody else may have it at once. */
	memset(kept, 0xee, sizeof(*kept));
	kept->used = 0;
	return 0;
}

static uint64_t vm_lookup(struct vm *vm, uint64_t fd, uint64_t at)
{
	struct vm_kept *kept = fd == VM_ENTRY_FD ? vm_find_kept(vm, at) : NULL;
	uint32_t key = *(uint32_t *)at;

	switch (fd) {
	case VM_ENTRY_FD:
		return kept ? (uint64_t)kept->value : 0;
	case VM_ENTRY_MISSED_FD:
		return key < 8 ? (uint64_t)&vm->entry_missed[key] : 0;
	case VM_CALLS_FD:
		return key < 8 ? (uint64_t)&vm->calls[key] : 0;
	case VM_BUSY_FD:
		return key < 8 ? (uint64_t)&vm->busy[key] : 0;
	case VM_OVERFLOW_FD:
		return key < 8 ? (uint64_t)&vm->overflow[key] : 0;
	case VM_LOST_FD:
		return key < 8 ? (uint64_t)&vm->lost[key] : 0;
	case VM_UNREADABLE_FD:
		return key < 8 ? (uint64_t)&vm->unreadable[key] : 0;
	case VM_SCRATCH_FD:
		return key < 3 ? (uint64_t)vm->scratch[key] : 0;
	}
	vm->error = "lookup in an unknown map";
	return 0;
}

/* As bpf_get_stack(): what is left of the buffer is cleared. */
static int64_t vm_get_stack(struct vm *vm, void *buf, size_t size, uint64_t flags)
{
	const uint64_t *frames = vm->stack[flags == BPF_F_USER_STACK];
	size_t len = 0;

	memset(buf, 0, size);
	if (vm->stack_error)
		return vm->stack_error;
	while (8 * len < size && frames[len])
		len++;
	memcpy(buf, frames, 8 * len);
	return 8 * (int64_t)len;
}

static uint64_t vm_call(struct vm *vm, int helper, const uint64_t *r)
{
	static _Alignas(8) unsigned char spare[8];

	switch (helper) {
	case BPF_FUNC_map_lookup_elem:
		if (r[1] == VM_AGGREGATE_FD)
			return vm_find_key(vm, (void *)r[2]);
		return vm_lookup(vm, r[1], r[2]);
	case BPF_FUNC_map_update_elem:
		if (r[1] == VM_AGGREGATE_FD)
			return (uint64_t)vm_new_key(vm, r[1], (void *)r[2], (void *)r[3], r[4]);
		return vm_update(vm, r);
	case BPF_FUNC_map_delete_elem:
		return vm_delete(vm, r);
	case BPF_FUNC_ktime_get_ns:
		return vm->now ? vm->now : 1234567890123456789ull;
	case BPF_FUNC_get_smp_processor_id:
		return vm->cpu;
	case BPF_FUNC_get_current_pid_tgid:
		return vm->pid_tgid;
	case BPF_FUNC_get_current_uid_gid:
		return vm->uid_gid;
	case BPF_FUNC_get_current_comm:
		memset((void *)r[1], 0, r[2]);
		memcpy((void *)r[1], vm->comm, strlen(vm->comm));
		return 0;
	case BPF_FUNC_get_attach_cookie:
		return vm->cookie;
	case BPF_FUNC_probe_read:
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_probe_read_kernel:
		if (!vm_readable(r[3])) {
			memset((void *)r[1], 0, r[2]);
			return (uint64_t)-EFAULT;
		}
		memcpy((void *)r[1], (void *)r[3], r[2]);
		return 0;
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_user_str:
	case BPF_FUNC_probe_read_kernel_str:
		return (uint64_t)vm_read_str(r[1], r[2], r[3]);
	case BPF_FUNC_get_stack:
		return (uint64_t)vm_get_stack(vm, (void *)r[2], r[3], r[4]);
	case BPF_FUNC_ringbuf_reserve:
		if (r[1] != VM_RING_FD)
			vm->error = "not the ring buffer";
		if (vm->ring_full)
			return 0;
		if (r[2] == 8)
			return (uint64_t)spare;
		vm->record_size = r[2];
		return (uint64_t)vm->record;
	case BPF_FUNC_ringbuf_submit:
		if (r[1] != (uint64_t)vm->record)
			vm->error = "submits what was not reserved";
		vm->submitted++;
		return 0;
	case BPF_FUNC_ringbuf_discard:
		if (r[1] != (uint64_t)spare || r[2] != BPF_RB_FORCE_WAKEUP)
			vm->error = "discards what was not reserved";
		vm->wakeups++;
		return 0;
	case BPF_FUNC_ringbuf_output:
		if (vm->ring_full)
			return (uint64_t)-EAGAIN;
		memcpy(vm->record, (void *)r[2], r[3]);
		vm->record_size = r[3];
		vm->submitted++;
		return 0;
	}
	vm->error = "unknown helper";
	return 0;
}

static uint64_t vm_alu(struct vm *vm, int op, uint64_t a, uint64_t b, int wide)
{
	unsigned int mask = wide ? 63 : 31;

	if (!wide) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	switch (op) {
	case BPF_ADD:
		a += b;
		break;
	case BPF_SUB:
		a -= b;
		break;
	case BPF_MUL:
		a *= b;
		break;
	case BPF_DIV:
		a = b ? a / b : 0;
		break;
	case BPF_MOD:
		a = b ? a % b : a;
		break;
	case BPF_OR:
		a |= b;
		break;
	case BPF_AND:
		a &= b;
		break;
	case BPF_XOR:
		a ^= b;
		break;
	case BPF_LSH:
		a <<= b & mask;
		break;
	case BPF_RSH:
		a >>= b & mask;
		break;
	case BPF_ARSH:
		a = wide ? (uint64_t)((int64_t)a >> (b & mask))
			 : (uint32_t)((int32_t)a >> (b & mask));
		break;
	case BPF_NEG:
		a = -a;
		break;
	case BPF_MOV:
		a = b;
		break;
	default:
		vm->error = "unknown ALU operation";
	}
	return wide ? a : (uint32_t)a;
}

static int vm_jumps(struct vm *vm, int op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JA:
		return 1;
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSGT:
		return (int64_t)a > (int64_t)b;
	case BPF_JSGE:
		return (int64_t)a >= (int64_t)b;
	case BPF_JSLT:
		return (int64_t)a < (int64_t)b;
	case BPF_JSLE:
		return (int64_t)a <= (int64_t)b;
	}
	vm->error = "unknown jump";
	return 0;
}

static uint64_t vm_load(int size, uint64_t addr)
{
	switch (size) {
	case BPF_B:
		return *(uint8_t *)addr;
	case BPF_H:
		return *(uint16_t *)addr;
	case BPF_W:
		return *(uint32_t *)addr;
	default:
		return *(uint64_t *)addr;
	}
}

static void vm_store(int size, uint64_t addr, uint64_t value)
{
	switch (size) {
	case BPF_B:
		*(uint8_t *)addr = (uint8_t)value;
		break;
	case BPF_H:
		*(uint16_t *)addr = (uint16_t)value;
		break;
	case BPF_W:
		*(uint32_t *)addr = (uint32_t)value;
		break;
	default:
		*(uint64_t *)addr = value;
	}
}

/* Runs to the end. vm->error says if something went wrong. */
static void vm_run(struct vm *vm, const struct bpf_insn *insns, unsigned int len, void *ctx)
{
	uint64_t stack[64], r[11];

	/* What was never written is recognisable garbage, as it is in a kernel that lets it pass. */
	memset(stack, 0xa5, sizeof(stack));
	for (int i = 0; i < 10; i++)
		r[i] = 0xdeadbeefdeadbeefull;
	r[1] = (uint64_t)ctx;
	r[10] = (uint64_t)(stack + 64);
	vm->submitted = 0;
	vm->record_size = 0;
	vm->error = NULL;
	for (unsigned int pc = 0; !vm->error; pc++) {
		const struct bpf_insn *in = pc < len ? &insns[pc] : NULL;
		uint64_t src;

		if (!in || vm->steps++ > 1000000) {
			vm->error = "runs out of the program";
			return;
		}
		src = BPF_SRC(in->code) == BPF_X ? r[in->src_reg] : (uint64_t)(int64_t)in->imm;
		switch (BPF_CLASS(in->code)) {
		case BPF_ALU:
		case BPF_ALU64:
			r[in->dst_reg] = vm_alu(vm, BPF_OP(in->code), r[in->dst_reg], src,
						BPF_CLASS(in->code) == BPF_ALU64);
			break;
		case BPF_LDX:
			r[in->dst_reg] = vm_load(BPF_SIZE(in->code), r[in->src_reg] + in->off);
			break;
		case BPF_ST:
			vm_store(BPF_SIZE(in->code), r[in->dst_reg] + in->off,
				 (uint64_t)(int64_t)in->imm);
			break;
		case BPF_STX:
			if (BPF_MODE(in->code) == BPF_ATOMIC)
				*(uint64_t *)(r[in->dst_reg] + in->off) += r[in->src_reg];
			else
				vm_store(BPF_SIZE(in->code), r[in->dst_reg] + in->off,
					 r[in->src_reg]);
			break;
		case BPF_LD:
			if (in->src_reg == BPF_PSEUDO_MAP_VALUE)
				r[in->dst_reg] = (uint64_t)&vm->waiting;
			else
				r[in->dst_reg] = (uint64_t)(uint32_t)in[1].imm << 32 |
						 (uint32_t)in->imm;
			pc++;
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_EXIT)
				return;
			if (BPF_OP(in->code) == BPF_CALL) {
				r[0] = vm_call(vm, in->imm, r);
				for (int i = 1; i < 6; i++)
					r[i] = 0xdeadbeefdeadbeefull;
			} else if (vm_jumps(vm, BPF_OP(in->code), r[in->dst_reg], src)) {
				if (in->off < 0)
					vm->error = "jumps back";
				pc += in->off;
			}
			break;
		default:
			vm->error = "unknown class";
		}
	}
}

#endif /* TESTS_BPF_VM_H */
