/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* usdt [ROUNDS]: USDT probes without semaphores, whose operands take every form compilers write. */
#include <stdint.h>
#include <string.h>
#include <sys/sdt.h>
#include "target.h"

struct numbers {
	int before;
	int8_t s8;
	uint8_t u8;
	int16_t s16;
	uint16_t u16;
	int32_t s32;
	uint32_t u32;
	int64_t s64;
	uint64_t u64;
};

int usdt_global;
static int usdt_table[4];
static struct numbers usdt_static;

void usdt_constants(void);
void usdt_registers(int8_t a, uint8_t b, int16_t c, uint16_t d, int32_t e, uint64_t f);
void usdt_memory(const struct numbers *n, const long *array, long i);
void usdt_globals(void);
void usdt_stack(int i);
void usdt_string(const char *text, int len);
void usdt_sites(int i);
void usdt_twelve(long i);

NOINLINE void usdt_constants(void)
{
	STAP_PROBE4(target, constants, 42, -7, 0x123456789abcdefll, (unsigned char)200);
}

/* "r": the value in a register, narrow ones in a part of it (%al, %ax, w0). */
#undef STAP_SDT_ARG_CONSTRAINT
#define STAP_SDT_ARG_CONSTRAINT r
NOINLINE void usdt_registers(int8_t a, uint8_t b, int16_t c, uint16_t d, int32_t e, uint64_t f)
{
	STAP_PROBE6(target, registers, a, b, c, d, e, f);
}

NOINLINE void usdt_string(const char *text, int len)
{
	STAP_PROBE2(target, string, text, len);
}

/* "m": the value in memory: disp(%reg), (%reg), sym(%rip), n+sym(%rip), (%reg,%reg,8). */
#undef STAP_SDT_ARG_CONSTRAINT
#define STAP_SDT_ARG_CONSTRAINT m
NOINLINE void usdt_memory(const struct numbers *n, const long *array, long i)
{
	STAP_PROBE10(target, memory, n->before, n->s8, n->u8, n->s16, n->u16, n->s32, n->u32,
		     n->s64, n->u64, array[i]);
}

NOINLINE void usdt_globals(void)
{
	STAP_PROBE3(target, globals, usdt_global, usdt_table[2], usdt_static.s16);
}

NOINLINE void usdt_stack(int i)
{
	volatile int local = i * 10;
	volatile short half = -i;

	STAP_PROBE2(target, stack, local, half);
}

#undef STAP_SDT_ARG_CONSTRAINT
#define STAP_SDT_ARG_CONSTRAINT nor

/* One name, three places, each with operands of its own. */
NOINLINE void usdt_sites(int i)
{
	if (i % 3 == 0)
		STAP_PROBE1(target, sites, 1000);
	else if (i % 3 == 1)
		STAP_PROBE1(target, sites, i);
	else
		STAP_PROBE1(target, sites, (uint64_t)i << 40);
}

NOINLINE void usdt_twelve(long i)
{
	STAP_PROBE12(target, twelve, i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7, i + 8,
		     i + 9, i + 10, i + 11);
}

static void round_run(long i)
{
	struct numbers n = { 11,	 -i - 1,	  255 - i,	 -300 - i,	65535 - i,
			     -70000 - i, 4294967295u - i, INT64_MIN + i, UINT64_MAX - i };
	const long array[] = { 7, -8, 9, -10 };
	char text[] = "hello usdt, not this";

	usdt_constants();
	printf("constants 42 -7 %lld 200\n", 0x123456789abcdefll);
	usdt_registers(n.s8, n.u8, n.s16, n.u16, n.s32, n.u64);
	printf("registers %d %d %d %d %d %llu\n", n.s8, n.u8, n.s16, n.u16, n.s32,
	       (unsigned long long)n.u64);
	usdt_memory(&n, array, i & 3);
	printf("memory %d %d %d %d %d %d %u %lld %llu %ld\n", n.before, n.s8, n.u8, n.s16, n.u16,
	       n.s32, n.u32, (long long)n.s64, (unsigned long long)n.u64, array[i & 3]);
	usdt_global = -i;
	usdt_table[2] = 2 * i;
	usdt_static.s16 = -3 * i;
	usdt_globals();
	printf("globals %d %d %d\n", usdt_global, usdt_table[2], usdt_static.s16);
	usdt_stack(i);
	printf("stack %ld %ld\n", i * 10, -i);
	usdt_string(text, 10);
	printf("string %.*s 10\n", 10, text);
	usdt_sites(i);
	printf("sites %lld\n", i % 3 == 0   ? 1000ll
			       : i % 3 == 1 ? (long long)i
					    : (long long)i << 40);
	usdt_twelve(i);
	printf("twelve %ld %ld\n", i, i + 11);
}

int main(int argc, char **argv)
{
	long i, rounds = target_count(argc, argv, 1, 3);

	target_wait();
	for (i = 0; i < rounds; i++)
		round_run(i);
	return 0;
}
