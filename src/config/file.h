/* SPDX-License-Identifier: ISC */
/*
 * file.h - the files that settings name: lists of lines, which are read again when they change, and
 * secrets, which only their owner may read.
 */
#ifndef POLICYD_CONFIG_FILE_H
#define POLICYD_CONFIG_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/config.h"

#define FILE_LINES_MAX       ((size_t)1000000)
#define FILE_LINES_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Of all files together: what is made of them stays below 4 GiB. */
#define FILE_LINES_ALL_MAX ((size_t)4000000)
#define FILE_LINE_MAX      ((size_t)1024)
#define FILE_SECRET_MAX    ((size_t)4096)

/* What a file was when it was read. */
struct file_seen {
	char *path;
	uint64_t device, inode, bytes;
	int64_t modified_s, modified_ns;
};
struct file_watch {
	struct file_seen *file;
	size_t n;
	size_t lines; /* in all of them */
};

/* True when a file is not what was read, or is gone. */
bool file_watch_changed(const struct file_watch *watch);
void file_watch_deinit(struct file_watch *watch);

/*
 * Reads a file of lines and adds it to watch. 0 or -errno with a sentence that goes after the path.
 * *ret is to be freed with lines_release().
 */
MUST_CHECK int lines_read(
	struct span path, struct file_watch *watch, struct config_lines *ret, struct errbuf *err);
void lines_release(struct config_lines *lines);

/*
 * Reads a secret, unless known (may be NULL) holds that of the same path: then its bytes are taken
 * over. 0 or -errno with a sentence, in which nothing of the content shows.
 */
MUST_CHECK int secret_read(struct span path, const struct config_secret *known,
	struct config_secret *ret, struct errbuf *err);
void secret_release(struct config_secret *secret);

#endif
