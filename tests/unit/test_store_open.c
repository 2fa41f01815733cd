/* SPDX-License-Identifier: ISC */
/* Opening a store: what is made, what is refused, and with which words. */
#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store_help.h"

static char *state;

static void make(void)
{
	state = make_state();
}

static void clean(void)
{
	remove_state(state);
}

static int try_open(struct errbuf *err)
{
	struct store_setup setup = setup_of(state);
	struct store *s = NULL;
	int r = store_open(&setup, &s, err);

	store_free(s);
	return r;
}

/* Runs SQL on DIRECTORY/policyd.db behind the store's back. */
static void meddle(const char *sql)
{
	char path[128];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(test_makes_what_is_missing)
{
	char inner[128] = "", file[160], deep[160];
	struct store_setup setup = setup_of(inner);
	struct store *s = NULL;
	struct errbuf err;
	struct stat st;

	(void)snprintf(inner, sizeof(inner), "%s/state", state);
	umask(0);
	ck_assert_int_eq(store_open(&setup, &s, &err), 0);
	ck_assert_int_eq(stat(inner, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER)).result, 0);
	static const char *const names[] = {
		"policyd.db", "policyd.db-wal", "policyd.db-shm", "policyd.lock"};
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", inner, names[i]);
		ck_assert_int_eq(stat(file, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
	}
	store_free(s);
	remove_state(strdup(inner));

	(void)snprintf(deep, sizeof(deep), "%s/no/state", state);
	setup.directory = deep;
	ck_assert_int_eq(store_open(&setup, &s, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, deep));
}
END_TEST

START_TEST(test_second_start_is_refused)
{
	struct store *s = open_store(state);
	struct errbuf err;
	char pid[32];

	(void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	ck_assert_int_eq(try_open(&err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.text, state));
	ck_assert_ptr_nonnull(strstr(err.text, pid));
	ck_assert_int_eq(put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER)).result, 0);
	store_free(s);
	ck_assert_int_eq(try_open(&err), 0);
}
END_TEST

static const struct refused_row {
	const char *label, *sql, *says;
} refused_rows[] = {
	{"newer", "PRAGMA application_id = 0x706c6379; PRAGMA user_version = 99", "newer policyd"},
	{"other tables", "CREATE TABLE theirs (x)", "another program"},
	{"other id", "PRAGMA application_id = 7; CREATE TABLE theirs (x)", "another program"},
	{"other version", "PRAGMA user_version = 1; CREATE TABLE theirs (x)", "another program"},
};

START_TEST(test_refuses_other_databases)
{
	const struct refused_row *row = &refused_rows[_i];
	struct errbuf err;

	meddle(row->sql);
	ck_assert_msg(try_open(&err) == -EPROTO, "%s", row->label);
	ck_assert_msg(strstr(err.text, row->says) != NULL, "%s: %s", row->label, err.text);
	ck_assert_ptr_nonnull(strstr(err.text, "policyd.db"));
	/* Untouched: no journal mode, no tables. */
	meddle(_i == 0 ? "PRAGMA user_version" : "INSERT INTO theirs VALUES (1)");
}
END_TEST

START_TEST(test_refuses_a_directory_of_others)
{
	struct errbuf err;

	ck_assert_int_eq(chmod(state, 0770), 0);
	ck_assert_int_eq(try_open(&err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.text, "chmod"));
	ck_assert_int_eq(chmod(state, 0755), 0);
	ck_assert_int_eq(try_open(&err), 0);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(state, 12345, 12345), 0);
	ck_assert_int_eq(try_open(&err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.text, "chown"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_open");
	TCase *tests = tcase_create("store_open");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, test_makes_what_is_missing);
	tcase_add_test(tests, test_second_start_is_refused);
	tcase_add_loop_test(tests, test_refuses_other_databases, 0, 4);
	tcase_add_test(tests, test_refuses_a_directory_of_others);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
