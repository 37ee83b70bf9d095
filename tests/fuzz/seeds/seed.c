/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* What fuzzers of ELF and DWARF begin with: functions with parameters of several kinds, an inlined one, a USDT probe's note, data. */
struct pair {
	int first;
	unsigned long second : 40;
	const char *name;
};

enum state { READY, RUNNING = 5 };

long last;
struct pair served[3] = { { 1, 2, "one" } };

#ifdef WITH_PROBE
__asm__(".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n.4byte 8, 2f-1f, 3\n.asciz \"stapsdt\"\n"
	"1: .8byte 0, 0, 0\n.asciz \"seed\"\n.asciz \"probe\"\n.asciz \"-4@%edi\"\n.balign 4\n2:\n.popsection");
#endif

static inline __attribute__((always_inline)) int inlined(int a, const struct pair *pair)
{
	return a * pair->first + (int)pair->second;
}

__attribute__((noinline)) int f(int a, const struct pair *pair, enum state state)
{
	last += a;
	return inlined(a, pair) + (int)state;
}

__attribute__((noinline)) double g(double x, struct pair pair, char c)
{
	return x + f(c, &pair, RUNNING);
}

int main(void)
{
	return f(1, served, READY) + (int)g(1.5, served[1], 'c');
}
