/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows described once: each kind of row that a tool prints is a table of columns. Header, text, JSON,
 * --columns and the fields in --help come from it, and a test compares man/TOOL.8's FIELDS with it.
 */
#ifndef LIB_ROW_H
#define LIB_ROW_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/output.h"
#include "lib/timestamp.h"

/*
 * A new column of opensnoop is a line in opensnoop.c's table, at its place in the row:
 *
 *	{ "UID", "uid", ROW_UNSIGNED, -5, AT(uid), .when = { 'U' }, .help = "the user's number" },
 *	  |      |      |             |   |        |                |
 *	  |      |      |             |   |        |                one line, for --help and the man page
 *	  |      |      |             |   |        shown with -U only; in JSON always
 *	  |      |      |             |   where the value is: a member of opensnoop.h's record
 *	  |      |      |             its width in text, as in printf: a negative one is aligned left
 *	  |      |      how the value is stored, and so how it is printed
 *	  |      the key in JSON
 *	  the title in the header
 *
 * and an entry of FIELDS in man/opensnoop.8 and of docs/json.md, which tests/tools/test_fields.py
 * compares, and writes with UPDATE_FIELDS=1. A value that is not in the record as it is to be shown
 * has a function, .get, instead of AT(). A table with an .order names the column there, too.
 *
 * One rule for what is missing. A value that could not be read is unknown: ? in text, null in JSON
 * with a member KEY_error that says why. One that there is none of is -, and has no member in JSON;
 * if there could have been one, null and KEY_error say why there isn't.
 */

enum row_kind {
	ROW_UNSIGNED, /* whole numbers of 1, 2, 4 or 8 bytes */
	ROW_SIGNED,
	ROW_OCTAL,	/* flags, with as many digits as the width; a number in JSON */
	ROW_BOOL,	/* .words in text */
	ROW_CHARS,	/* an array of char, up to a NUL */
	ROW_STRING,	/* a const char *; NULL: there is none */
	ROW_IP,		/* by .get only: family and address */
	ROW_CLOCK,	/* ktime: HH:MM:SS in text, seconds since 1970 in JSON */
	ROW_ELAPSED,	/* ktime: seconds since the start in text, as before in JSON */
	ROW_ELAPSED_US, /* the same, microseconds */
	ROW_EPOCH,	/* ktime: seconds since 1970 */
	ROW_US,		/* nanoseconds, shown as microseconds */
	ROW_MS,		/* nanoseconds, shown as milliseconds */
	ROW_DOUBLE,
	ROW_RATE,  /* a double, with a decimal in text if it is small and not whole */
	ROW_FD,	   /* an int: a descriptor, or the negative errno of having none */
	ROW_ERRNO, /* an int that is a negative errno on failure: the error's number, or 0 */
	ROW_ERROR, /* the same: its name, or none */
	ROW_LIST,  /* by .list: strings */
	ROW_APART, /* put by the tool itself after row_put(): only in the list of fields */
	ROW_KINDS,
};

enum row_state { ROW_IS_THERE, ROW_IS_NONE, ROW_IS_UNKNOWN };

/* A column's value in one row. There and whole until .get says otherwise. */
struct row_value {
	int arg; /* the column's */
	enum row_state state;
	const char *why; /* not there: the reason, trusted text. Unknown values have one. */
	bool is_cut;	 /* a string with more to it: "..." in text, KEY_truncated in JSON */
	union {
		uint64_t number; /* an int64_t in it if the kind is signed */
		double real;
		struct {
			const char *text; /* untrusted, len bytes */
			size_t len;
		};
		struct {
			const uint8_t *address; /* 4 or 16 bytes */
			int family;		/* AF_INET, AF_INET6 */
		};
	};
};

/* For .get: there is no value. why may be NULL. */
static inline void row_set_none(struct row_value *value, const char *why)
{
	value->state = ROW_IS_NONE;
	value->why = why;
}

static inline void row_set_unknown(struct row_value *value, const char *why)
{
	value->state = ROW_IS_UNKNOWN;
	value->why = why;
}

static inline void row_set_ip(struct row_value *value, int family, const uint8_t *address)
{
	value->family = family;
	value->address = address;
}

/* len bytes, or len is the negative errno of reading them. */
void row_set_text(struct row_value *value, const char *text, int64_t len);

/* An element of a ROW_LIST. */
struct row_item {
	size_t at;	  /* .next's own; 0 at first */
	const char *text; /* untrusted, len bytes; NULL: it could not be read */
	size_t len;
	size_t whole;	/* its true length */
	bool is_secret; /* text isn't to be shown */
};

/*
 * A list of strings: in text one behind the other, in JSON an array with null for what isn't shown. Beside it, as long as it:
 * KEY_hex, if an element is no UTF-8, with its bytes, and null for the others; KEY_bytes, if one isn't shown or was cut, with
 * their true lengths, or why there is a null.
 */
struct row_list {
	/* Element `number`, asked for in order from 0; false: there is none. item is that before, all zeros at first. */
	bool (*next)(const void *row, size_t number, struct row_item *item);
	bool has_bytes;	     /* KEY_bytes */
	const char *unknown; /* in text, for one that could not be read; NULL: "?" */
	/* In text: the first element, what is before it, how each is quoted, and what is behind the last. */
	size_t from;
	void (*before)(const void *row, struct output *out);
	void (*quote)(const void *row, struct output *out, const char *text, size_t len);
	void (*after)(const void *row, struct output *out);
};

/* .when: only if --columns names it. */
#define ROW_CHOSEN 0x7fffffff

struct row_column {
	const char *title; /* NULL: not in text */
	const char *key;   /* NULL: not in JSON */
	enum row_kind kind;
	int width; /* 0: as wide as its value */
	int least; /* columns that do on a terminal too narrow for the row; 0: width */
	/* Where the value is: AT(), ROW_AT() or ROW_VIA(). */
	uint32_t offset, size, via;
	uint32_t status;       /* STATUS(): of reading the value */
	unsigned int decimals; /* of times and doubles in text */
	/*
	 * Keys of options in argp's sense with all of which it is shown in text; -KEY: without which.
	 * Of an option that does nothing else a tool's parser need not know.
	 */
	int when[2];
	bool is_extra;	      /* known only if it is shown: in JSON only then */
	bool is_wide;	      /* gets what room a terminal has beyond 80 columns */
	bool is_clipped;      /* to its width */
	const char *words[2]; /* ROW_BOOL: of false and true; "0" and "1" if NULL */
	int arg;	      /* for .get, which columns may share */
	void (*get)(const void *row, struct row_value *value);
	/*
	 * What is no single value: puts text without padding, or members of the JSON object with
	 * whatever keys, as output_is_json() says.
	 */
	void (*put)(const void *row, struct output *out);
	const struct row_list *list; /* ROW_LIST */
	const char *help;	     /* one line: a phrase without a full stop */
};

#define ROW_AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
/* The member of what a pointer in the row points to. */
#define ROW_VIA(type, pointer, member)                             \
	.via = offsetof(type, pointer) + 1,                        \
	.offset = offsetof(typeof(*((type *)0)->pointer), member), \
	.size = sizeof(((type *)0)->pointer->member)

/*
 * A 32-bit number that says whether a ROW_AT() value could be read: a negative errno if not. The size of an array of char, if it
 * was cut there.
 */
#define ROW_STATUS(type, member) .status = offsetof(type, member) + 1

/* A kind of row. */
struct row_table {
	const struct row_column
		*columns; /* in the order of JSON; NULL: no table, the end of a list */
	size_t count;	  /* ROW_COLUMNS_MAX at most */
	const char *order; /* of text where it is another one, as for --columns; NULL: the columns' */
	int when[2];	 /* as in a column: the last table for which it holds is that of the rows */
	bool is_summary; /* printed now and then, each time with a header: none at the start */
	const char *title; /* for --help, "With --count"; NULL: the usual rows */
};

#define ROW_COLUMNS_MAX 48
#define ROW_TABLES_MAX 5 /* of a tool */

/* What the command line says of rows: part of struct options. Zeroed at first. */
struct row_choice {
	const struct row_table *table;			   /* the rows that are printed */
	const struct row_column *columns[ROW_COLUMNS_MAX]; /* of text, in this order */
	size_t count;
	const struct row_column *members[ROW_COLUMNS_MAX]; /* of JSON */
	size_t member_count;
	/* Private: the options that tables and columns depend on. */
	int given[ROW_COLUMNS_MAX];
	size_t given_count;
};

/* An option was given. True: some table or column depends on it. NULL ends the tables. */
bool row_note_option(struct row_choice *choice, const struct row_table *const *tables, int key);
/*
 * Once all options are noted: decide on table and columns. list: of --columns, or NULL. 0, or
 * -EINVAL and why.
 */
int row_choose(struct row_choice *choice, const struct row_table *const *tables, const char *list,
	       char *why, size_t why_size);
/* Was this option given, or a column chosen that it shows? For what is expensive to find out. */
bool row_wants(const struct row_choice *choice, int key);
/* The column of text with this key or title; NULL: none. */
const struct row_column *row_column(const struct row_table *table, const char *name);
/* The list of fields for --help: free() it. options: the tool's, by whose names conditions are named. */
char *row_help(const struct row_table *const *tables, const struct argp_option *options);

/* Prints the rows that were chosen. All that it points to is borrowed. */
struct row_printer {
	const struct row_choice *choice;
	struct output *out;
	struct timestamp *start;
	int widths[ROW_COLUMNS_MAX];
	const struct row_column *untitled; /* NULL, or a column without a title in this run */
};

/* Fills in the printer; the start is for columns of time. */
void row_printer_init(struct row_printer *printer, const struct row_choice *choice,
		      struct output *out, struct timestamp *start);
/* The titles; nothing with JSON. Looks at how wide the terminal is now, if it goes to one. */
void row_print_header(struct row_printer *printer);
/*
 * Put a row, a structure as its table's columns describe it: as text, or as members of a JSON object
 * that it begins. output_end() is the caller's, who may have more to put.
 */
void row_put(const struct row_printer *printer, const void *row);
/* The same, and output_end(), whose result it returns. */
int row_print(const struct row_printer *printer, const void *row);

/* The members alone, within a JSON object that the caller has begun: no times. */
void row_put_members(const struct row_table *table, const void *row, struct output *out);

/* "ENOENT", of a positive number; those too that the kernel keeps to itself. Never NULL. */
const char *row_error_name(int number);

#endif /* LIB_ROW_H */
