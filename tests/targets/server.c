/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * server [COUNT]: COUNT requests through functions whose parameters are structures of all kinds: for what DWARF
 * tells of a program. Built as it is, and without optimisation as server-O0.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "target.h"

enum method { GET = 1, POST, DELETE = 10 };

struct point {
	int x, y;
};

struct header {
	const char *name;
	unsigned int len;
};

typedef struct {
	uint8_t bytes[4];
	uint16_t port;
} address_t;

struct request {
	const char *path;
	int len;
	enum method method;
	unsigned int secure : 1, version : 3, : 4, code : 12;
	struct header headers[2];
	union {
		uint32_t word;
		uint8_t bytes[4];
	};
	address_t from;
	char tag[8];
	double weight;
	bool done;
	struct request *next;
};

struct big {
	long v[4];
};

int served;
static struct request *latest;
long limits[3] = { 10, 20, 30 };

int handle(struct request *req, int depth);
int sum_points(struct point a, struct point b, int scale);
long sum_big(int a, struct big big, long b);
long nine(int a, char b, short c, long d, unsigned int e, int f, long g, char h, int i);
double scale(double factor, int n);
long stages(long seed);
struct point mirror(struct point p);
struct big widen(int n);

NOINLINE int sum_points(struct point a, struct point b, int factor)
{
	return (a.x + b.x) * factor + a.y + b.y;
}

NOINLINE long sum_big(int a, struct big big, long b)
{
	return a + big.v[0] + big.v[3] + b;
}

NOINLINE long nine(int a, char b, short c, long d, unsigned int e, int f, long g, char h, int i)
{
	return a + b + c + d + e + f + g + h + i;
}

NOINLINE double scale(double factor, int n)
{
	return factor * n;
}

NOINLINE long stages(long seed)
{
	long twice = seed * 2;
	struct point at = { (int)seed, (int)twice };

	printf("stage %ld %d\n", twice, at.y); /* line: first */
	twice += sum_points(at, at, 1);
	printf("end %ld\n", twice); /* line: second */
	return twice;
}

NOINLINE struct point mirror(struct point p)
{
	return (struct point){ p.y, p.x };
}

NOINLINE struct big widen(int n)
{
	return (struct big){ { n, n + 1, n + 2, n + 3 } };
}

static inline __attribute__((always_inline)) int check_tag(const char *tag, int n)
{
	int ok = tag[0] == 't';

	served += ok; /* line: inlined */
	return ok + n;
}

NOINLINE int handle(struct request *req, int depth)
{
	latest = req;
	return check_tag(req->tag, depth) + (depth ? handle(req, depth - 1) : req->len);
}

int main(int argc, char **argv)
{
	long count = target_count(argc, argv, 1, 3);

	target_wait();
	for (int i = 0; i < count; i++) {
		char path[32];
		struct request next = { .path = "/next", .len = -1 };
		struct request req = {
			.path = path,
			.len = 100 + i,
			.method = i % 2 ? POST : GET,
			.secure = i & 1,
			.version = 5,
			.code = 0xabc,
			.headers = { { "Host", 4 }, { "Accept", (unsigned int)i } },
			.word = 0x01020304u + (unsigned int)i,
			.from = { { 10, 0, 0, (uint8_t)i }, 8080 },
			.tag = "tag",
			.weight = 0.5 * i,
			.done = true,
			.next = &next,
		};
		struct point a = { i, -i }, b = { 2 * i, 3 };
		struct big big = { { 1, 2, 3, i } };

		snprintf(path, sizeof(path), "/page/%d", i);
		printf("handle %s %d %d = %d\n", req.path, req.len, req.method, handle(&req, 1));
		printf("sum_points %d,%d %d,%d %d = %d\n", a.x, a.y, b.x, b.y, i,
		       sum_points(a, b, i));
		printf("sum_big %d %ld %d = %ld\n", i, big.v[3], 7 * i, sum_big(i, big, 7 * i));
		printf("nine = %ld\n", nine(i, 'b', -3, 1l << 40, 0xf0000000u, -i, 7, 'h', 9 + i));
		printf("scale = %g\n", scale(1.5, i));
		a = mirror(b);
		printf("mirror %d,%d = %d,%d\n", b.x, b.y, a.x, a.y);
		big = widen(i);
		printf("widen %d = %ld %ld\n", i, big.v[0], big.v[3]);
		printf("stages %d = %ld\n", i, stages(i));
	}
	printf("served %d\n", served);
	return !latest;
}
