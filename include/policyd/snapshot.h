/* SPDX-License-Identifier: ISC */
/*
 * snapshot.h - the counters on disk: DIRECTORY/counters.snapshot, written whole beside the old one
 * by a thread of its own (a slow disk must not delay a suspension), then renamed over it. What is in
 * the blocks is the engine's business (engine_save_step(), engine_load_block()).
 *
 * The file: an 8-byte magic with the version, then frames of length, SipHash-2-4 of the block under
 * a fixed key (against accidents, not against people: those cannot write here), and the block; the
 * last frame has length 0 and says how many there were. A file without it is truncated.
 *
 *	snapshot_begin(s);
 *	while (more) snapshot_block(s, &bytes);      takes the bytes over
 *	snapshot_commit(s, done, ctx);               fsync, rename, fsync of the directory, then done()
 */
#ifndef POLICYD_SNAPSHOT_H
#define POLICYD_SNAPSHOT_H

#include "policyd/bytes.h"
#include "policyd/err.h"

/* What one step gives, and with it at most one message of very many recipients. */
#define SNAPSHOT_BLOCK_MAX (8 * 1024 * 1024)

struct snapshots;

/* The directory is open and locked by the store. 0 or negative. */
MUST_CHECK int snapshots_new(const char *directory, struct snapshots **ret, struct errbuf *err);
/* Finishes what was committed, forgets what was not; NULL is fine. */
void snapshots_free(struct snapshots *s);
int snapshots_fd(const struct snapshots *s);
void snapshots_collect(struct snapshots *s);

/* Starts a new file. False: the one before is still being written; try again later. */
bool snapshot_begin(struct snapshots *s);
/*
 * The next block, up to SNAPSHOT_BLOCK_MAX bytes, taken over (bytes is empty afterwards); a larger
 * one fails the whole file, an empty one is left out. False: too much is waiting for the disk; keep
 * it and try again later, after snapshots_collect().
 */
bool snapshot_block(struct snapshots *s, struct bytes *bytes);
/*
 * result: 0, or negative with error: the old file stays, and the next attempt starts anew. -ENOSPC also
 * when only the room is left that the store needs for suspensions. On the loop thread, from collect.
 */
typedef void snapshot_done(void *ctx, int result, const char *error);
void snapshot_commit(struct snapshots *s, snapshot_done *done, void *ctx);
/* Forgets what was begun; only between begin and commit. */
void snapshot_abort(struct snapshots *s);

enum snapshot_found {
	SNAPSHOT_NONE = 1, /* there is no file */
	SNAPSHOT_LOST,     /* it cannot be used, and was moved aside; err says why and where to */
};
/*
 * Reads the file and gives each block to each(), which returns 0 or -EINVAL when it makes no sense
 * (then the file counts as corrupt, and what the blocks before it did is the caller's to undo). Every
 * frame is checked before the first block is given. What cannot be used is moved to
 * counters.snapshot.bad-N; the newest five are kept. 0, or what enum snapshot_found says. Blocks: only
 * at start.
 */
MUST_CHECK int snapshot_read(const char *directory, int (*each)(void *ctx, struct span block),
	void *ctx, struct errbuf *err);

#endif
