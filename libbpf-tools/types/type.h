/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The types that a spec's expressions can have: a small graph, filled by providers (a written
 * signature, a tracepoint's format; BTF and DWARF plug in the same way) and read by check and generate.
 * Types are immutable and live in an arena or are the static basic ones.
 */
#ifndef TYPES_TYPE_H
#define TYPES_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum type_kind {
	TYPE_VOID,
	TYPE_INT,   /* also char, bool, enumerations' values */
	TYPE_FLOAT, /* known but not computed with: only printed as a whole */
	TYPE_POINTER,
	TYPE_ARRAY,
	TYPE_STRUCT, /* and union: members may overlap */
	TYPE_ENUM,
	TYPE_FUNC, /* only as what a pointer points to */
};

/* Where the bytes that a pointer points to are, and hence how they are read. */
enum type_space {
	SPACE_USER,   /* the current process's memory: bpf_probe_read_user() */
	SPACE_KERNEL, /* bpf_probe_read_kernel() */
	SPACE_CTX,    /* the program's own context: direct loads, cannot fault */
	SPACE_ANY,    /* not written down: the address itself decides, as user and kernel addresses
				 * never overlap on these machines: bpf_probe_read() */
};

struct type;

struct type_member {
	const char
		*name; /* "" for an anonymous struct or union, whose members are found through it */
	const struct type *type;
	uint32_t offset;	      /* in bytes from the start of the struct */
	uint8_t bit_offset, bit_size; /* bit-field: bits within the value at offset; size 0: none */
};

struct type_enumerator {
	const char *name;
	uint64_t value; /* extended to 64 bits by its type's sign */
};

struct type {
	enum type_kind kind;
	const char *name; /* as C writes it: "unsigned int", "struct sock"; for messages and --dump */
	uint32_t size;	  /* in bytes; 0: void, function, incomplete */
	bool is_signed;	  /* INT, ENUM */
	bool is_char;	  /* INT of char type: a pointer to or an array of it is a string for %s */
	bool is_bool;
	bool is_rune; /* INT: a character of Unicode */
	bool is_wide; /* FLOAT that is none: an integer of 16 bytes */
	bool is_complex;
	bool is_unknown; /* the 64-bit contents of a register of which no type is known (arg1):
				 * a number or an address, its upper half is not to be trusted for %d */
	const struct type *target; /* POINTER: what it points to; ARRAY: its elements */
	enum type_space space;	   /* POINTER */
	bool is_reference;	   /* POINTER: C++'s, which stands for what it points to */
	bool is_box;	/* POINTER: Rust's reference or box, shown as what it points to */
	bool is_owner;	/* POINTER: what it points to may change or go while a function has it */
	uint32_t count; /* ARRAY: elements, 0 if unknown; STRUCT: members; ENUM: enumerators */
	const struct type_member *members;	   /* STRUCT: as type_members() gives them */
	const struct type_enumerator *enumerators; /* ENUM: as type_enumerators() gives them */
	const struct type_variants *variants;	   /* STRUCT: as type_variants() gives them */
	const struct type *argument;		   /* STRUCT: as type_argument() gives it */
	struct type_source
		*source; /* STRUCT, ENUM: who makes these on first use; NULL: they are there */
	/* __data_loc of a tracepoint: the member is a u32, its type ARRAY with this set. */
	bool is_data_loc, is_rel_loc;
};

/* One of several forms that a structure may have (Rust's enumerations). */
struct type_variant {
	const char *name;
	const struct type *type; /* of its members, in the structure at: */
	uint32_t offset;
	uint64_t value; /* of the discriminant, as wide as that; is_default: all that no other variant has */
	bool is_default;
};

struct type_variants {
	const struct type *discriminant; /* an integer; NULL: there is one variant */
	uint32_t offset;		 /* of the discriminant */
	const struct type_variant *variants;
	uint32_t count;
};

/*
 * A provider with more types than anybody asks for. complete() fills in `members` or `enumerators`, and
 * `count`, of a type that it has made itself; 0 or -ENOMEM.
 */
struct type_source {
	int (*complete)(struct type_source *source, const struct type *type);
	/* What Go's runtime calls by an address of its own; NULL: nobody knows, or no provider tells. */
	const struct type_named *(*find_runtime)(struct type_source *source, uint64_t addr);
};

/* A type and what its language calls it. */
struct type_named {
	const char *name;
	const struct type *type;
	bool is_pointer; /* type: of what it points to */
};

/* The members of a structure, made now if need be. *count 0: none are known. */
const struct type_member *type_members(const struct type *type, uint32_t *count);

/* NULL: it isn't of several forms. */
const struct type_variants *type_variants(const struct type *type);
/* A template's first type parameter, or NULL. */
const struct type *type_argument(const struct type *type);
/* What Go's runtime has at a link-time address for a type, asked of any structure of the program. NULL: it isn't known. */
const struct type_named *type_find_runtime(const struct type *type, uint64_t addr);

/* The same of an enumeration's values. */
const struct type_enumerator *type_enumerators(const struct type *type, uint32_t *count);

/*
 * The basic type named by one C type name without its pointers, all of C's spellings in any order
 * ("unsigned long int", "long unsigned", "size_t", "u32", "__u64", "uint8_t", "bool", "char", "pid_t", ...),
 * as on the LP64 targets; NULL if it isn't one. The types are static.
 */
const struct type *type_basic(const char *name, size_t len);

/* The i-th of the words that type_basic() knows, for suggestions; NULL behind the last. */
const char *type_basic_name(size_t i);

/* The often needed ones. */
const struct type *type_void(void);
const struct type *type_int(unsigned int size, bool is_signed); /* 1, 2, 4, 8 bytes */
const struct type *type_char(void);
const struct type *type_unknown(void); /* u64 with is_unknown */

/* Derived ones, from the arena; NULL when out of memory. */
const struct type *type_pointer(struct arena *arena, const struct type *target,
				enum type_space space);
const struct type *type_array(struct arena *arena, const struct type *element, uint32_t count);

/*
 * A member by name, looked for through anonymous members too; *offset is counted from the start of
 * `type`. NULL if there is none.
 */
const struct type_member *type_find_member(const struct type *type, const char *name, size_t len,
					   uint32_t *offset);

/* What a.b.c leads to, and where it is. NULL: nowhere, or to a bit-field. */
const struct type *type_find_path(const struct type *type, const char *path, uint32_t *offset);

bool type_is_scalar(const struct type *type); /* INT, ENUM, POINTER */
bool type_is_string(const struct type *type); /* pointer to char or array of char */

/* A structure that is a string with its length: std::string, Go's string, Rust's &str and String. */
struct type_text {
	const struct type *data, *len; /* of the members: a pointer, and an integer of 8 bytes */
	uint32_t data_offset, len_offset;
	bool is_owner; /* its bytes end with it, and may go with what it is moved to */
};

/* Is it one of these? Fills in where its parts are. */
bool type_find_text(const struct type *type, struct type_text *text);

enum type_shape_kind {
	SHAPE_ELEMENTS,	 /* as many as there are, one behind the other at an address */
	SHAPE_POINTEE,	 /* one at an address, or none */
	SHAPE_MEMBER,	 /* stands for a member of its own */
	SHAPE_OPTIONAL,	 /* the same, if it is there */
	SHAPE_COUNT,	 /* of elements that aren't shown */
	SHAPE_MAP,	 /* the same, Go's: the count is at an address */
	SHAPE_INTERFACE, /* Go's: of any type, which it names */
};

/* A structure of a library or language that people see as something else. */
struct type_shape {
	enum type_shape_kind kind;
	const struct type *element; /* ELEMENTS, POINTEE; MEMBER, OPTIONAL: the member */
	uint32_t data_offset;	    /* of the address, or the member */
	uint32_t len_offset;	    /* ELEMENTS, COUNT: the number; OPTIONAL: whether it is there */
	bool is_end;		    /* ELEMENTS: behind the last one, in place of the number */
	uint32_t element_offset;    /* POINTEE: of the element, from the address */
	bool is_owner;		    /* what it leads to ends with it */
	bool has_table; /* INTERFACE: the type is named by a table, in its second word */
};

/* Is it one of these? Pointers may be: Go's maps. */
bool type_find_shape(const struct type *type, struct type_shape *shape);

/* C's declaration of `name` with this type ("char *filename", "int v[4]") into buf, cut at size. */
const char *type_declare(const struct type *type, const char *name, char *buf, size_t size);

#endif /* TYPES_TYPE_H */
