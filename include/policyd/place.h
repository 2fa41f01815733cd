/* SPDX-License-Identifier: ISC */
/*
 * place.h - a listening socket and, for a unix one, the file that stands for it: made with its
 * permissions before anybody can get in, a stale one replaced, a live one left alone, and at the
 * end removed only if it is still ours.
 */
#ifndef POLICYD_PLACE_H
#define POLICYD_PLACE_H

#include <stdint.h>
#include <sys/types.h>

#include "policyd/err.h"

struct place_setup {
	const char *address; /* "unix:/path", "inet:192.0.2.1:10040", "inet:[2001:db8::1]:10040" */
	uint32_t mode;       /* of a unix socket */
	const char *group;   /* of a unix socket; NULL: as it comes */
	int backlog;
};

struct place {
	int fd;     /* non-blocking, close-on-exec; -1: none */
	char *path; /* of a unix socket, else NULL */
	dev_t device;
	ino_t inode;
};

/*
 * 0; -EADDRINUSE: somebody listens there; -ENOENT: no such group or directory; -EINVAL: no address;
 * other negatives as the socket calls give them. err names the place and the remedy.
 */
MUST_CHECK int place_open(const struct place_setup *setup, struct place *ret, struct errbuf *err);
/*
 * Closes the descriptor, then removes the file if nobody has replaced it. Zero or closed: nothing.
 */
void place_close(struct place *place);
/* Only removes the file: new clients go elsewhere, those already waiting can still be accepted. */
void place_unlink(struct place *place);

#endif
