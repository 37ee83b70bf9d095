/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A spec as a tree. parse() builds it from text; check() makes a typed copy of its expressions for one
 * probe context, in which every conversion is explicit, so that generate() knows nothing of C's rules.
 */
#ifndef PROBE_SPEC_AST_H
#define PROBE_SPEC_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types/type.h"
#include "probe/spec/var.h"

enum expr_kind {
	EXPR_INT,     /* value */
	EXPR_STRING,  /* text, len: only as STRCMP's first argument */
	EXPR_NAME,    /* text: arg1, $pid, retval, args, a parameter; after check: var */
	EXPR_UNARY,   /* op a: - ~ ! */
	EXPR_DEREF,   /* *a; after check also what a[i] and a->m become */
	EXPR_ADDRESS, /* &a */
	EXPR_BINARY,  /* a op b: arithmetic, comparison, shifts */
	EXPR_LOGICAL, /* a && b, a || b: b is evaluated only if a doesn't decide; result int 0 or 1 */
	EXPR_COND,    /* a ? b : c */
	EXPR_CAST,    /* (type_name) a; after check every conversion, to `type` */
	EXPR_MEMBER, /* a.text or a->text (arrow); not in checked trees */
	EXPR_INDEX,  /* a[b]; not in checked trees */
	EXPR_SIZEOF, /* sizeof(type_name) or sizeof a; not in checked trees */
	EXPR_STRCMP, /* STRCMP(a = EXPR_STRING, b): int 1 if the string at b equals the literal, else 0 */
	EXPR_STRNCMP,  /* STRNCMP(a, b, c = constant length) kept for BCC-like prefix tests */
	EXPR_BITFIELD, /* checked trees only: the `bit_size` bits from `bit_offset` of a */
	EXPR_PIECES, /* checked trees only: a structure that isn't in memory as a whole: its 1, 2, 4 or 8
				 * bytes (bit_size / 8) at offset `value` are a; b: the other pieces, or NULL */
};

enum expr_op {
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_SHL,
	OP_SHR,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_LOGICAL_AND,
	OP_LOGICAL_OR,
	OP_NEG,
	OP_NOT /* ! */,
	OP_COMPL /* ~ */,
};

struct expr {
	enum expr_kind kind;
	enum expr_op op;
	int pos;		 /* byte offset in the spec's text, for errors */
	const struct type *type; /* after check: the value's type; never NULL there */
	struct expr *a, *b, *c;
	uint64_t value;	  /* EXPR_INT: two's complement, as wide as `type` */
	const char *text; /* EXPR_NAME, EXPR_MEMBER: the name; EXPR_STRING: the bytes, unescaped */
	size_t len;	  /* of text */
	bool arrow;	  /* EXPR_MEMBER */
	bool is_bytes;	  /* EXPR_STRING: compared byte by byte, NULs included (-B) */
	bool is_unsigned, is_long;   /* EXPR_INT: suffixes u, l as written */
	bool is_decimal;	     /* EXPR_INT: written in base 10, which decides its type in C */
	unsigned int depth;	     /* levels of the tree below and with this node */
	struct type_name *type_name; /* EXPR_CAST, EXPR_SIZEOF as written */
	const struct var *var;	     /* EXPR_NAME after check */
	uint8_t bit_offset, bit_size; /* EXPR_BITFIELD */
};

/* A type as written in a cast, sizeof or signature: a base name and a number of stars. */
struct type_name {
	int pos;
	const char *
		base; /* "unsigned int", "struct sock", one blank between words; qualifiers dropped;
				 * "" for the `@user` of argN@user: what it is, but in user memory */
	size_t len;
	unsigned int stars;
	bool is_user; /* `__user` was written: the outermost pointer points to user memory */
};

struct param {
	struct type_name type;
	const char *name; /* NUL-terminated; "" if none was written */
	int pos;
};

/* What a conversion of the format makes of its argument. */
enum field_kind {
	FIELD_INT, /* %d %i %u %x %X %o %c %p and their h, l, ll forms */
	FIELD_STR, /* %s: NUL-terminated, at most -Z bytes; an array of char: at most its size */
	FIELD_STR_LEN, /* %.*s: two arguments, length then pointer, as in C */
	FIELD_KSYM,    /* %K: the name of an address in the kernel */
	FIELD_USYM,    /* %U: in the process */
	FIELD_OBJECT,  /* %O: a value of any type, printed by its type */
};

/* What a member of an object leads to. */
enum inner_kind {
	INNER_NONE,
	INNER_STRING,
	INNER_BYTES, /* of elements, or of one that is pointed to */
	INNER_TYPE,  /* of an interface's value: its link-time address */
	INNER_COUNT, /* of a map's elements */
};

struct inner {
	enum inner_kind kind;
	uint32_t offset; /* of the member in the object; with is_nested in the bytes of the object's member at `parent` */
	uint32_t parent;
	bool is_nested;
};

/* One conversion. The text between conversions is in the format itself. */
struct field {
	enum field_kind kind;
	int pos;		   /* of its `%` in the spec's text */
	size_t fmt_start, fmt_end; /* the conversion's bytes in spec_format.text: [start, end) */
	char conv; /* d i u x X o c p s K U O; T: a time in ns, printed in the unit that suits it */
	unsigned int
		int_size; /* FIELD_INT: as the format says: 1 (hh, c), 2 (h), 4, 8 (l, ll, z, j, t, p) */
	bool is_signed;			    /* FIELD_INT: %d %i %c */
	bool minus, zero, plus, space, alt; /* flags - 0 + blank # */
	int width;			    /* -1: none */
	int precision; /* -1: none; for %s at most so many bytes; for integers digits, as in C */
	struct expr *expr;     /* after check: the value, converted to the type that is recorded */
	struct expr *len_expr; /* FIELD_STR_LEN: the length */
	struct inner inner;    /* after check: not of the format, but of the FIELD_OBJECT before */
	const char *name; /* of a format that nobody wrote: what the value is called, else NULL */
	bool is_result;	  /* one of several that the function returns */
	bool is_quoted;	  /* FIELD_STR: "text", and only ? where it can't be read */
	bool is_shallow;  /* FIELD_OBJECT: a pointer is an address, whatever it points to */
};

/* A value that a format would have if it could be read. */
struct missing {
	const char *name, *why;
	bool is_result; /* one of several */
};

struct spec_format {
	const char
		*text; /* between the quotes, escapes (\n \t \" \\ \xHH) resolved, NUL-terminated */
	size_t len;
	int pos;
	struct field *fields;
	unsigned int field_count;
	/* Without a written format: the fields have names, and these have none. */
	bool is_default;
	struct missing *missing;
	unsigned int missing_count;
};

enum spec_kind {
	SPEC_ENTRY,	 /* p: function entry, or any address */
	SPEC_RETURN,	 /* r: */
	SPEC_TRACEPOINT, /* t:category:event */
	SPEC_USDT,	 /* u:lib[:provider]:probe */
};

/* What is made of the hits, if not a line of each: kept in the kernel, by the values of the format. */
enum aggregate {
	AGGREGATE_NONE,
	AGGREGATE_COUNT, /* how many */
	AGGREGATE_SUM,	 /* the sum of a measure */
	AGGREGATE_HIST,	 /* how often a measure had which power of two */
};

/* A parsed spec. All strings and nodes live in its arena. */
struct spec {
	struct arena *arena; /* borrowed */
	const char *text;    /* the whole spec, as given */
	enum spec_kind kind;
	const char *
		lib; /* p, r, u: as written; "" = the kernel (p, r) or the process given by -p (u) */
	int lib_pos;
	const char *func; /* p, r: name or pattern, "" with has_addr; t: event; u: probe (pattern) */
	int func_pos;
	const char *category; /* t: category; u: provider, "" if not written */
	const char *file;     /* p:bin:file.c:42: "file.c" and line, else NULL and 0 */
	unsigned int line;
	bool has_addr; /* p:lib:0x1234: an ELF virtual address */
	uint64_t addr;
	uint64_t offset; /* func+offset, in bytes */
	bool is_pattern; /* func has wildcards */
	const char *
		literal; /* with is_pattern: func if it has none, as brackets are in Go's names, too. NULL: it has some */
	const char *
		overload; /* func with the types in parentheses behind it, if they can be those of C++; else NULL */
	bool is_overload; /* they can be nothing else */
	bool has_signature;
	struct param *params;
	unsigned int param_count;
	struct expr *predicate; /* NULL if none */
	bool has_format;
	struct spec_format format;
	struct expr **args; /* the expressions after the format, in order */
	unsigned int arg_count;
	/* Not of the text: see struct probe_opts. */
	bool adds_up; /* what tells hits apart is what was written: there is no format by types */
	enum aggregate aggregate;
	const char *measure_text;
	struct expr *measure; /* AGGREGATE_SUM, _HIST */
};

/*
 * Print an expression back as C, fully parenthesized, with types where check has set them and
 * `show_types`: `(int)arg1 > (int)5`. For --dump and golden tests. Returns buf.
 */
const char *ast_print_expr(const struct expr *expr, bool show_types, char *buf, size_t size);

/* Do the pieces of an EXPR_PIECES have all of the `size` bytes at an offset? */
bool ast_has_piece(const struct expr *pieces, uint64_t offset, uint32_t size);

#endif /* PROBE_SPEC_AST_H */
