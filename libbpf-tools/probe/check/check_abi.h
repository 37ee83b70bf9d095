/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Where a caller puts arguments of any type, and where it finds the result.
 *
 *	leaf	a type's part that has none
 *	word	what one register, or one place on the stack, has of a value
 */
#ifndef PROBE_CHECK_CHECK_ABI_H
#define PROBE_CHECK_CHECK_ABI_H

#include <blazesym-lite.h>

#include "types/debuginfo_scope.h"

#define ABI_MAX_LEAVES 16

struct abi_leaf {
	const struct type *type;
	uint32_t offset, size; /* size: of a bit-field the bytes that it touches */
	bool is_bits;
	bool is_flag; /* one byte that is 0 or 1, though no bool: which of two variants it is */
};

/* A type taken apart. */
struct abi_leaves {
	struct abi_leaf leaf[ABI_MAX_LEAVES];
	unsigned int count;
	bool is_known; /* all of them are here */
};

void abi_take_apart(const struct type *type, struct abi_leaves *leaves);

enum abi_kind {
	ABI_C,
	ABI_GO,
	ABI_GO_STACK, /* before 1.17 */
	ABI_RUST,     /* its own, which no document promises: what rustc 1.63 to 1.95 do */
};

enum abi_where {
	ABI_UNKNOWN,
	ABI_NOTHING, /* the value has no bytes */
	ABI_WORDS,   /* in registers */
	ABI_STACK,
	ABI_ADDRESS,	   /* in memory, and its address in a register */
	ABI_STACK_ADDRESS, /* ... on the stack */
};

struct abi_word {
	int reg; /* by bsl_reg_get(); BSL_REG_NONE: one that probes don't see */
	uint32_t offset, size;
};

/* Where a value is; registers and stack as they are when the function is entered, or returns. */
struct abi_place {
	enum abi_where where;
	int reg;	/* ABI_ADDRESS */
	uint32_t stack; /* bytes from the stack pointer */
	struct abi_word words[ABI_MAX_LEAVES];
	unsigned int word_count;
};

/* How far registers and stack are used up. */
struct abi {
	enum abi_kind kind;
	const struct bsl_machine *machine;
	const struct bsl_convention *convention;
	unsigned int integers, floats;
	uint32_t stack;	 /* from the first argument there */
	bool is_results; /* these are what the function returns */
	bool is_limited; /* nothing is known but of scalars */
	bool may_split_wide; /* LLVM's 16-byte integers may be half in the last register, or not aligned */
	/* ABI_RUST: the sizes of structures that are returned in registers, and by address. */
	uint32_t most_in_registers, least_by_address;
};

/* The convention of a scope's function, before its first argument. False: where that is isn't known. */
bool abi_start(struct abi *abi, const struct bsl_machine *machine,
	       const struct debuginfo_scope *scope);

/* That of C functions of which only the types are known. result: NULL if there is none. */
void abi_start_c(struct abi *abi, const struct bsl_machine *machine, const struct type *result);

/* The next argument. */
struct abi_place abi_pass(struct abi *abi, const struct type *type, enum debuginfo_passing passing);

/* Behind all arguments: the results. C and its like have one. */
void abi_end_arguments(struct abi *abi);
struct abi_place abi_return(struct abi *abi, const struct type *type,
			    enum debuginfo_passing passing);

#endif /* PROBE_CHECK_CHECK_ABI_H */
