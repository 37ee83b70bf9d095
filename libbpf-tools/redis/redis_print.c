/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A command's row, as columns or as JSON.
 */
#include "redis/redis_print.h"

#include <stdlib.h>
#include <string.h>

#include "lib/output.h"
#include "lib/timestamp.h"
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

int redis_shown_set(struct redis_shown *shown, const struct redis_row *row)
{
	int err = redis_command_parse(&shown->command, row->event, row->size);

	if (err)
		return err;
	shown->row = row;
	redis_command_mark_secrets(&shown->command);
	find_error(shown);
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

static void print_quoted(struct redis_print *print, const char *data, size_t len)
{
	char *quoted = make_room(print, len);

	if (quoted)
		output_put(print->output, quoted, redis_quote(quoted, data, len));
	else
		output_put(print->output, "?", 1);
}

/* An argument's bytes to be shown: we may have been given more, for the sake of finding secrets. */
static uint32_t shown_bytes(const struct redis_print *print, const struct redis_arg *arg)
{
	return arg->kept < print->arg_bytes || arg->data == arg->number ? arg->kept
									: print->arg_bytes;
}

static void print_arg(struct redis_print *print, const struct redis_arg *arg)
{
	uint32_t bytes = shown_bytes(print, arg);

	if (arg->err) {
		output_puts(print->output, " ?");
	} else if (arg->is_secret && !print->show_secrets) {
		output_puts(print->output, " (redacted)");
	} else {
		output_put(print->output, " ", 1);
		print_quoted(print, arg->data, bytes);
		if (bytes < arg->len)
			output_printf(print->output, "...(%u)", arg->len);
	}
}

static void print_name(struct redis_print *print, const struct redis_arg *name)
{
	for (uint32_t i = 0; i < name->kept; i++) {
		if (name->data[i] <= ' ' || name->data[i] == '"' || name->data[i] > '~') {
			print_quoted(print, name->data, name->kept);
			return;
		}
	}
	output_put(print->output, name->data, name->kept);
	if (name->kept < name->len)
		output_printf(print->output, "...(%u)", name->len);
}

void redis_print_header(const struct redis_print *print)
{
	struct output *out = print->output;

	if (output_is_json(out))
		return;
	if (print->clock)
		output_printf(out, "%-9s", "TIME");
	if (print->seconds)
		output_printf(out, "%-14s", "TIME(s)");
	output_printf(out, "%-7s %-3s %-21s %11s %s", "PID", "DB", "CLIENT", "LATENCY(us)",
		      "COMMAND ARGS");
	output_end_line(out);
}

/* Microseconds with one decimal, 11 characters: printf() takes half as long as all the rest of a row. */
static void put_us(struct output *out, uint64_t ns)
{
	uint64_t tenths = (ns + 50) / 100;

	output_put_u64(out, tenths / 10, 9);
	output_put(out, ".", 1);
	output_put_u64(out, tenths % 10, 0);
}

/* Two blanks for each level. */
static void put_indent(struct output *out, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		output_put(out, "  ", 2);
}

static void print_text_columns(struct redis_print *print, const struct redis_shown *shown)
{
	const struct redis_event *event = shown->command.event;
	struct output *out = print->output;
	char hms[9];

	if (print->clock)
		output_printf(out, "%-9s", timestamp_hms(print->start, event->start, hms));
	if (print->seconds)
		output_printf(out, "%-14.6f", timestamp_offset(print->start, event->start));
	output_put_u64(out, event->pid, -7);
	output_put(out, " ", 1);
	if (event->db < 0)
		output_puts(out, "?  ");
	else
		output_put_u64(out, event->db, -3);
	output_put(out, " ", 1);
	output_put_escaped(out, shown->client->address, strlen(shown->client->address), -21);
	output_put(out, " ", 1);
	if (event->kind == REDIS_REJECTED)
		output_puts(out, "          -");
	else
		put_us(out, shown->row->run_ns);
	output_put(out, " ", 1);
}

static int print_text(struct redis_print *print, const struct redis_shown *shown)
{
	const struct redis_command *command = &shown->command;
	const struct redis_event *event = command->event;
	const struct redis_row *row = shown->row;
	struct output *out = print->output;

	print_text_columns(print, shown);
	put_indent(out, event->depth);
	if (command->count && !command->args[0].err)
		print_name(print, &command->args[0]);
	else
		output_puts(out, "?");
	for (size_t i = 1; i < command->count && i < print->args; i++)
		print_arg(print, &command->args[i]);
	if (event->argc > print->args || event->argc > command->count)
		output_printf(out, " ...(%zu more)",
			      event->argc - (command->count < print->args ? command->count
									  : (size_t)print->args));
	if (row->has_blocked)
		output_printf(out, " # %s %.1f us", row->is_blocked ? "blocked for" : "waited",
			      row->wait_ns / 1e3);
	if (shown->error[0]) {
		output_puts(out, event->kind == REDIS_REJECTED ? " # rejected: " : " # ");
		output_put_escaped(out, shown->error, strlen(shown->error), 0);
	}
	return output_end(out);
}

static bool is_hidden(const struct redis_print *print, const struct redis_arg *arg)
{
	return arg->err || (arg->is_secret && !print->show_secrets);
}

static bool is_utf8(const char *text, size_t len)
{
	uint32_t code;
	size_t step;

	for (; len; text += step, len -= step) {
		step = output_utf8_char(text, len, &code);
		if (!step)
			return false;
	}
	return true;
}

static void json_arg_hex(struct redis_print *print, const struct redis_arg *arg)
{
	uint32_t bytes = shown_bytes(print, arg);
	char *hex;

	if (is_hidden(print, arg)) {
		output_json_null(print->output, NULL);
		return;
	}
	hex = make_room(print, bytes);
	for (uint32_t i = 0; hex && i < bytes; i++) {
		static const char digits[] = "0123456789abcdef";

		hex[2 * i] = digits[(uint8_t)arg->data[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)arg->data[i] & 15];
	}
	output_json_str(print->output, NULL, hex, hex ? 2 * (size_t)bytes : 0);
}

static void json_args(struct redis_print *print, const struct redis_command *command)
{
	struct output *out = print->output;
	bool is_cut = false, is_binary = false;

	output_json_array_begin(out, "args");
	for (size_t i = 1; i < command->count && i < print->args; i++) {
		const struct redis_arg *arg = &command->args[i];

		if (is_hidden(print, arg))
			output_json_null(out, NULL);
		else
			output_json_str(out, NULL, arg->data, shown_bytes(print, arg));
		is_cut |= arg->err || arg->is_secret || shown_bytes(print, arg) < arg->len;
		is_binary |= !is_hidden(print, arg) && !is_utf8(arg->data, shown_bytes(print, arg));
	}
	output_json_array_end(out);
	if (is_binary) {
		output_json_array_begin(out, "args_hex");
		for (size_t i = 1; i < command->count && i < print->args; i++)
			json_arg_hex(print, &command->args[i]);
		output_json_array_end(out);
	}
	if (!is_cut)
		return;
	/* Beside the array, as long as it: true lengths, and why there is a null. */
	output_json_array_begin(out, "args_bytes");
	for (size_t i = 1; i < command->count && i < print->args; i++) {
		const struct redis_arg *arg = &command->args[i];

		if (arg->err)
			output_json_str(out, NULL, "unreadable", 10);
		else if (arg->is_secret && !print->show_secrets)
			output_json_str(out, NULL, "redacted", 8);
		else
			output_json_u64(out, NULL, arg->len);
	}
	output_json_array_end(out);
}

static void json_client(struct output *out, const struct redis_shown *shown)
{
	const struct redis_command *command = &shown->command;

	output_json_u64(out, "client_id", command->event->client_id);
	if (strcmp(shown->client->address, "?"))
		output_json_str(out, "client", shown->client->address,
				strlen(shown->client->address));
	else
		output_json_error(out, "client", "its connection could not be looked at");
	if (command->name.data)
		output_json_str(out, "name", command->name.data, command->name.kept);
	if (shown->client->user[0])
		output_json_cstr(out, "user", shown->client->user, sizeof(shown->client->user));
}

static int print_json(struct redis_print *print, const struct redis_shown *shown)
{
	const struct redis_command *command = &shown->command;
	const struct redis_event *event = command->event;
	const struct redis_row *row = shown->row;
	struct output *out = print->output;

	output_json_begin(out);
	output_json_seconds(out, "time", timestamp_wall_ns(print->start, event->start));
	output_json_u64(out, "pid", event->pid);
	if (event->db < 0)
		output_json_error(out, "db", "unreadable");
	else
		output_json_s64(out, "db", event->db);
	json_client(out, shown);
	output_json_u64(out, "depth", event->depth);
	if (event->kind == REDIS_REJECTED)
		output_json_bool(out, "rejected", true);
	else
		output_json_double(out, "latency_us", row->run_ns / 1e3);
	if (row->has_blocked)
		output_json_double(out, "wait_us", row->wait_ns / 1e3);
	if (row->is_blocked)
		output_json_bool(out, "blocked", true);
	if (command->count && !command->args[0].err)
		output_json_str(out, "command", command->args[0].data, command->args[0].kept);
	else
		output_json_error(out, "command", event->argc ? "unreadable" : "protocol error");
	json_args(print, command);
	output_json_u64(out, "args_total", event->argc ? event->argc - 1 : 0);
	if (shown->error[0])
		output_json_str(out, "error", shown->error, strlen(shown->error));
	return output_end(out);
}

int redis_print_row(struct redis_print *print, const struct redis_shown *shown)
{
	return output_is_json(print->output) ? print_json(print, shown) : print_text(print, shown);
}

void redis_print_end(struct redis_print *print)
{
	free(print->quoted);
	print->quoted = NULL;
	print->quoted_size = 0;
}
