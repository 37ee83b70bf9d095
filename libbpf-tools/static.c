/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Linked into static executables only. What libelf and libbpf need for reading compressed files asks for compressors, too,
 * which no tool uses but which would be a fifth of each. These refuse; the decompressors are the libraries' own.
 */
#include <zlib.h>
#include <zstd.h>

int deflateInit_(z_streamp stream, int level, const char *version, int stream_size)
{
	(void)stream;
	(void)level;
	(void)version;
	(void)stream_size;
	return Z_MEM_ERROR;
}

int deflate(z_streamp stream, int flush)
{
	(void)stream;
	(void)flush;
	return Z_STREAM_ERROR;
}

int deflateEnd(z_streamp stream)
{
	(void)stream;
	return Z_STREAM_ERROR;
}

/* libbpf reads /proc/config.gz; this is the end of writing. */
int gzclose_w(gzFile file)
{
	(void)file;
	return Z_STREAM_ERROR;
}

ZSTD_CCtx *ZSTD_createCCtx(void)
{
	return NULL;
}

size_t ZSTD_freeCCtx(ZSTD_CCtx *context)
{
	(void)context;
	return 0;
}

size_t ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *output, ZSTD_inBuffer *input,
			    ZSTD_EndDirective end)
{
	(void)context;
	(void)output;
	(void)input;
	(void)end;
	return (size_t)-1; /* ZSTD_error_GENERIC */
}
