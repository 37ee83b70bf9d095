/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * From names to meanings and from syntax to types: C's rules for the LP64 targets.
 */
#ifndef PROBE_CHECK_CHECK_H
#define PROBE_CHECK_CHECK_H

#include "probe/spec/checked.h"
#include "probe/spec/diag.h"

/*
 * Give every name its var, every expression its type, and make every conversion an EXPR_CAST.
 *
 * Names. p, r: arg1..arg6 (arg7, arg8 from registers on arm64, from the stack on x86_64), by the C calling convention of the
 * context's machine; with a signature its parameters by name and argN with the type written; parameters by name and typed argN also
 * where the context knows them. r: retval, $latency, and all these as they were at the entry, for which checked->entry_values
 * says what a probe there has to keep. u: arg1..argN with the operand's size and sign. t: args. Everywhere:
 * $pid ($tid) $tgid $uid $gid $cpu $comm $nsecs $task, and $retval like retval. p, r, u: ctx->REGISTER, of type_unknown(). An unknown one is an error with the nearest known
 * name. argN without a type is type_unknown().
 *
 * Types. C's integer promotions and usual arithmetic conversions; comparisons and && || ! give int; a shift has
 * its promoted left operand's type; pointers compare and subtract as in C, pointer + n scales; signed division by constants included.
 * A type_unknown() takes part as unsigned 64 bits - except that, compared with or combined with a negative constant or a signed int, it is
 * what BCC's u64 would be; no surprise is added. *p for a pointer to char is a char. argN used as a pointer needs a cast.
 *
 * Shape of checked trees, for generate():
 *  - EXPR_INT, EXPR_NAME(var), EXPR_UNARY, EXPR_BINARY (both operands of the same type, except shifts and
 *    pointer differences, which are spelt out in plain 64-bit arithmetic), EXPR_LOGICAL, EXPR_COND, EXPR_CAST, EXPR_DEREF, EXPR_STRCMP,
 *    EXPR_STRNCMP, EXPR_BITFIELD only.
 *  - a[i], p->m, s.m are EXPR_DEREF(address arithmetic on 64-bit ints, cast to a pointer type): the space to read from is
 *    a->type->space. EXPR_DEREF of scalar type loads; of array or struct type it stands for its address (arrays decay:
 *    the result is a pointer). Within SPACE_CTX the address is EXPR_NAME(VAR_CTX_ADDR) plus a constant.
 *    args->name of a __data_loc field: EXPR_DEREF whose type is_data_loc; as a string for %s only.
 *  - $comm has type char[16] and is only for %s and STRCMP.
 *  - Constant subtrees are folded.
 *  - Integer conversions are explicit casts; an operand of type int is in a register sign-extended to 64 bits,
 *    unsigned ones zero-extended: generate() keeps that invariant after every operation.
 *
 * Fields. %d of an expression of declared type records as wide as the wider of format and type (a size_t
 * under %d is printed whole; %c, %hd and %hhd cut, which is their use), of type_unknown() as wide as the format says. %s takes a pointer to char, an array of char, $comm,
 * or type_unknown() or another pointer or 64-bit integer (an address, BCC's habit: user memory unless the context is the kernel's). `argN@user` was parsed as
 * a cast to a user pointer. %K and %U take any address. %.*s takes (int length, pointer): len_expr is
 * a 64-bit number. Too few or too many arguments are errors that name the counts.
 *
 * Without a format, parameters and values of known type are printed by it: `n1=3, n2=2`, and at the return
 * `(n1=3, n2=2) = 5 <1.234 us>`; checked->spec is then a copy of the spec with that format.
 *
 * Returns 0, -EINVAL (see diag) or -ENOMEM.
 */
int check_spec(const struct spec *spec, const struct probe_context *context,
	       struct checked **checked, struct diag *diag);

#endif /* PROBE_CHECK_CHECK_H */
