/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Inlined code has no entry of its own: its instructions are mixed with those around it, doubled, moved out of loops.
 * GCC (8 and later, with -g and optimisation) writes a row into the line table for each call that it inlined and has not
 * optimised away, at the position where the function is declared: a *mark*. It says where a call begins, of each call that loops
 * were unrolled to, too. Elsewhere it must be proved from the instructions: that all those of the copy are reached by one of them, and
 * that no loop repeats that one alone, or the others without it.
 */
#include "inlined_entry.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

#define DW_AT_GNU_ENTRY_VIEW 0x2138 /* GCC's, not in <dwarf.h> of elfutils 0.188 */
#define RUNS_MAX 512		    /* of lines in a copy */
#define WALKS_MAX 64		    /* ways out of a copy that are followed */
#define DEPTH_MAX 64		    /* of blocks */

static const char doubled[] = "the compiler has made several copies of one";
static const char unmarked[] = "the compiler doesn't say where it begins";
static const char jumped_to[] = "jumps lead to where it begins, perhaps its own";
static const char entered_elsewhere[] = "it is entered at several places";
static const char not_decoded[] = "the instructions around it can't be decoded";
static const char merged[] = "the compiler may have made one of several, with vectors";
static const char at_once[] = "several begin at the same instruction";
static const char nested[] = "it is in another copy of the same function";

/* The position at which a function is declared. */
struct position {
	const char *file;
	int line, column;
};

struct finder {
	struct inlined_frame *frame;
	int (*fn)(const struct inlined_entry *entry, void *ctx);
	void *ctx;
	struct flow flow;
	uint8_t *seen; /* room for walks */
	bool has_flow;
	Dwarf_Lines *rows;
	size_t nr_rows;
};

static int report(struct finder *finder, const struct inlined_copy *copy, uint64_t addr,
		  const char *unproved)
{
	const struct inlined_entry entry = { addr, copy, unproved };

	return copy && copy->is_part ? 0 : finder->fn(&entry, finder->ctx);
}

/* ---- what DWARF says ------------------------------------------------------------------------ */

static bool origin_of(Dwarf_Die *die, Dwarf_Die *origin)
{
	Dwarf_Attribute attr;

	return dwarf_formref_die(dwarf_attr_integrate(die, DW_AT_abstract_origin, &attr), origin);
}

static bool has_same_origin(Dwarf_Die *a, Dwarf_Die *b)
{
	Dwarf_Die x, y;

	return origin_of(a, &x) && origin_of(b, &y) && x.addr == y.addr;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* False: it isn't known. */
static bool position_get(Dwarf_Die *copy, struct position *position)
{
	Dwarf_Die origin;

	*position = (struct position){};
	if (!origin_of(copy, &origin) || dwarf_decl_line(&origin, &position->line))
		return false;
	dwarf_decl_column(&origin, &position->column);
	position->file = base_name(dwarf_decl_file(&origin));
	return true;
}

static bool is_mark(Dwarf_Line *row, const struct position *position)
{
	int line, column = 0;
	bool is_statement, is_end = false;

	return !dwarf_lineno(row, &line) && line == position->line &&
	       !dwarf_linecol(row, &column) && column == position->column &&
	       !dwarf_linebeginstatement(row, &is_statement) && is_statement &&
	       !dwarf_lineendsequence(row, &is_end) && !is_end &&
	       !strcmp(base_name(dwarf_linesrc(row, NULL, NULL)), position->file);
}

/* The number of rows below an address. */
static size_t rows_below(const struct finder *finder, uint64_t addr)
{
	size_t low = 0, high = finder->nr_rows;
	Dwarf_Addr at;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (dwarf_lineaddr(dwarf_onesrcline(finder->rows, mid), &at) || at < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t row_addr(const struct finder *finder, size_t i)
{
	Dwarf_Addr addr = 0;

	return i >= finder->nr_rows || dwarf_lineaddr(dwarf_onesrcline(finder->rows, i), &addr)
		       ? UINT64_MAX
		       : addr;
}

/* The lowest address of the copy's code at or behind one; UINT64_MAX: there is none. */
static uint64_t code_from(Dwarf_Die *die, uint64_t addr)
{
	Dwarf_Addr base, start, end;
	uint64_t best = UINT64_MAX;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
		if (start < end && end > addr && (start > addr ? start : addr) < best)
			best = start > addr ? start : addr;
	return best;
}

/* ---- the code around ------------------------------------------------------------------------ */

/* 0, also if it can't be had; -ENOMEM. */
static int flow_read(struct finder *finder)
{
	Dwarf_Die *die = &finder->frame->die;
	Dwarf_Addr base, start, end, entry;
	int err = dwarf_function_entry(die, &entry) ? 0 : -ENOENT;
	ptrdiff_t at = 0;

	/* The piece with the entry first. */
	for (int others = 0; others < 2 && !err; others++, at = 0)
		while (!err && (at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
			if (start < end && (start <= entry && entry < end) != others)
				err = flow_add(&finder->flow, finder->frame->elf, start,
					       end - start);
	if (!err)
		err = flow_finish(&finder->flow);
	if (!err)
		finder->seen = calloc(1, finder->flow.nr + 1);
	if (!err && !finder->seen)
		err = -ENOMEM;
	finder->has_flow = !err && finder->flow.nr;
	return err == -ENOMEM ? err : 0;
}

/* Is an instruction in a loop that computes with vectors? Then several rounds may have been made one. */
static bool is_vectorized(struct finder *finder, size_t at)
{
	struct flow *flow = &finder->flow;
	unsigned int walks = 0;

	for (size_t i = 0; i < flow->nr; i++) {
		if (!flow->insns[i].is_packed)
			continue;
		if (++walks > WALKS_MAX)
			return true;
		memset(finder->seen, 0, flow->nr);
		flow_reach(flow, at, FLOW_NONE, NULL, finder->seen);
		if (!finder->seen[at])
			return false;
		if (!finder->seen[i])
			continue;
		memset(finder->seen, 0, flow->nr);
		flow_reach(flow, i, FLOW_NONE, NULL, finder->seen);
		if (finder->seen[at])
			return true;
	}
	return false;
}

/* ---- marks ---------------------------------------------------------------------------------- */

/*
 * Does the instruction behind a mark run exactly when control comes to the mark? Not if it is reached in another way: by a jump
 * to it the mark may be left out. One from outside of the copy leads to its beginning, though.
 */
static const char *why_not_marked(struct finder *finder, const struct inlined_copy *copy,
				  uint64_t addr)
{
	const struct flow *flow = &finder->flow;
	size_t at = finder->has_flow ? flow_at(flow, addr) : FLOW_NONE;
	Dwarf_Die die;

	if (at == FLOW_NONE)
		return not_decoded;
	if (is_vectorized(finder, at))
		return merged;
	if (!flow->insns[at].is_target || !flow_falls_into(flow, at))
		return NULL;
	if (!copy)
		return jumped_to;
	die = copy->die;
	if (dwarf_haspc(&die, addr) <= 0)
		return jumped_to;
	for (size_t i = 0; i < flow->nr; i++)
		if (flow->insns[i].target == addr && dwarf_haspc(&die, flow->insns[i].addr) > 0)
			return jumped_to;
	return NULL;
}

/*
 * Of the copies that the nth mark of an address may belong to, the one that begins there, or whose code follows first; NULL: that
 * can't be said. *is_sure: it is the mark of a call, not only of a part of the function.
 */
static const struct inlined_copy *copy_of_mark(struct finder *finder,
					       const struct inlined_copy *like, uint64_t addr,
					       unsigned int nth, bool *is_sure)
{
	const struct inlined_copy *best = NULL;
	uint64_t first = UINT64_MAX;
	bool is_shared = false;

	*is_sure = true;

	for (size_t i = 0; i < finder->frame->nr; i++) {
		struct inlined_copy *copy = &finder->frame->copies[i];
		Dwarf_Die die = copy->die;
		Dwarf_Addr entry;
		uint64_t from;

		if (!has_same_origin(&die, (Dwarf_Die *)&like->die))
			continue;
		if (!dwarf_entrypc(&die, &entry) && entry == addr && !nth--) {
			*is_sure = true;
			return copy;
		}
		*is_sure &= !copy->is_nested;
		from = code_from(&die, addr);
		if (from == UINT64_MAX || from > first)
			continue;
		is_shared = from == first;
		first = from;
		best = copy;
	}
	return is_shared && *is_sure ? NULL : best;
}

static int mark_report(struct finder *finder, const struct inlined_copy *like, uint64_t addr,
		       unsigned int nth, uint8_t *is_marked)
{
	bool is_sure;
	const struct inlined_copy *copy = copy_of_mark(finder, like, addr, nth, &is_sure);
	const char *why = !is_sure || (copy && copy->is_nested) ? nested
			  : nth					? at_once
				: why_not_marked(finder, copy, addr);

	if (copy)
		is_marked[copy - finder->frame->copies] = 1;
	return report(finder, copy, addr, why);
}

/* The marks of copies like this one, itself the first of them. *count: how many. */
static int marks_report(struct finder *finder, const struct inlined_copy *like,
			const struct position *position, uint8_t *is_marked, size_t *count)
{
	Dwarf_Die frame = finder->frame->die;
	Dwarf_Addr base, start, end, entry = 0, last = UINT64_MAX;
	unsigned int nth = 0;
	ptrdiff_t at = 0;
	int err = 0;

	dwarf_function_entry(&frame, &entry);
	while (!err && (at = dwarf_ranges(&frame, at, &base, &start, &end)) > 0) {
		for (size_t i = rows_below(finder, start); !err && row_addr(finder, i) < end; i++) {
			uint64_t addr = row_addr(finder, i);

			if (!is_mark(dwarf_onesrcline(finder->rows, i), position))
				continue;
			/* the function's own beginning */
			if (addr == entry && has_same_origin(&frame, (Dwarf_Die *)&like->die))
				continue;
			++*count;
			nth = addr == last ? nth + 1 : 0;
			err = mark_report(finder, like, addr, nth, is_marked);
			last = addr;
		}
	}
	return err;
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* A copy's instructions, and room for the walks. */
struct proof {
	struct flow *flow;
	uint8_t *in, *seen;
};

/* Is there a way into the copy that doesn't lead through its entry? What unwinding leads to is its own. */
static bool is_bypassed(struct proof *proof, size_t entry)
{
	struct flow *flow = proof->flow;

	memset(proof->seen, 0, flow->nr);
	for (size_t i = 0; i < flow->nr; i++) {
		const struct flow_insn *insn = &flow->insns[i];
		bool is_root = !i ||
			       (!insn->is_target && !flow_falls_into(flow, i) && !insn->is_padding);

		if (is_root && i != entry && (!proof->in[i] || !i))
			flow_reach(flow, i, entry, NULL, proof->seen);
		if (!i && proof->in[i] && i != entry)
			return true;
	}
	for (size_t i = 0; i < flow->nr; i++)
		if (proof->seen[i] && proof->in[i] && i != entry)
			return true;
	return false;
}

/* Can the entry run again before control has left the copy? */
static bool is_looped(struct proof *proof, size_t entry)
{
	memset(proof->seen, 0, proof->flow->nr);
	flow_reach(proof->flow, entry, FLOW_NONE, proof->in, proof->seen);
	return proof->seen[entry];
}

/* Does control come back into the copy, having left it, without passing the entry? Then that was moved out of a loop. */
static bool is_repeated(struct proof *proof, size_t entry)
{
	struct flow *flow = proof->flow;
	unsigned int walks = 0;
	size_t next[2];

	for (size_t i = 0; i < flow->nr; i++) {
		unsigned int count = proof->in[i] ? flow_next(flow, i, next) : 0;

		for (unsigned int k = 0; k < count; k++) {
			if (proof->in[next[k]] || next[k] == entry)
				continue;
			if (++walks > WALKS_MAX)
				return true;
			memset(proof->seen, 0, flow->nr);
			flow_reach(flow, next[k], entry, NULL, proof->seen);
			if (proof->seen[i])
				return true;
		}
	}
	return false;
}

/* A stretch of code of one line. */
struct run {
	const char *file;
	int line, column;
};

static int run_compare(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->file, y->file);
}

/* Is an address in something that was inlined into this? */
static bool is_in_inner(Dwarf_Die *parent, uint64_t addr, unsigned int depth)
{
	Dwarf_Off last = 0;
	Dwarf_Die die;

	if (depth >= DEPTH_MAX || dwarf_child(parent, &die))
		return false;
	do {
		int tag = dwarf_tag(&die);

		if (!dwarf_is_ahead(&last, &die))
			return false;
		if (tag == DW_TAG_inlined_subroutine && dwarf_haspc(&die, addr) > 0)
			return true;
		if (tag == DW_TAG_lexical_block && is_in_inner(&die, addr, depth + 1))
			return true;
	} while (!dwarf_siblingof(&die, &die));
	return false;
}

/* Does code of one position appear twice in the copy? Then it may be that of two calls. */
static bool has_doubled_lines(struct finder *finder, Dwarf_Die *copy)
{
	struct run runs[RUNS_MAX];
	bool was_own = false, is_double = false;
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	size_t nr = 0;

	while ((at = dwarf_ranges(copy, at, &base, &start, &end)) > 0) {
		was_own = false;
		for (size_t i = rows_below(finder, start); row_addr(finder, i) < end; i++) {
			Dwarf_Line *row = dwarf_onesrcline(finder->rows, i);
			struct run run = { .file = base_name(dwarf_linesrc(row, NULL, NULL)) };
			bool is_it = row_addr(finder, i) != row_addr(finder, i + 1) &&
				     !is_in_inner(copy, row_addr(finder, i), 0);

			if (row_addr(finder, i) == row_addr(finder, i + 1))
				continue;
			dwarf_lineno(row, &run.line);
			dwarf_linecol(row, &run.column);
			if (!is_it || !run.line) {
				was_own = is_it && was_own;
				continue;
			}
			if (was_own && nr && !run_compare(&runs[nr - 1], &run))
				continue;
			was_own = true;
			if (nr == RUNS_MAX)
				return true;
			runs[nr++] = run;
		}
	}
	qsort(runs, nr, sizeof(*runs), run_compare);
	for (size_t i = 1; i < nr; i++)
		is_double |= !run_compare(&runs[i - 1], &runs[i]);
	return is_double;
}

static const char *why_not_proved(struct finder *finder, struct proof *proof, Dwarf_Die *die,
				  size_t entry)
{
	if (is_bypassed(proof, entry))
		return entered_elsewhere;
	if (is_looped(proof, entry))
		return jumped_to;
	if (is_repeated(proof, entry) || has_doubled_lines(finder, die))
		return doubled;
	return is_vectorized(finder, entry) ? merged : NULL;
}

/* The entry of a copy without marks. */
static int copy_prove(struct finder *finder, const struct inlined_copy *copy)
{
	struct flow *flow = &finder->flow;
	struct proof proof = { .flow = flow, .seen = finder->seen };
	Dwarf_Die die = copy->die;
	uint64_t low = code_from(&die, 0);
	Dwarf_Addr addr = low;
	const char *why = copy->is_nested ? nested : not_decoded;
	size_t entry;

	if (low == UINT64_MAX)
		return report(finder, copy, 0, unmarked);
	if (!dwarf_entrypc(&die, &addr) && dwarf_haspc(&die, addr) <= 0)
		addr = low;
	entry = finder->has_flow && !copy->is_nested ? flow_at(flow, addr) : FLOW_NONE;
	if (entry != FLOW_NONE) {
		proof.in = calloc(1, flow->nr);
		if (!proof.in)
			return -ENOMEM;
		for (size_t i = 0; i < flow->nr; i++)
			proof.in[i] = dwarf_haspc(&die, flow->insns[i].addr) > 0;
		why = why_not_proved(finder, &proof, &die, entry);
		free(proof.in);
	}
	return report(finder, copy, addr, why);
}

/* ---- all of a frame ------------------------------------------------------------------------- */

/* This copy, and all that are like it. */
static int likes_report(struct finder *finder, size_t first, uint8_t *is_done)
{
	struct inlined_frame *frame = finder->frame;
	struct inlined_copy *like = &frame->copies[first];
	uint8_t *is_marked = calloc(1, frame->nr);
	struct position position;
	size_t count = 0;
	int err = is_marked ? 0 : -ENOMEM;

	if (!err && position_get(&like->die, &position))
		err = marks_report(finder, like, &position, is_marked, &count);
	for (size_t i = first; i < frame->nr && !err; i++) {
		struct inlined_copy *copy = &frame->copies[i];

		if (is_done[i] || (i != first && !has_same_origin(&copy->die, &like->die)))
			continue;
		is_done[i] = 1;
		if (is_marked[i])
			continue;
		if (count || dwarf_hasattr(&copy->die, DW_AT_GNU_ENTRY_VIEW))
			err = report(finder, copy, 0, unmarked);
		else
			err = copy_prove(finder, copy);
	}
	free(is_marked);
	return err;
}

int inlined_entry_each(struct inlined_frame *frame,
		       int (*fn)(const struct inlined_entry *entry, void *ctx), void *ctx)
{
	struct finder finder = { .frame = frame, .fn = fn, .ctx = ctx };
	uint8_t *is_done = calloc(1, frame->nr + 1);
	int err = is_done ? flow_read(&finder) : -ENOMEM;

	if (dwarf_getsrclines(frame->lines, &finder.rows, &finder.nr_rows))
		finder.nr_rows = 0;
	for (size_t i = 0; i < frame->nr && !err; i++)
		if (!is_done[i])
			err = likes_report(&finder, i, is_done);
	flow_free(&finder.flow);
	free(finder.seen);
	free(is_done);
	return err;
}
