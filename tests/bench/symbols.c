/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * symbols names|lines|bcc FILE < ADDRESSES: what it costs to name the addresses of a file by this
 * library, with source lines, or by BCC's symbol cache. Prints how long the first address took, in
 * ms, all the others together, in s, how many have a name, and the peak of resident memory, in MiB.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <blazesym-lite.h>

struct addresses {
	uint64_t *at;
	size_t nr;
};

/* One way to name an address; ctx is what it made of the file. */
struct way {
	const char *name;
	void *(*open)(const char *path);
	bool (*resolve)(void *ctx, uint64_t addr);
};

static void *names_open(const char *path)
{
	struct bsl_elf *elf;

	if (bsl_elf_open(path, &elf))
		return NULL;
	bsl_elf_load_debug(elf, 0, path);
	return elf;
}

static bool names_resolve(void *ctx, uint64_t addr)
{
	struct bsl_symbol sym;

	return !bsl_elf_symbol_at(ctx, addr, &sym);
}

static bool lines_resolve(void *ctx, uint64_t addr)
{
	struct bsl_line lines[16];

	return names_resolve(ctx, addr) && bsl_elf_lines(ctx, addr, lines, 16) > 0;
}

/* src/cc/bcc_syms.h; it knows processes only, so the file becomes a part of this one. */
struct bcc_symbol {
	const char *name, *demangle_name, *module;
	uint64_t offset;
};

static struct bcc {
	void *cache;
	uint64_t bias;
	int (*resolve)(void *cache, uint64_t addr, struct bcc_symbol *sym);
} bcc;

static void *bcc_open(const char *path)
{
	void *library = dlopen("libbcc.so.0", RTLD_NOW), *file = dlopen(path, RTLD_LAZY);
	void *(*cache_new)(int pid, void *option);
	struct link_map *map;

	if (!library || !file || dlinfo(file, RTLD_DI_LINKMAP, &map))
		return NULL;
	cache_new = (void *(*)(int, void *))dlsym(library, "bcc_symcache_new");
	bcc.resolve = (int (*)(void *, uint64_t, struct bcc_symbol *))dlsym(
		library, "bcc_symcache_resolve_no_demangle");
	if (!cache_new || !bcc.resolve)
		return NULL;
	bcc.bias = map->l_addr;
	bcc.cache = cache_new(getpid(), NULL);
	return bcc.cache ? &bcc : NULL;
}

static bool bcc_resolve(void *ctx, uint64_t addr)
{
	struct bcc_symbol sym = { 0 };

	(void)ctx;
	return !bcc.resolve(bcc.cache, addr + bcc.bias, &sym) && sym.name;
}

static const struct way ways[] = {
	{ "names", names_open, names_resolve },
	{ "lines", names_open, lines_resolve },
	{ "bcc", bcc_open, bcc_resolve },
};

static int addresses_read(struct addresses *addresses)
{
	size_t room = 0;
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (addresses->nr == room) {
			room = room ? 2 * room : 1 << 16;
			addresses->at = reallocarray(addresses->at, room, sizeof(*addresses->at));
			if (!addresses->at)
				return -1;
		}
		addresses->at[addresses->nr++] = strtoull(line, NULL, 0);
	}
	return addresses->nr ? 0 : -1;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* MiB; getrusage() would tell the peak of who started us, if that was more. */
static double peak_memory(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[256];

	while (file && !kb && fgets(line, sizeof(line), file))
		sscanf(line, "VmHWM: %lu", &kb);
	if (file)
		fclose(file);
	return kb / 1024.0;
}

int main(int argc, char **argv)
{
	struct addresses addresses = { 0 };
	const struct way *way = ways;
	double start, first, end;
	size_t named;
	void *ctx;

	while (argc == 3 && way < ways + 3 && strcmp(way->name, argv[1]))
		way++;
	if (argc != 3 || way == ways + 3 || addresses_read(&addresses)) {
		fprintf(stderr, "usage: symbols names|lines|bcc FILE < ADDRESSES\n");
		return 2;
	}
	start = now();
	ctx = way->open(argv[2]);
	if (!ctx)
		return 1;
	named = way->resolve(ctx, addresses.at[0]);
	first = now();
	for (size_t i = 1; i < addresses.nr; i++)
		named += way->resolve(ctx, addresses.at[i]);
	end = now();
	printf("%.2f %.3f %zu %.1f\n", (first - start) * 1e3, end - first, named, peak_memory());
	return 0;
}
