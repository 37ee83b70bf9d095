/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A command's row, as columns or as JSON.
 */
#include "redis/redis_print.h"

#include <array_size.h>
#include <stdlib.h>
#include <string.h>

#include "redis/redis_keys.h"
#include "redis/redis_server.h"

static void find_error(struct redis_shown *shown)
{
	const struct redis_row *row = shown->row;
	struct redis_command other;

	shown->error[0] = 0;
	if (shown->command.error.data) {
		redis_error_text(&shown->command.error, shown->error, sizeof(shown->error));
	} else if (row->error_event &&
		   !redis_command_parse(&other, row->error_event, row->error_size) &&
		   other.error.data) {
		redis_error_text(&other.error, shown->error, sizeof(shown->error));
	}
}

int redis_shown_set(struct redis_shown *shown, const struct redis_row *row,
		    const struct redis_named *named, bool show_secrets)
{
	const struct redis_command *command = &shown->command;
	int err = redis_command_parse(&shown->command, row->event, row->size);

	if (err)
		return err;
	shown->row = row;
	if (named)
		shown->keys = named->keys;
	else if (!row->event->cmd && command->count && !command->args[0].err)
		shown->keys = redis_keys_find(command->args[0].data, command->args[0].kept);
	else
		shown->keys = NULL;
	redis_command_mark_secrets(&shown->command, named ? named->name : NULL);
	find_error(shown);
	if (!show_secrets)
		redis_command_hide_secrets(&shown->command, shown->error, sizeof(shown->error));
	return 0;
}

/* Room for an argument in quotes; NULL without memory. */
static char *make_room(struct redis_print *print, size_t len)
{
	size_t need = REDIS_QUOTED_SIZE(len);

	if (need > print->quoted_size) {
		void *grown = realloc(print->quoted, need);

		if (!grown)
			return NULL;
		print->quoted = grown;
		print->quoted_size = need;
	}
	return print->quoted;
}

static void put_quoted(struct redis_print *print, struct output *out, const char *data, size_t len)
{
	char *quoted = make_room(print, len);

	if (quoted)
		output_put(out, quoted, redis_quote(quoted, data, len));
	else
		output_put(out, "?", 1);
}

/* An argument's bytes to be shown: we may have been given more, for the sake of finding secrets. */
static uint32_t shown_bytes(const struct redis_print *print, const struct redis_arg *arg)
{
	return arg->kept < print->arg_bytes || arg->data == arg->number ? arg->kept
									: print->arg_bytes;
}

static void put_name(struct redis_print *print, struct output *out, const struct redis_arg *name)
{
	for (uint32_t i = 0; i < name->kept; i++) {
		if (name->data[i] <= ' ' || name->data[i] == '"' || name->data[i] > '~') {
			put_quoted(print, out, name->data, name->kept);
			return;
		}
	}
	output_put(out, name->data, name->kept);
	if (name->kept < name->len)
		output_printf(out, "...(%u)", name->len);
}

/* Two blanks for each level. */
static void put_indent(struct output *out, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		output_put(out, "  ", 2);
}

static const char *const ends[] = {
	[REDIS_END_SERVED] = "served",	[REDIS_END_TIMED_OUT] = "timed out",
	[REDIS_END_FAILED] = "failed",	[REDIS_END_CLIENT_LEFT] = "client left",
	[REDIS_END_RUN] = "unfinished", [REDIS_END_SERVER] = "server ended",
};

static void put_ended(const struct redis_row *row, struct output *out)
{
	if (row->has_blocked)
		output_printf(out, " # %s %.1f us%s%s", row->is_blocked ? "blocked for" : "waited",
			      row->wait_ns / 1e3, ends[row->end] ? ", " : "", ends[row->end] ?: "");
	else if (row->end != REDIS_END_RETURNED)
		output_printf(out, " # %s", ends[row->end]);
}

/* In text: the command's name. */
static void put_command(const void *data, struct output *out)
{
	const struct redis_shown *shown = data;
	const struct redis_command *command = &shown->command;

	put_indent(out, command->event->depth);
	if (command->count && !command->args[0].err)
		put_name(shown->print, out, &command->args[0]);
	else
		output_puts(out, "?");
}

static bool next_arg(const void *data, size_t number, struct row_item *item)
{
	const struct redis_shown *shown = data;
	const struct redis_arg *arg = &shown->command.args[number + 1];

	if (number + 1 >= shown->command.count || number + 1 >= shown->print->args)
		return false;
	item->text = arg->err ? NULL : arg->data;
	item->len = shown_bytes(shown->print, arg);
	item->whole = arg->len;
	item->is_secret = !arg->err && arg->is_secret && !shown->print->show_secrets;
	return true;
}

static void quote_arg(const void *data, struct output *out, const char *text, size_t len)
{
	put_quoted(((const struct redis_shown *)data)->print, out, text, len);
}

/* In text: what is left out, and what became of the command. */
static void put_end(const void *data, struct output *out)
{
	const struct redis_shown *shown = data;
	const struct redis_command *command = &shown->command;
	const struct redis_event *event = command->event;
	const struct redis_row *row = shown->row;
	size_t limit = shown->print->args;

	if (event->argc > limit || event->argc > command->count)
		output_printf(out, " ...(%zu more)",
			      event->argc - (command->count < limit ? command->count : limit));
	put_ended(row, out);
	if (shown->error[0]) {
		output_puts(out, event->kind == REDIS_REJECTED ? " # rejected: " : " # ");
		output_put_escaped(out, shown->error, strlen(shown->error), 0);
	}
}

static const struct row_list args_list = { .next = next_arg,
					   .has_bytes = true,
					   .before = put_command,
					   .quote = quote_arg,
					   .after = put_end };

/* ---- columns -------------------------------------------------------------------------------- */

static void get_db(const void *data, struct row_value *value)
{
	const struct redis_shown *shown = data;

	value->number = (uint64_t)(int64_t)shown->command.event->db;
	if (shown->command.event->db < 0)
		row_set_unknown(value, "unreadable");
}

static void get_client(const void *data, struct row_value *value)
{
	const char *address = ((const struct redis_shown *)data)->client->address;

	row_set_text(value, address, strlen(address));
	if (!strcmp(address, "?"))
		row_set_unknown(value, "its connection could not be looked at");
}

/* Empty: there is none, or it isn't known. */
static void set_optional(struct row_value *value, const char *text, size_t len)
{
	if (len)
		row_set_text(value, text, len);
	else
		row_set_none(value, NULL);
}

static void get_name(const void *data, struct row_value *value)
{
	const struct redis_arg *name = &((const struct redis_shown *)data)->command.name;

	if (name->data)
		row_set_text(value, name->data, name->kept);
	else
		row_set_none(value, NULL);
}

static void get_user(const void *data, struct row_value *value)
{
	const struct redis_client *client = ((const struct redis_shown *)data)->client;

	set_optional(value, client->user, strnlen(client->user, sizeof(client->user)));
}

static void get_error(const void *data, struct row_value *value)
{
	const struct redis_shown *shown = data;

	set_optional(value, shown->error, strlen(shown->error));
}

static void get_latency(const void *data, struct row_value *value)
{
	const struct redis_shown *shown = data;

	value->number = shown->row->run_ns;
	if (shown->command.event->kind == REDIS_REJECTED)
		row_set_none(value, NULL);
}

static void get_wait(const void *data, struct row_value *value)
{
	const struct redis_shown *shown = data;

	value->number = shown->row->wait_ns;
	if (!shown->row->has_blocked)
		row_set_none(value, NULL);
}

static void set_if(struct row_value *value, bool is_so)
{
	value->number = is_so;
	if (!is_so)
		row_set_none(value, NULL);
}

static void get_rejected(const void *data, struct row_value *value)
{
	const struct redis_shown *shown = data;

	set_if(value, shown->command.event->kind == REDIS_REJECTED);
}

static void get_blocked(const void *data, struct row_value *value)
{
	const struct redis_shown *shown = data;

	set_if(value, shown->row->is_blocked);
}

static void get_end(const void *data, struct row_value *value)
{
	enum redis_end end = ((const struct redis_shown *)data)->row->end;

	if (end == REDIS_END_UNKNOWN)
		row_set_unknown(value, "not seen");
	else
		set_optional(value, ends[end], ends[end] ? strlen(ends[end]) : 0);
}

static void get_command(const void *data, struct row_value *value)
{
	const struct redis_command *command = &((const struct redis_shown *)data)->command;

	if (command->count && !command->args[0].err)
		row_set_text(value, command->args[0].data, command->args[0].kept);
	else
		row_set_unknown(value, command->event->argc ? "unreadable" : "protocol error");
}

/* Numbers of those among the arguments that are printed. */
static void put_keys(const void *data, struct output *out)
{
	static struct redis_keys keys;
	const struct redis_shown *shown = data;
	size_t count = shown->command.count < shown->print->args ? shown->command.count
								 : shown->print->args;

	redis_keys_get(&shown->command, shown->keys, &keys);
	if (!keys.is_whole)
		return output_json_null(out, "keys");
	output_json_array_begin(out, "keys");
	for (size_t i = 0; i < keys.count && keys.at[i] < count; i++)
		output_json_u64(out, NULL, keys.at[i] - 1);
	output_json_array_end(out);
}

static void get_args_total(const void *data, struct row_value *value)
{
	const struct redis_event *event = ((const struct redis_shown *)data)->command.event;

	value->number = event->argc ? event->argc - 1 : 0;
}

#define AT(member) ROW_VIA(struct redis_shown, command.event, member)

static const struct row_column columns[] = {
	{ "TIME", "time", ROW_CLOCK, -8, AT(start), .when = { 'T' }, .help = "when it began" },
	{ "TIME(s)", NULL, ROW_ELAPSED, -13, AT(start), .decimals = 6, .when = { 't' },
	  .help = "the same, in seconds since the start" },
	{ "PID", "pid", ROW_UNSIGNED, -7, AT(pid), .help = "the server's process" },
	{ "DB", "db", ROW_SIGNED, -3, .get = get_db, .help = "the client's database" },
	{ "CLIENT_ID", "client_id", ROW_UNSIGNED, -9, AT(client_id), .when = { ROW_CHOSEN },
	  .help = "the client's number" },
	{ "CLIENT", "client", ROW_STRING, -21, .get = get_client, .help = "its address" },
	{ "NAME", "name", ROW_STRING, -16, .get = get_name, .when = { ROW_CHOSEN },
	  .help = "its name, if it has set one" },
	{ "USER", "user", ROW_STRING, -12, .get = get_user, .when = { ROW_CHOSEN },
	  .help = "its ACL user, if known" },
	{ "DEPTH", "depth", ROW_UNSIGNED, 5, AT(depth), .when = { ROW_CHOSEN },
	  .help = "how deep it is nested, 0 if not" },
	{ NULL, "rejected", ROW_BOOL, .get = get_rejected, .help = "true if it was not executed" },
	{ "LATENCY(us)", "latency_us", ROW_US, 11, .get = get_latency, .decimals = 1,
	  .help = "time of its execution" },
	{ "WAIT(us)", "wait_us", ROW_US, 11, .get = get_wait, .decimals = 1, .when = { ROW_CHOSEN },
	  .help = "time that it blocked its client" },
	{ NULL, "blocked", ROW_BOOL, .get = get_blocked,
	  .help = "true if it blocks it still at the end" },
	{ "ENDED", "ended", ROW_STRING, -12, .get = get_end, .when = { ROW_CHOSEN },
	  .help = "how, if it blocked or never did" },
	{ "COMMAND", "command", ROW_STRING, -12, .get = get_command, .when = { ROW_CHOSEN },
	  .help = "its name" },
	{ "COMMAND ARGS", "args", ROW_LIST, .list = &args_list,
	  .help = "its arguments; in text all of it" },
	{ NULL, "keys", .put = put_keys,
	  .help = "which of these are keys, from 0; null: not known" },
	{ "ARGS_TOTAL", "args_total", ROW_UNSIGNED, 10, .get = get_args_total,
	  .when = { ROW_CHOSEN }, .help = "how many arguments it has" },
	{ "ERROR", "error", ROW_STRING, -24, .get = get_error, .when = { ROW_CHOSEN },
	  .help = "the error that it replied, if one" },
};

const struct row_table redis_print_rows = {
	.columns = columns,
	.count = ARRAY_SIZE(columns),
	.order = "time,time_s,pid,db,client_id,client,name,user,depth,latency_us,wait_us,"
		 "ended,args_total,error,command,command_args",
};

int redis_print_row(struct redis_print *print, struct redis_shown *shown)
{
	shown->print = print;
	return row_print(print->rows, shown);
}

void redis_print_end(struct redis_print *print)
{
	free(print->quoted);
	print->quoted = NULL;
	print->quoted_size = 0;
}
