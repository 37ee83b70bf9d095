/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What generate's files share.
 *
 * Invariant: a value in a virtual register is its C value extended to 64 bits, by its type's sign.
 */
#ifndef PROBE_GENERATE_GENERATE_PRIVATE_H
#define PROBE_GENERATE_GENERATE_PRIVATE_H

#include <blazesym-lite.h>

#include "probe/generate/generate.h"

struct generator {
	struct code *code;
	const struct record *record;
	const struct bsl_machine *machine; /* of the registers in the context */
	const struct generate_opts *opts;
	struct diag *diag;
	int err;
	int ctx;	 /* vreg: the program's context */
	int pid_tgid;	 /* vreg */
	int rec;	 /* vreg: the record being filled */
	int scratch;	 /* vreg: the scratch slot it is in, or -1 */
	int used;	 /* vreg: bytes of the record in use, or -1 as long as that is fixed_size */
	int read_buffer; /* stack offset where values are read to; 0: none yet */
	int touch_buffer;  /* stack offset of what is read only to fault a page in; 0: none yet */
	int string_buffer; /* stack offset for STRCMP; 0: none yet */
	unsigned int string_buffer_size;
	int drop, lost, unreadable; /* labels */
	int entry_values;	    /* stack offset of what was kept at the entry */
	int entry_found;	    /* vreg: 0: there was nothing; else which could be read */
	int busy;	/* is_guarded: vreg with the address of how many programs run on this CPU */
	int nested;	/* and the label for one too many */
	int fault;	/* label to jump to when memory cannot be read; g->fault_code says why */
	int fault_code; /* vreg that gets the errno before the jump, or -1: nobody asks */
};

/* ---- generate_entry.c ---- */

/* At the entry: keep checked->entry_values for the return. */
void generate_keep(struct generator *g);
/* At the return: take them out again. */
void generate_recall(struct generator *g);

/* ---- generate_expr.c ---- */

/* Go on if the expression is true, jump to if_false if it isn't, to g->fault if it has no value. */
void generate_branch(struct generator *g, const struct expr *expr, int if_false);
/* The value of an expression, in a virtual register. */
int generate_value(struct generator *g, const struct expr *expr);

/* ---- generate_read.c ---- */

/*
 * A read of memory into the stack or the record. In a sleepable program user memory gets a second chance:
 * bpf_copy_from_user() may fault pages in, so it touches the first and the last byte that is wanted, and what it
 * copies is thrown away.
 */
struct read {
	int helper;
	enum type_space space;
	int dst, dst_offset; /* register and what is added to it */
	int size, size_imm;  /* register, or -1 and a constant */
	int addr;	     /* register */
	uint32_t most;	     /* bytes that size can be */
	bool is_str;	     /* the helper returns a length, else 0 */
};

/* Goes on if it has read, with what the helper returned in `result`; else jumps to g->fault. */
void generate_read(struct generator *g, const struct read *read, int result);
int generate_read_helper(enum type_space space);
int generate_read_str_helper(enum type_space space);
/* The 1, 2, 4 or 8 bytes at the address in `addr`, of a space other than SPACE_CTX, in a virtual register. */
int generate_load(struct generator *g, int addr, unsigned int size, bool is_signed,
		  enum type_space space);
/* A register of the context by its number in g->machine, in a virtual register. */
int generate_register(struct generator *g, int reg);
/* Extend the low `size` bytes of a virtual register to 64 bits. */
void generate_extend(struct generator *g, int v, unsigned int size, bool is_signed);
/* Leave the expression: `why` it has no value. */
void generate_fault(struct generator *g, int why);
/* Is this address the context plus a constant? */
bool generate_context_offset(const struct expr *e, int64_t *offset);
/* An address within the context in a virtual register, as a number that the read helpers take. */
int generate_context_address(struct generator *g, int64_t offset);
/* The map's element whose key is in the stack's buffer at `key`, into r0; 0: there is none. */
void generate_look_up(struct generator *g, int map_fd, int key);

/* ---- generate_string.c ---- */

/* Look through all expressions for what they need in common: the stack's string buffer. */
void generate_prepare(struct generator *g);
/* STRCMP and STRNCMP: go on if equal, jump to `differs` if not. */
void generate_strcmp(struct generator *g, const struct expr *expr, int differs);
/* The command's name, RECORD_COMM_SIZE bytes, to base + offset. */
void generate_comm(struct generator *g, int base, int offset);
/* Evaluate a field and store it into the record. */
void generate_field(struct generator *g, const struct record_field *field, unsigned int index);

/* ---- generate_stack.c ---- */

/* Put the stacks that the record has behind its strings. */
void generate_stacks(struct generator *g);

/* ---- generate_aggregate.c ---- */

/* Before the record is filled: clear what its fields won't. */
void generate_clear_key(struct generator *g);
/* What is summed up, in a virtual register; -1: nothing. Jumps to g->fault where it can't be read. */
int generate_measure(struct generator *g);
/* The record is the key: add to its value, and give the scratch slot back. Goes on if the map was full, counted. */
void generate_aggregate(struct generator *g, int measure);

/* ---- generate_scratch.c ---- */

/* Where in scratch memory, from the record on, the value is that new keys start with. */
uint32_t generate_key_room(const struct record *record);
/* Take a slot that no probe which this one interrupted is using, into g->scratch, and g->rec in it; else jump to g->lost. */
void generate_lock(struct generator *g);
/* Give the scratch slot back. */
void generate_unlock(struct generator *g);

/* ---- generate_output.c ---- */

/* g->rec: ring buffer memory of the record's one size; jumps to g->lost if there is none. */
void generate_reserve(struct generator *g);
/* Hand the record over, and wake the consumer if it is asleep. Jumps to g->lost if there was no room. */
void generate_submit(struct generator *g);
/* Hand the record to the consumer as it is. A full ring is not counted as a loss. */
void generate_output_key(struct generator *g);
/* Add 1 to an element of a per-CPU array; to the probe's. */
void generate_count_element(struct generator *g, int map_fd, uint32_t element);
void generate_count(struct generator *g, int map_fd);

/* ---- generate_filter.c ---- */

/* g->pid_tgid, and a jump to g->drop for what the options leave out. */
void generate_filters(struct generator *g);

#endif /* PROBE_GENERATE_GENERATE_PRIVATE_H */
