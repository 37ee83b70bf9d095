/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What check's files share. Functions that return a pointer return NULL for an error, described in
 * the diag; if the diag is empty it was -ENOMEM.
 */
#ifndef PROBE_CHECK_CHECKER_H
#define PROBE_CHECK_CHECKER_H

#include "types/arena.h"
#include "probe/check/check.h"
#include "probe/spec/suggest.h"

struct debuginfo_variable;

struct checker {
	struct arena *arena;
	struct diag *diag;
	const struct spec *spec;
	const struct probe_context *context;
	const struct type **param_types; /* of spec->params */
	struct known_var *vars;		 /* those used so far: one per name */
	struct checked *checked;	 /* the result */
	struct check_kept *kept;	 /* parameters kept for the return, see check_entry.c */
};

/* diag_error() for functions that return pointers. */
#define check_fail(c, pos, ...) (diag_error((c)->diag, pos, __VA_ARGS__), (void *)0)

/* ---- check_vars.c: a var per name ---- */

/* The var of a name that was used already; NULL: it wasn't. */
struct var *check_find_var(struct checker *c, const char *name);
/* The name is borrowed. A type of NULL is an allocation that failed. */
struct var *check_new_var(struct checker *c, const char *name, enum var_where where,
			  const struct type *type);
/* A var in a register by bsl_reg_get()'s number, and one in an 8-byte slot of the context. */
struct var *check_register_var(struct checker *c, const char *name, int reg, int pos,
			       const struct type *type);
struct var *check_slot_var(struct checker *c, const char *name, int32_t offset,
			   const struct type *type);
/* The machine of the context; NULL with the diag set if nothing is known of it. */
const struct bsl_machine *check_machine(struct checker *c, int pos);
/* The index-th integer argument (from 0) at a function's entry, and what it returns, by the calling convention. */
struct var *check_argument_var(struct checker *c, const char *name, unsigned int index, int pos,
			       const struct type *type);
struct var *check_result_var(struct checker *c, const char *name, int pos, const struct type *type);
/* The contents of a register by bsl_reg_get()'s number, of type_unknown(). */
struct expr *check_register_value(struct checker *c, int reg, int pos);

/* ---- check_names.c ---- */

/* The var that an EXPR_NAME stands for. */
const struct var *check_name(struct checker *c, const struct expr *e);
/* The enumerator that a name is where the kernel's types are known, as an integer; NULL and no error: none. */
struct expr *check_constant(struct checker *c, const struct expr *e);
/* The register of ctx->NAME; NULL and no error if e isn't of that form, see *is_register. */
const struct var *check_register(struct checker *c, const struct expr *e, bool *is_register);

/* ---- check_scope.c: names by DWARF ---- */

/* A name of the program, with its value as it is at the probed place; NULL and no error: it has none of that name. */
struct expr *check_scope_name(struct checker *c, const struct expr *e);
/* Suggest the program's names. */
void check_scope_suggest(struct checker *c, struct suggest *near);

/* ---- check_entry.c ---- */

/*
 * At a return: have a probe at the entry keep what `var` is there, and make var stand for that (where: VAR_ENTRY), or for
 * the time since (VAR_LATENCY).
 */
struct var *check_keep_var(struct checker *c, struct var *var, enum var_where where, int pos);
/* The same for a parameter's value of any type, as it is at the entry. */
struct expr *check_keep(struct checker *c, const char *name, struct expr *value);
/*
 * Of such a value that is a string, its address at an offset: the first bytes as they are at the entry, an array of char in pieces, of
 * which `len` are the string's. NULL and no error: the value isn't one that was kept.
 */
struct expr *check_keep_text(struct checker *c, const struct expr *value, uint32_t data_offset,
			     struct expr *len);

/* ---- check_location.c ---- */

/* The value of a variable at the probed place. */
struct expr *check_location(struct checker *c, const struct debuginfo_variable *variable, int pos);

/* ---- check_pieces.c ---- */

/* What has `size` bytes at an offset in pieces, as `type`. */
struct expr *check_piece(struct checker *c, int pos, struct expr *pieces, uint32_t offset,
			 const struct type *type);

/* A parameter or result of the kernel that is a structure, or behind one; NULL and no error: it is neither. (check_names.c) */
struct expr *check_by_value(struct checker *c, const struct expr *e);

/* ---- check_argument.c ---- */

/* arg1, arg2, ...: its number, 0 for "arg0" and all too large ones; false if the name is no such. */
bool check_argument_number(const char *name, unsigned int *number);
/* What DWARF tells for certain of where a caller puts an argument. */
struct check_witness {
	int reg;       /* in this register, or BSL_REG_NONE: not told */
	uint64_t lost; /* bit i: byte i of it may not be passed at all */
};

/* A parameter where the calling convention puts it, at the function's entry; refused if the witness contradicts. */
struct expr *check_argument(struct checker *c, const struct debuginfo_variable *variable,
			    const struct check_witness *witness, int pos);
/* What the function returns, at its return; result: one of Go's several, else NULL. */
struct expr *check_result(struct checker *c, const char *name,
			  const struct debuginfo_variable *result, int pos);
/* The same of a function whose parameters the context knows, when some are structures that are passed by value. */
struct expr *check_known_argument(struct checker *c, const char *name, unsigned int index, int pos);
struct expr *check_known_result(struct checker *c, const char *name, int pos);

/* ---- check_text.c ---- */

/* What is in a structure at an offset. */
struct expr *check_member_value(struct checker *c, struct expr *e, const struct type *type,
				uint32_t offset);
/* Is any of it what the entry had? */
bool check_is_kept(const struct expr *e);
/* A string that is a structure, at an offset in e: its bytes and their number. 0, -EINVAL or -ENOMEM. */
int check_text_field(struct checker *c, struct field *field, struct expr *e, uint32_t offset,
		     const struct type_text *text);

/* ---- check_object.c ---- */

/* %O; the strings that the object points to become fields behind it, up to `most` altogether. 0, -EINVAL, -ENOMEM. */
int check_object_field(struct checker *c, struct field *field, const struct expr *arg,
		       struct checked *checked, unsigned int most);
/* Would it find all that it needs at this place? */
bool check_is_printable(struct checker *c, const struct expr *arg);

/* ---- check_default.c ---- */

/* Without a format, and where the types are known: go on with a copy of the spec that has one. 0 or -ENOMEM. */
int check_default_format(struct checker *c);

/* ---- check_types.c ---- */

/* Where a pointer points to if nothing says otherwise. */
enum type_space check_default_space(const struct probe_context *context);
/* A written type; its outermost pointer points to `space` unless __user was written. */
const struct type *check_type_name(struct checker *c, const struct type_name *name,
				   enum type_space space);
/* A structure of which only the name was known, as the kernel defines it, where it may be the kernel's. */
const struct type *check_known_struct(struct checker *c, const struct type *type);
/* Resolve the types of the signature. 0, -EINVAL or -ENOMEM. */
int check_params(struct checker *c);

/* A number without a fraction: an enumeration, too; not a pointer. */
bool check_is_integer(const struct type *type);
/* Are values of both types the same bits in a register? is_unknown doesn't matter. */
bool check_same_type(const struct type *a, const struct type *b);

/* ---- check_nodes.c: typed nodes, folded as they are made ---- */

/* A constant. */
struct expr *check_new_int(struct checker *c, int pos, const struct type *type, uint64_t value);
/* e converted to a scalar type: e itself if it needs nothing. */
struct expr *check_convert(struct checker *c, struct expr *e, const struct type *type);
/* The same, but the result's type is exactly `type`. */
struct expr *check_cast_to(struct checker *c, struct expr *e, const struct type *type);
/*
 * The low bytes of a 64-bit word as a value of a scalar type. Not C's conversion: what a register holds beside a bool
 * is not part of it.
 */
struct expr *check_from_word(struct checker *c, struct expr *word, const struct type *type);
/* C's integer promotions. */
struct expr *check_promote(struct checker *c, struct expr *e);
/* The type of C's usual arithmetic conversions of two promoted operands. */
const struct type *check_usual_type(const struct type *a, const struct type *b);
struct expr *check_new_unary(struct checker *c, int pos, enum expr_op op, const struct type *type,
			     struct expr *a);
/* Operands are converted already. */
struct expr *check_new_binary(struct checker *c, int pos, enum expr_op op, const struct type *type,
			      struct expr *a, struct expr *b);
struct expr *check_new_expr(struct checker *c, enum expr_kind kind, int pos,
			    const struct type *type, struct expr *a, struct expr *b);
/* A var's value; NULL if there is no var. */
struct expr *check_new_name(struct checker *c, const struct var *var, int pos);
/* A pointer plus `count` (of any integer type) times `size` bytes, as a pointer to `target`. */
struct expr *check_advance(struct checker *c, int pos, struct expr *pointer, struct expr *count,
			   uint64_t size, const struct type *target);
/*
 * May a value of `type` be read through this pointer? In the context only a constant place may; says
 * what is wrong.
 */
bool check_context_place(struct checker *c, int pos, const struct expr *pointer,
			 const struct type *type);
/* What is at a pointer plus an offset; a pointer within the context must be a constant place. */
struct expr *check_new_deref(struct checker *c, int pos, struct expr *pointer, uint32_t offset,
			     const struct type *type);

/* ---- check_expr.c ---- */

/* Any expression: its type may be an array or a structure too, where C has an lvalue. */
struct expr *check_expr(struct checker *c, const struct expr *e);
/* A scalar: arrays decay to pointers; pointers into the context are let through. */
struct expr *check_operand(struct checker *c, const struct expr *e);
/* A scalar that can be computed with. */
struct expr *check_value(struct checker *c, const struct expr *e);
/* What %s and STRCMP take: a pointer to char, or an array of char as it is. */
struct expr *check_string(struct checker *c, const struct expr *e, const char *what);

#define CHECK_TEXT_SIZE 80
/* The expression as written, shortened, for messages. Returns buf. */
const char *check_text(const struct expr *e, char *buf, size_t size);

#endif /* PROBE_CHECK_CHECKER_H */
