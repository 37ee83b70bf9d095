/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
#include "truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile unsigned long truth_any = 4711, truth_sink;
volatile int truth_budget = 12;

static FILE *file;
static unsigned long count, depth;
static struct {
	char close;
	int used;
} open_now[64];

static const char *const texts[] = { "",
				     "a",
				     "seven77",
				     "eight888",
				     "fifteen chars..",
				     "sixteen chars...",
				     "a text of twenty-two c",
				     "/var/lib/truth/some/longer/path.txt" };
static int places[] = { 7, -8, 900, 1 << 20 };

const char *truth_text(unsigned long which)
{
	return texts[which % (sizeof(texts) / sizeof(texts[0]))];
}

int *truth_place(unsigned long which)
{
	return &places[which % 4];
}

static void element(const char *name)
{
	if (open_now[depth].used++)
		fputc(',', file);
	if (name)
		fprintf(file, "\"%s\":", name);
}

static void open_with(const char *name, char first, char last)
{
	element(name);
	fputc(first, file);
	open_now[++depth].close = last;
	open_now[depth].used = 0;
}

__attribute__((destructor)) static void end_log(void)
{
	if (!file)
		return;
	fputs("end\n", file);
	fclose(file);
}

unsigned long truth_begin(const char *func, int is_tail)
{
	const char *path = getenv("TRUTH_LOG");

	if (!file) {
		file = fopen(path ? path : "/dev/null", "w");
		if (!file)
			abort();
	}
	fprintf(file, "call %lu %s %d ", ++count, func, is_tail);
	depth = 0;
	open_now[0].used = 0;
	open_with(NULL, '{', '}');
	return count;
}

__attribute__((noinline)) void truth_call(unsigned long number)
{
	truth_close();
	fputc('\n', file);
	truth_sink = number;
}

void truth_end(unsigned long number)
{
	fprintf(file, "back %lu ", number);
	depth = 0;
	open_now[0].used = 0;
	open_with(NULL, '{', '}');
}

__attribute__((noinline)) void truth_back(unsigned long number)
{
	truth_close();
	fputc('\n', file);
	truth_sink = number;
}

void truth_int(const char *name, long long value)
{
	element(name);
	fprintf(file, "%lld", value);
}

void truth_uint(const char *name, unsigned long long value)
{
	element(name);
	fprintf(file, "%llu", value);
}

void truth_bool(const char *name, bool value)
{
	element(name);
	fputs(value ? "true" : "false", file);
}

void truth_char(const char *name, int value)
{
	element(name);
	fprintf(file, "{\"char\":%d}", value);
}

void truth_enum(const char *name, long long value, const char *enumerator)
{
	element(name);
	fprintf(file, "{\"enum\":%lld,\"as\":\"%s\"}", value, enumerator);
}

void truth_float(const char *name, double value)
{
	element(name);
	fprintf(file, "{\"float\":%.17g}", value);
}

void truth_bytes(const char *name, const char *value, unsigned long size)
{
	element(name);
	fputc('"', file);
	for (unsigned long i = 0; i < size; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c == '"' || c == '\\' || c >= 0x7f)
			fprintf(file, "\\u%04x", c);
		else
			fputc(c, file);
	}
	fputc('"', file);
}

void truth_string(const char *name, const char *value)
{
	if (value) {
		truth_bytes(name, value, strlen(value));
	} else {
		element(name);
		fputs("null", file);
	}
}

void truth_pointer(const char *name, const void *value)
{
	element(name);
	fprintf(file, "{\"pointer\":%lu}", (unsigned long)value);
}

void truth_any_value(const char *name)
{
	element(name);
	fputs("{\"any\":0}", file);
}

void truth_wide(const char *name, unsigned __int128 value, int is_signed)
{
	element(name);
	fprintf(file, "{\"wide\":[%llu,%llu,%d]}", (unsigned long long)(value >> 64),
		(unsigned long long)value, is_signed);
}

void truth_wide2(const char *name, unsigned long high, unsigned long low, int is_signed)
{
	truth_wide(name, (unsigned __int128)high << 64 | low, is_signed);
}

void truth_struct(const char *name)
{
	open_with(name, '{', '}');
}

void truth_variant(const char *name, const char *variant)
{
	(void)variant;
	open_with(name, '{', '}');
}

void truth_unit(const char *name, const char *variant)
{
	truth_string(name, variant);
}

void truth_array(const char *name)
{
	open_with(name, '[', ']');
}

void truth_close(void)
{
	fputc(open_now[depth--].close, file);
}
