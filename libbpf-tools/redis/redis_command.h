/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * One executed command: a record taken apart, its secrets found, its arguments quoted
 * as redis-cli does it. Knows nothing of BPF or of processes.
 */
#ifndef REDIS_COMMAND_H
#define REDIS_COMMAND_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/redis_event.h"

struct redis_arg {
	const char *data; /* borrowed from the record, or from number */
	uint32_t kept;	  /* bytes at data */
	uint32_t len;	  /* true length */
	int err;	  /* negative errno: it could not be read */
	bool is_secret;
	char number[24];
};

struct redis_command {
	const struct redis_event *event;
	struct redis_arg args[REDIS_ARGS_MAX];
	size_t count;		/* of args; event->argc is how many there were */
	struct redis_arg name;	/* of the client; data NULL: has none */
	struct redis_arg error; /* data NULL: none */
	struct redis_arg real;	/* the server's own name for it; data NULL: not in this record */
};

/*
 * Take a record apart. The command borrows from it, and must not be copied. 0, or -EINVAL for what
 * isn't a record.
 */
int redis_command_parse(struct redis_command *command, const void *data, size_t size);

#define REDIS_KEYWORD_SIZE 32
/*
 * Mark passwords as secret: AUTH, HELLO, ACL SETUSER, CONFIG SET, MIGRATE, SENTINEL, by the name that was sent and by
 * the server's own (real, NULL: not known; all arguments are secret, then, of a command that the server knows).
 * Every name and keyword must have been kept up to REDIS_KEYWORD_SIZE bytes for that.
 */
void redis_command_mark_secrets(struct redis_command *command, const char *real);
/* Take what is marked as secret out of an error's text, which has room for size bytes. */
void redis_command_hide_secrets(const struct redis_command *command, char *text, size_t size);

/* Are there arguments, all readable, and the first one like a command's name? What the layout is checked by. */
bool redis_command_is_plausible(const struct redis_command *command);

/* Does an argument equal a word, whatever the case? */
bool redis_arg_is(const struct redis_arg *arg, const char *word);

#define REDIS_QUOTED_SIZE(len) (4 * (size_t)(len) + 2)
/*
 * Quote as redis-cli and MONITOR do (sdscatrepr()): in double quotes, with \\ \" \n \r \t \a \b, and
 * \xHH for what isn't printable ASCII. Returns the length; buf has room for REDIS_QUOTED_SIZE(len).
 */
size_t redis_quote(char *buf, const char *data, size_t len);

/*
 * An error reply's text, as afterErrorReply() gets it, without protocol: "-NOAUTH ...\r\n" or
 * "...", which means ERR; one that was cut ends with "...(LENGTH)". The result is in buf.
 */
void redis_error_text(const struct redis_arg *error, char *buf, size_t size);

#endif /* REDIS_COMMAND_H */
