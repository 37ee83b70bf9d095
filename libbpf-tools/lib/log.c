/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Messages on stderr; see log.h.
 */
#include "lib/log.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TAIL_SIZE 16384
#define LOG_LINE_SIZE 4096

/* In file scope because libbpf's print callback has no context argument. */
static struct {
	int verbosity;
	size_t tail_len;
	char *tail; /* LOG_TAIL_SIZE bytes, or NULL: nothing is collected */
} log_state;

static void log_tail_append(const char *text, size_t len)
{
	size_t excess;

	if (!log_state.tail)
		log_state.tail = malloc(LOG_TAIL_SIZE);
	if (!log_state.tail)
		return;
	if (len > LOG_TAIL_SIZE) {
		text += len - LOG_TAIL_SIZE;
		len = LOG_TAIL_SIZE;
	}
	if (log_state.tail_len + len > LOG_TAIL_SIZE) {
		excess = log_state.tail_len + len - LOG_TAIL_SIZE;
		memmove(log_state.tail, log_state.tail + excess, log_state.tail_len - excess);
		log_state.tail_len -= excess;
	}
	memcpy(log_state.tail + log_state.tail_len, text, len);
	log_state.tail_len += len;
}

static int log_libbpf_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	/* -v shows warnings (level 0), -vv information (1), -vvv debugging output (2). */
	char *text = NULL;
	int len;

	if ((int)level < log_state.verbosity)
		return vfprintf(stderr, fmt, args);
	if (level == LIBBPF_DEBUG)
		return 0;
	len = vasprintf(&text, fmt, args);
	if (len < 0)
		return 0;
	log_tail_append(text, len);
	free(text);
	return len;
}

void log_init(int verbosity)
{
	log_state.verbosity = verbosity;
	libbpf_set_print(log_libbpf_print);
}

int log_verbosity(void)
{
	return log_state.verbosity;
}

/* The stream escapes (front.h); a message may have lines of its own, each of which begins with our name. */
static void log_print(const char *kind, const char *fmt, va_list args)
{
	char line[LOG_LINE_SIZE];
	const char *end, *text = line;

	vsnprintf(line, sizeof(line), fmt, args);
	do {
		end = strchrnul(text, '\n');
		fprintf(stderr, "%s: %s%.*s\n", program_invocation_short_name, kind,
			(int)(end - text), text);
		text = end + 1;
	} while (*end && *text);
}

#define LOG_FUNCTION(name, least, kind)            \
	void name(const char *fmt, ...)            \
	{                                          \
		va_list args;                      \
                                                   \
		if (log_state.verbosity < (least)) \
			return;                    \
		va_start(args, fmt);               \
		log_print(kind, fmt, args);        \
		va_end(args);                      \
	}

LOG_FUNCTION(log_error, 0, "")
LOG_FUNCTION(log_note, 0, "")
LOG_FUNCTION(log_warn, 0, "warning: ")
LOG_FUNCTION(log_info, 1, "")
LOG_FUNCTION(log_debug, 2, "")

void log_permission(enum permission what)
{
	char text[512];

	log_error("%s", permission_explain_own(what, text, sizeof(text)));
}

void log_hidden_process(int pid)
{
	log_error("process %d may not be looked at: what it runs can't be seen", pid);
	log_permission(PERMISSION_PROCESS);
}

/* Has the verifier spoken? Its refusals look like missing permissions. */
static bool log_has_verifier(void)
{
	static const char words[] = "PROG LOAD LOG";

	return log_state.tail_len &&
	       memmem(log_state.tail, log_state.tail_len, words, strlen(words));
}

static void log_vfailure(int err, enum permission what, const char *fmt, va_list args)
{
	bool is_refused = (permission_is_refusal(err) && !log_has_verifier()) ||
			  permission_lacks_helpers(log_state.tail, log_state.tail_len);
	char message[512];

	vsnprintf(message, sizeof(message), fmt, args);
	log_error("%s: %s", message, strerror(-err));
	if (!is_refused && log_state.tail_len) {
		fwrite(log_state.tail, 1, log_state.tail_len, stderr);
		if (log_state.tail[log_state.tail_len - 1] != '\n')
			fputc('\n', stderr);
	}
	log_libbpf_forget();
	if (is_refused)
		log_permission(what);
}

void log_libbpf_failure(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vfailure(err, PERMISSION_BPF, fmt, args);
	va_end(args);
}

void log_failure(int err, enum permission what, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vfailure(err, what, fmt, args);
	va_end(args);
}

void log_libbpf_forget(void)
{
	free(log_state.tail);
	log_state.tail = NULL;
	log_state.tail_len = 0;
}
