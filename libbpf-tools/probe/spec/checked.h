/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A spec at one place as check/ leaves it: what record/ lays out and generate/ makes a program of.
 */
#ifndef PROBE_SPEC_CHECKED_H
#define PROBE_SPEC_CHECKED_H

#include "probe/spec/context.h"

#define CHECKED_MAX_FIELDS 32	/* bits of a record's mask of errors */
#define CHECKED_MAX_OBJECT 4096 /* bytes of an object, what is behind is left out */
#define CHECKED_MAX_INNER 16	/* strings, elements and the like that its members lead to */

/* The most values that a return probe can have kept from the entry. */
#define CHECKED_MAX_ENTRY_VALUES 40

/* A checked probe: typed copies in the spec's arena; the spec itself is left as it was. */
struct checked {
	const struct spec *spec;
	const struct probe_context *context;
	struct expr *predicate; /* of scalar type, or NULL */
	struct field *fields;	/* with expr (and len_expr) set */
	unsigned int field_count;
	/* r: what a probe at the entry has to keep, for VAR_ENTRY and VAR_LATENCY: 8 bytes each. */
	struct expr *entry_values[CHECKED_MAX_ENTRY_VALUES];
	unsigned int entry_count;
	struct expr *measure; /* an integer of 64 bits, or NULL */
	bool measure_is_signed;
};

#endif /* PROBE_SPEC_CHECKED_H */
