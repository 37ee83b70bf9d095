/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The table of language runtimes: how each is recognised, and which of its places mean what.
 */
#ifndef RUNTIME_RUNTIME_ROWS_H
#define RUNTIME_RUNTIME_ROWS_H

#include "runtime/runtime.h"

/* Where a value of an event is: see struct usdt_arg, which this becomes. */
struct runtime_value {
	uint8_t operand; /* of a USDT probe, or argument of a function, from 1; 0: there is no such value */
	uint8_t nr_steps;
	uint8_t last_size; /* 0: 8 */
	int16_t steps[USDT_STEPS];
	int16_t add;
};

struct runtime_row {
	enum runtime_event event;
	/* Of an event's rows those with the lowest rank that the file has are used, all of them. */
	uint8_t rank;
	bool is_return; /* of symbol */
	bool is_part;	/* see struct runtime_place_spec */
	bool is_guard; /* of usdt: not at its sites, but where they are passed by; see runtime_guard.c */
	/* Compilers split a function: its file's other functions call the second part, which it jumps to itself. */
	bool follow_jump;
	uint8_t php_opcode; /* instead of a symbol: where PHP executes this one; see runtime_php.c */
	uint8_t reader;	    /* enum runtime_reader */
	/* Where structures' offsets matter: the first and the last version that the row is for, as desc.version has it. */
	uint16_t versions[2];
	const char *usdt; /* "provider:name"; with symbol too: its semaphore on that symbol's place */
	const char *symbol; /* of a function; may be a pattern */
	struct runtime_value values[RUNTIME_ROLES];
	const char *note;   /* in what it is an approximation */
	const char *danger; /* see struct runtime_place */
};

/* Something that a process must be started with. */
struct runtime_switch {
	unsigned int events; /* 1 << enum runtime_event, ... which are silent without */
	const char *
		symbol; /* a bool of the runtime: false where it wasn't; NULL: not known from outside */
	const char *note;
};

struct runtime_desc {
	const char *name;
	const char *symbol; /* a function that each build of it defines, and nothing else does */
	const char *libraries
		[2]; /* patterns for the names of the files that it may come in, besides programs */
	const char *installed[5]; /* patterns for where distributions put it */
	const struct runtime_row *rows;
	size_t count;
	bool has_kernel_threads; /* without a row for their start: the kernel reports it */
	struct runtime_switch switches[RUNTIME_SWITCHES_MAX]; /* of USDT routes */
	const char *missing
		[RUNTIME_EVENTS]; /* why, when no row of an event is found; NULL: see runtime.c */
	/* Read-only data with the version: a number of size bytes, to be shifted right first; or NULL. */
	struct {
		const char *symbol;
		uint8_t size, shift;
	} version;
};

extern const struct runtime_desc runtime_descs[RUNTIME_LANGS];

#endif /* RUNTIME_RUNTIME_ROWS_H */
