/* SPDX-License-Identifier: ISC */
/*
 * A database that is removed or replaced under the daemon, or on a disk that fails and comes back:
 * what was acknowledged stays, and nothing is acknowledged that does not.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "store_files_help.h"
#include "suite.h"

/* ---- a disk that fails when it is told to ---- */

static _Atomic int write_error, sync_error;

static ssize_t write_or_fail(int fd, const void *bytes, size_t n)
{
	if (write_error == 0)
		return write(fd, bytes, n);
	errno = write_error;
	return -1;
}

static ssize_t pwrite_or_fail(int fd, const void *bytes, size_t n, off_t offset)
{
	if (write_error == 0)
		return pwrite(fd, bytes, n, offset);
	errno = write_error;
	return -1;
}

/* SQLite's call comes here too: a program's own function goes before the C library's. */
__attribute__((visibility("default"))) int fdatasync(int fildes)
{
	if (sync_error == 0)
		return (int)syscall(SYS_fdatasync, fildes);
	errno = sync_error;
	return -1;
}

static void use_failing_disk(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	ck_assert_int_eq(
		vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)write_or_fail), SQLITE_OK);
	ck_assert_int_eq(
		vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)pwrite_or_fail), SQLITE_OK);
	ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_or_fail),
		SQLITE_OK);
}

static const struct disk_row {
	const char *label;
	_Atomic int *fails;
	int error;
	int result;
	const char *says;
} disk_rows[] = {
	{"cannot write", &write_error, EIO, -EIO, "Input/output error"},
	{"read-only", &write_error, EROFS, -EIO, "Read-only file system"},
	{"full", &write_error, ENOSPC, -ENOSPC, "disk full"},
	{"quota", &write_error, EDQUOT, -EIO, "quota"},
	{"cannot sync", &sync_error, EIO, -EIO, "I/O error"},
};

/* ---- removed or replaced while it runs ---- */

static const char *const removed_rows[] = {"policyd.db", "policyd.db-wal"};

START_TEST(test_removed_while_running)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct errbuf note = {{0}};
	struct stat st;
	char path[128];

	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	ck_assert(!store_take_note(s, &note));
	remove_at(state, removed_rows[_i]);
	ck_assert_int_eq(suspend(s, "login:b").result, 0);
	ck_assert(!store_is_failing(s, NULL));
	ck_assert(store_take_note(s, &note));
	ck_assert_ptr_nonnull(strstr(note.text, "policyd.db: was removed"));
	ck_assert(!store_take_note(s, &note));
	ck_assert_int_eq(suspend(s, "login:c").id, 3);
	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert(!exists(state, "policyd.db.new"));
	/* Once more, and as if killed: what is on the disk now is all there is. */
	remove_at(state, removed_rows[_i]);
	ck_assert_int_eq(suspend(s, "login:d").id, 4);
	ck_assert(exists(state, "policyd.db-wal"));
	store_free(s);
	ck_assert_uint_eq(standing_after_start(state), 4);
	remove_state(state);
}
END_TEST

START_TEST(test_all_removed_while_running)
{
	static const char *const names[] = {"policyd.db", "policyd.db-wal", "policyd.db-shm"};
	char *state = make_state();
	struct store *s = open_store(state);
	struct decision d = decision_of("AAAAAAAAAA", (wall_t){T0});

	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	for (unsigned i = 0; i < 3; i++)
		remove_at(state, names[i]);
	store_decision(s, &d);
	json_t *rows = why(s, "AAAAAAAAAA");
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	ck_assert_int_eq(suspend(s, "login:b").result, 0);
	store_free(s);
	ck_assert_uint_eq(standing_after_start(state), 2);
	remove_state(state);
}
END_TEST

/* Another file under the name is left alone, for whoever put it there. */
START_TEST(test_replaced_while_running)
{
	char *state = make_state(), *other = make_state();
	struct store *s = open_store(other);
	char from[128], to[128];
	const char *error = NULL;

	for (unsigned i = 0; i < 3; i++)
		(void)suspend(s, i == 0 ? "login:x" : i == 1 ? "login:y" : "login:z");
	store_free(s);
	s = open_store(state);
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	(void)snprintf(from, sizeof(from), "%s/policyd.db", other);
	(void)snprintf(to, sizeof(to), "%s/policyd.db", state);
	ck_assert_int_eq(rename(from, to), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct answer answer = suspend(s, "login:b");
		ck_assert_int_eq(answer.result, -ESTALE);
		ck_assert_ptr_nonnull(strstr(answer.error, "replaced"));
		ck_assert_ptr_nonnull(strstr(answer.error, "Restart policyd"));
	}
	ck_assert(store_is_failing(s, &error));
	json_t *rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	store_free(s);
	ck_assert_uint_eq(standing_after_start(state), 3);
	remove_state(state);
	remove_state(other);
}
END_TEST

/* While it cannot be made anew nothing is acknowledged; then it is, with all that was there. */
START_TEST(test_removed_from_a_failing_disk)
{
	char *state = make_state();

	use_failing_disk();
	struct store *s = open_store(state);
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	remove_at(state, "policyd.db");
	write_error = ENOSPC;
	struct decision d = decision_of("AAAAAAAAAA", (wall_t){T0});
	for (unsigned i = 0; i < 3; i++) {
		store_decision(s, &d);
		struct answer answer = suspend(s, "login:b");
		ck_assert_int_ne(answer.result, 0);
		ck_assert_ptr_nonnull(strstr(answer.error, "policyd.db"));
	}
	ck_assert(store_is_failing(s, NULL));
	json_t *rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	write_error = 0;
	ck_assert_int_eq(suspend(s, "login:c").result, 0);
	ck_assert(!store_is_failing(s, NULL));
	store_free(s);
	ck_assert_uint_eq(standing_after_start(state), 2);
	remove_state(state);
}
END_TEST

/* ---- a disk that fails and comes back ---- */

START_TEST(test_disk_comes_back)
{
	const struct disk_row *row = &disk_rows[_i];
	char *state = make_state();
	const char *error = NULL;

	use_failing_disk();
	struct store *s = open_store(state);
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	for (unsigned i = 0; i < 3; i++) {
		*row->fails = row->error;
		struct answer answer = suspend(s, "login:refused");
		ck_assert_msg(answer.result == row->result, "%s: %d %s", row->label, answer.result,
			answer.error);
		ck_assert_msg(strstr(answer.error, row->says) != NULL, "%s: %s", row->label,
			answer.error);
		ck_assert(store_is_failing(s, &error));
		ck_assert_str_eq(error, answer.error);
		/* What is there is still shown, and nothing of what was refused. */
		json_t *rows = audit(s, (struct store_audit_query){0});
		ck_assert_uint_eq(json_array_size(rows), 1 + i);
		json_decref(rows);
		*row->fails = 0;
		char account[16];
		(void)snprintf(account, sizeof(account), "login:%u", i);
		ck_assert_int_eq(suspend(s, account).result, 0);
		ck_assert(!store_is_failing(s, NULL));
	}
	store_free(s);
	ck_assert_uint_eq(standing_after_start(state), 4);
	remove_state(state);
}
END_TEST

/* Stopped while the disk fails: what was acknowledged is there, what was refused is not. */
START_TEST(test_stop_on_a_failing_disk)
{
	const struct disk_row *row = &disk_rows[_i];
	char *state = make_state();

	use_failing_disk();
	struct store *s = open_store(state);
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	*row->fails = row->error;
	ck_assert_int_ne(suspend(s, "login:refused").result, 0);
	store_free(s);
	*row->fails = 0;
	unsigned n = standing_after_start(state);
	/* When the disk did not say whether it wrote, nobody can. */
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, row->fails == &sync_error ? 2 : 1);
	remove_state(state);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"removed while running", test_removed_while_running, ROWS(removed_rows)},
		{"all removed while running", test_all_removed_while_running, 0},
		{"replaced while running", test_replaced_while_running, 0},
		{"removed from a failing disk", test_removed_from_a_failing_disk, 0},
		{"disk comes back", test_disk_comes_back, ROWS(disk_rows)},
		{"stop on a failing disk", test_stop_on_a_failing_disk, ROWS(disk_rows)},
	};

	return SUITE_RUN("store_removed", rows);
}
