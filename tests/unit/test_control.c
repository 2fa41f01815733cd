/* SPDX-License-Identifier: ISC */
/* Commands over a real engine and store. Connections and rights are test_control_socket.c's. */
#include <sys/resource.h>
#include <sysexits.h>

#include "control_help.h"
#include "policyd/metric.h"

#define SUSPEND_ALICE "{'verb':'suspend','args':{'account':'alice','for':'4h','reason':'phished'}}"
#define SHOW_ALICE    "{'verb':'show','args':{'account':'alice'}}"

/* ---- looking ---- */

START_TEST(test_status)
{
	world.now.mono.us += 90061 * SECOND_US;
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "version"), "1.2.3");
	ck_assert_str_eq(text_at(data, "uptime"), "1d 1h 1m 1s");
	ck_assert_str_eq(text_at(data, "started"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "config"), "/etc/policyd/policyd.conf");
	ck_assert_str_eq(text_at(data, "store.state"), "ok");
	ck_assert_str_eq(text_at(data, "store.error"), "null");
	ck_assert(strncmp(text_at(data, "listeners.0"), "unix:/", 6) == 0);
	const json_t *known = json_object_get(data, "accounts");
	ck_assert(json_is_integer(json_object_get(known, "logins")));
	ck_assert_int_gt(json_integer_value(json_object_get(known, "table_bytes")), 0);
	json_decref(data);
}
END_TEST

/* Each counter has a name of its own there, so that no loss is counted where nobody looks. */
START_TEST(test_status_figures)
{
	static const char *const some[] = {"requests", "requests_bad", "connections",
		"decisions_refused", "decisions_observed", "store_dropped", "log_dropped",
		"record_dropped", "effects_dropped"};
	size_t counters = 0;
	for (unsigned i = 0; i < METRIC_ACCOUNTS_LOGIN; i++)
		counters += metric_rows[i].kind == METRIC_KIND_counter;
	metric_add(METRIC_LOG_DROPPED, 7);
	json_t *data = ask_data(&world, "{'verb':'status'}");
	const json_t *figures = json_object_get(data, "since_start");
	const json_t *present = json_object_get(data, "now");
	ck_assert_uint_eq(json_object_size(figures), counters);
	for (int i = 0; i < ROWS(some); i++)
		ck_assert_msg(json_is_integer(json_object_get(figures, some[i])), "%s", some[i]);
	ck_assert_int_eq(json_integer_value(json_object_get(figures, "log_dropped")), 7);
	ck_assert(json_is_integer(json_object_get(present, "connections")));
	ck_assert(json_is_integer(json_object_get(present, "open_messages")));
	ck_assert(json_is_integer(json_object_get(present, "waiting")));
	json_decref(data);
}
END_TEST

/* A reload that names other listeners needs a restart: until then the old ones are open. */
START_TEST(test_status_after_reload)
{
	char address[128];
	struct world other = {.dir = "/nonexistent", .path = "/nonexistent/control"};
	struct config *config = world_config(&other, "");
	ck_assert_int_gt(snprintf(address, sizeof(address), "unix:%s/policy", world.dir), 0);
	engine_configure(world.engine, config);
	config_unref(config);
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "listeners.0"), address);
	json_decref(data);
}
END_TEST

START_TEST(test_show_unknown)
{
	ask_refused(&world, SHOW_ALICE, EX_NOUSER,
		"alice is not known: no mail seen from it since the start, and no suspension");
	ck_assert_uint_eq(accounts(), 0);
}
END_TEST

START_TEST(test_show)
{
	for (int i = 0; i < 16; i++)
		(void)mail(&world, "Alice", i % 2 ? "1.a" : "1.b");
	json_t *data = ask_data(&world, SHOW_ALICE);
	ck_assert_str_eq(text_at(data, "account"), "alice");
	ck_assert_str_eq(text_at(data, "kind"), "login");
	ck_assert_str_eq(text_at(data, "suspended"), "null");
	ck_assert_str_eq(text_at(data, "last_seen"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "limits.0.limit"), "hourly");
	ck_assert_str_eq(text_at(data, "limits.0.used"), "2 of 3");
	json_decref(data);
	ask_refused(&world, "{'verb':'show','args':{'account':'bob'}}", EX_NOUSER, "bob");
	ask_refused(&world, "{'verb':'show','args':{'account':'addr:x'}}", EX_USAGE, "IP address");
	ask_refused(&world, "{'verb':'show','args':{'account':''}}", EX_USAGE, "needs a name");
}
END_TEST

/* What is known of it came from the desk, not from mail. */
START_TEST(test_show_never_seen)
{
	json_decref(ask_data(&world, SUSPEND_ALICE));
	json_t *data = ask_data(&world, SHOW_ALICE);
	ck_assert_str_eq(text_at(data, "last_seen"), "null");
	ck_assert_str_eq(text_at(data, "suspended.reason"), "phished");
	json_decref(data);
	(void)mail(&world, "alice", "1.a");
	data = ask_data(&world, SHOW_ALICE);
	ck_assert_str_eq(text_at(data, "last_seen"), "2026-09-21T14:13:20Z");
	json_decref(data);
}
END_TEST

START_TEST(test_explain)
{
	json_t *data = ask_data(&world, "{'verb':'explain','args':{'account':'alice'}}");
	ck_assert_uint_eq(accounts(), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "limits")), 3);
	ck_assert_str_eq(text_at(data, "limits.0.where"), "test.conf:5");
	ck_assert_str_eq(text_at(data, "limits.0.counts"), "recipients per account in 1h");
	ck_assert_str_eq(text_at(data, "limits.0.rate"), "3/1h");
	ck_assert_str_eq(text_at(data, "limits.0.action"), "DEFER_IF_PERMIT");
	ck_assert_str_eq(text_at(data, "limits.0.mode"), "enforce");
	ck_assert_str_eq(text_at(data, "limits.0.used"), "0 of 3");
	ck_assert_str_eq(text_at(data, "limits.0.room"), "now");
	ck_assert_str_eq(text_at(data, "limits.0.next"), "passes");
	ck_assert_str_eq(text_at(data, "limits.2.rate"), "unlimited");
	ck_assert_str_eq(text_at(data, "limits.2.limit_n"), "null");
	ck_assert_str_eq(text_at(data, "next.action"), "DUNNO");
	json_decref(data);

	static const char *const instances[] = {"1.a", "1.b", "1.c", "1.d"};
	for (int i = 0; i < 4; i++)
		(void)mail(&world, "alice", instances[i]);
	data = ask_data(&world, "{'verb':'explain','args':{'account':'login:alice'}}");
	ck_assert_str_eq(text_at(data, "limits.0.used"), "3 of 3");
	ck_assert_str_eq(text_at(data, "limits.0.next"), "DEFER_IF_PERMIT");
	ck_assert_str_eq(text_at(data, "limits.1.next"), "passes (would get DEFER_IF_PERMIT)");
	ck_assert_str_eq(text_at(data, "next.action"), "DEFER_IF_PERMIT");
	ck_assert_str_eq(text_at(data, "next.rule"), "hourly");
	json_decref(data);
}
END_TEST

START_TEST(test_why)
{
	struct verdict verdict = {.action = ACTION_DUNNO};
	static const char *const instances[] = {"1.a", "1.b", "1.c", "1.d"};
	char request[128];
	for (int i = 0; i < 4; i++)
		verdict = mail(&world, "alice", instances[i]);
	ck_assert_int_eq(verdict.action, ACTION_DEFER_IF_PERMIT);
	ck_assert_int_gt(snprintf(request, sizeof(request),
				 "{'verb':'why','args':{'reference':' %s '}}", verdict.reference),
		0);
	json_t *data = ask_data(&world, request);
	ck_assert_uint_eq(json_array_size(data), 1);
	ck_assert_str_eq(text_at(data, "0.account"), "alice");
	ck_assert_str_eq(text_at(data, "0.rule"), "hourly");
	ck_assert_str_eq(text_at(data, "0.stage"), "RCPT");
	ck_assert_str_eq(text_at(data, "0.instance"), "1.d");
	ck_assert_str_eq(text_at(data, "0.text"), verdict.text);
	/* What is no UTF-8 in mail is some in JSON. */
	ck_assert_str_eq(text_at(data, "0.sender"), "\xef\xbf\xbd<>@example.org");
	json_decref(data);
	ask_refused(&world, "{'verb':'why','args':{'reference':'0000000000'}}", 1, "no decision");
	ask_refused(&world, "{'verb':'why','args':{'reference':'x'}}", EX_USAGE, "10 letters");
}
END_TEST

/* Room that depends on unfinished messages comes at no time that could be told. */
START_TEST(test_why_without_time)
{
	static const char text[] = "listen = ( { address = \"unix:/nonexistent/policy\"; } );\n"
				   "limits = ( { name = \"one\"; rate = \"1/1h\"; } );\n"
				   "commit_at = \"data\";\n";
	struct config *config;
	struct config_report *report = config_report_new();
	ck_assert_int_eq(config_parse(SPAN(text), "test.conf", &config, report), 0);
	config_report_free(report);
	engine_configure(world.engine, config);
	config_unref(config);
	(void)mail(&world, "alice", "1.a");
	ck_assert_int_eq(mail(&world, "alice", "1.b").action, ACTION_DEFER_IF_PERMIT);
	json_t *data = ask_data(&world, SHOW_ALICE);
	ck_assert_str_eq(text_at(data, "decisions.0.room_at"), "null");
	json_decref(data);
}
END_TEST

/* What memory has forgotten is told by the store, in the same form. */
START_TEST(test_why_store)
{
	struct decision decision = {
		.reference = "ABCDEFGH01",
		.at = {.us = T0},
		.stage = STAGE_RCPT,
		.action = ACTION_HOLD,
		.rule = "old",
		.account = "login:bob",
	};
	store_decision(world.store, &decision);
	json_t *data = ask_data(&world, "{'verb':'why','args':{'reference':'abcd-efgh-ol'}}");
	ck_assert_str_eq(text_at(data, "0.account"), "bob");
	ck_assert_str_eq(text_at(data, "0.rule"), "old");
	ck_assert_str_eq(text_at(data, "0.at"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "0.room_at"), "null");
	json_decref(data);
}
END_TEST

START_TEST(test_top)
{
	(void)mail(&world, "alice", "1.a");
	(void)mail(&world, "bob", "1.b");
	(void)mail(&world, "bob", "1.c");
	json_t *data = ask_data(&world, "{'verb':'top','args':{'count':1}}");
	ck_assert_uint_eq(json_array_size(data), 1);
	ck_assert_str_eq(text_at(data, "0.account"), "bob");
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(data, 0), "used")), 2);
	json_decref(data);
	ask_refused(&world, "{'verb':'top','args':{'count':0}}", EX_USAGE, "1 to 100");
	ask_refused(&world, "{'verb':'top','args':{'count':101}}", EX_USAGE, "1 to 100");
	ask_refused(&world, "{'verb':'top','args':{'by':'byte'}}", EX_USAGE, "bytes");
	/* A unit that nothing is counted in: nobody is at the top. */
	data = ask_data(&world, "{'verb':'top','args':{'by':'bytes'}}");
	ck_assert_uint_eq(json_array_size(data), 0);
	json_decref(data);
}
END_TEST

/* More accounts than one slice: the loop turns in between, and all are seen. */
START_TEST(test_top_slices)
{
	char login[16];
	for (int i = 0; i < 9000; i++) {
		ck_assert_int_gt(snprintf(login, sizeof(login), "user%d", i), 0);
		(void)mail(&world, login, login);
	}
	(void)mail(&world, "user7777", "1.x");
	json_t *data = ask_data(&world, "{'verb':'top','args':{'count':100}}");
	ck_assert_uint_eq(json_array_size(data), 100);
	ck_assert_str_eq(text_at(data, "0.account"), "user7777");
	json_decref(data);
}
END_TEST

/* ---- changing ---- */

START_TEST(test_suspend_and_release)
{
	json_t *data = ask_data(&world, SUSPEND_ALICE);
	ck_assert_str_eq(text_at(data, "account"), "alice");
	ck_assert_str_eq(text_at(data, "since"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "until"), "2026-09-21T18:13:20Z");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "event")), 1);
	json_decref(data);
	ck_assert_int_eq(mail(&world, "alice", "1.a").action, ACTION_REJECT);

	data = ask_data(&world, SHOW_ALICE);
	ck_assert_str_eq(text_at(data, "suspended.until"), "2026-09-21T18:13:20Z");
	ck_assert_str_eq(text_at(data, "suspended.reason"), "phished");
	ck_assert_ptr_nonnull(strstr(text_at(data, "suspended.by"), "(uid "));
	ck_assert_str_eq(text_at(data, "decisions.0.action"), "REJECT");
	json_decref(data);

	world.now.wall.us += MINUTE_US;
	data = ask_data(
		&world, "{'verb':'release','args':{'account':'ALICE','reason':'new password'}}");
	ck_assert_str_eq(text_at(data, "account"), "alice");
	ck_assert_str_eq(text_at(data, "since"), "2026-09-21T14:13:20Z");
	ck_assert_str_eq(text_at(data, "until"), "2026-09-21T14:14:20Z");
	json_decref(data);
	ck_assert_int_eq(mail(&world, "alice", "1.b").action, ACTION_DUNNO);
	ask_refused(&world, "{'verb':'release','args':{'account':'alice','reason':'x'}}", 1,
		"alice is not suspended");

	data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_uint_eq(json_array_size(data), 2);
	ck_assert_str_eq(text_at(data, "0.event"), "suspend");
	ck_assert_str_eq(text_at(data, "1.event"), "release");
	ck_assert_str_eq(text_at(data, "1.account"), "alice");
	ck_assert_str_eq(text_at(data, "1.until"), "null");
	ck_assert_str_eq(text_at(data, "1.reason"), "new password");
	json_decref(data);
}
END_TEST

static const struct {
	const char *args, *until;
} durations[] = {
	{"", "2026-09-22T14:13:20Z"},
	{",'for':'1s'", "2026-09-21T14:13:21Z"},
	{",'for':'permanent'", "permanent"},
	{",'for':'36500d'", "2126-08-28T14:13:20Z"},
};

START_TEST(test_suspend_until)
{
	char request[128];
	ck_assert_int_gt(snprintf(request, sizeof(request),
				 "{'verb':'suspend','args':{'account':'a','reason':'r'%s}}",
				 durations[_i].args),
		0);
	json_t *data = ask_data(&world, request);
	ck_assert_str_eq(text_at(data, "until"), durations[_i].until);
	json_decref(data);
}
END_TEST

static const struct {
	const char *args, *error;
} refusals[] = {
	{"'account':'a'", "--reason TEXT is missing"},
	{"'account':'a','reason':''", "--reason needs"},
	{"'account':'a','reason':'  '", "--reason needs"},
	{"'account':'a','reason':'x\\ny'", "control character"},
	{"'account':'a','reason':'x','for':'0s'", "at least 1s"},
	{"'account':'a','reason':'x','for':'36501d'", "at most 36500d"},
	{"'account':'a','reason':'x','for':'5'", ""},
	{"'account':'a','reason':'x','for':'soon'", ""},
	{"'account':'a\\u0007','reason':'x'", "control character"},
	{"'account':'','reason':'x'", "needs a name"},
	{"'reason':'x'", "ACCOUNT is missing"},
};

START_TEST(test_suspend_refused)
{
	char request[160];
	ck_assert_int_gt(snprintf(request, sizeof(request), "{'verb':'suspend','args':{%s}}",
				 refusals[_i].args),
		0);
	ask_refused(&world, request, EX_USAGE, refusals[_i].error);
	ck_assert_uint_eq(accounts(), 0);
	json_t *data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_uint_eq(json_array_size(data), 0);
	json_decref(data);
}
END_TEST

START_TEST(test_reason_length)
{
	char request[EVENT_REASON_MAX + 100], reason[EVENT_REASON_MAX + 2];
	memset(reason, 'x', sizeof(reason) - 1);
	reason[EVENT_REASON_MAX + 1] = '\0';
	static const char form[] = "{'verb':'suspend','args':{'account':'a','reason':'%s'}}";
	ck_assert_int_gt(snprintf(request, sizeof(request), form, reason), 0);
	ask_refused(&world, request, EX_USAGE, "--reason needs");
	ck_assert_int_gt(snprintf(request, sizeof(request), form, reason + 1), 0);
	json_decref(ask_data(&world, request));
}
END_TEST

/* A disk that takes nothing: said once, and shown until something could be written. */
START_TEST(test_suspend_not_written)
{
	static const char words[] = "nothing was changed";
	struct rlimit before, none;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 4096;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	json_t *answer = ask(&world, SUSPEND_ALICE);
	const char *error = json_string_value(json_object_get(answer, "error"));
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), EX_IOERR);
	ck_assert_msg(strncmp(error, words, sizeof(words) - 1) == 0, "%s", error);
	ck_assert_msg(!strstr(error + 1, words), "%s", error);
	json_decref(answer);
	ck_assert_uint_eq(accounts(), 0);
	json_decref(ask_data(&world, "{'verb':'audit'}"));
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "store.state"), "failing");
	json_decref(data);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	json_decref(ask_data(&world, SUSPEND_ALICE));
	data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "store.state"), "ok");
	json_decref(data);
}
END_TEST

static void on_event(void *ctx, int result, int64_t id, const char *error)
{
	unsigned *done = ctx;
	(void)id;
	(void)error;
	ck_assert_int_eq(result, 0);
	++*done;
}

/* Rows that fill many pieces of output come whole and in order. */
START_TEST(test_audit_long)
{
	enum { EVENTS = 1200 };
	char reason[EVENT_REASON_MAX];
	unsigned done = 0;
	memset(reason, 'r', sizeof(reason));
	const struct policy_event event = {
		.kind = EVENT_SUSPEND,
		.at = {.us = T0},
		.until = WALL_NEVER,
		.account = SPAN("login:a"),
		.reason = span_make(reason, sizeof(reason)),
		.author = SPAN("test"),
	};
	for (int i = 0; i < EVENTS;) {
		if (store_event(world.store, &event, on_event, &done) == 0)
			i++;
		else
			event_base_loop(world.base, EVLOOP_ONCE);
	}
	while (done < EVENTS)
		event_base_loop(world.base, EVLOOP_ONCE);
	json_t *data = ask_data(&world, "{'verb':'audit','args':{'count':10000,'since':'1h'}}");
	ck_assert_uint_eq(json_array_size(data), EVENTS);
	for (size_t i = 0; i < EVENTS; i++) {
		const json_t *id = json_object_get(json_array_get(data, i), "id");
		ck_assert_int_eq(json_integer_value(id), (json_int_t)i + 1);
	}
	json_decref(data);
	data = ask_data(&world, "{'verb':'audit','args':{'account':'a','count':3}}");
	ck_assert_uint_eq(json_array_size(data), 3);
	json_decref(data);
	data = ask_data(&world, "{'verb':'audit','args':{'account':'b'}}");
	ck_assert_uint_eq(json_array_size(data), 0);
	json_decref(data);
	ask_refused(&world, "{'verb':'audit','args':{'since':'x'}}", EX_USAGE, "");
	ask_refused(&world, "{'verb':'audit','args':{'count':10001}}", EX_USAGE, "1 to 10000");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tests = tcase_create("control");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, test_status);
	tcase_add_test(tests, test_status_figures);
	tcase_add_test(tests, test_status_after_reload);
	tcase_add_test(tests, test_show_unknown);
	tcase_add_test(tests, test_show);
	tcase_add_test(tests, test_show_never_seen);
	tcase_add_test(tests, test_explain);
	tcase_add_test(tests, test_why);
	tcase_add_test(tests, test_why_without_time);
	tcase_add_test(tests, test_why_store);
	tcase_add_test(tests, test_top);
	tcase_add_test(tests, test_top_slices);
	tcase_add_test(tests, test_suspend_and_release);
	tcase_add_loop_test(tests, test_suspend_until, 0, ROWS(durations));
	tcase_add_loop_test(tests, test_suspend_refused, 0, ROWS(refusals));
	tcase_add_test(tests, test_reason_length);
	tcase_add_test(tests, test_suspend_not_written);
	tcase_add_test(tests, test_audit_long);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
