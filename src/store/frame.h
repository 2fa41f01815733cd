/* SPDX-License-Identifier: ISC */
/*
 * frame.h - the counter snapshot as bytes: a magic, frames of length, checksum and block, an end
 * that counts them. Private to src/store; pure, so that it is tried with any bytes.
 *
 *	struct frame_reader r = {0};
 *	while ((found = frame_next(&r, &in, is_last, &block, err)) == FRAME_BLOCK)
 *		use(block);
 */
#ifndef POLICYD_STORE_FRAME_H
#define POLICYD_STORE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/err.h"
#include "policyd/span.h"

#define FRAME_MAGIC_SIZE 8
#define FRAME_HEAD_SIZE  12 /* length, 4 bytes, and checksum, 8; the lowest byte first */
#define FRAME_END_SIZE   (FRAME_HEAD_SIZE + 8)

void frame_put_magic(char ret[FRAME_MAGIC_SIZE]);
/* What stands before a block of 1 to SNAPSHOT_BLOCK_MAX bytes, which is the index-th, from 0. */
void frame_put_head(struct span block, uint64_t index, char ret[FRAME_HEAD_SIZE]);
/* What ends a file of so many blocks. */
void frame_put_end(uint64_t blocks, char ret[FRAME_END_SIZE]);

/* Zero is the state before the first byte. */
struct frame_reader {
	uint64_t offset; /* of what comes next, in the file */
	uint64_t blocks; /* that were whole */
	bool is_begun, is_ended;
	bool is_trusted; /* all checksums were looked at before, in the same file */
};

enum frame_found {
	FRAME_BLOCK, /* *ret, within what was given */
	FRAME_MORE,  /* give what is left of *in, and more of the file */
	FRAME_END,   /* the file is whole */
};
/*
 * Takes the next frame from the front of *in. is_last: no more of the file follows *in. What enum
 * frame_found says, or -EBADMSG: it is no whole snapshot; err says where and why, without the name.
 */
MUST_CHECK int frame_next(struct frame_reader *r, struct span *in, bool is_last, struct span *ret,
	struct errbuf *err);

#endif
