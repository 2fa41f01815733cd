/* SPDX-License-Identifier: ISC */
/* The counter snapshot on disks that are full, read-only or dead: the old one stays. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "snapshot_help.h"
#include "suite.h"

/* ---- a disk that fails when it is told to ---- */

static _Atomic int data_error, directory_error, write_error;
static _Atomic int64_t write_room = INT64_MAX;

/* A program's own function goes before the C library's. */
int fdatasync(int fildes)
{
	if (data_error == 0)
		return (int)syscall(SYS_fdatasync, fildes);
	errno = data_error;
	return -1;
}

/* Takes what there is room for, then fails. */
ssize_t writev(int fd, const struct iovec *iovec, int count)
{
	struct iovec cut[2];
	int64_t room = write_room;

	if (count != 2 || room == INT64_MAX)
		return syscall(SYS_writev, fd, iovec, count);
	if (room == 0 && iovec[0].iov_len + iovec[1].iov_len > 0) {
		errno = write_error;
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		cut[i] = iovec[i];
		if ((int64_t)cut[i].iov_len > room)
			cut[i].iov_len = (size_t)room;
		room -= (int64_t)cut[i].iov_len;
	}
	write_room = room;
	return syscall(SYS_writev, fd, cut, 2);
}

int fsync(int fd)
{
	if (directory_error == 0)
		return (int)syscall(SYS_fsync, fd);
	errno = directory_error;
	return -1;
}

/* A failure has left the old one, no leftover, and the next attempt works. */
static void check_recovers(struct snapshots *s, const char *state)
{
	ck_assert(!exists(state, "counters.snapshot.new"));
	check_snapshot(state, 1, 2);
	struct outcome outcome = write_snapshot(s, 3, 4);
	ck_assert_msg(outcome.result == 0, "%s", outcome.error);
	check_snapshot(state, 3, 4);
}

static void check_failed(const struct outcome *outcome, int result, const char *says)
{
	ck_assert_msg(outcome->result == result, "%d %s", outcome->result, outcome->error);
	ck_assert_msg(
		strstr(outcome->error, "counters.snapshot.new: ") != NULL, "%s", outcome->error);
	ck_assert_msg(strstr(outcome->error, says) != NULL, "%s", outcome->error);
	ck_assert_msg(strstr(outcome->error, "stays") != NULL, "%s", outcome->error);
}

static const int write_errors[] = {EIO, ENOSPC, EROFS, EDQUOT};

/* At any byte, and after a part of what was to be written. */
START_TEST(test_write_error)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	write_error = write_errors[_i];
	for (int64_t bytes = 0; bytes < 8192; bytes += bytes < 24 ? 1 : 1009) {
		write_room = bytes;
		struct outcome outcome = write_snapshot(s, 2, 12);
		check_failed(&outcome, -write_errors[_i], "cannot write it");
		ck_assert_int_eq(write_room, 0);
		ck_assert(!exists(state, "counters.snapshot.new"));
		check_snapshot(state, 1, 2);
	}
	write_room = INT64_MAX;
	check_recovers(s, state);
	snapshots_free(s);
	remove_state(state);
}
END_TEST

START_TEST(test_sync_error)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	data_error = EIO;
	/* Also in the middle of a large one. */
	for (unsigned blocks = 3; blocks < 600; blocks += 500) {
		struct outcome outcome = write_snapshot(s, 2, blocks);
		check_failed(&outcome, -EIO, "cannot write it: Input/output error");
		ck_assert(!exists(state, "counters.snapshot.new"));
	}
	data_error = 0;
	check_recovers(s, state);
	/* The new one is in place, but may not stay there. */
	directory_error = EIO;
	struct outcome outcome = write_snapshot(s, 1, 2);
	ck_assert_int_eq(outcome.result, -EIO);
	ck_assert_ptr_nonnull(strstr(outcome.error, "power cut"));
	directory_error = 0;
	check_recovers(s, state);
	snapshots_free(s);
	remove_state(state);
}
END_TEST

START_TEST(test_cannot_be_named)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(mkdir(path_of(state, "counters.snapshot"), 0700), 0);
	struct outcome outcome = write_snapshot(s, 1, 2);
	check_failed(&outcome, -EISDIR, "cannot rename");
	ck_assert(!exists(state, "counters.snapshot.new"));
	ck_assert_int_eq(rmdir(path_of(state, "counters.snapshot")), 0);
	ck_assert_int_eq(mkdir(path_of(state, "counters.snapshot.new"), 0700), 0);
	outcome = write_snapshot(s, 1, 2);
	check_failed(&outcome, -EEXIST, "cannot make it");
	ck_assert_int_eq(rmdir(path_of(state, "counters.snapshot.new")), 0);
	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	check_recovers(s, state);
	snapshots_free(s);
	remove_state(state);
}
END_TEST

START_TEST(test_block_too_large)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	ck_assert(snapshot_begin(s));
	put_block(s, block_of(2, 0));
	struct bytes bytes = {.p = calloc(1, SNAPSHOT_BLOCK_MAX + 1)};
	bytes.n = bytes.size = SNAPSHOT_BLOCK_MAX + 1;
	put_block(s, bytes);
	put_block(s, block_of(2, 1));
	struct outcome outcome = commit(s);
	check_failed(&outcome, -EFBIG, "too large");
	check_recovers(s, state);
	snapshots_free(s);
	remove_state(state);
}
END_TEST

/* A file system in a mount name space of this test's own: it goes with the process. */
static bool has_small_disk(const char *state)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", state, "tmpfs", 0, "size=1m,mode=0700") == 0;
}

/* On a full disk it leaves what suspensions need, and takes none of it for a moment longer. */
START_TEST(test_disk_full)
{
	static const char zero[64 * 1024];
	char *state = make_state();

	if (!has_small_disk(state)) {
		remove_state(state);
		return;
	}
	struct snapshots *s = open_snapshots(state);
	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	/* Three large blocks fit into no 640 KiB. */
	struct outcome outcome = write_snapshot(s, 2, 20);
	check_failed(&outcome, -ENOSPC, "kept for suspensions");
	ck_assert(!exists(state, "counters.snapshot.new"));
	int fd = open(path_of(state, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, zero, sizeof(zero)) > 0)
		continue;
	close(fd);
	outcome = write_snapshot(s, 2, 1);
	check_failed(&outcome, -ENOSPC, "No space left");
	ck_assert_int_eq(unlink(path_of(state, "filler")), 0);
	check_recovers(s, state);
	/* The store beside it works all the time. */
	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	struct store *store = open_store(state);
	for (unsigned i = 0; i < 40; i++) {
		outcome = write_snapshot(s, 2, 20);
		ck_assert_int_eq(outcome.result, -ENOSPC);
		struct answer answer = put(store, suspension("login:a", (wall_t){T0}, WALL_NEVER));
		ck_assert_msg(answer.result == 0, "%s", answer.error);
	}
	store_free(store);
	check_snapshot(state, 1, 2);
	snapshots_free(s);
	ck_assert_int_eq(umount2(state, MNT_DETACH), 0);
	remove_state(state);
}
END_TEST

/* Killed at any time: the old one or the new one is there, whole. */
START_TEST(test_killed_at_any_time)
{
	char *state = make_state();
	struct snapshots *s = open_snapshots(state);

	ck_assert_int_eq(write_snapshot(s, 1, 12).result, 0);
	snapshots_free(s);
	for (unsigned round = 0; round < 40; round++) {
		int status;
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			s = open_snapshots(state);
			for (;;)
				(void)write_snapshot(s, 1, 12);
		}
		nanosleep(&(struct timespec){.tv_nsec = (5 + round) * 1000000L}, NULL);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		check_snapshot(state, 1, 12);
	}
	s = open_snapshots(state);
	check_snapshot(state, 1, 12);
	ck_assert(!exists(state, "counters.snapshot.new"));
	snapshots_free(s);
	remove_state(state);
}
END_TEST

START_TEST(test_read_only)
{
	char *state = make_state();

	if (!has_small_disk(state)) {
		remove_state(state);
		return;
	}
	struct snapshots *s = open_snapshots(state);
	ck_assert_int_eq(write_snapshot(s, 1, 2).result, 0);
	ck_assert_int_eq(mount("none", state, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct outcome outcome = write_snapshot(s, 2, 2);
		check_failed(&outcome, -EROFS, "cannot make it: Read-only file system");
		check_snapshot(state, 1, 2);
	}
	/* Nor can it be moved aside. */
	ck_assert_int_eq(mount("none", state, "tmpfs", MS_REMOUNT, NULL), 0);
	size_t n;
	char *bytes = get_file(state, &n);
	put_file(state, SPAN("nonsense"));
	ck_assert_int_eq(mount("none", state, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	check_lost(state, "could not be moved aside (Read-only file system)");
	ck_assert_int_eq(mount("none", state, "tmpfs", MS_REMOUNT, NULL), 0);
	put_file(state, span_make(bytes, n));
	free(bytes);
	check_recovers(s, state);
	snapshots_free(s);
	ck_assert_int_eq(umount2(state, MNT_DETACH), 0);
	remove_state(state);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"write error", test_write_error, ROWS(write_errors)},
		{"sync error", test_sync_error, 0},
		{"cannot be named", test_cannot_be_named, 0},
		{"block too large", test_block_too_large, 0},
		{"disk full", test_disk_full, 0},
		{"read only", test_read_only, 0},
		{"killed at any time", test_killed_at_any_time, 0},
	};

	return SUITE_RUN("snapshot_disk", rows);
}
