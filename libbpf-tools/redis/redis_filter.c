/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows by error, key, client and time.
 */
#include "redis/redis_filter.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <blazesym-lite.h>

#include "redis/redis_print.h"
#include "redis/redis_server.h"

static bool has_error_code(const char *codes, const char *text)
{
	size_t len = strcspn(text, " ");

	if (!strcasecmp(codes, "any"))
		return true;
	for (const char *at = codes; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		if (strcspn(at, ",") == len && !strncasecmp(at, text, len))
			return true;
	}
	return false;
}

static bool has_key(const char *glob, const struct redis_command *command)
{
	char key[1024];
	size_t at;

	for (size_t i = 0; (at = redis_command_key(command, i)) != 0; i++) {
		snprintf(key, sizeof(key), "%.*s", (int)command->args[at].kept,
			 command->args[at].data);
		if (bsl_glob_match(glob, key))
			return true;
	}
	return false;
}

static bool is_client(const struct redis_shown *shown, const char *wanted)
{
	const struct redis_arg *name = &shown->command.name;
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)shown->command.event->client_id);
	return !strcmp(wanted, id) || !strcmp(wanted, shown->client->address) ||
	       (name->data && name->kept == strlen(wanted) &&
		!memcmp(name->data, wanted, name->kept));
}

bool redis_filter_matches(const struct redis_filter *filter, const struct redis_shown *shown)
{
	const struct redis_row *row = shown->row;

	if (filter->errors && (!shown->error[0] || !has_error_code(filter->errors, shown->error)))
		return false;
	if (filter->keys && !has_key(filter->keys, &shown->command))
		return false;
	if (filter->client && !is_client(shown, filter->client))
		return false;
	return row->run_ns + row->wait_ns >= filter->min_ns;
}
