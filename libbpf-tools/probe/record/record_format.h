/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Records as text and JSON.
 */
#ifndef PROBE_RECORD_RECORD_FORMAT_H
#define PROBE_RECORD_RECORD_FORMAT_H

#include "probe/record/record_text.h"
#include "probe/record/record_view.h"

struct output;
struct stack_names;

/*
 * The formatted message: format text and values, strings escaped as lib/output.h says, "?" for what
 * could not be read, "..." after a cut string. names: for %K and %U. 0 or -ENOMEM, -EBADMSG.
 */
int record_format(const struct record_view *view, struct stack_names *names,
		  struct record_text *text);
/*
 * The fields' values into the object being written: the array "args", or without a written format the object "values",
 * "retval", "latency_ns", and "unknown", which says why values are null. 0 or -EBADMSG.
 */
int record_json(const struct record_view *view, struct stack_names *names, struct output *out);

/* Is the field's value an address whose symbol is shown (%K, %U)? */
bool record_is_symbol(const struct record_field *field);
#define RECORD_MAX_SYMBOL 1024
/* "symbol+0xoff [module]" of such an address. */
void record_symbol(const struct record_view *view, struct stack_names *names,
		   const struct record_field *field, uint64_t addr, char buf[RECORD_MAX_SYMBOL]);

#endif /* PROBE_RECORD_RECORD_FORMAT_H */
