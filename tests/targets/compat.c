/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * System calls as 32-bit programs make them, without a 32-bit compiler: by the instruction that those use.
 *
 *	compat CALL [PATH]	prints "PID RESULT"; 2: this machine has no such calls
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
/* arch/x86/entry/syscalls/syscall_32.tbl */
static const struct {
	const char *name;
	int number, path, second, third; /* which argument is the path, what the others are */
} calls[] = {
	{ "open", 5, 0, 0, 0 },	      { "creat", 8, 0, 0600, 0 }, { "execve", 11, 0, 0, 0 },
	{ "chroot", 61, 0, 0, 0 },    { "openat", 295, 1, 0, 0 }, { "openat2", 437, 1, 0, 24 },
	{ "execveat", 358, 1, 0, 0 },
};

static int call(int number, long a, long b, long c, long d)
{
	int result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0)
		     : "memory", "r8", "r9", "r10", "r11");
	return result;
}

int main(int argc, char **argv)
{
	/* Pointers have 32 bits. */
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long path = (long)low, how = path + 4096;
	size_t i;

	if (low == MAP_FAILED || argc < 3)
		return 1;
	snprintf(low, 4096, "%s", argv[2]);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]) && strcmp(calls[i].name, argv[1]); i++)
		;
	if (i == sizeof(calls) / sizeof(calls[0]))
		return 1;
	printf("%d %d\n", getpid(),
	       calls[i].path
		       ? call(calls[i].number, -100, path, calls[i].third ? how : 0, calls[i].third)
		       : call(calls[i].number, path, calls[i].second, 0, 0));
	return 0;
}
#else
int main(void)
{
	return 2;
}
#endif
