/* SPDX-License-Identifier: ISC */
/* What holds beside suspensions: overrides, resets, notes about the state; older schemas. */
#include "store_files_help.h"
#include "suite.h"

/* ---- what is loaded ---- */

struct loaded {
	size_t n;
	struct policy_event event[16];
	char account[16][64], limit[16][RULE_SIZE], reason[16][64];
};

static void on_load(void *ctx, const struct policy_event *event)
{
	struct loaded *loaded = ctx;
	size_t i = loaded->n++;

	ck_assert_uint_lt(i, 16);
	loaded->event[i] = *event;
	(void)span_copy(event->account, loaded->account[i], 64);
	(void)span_copy(event->limit, loaded->limit[i], RULE_SIZE);
	(void)span_copy(event->reason, loaded->reason[i], 64);
	ck_assert(span_equal(event->author, SPAN("root (uid 0)")));
}

static struct loaded load(struct store *s, wall_t wall, wall_t acts_since)
{
	struct loaded loaded = {0};
	struct errbuf err = {{0}};
	struct store_load_query query = {.wall = wall, .acts_since = acts_since};
	int r = store_load(s, &query, on_load, &loaded, &err);

	ck_assert_msg(r == 0, "%s", err.text);
	return loaded;
}

static struct policy_event event_of(enum event_kind kind, const char *account, int64_t at_us)
{
	return (struct policy_event){.kind = kind,
		.at = {at_us},
		.account = span_of(account),
		.reason = SPAN("big customer"),
		.author = SPAN("root (uid 0)")};
}

static struct policy_event override(const char *account, const char *limit, struct rate rate)
{
	struct policy_event event = event_of(EVENT_OVERRIDE_SET, account, T0);

	event.limit = span_of(limit);
	event.rate = rate;
	event.until = (wall_t){T0 + DAY_US};
	return event;
}

static const struct rate hundred = {.n = 100, .window_us = HOUR_US};

/* ---- overrides ---- */

static const struct rate_row {
	const char *label, *text;
	struct rate rate;
} rate_rows[] = {
	{"plain", "100/1h", {.n = 100, .window_us = HOUR_US}},
	{"large", "9007199254740992/31d", {.n = UINT64_C(1) << 53, .window_us = 31 * DAY_US}},
	{"cap", "50/message", {.n = 50, .window_us = RATE_PER_MESSAGE}},
	{"size", "500M/1d", {.n = 500 << 20, .window_us = DAY_US, .is_size = true}},
	{"unlimited", "unlimited", {.n = RATE_UNLIMITED}},
};

START_TEST(test_override_survives)
{
	const struct rate_row *row = &rate_rows[_i];
	char *state = make_state();
	struct store *s = open_store(state);
	int64_t id = put(s, override("login:alice", "hourly", row->rate)).id;
	json_t *rows = audit(s, (struct store_audit_query){0});

	ck_assert_str_eq(text_at(rows, 0, "event"), "override set");
	ck_assert_str_eq(text_at(rows, 0, "limit"), "hourly");
	ck_assert_str_eq(text_at(rows, 0, "rate"), row->text);
	ck_assert_str_eq(text_at(rows, 0, "until"), "2026-09-22T14:13:20Z");
	json_decref(rows);
	store_free(s);

	s = open_store(state);
	struct loaded loaded = load(s, (wall_t){T0 + DAY_US - 1}, WALL_NEVER);
	ck_assert_uint_eq(loaded.n, 1);
	const struct policy_event *event = &loaded.event[0];
	ck_assert_int_eq(event->kind, EVENT_OVERRIDE_SET);
	ck_assert_int_eq(event->id, id);
	ck_assert_int_eq(event->at.us, T0);
	ck_assert_int_eq(event->until.us, T0 + DAY_US);
	ck_assert_uint_eq(event->rate.n, row->rate.n);
	ck_assert_int_eq(event->rate.window_us, row->rate.window_us);
	ck_assert_int_eq(event->rate.is_size, row->rate.is_size);
	ck_assert_str_eq(loaded.account[0], "login:alice");
	ck_assert_str_eq(loaded.limit[0], "hourly");
	ck_assert_str_eq(loaded.reason[0], "big customer");
	/* It ends at its end. */
	ck_assert_uint_eq(load(s, (wall_t){T0 + DAY_US}, WALL_NEVER).n, 0);
	store_free(s);
	remove_state(state);
}
END_TEST

/* One a limit and account: the newest; taking one away leaves the others. */
START_TEST(test_overrides_side_by_side)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct rate rate = hundred;

	(void)put(s, override("login:alice", "hourly", rate));
	(void)put(s, override("login:alice", "daily", rate));
	(void)put(s, override("domain:example.org", "hourly", rate));
	rate.n = 200;
	(void)put(s, override("login:alice", "hourly", rate));
	struct policy_event unset = event_of(EVENT_OVERRIDE_UNSET, "login:alice", T0 + 1);
	unset.limit = SPAN("daily");
	ck_assert_int_eq(put(s, unset).result, 0);
	/* Of nothing: audited all the same. */
	ck_assert_int_eq(put(s, unset).result, 0);
	unset.account = SPAN("login:bob");
	ck_assert_int_eq(put(s, unset).id, 7);
	/* A suspension and its release are another matter. */
	(void)put(s, suspension("login:alice", (wall_t){T0}, WALL_NEVER));
	(void)put(s, event_of(EVENT_RELEASE, "login:alice", T0 + 2));

	struct loaded loaded = load(s, (wall_t){T0}, WALL_NEVER);
	ck_assert_uint_eq(loaded.n, 2);
	ck_assert_str_eq(loaded.account[0], "domain:example.org");
	ck_assert_uint_eq(loaded.event[0].rate.n, 100);
	ck_assert_str_eq(loaded.account[1], "login:alice");
	ck_assert_str_eq(loaded.limit[1], "hourly");
	ck_assert_uint_eq(loaded.event[1].rate.n, 200);
	json_t *rows = audit(s, (struct store_audit_query){.account = SPAN("login:bob")});
	ck_assert_str_eq(text_at(rows, 0, "event"), "override unset");
	ck_assert_str_eq(text_at(rows, 0, "limit"), "daily");
	ck_assert(json_is_null(json_object_get(json_array_get(rows, 0), "rate")));
	json_decref(rows);
	store_free(s);
	remove_state(state);
}
END_TEST

/* What ended before the audit's reach goes, with its line; what holds keeps its line. */
START_TEST(test_overrides_expire)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct policy_event stays = override("login:stays", "hourly", hundred);

	stays.until = WALL_NEVER;
	(void)put(s, override("login:ends", "hourly", hundred));
	(void)put(s, stays);
	(void)put(s, event_of(EVENT_RESET, "login:late", T0 + 732 * DAY_US));
	store_free(s);
	s = open_store(state);
	ck_assert_uint_eq(load(s, (wall_t){0}, WALL_NEVER).n, 1);
	json_t *rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 2);
	ck_assert_str_eq(text_at(rows, 0, "account"), "login:stays");
	ck_assert_str_eq(text_at(rows, 1, "account"), "login:late");
	json_decref(rows);
	store_free(s);
	remove_state(state);
}
END_TEST

/* ---- what a snapshot may not know of ---- */

START_TEST(test_acts_since)
{
	char *state = make_state();
	struct store *s = open_store(state);
	struct policy_event release = event_of(EVENT_RELEASE, "login:s", T0 + 1);
	struct policy_event signal = event_of(EVENT_SIGNAL, "login:after", T0 + 3);

	release.limit = SPAN(VERDICT_FALSE_POSITIVE);
	signal.limit = SPAN("complaints 3");
	(void)put(s, event_of(EVENT_RESET, "login:before", T0 - 1));
	(void)put(s, event_of(EVENT_RESET, "login:at", T0));
	(void)put(s, suspension("login:s", (wall_t){T0}, WALL_NEVER));
	(void)put(s, release);
	(void)put(s, suspension("login:s", (wall_t){T0 + 2}, WALL_NEVER));
	(void)put(s, signal);
	(void)put(s, event_of(EVENT_LADDER, "login:after", T0 + 4));
	store_free(s);
	s = open_store(state);
	struct loaded loaded = load(s, (wall_t){T0}, (wall_t){T0});
	ck_assert_uint_eq(loaded.n, 4);
	ck_assert_int_eq(loaded.event[0].kind, EVENT_RESET);
	ck_assert_str_eq(loaded.account[0], "login:at");
	ck_assert_int_eq(loaded.event[0].at.us, T0);
	ck_assert_int_eq(loaded.event[0].id, 2);
	ck_assert_int_eq(loaded.event[1].kind, EVENT_RELEASE);
	ck_assert_int_eq(loaded.event[2].kind, EVENT_SIGNAL);
	ck_assert_str_eq(loaded.account[2], "login:after");
	/* What holds comes last: an older release is not to end it. */
	ck_assert_int_eq(loaded.event[3].kind, EVENT_SUSPEND);
	ck_assert_int_eq(loaded.event[3].at.us, T0 + 2);
	ck_assert_uint_eq(load(s, (wall_t){T0}, WALL_NEVER).n, 1);
	ck_assert_uint_eq(load(s, (wall_t){T0}, (wall_t){0}).n, 5);
	store_free(s);
	remove_state(state);
}
END_TEST

/* ---- that there was a snapshot ---- */

START_TEST(test_snapshot_note)
{
	char *state = make_state();
	struct store *s = open_store(state);

	ck_assert(!store_had_snapshot(s));
	store_note_snapshot(s);
	store_note_snapshot(s);
	(void)put(s, suspension("login:a", (wall_t){T0}, WALL_NEVER));
	ck_assert(store_had_snapshot(s));
	store_note_snapshot(s);
	store_free(s);
	s = open_store(state);
	ck_assert(store_had_snapshot(s));
	store_free(s);
	remove_state(state);
}
END_TEST

/* ---- older schemas ---- */

/* As the first version made it, with what it wrote. */
static const char version_1[] =
	"PRAGMA journal_mode = WAL;"
	"BEGIN;"
	"CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL,"
	" kind TEXT NOT NULL, account BLOB NOT NULL, until_us INTEGER, reason BLOB NOT NULL,"
	" author BLOB NOT NULL) STRICT;"
	"CREATE INDEX event_by_account ON event (account);"
	"CREATE INDEX event_by_at ON event (at_us);"
	"CREATE TABLE standing (account BLOB NOT NULL PRIMARY KEY,"
	" event INTEGER NOT NULL REFERENCES event (id), at_us INTEGER NOT NULL,"
	" until_us INTEGER NOT NULL, reason BLOB NOT NULL, author BLOB NOT NULL) STRICT;"
	"CREATE INDEX standing_by_event ON standing (event);"
	"CREATE TABLE decision (id INTEGER PRIMARY KEY, at_us INTEGER NOT NULL,"
	" reference TEXT NOT NULL, stage TEXT NOT NULL, action TEXT NOT NULL,"
	" observed INTEGER NOT NULL, used INTEGER NOT NULL, room INTEGER NOT NULL,"
	" room_at_us INTEGER, rule BLOB NOT NULL, text BLOB NOT NULL, account BLOB NOT NULL,"
	" instance BLOB NOT NULL, queue_id BLOB NOT NULL, client BLOB NOT NULL,"
	" sender BLOB NOT NULL, recipient BLOB NOT NULL) STRICT;"
	"CREATE INDEX decision_by_reference ON decision (reference);"
	"INSERT INTO event VALUES (7, 1790000000000000, 'suspend', CAST('login:a' AS BLOB),"
	" 9223372036854775807, CAST('spam run' AS BLOB), CAST('root (uid 0)' AS BLOB));"
	"INSERT INTO standing VALUES (CAST('login:a' AS BLOB), 7, 1790000000000000,"
	" 9223372036854775807, CAST('spam run' AS BLOB), CAST('root (uid 0)' AS BLOB));"
	"INSERT INTO decision VALUES (3, 1790000000000000, 'AAAAAAAAAA', 'RCPT', 'DEFER', 0, 5, 5,"
	" NULL, x'61', x'62', x'63', x'64', x'65', x'66', x'67', x'68');"
	"PRAGMA application_id = 0x706c6379; PRAGMA user_version = 1;"
	"COMMIT";

START_TEST(test_migrates_version_1)
{
	char *state = make_state();

	meddle(state, version_1);
	struct store *s = open_store(state);
	ck_assert(!store_was_lost(s, NULL));
	ck_assert(!store_had_snapshot(s));
	struct loaded loaded = load(s, (wall_t){T0}, (wall_t){0});
	ck_assert_uint_eq(loaded.n, 1);
	ck_assert_str_eq(loaded.account[0], "login:a");
	ck_assert_int_eq(loaded.event[0].id, 7);
	json_t *rows = why(s, "AAAAAAAAAA");
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert(json_is_null(json_object_get(json_array_get(rows, 0), "code")));
	json_decref(rows);
	ck_assert_int_eq(put(s, override("login:a", "hourly", hundred)).id, 8);
	rows = audit(s, (struct store_audit_query){0});
	ck_assert_uint_eq(json_array_size(rows), 2);
	ck_assert_str_eq(text_at(rows, 0, "reason"), "spam run");
	ck_assert(json_is_null(json_object_get(json_array_get(rows, 0), "rate")));
	ck_assert_str_eq(text_at(rows, 1, "rate"), "100/1h");
	json_decref(rows);
	store_free(s);
	s = open_store(state);
	ck_assert_uint_eq(load(s, (wall_t){T0}, (wall_t){0}).n, 2);
	store_free(s);
	remove_state(state);
}
END_TEST

/* A step that cannot be finished leaves the file as it was; here its last table is in the way. */
START_TEST(test_migration_is_whole_or_nothing)
{
	char *state = make_state();
	struct store_setup setup = setup_of(state);
	struct store *s = NULL;
	struct errbuf err = {{0}};

	meddle(state, version_1);
	meddle(state, "CREATE TABLE meta (theirs)");
	ck_assert_int_eq(store_open(&setup, &s, &err), 0);
	const char *why_lost = NULL;
	ck_assert(store_was_lost(s, &why_lost));
	ck_assert_ptr_nonnull(strstr(why_lost, "policyd.db.bad-1"));
	store_free(s);
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/policyd.db.bad-1", state);
	sqlite3 *db;
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_exec(db, "SELECT event FROM standing", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_ne(sqlite3_exec(db, "SELECT rate FROM event", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_ne(
		sqlite3_exec(db, "SELECT event FROM override", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	remove_state(state);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"override survives", test_override_survives, ROWS(rate_rows)},
		{"overrides side by side", test_overrides_side_by_side, 0},
		{"overrides expire", test_overrides_expire, 0},
		{"acts since", test_acts_since, 0},
		{"snapshot note", test_snapshot_note, 0},
		{"migrates version 1", test_migrates_version_1, 0},
		{"migration is whole or nothing", test_migration_is_whole_or_nothing, 0},
	};

	return SUITE_RUN("store_facts", rows);
}
