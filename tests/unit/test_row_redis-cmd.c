/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows and tables of redis-cmd from recorded events and counts.
 */
#include "replay.h"

#include "redis-cmd.c"
#include "redis/redis_tables.c"
#undef main

struct replay_record {
	struct redis_event event;
	char data[4096];
};

void replay_open(struct tool *tool, void *ctx)
{
	struct env *env = ctx;

	env->print.rows = &tool->rows;
}

static void replay_item(struct replay_record *record, uint8_t type, const char *text, int32_t kept,
			uint32_t len)
{
	struct redis_item item = { .len = len, .kept = kept, .type = type };
	uint32_t at = record->event.data_len;

	memcpy(record->data + at, &item, sizeof(item));
	if (kept > 0)
		memcpy(record->data + at + sizeof(item), text, kept);
	record->event.data_len = at + sizeof(item) + (kept > 0 ? (kept + 7) & ~7u : 0);
	record->event.items++;
	record->event.argc += type == REDIS_ITEM_ARG;
}

static void replay_words(struct replay_record *record, const char *words)
{
	size_t len;

	record->event.data_len = record->event.items = record->event.argc = 0;
	for (; *words; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		replay_item(record, REDIS_ITEM_ARG, words, len, len);
	}
}

static void replay_row(struct env *env, const struct replay_record *record, struct redis_row row,
		       const struct redis_client *client)
{
	struct redis_shown *shown = &env->shown;

	row.event = &record->event;
	row.size = sizeof(*record);
	assert_int_equal(redis_shown_set(shown, &row, NULL, false), 0);
	shown->client = client;
	assert_int_equal(redis_print_row(&env->print, shown), 0);
}

static void replay_commands(struct env *env)
{
	const struct redis_client client = { .address = "127.0.0.1:54321", .user = "alice" },
				  unknown = { .address = "?" };
	struct replay_record record = { .event = { .start = REPLAY_START + 1234567890,
						   .pid = 4242,
						   .db = 0,
						   .client_id = 17 } };
	struct redis_row row = { .run_ns = 1250 };

	replay_words(&record, "SET key value");
	replay_row(env, &record, row, &client);
	replay_words(&record, "set k");
	replay_item(&record, REDIS_ITEM_ARG, "\"\xff\n", 3, 3);
	replay_item(&record, REDIS_ITEM_ARG, "part", 4, 5000000);
	replay_item(&record, REDIS_ITEM_ARG, NULL, -EFAULT, 0);
	replay_item(&record, REDIS_ITEM_NAME, "my\tname", 7, 7);
	record.event.argc = 300;
	record.event.db = 12;
	row.run_ns = 98765432109ull;
	replay_row(env, &record, row, &client);
	replay_words(&record, "AUTH alice secret");
	replay_item(&record, REDIS_ITEM_ERROR, "-WRONGPASS in\x1bvalid\r\n", 22, 22);
	record.event.depth = 2;
	replay_row(env, &record, row, &unknown);
	record.event.depth = 0;
	record.event.kind = REDIS_REJECTED;
	record.event.db = -1;
	record.event.pid = 4194304;
	replay_row(env, &record, row, &unknown);
	record.event.kind = REDIS_COMMAND;
	replay_words(&record, "BLPOP list 0");
	row.has_blocked = true;
	row.end = REDIS_END_TIMED_OUT;
	row.wait_ns = 1500000050;
	replay_row(env, &record, row, &client);
	row.is_blocked = true;
	row.end = REDIS_END_SERVER;
	replay_row(env, &record, row, &client);
	row.has_blocked = row.is_blocked = false;
	row.end = REDIS_END_RUN;
	replay_row(env, &record, row, &client);
	row.has_blocked = row.is_blocked = true;
	replay_words(&record, "");
	replay_item(&record, REDIS_ITEM_ARG, "we ird", 6, 60);
	replay_row(env, &record, row, &client);
	replay_words(&record, "");
	replay_item(&record, REDIS_ITEM_ARG, NULL, -EFAULT, 3);
	replay_row(env, &record, row, &client);
	replay_words(&record, "");
	replay_row(env, &record, row, &client);
}

static void replay_stats(const struct redis_tables_opts *opts)
{
	static struct redis_stat list[3] = {
		{ .key = { 4242, "get" }, .calls = 1001, .total_ns = 1234567, .bytes = 123456 },
		{ .key = { 4194304, "a\tb|c" }, .calls = 3, .errors = 2, .total_ns = 5 },
		{ .key = { 4242, "nosuch" }, .errors = 12345678 },
	};

	list[0].hist[80] = 900;
	list[0].hist[100] = 101;
	list[0].max_ns[0] = 123456;
	list[1].hist[3] = 3;
	list[1].max_ns[0] = 5000000000ull;
	assert_int_equal(print_stats(opts, list, 3), 0);
	assert_int_equal(print_stats(opts, list, 0), 0);
}

static void replay_tops(const struct redis_tables_opts *opts)
{
	struct top_entry tops[] = {
		{ { 4242, 0, 8, "user:\n\xff\"" }, { 1000, 1234567, 5000, 50 } },
		{ { 4194304, 15, 100, "a long key that is cut" },
		  { 7, 1, 12345678901ull, 5000000 } },
		{ { 4242, -1, 1, "k" }, {} },
	};

	assert_int_equal(print_tops(opts, tops, ARRAY_SIZE(tops)), 0);
}

static void replay_events(struct tool *tool, void *ctx)
{
	struct env *env = ctx;
	const struct redis_tables_opts opts = {
		.printer = &tool->rows,
		.now = REPLAY_START + 2000000000,
		.elapsed_ns = 2000000000,
		.rows = env->rows
				?: env->tool.options.json ? UINT32_MAX
							  : SCREEN_ROWS,
		.by_size = env->by_size,
	};

	if (env->mode == MODE_STATS)
		replay_stats(&opts);
	else if (env->mode == MODE_TOP)
		replay_tops(&opts);
	else
		replay_commands(env);
	redis_print_end(&env->print);
}

REPLAY("redis-cmd", "redis-cmd", "redis-cmd -T -t", "redis-cmd --args 2 -Z 3",
       "redis-cmd --show-secrets", "redis-cmd --json",
       "redis-cmd --json --args 2 -Z 3 --show-secrets", "redis-cmd --stats",
       "redis-cmd --stats --json", "redis-cmd --stats -r 1", "redis-cmd --top",
       "redis-cmd --bigkeys-seen", "redis-cmd --top --json")
