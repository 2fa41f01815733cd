/* SPDX-License-Identifier: ISC */
/* source.h - the files of a configuration: their bytes and their names. */
#ifndef POLICYD_CONFIG_SOURCE_H
#define POLICYD_CONFIG_SOURCE_H

#include "policyd/config.h"

#define SOURCE_BYTES_MAX   ((size_t)1024 * 1024)
#define SOURCE_DROPINS_MAX 256

struct stat;

/*
 * The whole of a regular file of at most max bytes, *ret_text with *ret_n bytes is the caller's to
 * free, and what the file was when it was opened (ret_stat may be NULL). Never waits for a writer.
 * 0 or -errno with a sentence; -EFBIG says only that it is larger.
 */
struct source_want {
	const char *path;
	size_t max;
	struct stat *ret_stat;
	bool may_pipe; /* as in -c <(...); whoever writes has seconds */
};
MUST_CHECK int source_read(
	const struct source_want *want, char **ret_text, size_t *ret_n, struct errbuf *err);

/*
 * The paths of conf.d/ *.conf beside path, sorted by byte; the strings are the caller's. No conf.d
 * is none. 0 or -errno with a sentence about the directory.
 */
MUST_CHECK int source_list_dropins(
	const char *path, struct config_strings *ret, struct errbuf *err);

#endif
