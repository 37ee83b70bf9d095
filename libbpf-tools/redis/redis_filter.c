/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows by error, key, client and time.
 */
#include "redis/redis_filter.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <blazesym-lite.h>

#include "redis/redis_keys.h"
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

enum match { NO, YES, UNKNOWN };

/* A key of which only the beginning is known. */
static enum match match_beginning(const char *glob, const struct redis_arg *arg)
{
	size_t plain = strcspn(glob, "*?[\\"), kept = arg->kept < plain ? arg->kept : plain;

	if (memcmp(glob, arg->data, kept) || (!glob[plain] && plain != arg->len))
		return NO;
	return kept == plain && !strcmp(glob + plain, "*") ? YES : UNKNOWN;
}

static enum match match_key(const char *glob, const struct redis_command *command, uint32_t at)
{
	const struct redis_arg *arg = at < command->count ? &command->args[at] : NULL;

	if (!arg || arg->err)
		return UNKNOWN;
	if (arg->kept < arg->len)
		return match_beginning(glob, arg);
	return bsl_glob_match_bytes(glob, arg->data, arg->kept) ? YES : NO;
}

/* Has it a key that matches? */
static bool has_key(struct redis_filter *filter, const struct redis_shown *shown)
{
	static struct redis_keys keys;
	enum match match;
	bool is_known;

	redis_keys_get(&shown->command, shown->keys, &keys);
	is_known = keys.is_whole;
	for (size_t i = 0; i < keys.count; i++) {
		match = match_key(filter->keys, &shown->command, keys.at[i]);
		if (match == YES)
			return true;
		is_known &= match == NO;
	}
	/* What the server itself doesn't know has no keys. */
	if (!is_known &&
	    (shown->command.event->kind != REDIS_REJECTED || shown->command.event->cmd))
		filter->unknown++;
	return false;
}

/* "127.0.0.1" or "::1" of "127.0.0.1:4711" and "[::1]:4711" */
static bool is_host(const char *address, const char *wanted)
{
	const char *host = address + (*address == '['), *end = strrchr(address, ':');
	size_t len = strlen(wanted);

	if (!end)
		return false;
	if (*address == '[')
		end--;
	return (size_t)(end - host) == len && !strncmp(host, wanted, len);
}

static bool is_client(const struct redis_shown *shown, const char *wanted)
{
	const struct redis_arg *name = &shown->command.name;
	char id[24];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)shown->command.event->client_id);
	return !strcmp(wanted, id) || !strcmp(wanted, shown->client->address) ||
	       is_host(shown->client->address, wanted) ||
	       (name->data && name->kept == strlen(wanted) &&
		!memcmp(name->data, wanted, name->kept));
}

bool redis_filter_matches(struct redis_filter *filter, const struct redis_shown *shown)
{
	const struct redis_row *row = shown->row;

	if (filter->errors && (!shown->error[0] || !has_error_code(filter->errors, shown->error)))
		return false;
	if (filter->keys && !has_key(filter, shown))
		return false;
	if (filter->client && !is_client(shown, filter->client))
		return false;
	if (filter->user && strcmp(filter->user, shown->client->user) != 0)
		return false;
	return row->run_ns + row->wait_ns >= filter->min_ns;
}
