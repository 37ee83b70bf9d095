/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* A shared library to be traced; useadd calls it. */
#include <stddef.h>
#include "target.h"

int lib_add(int a, int b);
const char *lib_name(int i);
int lib_add_twice(int a, int b);

static NOINLINE int lib_hidden(int a, int b)
{
	return a + b;
}

NOINLINE int lib_add(int a, int b)
{
	return lib_hidden(a, b);
}

NOINLINE int lib_add_twice(int a, int b)
{
	return 2 * lib_hidden(a, b);
}

NOINLINE const char *lib_name(int i)
{
	return i < 0 ? NULL : "libadd";
}
