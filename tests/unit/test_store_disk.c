/* SPDX-License-Identifier: ISC */
/* The store when things go wrong: killed at any time, write errors, no room. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "policyd/metric.h"
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

/* A connection of somebody else's. */
static sqlite3 *open_behind(void)
{
	char path[128];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

/* ---- being killed ---- */

#define ROUNDS     20
#define EVENTS_MAX 100000
#define AT_ONCE    16 /* events on their way, so that a group holds several */

struct sender {
	struct store *store;
	uint32_t next;
	int acks; /* a pipe */
};

struct sent {
	struct sender *sender;
	uint32_t number;
};

static void send_next(struct sent *sent);

static void on_ack(void *ctx, int result, int64_t id, const char *error)
{
	struct sent *sent = ctx;

	(void)id;
	(void)error;
	if (result != 0 || write(sent->sender->acks, &sent->number, 4) != 4)
		_exit(1);
	send_next(sent);
}

static void send_next(struct sent *sent)
{
	struct sender *sender = sent->sender;
	struct decision d = decision_of("AAAAAAAAAA", (wall_t){T0});
	char account[32];
	struct policy_event event;

	sent->number = sender->next++;
	(void)snprintf(account, sizeof(account), "login:%u", sent->number);
	event = suspension(account, (wall_t){T0}, WALL_NEVER);
	store_decision(sender->store, &d);
	if (store_event(sender->store, &event, on_ack, sent) != 0)
		_exit(2);
}

/* Suspends one account after the other until it is killed. */
static void child_main(uint32_t first, int acks)
{
	struct store_setup setup = setup_of(state);
	struct sender sender = {.next = first, .acks = acks};
	struct sent sent[AT_ONCE];
	struct errbuf err;

	if (store_open(&setup, &sender.store, &err) != 0)
		_exit(3);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		sent[i].sender = &sender;
		send_next(&sent[i]);
	}
	for (;;) {
		struct pollfd fd = {.fd = store_fd(sender.store), .events = POLLIN};

		if (poll(&fd, 1, 10000) != 1)
			_exit(4);
		store_collect(sender.store);
	}
}

/* Marks what was acknowledged; returns the highest number. */
static uint32_t read_acks(int fd, bool *is_acked)
{
	uint32_t number, highest = 0;

	while (read(fd, &number, 4) == 4) {
		ck_assert_uint_lt(number, EVENTS_MAX);
		is_acked[number] = true;
		highest = number > highest ? number : highest;
	}
	return highest;
}

static void run_and_kill(uint32_t first, unsigned ms, bool *is_acked)
{
	int pipe_fd[2], status;
	uint32_t number;
	pid_t pid;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child_main(first, pipe_fd[1]);
	close(pipe_fd[1]);
	/* From the first acknowledgement on, so that slow builds are killed at work too. */
	ck_assert_int_eq(read(pipe_fd[0], &number, 4), 4);
	is_acked[number] = true;
	(void)fcntl(pipe_fd[0], F_SETPIPE_SZ, 1 << 20);
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	(void)read_acks(pipe_fd[0], is_acked);
	close(pipe_fd[0]);
}

static void on_load_number(void *ctx, const struct policy_event *event)
{
	bool *is_there = ctx;
	uint64_t number;

	ck_assert_int_eq(
		span_to_u64(span_make(event->account.p + 6, event->account.n - 6), &number), 0);
	ck_assert_uint_lt(number, EVENTS_MAX);
	is_there[number] = true;
}

static void check_integrity(void)
{
	sqlite3 *db = open_behind();
	sqlite3_stmt *statement;

	ck_assert_int_eq(
		sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(statement, 0), "ok");
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

START_TEST(test_killed_at_any_time)
{
	bool *is_acked = calloc(EVENTS_MAX, 1), *is_there = calloc(EVENTS_MAX, 1);
	uint32_t first = 0, acked = 0;

	ck_assert(is_acked && is_there);
	srandom(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct errbuf err;
		struct store *s;

		run_and_kill(first, (unsigned)random() % 60, is_acked);
		s = open_store(state);
		ck_assert(!store_was_lost(s, NULL));
		ck_assert_int_eq(store_load(s, &(struct store_load_query){.wall = {T0}},
					 on_load_number, is_there, &err),
			0);
		store_free(s);
		for (uint32_t i = 0; i < EVENTS_MAX; i++) {
			if (is_acked[i] && !is_there[i])
				ck_abort_msg("round %u lost %u", round, i);
			first = is_there[i] ? i + 1 : first;
		}
	}
	for (uint32_t i = 0; i < EVENTS_MAX; i++)
		acked += is_acked[i];
	ck_assert_uint_ge(acked, ROUNDS);
	check_integrity();
	free(is_acked);
	free(is_there);
}
END_TEST

/* ---- no room ---- */

/* Suspends until one is refused; returns how many were committed. */
static int64_t suspend_until_refused(struct store *s, struct answer *ret)
{
	for (int64_t n = 0; n < 5000; n++) {
		*ret = put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER));
		if (ret->result != 0)
			return n;
	}
	ck_abort_msg("never refused");
}

static void check_refused(struct store *s, const struct answer *answer, const char *says)
{
	const char *error = NULL;

	ck_assert_msg(strstr(answer->error, says) != NULL, "%s", answer->error);
	ck_assert_ptr_nonnull(strstr(answer->error, "policyd.db"));
	/* Who asked for the change says so: see handle_desk.c. */
	ck_assert_ptr_null(strstr(answer->error, "nothing was changed"));
	ck_assert(store_is_failing(s, &error));
	ck_assert_str_eq(error, answer->error);
	ck_assert_uint_gt(metric_get(METRIC_STORE_ERRORS), 0);
}

static void check_committed(struct store *s, int64_t n)
{
	json_t *rows = audit(s, (struct store_audit_query){0});

	ck_assert_int_eq((int64_t)json_array_size(rows), n);
	json_decref(rows);
}

/* A limit on the size of files is an I/O error to SQLite, and ends its transaction by itself. */
START_TEST(test_write_error)
{
	struct rlimit limit, before;
	struct store *s = open_store(state);
	struct answer answer;
	int64_t n;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 160 * 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	n = suspend_until_refused(s, &answer);
	ck_assert_int_eq(answer.result, -EIO);
	check_refused(s, &answer, "I/O error");
	check_committed(s, n);
	ck_assert_msg(store_is_failing(s, NULL), "a read says nothing about writing");
	ck_assert_int_eq(put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER)).result, -EIO);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_int_eq(put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER)).result, 0);
	ck_assert(!store_is_failing(s, NULL));
	store_free(s);
	s = open_store(state);
	check_committed(s, n + 1);
	store_free(s);
}
END_TEST

/*
 * The writer waits at a lock of ours, so that what is submitted meanwhile becomes one group: behind
 * one decision, n more, an event and a read.
 */
static void submit_one_group(
	struct store *s, unsigned n, struct answer *ret_event, struct answer *ret_read)
{
	sqlite3 *behind = open_behind();
	struct decision d = decision_of("AAAAAAAAAA", (wall_t){T0});
	struct policy_event event = suspension("login:a", (wall_t){T0}, WALL_NEVER);

	(void)memset(d.text, 'x', sizeof(d.text) - 1);
	ck_assert_int_eq(sqlite3_exec(behind, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	store_decision(s, &d);
	/* It is taken when it has waited for others to come. */
	nanosleep(&(struct timespec){.tv_nsec = 800 * 1000000L}, NULL);
	for (unsigned i = 0; i < n; i++)
		store_decision(s, &d);
	ck_assert_int_eq(store_event(s, &event, on_event, ret_event), 0);
	ck_assert_int_eq(store_audit(s, &(struct store_audit_query){0}, on_rows, ret_read), 0);
	ck_assert_int_eq(sqlite3_exec(behind, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(behind);
	await(s, ret_event);
	await(s, ret_read);
}

/* What fits no more because of the decisions is tried again without them. */
START_TEST(test_event_outlives_its_group)
{
	struct rlimit limit;
	struct store *s = open_store(state);
	struct answer event = {0}, read = {0};

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 160 * 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	submit_one_group(s, 250, &event, &read);
	ck_assert_msg(event.result == 0, "%s", event.error);
	ck_assert_uint_eq(json_array_size(read.rows), 1);
	json_decref(read.rows);
	ck_assert_uint_ge(metric_get(METRIC_STORE_ERRORS), 250);
	store_free(s);
}
END_TEST

START_TEST(test_read_shows_nothing_undone)
{
	struct rlimit limit;
	struct store *s = open_store(state);
	struct answer event = {0}, read = {0};

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 4096;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	submit_one_group(s, 1, &event, &read);
	ck_assert_int_eq(event.result, -EIO);
	ck_assert_uint_eq(json_array_size(read.rows), 0);
	json_decref(read.rows);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	store_free(s);
}
END_TEST

/* A file system of 1 MiB in a mount name space of this test's own: it goes with the process. */
static bool has_small_disk(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", state, "tmpfs", 0, "size=1m,mode=0700") == 0;
}

static void drop_small_disk(void)
{
	ck_assert_int_eq(umount2(state, MNT_DETACH), 0);
}

START_TEST(test_disk_full)
{
	static const char zero[4096];
	struct store *s;
	struct answer answer;
	char path[128];
	int64_t n;
	int fd;

	if (!has_small_disk())
		return;
	s = open_store(state);
	(void)snprintf(path, sizeof(path), "%s/filler", state);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, zero, sizeof(zero)) > 0)
		continue;
	close(fd);
	n = suspend_until_refused(s, &answer);
	ck_assert_int_eq(answer.result, -ENOSPC);
	check_refused(s, &answer, "disk full");
	check_committed(s, n);
	ck_assert_msg(store_is_failing(s, NULL), "a read says nothing about writing");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER)).result, 0);
	ck_assert(!store_is_failing(s, NULL));
	store_free(s);
	s = open_store(state);
	check_committed(s, n + 1);
	store_free(s);
	drop_small_disk();
}
END_TEST

/* A flood of decisions on a small disk: the newest are kept, and suspensions always find room. */
START_TEST(test_flood_leaves_room_for_events)
{
	struct store *s;
	struct decision d;
	json_t *rows;

	if (!has_small_disk())
		return;
	s = open_store(state);
	for (unsigned i = 0; i < 200; i++) {
		struct answer answer;

		for (unsigned k = 0; k < 300; k++) {
			char reference[REFERENCE_SIZE];

			reference_format((i * 300 + k) * UINT64_C(2654435761), reference);
			d = decision_of(reference, (wall_t){T0});
			(void)memset(d.sender, 'a', k % sizeof(d.sender));
			store_decision(s, &d);
		}
		answer = put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER));
		ck_assert_msg(answer.result == 0, "%u: %s", i, answer.error);
	}
	check_committed(s, 200);
	rows = why(s, d.reference);
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	store_free(s);
	s = open_store(state);
	check_committed(s, 200);
	store_free(s);
	drop_small_disk();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_disk");
	TCase *tests = tcase_create("store_disk");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, test_killed_at_any_time);
	tcase_add_test(tests, test_write_error);
	tcase_add_test(tests, test_event_outlives_its_group);
	tcase_add_test(tests, test_read_shows_nothing_undone);
	tcase_add_test(tests, test_disk_full);
	tcase_add_test(tests, test_flood_leaves_room_for_events);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
