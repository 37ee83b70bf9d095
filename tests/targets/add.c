/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* add [ROUNDS]: calls functions with arguments of every integer type, strings, structs, pointers. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "target.h"

enum colour { RED, GREEN = 5, BLUE };

struct pair {
	int first;
	int second;
	const char *name;
	char tag[8];
	struct pair *next;
	unsigned int low : 3, high : 5;
	enum colour colour;
};

struct small {
	int x, y;
};

int AddNum(int n1, int n2);
long add_narrow(signed char c, unsigned char uc, short s, unsigned short us, bool b, enum colour e);
uint64_t add_wide(int64_t i, uint64_t u, unsigned int ui);
long add_seven(int a, int b, int c, int d, int e, int f, int g);
size_t add_string(const char *text, size_t len);
int add_struct(const struct pair *pair);
int add_by_value(struct small s, int z);
const char *add_name(int i);
void *add_pointer(void *p, long offset);
double add_double(double a, float b);
void add_nothing(void);

NOINLINE int AddNum(int n1, int n2)
{
	return n1 + n2;
}

NOINLINE long add_narrow(signed char c, unsigned char uc, short s, unsigned short us, bool b,
			 enum colour e)
{
	return c + uc + s + us + b + e;
}

NOINLINE uint64_t add_wide(int64_t i, uint64_t u, unsigned int ui)
{
	return i + u + ui;
}

NOINLINE long add_seven(int a, int b, int c, int d, int e, int f, int g)
{
	return (long)a + b + c + d + e + f + g;
}

NOINLINE size_t add_string(const char *text, size_t len)
{
	return strnlen(text, len);
}

NOINLINE int add_struct(const struct pair *pair)
{
	return pair->first + pair->second + (pair->next ? pair->next->first : 0);
}

NOINLINE int add_by_value(struct small s, int z)
{
	return s.x + s.y + z;
}

NOINLINE const char *add_name(int i)
{
	static const char *const names[] = { "zero", "one", "two", "three" };

	return names[i & 3];
}

NOINLINE void *add_pointer(void *p, long offset)
{
	return p ? (char *)p + offset : NULL;
}

NOINLINE double add_double(double a, float b)
{
	return a + b;
}

NOINLINE void add_nothing(void)
{
	__asm__ volatile("");
}

static void round_run(int i)
{
	struct pair tail = { .first = 100, .name = "tail", .tag = "t" };
	struct pair pair = {
		i, -i, "pair", "tag", &tail, i & 7, (i * 3) & 31, i & 1 ? GREEN : BLUE
	};
	struct small small = { i, -1 };
	char text[32];
	long d;

	printf("AddNum %d %d = %d\n", i, -2 * i, AddNum(i, -2 * i));
	printf("add_narrow %d %d %d %d %d %d = %ld\n", -i, 255 - i, -300 - i, 65535 - i, i & 1,
	       pair.colour, add_narrow(-i, 255 - i, -300 - i, 65535 - i, i & 1, pair.colour));
	printf("add_wide %lld %llu %u = %llu\n", INT64_MIN + (long long)i,
	       UINT64_MAX - (unsigned long long)i, UINT32_MAX - i,
	       (unsigned long long)add_wide(INT64_MIN + i, UINT64_MAX - i, UINT32_MAX - i));
	printf("add_seven %d 2 3 4 5 6 %d = %ld\n", i, -i, add_seven(i, 2, 3, 4, 5, 6, -i));
	snprintf(text, sizeof(text), "text %d", i);
	d = add_string(text, sizeof(text));
	printf("add_string \"%s\" %zu = %ld\n", text, sizeof(text), d);
	printf("add_struct %d %d \"%s\" \"%s\" %d low %d high %d colour %d = %d\n", pair.first,
	       pair.second, pair.name, pair.tag, pair.next->first, pair.low, pair.high, pair.colour,
	       add_struct(&pair));
	printf("add_by_value %d %d %d = %d\n", small.x, small.y, 7, add_by_value(small, 7));
	printf("add_name %d = \"%s\"\n", i, add_name(i));
	d = (char *)add_pointer(text, i) - text;
	printf("add_pointer %p %d = %p\n", (void *)text, i, (void *)(text + d));
	printf("add_double %g %g = %g\n", i + 0.5, 0.25, add_double(i + 0.5, 0.25f));
	add_nothing();
	printf("add_nothing\n");
}

int main(int argc, char **argv)
{
	long i, rounds = target_count(argc, argv, 1, 3);

	target_wait();
	for (i = 0; i < rounds; i++)
		round_run(i);
	return 0;
}
