/* SPDX-License-Identifier: ISC */
/* directory.h - the state directory: made, judged and locked. Private to src/store. */
#ifndef POLICYD_STORE_DIRECTORY_H
#define POLICYD_STORE_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/err.h"

/* Zero is not closed: use DIRECTORY_CLOSED. */
struct directory {
	int fd;
	int lock_fd;
};
#define DIRECTORY_CLOSED ((struct directory){.fd = -1, .lock_fd = -1})

/*
 * Makes the directory when only its last component is missing, refuses one that others could write
 * to, and locks it. 0; -EBUSY: another process holds the lock; -EPERM: others could write there;
 * other negatives as open(2) gives them. On failure *ret may be half open: directory_close().
 */
MUST_CHECK int directory_open(struct directory *ret, const char *path, struct errbuf *err);
void directory_close(struct directory *d);
/* Makes an empty policyd.db (0600) when there is none. 0, or as open(2). */
MUST_CHECK int directory_make_database(
	const struct directory *d, const char *path, struct errbuf *err);

/* True when the whole file system is so small that the files in it should be kept small. */
bool directory_is_small(const struct directory *d);
/*
 * How many bytes may be written there for what is not vital: what is free beyond what is kept for
 * suspensions; UINT64_MAX when the file system does not tell. 0: keep it all for what must be
 * written.
 */
uint64_t directory_room(int fd);

/* True when the path leads elsewhere by now: what is written through fd would be found by nobody. */
bool directory_is_moved(int fd, const char *path);

#endif
