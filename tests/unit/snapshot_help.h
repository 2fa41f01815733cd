/* SPDX-License-Identifier: ISC */
/* snapshot_help.h - snapshots whose content follows from two numbers, and calls that wait. */
#ifndef POLICYD_TESTS_SNAPSHOT_HELP_H
#define POLICYD_TESTS_SNAPSHOT_HELP_H

#include <fcntl.h>
#include <sys/stat.h>

#include "policyd/snapshot.h"
#include "store_help.h"

/* ---- writing ---- */

struct outcome {
	bool is_there;
	int result;
	char error[512];
};

static inline void on_done(void *ctx, int result, const char *error)
{
	struct outcome *outcome = ctx;

	ck_assert(!outcome->is_there);
	ck_assert((result == 0) == (error == NULL));
	outcome->is_there = true;
	outcome->result = result;
	(void)snprintf(outcome->error, sizeof(outcome->error), "%s", error ? error : "");
}

static inline void collect(struct snapshots *s)
{
	struct pollfd fd = {.fd = snapshots_fd(s), .events = POLLIN};

	ck_assert_int_eq(poll(&fd, 1, 30000), 1);
	snapshots_collect(s);
}

static inline struct snapshots *open_snapshots(const char *state)
{
	struct snapshots *s = NULL;
	struct errbuf err = {{0}};
	int r = snapshots_new(state, &s, &err);

	ck_assert_msg(r == 0, "%s", err.text);
	return s;
}

/* What the i-th block of a snapshot holds: its length and content follow from both numbers. */
static inline struct bytes block_of(unsigned snapshot, unsigned i)
{
	struct bytes bytes = {0};
	size_t n = i % 7 == 3 ? 256 * 1024 : (i * 977 + snapshot) % 4096 + 1;

	bytes.p = malloc(n);
	bytes.n = bytes.size = n;
	for (size_t k = 0; k < n; k++)
		bytes.p[k] = (char)(snapshot * 31 + i * 7 + k);
	return bytes;
}

static inline void put_block(struct snapshots *s, struct bytes bytes)
{
	while (!snapshot_block(s, &bytes))
		collect(s);
	ck_assert(bytes.p == NULL && bytes.n == 0);
}

static inline struct outcome commit(struct snapshots *s)
{
	struct outcome outcome = {0};

	snapshot_commit(s, on_done, &outcome);
	ck_assert(!outcome.is_there);
	while (!outcome.is_there)
		collect(s);
	return outcome;
}

static inline struct outcome write_snapshot(struct snapshots *s, unsigned snapshot, unsigned blocks)
{
	ck_assert(snapshot_begin(s));
	for (unsigned i = 0; i < blocks; i++)
		put_block(s, block_of(snapshot, i));
	return commit(s);
}

/* ---- reading ---- */

struct expected {
	unsigned snapshot, blocks;
};

static inline int on_block(void *ctx, struct span block)
{
	struct expected *expected = ctx;
	struct bytes bytes = block_of(expected->snapshot, expected->blocks++);

	ck_assert(span_equal(block, span_make(bytes.p, bytes.n)));
	bytes_free(&bytes);
	return 0;
}

static inline void check_snapshot(const char *state, unsigned snapshot, unsigned blocks)
{
	struct expected expected = {.snapshot = snapshot};
	struct errbuf err = {{0}};
	int r = snapshot_read(state, on_block, &expected, &err);

	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_uint_eq(expected.blocks, blocks);
}

static inline int never(void *ctx, struct span block)
{
	(void)ctx;
	(void)block;
	ck_abort_msg("a block of a file that is not whole");
}

static inline const char *path_of(const char *state, const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", state, name);
	return path;
}

static inline bool exists(const char *state, const char *name)
{
	struct stat st;

	return lstat(path_of(state, name), &st) == 0;
}

static inline void check_lost(const char *state, const char *says)
{
	struct errbuf err = {{0}};

	ck_assert_int_eq(snapshot_read(state, never, NULL, &err), SNAPSHOT_LOST);
	ck_assert_msg(strstr(err.text, "/counters.snapshot: ") != NULL, "%s", err.text);
	ck_assert_msg(strstr(err.text, says) != NULL, "%s: %s", says, err.text);
	ck_assert_msg(strstr(err.text, "Counters start empty") != NULL, "%s", err.text);
}

static inline void put_file(const char *state, struct span bytes)
{
	int fd = open(path_of(state, "counters.snapshot"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
	close(fd);
}

/* The file as it is; for free(). */
static inline char *get_file(const char *state, size_t *ret_n)
{
	int fd = open(path_of(state, "counters.snapshot"), O_RDONLY);
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	char *bytes = malloc((size_t)st.st_size + 1);
	ck_assert_int_eq(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_n = (size_t)st.st_size;
	return bytes;
}

#endif
