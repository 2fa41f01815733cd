/* SPDX-License-Identifier: ISC */
/* Records that modules keep in the store: replaced as a whole, and never in anybody's way. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "policyd/mem.h"
#include "policyd/metric.h"
#include "store_files_help.h"
#include "suite.h"

static const wall_t at = {T0};

/* Until all that was handed over has come back. */
static void settle(struct store *s)
{
	while (store_pending(s)) {
		struct pollfd fd = {.fd = store_fd(s), .events = POLLIN};
		ck_assert_int_eq(poll(&fd, 1, 30000), 1);
		store_collect(s);
	}
}

static void keep(struct store *s, const char *name, struct span value)
{
	ck_assert_int_eq(store_keep(s, name, value, at), 0);
}

/* What a later start finds. */
static void expect(struct store *s, const char *name, struct span value)
{
	struct bytes got = {0};
	struct errbuf err;
	ck_assert_int_eq(store_kept(s, name, &got, &err), 0);
	ck_assert(span_equal(span_make(got.p, got.n), value));
	bytes_free(&got);
}

static void expect_none(struct store *s, const char *name)
{
	struct bytes got = {0};
	struct errbuf err;
	ck_assert_int_eq(store_kept(s, name, &got, &err), -ENOENT);
	ck_assert_ptr_null(got.p);
}

START_TEST(survives)
{
	char *state = make_state();
	struct store *s = open_store(state);
	expect_none(s, "egress");
	keep(s, "egress", SPAN("a\0b\xff"));
	settle(s);
	expect(s, "egress", SPAN("a\0b\xff"));
	expect_none(s, "egres");
	expect_none(s, "");
	keep(s, "egress", SPAN("second"));
	keep(s, "other", SPAN(""));
	settle(s);
	store_free(s);
	s = open_store(state);
	expect(s, "egress", SPAN("second"));
	expect(s, "other", SPAN(""));
	store_free(s);
	remove_state(state);
}
END_TEST

/* Queued when the process stops: written all the same. */
struct told {
	unsigned n;
	char error[200];
};

static void on_kept(void *ctx, const char *error)
{
	struct told *told = ctx;
	told->n++;
	ck_assert_int_ge(snprintf(told->error, sizeof(told->error), "%s", error ? error : ""), 0);
}

/* Told once, and not before it is there. */
START_TEST(told_when_kept)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct told told = {0};
	keep(s, "posture", SPAN("hold"));
	keep(s, "ledger", SPAN("asked"));
	ck_assert_int_eq(store_kept_all(s, on_kept, &told), 0);
	ck_assert_uint_eq(told.n, 0);
	while (told.n == 0) {
		struct pollfd fd = {.fd = store_fd(s), .events = POLLIN};
		ck_assert_int_eq(poll(&fd, 1, 30000), 1);
		store_collect(s);
	}
	ck_assert_uint_eq(store_pending(s), 0);
	ck_assert_str_eq(told.error, "");
	expect(s, "posture", SPAN("hold"));
	expect(s, "ledger", SPAN("asked"));
	ck_assert_uint_eq(told.n, 1);
	store_free(s);
	remove_state(state);
}
END_TEST

START_TEST(last_one_at_the_stop)
{
	char *state = make_state();
	struct store *s = open_store(state);
	char text[16];
	for (unsigned i = 0; i <= 1000; i++) {
		ck_assert_int_gt(snprintf(text, sizeof(text), "%u", i), 0);
		keep(s, "egress", span_of(text));
	}
	store_free(s);
	s = open_store(state);
	expect(s, "egress", SPAN("1000"));
	store_free(s);
	remove_state(state);
}
END_TEST

START_TEST(bounds)
{
	char *state = make_state();
	struct store *s = open_store(state);
	char *big = xcalloc(STORE_KEPT_MAX + 1, 1);
	memset(big, 'x', STORE_KEPT_MAX + 1);
	ck_assert_int_eq(store_keep(s, "egress", span_make(big, STORE_KEPT_MAX + 1), at), -E2BIG);
	ck_assert_uint_eq(store_pending(s), 0);
	keep(s, "egress", span_make(big, STORE_KEPT_MAX));
	settle(s);
	expect(s, "egress", span_make(big, STORE_KEPT_MAX));
	free(big);
	store_free(s);
	remove_state(state);
}
END_TEST

/* While the writer is busy one place serves any number of calls; a full queue is no loss either. */
START_TEST(coalesces)
{
	char *state = make_state();
	struct store *s = open_store(state);
	char text[16];
	/* Others' writes hold the database, so nothing comes back meanwhile. */
	char path[128];
	sqlite3 *db;
	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (unsigned i = 0; i < 10000; i++) {
		ck_assert_int_gt(snprintf(text, sizeof(text), "%u", i), 0);
		keep(s, "egress", span_of(text));
		ck_assert_uint_le(store_pending(s), 2);
	}
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	settle(s);
	ck_assert(!store_is_failing(s, NULL));
	expect(s, "egress", SPAN("9999"));
	store_free(s);
	remove_state(state);
}
END_TEST

START_TEST(full_queue)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct policy_event event = suspension("login:a", (wall_t){T0}, WALL_NEVER);
	static struct answer answer[4096];
	unsigned n = 0;
	memset(answer, 0, sizeof(answer));
	while (store_event(s, &event, on_event, &answer[n]) == 0)
		n++;
	ck_assert_uint_eq(n, 4096);
	ck_assert_int_eq(store_keep(s, "egress", SPAN("lost"), at), -EAGAIN);
	ck_assert_int_eq(store_keep(s, "egress", SPAN("lost too"), at), -EAGAIN);
	settle(s);
	expect_none(s, "egress");
	keep(s, "egress", SPAN("kept"));
	settle(s);
	expect(s, "egress", SPAN("kept"));
	store_free(s);
	remove_state(state);
}
END_TEST

/* No room: it shows, takes nothing else with it, and is over with the next call. */
START_TEST(failure)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct rlimit old, tight;
	const char *error = NULL;
	size_t n = 1024 * 1024;
	char *big = xcalloc(n, 1);
	keep(s, "egress", SPAN("before"));
	settle(s);
	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){.rlim_cur = 512 * 1024, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	struct told told = {0};
	keep(s, "egress", span_make(big, n));
	ck_assert_int_eq(store_kept_all(s, on_kept, &told), 0);
	settle(s);
	ck_assert(store_is_failing(s, &error));
	ck_assert_uint_eq(told.n, 1);
	ck_assert_str_eq(told.error, error);
	ck_assert_uint_gt(strlen(error), 0);
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	ck_assert(!store_is_failing(s, NULL));
	expect(s, "egress", SPAN("before"));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	keep(s, "egress", SPAN("after"));
	settle(s);
	ck_assert(!store_is_failing(s, NULL));
	expect(s, "egress", SPAN("after"));
	free(big);
	store_free(s);
	remove_state(state);
}
END_TEST

/* The group fails before it comes to the job: what was not taken is not waited for for ever. */
START_TEST(failure_before_its_turn)
{
	char *state = make_state();
	struct store *s = open_store(state);
	char path[128];
	sqlite3 *db;
	(void)snprintf(path, sizeof(path), "%s/policyd.db", state);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	keep(s, "egress", SPAN("not taken"));
	settle(s);
	ck_assert(store_is_failing(s, NULL));
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	keep(s, "egress", SPAN("taken"));
	ck_assert_uint_eq(store_pending(s), 1);
	settle(s);
	expect(s, "egress", SPAN("taken"));
	store_free(s);
	remove_state(state);
}
END_TEST

/* A database that was removed while policyd ran is written anew with it. */
START_TEST(rescued)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct errbuf note;
	keep(s, "egress", SPAN("precious"));
	settle(s);
	remove_at(state, "policyd.db");
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	ck_assert(store_take_note(s, &note));
	store_free(s);
	s = open_store(state);
	expect(s, "egress", SPAN("precious"));
	store_free(s);
	remove_state(state);
}
END_TEST

START_TEST(migrates_version_2)
{
	char *state = make_state();
	struct store *s = open_store(state);
	ck_assert_int_eq(suspend(s, "login:a").result, 0);
	store_free(s);
	meddle(state, "DROP TABLE kept; PRAGMA user_version = 2");
	s = open_store(state);
	ck_assert(!store_was_lost(s, NULL));
	expect_none(s, "egress");
	keep(s, "egress", SPAN("new"));
	settle(s);
	expect(s, "egress", SPAN("new"));
	json_t *rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	store_free(s);
	remove_state(state);
}
END_TEST

/* What blocklists say stands in the audit, and nothing holds because of it. */
START_TEST(listings_are_audited)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct policy_event event = {.kind = EVENT_LISTING,
		.at = at,
		.account = SPAN("egress:192.0.2.10"),
		.limit = SPAN("zen"),
		.until = WALL_NEVER,
		.author = SPAN("policyd"),
		.reason = SPAN("clean -> listed: 127.0.0.3")};
	ck_assert_int_eq(put(s, event).result, 0);
	event.kind = EVENT_LIST_STATE;
	event.account = SPAN("blocklist:zen");
	event.reason = SPAN("OK -> DEAD");
	ck_assert_int_eq(put(s, event).result, 0);
	json_t *rows = audit(s, (struct store_audit_query){.account = SPAN("egress:192.0.2.10")});
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert_str_eq(text_at(rows, 0, "event"), "listing");
	ck_assert_str_eq(text_at(rows, 0, "limit"), "zen");
	ck_assert_str_eq(text_at(rows, 0, "reason"), "clean -> listed: 127.0.0.3");
	ck_assert(json_is_null(json_object_get(json_array_get(rows, 0), "until")));
	json_decref(rows);
	rows = audit(s, (struct store_audit_query){.account = SPAN("blocklist:zen")});
	ck_assert_str_eq(text_at(rows, 0, "event"), "list state");
	json_decref(rows);
	struct errbuf err;
	unsigned n = 0;
	ck_assert_int_eq(store_load(s, &(struct store_load_query){.wall = at, .acts_since = {0}},
				 count_one, &n, &err),
		0);
	ck_assert_uint_eq(n, 0);
	store_free(s);
	remove_state(state);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"survives", survives, 0},
		{"told_when_kept", told_when_kept, 0},
		{"last_one_at_the_stop", last_one_at_the_stop, 0},
		{"bounds", bounds, 0},
		{"coalesces", coalesces, 0},
		{"full_queue", full_queue, 0},
		{"failure", failure, 0},
		{"failure_before_its_turn", failure_before_its_turn, 0},
		{"rescued", rescued, 0},
		{"migrates_version_2", migrates_version_2, 0},
		{"listings_are_audited", listings_are_audited, 0},
	};
	return SUITE_RUN("store_kept", rows);
}
