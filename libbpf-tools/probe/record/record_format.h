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
/* The fields' values as elements of the JSON array "args" of the object being written. 0 or -EBADMSG. */
int record_json(const struct record_view *view, struct stack_names *names, struct output *out);

#endif /* PROBE_RECORD_RECORD_FORMAT_H */
