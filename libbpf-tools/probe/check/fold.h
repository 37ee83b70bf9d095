/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * C's integer arithmetic on constants. A value is held in 64 bits, sign- or zero-extended as its type
 * says; signed overflow wraps, as it does in the kernel.
 */
#ifndef PROBE_CHECK_FOLD_H
#define PROBE_CHECK_FOLD_H

#include "probe/spec/ast.h"

/* The value converted to an integer or pointer type. */
uint64_t fold_convert(uint64_t value, const struct type *to);

/* op a, of the promoted type `type`; OP_NOT gives an int. */
uint64_t fold_unary(enum expr_op op, const struct type *type, uint64_t a);

/*
 * a op b, both of `type`; for shifts `type` is that of a. Comparisons give an int. Division by zero and
 * shifts by more than the width have no value: the caller has refused them.
 */
uint64_t fold_binary(enum expr_op op, const struct type *type, uint64_t a, uint64_t b);

#endif /* PROBE_CHECK_FOLD_H */
