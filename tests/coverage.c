/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * make coverage: _exit(2) runs no destructors, in which gcov writes what a process has counted.
 * Linked with --wrap=_exit, so that the children of tests are counted, too.
 */
#include <gcov.h>
#include <stdlib.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
