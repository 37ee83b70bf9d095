/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as a record of a command: what is made of it stays within it, and each record gives one row at most. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis/redis_command.h"
#include "redis/redis_keys.h"
#include "redis/redis_rows.h"

static void look_at(struct redis_command *command)
{
	static struct redis_keys keys;
	size_t room;
	char text[REDIS_ERROR_SIZE] = "";
	char *quoted;

	redis_command_is_plausible(command);
	redis_command_mark_secrets(command, command->event->cmd & 1 ? "auth" : NULL);
	for (size_t i = 0; i < command->count; i++) {
		const struct redis_arg *arg = &command->args[i];

		room = REDIS_QUOTED_SIZE(arg->kept);
		quoted = malloc(room);
		if (redis_quote(quoted, arg->data, arg->kept) > room)
			abort();
		free(quoted);
	}
	if (command->count)
		redis_keys_get(command,
			       redis_keys_find(command->args[0].data, command->args[0].kept),
			       &keys);
	for (size_t i = 0; command->count && i < keys.count; i++) {
		if (!keys.at[i] || keys.at[i] >= command->event->argc)
			abort();
	}
	if (command->error.data)
		redis_error_text(&command->error, text, sizeof(text));
	redis_command_hide_secrets(command, text, sizeof(text));
}

static int take_row(void *ctx, const struct redis_row *row)
{
	static struct redis_command command;

	++*(size_t *)ctx;
	return redis_command_parse(&command, row->event, row->size) ? abort(), 0 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct redis_command command;
	size_t rows = 0, records = 0, length;
	struct redis_rows *queue = redis_rows_new(take_row, &rows);

	/* A length, then a record, and so on. */
	while (size > 2) {
		void *record;

		length = (data[0] | data[1] << 8) % (size - 1);
		record = malloc(length + 1);
		memcpy(record, data + 2, length);
		if (length && !redis_command_parse(&command, record, length)) {
			look_at(&command);
			records++;
			redis_rows_add(queue, record, length, data[0] & 1);
		}
		free(record);
		data += 2 + length;
		size = size > 2 + length ? size - 2 - length : 0;
	}
	redis_rows_flush(queue, UINT64_MAX, 0, REDIS_END_RUN);
	redis_rows_free(queue);
	if (rows > records)
		abort();
	return 0;
}
