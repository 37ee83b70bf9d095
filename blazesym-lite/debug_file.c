/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Symbols of stripped files: separate debug files by build id or .gnu_debuglink (GDB's manual,
 * "Debugging Information in Separate Files"), and .gnu_debugdata, an xz-compressed ELF file inside
 * of the file ("MiniDebugInfo").
 */
#include <array_size.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "debug_file.h"
#include "elf_file.h"
#include "gopclntab.h"
#include "io.h"

#define DEBUG_DIR "/usr/lib/debug"
#define MINI_MAX (256u << 20) /* of .gnu_debugdata, decompressed */

/* ---- .gnu_debugdata ---- */

static int mini_decompress(const uint8_t *data, size_t size, uint8_t **out, size_t *out_size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t room = size * 4 + 65536;
	uint8_t *buf = NULL, *grown;
	lzma_ret ret;
	int err = 0;

	if (lzma_stream_decoder(&stream, 64u << 20, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = data;
	stream.avail_in = size;
	do {
		room *= 2;
		grown = room <= MINI_MAX ? realloc(buf, room) : NULL;
		if (!grown) {
			err = room <= MINI_MAX ? -ENOMEM : -EFBIG;
			goto cleanup;
		}
		buf = grown;
		stream.next_out = buf + stream.total_out;
		stream.avail_out = room - stream.total_out;
		ret = lzma_code(&stream, LZMA_FINISH);
	} while (ret == LZMA_OK && !stream.avail_out);
	if (ret != LZMA_STREAM_END) {
		err = -EBADMSG;
		goto cleanup;
	}
	*out = buf;
	*out_size = stream.total_out;
	buf = NULL;
cleanup:
	free(buf);
	lzma_end(&stream);
	return err;
}

static void mini_read(struct bsl_elf *elf)
{
	const Elf64_Shdr *shdr = elf_section_by_name(elf, ".gnu_debugdata");
	const uint8_t *data;
	uint8_t *out;
	size_t size;

	data = shdr ? elf_section_data(elf, shdr, &size) : NULL;
	if (!data || mini_decompress(data, size, &out, &size))
		return;
	if (bsl_elf_open_mem(out, size, &elf->mini) || elf->mini->is64 != elf->is64) {
		free(out);
		bsl_elf_close(elf->mini);
		elf->mini = NULL;
		return;
	}
	elf->mini_data = out;
	elf_symtab_load(elf->mini, &elf->mini->symtab);
	elf->symtab = elf->mini->symtab;
}

void debug_file_prepare(struct bsl_elf *elf)
{
	if (elf->tables_ready)
		return;
	elf->tables_ready = true;
	elf_symtab_load(elf, &elf->symtab);
	elf_symtab_load(elf, &elf->dynsym);
	if (!elf->symtab.nr)
		gopclntab_read(elf);
	if (!elf->symtab.nr)
		mini_read(elf);
}

/* ---- separate files ---- */

/* A file that was found; what it must prove to belong to ours. */
struct candidate {
	struct bsl_elf *elf; /* ours */
	const char *root;
	bool have_crc;
	uint32_t crc;
};

/* Of a whole file, whose bytes aren't wanted otherwise. */
static bool crc_matches(const struct bsl_elf *debug, uint32_t wanted)
{
	uLong crc = crc32(0, NULL, 0);
	uint8_t buf[65536];
	size_t at = 0;
	ssize_t got;

	while ((got = pread(debug->fd, buf, sizeof(buf), at)) > 0) {
		crc = crc32(crc, buf, got);
		at += got;
	}
	return !got && crc == wanted;
}

/* True if both have a build id and it is the same one. */
static bool build_id_matches(const struct bsl_elf *a, const struct bsl_elf *b)
{
	size_t a_len, b_len;
	const uint8_t *a_id = bsl_elf_build_id(a, &a_len), *b_id = bsl_elf_build_id(b, &b_len);

	return a_id && b_id && a_len == b_len && !memcmp(a_id, b_id, a_len);
}

static int candidate_open(const struct candidate *candidate, const char *path)
{
	struct bsl_elf *elf = candidate->elf, *debug;
	int err;

	err = elf_open_in_root(candidate->root, path, &debug);
	if (err)
		return err;
	if (debug->is64 != elf->is64 || debug->ehdr.e_machine != elf->ehdr.e_machine ||
	    (debug->dev == elf->dev && debug->ino == elf->ino) ||
	    !(build_id_matches(elf, debug) ||
	      (candidate->have_crc && crc_matches(debug, candidate->crc)))) {
		bsl_elf_close(debug);
		return -ENOENT;
	}
	elf->debug = debug;
	return 0;
}

static int by_build_id(struct candidate *candidate)
{
	char path[PATH_MAX] = DEBUG_DIR "/.build-id/";
	size_t len, at = strlen(path);
	const uint8_t *id = bsl_elf_build_id(candidate->elf, &len);

	if (!id || len < 2 || len > 64)
		return -ENOENT;
	for (size_t i = 0; i < len; i++) {
		io_format(path + at, sizeof(path) - at, i ? "%02x" : "%02x/", id[i]);
		at += i ? 2 : 3;
	}
	if (!io_format(path + at, sizeof(path) - at, ".debug"))
		return -ENAMETOOLONG;
	return candidate_open(candidate, path);
}

/* The file's name, a NUL, padding to 4 bytes, the CRC of the whole debug file. */
static const char *debuglink_read(struct candidate *candidate)
{
	const Elf64_Shdr *shdr = elf_section_by_name(candidate->elf, ".gnu_debuglink");
	const uint8_t *data, *nul;
	size_t size, at;

	data = shdr ? elf_section_data(candidate->elf, shdr, &size) : NULL;
	nul = data ? memchr(data, '\0', size) : NULL;
	/* a name, not a path: it must not lead elsewhere */
	if (!nul || nul == data || memchr(data, '/', nul - data))
		return NULL;
	at = (nul - data + 4) & ~(size_t)3;
	if (at > size || size - at < sizeof(candidate->crc))
		return NULL;
	memcpy(&candidate->crc, data + at, sizeof(candidate->crc));
	candidate->have_crc = true;
	return (const char *)data;
}

static int by_debuglink(struct candidate *candidate, const char *path)
{
	static const struct {
		const char *before, *between;
	} places[] = { { "", "/" }, { "", "/.debug/" }, { DEBUG_DIR, "/" } };
	const char *name = debuglink_read(candidate), *slash;
	char file[PATH_MAX], absolute[PATH_MAX];

	/* As seen from a folder of ours: a process's path is absolute. */
	if (path[0] != '/' && !candidate->root[0])
		path = realpath(path, absolute) ?: "";
	if (!name || path[0] != '/')
		return -ENOENT;
	slash = strrchr(path, '/');
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (io_format(file, sizeof(file), "%s%.*s%s%s", places[i].before,
			      (int)(slash - path), path, places[i].between, name) &&
		    !candidate_open(candidate, file))
			return 0;
	}
	return -ENOENT;
}

/* In a root as from io_root(). */
static int debug_find(struct bsl_elf *elf, const char *root, const char *path)
{
	struct candidate candidate = { .elf = elf, .root = root };
	int err = by_build_id(&candidate);

	return err ? by_debuglink(&candidate, path) : 0;
}

int bsl_elf_load_debug(struct bsl_elf *elf, pid_t pid, const char *path)
{
	char root[IO_ROOT_SIZE];
	int err = -ENOENT;

	if (elf->debug || (elf->symtab.nr && !elf->made_symtab && !elf->mini &&
			   elf_section_by_name(elf, ".debug_info")))
		return -EEXIST;
	if (!io_root(pid, root) && root[0])
		err = debug_find(elf, root, path);
	if (err)
		err = debug_find(elf, "", path);
	if (err)
		return err;
	elf_symtab_load(elf->debug, &elf->debug->symtab);
	if (elf->debug->symtab.nr && (!elf->symtab.nr || elf->made_symtab || elf->mini)) {
		elf->symtab = elf->debug->symtab;
		elf_index_close(elf);
	}
	elf_dwarf_close(elf);
	return 0;
}
