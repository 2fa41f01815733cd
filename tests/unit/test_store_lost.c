/* SPDX-License-Identifier: ISC */
/* A database that is damaged or missing at start: it is kept aside, told, and made anew. */
#include <errno.h>

#include "store_files_help.h"
#include "suite.h"

/* ---- damaged at start ---- */

static void make_text(const char *state)
{
	int fd = open_at(state, "policyd.db", O_WRONLY | O_TRUNC);

	for (int i = 0; i < 1000; i++)
		ck_assert_int_gt(dprintf(fd, "no database %d\n", i), 0);
	close(fd);
}

static void overwrite(const char *state, off_t offset, size_t n)
{
	static char bytes[8192];
	int fd = open_at(state, "policyd.db", O_WRONLY);

	(void)memset(bytes, 0xa5, sizeof(bytes));
	ck_assert_uint_le(n, sizeof(bytes));
	ck_assert_int_eq(pwrite(fd, bytes, n, offset), (ssize_t)n);
	close(fd);
}

static void damage_head(const char *state)
{
	overwrite(state, 0, 16);
}

static void damage_page(const char *state)
{
	overwrite(state, 2 * 4096, 4096);
}

static void damage_schema(const char *state)
{
	meddle(state, "PRAGMA writable_schema = ON;"
		      "UPDATE sqlite_schema SET sql = 'CREATE nonsense' WHERE name = 'standing'");
}

static void drop_table(const char *state)
{
	meddle(state, "DROP TABLE standing");
}

static void cut(const char *state)
{
	int fd = open_at(state, "policyd.db", O_WRONLY);

	ck_assert_int_eq(ftruncate(fd, 3 * 4096), 0);
	close(fd);
}

static const struct damage_row {
	const char *label;
	void (*damage)(const char *state);
} damage_rows[] = {
	{"text", make_text},
	{"head", damage_head},
	{"page", damage_page},
	{"schema", damage_schema},
	{"table dropped", drop_table},
	{"cut", cut},
};

START_TEST(test_damaged_is_kept_aside)
{
	char *state = make_state();
	struct store *s = open_store(state);
	const char *why_lost = NULL;

	ck_assert(!store_was_lost(s, NULL));
	(void)suspend(s, "login:a");
	store_note_snapshot(s);
	store_free(s);
	damage_rows[_i].damage(state);
	s = open_store(state);
	ck_assert_msg(store_was_lost(s, &why_lost), "%s", damage_rows[_i].label);
	ck_assert_ptr_nonnull(strstr(why_lost, "policyd.db: damaged"));
	ck_assert_ptr_nonnull(strstr(why_lost, "moved to policyd.db.bad-1"));
	ck_assert(exists(state, "policyd.db.bad-1"));
	ck_assert(!store_had_snapshot(s));
	ck_assert_int_eq(suspend(s, "login:b").id, 1);
	ck_assert(!store_is_failing(s, NULL));
	store_free(s);
	/* It is lost once. */
	ck_assert_uint_eq(standing_after_start(state), 1);
	remove_state(state);
}
END_TEST

START_TEST(test_five_are_kept)
{
	char *state = make_state();

	for (unsigned i = 1; i <= 8; i++) {
		struct store *s = open_store(state);
		ck_assert(store_was_lost(s, NULL) == (i > 1));
		(void)suspend(s, "login:a");
		store_free(s);
		make_text(state);
	}
	store_free(open_store(state));
	for (unsigned i = 1; i <= 9; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "policyd.db.bad-%u", i);
		ck_assert_msg(exists(state, name) == (i > 3 && i < 9), "%u", i);
	}
	remove_state(state);
}
END_TEST

/* A process that was killed leaves a log; it goes with the file that it belongs to. */
START_TEST(test_log_goes_aside_too)
{
	char *state = make_state();

	store_free(open_store(state));
	make_text(state);
	int fd = open_at(state, "policyd.db-wal", O_WRONLY | O_CREAT);
	ck_assert_int_eq(write(fd, "wal", 3), 3);
	close(fd);
	struct store *s = open_store(state);
	ck_assert(store_was_lost(s, NULL));
	store_free(s);
	ck_assert(exists(state, "policyd.db.bad-1"));
	ck_assert_uint_eq(standing_after_start(state), 0);
	remove_state(state);
}
END_TEST

START_TEST(test_damage_met_at_work)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct answer answer = suspend(s, "login:a");

	ck_assert_int_eq(answer.result, 0);
	meddle(state, "PRAGMA wal_checkpoint(TRUNCATE)");
	/* Behind the connection's back, which has the pages in memory until another one writes. */
	for (off_t page = 1; page < 12; page++)
		overwrite(state, page * 4096, 4096);
	meddle(state, "PRAGMA user_version = 3");
	answer = suspend(s, "login:b");
	ck_assert_int_eq(answer.result, -EBADMSG);
	ck_assert_ptr_nonnull(strstr(answer.error, "damaged"));
	ck_assert_ptr_nonnull(strstr(answer.error, "Restart policyd"));
	ck_assert(store_is_failing(s, NULL));
	ck_assert(exists(state, "policyd.db-damaged"));
	store_free(s);
	s = open_store(state);
	ck_assert(store_was_lost(s, NULL));
	ck_assert(!exists(state, "policyd.db-damaged"));
	ck_assert_int_eq(suspend(s, "login:b").result, 0);
	store_free(s);
	remove_state(state);
}
END_TEST

/*
 * Of a large file only what holds is looked at, so that a start is quick; where damage was met at
 * work all of it is.
 */
START_TEST(test_large_file)
{
	char *state = make_state();
	struct store *s = open_store(state);

	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	store_free(s);
	meddle(state,
		"WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 90)"
		" INSERT INTO decision SELECT NULL, 1790000000000000, i, 'RCPT', 'DEFER', 0,"
		" 5, 5, NULL, x'', x'', x'', x'', x'', x'', x'', zeroblob(200000), NULL FROM k");
	char path[128];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_gt(st.st_size, 16 * 1024 * 1024);
	ck_assert_uint_eq(standing_after_start(state), 1);
	/* An overflow page that points to nowhere. */
	overwrite(state, st.st_size / 2 / 4096 * 4096, 4096);
	ck_assert_uint_eq(standing_after_start(state), 1);
	close(open_at(state, "policyd.db-damaged", O_WRONLY | O_CREAT));
	s = open_store(state);
	ck_assert(store_was_lost(s, NULL));
	ck_assert(!exists(state, "policyd.db-damaged"));
	store_free(s);
	/* A mark beside a file that is whole only costs the look. */
	s = open_store(state);
	ck_assert_int_eq(suspend(s, "login:b").result, 0);
	store_free(s);
	close(open_at(state, "policyd.db-damaged", O_WRONLY | O_CREAT));
	ck_assert_uint_eq(standing_after_start(state), 1);
	ck_assert(!exists(state, "policyd.db-damaged"));
	remove_state(state);
}
END_TEST

/* ---- missing at start ---- */

START_TEST(test_missing)
{
	char *state = make_state();
	const char *why_lost = NULL;

	store_free(open_store(state));
	/* Stopped in order, and nothing else there: as good as a first start. */
	remove_at(state, "policyd.db");
	ck_assert_uint_eq(standing_after_start(state), 0);
	close(open_at(state, "counters.snapshot", O_WRONLY | O_CREAT));
	ck_assert_uint_eq(standing_after_start(state), 0);
	remove_at(state, "policyd.db");
	struct store *s = open_store(state);
	ck_assert(store_was_lost(s, &why_lost));
	ck_assert_ptr_nonnull(strstr(why_lost, "missing or empty"));
	store_free(s);
	close(open_at(state, "policyd.db", O_WRONLY | O_TRUNC));
	s = open_store(state);
	ck_assert(store_was_lost(s, NULL));
	store_free(s);
	remove_at(state, "counters.snapshot");
	ck_assert_uint_eq(standing_after_start(state), 0);
	remove_state(state);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"damaged is kept aside", test_damaged_is_kept_aside, ROWS(damage_rows)},
		{"five are kept", test_five_are_kept, 0},
		{"log goes aside too", test_log_goes_aside_too, 0},
		{"damage met at work", test_damage_met_at_work, 0},
		{"large file", test_large_file, 0},
		{"missing", test_missing, 0},
	};

	return SUITE_RUN("store_lost", rows);
}
