/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * badstr: hands take_string() every kind of string a tracer must survive, and prints the kind's
 * number and name. Kinds marked ! can't be read at all, ~ can't until the page is faulted in.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include "target.h"

void take_string(int kind, const char *text);

NOINLINE void take_string(int kind, const char *text)
{
	__asm__ volatile("" : : "r"(kind), "r"(text));
}

/* A page followed by one that nobody can read (and that no later mapping takes). */
static char *page_before_hole(size_t page)
{
	char *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE)) {
		perror("mmap");
		exit(1);
	}
	return map;
}

/* A page of a file that is in no page table: reading it without faulting fails. */
static const char *page_not_resident(size_t page)
{
	int fd = memfd_create("badstr", MFD_CLOEXEC);
	char *map;

	if (fd < 0 || ftruncate(fd, page) || pwrite(fd, "not resident", 13, 0) != 13) {
		perror("memfd");
		exit(1);
	}
	map = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return map;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *edge = page_before_hole(page), *unended = page_before_hole(page);
	static char huge[20000], exact[81];
	const struct {
		const char *name, *text;
	} kinds[] = {
		{ "plain", "plain text" },
		{ "empty", "" },
		{ "!null", NULL },
		{ "!low", (const char *)8 },
		{ "!non-canonical", (const char *)0xdead000000000000ul },
		{ "!hole", edge + page },
		{ "edge", edge + page - 5 },
		{ "!unended", unended + page - 4 },
		{ "~not-resident", page_not_resident(page) },
		{ "huge", huge },
		{ "exact", exact },
		{ "control", "a\r\n\tb\033[31mred\033[0m\001\177" },
		{ "quote", "say \"hi\" \\ 'there'" },
		{ "forged-line", "x\n1       1       init            take_string      forged" },
		{ "utf-8", "gr\303\274n \342\202\254 \360\237\220\233" },
		{ "bad-utf-8", "\377\376 \303( \355\240\200 \360\202\202\254 \342\202" },
		{ "c1-control", "\302\233"
				"31m" },
	};
	size_t i;

	strcpy(edge + page - 5, "edge");
	memcpy(unended + page - 4, "tail", 4);
	memset(huge, 'h', sizeof(huge) - 1);
	memset(exact, 'e', sizeof(exact) - 1);
	target_wait();
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		take_string(i, kinds[i].text);
		printf("%zu %s\n", i, kinds[i].name);
	}
	return 0;
}
