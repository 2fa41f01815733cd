/* SPDX-License-Identifier: ISC */
/* override set, unset, list, and reset, over a real engine and store. */
#include <sys/resource.h>
#include <sysexits.h>

#include "control_help.h"

#define LIMITS                                                                                     \
	"limits = (\n"                                                                             \
	"  { name = \"hourly\"; rate = \"3/1h\"; },\n"                                             \
	"  { name = \"size\"; unit = \"bytes\"; rate = \"10M/1d\"; },\n"                           \
	"  { name = \"cap\"; rate = \"2/message\"; },\n"                                           \
	"  { name = \"pair\"; key = \"account+recipient_domain\"; rate = \"30/1h\"; },\n"          \
	"  { name = \"fromdom\"; key = \"sender_domain\"; rate = \"40/1h\"; },\n"                  \
	"  { name = \"all\"; key = \"server\"; rate = \"100/1h\"; },\n"                            \
	"  { name = \"free\"; rate = \"unlimited\"; },\n"                                          \
	"  { name = \"news\"; rate = \"2/1d\"; } );\n"                                             \
	"classes = ( { name = \"newsletter\"; match = ( { login = \"n\"; } ); limits = [ "         \
	"\"news\" "                                                                                \
	"]; } );\n"
#define OVERRIDES                                                                                  \
	"overrides = (\n"                                                                          \
	"  { account = \"bob\"; limit = \"hourly\"; rate = \"7/1h\"; until = \"2027-01-01\"; },\n" \
	"  { domain = \"Example.org\"; limit = \"hourly\"; rate = \"unlimited\"; },\n"             \
	"  { account = \"old\"; limit = \"hourly\"; rate = \"9/1h\"; until = \"2020-01-01\"; } "   \
	");\n"

static void make_more(void)
{
	make();
	world_reconfigure(&world, LIMITS OVERRIDES);
}

static json_t *set(const char *account, const char *limit, const char *rate, const char *more)
{
	char request[512];
	ck_assert_int_lt(snprintf(request, sizeof(request),
				 "{'verb':'override set','args':{'account':'%s','limit':'%s',"
				 "'rate':'%s'%s}}",
				 account, limit, rate, more),
		(int)sizeof(request));
	return ask(&world, request);
}
#define WHY ",'reason':'a fair'"

static void set_well(const char *account, const char *limit, const char *rate)
{
	json_t *answer = set(account, limit, rate, WHY);
	ck_assert_msg(json_is_true(json_object_get(answer, "ok")), "%s", text_at(answer, "error"));
	json_decref(answer);
}

static size_t passes(const char *login, const char *prefix, size_t most)
{
	char instance[32];
	for (size_t i = 0; i < most; i++) {
		ck_assert_int_gt(snprintf(instance, sizeof(instance), "%s.%zu", prefix, i), 0);
		if (mail(&world, login, instance).action != ACTION_DUNNO)
			return i;
	}
	return most;
}

/* ---- set ---- */

START_TEST(test_set)
{
	json_t *answer = set("Alice", "hourly", "5/1h", ",'for':'7d'" WHY);
	const json_t *data = json_object_get(answer, "data");
	ck_assert_str_eq(text_at(data, "account"), "alice");
	ck_assert_str_eq(text_at(data, "limit"), "hourly");
	ck_assert_str_eq(text_at(data, "rate"), "5/1h");
	ck_assert_str_eq(text_at(data, "own"), "3/1h");
	ck_assert_str_eq(text_at(data, "since"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "until"), "2026-09-28T14:13:20Z");
	ck_assert_str_eq(text_at(data, "note"), "null");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "event")), 1);
	json_decref(answer);
	ck_assert_uint_eq(passes("alice", "a", 9), 5);
	/* Over, it holds no longer. */
	world.now.wall.us += 7 * DAY_US;
	world.now.mono.us += 7 * DAY_US;
	ck_assert_uint_eq(passes("alice", "b", 9), 3);
	json_t *rows = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(rows, "0.event"), "override set");
	ck_assert_str_eq(text_at(rows, "0.account"), "alice");
	ck_assert_str_eq(text_at(rows, "0.limit"), "hourly");
	ck_assert_str_eq(text_at(rows, "0.rate"), "5/1h");
	ck_assert_str_eq(text_at(rows, "0.until"), "2026-09-28T14:13:20Z");
	json_decref(rows);
}
END_TEST

/* What may be written: the limit's window, a cap, unlimited, a size for bytes; for ever by default. */
static const struct {
	const char *account, *limit, *rate, *shown, *note;
} accepted[] = {
	{"never@seen", "hourly", "unlimited", "unlimited", "null"},
	{"a", "hourly", "1_000/60m", "1000/1h", "null"},
	{"a", "cap", "50/message", "50/message", "null"},
	{"a", "cap", "unlimited", "unlimited", "null"},
	{"a", "size", "1G/24h", "1G/1d", "null"},
	{"a", "size", "5000/1d", "5000/1d", "null"},
	{"a", "pair", "5/1h", "5/1h", "null"},
	{"a", "free", "unlimited", "unlimited", "null"},
	{"@example.org", "hourly", "5/1h", "5/1h", "null"},
	{"@Example.ORG", "fromdom", "5/1h", "5/1h", "null"},
	{"@example.org", "news", "5/1d", "5/1d", "null"},
	{"addr:192.0.2.1", "hourly", "5/1h", "5/1h", "null"},
	{"n", "news", "5/1d", "5/1d", "null"},
	{"a", "news", "5/1d", "5/1d",
		"the account is of class default, which is not held to news: the override does "
		"nothing while that is so"},
};

START_TEST(test_set_accepted)
{
	json_t *answer = set(accepted[_i].account, accepted[_i].limit, accepted[_i].rate, WHY);
	ck_assert_msg(json_is_true(json_object_get(answer, "ok")), "%s", text_at(answer, "error"));
	const json_t *data = json_object_get(answer, "data");
	ck_assert_str_eq(text_at(data, "rate"), accepted[_i].shown);
	ck_assert_str_eq(text_at(data, "until"), "permanent");
	ck_assert_str_eq(text_at(data, "note"), accepted[_i].note);
	json_decref(answer);
}
END_TEST

static const struct {
	const char *account, *limit, *rate, *more, *error;
} refused[] = {
	{"a", "hourli", "5/1h", WHY,
		"no limit is called \"hourli\" (did you mean \"hourly\"?); there are hourly, size, "
		"cap, pair, fromdom, all, free, news"},
	{"a", "", "5/1h", WHY, "no limit is called \"\"; there are hourly"},
	{"a", "emergency", "5/1h", WHY, "no limit is called \"emergency\""},
	{"a", "hourly", "500/1d", WHY, "limit hourly counts per 1h: write 500/1h"},
	{"a", "hourly", "5/message", WHY, "limit hourly counts per 1h: write 5/1h"},
	{"a", "cap", "5/1h", WHY, "limit cap counts per message: write 5/message"},
	{"a", "hourly", "5k/1h", WHY, "limit hourly counts recipients, which have no k, M or G"},
	{"a", "free", "5/1h", WHY, "limit free is unlimited and counts nothing"},
	{"a", "hourly", "5", WHY, "a bare number has no window"},
	{"a", "hourly", "0/1h", WHY, "at least 1"},
	{"a", "hourly", "-1/1h", WHY, "a rate is"},
	{"a", "hourly", "", WHY, "a rate is"},
	{"a", "hourly", "5/1s", WHY, "1m to 31d"},
	{"a", "hourly", "99999999999999999999/1h", WHY, "a rate counts up to"},
	{"a", "all", "5/1h", WHY, "limit all counts by server, and only limits by account, "},
	{"a", "fromdom", "5/1h", WHY, "limit fromdom counts by sender_domain: name the domain"},
	{"server:", "all", "5/1h", WHY, "server: cannot have an override: name an account"},
	{"from_domain:x.org", "fromdom", "5/1h", WHY, "cannot have an override"},
	{"pair:a|x.org", "pair", "5/1h", WHY, "cannot have an override"},
	{"@", "hourly", "5/1h", WHY, "needs a name"},
	{"", "hourly", "5/1h", WHY, "needs a name"},
	{"a\\u0007", "hourly", "5/1h", WHY, "control character"},
	{"a", "hourly", "5/1h", "", "--reason TEXT is missing"},
	{"a", "hourly", "5/1h", ",'reason':' '", "--reason needs"},
	{"a", "hourly", "5/1h", ",'reason':'x\\ny'", "control character"},
	{"a", "hourly", "5/1h", ",'for':'0s'" WHY, "at least 1s"},
	{"a", "hourly", "5/1h", ",'for':''" WHY, ""},
	{"a", "hourly", "5/1h", ",'for':'36501d'" WHY, "at most 36500d"},
};

START_TEST(test_set_refused)
{
	json_t *answer =
		set(refused[_i].account, refused[_i].limit, refused[_i].rate, refused[_i].more);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), EX_USAGE);
	ck_assert_msg(strstr(text_at(answer, "error"), refused[_i].error), "%s",
		text_at(answer, "error"));
	json_decref(answer);
	ck_assert_uint_eq(accounts(), 0);
	json_t *rows = ask_data(&world, "{'verb':'audit'}");
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
}
END_TEST

/* A second one takes the first one's place; an account's goes before its domain's. */
START_TEST(test_set_again)
{
	set_well("@e.test", "hourly", "1/1h");
	ck_assert_uint_eq(passes("c@e.test", "c", 9), 1);
	set_well("a@e.test", "hourly", "2/1h");
	set_well("a@e.test", "hourly", "4/1h");
	ck_assert_uint_eq(passes("a@e.test", "a", 9), 4);
	json_t *rows = ask_data(&world, "{'verb':'override list','args':{'account':'a@e.test'}}");
	ck_assert_uint_eq(json_array_size(rows), 2);
	json_decref(rows);
	rows = ask_data(&world, "{'verb':'override list','args':{'account':'@e.test'}}");
	ck_assert_uint_eq(json_array_size(rows), 1);
	ck_assert_str_eq(text_at(rows, "0.account"), "@e.test");
	json_decref(rows);
}
END_TEST

START_TEST(test_set_not_written)
{
	struct rlimit before, none;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 4096;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	json_t *answer = set("a", "hourly", "5/1h", WHY);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), EX_IOERR);
	json_decref(answer);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	ck_assert_uint_eq(passes("a", "a", 9), 3);
}
END_TEST

/* ---- unset ---- */

#define UNSET(account, limit)                                                                      \
	"{'verb':'override unset','args':{'account':'" account "','limit':'" limit                 \
	"','reason':'over'}}"

START_TEST(test_unset)
{
	set_well("alice", "hourly", "5/1h");
	world.now.wall.us += MINUTE_US;
	json_t *data = ask_data(&world, UNSET("ALICE", "hourly"));
	ck_assert_str_eq(text_at(data, "account"), "alice");
	ck_assert_str_eq(text_at(data, "rate"), "5/1h");
	ck_assert_str_eq(text_at(data, "since"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "until"), "2026-09-21T14:14:20Z");
	json_decref(data);
	ck_assert_uint_eq(passes("alice", "a", 9), 3);
	ask_refused(&world, UNSET("alice", "hourly"), 1, "alice has no override of \"hourly\"");
	ask_refused(
		&world, UNSET("bob", "hourly"), 1, "stands in the configuration, at test.conf:15");
	ask_refused(&world, UNSET("@example.org", "hourly"), 1, "at test.conf:16");
	ask_refused(&world, UNSET("server:", "all"), EX_USAGE, "cannot have an override");
	ask_refused(&world, "{'verb':'override unset','args':{'account':'a','limit':'hourly'}}",
		EX_USAGE, "--reason");
	data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_uint_eq(json_array_size(data), 2);
	ck_assert_str_eq(text_at(data, "1.event"), "override unset");
	ck_assert_str_eq(text_at(data, "1.limit"), "hourly");
	ck_assert_str_eq(text_at(data, "1.rate"), "null");
	json_decref(data);
}
END_TEST

/* ---- list ---- */

START_TEST(test_list)
{
	set_well("alice", "hourly", "5/1h");
	json_t *rows = ask_data(&world, "{'verb':'override list'}");
	ck_assert_uint_eq(json_array_size(rows), 3);
	ck_assert_str_eq(text_at(rows, "0.account"), "alice");
	ck_assert_str_eq(text_at(rows, "0.rate"), "5/1h");
	ck_assert_str_eq(text_at(rows, "0.own"), "3/1h");
	ck_assert_str_eq(text_at(rows, "0.until"), "permanent");
	ck_assert_str_eq(text_at(rows, "0.since"), "2026-09-21T14:13:20Z");
	ck_assert_ptr_nonnull(strstr(text_at(rows, "0.by"), "(uid "));
	ck_assert_str_eq(text_at(rows, "0.reason"), "a fair");
	ck_assert_str_eq(text_at(rows, "0.source"), "policyctl");
	ck_assert(json_is_true(json_object_get(json_array_get(rows, 0), "fits")));
	ck_assert_str_eq(text_at(rows, "1.account"), "bob");
	ck_assert_str_eq(text_at(rows, "1.source"), "test.conf:15");
	ck_assert_str_eq(text_at(rows, "1.until"), "2027-01-02T00:00:00Z");
	ck_assert_str_eq(text_at(rows, "2.account"), "@example.org");
	ck_assert_str_eq(text_at(rows, "2.rate"), "unlimited");
	json_decref(rows);
	rows = ask_data(&world, "{'verb':'override list','args':{'account':'x@example.org'}}");
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	rows = ask_data(&world, "{'verb':'override list','args':{'account':'carol'}}");
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
	ask_refused(&world, "{'verb':'override list','args':{'account':''}}", EX_USAGE, "a name");
}
END_TEST

/* A reload may take the ground from under an override: it is shown with the reason. */
START_TEST(test_list_misfits)
{
	static const struct {
		const char *limit, *why;
	} rows[] = {
		{"hourly", "limit hourly counts per 1d: write 5/1d"},
		{"size", "no limit has that name"},
		{"cap", "limit cap counts by server, "},
		{"pair", NULL},
	};
	set_well("a", "hourly", "5/1h");
	set_well("a", "size", "1M/1d");
	set_well("a", "cap", "5/message");
	set_well("a", "pair", "5/1h");
	world_reconfigure(&world,
		"limits = ( { name = \"hourly\"; rate = \"3/1d\"; }, { name = \"cap\"; key = "
		"\"server\"; rate = \"5/1h\"; }, { name = \"pair\"; key = "
		"\"account+recipient_domain\"; rate = \"9/1h\"; } );");
	json_t *list = ask_data(&world, "{'verb':'override list'}");
	ck_assert_uint_eq(json_array_size(list), ROWS(rows));
	size_t i;
	const json_t *row;
	json_array_foreach(list, i, row)
	{
		const char *limit = text_at(row, "limit");
		int at = 0;
		while (at < ROWS(rows) && strcmp(rows[at].limit, limit) != 0)
			at++;
		ck_assert_msg(at < ROWS(rows), "%s", limit);
		ck_assert_int_eq(json_is_true(json_object_get(row, "fits")), !rows[at].why);
		if (rows[at].why)
			ck_assert_msg(strstr(text_at(row, "why"), rows[at].why), "%s",
				text_at(row, "why"));
		else
			ck_assert_str_eq(text_at(row, "why"), "null");
	}
	json_decref(list);
	/* What is gone can still be taken away. */
	json_decref(ask_data(&world, UNSET("a", "size")));
}
END_TEST

/* ---- reset ---- */

#define RESET(account) "{'verb':'reset','args':{'account':'" account "','reason':'mistake'}}"

START_TEST(test_reset)
{
	ck_assert_uint_eq(passes("alice", "a", 9), 3);
	json_t *data = ask_data(&world, RESET("Alice"));
	ck_assert_str_eq(text_at(data, "account"), "alice");
	ck_assert_str_eq(text_at(data, "before.0.limit"), "hourly");
	ck_assert_str_eq(text_at(data, "before.0.used"), "3 of 3");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "before")), 1);
	ck_assert(json_is_integer(json_object_get(data, "event")));
	json_decref(data);
	ck_assert_uint_eq(passes("alice", "b", 9), 3);
	data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(data, "0.event"), "reset");
	ck_assert_str_eq(text_at(data, "0.reason"), "mistake");
	json_decref(data);
}
END_TEST

/* Names that limits count by are reset alike. */
START_TEST(test_reset_names)
{
	world_reconfigure(
		&world, "limits = ( { name = \"all\"; key = \"server\"; rate = \"2/1h\"; } );");
	ck_assert_uint_eq(passes("alice", "a", 9), 2);
	ask_refused(&world, RESET("to_domain:example.com"), 1, "nothing is counted for");
	json_t *data = ask_data(&world, RESET("server:"));
	ck_assert_str_eq(text_at(data, "account"), "server:");
	ck_assert_str_eq(text_at(data, "before.0.limit"), "all");
	ck_assert_str_eq(text_at(data, "before.0.used"), "2 of 2");
	json_decref(data);
	ck_assert_uint_eq(passes("alice", "b", 9), 2);
	world_reconfigure(&world, "limits = ( { name = \"from\"; key = \"sender_domain\"; rate = "
				  "\"2/1h\"; } );");
	ck_assert_uint_eq(passes("alice", "c", 9), 2);
	data = ask_data(&world, RESET("from_domain:Example.org"));
	ck_assert_str_eq(text_at(data, "account"), "from_domain:example.org");
	json_decref(data);
	ck_assert_uint_eq(passes("alice", "d", 9), 2);
}
END_TEST

START_TEST(test_reset_refused)
{
	ask_refused(&world, RESET("alice"), 1, "nothing is counted for alice");
	ask_refused(&world, RESET("@example.org"), EX_USAGE, "only has overrides");
	ask_refused(&world, RESET(""), EX_USAGE, "needs a name");
	ask_refused(&world, RESET("addr:x"), EX_USAGE, "IP address");
	ask_refused(&world, "{'verb':'reset','args':{'account':'a'}}", EX_USAGE, "--reason");
	ck_assert_uint_eq(accounts(), 0);
}
END_TEST

/* Names that send nothing cannot be suspended; one that is too long is cut as in a request. */
START_TEST(test_suspend_names)
{
	char request[700], login[401];
	ask_refused(&world, "{'verb':'suspend','args':{'account':'server:','reason':'x'}}",
		EX_USAGE, "sends nothing");
	ask_refused(&world, "{'verb':'suspend','args':{'account':'@e.test','reason':'x'}}",
		EX_USAGE, "sends nothing");
	ask_refused(&world, "{'verb':'show','args':{'account':'server:'}}", EX_USAGE, "explain");
	memset(login, 'x', 400);
	login[400] = '\0';
	ck_assert_int_gt(snprintf(request, sizeof(request),
				 "{'verb':'suspend','args':{'account':'%s','reason':'x'}}", login),
		0);
	json_t *answer = ask(&world, request);
	ck_assert(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	ck_assert_int_eq(mail(&world, login, "1.a").action, ACTION_REJECT);
}
END_TEST

/* A pair's name may be longer than any that the store keeps. */
START_TEST(test_reset_too_long)
{
	char login[330], request[700];
	memset(login, 'x', 319);
	login[319] = '\0';
	struct verdict verdict = mail(&world, login, "1.a");
	ck_assert_int_eq(verdict.action, ACTION_DUNNO);
	ck_assert_int_gt(snprintf(request, sizeof(request),
				 "{'verb':'reset','args':{'account':'pair:%s|example.com',"
				 "'reason':'x'}}",
				 login),
		0);
	ask_refused(&world, request, EX_USAGE, "nothing was changed: the account's name has more");
}
END_TEST

/* What is told of our addresses stands, and is found, as the log has it. */
static const struct {
	const char *typed, *shown;
	size_t n;
} egress_accounts[] = {
	{"blocklist:zen", "blocklist:zen", 1},
	{"blocklist:zen.spamhaus.org", "blocklist:zen", 1},
	{"blocklist:none.such", NULL, 0},
	{"egress:192.0.2.10", "egress:192.0.2.10", 1},
	{"domain:mail.example.org", "domain:mail.example.org", 1},
	{"@mail.example.org", "domain:mail.example.org", 1},
	{"domain:example.net", "@example.net", 1},
};

static void on_stored(void *ctx, int result, int64_t id, const char *error)
{
	unsigned *done = ctx;
	(void)id;
	(void)error;
	ck_assert_int_eq(result, 0);
	++*done;
}

START_TEST(test_audit_egress)
{
	static const struct {
		enum event_kind kind;
		const char *account;
	} events[] = {
		{EVENT_LIST_STATE, "blocklist:zen"},
		{EVENT_LISTING, "egress:192.0.2.10"},
		{EVENT_LISTING, "domain:mail.example.org"},
		{EVENT_OVERRIDE_UNSET, "domain:example.net"},
	};
	unsigned done = 0;
	char request[128];
	for (int i = 0; i < ROWS(events); i++) {
		const struct policy_event event = {.kind = events[i].kind,
			.at = {.us = T0},
			.account = span_of(events[i].account),
			.limit = SPAN("zen"),
			.reason = SPAN("OK -> DEAD"),
			.author = SPAN("policyd")};
		ck_assert_int_eq(store_event(world.store, &event, on_stored, &done), 0);
	}
	while (done < ROWS(events))
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_int_gt(
		snprintf(request, sizeof(request), "{'verb':'audit','args':{'account':'%s'}}",
			egress_accounts[_i].typed),
		0);
	json_t *data = ask_data(&world, request);
	ck_assert_uint_eq(json_array_size(data), egress_accounts[_i].n);
	if (egress_accounts[_i].n)
		ck_assert_str_eq(text_at(data, "0.account"), egress_accounts[_i].shown);
	json_decref(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_override");
	TCase *tests = tcase_create("control_override");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make_more, clean);
	tcase_add_test(tests, test_set);
	tcase_add_loop_test(tests, test_set_accepted, 0, ROWS(accepted));
	tcase_add_loop_test(tests, test_set_refused, 0, ROWS(refused));
	tcase_add_test(tests, test_set_again);
	tcase_add_test(tests, test_set_not_written);
	tcase_add_test(tests, test_unset);
	tcase_add_test(tests, test_list);
	tcase_add_test(tests, test_list_misfits);
	tcase_add_test(tests, test_reset);
	tcase_add_test(tests, test_reset_names);
	tcase_add_test(tests, test_reset_refused);
	tcase_add_test(tests, test_suspend_names);
	tcase_add_test(tests, test_reset_too_long);
	tcase_add_loop_test(tests, test_audit_egress, 0, ROWS(egress_accounts));
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
