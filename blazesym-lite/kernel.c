/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's functions, from /proc/kallsyms: "ADDRESS TYPE NAME[\t[MODULE]]" a line, in the order
 * vmlinux (sorted), modules, BPF programs. It holds no sizes: a function ends where the next
 * begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blazesym-lite.h"

/* Behind a module's last function there may be nothing for long: that isn't its code any more. */
#define LAST_MAX_SIZE 65536

struct kernel_entry {
	uint64_t addr;
	uint32_t name;	/* in strings; the module's name follows it */
	uint32_t order; /* of the file, among aliases */
};

struct bsl_kernel {
	struct kernel_entry *entries;
	size_t nr, room;
	char *strings;
	size_t strings_len, strings_room;
};

static bool entry_room(struct bsl_kernel *kernel, size_t string_len)
{
	void *grown;

	if (kernel->nr == kernel->room) {
		kernel->room = kernel->room ? kernel->room * 2 : 4096;
		grown = reallocarray(kernel->entries, kernel->room, sizeof(*kernel->entries));
		if (!grown)
			return false;
		kernel->entries = grown;
	}
	while (kernel->strings_room - kernel->strings_len < string_len) {
		kernel->strings_room = kernel->strings_room ? kernel->strings_room * 2 : 65536;
		if (kernel->strings_room > UINT32_MAX)
			return false;
		grown = realloc(kernel->strings, kernel->strings_room);
		if (!grown)
			return false;
		kernel->strings = grown;
	}
	return true;
}

static void string_add(struct bsl_kernel *kernel, const char *string, size_t len)
{
	memcpy(kernel->strings + kernel->strings_len, string, len);
	kernel->strings[kernel->strings_len + len] = '\0';
	kernel->strings_len += len + 1;
}

static int entry_add(struct bsl_kernel *kernel, uint64_t addr, const char *name, size_t name_len,
		     const char *module, size_t module_len)
{
	struct kernel_entry *entry;

	if (!entry_room(kernel, name_len + module_len + 2))
		return -ENOMEM;
	entry = &kernel->entries[kernel->nr];
	*entry = (struct kernel_entry){ addr, kernel->strings_len, kernel->nr };
	kernel->nr++;
	string_add(kernel, name, name_len);
	string_add(kernel, module, module_len);
	return 0;
}

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* One line without its newline. */
static int line_add(struct bsl_kernel *kernel, const char *at, const char *end)
{
	const char *start = at, *name, *name_end, *module = "vmlinux";
	size_t module_len = strlen(module);
	uint64_t addr = 0;
	char type;

	for (; at < end && digit_value(*at) < 16; at++)
		addr = addr << 4 | digit_value(*at);
	if (at == start || at - start > 16 || end - at < 4 || at[0] != ' ' || at[2] != ' ')
		return -EBADMSG;
	type = at[1] | 0x20;
	if (type != 't' && type != 'w')
		return 0;
	name = at + 3;
	name_end = memchr(name, '\t', end - name);
	if (name_end) {
		module = name_end + 1;
		if (end - module < 3 || module[0] != '[' || end[-1] != ']')
			return -EBADMSG;
		module_len = end - ++module - 1;
	} else {
		name_end = end;
	}
	return entry_add(kernel, addr, name, name_end - name, module, module_len);
}

static int entry_compare(const void *a, const void *b)
{
	const struct kernel_entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int kernel_finish(struct bsl_kernel *kernel)
{
	uint64_t any = 0;

	for (size_t i = 0; i < kernel->nr; i++)
		any |= kernel->entries[i].addr;
	if (!any)
		return -EPERM;
	qsort(kernel->entries, kernel->nr, sizeof(*kernel->entries), entry_compare);
	return 0;
}

/* Takes the whole lines of buf; returns how many bytes these are, or a negative errno. */
static ssize_t lines_add(struct bsl_kernel *kernel, const char *buf, size_t len)
{
	const char *at = buf, *end = buf + len, *eol;
	int err;

	while ((eol = memchr(at, '\n', end - at))) {
		err = line_add(kernel, at, eol);
		if (err)
			return err;
		at = eol + 1;
	}
	return at - buf;
}

int bsl_kernel_parse(const char *text, size_t len, struct bsl_kernel **out)
{
	struct bsl_kernel *kernel = calloc(1, sizeof(*kernel));
	ssize_t taken;
	int err;

	if (!kernel)
		return -ENOMEM;
	taken = lines_add(kernel, text, len);
	err = taken < 0 ? taken : (size_t)taken < len ? -EBADMSG : kernel_finish(kernel);
	if (err) {
		bsl_kernel_close(kernel);
		return err;
	}
	*out = kernel;
	return 0;
}

/* The file is many MB of text, of which we keep a part: it is never in memory as a whole. */
static int kernel_read(struct bsl_kernel *kernel, int fd)
{
	static const size_t room = 65536;
	char *buf = malloc(room);
	ssize_t got, taken = 0;
	size_t len = 0;
	int err = 0;

	if (!buf)
		return -ENOMEM;
	while ((got = read(fd, buf + len, room - len)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err = -errno;
			break;
		}
		len += got;
		taken = lines_add(kernel, buf, len);
		if (taken <= 0 && (taken < 0 || len == room)) {
			err = taken ? taken : -EBADMSG;
			break;
		}
		len -= taken;
		memmove(buf, buf + taken, len);
	}
	free(buf);
	return err ? err : kernel_finish(kernel);
}

int bsl_kernel_open(struct bsl_kernel **out)
{
	struct bsl_kernel *kernel;
	int fd, err;

	fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	kernel = calloc(1, sizeof(*kernel));
	err = kernel ? kernel_read(kernel, fd) : -ENOMEM;
	close(fd);
	if (err) {
		bsl_kernel_close(kernel);
		return err;
	}
	*out = kernel;
	return 0;
}

void bsl_kernel_close(struct bsl_kernel *kernel)
{
	if (!kernel)
		return;
	free(kernel->entries);
	free(kernel->strings);
	free(kernel);
}

static void symbol_get(const struct bsl_kernel *kernel, size_t i, struct bsl_kernel_symbol *sym)
{
	size_t next = i;

	sym->addr = kernel->entries[i].addr;
	sym->name = kernel->strings + kernel->entries[i].name;
	sym->module = sym->name + strlen(sym->name) + 1;
	while (next < kernel->nr && kernel->entries[next].addr == sym->addr)
		next++;
	sym->size = next < kernel->nr ? kernel->entries[next].addr - sym->addr : 0;
}

int bsl_kernel_symbol_at(const struct bsl_kernel *kernel, uint64_t addr,
			 struct bsl_kernel_symbol *sym)
{
	size_t low = 0, high = kernel->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (kernel->entries[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return -ENOENT;
	/* of aliases the first of the file, as the kernel's own lookup takes it */
	for (low--; low && kernel->entries[low - 1].addr == kernel->entries[low].addr;)
		low--;
	symbol_get(kernel, low, sym);
	if ((!sym->size || sym->size > LAST_MAX_SIZE) && addr - sym->addr >= LAST_MAX_SIZE)
		return -ENOENT;
	return 0;
}

int bsl_kernel_find_symbols(const struct bsl_kernel *kernel, const char *name, unsigned int flags,
			    int (*fn)(const struct bsl_kernel_symbol *sym, void *ctx), void *ctx)
{
	struct bsl_kernel_symbol sym;
	int nr = 0, ret;

	for (size_t i = 0; i < kernel->nr; i++) {
		const char *text = kernel->strings + kernel->entries[i].name;

		if (flags & BSL_FIND_GLOB ? !bsl_glob_match(name, text) : strcmp(name, text) != 0)
			continue;
		symbol_get(kernel, i, &sym);
		nr++;
		ret = fn(&sym, ctx);
		if (ret)
			return ret < 0 ? ret : nr;
	}
	return nr;
}
