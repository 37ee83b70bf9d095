/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Records of commands: taking apart, secrets, quoting.
 */
#include "redis/redis_command.h"

#include <array_size.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- records -------------------------------------------------------------------------------- */

/* Every member but number, which only numbers have: this is done for each argument of each command. */
static int parse_item(const struct redis_item *item, const char *data, struct redis_arg *arg)
{
	int64_t number;

	arg->data = data;
	arg->kept = arg->len = item->kept;
	arg->err = 0;
	arg->is_secret = false;
	if (item->kept < 0) {
		arg->data = "";
		arg->kept = arg->len = 0;
		arg->err = item->kept;
		return 0;
	}
	if (item->is_int) {
		if (item->kept != sizeof(number))
			return -EINVAL;
		memcpy(&number, data, sizeof(number));
		arg->len = snprintf(arg->number, sizeof(arg->number), "%lld", (long long)number);
		arg->kept = arg->len;
		arg->data = arg->number;
		return 0;
	}
	if ((uint32_t)item->kept > item->len)
		return -EINVAL;
	arg->len = item->len;
	return 0;
}

static struct redis_arg *place_item(struct redis_command *command, const struct redis_item *item)
{
	if (item->type == REDIS_ITEM_NAME)
		return &command->name;
	if (item->type == REDIS_ITEM_ERROR)
		return &command->error;
	if (item->type == REDIS_ITEM_REAL)
		return &command->real;
	if (item->type != REDIS_ITEM_ARG || command->count == REDIS_ARGS_MAX)
		return NULL;
	return &command->args[command->count++];
}

int redis_command_parse(struct redis_command *command, const void *data, size_t size)
{
	const char *at = (const char *)data + sizeof(struct redis_event), *end;
	const struct redis_event *event = data;

	command->event = event;
	command->count = 0;
	command->name.data = command->error.data = command->real.data = NULL;
	if (size < sizeof(*event) || event->data_len > size - sizeof(*event))
		return -EINVAL;
	end = at + event->data_len;
	for (unsigned int i = 0; i < event->items; i++) {
		const struct redis_item *item = (const void *)at;
		struct redis_arg *arg;
		size_t kept, left = end - at;

		if (left < sizeof(*item))
			return -EINVAL;
		left -= sizeof(*item);
		kept = item->kept < 0 ? 0 : ((size_t)item->kept + 7) & ~(size_t)7;
		arg = kept <= left ? place_item(command, item) : NULL;
		if (!arg || parse_item(item, at + sizeof(*item), arg))
			return -EINVAL;
		at += sizeof(*item) + kept;
	}
	return 0;
}

bool redis_arg_is(const struct redis_arg *arg, const char *word)
{
	size_t len = strlen(word);

	return arg->len == len && arg->kept == len && !strncasecmp(arg->data, word, len);
}

bool redis_command_is_plausible(const struct redis_command *command)
{
	const struct redis_arg *name = &command->args[0];

	if (!command->count || command->event->argc > 1024 * 1024 || !name->kept)
		return false;
	for (size_t i = 0; i < command->count; i++) {
		if (command->args[i].err)
			return false;
	}
	for (uint32_t i = 0; i < name->kept; i++) {
		if (!isgraph((unsigned char)name->data[i]))
			return false;
	}
	return true;
}

/* ---- secrets -------------------------------------------------------------------------------- */

static void mark(struct redis_command *command, size_t at)
{
	if (at < command->count)
		command->args[at].is_secret = true;
}

/* AUTH password; AUTH user password */
static void mark_auth(struct redis_command *command)
{
	for (size_t i = command->event->argc == 3 ? 2 : 1; i < command->count; i++)
		mark(command, i);
}

/* HELLO protocol AUTH user password ... */
static void mark_hello(struct redis_command *command)
{
	for (size_t i = 1; i < command->count; i++) {
		if (redis_arg_is(&command->args[i], "auth"))
			mark(command, i + 2);
	}
}

/* ACL SETUSER user rule...: passwords and their hashes, added and removed */
static void mark_acl(struct redis_command *command)
{
	if (command->count < 3 || !redis_arg_is(&command->args[1], "setuser"))
		return;
	for (size_t i = 3; i < command->count; i++) {
		if (command->args[i].kept && strchr("><#!", command->args[i].data[0]))
			mark(command, i);
	}
}

static bool is_secret_setting(const struct redis_arg *name)
{
	static const char *const parts[] = { "pass", "auth", "masteruser", "primaryuser" };
	char text[REDIS_KEYWORD_SIZE + 1];
	size_t len = name->kept < REDIS_KEYWORD_SIZE ? name->kept : REDIS_KEYWORD_SIZE;

	memcpy(text, name->data, len);
	text[len] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strcasestr(text, parts[i]))
			return true;
	}
	return false;
}

static void mark_settings(struct redis_command *command, size_t from)
{
	for (size_t i = from; i < command->count; i += 2) {
		if (is_secret_setting(&command->args[i]))
			mark(command, i + 1);
	}
}

/* CONFIG SET name value ... */
static void mark_config(struct redis_command *command)
{
	if (command->count > 1 && redis_arg_is(&command->args[1], "set"))
		mark_settings(command, 2);
}

/* SENTINEL SET primary name value ..., SENTINEL CONFIG SET name value */
static void mark_sentinel(struct redis_command *command)
{
	if (command->count > 1 &&
	    (redis_arg_is(&command->args[1], "set") || redis_arg_is(&command->args[1], "config")))
		mark_settings(command, 3);
}

/* MIGRATE ... AUTH password | AUTH2 user password */
static void mark_migrate(struct redis_command *command)
{
	for (size_t i = 5; i < command->count; i++) {
		if (redis_arg_is(&command->args[i], "auth"))
			mark(command, i + 1);
		else if (redis_arg_is(&command->args[i], "auth2"))
			mark(command, i + 2);
		else if (redis_arg_is(&command->args[i], "keys"))
			return;
	}
}

/* A command's own name, or that of the one whose subcommand it is: "config|set", "config". */
static bool is_real(const char *real, const char *name)
{
	size_t len = strlen(name);

	return real && !strncmp(real, name, len) && (!real[len] || real[len] == '|');
}

void redis_command_mark_secrets(struct redis_command *command, const char *real)
{
	static const struct {
		const char *name;
		void (*mark)(struct redis_command *command);
	} rules[] = {
		{ "auth", mark_auth },	       { "hello", mark_hello },
		{ "acl", mark_acl },	       { "config", mark_config },
		{ "sentinel", mark_sentinel }, { "migrate", mark_migrate },
	};

	/* It is known to the server, but not to us: it may be any. */
	if (command->event->cmd && !real)
		for (size_t i = 1; i < command->count; i++)
			mark(command, i);
	for (size_t i = 0; command->count && i < ARRAY_SIZE(rules); i++) {
		if (redis_arg_is(&command->args[0], rules[i].name) || is_real(real, rules[i].name))
			rules[i].mark(command);
	}
}

static bool has_bytes(const char *text, const char *data, size_t len)
{
	return len && memmem(text, strlen(text), data, len);
}

/* Does the text still have a secret, whole, or a rule of ACL SETUSER's without its first character? */
static bool has_secret(const char *text, const struct redis_command *command)
{
	for (size_t i = 1; i < command->count; i++) {
		const struct redis_arg *arg = &command->args[i];

		if (!arg->is_secret || !arg->kept)
			continue;
		if (has_bytes(text, arg->data, arg->kept) ||
		    (strchr("><#!", arg->data[0]) && has_bytes(text, arg->data + 1, arg->kept - 1)))
			return true;
	}
	return false;
}

/* Servers repeat arguments between quotes, cut and changed as they like: from the first one to the last. */
static void hide_quoted(char *text, size_t size)
{
	static const char quotes[] = "'`\"";
	char rest[REDIS_ERROR_SIZE] = "", *first = strpbrk(text, quotes), *last = first;
	size_t count = 0;

	if (!first)
		return;
	for (char *at = first; at; at = strpbrk(at + 1, quotes)) {
		last = at;
		count++;
	}
	if (count % 2 == 0)
		snprintf(rest, sizeof(rest), "%s", last);
	snprintf(first + 1, size - (first + 1 - text), "(redacted)%s", rest);
}

void redis_command_hide_secrets(const struct redis_command *command, char *text, size_t size)
{
	size_t code = strcspn(text, " ");
	bool is_any = false;

	for (size_t i = 1; i < command->count; i++)
		is_any |= command->args[i].is_secret;
	if (!is_any)
		return;
	hide_quoted(text, size);
	if (has_secret(text + code, command))
		snprintf(text + code, size - code, " (redacted)");
}

/* ---- text ----------------------------------------------------------------------------------- */

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What stands for a character that isn't plain. Its length. */
static size_t quote_special(char piece[4], unsigned char c)
{
	static const char special[] = "\\\"\n\r\t\a\b", letters[] = "\\\"nrtab";
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(special, c) : NULL;

	piece[0] = '\\';
	piece[1] = found ? letters[found - special] : 'x';
	piece[2] = digits[c >> 4];
	piece[3] = digits[c & 15];
	return found ? 2 : 4;
}

size_t redis_quote(char *buf, const char *data, size_t len)
{
	char *to = buf;

	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (is_plain(data[i]))
			*to++ = data[i];
		else
			to += quote_special(to, data[i]);
	}
	*to++ = '"';
	return to - buf;
}

void redis_error_text(const struct redis_arg *error, char *buf, size_t size)
{
	const char *text = error->data;
	size_t len = error->kept;
	bool has_code = len && *text == '-';

	if (has_code) {
		text++;
		len--;
	}
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (error->kept < error->len)
		snprintf(buf, size, "%s%.*s...(%u)", has_code ? "" : "ERR ", (int)len, text,
			 error->len);
	else
		snprintf(buf, size, "%s%.*s", has_code ? "" : "ERR ", (int)len, text);
}
