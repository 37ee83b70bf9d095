/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of trace from recorded hits of this program's own function.
 */
#include "transcript.h"

#include "lib/output.h"
#include "probe/print.h"

int replay_traced(int number, const char *text);

/* What is probed; never called. */
int replay_traced(int number, const char *text)
{
	return number + *text;
}

/* A record as probe/record/record.h has it, of a number and a string. */
struct replay_record {
	uint32_t place, errors;
	uint64_t pid_tgid;
	char comm[16];
	uint64_t time, cpu, number;
	uint64_t lengths; /* of the string: stored, and of all of it */
	char text[8];
};

static struct replay_record replay_record(void)
{
	return (struct replay_record){ .pid_tgid = 4242ull << 32 | 4243,
				       .comm = "cat",
				       .time = REPLAY_START + 1234567890,
				       .cpu = 3,
				       .number = (uint64_t)-42,
				       .lengths = 6ull << 32 | 6,
				       .text = "a\nb\xffz" };
}

/* size: of a hit. */
static void replay_hits(struct print *print, size_t size)
{
	struct replay_record record = replay_record();

	assert_int_equal(print_record(print, &record, size), 0);
	assert_int_equal(print_record(print, &record, size), 0);
	record.pid_tgid = 4194304ull << 32 | 4194304;
	memcpy(record.comm, "fifteen\tbytes!!", 16);
	record.cpu = 123;
	if (size == offsetof(struct replay_record, number)) {
		assert_int_equal(print_record(print, &record, size), 0);
		return;
	}
	record.errors = 3;
	record.number = EFAULT;
	record.lengths = EFAULT;
	assert_int_equal(print_record(print, &record, offsetof(struct replay_record, text)), 0);
}

/* Prints what the options of a run would print. */
static void replay_run(const char *name, const char *spec, struct print_opts opts)
{
	const struct probe_opts probe_opts = {
		.record = { .string_size = 80, .time = true, .cpu = true }, .adds_up = opts.add_up
	};
	static const struct row_table *const tables[] = { &print_hits, &print_totals, NULL };
	bool has_format = strchr(spec, '"');
	struct row_choice choice = {};
	struct row_printer rows;
	struct timestamp start;
	struct output *out;
	struct diag diag = {};
	struct probe probe;
	struct print *print;

	memset(&probe, 0, sizeof(probe));
	if (probe_compile(spec, &probe_opts, &probe, &diag))
		fail_msg("%s: %s", spec, diag.text);
	for (const char *option = strchr(name, '-'); option; option = strchr(option + 1, '-'))
		row_note_option(&choice, tables, option[1]);
	if (opts.aggregate) {
		row_note_option(&choice, tables, PRINT_KEY_TOTAL);
		row_note_option(&choice, tables,
				opts.aggregate == AGGREGATE_SUM ? PRINT_KEY_SUM : PRINT_KEY_COUNT);
	}
	assert_int_equal(row_choose(&choice, tables, NULL, NULL, 0), 0);
	for (int json = 0; json < 2; json++) {
		const struct output_opts output = { .fd = replay_fd, .json = json };

		dprintf(replay_fd, "$ %s%s\n", name, json ? " --json" : "");
		out = output_new(&output);
		timestamp_start(&start);
		row_printer_init(&rows, &choice, out, &start);
		opts.rows = &rows;
		opts.probes = &probe;
		opts.probe_count = 1;
		print = print_new(&opts);
		assert_non_null(print);
		row_print_header(&rows);
		if (!opts.aggregate)
			replay_hits(print, has_format ? offsetof(struct replay_record, text) + 6
						      : offsetof(struct replay_record, number));
		if (opts.add_up)
			assert_int_equal(print_summary(print, NULL), 0);
		assert_int_equal(output_flush(out), 0);
		output_free(out);
		print_free(print);
	}
	probe_close(&probe);
}

int replay_tool(int argc, char **argv)
{
	static const char entry[] = "p:/proc/self/exe:_start";
	static const char formatted[] = "p:/proc/self/exe:replay_traced(int number, char *text) "
					"\"%d and %s\", number, text";

	(void)argc;
	(void)argv;
	replay_run("trace _start", entry, (struct print_opts){});
	replay_run("trace -C _start", entry, (struct print_opts){});
	replay_run("trace F", formatted, (struct print_opts){});
	replay_run("trace -T -C F", formatted, (struct print_opts){});
	replay_run("trace -t F", formatted, (struct print_opts){});
	replay_run("trace -t -u F", formatted, (struct print_opts){});
	replay_run("trace -A F", formatted, (struct print_opts){ .add_up = true });
	replay_run("trace -A -C F", formatted, (struct print_opts){ .add_up = true, .cpu = true });
	replay_run("trace --count F", formatted,
		   (struct print_opts){ .aggregate = AGGREGATE_COUNT });
	replay_run("trace --sum F", formatted, (struct print_opts){ .aggregate = AGGREGATE_SUM });
	return 0;
}

REPLAY("trace", "trace")
