/* SPDX-License-Identifier: ISC */
/* aside.h - what cannot be used is kept for people to look at. Private to src/store. */
#ifndef POLICYD_STORE_ASIDE_H
#define POLICYD_STORE_ASIDE_H

#include "policyd/err.h"

#define ASIDE_NAME_SIZE 64

/*
 * Renames name, with its -wal and -shm where there are such, to name.bad-N, N one more than the
 * highest there is, and removes what is older than the newest five (all older ones when the disk
 * has no room for another such file). 0 and the new name; or negative: nothing was moved.
 */
MUST_CHECK int aside_move(int directory_fd, const char *name, char ret_name[ASIDE_NAME_SIZE]);

#endif
