/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Aggregates' maps, and histograms.
 */
#include "probe/record/aggregate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/map_rows.h"
#include "lib/output.h"
#include "probe/record/totals.h"

/* The most memory that the values of a per-CPU map may take. */
#define PERCPU_MAX_BYTES (4u << 20)
#define BAR_WIDTH 52

unsigned int aggregate_values(enum aggregate kind)
{
	return kind == AGGREGATE_HIST ? AGGREGATE_BUCKETS : kind == AGGREGATE_SUM ? 2 : 1;
}

/* ---- the map -------------------------------------------------------------------------------- */

int aggregate_map_new(enum aggregate kind, uint32_t key_size, uint32_t max_keys)
{
	uint32_t value_size = 8 * aggregate_values(kind);
	uint64_t cpus = (uint64_t)libbpf_num_possible_cpus();
	bool percpu = cpus * value_size * max_keys <= PERCPU_MAX_BYTES;

	/* Preallocated: programs that may sleep, or that interrupt anything, can't allocate. */
	return bpf_map_create(percpu ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_HASH,
			      "trace_aggregate", key_size, value_size, max_keys, NULL);
}

bool aggregate_takes_key(uint32_t key_size)
{
	int fd = aggregate_map_new(AGGREGATE_COUNT, key_size, 1);

	if (fd >= 0)
		close(fd);
	return fd != -E2BIG;
}

int aggregate_read(int map_fd, struct totals *totals, void (*fixup)(void *ctx, void *key),
		   void *ctx)
{
	struct map_rows rows;
	int err = map_rows_read(map_fd, false, &rows);
	size_t words = rows.value_size / 8, width = words / rows.copies;

	for (size_t i = 0; !err && i < rows.count; i++) {
		const uint64_t *copies = map_rows_value(&rows, i);
		char *key = rows.keys + i * rows.key_size;
		uint64_t *values;

		if (fixup)
			fixup(ctx, key);
		values = totals_values(totals, key, rows.key_size);
		err = values ? 0 : -ENOMEM;
		for (size_t word = 0; values && word < words; word++)
			values[word % width] += copies[word];
	}
	map_rows_free(&rows);
	return err;
}

/* ---- histograms ----------------------------------------------------------------------------- */

/* 4 as "4", 2048 as "2K": the exponent of a power of two. */
static void bound_text(unsigned int exponent, char *buf, size_t size)
{
	static const char units[] = " KMGTPE";
	unsigned int unit = exponent / 10;

	snprintf(buf, size, "%u%.*s", 1u << exponent % 10, unit > 0, &units[unit]);
}

static void bucket_text(unsigned int bucket, char *buf, size_t size)
{
	char low[8], high[8];

	if (bucket == 0) {
		snprintf(buf, size, "(..., 0)");
	} else if (bucket <= 2) {
		snprintf(buf, size, "[%u]", bucket - 1);
	} else {
		bound_text(bucket - 2, low, sizeof(low));
		bound_text(bucket - 1, high, sizeof(high));
		snprintf(buf, size, "[%s, %s)", low, high);
	}
}

void aggregate_print_hist(const uint64_t *buckets, struct output *out)
{
	unsigned int first = AGGREGATE_BUCKETS, last = 0;
	uint64_t most = 1;

	for (unsigned int b = 0; b < AGGREGATE_BUCKETS; b++) {
		if (!buckets[b])
			continue;
		if (first == AGGREGATE_BUCKETS)
			first = b;
		last = b;
		if (buckets[b] > most)
			most = buckets[b];
	}
	for (unsigned int b = first; b <= last; b++) {
		char label[24], bar[BAR_WIDTH + 1] = "";

		bucket_text(b, label, sizeof(label));
		memset(bar, '@', (size_t)(buckets[b] * 1.0 * BAR_WIDTH / most));
		output_printf(out, "%-16s%8llu |%-*s|", label, (unsigned long long)buckets[b],
			      BAR_WIDTH, bar);
		output_end_line(out);
	}
}

void aggregate_json_hist(const uint64_t *buckets, struct output *out)
{
	output_json_array_begin(out, "hist");
	for (unsigned int b = 0; b < AGGREGATE_BUCKETS; b++) {
		if (!buckets[b])
			continue;
		output_json_object_begin(out, NULL);
		if (b)
			output_json_u64(out, "min", b == 1 ? 0 : 1ull << (b - 2));
		if (b)
			output_json_u64(out, "max",
					b == 1 ? 0 : (1ull << (b - 2)) - 1 + (1ull << (b - 2)));
		else
			output_json_s64(out, "max", -1);
		output_json_u64(out, "count", buckets[b]);
		output_json_object_end(out);
	}
	output_json_array_end(out);
}
