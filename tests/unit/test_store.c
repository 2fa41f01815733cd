/* SPDX-License-Identifier: ISC */
/* What goes into the store and comes out again. Its disk is test_store_disk.c's. */
#include <errno.h>

#include "policyd/metric.h"
#include "policyd/reference.h"
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

/* ---- suspensions ---- */

struct loaded {
	size_t n;
	struct policy_event event[8];
	char account[8][64];
};

static void on_load(void *ctx, const struct policy_event *event)
{
	struct loaded *loaded = ctx;

	ck_assert_uint_lt(loaded->n, 8);
	loaded->event[loaded->n] = *event;
	ck_assert(span_equal(event->reason, SPAN("spam run")));
	ck_assert(span_equal(event->author, SPAN("root (uid 0)")));
	(void)span_copy(event->account, loaded->account[loaded->n], 64);
	loaded->n++;
}

static struct loaded load(struct store *s, int64_t wall_us)
{
	struct loaded loaded = {0};
	struct errbuf err;
	struct store_load_query query = {.wall = {.us = wall_us}, .acts_since = WALL_NEVER};

	ck_assert_int_eq(store_load(s, &query, on_load, &loaded, &err), 0);
	return loaded;
}

START_TEST(test_standing_survives)
{
	struct store *s = open_store(state);
	struct policy_event release = {.kind = EVENT_RELEASE,
		.at = {.us = T0 + 5},
		.account = SPAN("login:released"),
		.reason = SPAN("was a mistake"),
		.author = SPAN("desk")};
	struct loaded loaded;
	int64_t id;

	ck_assert_uint_eq(load(s, 0).n, 0);
	(void)put(s, suspension("login:ended", (wall_t){T0}, (wall_t){T0 + 10}));
	(void)put(s, suspension("login:released", (wall_t){T0 + 1}, WALL_NEVER));
	(void)put(s, suspension("login:twice", (wall_t){T0 + 2}, (wall_t){T0 + 10}));
	(void)put(s, suspension("login:twice", (wall_t){T0 + 3}, (wall_t){T0 + 30}));
	id = put(s, suspension("addr:192.0.2.1", (wall_t){T0 + 4}, WALL_NEVER)).id;
	ck_assert_int_eq(id, 5);
	ck_assert_int_eq(put(s, release).id, 6);
	ck_assert_int_eq(put(s, release).id, 7); /* of nothing: audited all the same */
	store_free(s);

	s = open_store(state);
	loaded = load(s, T0 + 10);
	ck_assert_uint_eq(loaded.n, 2);
	ck_assert_str_eq(loaded.account[0], "login:twice");
	ck_assert_int_eq(loaded.event[0].id, 4);
	ck_assert_int_eq(loaded.event[0].at.us, T0 + 3);
	ck_assert_int_eq(loaded.event[0].until.us, T0 + 30);
	ck_assert_str_eq(loaded.account[1], "addr:192.0.2.1");
	ck_assert_int_eq(loaded.event[1].until.us, WALL_NEVER.us);
	ck_assert_int_eq(loaded.event[1].kind, EVENT_SUSPEND);
	store_free(s);
}
END_TEST

START_TEST(test_audit_round_trip)
{
	struct store *s = open_store(state);
	struct policy_event release = {.kind = EVENT_RELEASE,
		.at = {.us = T0 + 61 * SECOND_US},
		.account = SPAN("login:b"),
		.reason = SPAN("false alarm"),
		.author = SPAN("desk (uid 7)")};
	json_t *rows, *row;

	(void)put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER));
	(void)put(s, suspension("login:b", (wall_t){T0 + MINUTE_US}, (wall_t){T0 + HOUR_US}));
	(void)put(s, release);

	rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 3);
	row = json_array_get(rows, 0);
	ck_assert_uint_eq(json_object_size(row), 9);
	ck_assert_int_eq(json_integer_value(json_object_get(row, "id")), 1);
	ck_assert_str_eq(text_at(rows, 0, "at"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(rows, 0, "event"), "suspend");
	ck_assert_str_eq(text_at(rows, 0, "account"), "login:a");
	ck_assert_str_eq(text_at(rows, 0, "until"), "permanent");
	ck_assert_str_eq(text_at(rows, 0, "author"), "root (uid 0)");
	ck_assert_str_eq(text_at(rows, 0, "reason"), "spam run");
	ck_assert(json_is_null(json_object_get(row, "limit")));
	ck_assert(json_is_null(json_object_get(row, "rate")));
	ck_assert_str_eq(text_at(rows, 1, "until"), "2026-09-21T15:13:20Z");
	ck_assert_str_eq(text_at(rows, 2, "event"), "release");
	ck_assert(json_is_null(json_object_get(json_array_get(rows, 2), "until")));
	json_decref(rows);

	rows = audit(s, (struct store_audit_query){.account = SPAN("login:b"), .limit = 1});
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert_str_eq(text_at(rows, 0, "event"), "release");
	json_decref(rows);
	rows = audit(s, (struct store_audit_query){.since = {.us = T0 + MINUTE_US}, .limit = 99});
	ck_assert_uint_eq(json_array_size(rows), 2);
	ck_assert_str_eq(text_at(rows, 0, "account"), "login:b");
	json_decref(rows);
	store_free(s);
}
END_TEST

/* SPAN is no constant initializer. */
#define BYTES(literal)                                                                             \
	{                                                                                          \
		.p = (literal), .n = sizeof(literal) - 1                                           \
	}
static const struct bytes_row {
	struct span bytes;
	struct span shown;
} bytes_rows[] = {
	{BYTES(""), BYTES("")},
	{BYTES("a'b\"c;--\n\x7f"), BYTES("a'b\"c;--\n\x7f")},
	{BYTES("a\0b"), BYTES("a\xef\xbf\xbd"
			      "b")},
	{BYTES("b\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xa9"),
		BYTES("b\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xa9")},
	{BYTES("b\xfc"), BYTES("b\xef\xbf\xbd")},
	{BYTES("\xc3\x28"), BYTES("\xef\xbf\xbd(")},
	{BYTES("\xc0\xaf"), BYTES("\xef\xbf\xbd\xef\xbf\xbd")},
	{BYTES("\xed\xa0\x80"), BYTES("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
	{BYTES("\xe2\x82"), BYTES("\xef\xbf\xbd\xef\xbf\xbd")},
	{BYTES("\xf4\x90\x80\x80x"), BYTES("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx")},
};

static void on_load_bytes(void *ctx, const struct policy_event *event)
{
	const struct bytes_row *row = ctx;

	ck_assert(span_equal(event->account, row->bytes));
	ck_assert(span_equal(event->reason, row->bytes));
	ck_assert(span_equal(event->author, row->bytes));
}

START_TEST(test_any_bytes)
{
	static const char *const names[] = {"account", "reason", "author"};
	struct bytes_row row = bytes_rows[_i];
	struct store *s = open_store(state);
	struct policy_event event = suspension("", (wall_t){T0}, WALL_NEVER);
	struct errbuf err;
	json_t *rows;
	char *text;

	event.account = event.reason = event.author = row.bytes;
	ck_assert_int_eq(put(s, event).result, 0);
	rows = audit(s, (struct store_audit_query){.account = row.bytes});
	ck_assert_uint_eq(json_array_size(rows), 1);
	for (size_t i = 0; i < 3; i++) {
		json_t *value = json_object_get(json_array_get(rows, 0), names[i]);
		struct span shown = span_make(json_string_value(value), json_string_length(value));

		ck_assert(span_equal(shown, row.shown));
	}
	text = json_dumps(rows, 0);
	ck_assert_ptr_nonnull(text);
	free(text);
	json_decref(rows);
	store_free(s);
	s = open_store(state);
	ck_assert_int_eq(
		store_load(s, &(struct store_load_query){.wall = {T0}}, on_load_bytes, &row, &err),
		0);
	store_free(s);
}
END_TEST

START_TEST(test_longest_texts)
{
	static const char big[EVENT_REASON_MAX + 1];
	struct store *s = open_store(state);
	struct policy_event event = suspension("", (wall_t){T0}, WALL_NEVER);

	event.account = span_make(big, EVENT_ACCOUNT_MAX);
	event.reason = span_make(big, EVENT_REASON_MAX);
	event.author = span_make(big, EVENT_AUTHOR_MAX);
	event.limit = span_make(big, RULE_SIZE - 1);
	ck_assert_int_eq(put(s, event).result, 0);
	event.author.n++;
	ck_assert_int_eq(store_event(s, &event, on_event, NULL), -EINVAL);
	event.author.n--;
	event.reason.n++;
	ck_assert_int_eq(store_event(s, &event, on_event, NULL), -EINVAL);
	event.reason.n--;
	event.account.n++;
	ck_assert_int_eq(store_event(s, &event, on_event, NULL), -EINVAL);
	event.account.n--;
	event.limit.n++;
	ck_assert_int_eq(store_event(s, &event, on_event, NULL), -EINVAL);
	store_free(s);
}
END_TEST

/* ---- decisions ---- */

START_TEST(test_why_round_trip)
{
	struct store *s = open_store(state);
	struct decision d = decision_of("7Z0K1M9QWX", (wall_t){T0});
	json_t *rows, *row;

	(void)snprintf(d.sender, sizeof(d.sender), "b\xfc@example.org");
	store_decision(s, &d);
	d.observed = true;
	d.action = ACTION_REJECT;
	d.stage = STAGE_EOM;
	d.room_at.us = 0;
	d.code = 450;
	d.used = UINT64_MAX;
	store_decision(s, &d);
	rows = why(s, " 7zok-lm9q wx");
	ck_assert_uint_eq(json_array_size(rows), 2);
	row = json_array_get(rows, 0);
	ck_assert_uint_eq(json_object_size(row), 17);
	ck_assert(json_is_null(json_object_get(row, "code")));
	ck_assert_str_eq(text_at(rows, 0, "at"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(rows, 0, "reference"), "7Z0K1M9QWX");
	ck_assert_str_eq(text_at(rows, 0, "account"), "login:alice@example.org");
	ck_assert_str_eq(text_at(rows, 0, "action"), "DEFER_IF_PERMIT");
	ck_assert_str_eq(text_at(rows, 0, "stage"), "RCPT");
	ck_assert_str_eq(text_at(rows, 0, "rule"), "hourly");
	ck_assert_str_eq(text_at(rows, 0, "text"), "4.7.1 too many");
	ck_assert_str_eq(text_at(rows, 0, "room_at"), "2026-09-21T15:13:20Z");
	ck_assert_str_eq(text_at(rows, 0, "sender"), "b\xef\xbf\xbd@example.org");
	ck_assert_str_eq(text_at(rows, 0, "recipient"), "bob@example.net");
	ck_assert_str_eq(text_at(rows, 0, "client"), "192.0.2.7");
	ck_assert_str_eq(text_at(rows, 0, "instance"), "1a.2b.3c");
	ck_assert_str_eq(text_at(rows, 0, "queue_id"), "4XyZ");
	ck_assert(json_is_false(json_object_get(row, "observed")));
	ck_assert_int_eq(json_integer_value(json_object_get(row, "used")), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(row, "limit")), 200);
	row = json_array_get(rows, 1);
	ck_assert(json_is_true(json_object_get(row, "observed")));
	ck_assert(json_is_null(json_object_get(row, "room_at")));
	ck_assert_int_eq(json_integer_value(json_object_get(row, "code")), 450);
	ck_assert_int_eq(json_integer_value(json_object_get(row, "used")), INT64_MAX);
	ck_assert_str_eq(text_at(rows, 1, "stage"), "END-OF-MESSAGE");
	json_decref(rows);
	rows = why(s, "7Z0K1M9QWX7");
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
	rows = why(s, "");
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
	store_free(s);
}
END_TEST

/* Decisions with the same reference: the newest hundred, newest last. */
START_TEST(test_why_is_bounded)
{
	struct store *s = open_store(state);
	json_t *rows;

	for (unsigned i = 0; i < 150; i++) {
		struct decision d = decision_of("AAAAAAAAAA", (wall_t){T0});

		d.used = i;
		store_decision(s, &d);
	}
	rows = why(s, "AAAAAAAAAA");
	ck_assert_uint_eq(json_array_size(rows), 100);
	for (size_t i = 0; i < 100; i++) {
		json_t *row = json_array_get(rows, i);

		ck_assert_int_eq(
			json_integer_value(json_object_get(row, "used")), (json_int_t)i + 50);
	}
	json_decref(rows);
	store_free(s);
}
END_TEST

static void fill(struct store *s, unsigned from, unsigned to, int64_t at_us)
{
	for (unsigned i = from; i < to; i++) {
		char reference[REFERENCE_SIZE];
		struct decision d;

		reference_format(i, reference);
		d = decision_of(reference, (wall_t){.us = at_us});
		store_decision(s, &d);
		if (i % 256 == 255)
			json_decref(why(s, "0"));
	}
	json_decref(why(s, "0"));
}

static size_t found(struct store *s, unsigned i)
{
	char reference[REFERENCE_SIZE];
	json_t *rows;
	size_t n;

	reference_format(i, reference);
	rows = why(s, reference);
	n = json_array_size(rows);
	json_decref(rows);
	return n;
}

START_TEST(test_retention_by_age)
{
	struct store *s = open_store(state);
	json_t *rows;

	(void)put(s, suspension("login:old", (wall_t){T0}, (wall_t){T0 + 1}));
	(void)put(s, suspension("login:stays", (wall_t){T0}, WALL_NEVER));
	fill(s, 0, 100, T0);
	fill(s, 100, 200, T0 + 15 * DAY_US);
	store_free(s);
	s = open_store(state);
	ck_assert_uint_eq(found(s, 99), 0);
	ck_assert_uint_eq(found(s, 100), 1);
	ck_assert_uint_eq(found(s, 199), 1);
	rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 2);
	json_decref(rows);
	fill(s, 200, 1200, T0 + 731 * DAY_US);
	fill(s, 1200, 1201, T0 + 731 * DAY_US);
	ck_assert_uint_eq(found(s, 199), 0);
	ck_assert_uint_eq(found(s, 200), 1);
	/* What still holds keeps its line in the audit. */
	rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert_str_eq(text_at(rows, 0, "account"), "login:stays");
	json_decref(rows);
	store_free(s);
}
END_TEST

START_TEST(test_retention_by_number)
{
	struct store_setup setup = setup_of(state);
	struct store *s = open_store(state);

	setup.max_decisions = 1000;
	fill(s, 0, 5000, T0);
	ck_assert_uint_eq(found(s, 0), 1);
	store_configure(s, &setup);
	/* 2000 at most in one look: the excess goes in steps. */
	fill(s, 5000, 5600, T0);
	ck_assert_uint_eq(found(s, 1999), 0);
	ck_assert_uint_eq(found(s, 3999), 1);
	fill(s, 5600, 7500, T0);
	ck_assert_uint_eq(found(s, 5900), 0);
	ck_assert_uint_eq(found(s, 6700), 1);
	ck_assert_uint_eq(found(s, 7499), 1);
	store_free(s);
}
END_TEST

START_TEST(test_full_queue_keeps_places_for_events)
{
	struct store *s = open_store(state);
	struct decision d = decision_of("AAAAAAAAAA", (wall_t){T0});
	struct policy_event event = suspension("login:a", (wall_t){T0}, WALL_NEVER);
	struct answer answer[100] = {0};
	uint64_t commits = metric_get(METRIC_STORE_COMMITS);
	unsigned taken = 0;

	/* Nothing is collected, so nothing leaves. */
	for (unsigned i = 0; i < 5000; i++)
		store_decision(s, &d);
	ck_assert_uint_eq(metric_get(METRIC_STORE_DROPPED), 5000 - (4096 - 64));
	while (taken < 100 && store_event(s, &event, on_event, &answer[taken]) == 0)
		taken++;
	ck_assert_uint_eq(taken, 64);
	ck_assert_int_eq(store_event(s, &event, on_event, &answer[taken]), -EAGAIN);
	ck_assert_int_eq(store_why(s, SPAN("A"), on_rows, &answer[taken]), -EAGAIN);
	await(s, &answer[63]);
	for (unsigned i = 0; i < taken; i++)
		ck_assert(answer[i].is_there && answer[i].result == 0 && answer[i].id == i + 1);
	ck_assert(!answer[taken].is_there);
	ck_assert_int_eq(put(s, event).id, 65);
	ck_assert(!store_is_failing(s, NULL));
	ck_assert_uint_gt(metric_get(METRIC_STORE_COMMITS), commits);
	ck_assert_uint_eq(metric_get(METRIC_STORE_ERRORS), 0);
	store_free(s);
}
END_TEST

START_TEST(test_free_answers_who_waits)
{
	struct store *s = open_store(state);
	struct policy_event event = suspension("login:a", (wall_t){T0}, WALL_NEVER);
	struct answer committed = {0}, read = {0};

	ck_assert_int_eq(store_event(s, &event, on_event, &committed), 0);
	ck_assert_int_eq(store_audit(s, &(struct store_audit_query){0}, on_rows, &read), 0);
	store_free(s);
	ck_assert(committed.is_there && committed.result == 0);
	ck_assert_uint_eq(json_array_size(read.rows), 1);
	json_decref(read.rows);
}
END_TEST

START_TEST(test_event_names)
{
	enum event_kind kind = EVENT_COUNT;

	for (unsigned i = 0; i < EVENT_COUNT; i++) {
		ck_assert_int_eq(event_kind_of(span_of(event_rows[i].name), &kind), 0);
		ck_assert_uint_eq(kind, i);
	}
	ck_assert_int_eq(event_kind_of(SPAN("suspendx"), &kind), -ENOENT);
}
END_TEST

START_TEST(test_references)
{
	char buf[REFERENCE_SIZE];

	reference_format(0, buf);
	ck_assert_str_eq(buf, "0000000000");
	reference_format(UINT64_MAX, buf);
	ck_assert_str_eq(buf, "ZZZZZZZZZZ");
	reference_format(31 * 32 + 10, buf);
	ck_assert_str_eq(buf, "00000000ZA");
	ck_assert_uint_eq(reference_normalise(SPAN(" oOiI-lL\tu9z "), buf), 9);
	ck_assert_str_eq(buf, "001111u9Z");
	ck_assert_uint_eq(reference_normalise(SPAN("0123456789ABCDEF"), buf), REFERENCE_LENGTH + 1);
	ck_assert_uint_eq(reference_normalise((struct span){0}, buf), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tests = tcase_create("store");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, test_standing_survives);
	tcase_add_test(tests, test_audit_round_trip);
	tcase_add_loop_test(tests, test_any_bytes, 0, 10);
	tcase_add_test(tests, test_longest_texts);
	tcase_add_test(tests, test_why_round_trip);
	tcase_add_test(tests, test_why_is_bounded);
	tcase_add_test(tests, test_retention_by_age);
	tcase_add_test(tests, test_retention_by_number);
	tcase_add_test(tests, test_full_queue_keeps_places_for_events);
	tcase_add_test(tests, test_free_answers_who_waits);
	tcase_add_test(tests, test_event_names);
	tcase_add_test(tests, test_references);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
