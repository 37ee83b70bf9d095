/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * useadd [ROUNDS]: calls the functions of a shared library.
 * LINK: add
 */
#include "target.h"

int lib_add(int a, int b);
const char *lib_name(int i);
int lib_add_twice(int a, int b);

int main(int argc, char **argv)
{
	long i, rounds = target_count(argc, argv, 1, 3);

	target_wait();
	for (i = 0; i < rounds; i++) {
		printf("lib_add %ld %ld = %d\n", i, -i, lib_add(i, -i));
		printf("lib_add_twice %ld 5 = %d\n", i, lib_add_twice(i, 5));
		printf("lib_name %ld = \"%s\"\n", i, lib_name(i));
	}
	return 0;
}
