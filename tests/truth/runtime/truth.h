/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * What a generated program logs of its own calls: a line for each call and each return, in JSON. It is
 * compiled by itself, so that no compiler looks through it.
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

extern volatile unsigned long truth_any; /* a value that no compiler knows */
extern volatile unsigned long truth_sink;
extern volatile int truth_budget; /* calls that functions may still make of themselves */

const char *truth_text(unsigned long which);
int *truth_place(unsigned long which); /* a place in memory */

/* The line of a call: its function, then its values by the functions below, then truth_call(). */
unsigned long truth_begin(const char *func, int is_tail);
void truth_call(unsigned long number);
/* The line of its return in the same way. */
void truth_end(unsigned long number);
void truth_back(unsigned long number);

void truth_int(const char *name, long long value);
void truth_uint(const char *name, unsigned long long value);
void truth_bool(const char *name, bool value);
void truth_char(const char *name, int value);
void truth_enum(const char *name, long long value, const char *enumerator);
void truth_float(const char *name, double value);
void truth_string(const char *name, const char *value);
void truth_bytes(const char *name, const char *value, unsigned long size);
void truth_pointer(const char *name, const void *value);
void truth_any_value(const char *name); /* one that is not compared */
void truth_wide(const char *name, unsigned __int128 value, int is_signed);
void truth_wide2(const char *name, unsigned long high, unsigned long low, int is_signed);
/* One of several forms: with a value, up to truth_close(); without. */
void truth_variant(const char *name, const char *variant);
void truth_unit(const char *name, const char *variant);
/* A structure's members, an array's elements (whose names are NULL), up to truth_close(). */
void truth_struct(const char *name);
void truth_array(const char *name);
void truth_close(void);

#ifdef __cplusplus
}
#endif
#endif
