/* SPDX-License-Identifier: ISC */
/* The counter snapshot: what was committed is read back, and nothing else is taken for it. */
#include <errno.h>

#include "random.h"
#include "snapshot_help.h"
#include "suite.h"

#define BLOCKS_WAITING 16 /* as in snapshot.c */

/* A small snapshot as bytes: four blocks of at most 4 KiB, the third cut to one byte. */
static char *small_file(const char *state, size_t *ret_n)
{
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(write_snapshot(s, 5, 3).result, 0);
	snapshots_free(s);
	return get_file(state, ret_n);
}

/* ---- what works ---- */

static const unsigned block_rows[] = {0, 1, 2, 3, 4, 12, 40};

START_TEST(test_round_trip)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);
	unsigned blocks = block_rows[_i];
	struct errbuf err;
	struct stat st;

	umask(0);
	ck_assert_int_eq(snapshot_read(state, never, NULL, &err), SNAPSHOT_NONE);
	ck_assert_int_eq(write_snapshot(s, 1, blocks).result, 0);
	check_snapshot(state, 1, blocks);
	ck_assert_int_eq(stat(path_of(state, "counters.snapshot"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert(!exists(state, "counters.snapshot.new"));
	/* Reading takes nothing away; the next one takes its place. */
	check_snapshot(state, 1, blocks);
	ck_assert_int_eq(write_snapshot(s, 2, 3).result, 0);
	check_snapshot(state, 2, 3);
	snapshots_free(s);
	check_snapshot(state, 2, 3);
	remove_state(state);
}
END_TEST

START_TEST(test_one_at_a_time)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);
	struct outcome outcome = {0};

	ck_assert(snapshot_begin(s));
	ck_assert(!snapshot_begin(s));
	put_block(s, block_of(1, 0));
	/* An empty one is no block. */
	put_block(s, (struct bytes){0});
	snapshot_commit(s, on_done, &outcome);
	ck_assert(!snapshot_begin(s));
	while (!outcome.is_there)
		collect(s);
	check_snapshot(state, 1, 1);
	ck_assert(snapshot_begin(s));
	put_block(s, block_of(2, 0));
	snapshot_abort(s);
	while (!snapshot_begin(s))
		collect(s);
	check_snapshot(state, 1, 1);
	/* Begun and not committed: forgotten. */
	put_block(s, block_of(3, 0));
	snapshots_free(s);
	check_snapshot(state, 1, 1);
	ck_assert(!exists(state, "counters.snapshot.new"));
	remove_state(state);
}
END_TEST

START_TEST(test_free_finishes)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);
	struct outcome outcome = {0};

	ck_assert(snapshot_begin(s));
	put_block(s, block_of(1, 0));
	snapshot_commit(s, on_done, &outcome);
	snapshots_free(s);
	ck_assert(outcome.is_there && outcome.result == 0);
	check_snapshot(state, 1, 1);
	snapshots_free(NULL);
	remove_state(state);
}
END_TEST

/* So many blocks wait at most; what does not fit stays the caller's. */
START_TEST(test_waiting_is_bounded)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);
	unsigned i = 0;

	ck_assert(snapshot_begin(s));
	struct bytes bytes = block_of(1, i);
	while (snapshot_block(s, &bytes))
		bytes = block_of(1, ++i);
	ck_assert_uint_eq(i, BLOCKS_WAITING);
	ck_assert_ptr_nonnull(bytes.p);
	while (!snapshot_block(s, &bytes))
		collect(s);
	ck_assert_int_eq(commit(s).result, 0);
	check_snapshot(state, 1, BLOCKS_WAITING + 1);
	snapshots_free(s);
	remove_state(state);
}
END_TEST

START_TEST(test_leftover)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	snapshots_free(s);
	/* As of a process that was killed: it counts for nothing, and goes. */
	int fd = open(path_of(state, "counters.snapshot.new"), O_WRONLY | O_CREAT, 0644);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	check_snapshot(state, 1, 2);
	s = open_snapshots(state);
	ck_assert(!exists(state, "counters.snapshot.new"));
	/* Somebody's link is not followed. */
	char target[160];
	(void)snprintf(target, sizeof(target), "%s", path_of(state, "target"));
	close(open(target, O_WRONLY | O_CREAT, 0644));
	ck_assert_int_eq(symlink(target, path_of(state, "counters.snapshot.new")), 0);
	ck_assert_int_eq(write_snapshot(s, 2, 2).result, 0);
	struct stat st;
	ck_assert_int_eq(lstat(target, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	check_snapshot(state, 2, 2);
	snapshots_free(s);
	remove_state(state);
}
END_TEST

/* ---- files that cannot be used ---- */

START_TEST(test_truncated_anywhere)
{
	char *state = make_state();
	struct chance chance = chance_new("snapshot");
	size_t n;
	char *bytes = small_file(state, &n);

	for (size_t cut = 0; cut < n; cut += cut < 64 ? 1 : 1 + chance_below(&chance, 97)) {
		put_file(state, span_make(bytes, cut));
		check_lost(state, cut == 0 ? "it is empty" : "it is cut short");
	}
	/* The end frame: its absence looks like an end of the blocks. */
	for (size_t cut = n - 20; cut < n; cut++) {
		put_file(state, span_make(bytes, cut));
		check_lost(state, "after 3 whole blocks");
	}
	put_file(state, span_make(bytes, n));
	check_snapshot(state, 5, 3);
	free(bytes);
	remove_state(state);
}
END_TEST

START_TEST(test_flipped_bits)
{
	char *state = make_state();
	struct chance chance = chance_new("snapshot");
	size_t n;
	char *bytes = small_file(state, &n);

	for (unsigned round = 0; round < 400; round++) {
		/* The head and the end, bit by bit, then anywhere. */
		size_t bit = round < 160 ? round : chance_below(&chance, (uint32_t)n * 8);
		if (round >= 160 && round < 320)
			bit = n * 8 - 1 - (round - 160);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		put_file(state, span_make(bytes, n));
		check_lost(state, "moved to counters.snapshot.bad-");
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(bytes);
	remove_state(state);
}
END_TEST

static const struct foreign_row {
	const char *label;
	const char *p;
	size_t n;
	const char *says;
} foreign_rows[] = {
	{"text", "hello, world\n", 13, "no snapshot of policyd"},
	{"short text", "hello\n", 6, "cut short"},
	{"newer", "policyd\x02...........", 19, "it is of version 2, and this policyd knows 1"},
	{"older", "policyd\x00...........", 19, "it is of version 0"},
	{"huge block", "policyd\x01\x01\x00\x80\x00........", 20, "block 1, at byte 8"},
	{"largest length", "policyd\x01\xff\xff\xff\xff........", 20, "is not as it was written"},
};

START_TEST(test_foreign)
{
	const struct foreign_row *row = &foreign_rows[_i];
	char *state = make_state();
	struct errbuf err;

	put_file(state, span_make(row->p, row->n));
	check_lost(state, row->says);
	size_t n;
	ck_assert(exists(state, "counters.snapshot.bad-1"));
	ck_assert(!exists(state, "counters.snapshot"));
	/* It is lost once; then there is none. */
	ck_assert_int_eq(snapshot_read(state, never, NULL, &err), SNAPSHOT_NONE);
	char kept[160];
	(void)snprintf(kept, sizeof(kept), "%s", path_of(state, "counters.snapshot.bad-1"));
	ck_assert_int_eq(rename(kept, path_of(state, "counters.snapshot")), 0);
	char *bytes = get_file(state, &n);
	ck_assert(span_equal(span_make(bytes, n), span_make(row->p, row->n)));
	free(bytes);
	remove_state(state);
}
END_TEST

/* Whole blocks, each with a good checksum, in another order, twice, or with something behind. */
START_TEST(test_rearranged)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert(snapshot_begin(s));
	for (unsigned i = 0; i < 2; i++) {
		struct bytes bytes = {0};
		bytes_span(&bytes, i == 0 ? SPAN("aaa") : SPAN("bbb"));
		put_block(s, bytes);
	}
	ck_assert_int_eq(commit(s).result, 0);
	snapshots_free(s);
	size_t n;
	char *read_bytes = get_file(state, &n);
	char bytes[8 + 2 * 16 + 20], other[sizeof(bytes) + 1];
	ck_assert_uint_eq(n, sizeof(bytes));
	memcpy(bytes, read_bytes, n);
	free(read_bytes);
	memcpy(other, bytes, n);
	memcpy(other + 8, bytes + 24, 16);
	memcpy(other + 24, bytes + 8, 16);
	put_file(state, span_make(other, n));
	check_lost(state, "block 1, at byte 8");
	memcpy(other, bytes, 24);
	memcpy(other + 24, bytes + 8, 16);
	memcpy(other + 40, bytes + 40, 20);
	put_file(state, span_make(other, n));
	check_lost(state, "block 2, at byte 24");
	memcpy(other, bytes, 24);
	memcpy(other + 24, bytes + 40, 20);
	put_file(state, span_make(other, 44));
	check_lost(state, "is not as it was written");
	memcpy(other, bytes, n);
	other[n] = 'x';
	put_file(state, span_make(other, n + 1));
	check_lost(state, "there is more after its end");
	remove_state(state);
}
END_TEST

static int refuse_second(void *ctx, struct span block)
{
	unsigned *n = ctx;

	ck_assert_uint_gt(block.n, 0);
	return ++*n == 2 ? -EINVAL : 0;
}

START_TEST(test_block_makes_no_sense)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);
	struct errbuf err = {{0}};
	unsigned n = 0;

	ck_assert_int_eq(write_snapshot(s, 1, 3).result, 0);
	ck_assert_int_eq(snapshot_read(state, refuse_second, &n, &err), SNAPSHOT_LOST);
	ck_assert_uint_eq(n, 2);
	ck_assert_ptr_nonnull(strstr(err.text, "makes no sense; moved to counters.snapshot.bad-1"));
	ck_assert(!exists(state, "counters.snapshot"));
	snapshots_free(s);
	remove_state(state);
}
END_TEST

static void make_fifo(const char *path)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void make_link(const char *path)
{
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
}

static const struct odd_row {
	const char *label;
	void (*make)(const char *path);
	const char *says;
} odd_rows[] = {
	{"fifo", make_fifo, "no regular file"},
	{"link", make_link, "cannot be opened"},
};

START_TEST(test_no_regular_file)
{
	char *state = make_state();

	odd_rows[_i].make(path_of(state, "counters.snapshot"));
	check_lost(state, odd_rows[_i].says);
	ck_assert(exists(state, "counters.snapshot.bad-1"));
	remove_state(state);
}
END_TEST

/* Neither readable nor to be moved: told as lost, and told that it stays. */
START_TEST(test_unreadable)
{
	char *state = make_state();

	if (geteuid() == 0) {
		put_file(state, SPAN("whatever"));
		ck_assert_int_eq(chmod(state, 0755), 0);
		ck_assert_int_eq(seteuid(65534), 0);
		check_lost(state, "cannot be opened: Permission denied");
		ck_assert(exists(state, "counters.snapshot"));
		check_lost(state, "could not be moved aside");
		ck_assert_int_eq(seteuid(0), 0);
		/* In a directory of our own it can be moved, unread. */
		ck_assert_int_eq(chown(state, 65534, 65534), 0);
		ck_assert_int_eq(seteuid(65534), 0);
		check_lost(state, "moved to counters.snapshot.bad-1");
		ck_assert_int_eq(seteuid(0), 0);
	} else {
		put_file(state, SPAN("whatever"));
		ck_assert_int_eq(chmod(path_of(state, "counters.snapshot"), 0), 0);
		check_lost(state, "moved to counters.snapshot.bad-1");
	}
	remove_state(state);
}
END_TEST

START_TEST(test_five_are_kept)
{
	char *state = make_state();
	char name[40];

	/* Names that are not ours stay out of it. */
	close(open(path_of(state, "counters.snapshot.bad-x"), O_WRONLY | O_CREAT, 0600));
	close(open(path_of(state, "counters.snapshot.bad-99999999999"), O_WRONLY | O_CREAT, 0600));
	for (unsigned i = 0; i < 12; i++) {
		put_file(state, SPAN("nonsense"));
		check_lost(state, "moved to");
	}
	for (unsigned i = 0; i < 14; i++) {
		(void)snprintf(name, sizeof(name), "counters.snapshot.bad-%u", i);
		ck_assert_msg(exists(state, name) == (i > 7 && i < 13), "%u", i);
	}
	ck_assert(exists(state, "counters.snapshot.bad-x"));
	ck_assert(exists(state, "counters.snapshot.bad-99999999999"));
	remove_state(state);
}
END_TEST

START_TEST(test_no_directory)
{
	struct snapshots *s = NULL;
	struct errbuf err = {{0}};

	ck_assert_int_eq(snapshots_new("/nonexistent/state", &s, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/state"));
	ck_assert_ptr_null(s);
	ck_assert_int_eq(snapshot_read("/nonexistent/state", never, NULL, &err), SNAPSHOT_NONE);
	ck_assert_int_eq(snapshot_read("/dev/null", never, NULL, &err), SNAPSHOT_LOST);
	ck_assert_ptr_nonnull(strstr(err.text, "/dev/null: cannot open the state directory"));
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"round trip", test_round_trip, ROWS(block_rows)},
		{"one at a time", test_one_at_a_time, 0},
		{"free finishes", test_free_finishes, 0},
		{"waiting is bounded", test_waiting_is_bounded, 0},
		{"leftover", test_leftover, 0},
		{"truncated anywhere", test_truncated_anywhere, 0},
		{"flipped bits", test_flipped_bits, 0},
		{"foreign", test_foreign, ROWS(foreign_rows)},
		{"rearranged", test_rearranged, 0},
		{"block makes no sense", test_block_makes_no_sense, 0},
		{"no regular file", test_no_regular_file, ROWS(odd_rows)},
		{"unreadable", test_unreadable, 0},
		{"five are kept", test_five_are_kept, 0},
		{"no directory", test_no_directory, 0},
	};

	return SUITE_RUN("snapshot", rows);
}
