/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * How a function's returns can be seen without harm. A return probe replaces the return address on the stack: that must be
 * where the unwinding table has it, nobody may look at it (the function itself, an unwinder, a collector of garbage), and
 * the stack must not be exchanged meanwhile, as the kernel pairs returns with calls by their order. Probes on RET
 * instructions touch nothing, but see only functions that end in them.
 *
 * A function without a table gets probes on its RET instructions or none. Its own instructions can't prove more: whether its
 * entry is called or jumped to (with something else on top of the stack) is said by those who go there, in any file.
 */
#include <array_size.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "elf_file.h"

#define PARTS_MAX 4 /* a function and what the compiler split off it */

/* A machine's calls: where the CFA is at a function's entry, and the return address. */
static const struct convention {
	int machine;
	int16_t stack_reg, link_reg;
	int64_t entry_cfa; /* from the stack pointer */
	enum bsl_frame_rule ret;
	int64_t ret_offset; /* from the CFA */
} conventions[] = {
	{ EM_X86_64, 7, BSL_REG_NONE, 8, BSL_FRAME_AT_CFA, -8 },
	{ EM_AARCH64, 31, 30, 0, BSL_FRAME_IN_REG, 0 },
};

struct part {
	uint64_t addr, size;
	struct bsl_frame_row *rows; /* by address; NULL: no table */
	size_t nr_rows;
};

struct walk {
	struct bsl_elf *elf;
	const struct convention *convention;
	struct part parts[PARTS_MAX];
	size_t nr_parts;
	uint64_t tail;	   /* where it jumps to another function, 0: nowhere */
	uint64_t indirect; /* ... or perhaps does, by a register or memory */
	uint64_t looks;	   /* at its return address */
	uint64_t refused;  /* a RET that the kernel takes no probe on */
	size_t nr_rets, nr_calls;
	int (*fn)(uint64_t offset, void *ctx);
	void *ctx;
};

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t size, const char *format,
							...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, size, format, args);
	va_end(args);
	return -EPERM;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static int row_add(const struct bsl_frame_row *row, void *ctx)
{
	struct part *part = ctx;
	struct bsl_frame_row *grown = part->rows;

	if (!(part->nr_rows & (part->nr_rows - 1)))
		grown = reallocarray(grown, part->nr_rows ? 2 * part->nr_rows : 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	part->rows = grown;
	grown[part->nr_rows++] = *row;
	return 0;
}

static const struct bsl_frame_row *row_at(const struct part *part, uint64_t addr)
{
	size_t low = 0, high = part->nr_rows;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (part->rows[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && addr - part->rows[low - 1].addr < part->rows[low - 1].size
		       ? &part->rows[low - 1]
		       : NULL;
}

/* With its table, if that is its own. */
static int part_add(struct walk *walk, uint64_t addr, uint64_t size)
{
	struct part *part = &walk->parts[walk->nr_parts];
	struct bsl_frame frame;
	int err;

	if (walk->nr_parts == PARTS_MAX)
		return -E2BIG;
	walk->nr_parts++;
	*part = (struct part){ .addr = addr, .size = size };
	err = bsl_elf_frame_at(walk->elf, addr, &frame);
	if (err)
		return err == -ENOMEM ? err : 0;
	if (frame.addr != addr || frame.is_signal)
		return 0;
	if (!size)
		part->size = frame.size;
	err = bsl_elf_frame_rows(walk->elf, &frame, row_add, part);
	if (err && err != -ENOMEM)
		part->nr_rows = 0;
	return err == -ENOMEM ? err : 0;
}

static bool is_within(const struct walk *walk, uint64_t addr)
{
	for (size_t i = 0; i < walk->nr_parts; i++)
		if (addr - walk->parts[i].addr < walk->parts[i].size)
			return true;
	return false;
}

static void walk_end(struct walk *walk)
{
	for (size_t i = 0; i < walk->nr_parts; i++)
		free(walk->parts[i].rows);
}

/* ---- instructions --------------------------------------------------------------------------- */

/* Is the stack as it was at the entry? Not known without a table. */
static bool is_frameless(const struct walk *walk, const struct bsl_frame_row *row)
{
	return !row || (row->cfa_reg == walk->convention->stack_reg &&
			row->cfa_offset == walk->convention->entry_cfa);
}

static bool is_cold(struct bsl_elf *elf, uint64_t addr)
{
	struct bsl_symbol sym;

	return !bsl_elf_symbol_at(elf, addr, &sym) && sym.clone && !strncmp(sym.clone, ".cold", 5);
}

/* A jump out of all known parts: to another one, or for good. */
static int note_jump(struct walk *walk, const struct bsl_frame_row *row,
		     const struct bsl_insn *insn, uint64_t addr)
{
	struct bsl_function target;
	bool is_part = !is_frameless(walk, row) || is_cold(walk->elf, insn->target);

	if (is_part && !bsl_elf_function_at(walk->elf, insn->target, &target) &&
	    !is_within(walk, target.addr) && part_add(walk, target.addr, target.size) != -E2BIG)
		return 0;
	walk->tail = addr;
	return 0;
}

/* Does it read, write or point to where the return address is? */
static bool looks_at_return(const struct walk *walk, const struct bsl_frame_row *row,
			    const struct bsl_insn *insn)
{
	int64_t at;

	if (insn->op == BSL_OP_MOVE && insn->from >= 0 && insn->from == walk->convention->link_reg)
		return true;
	if (!row || row->ret != BSL_FRAME_AT_CFA || !insn->has_memory || insn->base < 0 ||
	    insn->base != row->cfa_reg)
		return false;
	at = row->cfa_offset + row->ret_offset;
	/* a displacement that isn't known, or an index, may lead anywhere */
	if (!insn->has_disp)
		return true;
	if (walk->convention->link_reg >= 0)
		return false; /* arm64 has to save and restore it */
	return insn->disp > at - 8 && insn->disp < at + 8 && insn->index == BSL_REG_NONE;
}

static int note_insn(struct walk *walk, const struct part *part, const struct bsl_insn *insn,
		     uint64_t addr)
{
	const struct bsl_frame_row *row = row_at(part, addr);
	uint64_t offset;

	if (looks_at_return(walk, row, insn))
		walk->looks = addr;
	switch (insn->kind) {
	case BSL_INSN_RETURN:
		walk->nr_rets++;
		if (insn->why)
			walk->refused = addr;
		if (walk->fn && !bsl_elf_addr_to_offset(walk->elf, addr, &offset))
			return walk->fn(offset, walk->ctx);
		return 0;
	case BSL_INSN_CALL:
	case BSL_INSN_CALL_INDIRECT:
		walk->nr_calls++;
		return 0;
	case BSL_INSN_JUMP_INDIRECT:
		/* with a frame of its own a function can't end: it is a switch */
		if (is_frameless(walk, row))
			walk->indirect = addr;
		return 0;
	case BSL_INSN_JUMP:
	case BSL_INSN_BRANCH:
		return is_within(walk, insn->target) ? 0 : note_jump(walk, row, insn, addr);
	default:
		return 0;
	}
}

struct visit {
	struct walk *walk;
	size_t part;
};

static int visit_insn(const struct bsl_insn *insn, uint64_t addr, void *ctx)
{
	struct visit *visit = ctx;

	return note_insn(visit->walk, &visit->walk->parts[visit->part], insn, addr);
}

/* All parts' instructions. -EINVAL: they can't be decoded to the end. */
static int walk_run(struct walk *walk, const struct bsl_function *function)
{
	int err = part_add(walk, function->addr, function->size);

	for (size_t i = 0; i < walk->nr_parts && !err; i++) {
		struct visit visit = { walk, i };
		const struct body *body;

		err = body_get(walk->elf, walk->parts[i].addr, walk->parts[i].size, &body);
		if (!err && !body->is_whole)
			err = -EINVAL;
		if (!err)
			err = body_each(body, visit_insn, &visit);
	}
	return err;
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* Is the return address where a return probe replaces it, at the entry and all the time? */
static bool has_return_address(const struct walk *walk)
{
	const struct convention *c = walk->convention;
	const struct part *part = &walk->parts[0];

	if (!part->nr_rows || !is_frameless(walk, &part->rows[0]) || part->rows[0].ret != c->ret)
		return false;
	for (size_t i = 0; i < part->nr_rows && c->ret == BSL_FRAME_AT_CFA; i++)
		if (part->rows[i].ret != c->ret || part->rows[i].ret_offset != c->ret_offset)
			return false;
	return true;
}

/* Who in this file would stumble over a replaced return address; NULL: nobody is known. */
static const char *find_who_minds(struct bsl_elf *elf)
{
	static const struct {
		const char *name, *why;
	} rows[] = {
		/* the kernel forgets the calls below a handler's stack that lies above theirs */
		{ "sigaltstack", "signal handlers have a stack of their own" },
		{ "swapcontext", "it switches stacks" },
		{ "setcontext", "it switches stacks" },
		{ "jump_fcontext", "it switches stacks" },
		{ "coroutine_transfer", "it switches stacks" },
		{ "co_switch", "it switches stacks" },
		{ "JNI_CreateJavaVM", "Java's collector of garbage walks the stack" },
		{ "graal_create_isolate", "Java's collector of garbage walks the stack" },
		{ "caml_frametable", "OCaml's collector of garbage walks the stack" },
		{ "_ZN2v87Isolate10GetCurrentEv", "V8's collector of garbage walks the stack" },
	};

	if (bsl_elf_is_go(elf))
		return "Go moves its stacks";
	if (bsl_elf_has_exceptions(elf) || elf_has_personality(elf))
		return "an exception may pass through it";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (elf_has_name(elf, rows[i].name))
			return rows[i].why;
	return NULL;
}

static const char *who_minds(const struct walk *walk)
{
	bool calls = walk->nr_calls || walk->tail || walk->indirect;
	struct bsl_elf *elf = walk->elf;

	if (!elf->minds_known)
		elf->minds = find_who_minds(elf);
	elf->minds_known = true;
	/* A library's functions may call back, or be called by, code that nobody has looked at. */
	if (!elf->minds && calls && bsl_elf_type(elf) == BSL_ELF_DYN)
		return "what a library calls may throw or switch stacks";
	return elf->minds;
}

/* Why RET instructions don't do; NULL: they do. */
static const char *why_no_sites(const struct walk *walk, int err)
{
	if (err)
		return "its return instructions can't be found";
	if (walk->tail || walk->indirect)
		return "it may end in another function instead of a return instruction";
	if (!walk->nr_rets)
		return "it has no return instruction: it ends in other functions, or never";
	return walk->refused ? "the kernel takes no probe on its return instructions" : NULL;
}

static const struct convention *convention_get(const struct bsl_elf *elf)
{
	for (size_t i = 0; i < ARRAY_SIZE(conventions); i++)
		if (conventions[i].machine == bsl_elf_machine(elf))
			return &conventions[i];
	return NULL;
}

int bsl_elf_return_way(struct bsl_elf *elf, const struct bsl_function *function, char *why,
		       size_t why_size)
{
	struct walk walk = { .elf = elf, .convention = convention_get(elf) };
	const char *no_probe = NULL, *no_sites;
	int err = walk.convention ? walk_run(&walk, function) : -ENOTSUP;

	if (err == -ENOMEM) {
		walk_end(&walk);
		return err;
	}
	if (is_cold(elf, function->addr))
		no_probe = no_sites = "it is a part of a function, which is jumped to";
	else
		no_sites = why_no_sites(&walk, err);
	if (!no_probe && !has_return_address(&walk))
		no_probe = "no unwinding table says that its return address is on top of the stack";
	else if (!no_probe && (err || walk.looks))
		no_probe = "it looks at its return address";
	else if (!no_probe)
		no_probe = who_minds(&walk);
	walk_end(&walk);
	if (!no_probe)
		return BSL_RETURN_BY_PROBE;
	if (!no_sites)
		return BSL_RETURN_BY_SITES;
	return no_probe == no_sites
		       ? refuse(why, why_size, "%s", no_probe)
		       : refuse(why, why_size, "a return probe would do harm (%s), and %s",
				no_probe, no_sites);
}

int bsl_elf_return_sites(struct bsl_elf *elf, const struct bsl_function *function,
			 int (*fn)(uint64_t offset, void *ctx), void *ctx)
{
	struct walk walk = { .elf = elf, .convention = convention_get(elf), .fn = fn, .ctx = ctx };
	int err = walk.convention ? walk_run(&walk, function) : -ENOTSUP;

	walk_end(&walk);
	return err ? err : (int)walk.nr_rets;
}
