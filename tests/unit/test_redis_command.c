/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * redis/redis_command: records taken apart, hostile ones refused, secrets, keys, quoting.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis/redis_command.h"
#include "redis/redis_keys.h"

/* A record under construction. */
struct record {
	struct redis_event event;
	char data[4096];
};

static void add(struct record *record, uint8_t type, const char *text, size_t len,
		uint32_t true_len)
{
	struct redis_item item = { .len = true_len, .kept = len, .type = type };
	uint32_t at = record->event.data_len;

	memcpy(record->data + at, &item, sizeof(item));
	memcpy(record->data + at + sizeof(item), text, len);
	record->event.data_len = at + sizeof(item) + ((len + 7) & ~7u);
	record->event.items++;
}

static void build(struct record *record, struct redis_command *command, const char *const *words)
{
	memset(record, 0, sizeof(*record));
	for (; *words; words++, record->event.argc++)
		add(record, REDIS_ITEM_ARG, *words, strlen(*words), strlen(*words));
	assert_int_equal(redis_command_parse(command, record, sizeof(*record)), 0);
	redis_command_mark_secrets(command, NULL);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_items_of_all_kinds(void **state)
{
	struct redis_item number = { .len = 8, .kept = 8, .is_int = 1 }, bad = { .kept = -EFAULT };
	struct redis_command command;
	struct record record;
	int64_t value = -42;

	(void)state;
	build(&record, &command, WORDS("SET", "key"));
	memcpy(record.data + record.event.data_len, &number, sizeof(number));
	memcpy(record.data + record.event.data_len + sizeof(number), &value, sizeof(value));
	record.event.data_len += sizeof(number) + sizeof(value);
	memcpy(record.data + record.event.data_len, &bad, sizeof(bad));
	record.event.data_len += sizeof(bad);
	record.event.items += 2;
	add(&record, REDIS_ITEM_NAME, "me", 2, 2);
	add(&record, REDIS_ITEM_ERROR, "-OOM no\r\n", 9, 9);
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), 0);
	assert_int_equal(command.count, 4);
	assert_int_equal(command.args[2].kept, 3);
	assert_memory_equal(command.args[2].data, "-42", 3);
	assert_int_equal(command.args[3].err, -EFAULT);
	assert_memory_equal(command.name.data, "me", 2);
	assert_non_null(command.error.data);
}

static void test_hostile_records_are_refused(void **state)
{
	struct redis_command command;
	struct redis_item *item;
	struct record record;

	(void)state;
	build(&record, &command, WORDS("SET", "key", "value"));
	item = (struct redis_item *)record.data;
	for (size_t size = 0; size < sizeof(record.event); size++)
		assert_int_equal(redis_command_parse(&command, &record, size), -EINVAL);
	record.event.data_len = sizeof(record.data) + 1;
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), -EINVAL);
	record.event.data_len = 40;
	record.event.items = 255;
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), -EINVAL);
	record.event.items = 1;
	item->kept = item->len = 0x7fffffff;
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), -EINVAL);
	item->len = 2;
	item->kept = 3;
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), -EINVAL);
	item->kept = 2;
	item->type = 99;
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), -EINVAL);
	item->type = REDIS_ITEM_ARG;
	item->is_int = 1;
	assert_int_equal(redis_command_parse(&command, &record, sizeof(record)), -EINVAL);
}

/* secrets: a letter a word, s for those to be hidden. */
static void check_secrets(const char *const *words, const char *secrets)
{
	struct redis_command command;
	struct record record;

	build(&record, &command, words);
	assert_int_equal(command.count, strlen(secrets));
	for (size_t i = 0; i < command.count; i++)
		assert_int_equal(command.args[i].is_secret, secrets[i] == 's');
}

static void test_passwords_are_secret(void **state)
{
	(void)state;
	check_secrets(WORDS("AUTH", "x"), ".s");
	check_secrets(WORDS("auth", "user", "x"), "..s");
	check_secrets(WORDS("AUTH", "a", "b", "c"), ".sss");
	check_secrets(WORDS("HELLO", "3", "Auth", "user", "x", "SETNAME", "n"), "....s..");
	check_secrets(WORDS("ACL", "SETUSER", "u", "on", ">x", "<x", "#ab", "!ab", "~*"),
		      "....ssss.");
	check_secrets(WORDS("ACL", "LIST"), "..");
	check_secrets(WORDS("CONFIG", "SET", "maxmemory", "1", "requirepass", "x", "primaryauth",
			    "y"),
		      ".....s.s");
	check_secrets(WORDS("CONFIG", "GET", "requirepass"), "...");
	check_secrets(WORDS("MIGRATE", "h", "1", "", "0", "9", "AUTH2", "u", "x", "KEYS", "auth",
			    "k"),
		      "........s...");
	check_secrets(WORDS("SENTINEL", "SET", "m", "auth-pass", "x"), "....s");
	check_secrets(WORDS("SET", "AUTH", "x"), "...");
}

static void check_keys(const char *const *words, const char *keys)
{
	static struct redis_keys found;
	struct redis_command command;
	struct record record;
	char text[64] = "";

	build(&record, &command, words);
	redis_keys_get(&command, redis_keys_find(words[0], strlen(words[0])), &found);
	for (size_t i = 0; i < found.count; i++)
		strncat(text, command.args[found.at[i]].data, command.args[found.at[i]].kept);
	assert_string_equal(found.is_whole ? text : "?", keys);
}

static void test_keys_of_commands(void **state)
{
	(void)state;
	check_keys(WORDS("GET", "a"), "a");
	check_keys(WORDS("unknown", "a", "b"), "?");
	check_keys(WORDS("a b", "a", "b"), "?");
	check_keys(WORDS("config|get", "a"), "");
	check_keys(WORDS("PING", "a"), "");
	check_keys(WORDS("GET"), "");
	check_keys(WORDS("DEL", "a", "b", "c"), "abc");
	check_keys(WORDS("MSET", "a", "1", "b", "2"), "ab");
	check_keys(WORDS("BLPOP", "a", "b", "0"), "ab");
	check_keys(WORDS("EVAL", "script", "2", "a", "b", "arg"), "ab");
	check_keys(WORDS("EVAL", "script", "99999999999999999999", "a"), "");
	check_keys(WORDS("EVAL", "script", "2", "a"), "");
	check_keys(WORDS("EVAL", "script", "-1", "a"), "");
	check_keys(WORDS("XREAD", "COUNT", "1", "STREAMS", "a", "b", "0", "0"), "ab");
	check_keys(WORDS("XREAD", "STREAMS"), "");
	check_keys(WORDS("XREADGROUP", "GROUP", "streams", "c", "STREAMS", "a", ">"), "a");
	check_keys(WORDS("ZUNIONSTORE", "d", "2", "a", "b"), "dab");
	check_keys(WORDS("SORT", "a", "BY", "store", "STORE", "b"), "ab");
	check_keys(WORDS("MIGRATE", "h", "1", "", "0", "9", "AUTH", "keys", "KEYS", "a", "b"),
		   "ab");
	check_keys(WORDS("ZUNION", "2", "a", "b", "WEIGHTS", "1", "2"), "ab");
	check_keys(WORDS("BITOP", "AND", "d", "a"), "da");
}

static void test_quoting_is_redis_clis(void **state)
{
	const char *text = "a\"\\\n\r\t\a\b\x01\xff\x00z";
	char buf[128] = "", text_of_ones[20];
	size_t len;

	(void)state;
	len = redis_quote(buf, text, 12);
	assert_int_equal(len, strlen(buf));
	assert_string_equal(buf, "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x01\\xff\\x00z\"");
	assert_int_equal(redis_quote(buf, "", 0), 2);
	assert_memory_equal(buf, "\"\"", 2);
	/* No more room than that is ever needed. */
	memset(text_of_ones, 1, sizeof(text_of_ones));
	assert_int_equal(redis_quote(buf, text_of_ones, sizeof(text_of_ones)),
			 REDIS_QUOTED_SIZE(sizeof(text_of_ones)));
}

static void test_error_text(void **state)
{
	struct redis_arg coded = { .data = "-NOAUTH no\r\n", .kept = 12 };
	struct redis_arg plain = { .data = "bad", .kept = 3 };
	char buf[64];

	(void)state;
	redis_error_text(&coded, buf, sizeof(buf));
	assert_string_equal(buf, "NOAUTH no");
	redis_error_text(&plain, buf, sizeof(buf));
	assert_string_equal(buf, "ERR bad");
}

static void test_plausible_names(void **state)
{
	struct redis_command command;
	struct record record;

	(void)state;
	build(&record, &command, WORDS("JSON.SET", "k"));
	assert_true(redis_command_is_plausible(&command));
	build(&record, &command, WORDS("\x01\x02"));
	assert_false(redis_command_is_plausible(&command));
	build(&record, &command, WORDS("", "k"));
	assert_false(redis_command_is_plausible(&command));
}

static void test_secrets_go_by_the_command_that_it_is(void **state)
{
	struct redis_command command;
	struct record record;

	(void)state;
	build(&record, &command, WORDS("LOGIN7", "s3cret"));
	assert_false(command.args[1].is_secret);
	redis_command_mark_secrets(&command, "auth");
	assert_true(command.args[1].is_secret);
	build(&record, &command, WORDS("MYCONF", "set", "requirepass", "s3cret"));
	redis_command_mark_secrets(&command, "config|set");
	assert_false(command.args[2].is_secret);
	assert_true(command.args[3].is_secret);
	build(&record, &command, WORDS("GET", "key"));
	redis_command_mark_secrets(&command, "authority");
	assert_false(command.args[1].is_secret);
	/* The server knows it, but its name has been lost. */
	record.event.cmd = 1;
	redis_command_mark_secrets(&command, NULL);
	assert_true(command.args[1].is_secret);
}

static void assert_hidden(const struct redis_command *command, const char *error, const char *shown)
{
	char text[REDIS_ERROR_SIZE];

	snprintf(text, sizeof(text), "%s", error);
	redis_command_hide_secrets(command, text, sizeof(text));
	assert_string_equal(text, shown);
}

static void test_errors_repeat_no_secret(void **state)
{
	struct redis_command command;
	struct record record;

	(void)state;
	build(&record, &command, WORDS("ACL", "SETUSER", "bob", "#beefs3cret"));
	assert_hidden(&command, "ERR Error in ACL SETUSER modifier '#beefs3cret': bad",
		      "ERR Error in ACL SETUSER modifier '(redacted)': bad");
	assert_hidden(&command, "ERR two 'a' and 'b'", "ERR two '(redacted)'");
	assert_hidden(&command, "ERR one that was cut 'beefs3", "ERR one that was cut '(redacted)");
	assert_hidden(&command, "ERR it was beefs3cret, no", "ERR (redacted)");
	assert_hidden(&command, "ERR it was another", "ERR it was another");
	build(&record, &command, WORDS("GET", "key"));
	assert_hidden(&command, "ERR no 'key'", "ERR no 'key'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_go_by_the_command_that_it_is),
		cmocka_unit_test(test_errors_repeat_no_secret),
		cmocka_unit_test(test_items_of_all_kinds),
		cmocka_unit_test(test_hostile_records_are_refused),
		cmocka_unit_test(test_passwords_are_secret),
		cmocka_unit_test(test_keys_of_commands),
		cmocka_unit_test(test_quoting_is_redis_clis),
		cmocka_unit_test(test_error_text),
		cmocka_unit_test(test_plausible_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
