/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The tracing file system and the format files of tracepoints; see tracefs.h.
 */
#include "lib/tracefs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/options.h"

#define TRACEFS_FILE_MAX (16u << 20)
#define TRACEFS_PATH_MAX 512

static int tracefs_open_mounted(const char *path, unsigned long magic)
{
	struct statfs fs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) || (unsigned long)fs.f_type != magic) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

/* A mount that is attached nowhere and goes away with its descriptor. */
static int tracefs_open_private(const char *type)
{
	int fs, fd, err;

	fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return errno == ENODEV || errno == ENOSYS ? -ENOENT : -errno;
	fd = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!fd)
		fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	err = fd < 0 ? -errno : 0;
	close(fs);
	return err ?: fd;
}

int tracefs_open(void)
{
	int fd = tracefs_open_mounted("/sys/kernel/tracing", TRACEFS_MAGIC);

	if (fd < 0)
		fd = tracefs_open_mounted("/sys/kernel/debug/tracing", TRACEFS_MAGIC);
	return fd < 0 ? tracefs_open_private("tracefs") : fd;
}

int tracefs_open_debug(void)
{
	int fd = tracefs_open_mounted("/sys/kernel/debug", DEBUGFS_MAGIC);

	return fd < 0 ? tracefs_open_private("debugfs") : fd;
}

char *tracefs_read(int tracefs_fd, const char *path, size_t *len)
{
	size_t size = 4096, used = 0;
	char *text = NULL, *bigger;
	ssize_t n;
	int fd, err = 0;

	fd = openat(tracefs_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	for (;;) {
		bigger = realloc(text, size + 1);
		if (!bigger) {
			err = ENOMEM;
			break;
		}
		text = bigger;
		n = read(fd, text + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? errno : 0;
			break;
		}
		used += n;
		if (used == size && (size *= 2) > TRACEFS_FILE_MAX) {
			err = EFBIG;
			break;
		}
	}
	close(fd);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	text[used] = '\0';
	if (len)
		*len = used;
	return text;
}

/* events/CATEGORY/EVENT/FILE, not leading elsewhere. */
static int tracefs_event_path(char path[TRACEFS_PATH_MAX], const char *category, const char *event,
			      const char *file)
{
	if (!*category || !*event || strpbrk(category, "/.") || strpbrk(event, "/."))
		return -EINVAL;
	if (snprintf(path, TRACEFS_PATH_MAX, "events/%s/%s/%s", category, event, file) >=
	    TRACEFS_PATH_MAX)
		return -ENOENT;
	return 0;
}

int tracefs_event_id(int tracefs_fd, const char *category, const char *event)
{
	char path[TRACEFS_PATH_MAX], *text;
	uint64_t id;
	int err;

	err = tracefs_event_path(path, category, event, "id");
	if (err)
		return err;
	text = tracefs_read(tracefs_fd, path, NULL);
	if (!text)
		return -errno;
	text[strcspn(text, "\n")] = '\0';
	err = options_parse_u64(text, 0, INT32_MAX, &id);
	free(text);
	return err ?: (int)id;
}

/* The number that follows key in a line, or an error: tracefs prints decimal ones only. */
static int tracefs_parse_number(const char *line, const char *key, uint32_t *value)
{
	const char *p = strstr(line, key);
	unsigned long long number = 0;

	if (!p)
		return -EINVAL;
	p += strlen(key);
	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		number = number * 10 + (*p - '0');
		if (number > UINT32_MAX)
			return -EINVAL;
	}
	*value = number;
	return 0;
}

static bool tracefs_is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/*
 * Split a declaration, such as "char comm[16]", "__data_loc char[] name" or "const char * s": the
 * name is the last identifier outside brackets; what else there is, is the type.
 */
static int tracefs_parse_declaration(char *decl, struct tracefs_field *field)
{
	static const char data_loc[] = "__data_loc ", rel_loc[] = "__rel_loc ";
	char *end, *name, *bracket = NULL, *type_end;
	size_t len;

	field->is_data_loc = !strncmp(decl, data_loc, strlen(data_loc));
	field->is_rel_loc = !strncmp(decl, rel_loc, strlen(rel_loc));
	if (field->is_data_loc || field->is_rel_loc)
		decl = strchr(decl, ' ') + 1;
	end = decl + strlen(decl);
	while (end > decl && isspace((unsigned char)end[-1]))
		*--end = '\0';
	if (end > decl && end[-1] == ']') {
		bracket = strrchr(decl, '[');
		if (!bracket)
			return -EINVAL;
		field->is_array = true;
		end = bracket;
	}
	for (name = end; name > decl && tracefs_is_name_char(name[-1]); name--)
		;
	if (name == end || name == decl)
		return -EINVAL;
	for (type_end = name; type_end > decl && isspace((unsigned char)type_end[-1]); type_end--)
		;
	len = type_end - decl;
	field->name = strndup(name, end - name);
	if (asprintf(&field->type, "%.*s%s", (int)len, decl, bracket ? bracket : "") < 0)
		field->type = NULL;
	if (!field->name || !field->type)
		return -ENOMEM;
	/*
	 * A length that is a constant's name (before 6.2) stays unknown here: see
	 * tracefs_parse_field().
	 */
	if (bracket && tracefs_parse_number(bracket, "[", &field->count))
		field->count = 0;
	return 0;
}

static int tracefs_parse_field(char *line, struct tracefs_field *field)
{
	char *end = strchr(line, ';');
	uint32_t is_signed;
	int err;

	if (!end)
		return -EINVAL;
	err = tracefs_parse_number(end, "\toffset:", &field->offset);
	err = err ?: tracefs_parse_number(end, "\tsize:", &field->size);
	err = err ?: tracefs_parse_number(end, "\tsigned:", &is_signed);
	if (err)
		return err;
	field->is_signed = is_signed;
	*end = '\0';
	err = tracefs_parse_declaration(line, field);
	if (err)
		return err;
	field->is_common = !strncmp(field->name, "common_", strlen("common_"));
	if (field->is_array && !field->count && !strncmp(field->type, "char[", strlen("char[")))
		field->count = field->size;
	return 0;
}

static int tracefs_add_field(struct tracefs_format *format, char *line)
{
	struct tracefs_field *fields;

	fields = realloc(format->fields, (format->field_count + 1) * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	format->fields = fields;
	fields += format->field_count++;
	memset(fields, 0, sizeof(*fields));
	return tracefs_parse_field(line, fields);
}

static int tracefs_parse_line(struct tracefs_format *format, char *line)
{
	while (*line == '\t' || *line == ' ')
		line++;
	if (!strncmp(line, "field:", 6))
		return tracefs_add_field(format, line + 6);
	if (!strncmp(line, "ID: ", 4))
		return tracefs_parse_number(line, "ID: ", &format->id);
	if (!strncmp(line, "name: ", 6) && !format->name) {
		format->name = strdup(line + 6);
		return format->name ? 0 : -ENOMEM;
	}
	return 0;
}

int tracefs_format_parse(const char *text, size_t len, struct tracefs_format *format)
{
	char *copy = strndup(text, len), *line, *next;
	int err = 0;

	memset(format, 0, sizeof(*format));
	if (!copy)
		return -ENOMEM;
	for (line = copy; line && !err; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		/* The last part: how perf and ftrace print the event, which is not for us. */
		if (!strncmp(line, "print fmt:", strlen("print fmt:")))
			break;
		err = tracefs_parse_line(format, line);
	}
	if (!err && (!format->name || !format->field_count))
		err = -EINVAL;
	free(copy);
	if (err)
		tracefs_format_free(format);
	return err;
}

int tracefs_format_read(int tracefs_fd, const char *category, const char *event,
			struct tracefs_format *format)
{
	char path[TRACEFS_PATH_MAX], *text;
	size_t len;
	int err;

	memset(format, 0, sizeof(*format));
	err = tracefs_event_path(path, category, event, "format");
	if (err)
		return err;
	text = tracefs_read(tracefs_fd, path, &len);
	if (!text)
		return -errno;
	err = tracefs_format_parse(text, len, format);
	free(text);
	return err;
}

void tracefs_format_free(struct tracefs_format *format)
{
	size_t i;

	for (i = 0; i < format->field_count; i++) {
		free(format->fields[i].name);
		free(format->fields[i].type);
	}
	free(format->fields);
	free(format->name);
	memset(format, 0, sizeof(*format));
}

const struct tracefs_field *tracefs_format_field(const struct tracefs_format *format,
						 const char *name)
{
	size_t i;

	for (i = 0; i < format->field_count; i++) {
		if (!strcmp(format->fields[i].name, name))
			return &format->fields[i];
	}
	return NULL;
}
