/* SPDX-License-Identifier: ISC */
/* What is shown of rules of every kind and of the daemon as a whole: explain, why, status, metrics, reload. */
#include <signal.h>
#include <sysexits.h>

#include "control_help.h"
#include "policyd/metric.h"

#define LIMITS                                                                                     \
	"limits = (\n"                                                                             \
	"  { name = \"hourly\"; rate = \"3/1h\"; },\n"                                             \
	"  { name = \"size\"; unit = \"bytes\"; rate = \"8G/1d\"; },\n"                            \
	"  { name = \"cap\"; rate = \"2/message\"; },\n"                                           \
	"  { name = \"todom\"; key = \"recipient_domain\"; rate = \"30/1h\"; },\n"                 \
	"  { name = \"all\"; key = \"server\"; rate = \"100/1h\"; },\n"                            \
	"  { name = \"free\"; rate = \"unlimited\"; },\n"                                          \
	"  { name = \"news\"; rate = \"2/1d\"; } );\n"                                             \
	"classes = ( { name = \"newsletter\"; match = ( { login = \"n\"; } ); limits = [ "         \
	"\"news\" "                                                                                \
	"]; } );\n"                                                                                \
	"overrides = ( { account = \"bob\"; limit = \"hourly\"; rate = \"7/1h\"; } );\n"

static void make_more(void)
{
	make();
	world_reconfigure(&world, LIMITS);
}

/* The row of a limit in an answer of explain. */
static const json_t *row_of(const json_t *data, const char *limit)
{
	size_t i;
	const json_t *row;
	json_array_foreach(json_object_get(data, "limits"), i, row)
	{
		if (strcmp(text_at(row, "limit"), limit) == 0)
			return row;
	}
	ck_abort_msg("no row %s", limit);
	return NULL;
}

#define EXPLAIN(account) "{'verb':'explain','args':{'account':'" account "'}}"

/* ---- explain ---- */

static const struct {
	const char *limit, *member, *text;
} rows[] = {
	{"hourly", "used", "0 of 3"},
	{"hourly", "from", "the limit"},
	{"hourly", "where", "test.conf:5"},
	{"size", "counts", "bytes per account in 1d"},
	{"size", "rate", "8G/1d"},
	{"size", "used", "0 of 8589934592"},
	{"cap", "counts", "recipients of one message"},
	{"cap", "used", "not counted"},
	{"cap", "action", "REJECT"},
	{"cap", "reply", "550"},
	{"cap", "next", "depends on the message (else REJECT 550)"},
	{"cap", "used_n", "null"},
	{"cap", "room", "null"},
	{"todom", "used", "per recipient_domain"},
	{"todom", "room", "null"},
	{"todom", "next", "depends on the recipient_domain"},
	{"todom", "used_n", "null"},
	{"all", "used", "0 of 100"},
	{"free", "used", "not counted"},
	{"free", "limit_n", "null"},
	{"free", "next", "passes"},
};

START_TEST(test_explain_kinds)
{
	json_t *data = ask_data(&world, EXPLAIN("alice"));
	ck_assert_str_eq(text_at(data, "class"), "default");
	ck_assert_str_eq(text_at(data, "kind"), "login");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "limits")), 6);
	ck_assert_str_eq(text_at(row_of(data, rows[_i].limit), rows[_i].member), rows[_i].text);
	json_decref(data);
	ck_assert_uint_eq(accounts(), 0);
}
END_TEST

START_TEST(test_explain_class)
{
	json_t *data = ask_data(&world, EXPLAIN("n"));
	ck_assert_str_eq(text_at(data, "class"), "newsletter");
	ck_assert_str_eq(text_at(row_of(data, "news"), "rate"), "2/1d");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "limits")), 7);
	json_decref(data);
}
END_TEST

/* The rate in force, and whose it is. */
START_TEST(test_explain_override)
{
	json_t *data = ask_data(&world, EXPLAIN("bob"));
	const json_t *row = row_of(data, "hourly");
	ck_assert_str_eq(text_at(row, "rate"), "7/1h");
	ck_assert_str_eq(text_at(row, "own_rate"), "3/1h");
	ck_assert_str_eq(text_at(row, "from"), "override test.conf:13");
	ck_assert_str_eq(text_at(row, "used"), "0 of 7");
	json_decref(data);
	json_decref(ask_data(&world,
		"{'verb':'override set','args':{'account':'bob','limit':'hourly','rate':"
		"'unlimited','for':'1d','reason':'r'}}"));
	data = ask_data(&world, EXPLAIN("bob"));
	row = row_of(data, "hourly");
	ck_assert_str_eq(text_at(row, "rate"), "unlimited");
	ck_assert_str_eq(text_at(row, "used"), "0");
	ck_assert_str_eq(text_at(row, "next"), "passes");
	const char *from = text_at(row, "from");
	ck_assert_msg(strncmp(from, "override by ", 12) == 0, "%s", from);
	ck_assert_msg(strstr(from, " until 2026-09-22T14:13:20Z"), "%s", from);
	json_decref(data);
}
END_TEST

START_TEST(test_explain_names)
{
	(void)mail(&world, "alice", "1.a");
	json_t *data = ask_data(&world, EXPLAIN("server:"));
	ck_assert_str_eq(text_at(data, "kind"), "server");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "limits")), 1);
	ck_assert_str_eq(text_at(data, "limits.0.limit"), "all");
	ck_assert_str_eq(text_at(data, "limits.0.used"), "1 of 100");
	json_decref(data);
	ask_refused(&world, EXPLAIN("client:192.0.2.1"), 1, "no limit counts by client address");
	ask_refused(&world, EXPLAIN("@example.org"), EX_USAGE, "override list --account");
	ask_refused(&world, EXPLAIN("to_domain:"), EX_USAGE, "needs a name");
}
END_TEST

/* Lost state: one more rule while it lasts, and status says so. */
START_TEST(test_emergency)
{
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "state"), "ok");
	ck_assert_str_eq(text_at(data, "state_lost"), "null");
	json_decref(data);
	engine_state_lost(world.engine, world.now);
	world.state.lost = "counters.snapshot: truncated";
	data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(
		text_at(data, "state"), "lost: emergency_rate 100/1h until 2026-09-21T15:13:20Z");
	ck_assert_str_eq(text_at(data, "state_lost"), "counters.snapshot: truncated");
	json_decref(data);
	data = ask_data(&world, EXPLAIN("alice"));
	ck_assert_str_eq(text_at(row_of(data, "emergency"), "rate"), "100/1h");
	ck_assert_str_eq(text_at(row_of(data, "emergency"), "used"), "0 of 100");
	json_decref(data);
	world.now.mono.us += HOUR_US;
	data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "state"), "ok");
	json_decref(data);
	data = ask_data(&world, EXPLAIN("alice"));
	ck_assert_uint_eq(json_array_size(json_object_get(data, "limits")), 6);
	json_decref(data);
}
END_TEST

/* ---- why ---- */

/* A code said in place of the word stands beside the action, from memory and from the store. */
START_TEST(test_why_code)
{
	static const struct decision decision = {
		.reference = "ABCDEFGH01",
		.at = {.us = T0},
		.stage = STAGE_RCPT,
		.action = ACTION_DEFER,
		.code = 452,
		.rule = "cap",
		.used = UINT64_MAX,
		.limit = UINT64_C(1) << 40,
		.account = "domain:e.test",
	};
	store_decision(world.store, &decision);
	json_t *data = ask_data(&world, "{'verb':'why','args':{'reference':'ABCDEFGH01'}}");
	const json_t *row = json_array_get(data, 0);
	ck_assert_str_eq(text_at(row, "action"), "DEFER");
	ck_assert_str_eq(text_at(row, "reply"), "452");
	ck_assert_str_eq(text_at(row, "account"), "@e.test");
	ck_assert_ptr_null(json_object_get(row, "code"));
	ck_assert_int_eq(json_integer_value(json_object_get(row, "used")), INT64_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(row, "limit")), INT64_C(1) << 40);
	json_decref(data);
	for (int i = 0; i < 3; i++)
		(void)mail(&world, "alice", "1.a");
	char instance[8];
	for (int i = 0; i < 4; i++) {
		ck_assert_int_gt(snprintf(instance, sizeof(instance), "2.%d", i), 0);
		(void)mail(&world, "alice", instance);
	}
	data = ask_data(&world, "{'verb':'show','args':{'account':'alice'}}");
	ck_assert_str_eq(text_at(data, "class"), "default");
	ck_assert_str_eq(text_at(data, "decisions.0.action"), "DEFER_IF_PERMIT");
	ck_assert_str_eq(text_at(data, "decisions.0.reply"), "null");
	json_decref(data);
}
END_TEST

/* ---- status ---- */

START_TEST(test_status_snapshot)
{
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "snapshot.at"), "null");
	ck_assert_str_eq(text_at(data, "snapshot.age_s"), "null");
	json_decref(data);
	world.state = (struct control_state){.snapshot_at = {.us = T0 - 61 * SECOND_US},
		.snapshot_bytes = 12345,
		.snapshot_is_brief = true,
		.snapshot_error = "disk full"};
	data = ask_data(&world, "{'verb':'status'}");
	const json_t *snapshot = json_object_get(data, "snapshot");
	ck_assert_str_eq(text_at(snapshot, "at"), "2026-09-21T14:12:19Z");
	ck_assert_int_eq(json_integer_value(json_object_get(snapshot, "age_s")), 61);
	ck_assert_int_eq(json_integer_value(json_object_get(snapshot, "bytes")), 12345);
	ck_assert(json_is_true(json_object_get(snapshot, "brief")));
	ck_assert_str_eq(text_at(snapshot, "error"), "disk full");
	json_decref(data);
	/* A clock that was set back: no age below zero. */
	world.now.wall.us -= HOUR_US;
	data = ask_data(&world, "{'verb':'status'}");
	snapshot = json_object_get(data, "snapshot");
	ck_assert_int_eq(json_integer_value(json_object_get(snapshot, "age_s")), 0);
	json_decref(data);
}
END_TEST

START_TEST(test_status_overrides)
{
	static const char set[] = "{'verb':'override set','args':{'account':'a','limit':'hourly',"
				  "'rate':'5/1h','for':'1h','reason':'r'}}";
	json_decref(ask_data(&world, set));
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "overrides")), 1);
	json_decref(data);
	/* A clock that is set ends none. */
	world.now.wall.us += DAY_US;
	data = ask_data(&world, "{'verb':'status'}");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "overrides")), 1);
	json_decref(data);
	world.now.mono.us += HOUR_US;
	data = ask_data(&world, "{'verb':'status'}");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "overrides")), 0);
	json_decref(data);
}
END_TEST

/* ---- metrics ---- */

static unsigned lines_with(const char *text, const char *line)
{
	unsigned n = 0;
	size_t wanted = strlen(line);
	for (const char *at = text; *at; at = strchr(at, '\n') + 1)
		n += strncmp(at, line, wanted) == 0;
	return n;
}

START_TEST(test_metrics)
{
	metric_set(METRIC_ACCOUNTS_LOGIN, UINT64_MAX);
	metric_set(METRIC_EMERGENCY, 1);
	json_t *data = ask_data(&world, "{'verb':'metrics'}");
	const char *text = text_at(data, "text");
	size_t n = strlen(text);
	ck_assert_int_eq(text[n - 1], '\n');
	ck_assert_uint_eq(lines_with(text, "# HELP policyd_accounts Entries of"), 1);
	ck_assert_uint_eq(lines_with(text, "# TYPE policyd_accounts gauge\n"), 1);
	ck_assert_uint_eq(lines_with(text, "# TYPE policyd_decisions_total counter\n"), 1);
	ck_assert_uint_eq(lines_with(text, "policyd_decisions_total{kind=\""), 4);
	ck_assert_uint_eq(
		lines_with(text, "policyd_accounts{kind=\"login\"} 18446744073709551615\n"), 1);
	ck_assert_uint_eq(lines_with(text, "policyd_emergency 1\n"), 1);
	/* Every row, and no other line than these. */
	ck_assert_uint_eq(lines_with(text, "policyd_"), METRIC_COUNT);
	ck_assert_uint_eq(lines_with(text, ""),
		METRIC_COUNT + lines_with(text, "# HELP ") + lines_with(text, "# TYPE "));
	ck_assert_uint_eq(lines_with(text, "# HELP "), lines_with(text, "# TYPE "));
	json_decref(data);
	ask_refused(&world, "{'verb':'metrics','args':{'x':1}}", EX_USAGE, "unknown argument");
}
END_TEST

/* Whoever sets them counts on that order. */
START_TEST(test_metric_kinds)
{
	char labels[64];
	for (int i = 0; i < ACCOUNT_KINDS; i++) {
		const struct kind_row *kind = &kind_rows[i];
		ck_assert_int_gt(snprintf(labels, sizeof(labels), "kind=\"%.*s\"",
					 (int)kind->word_n - 1, kind->word),
			0);
		ck_assert_str_eq(metric_rows[METRIC_ACCOUNTS_LOGIN + i].labels, labels);
	}
}
END_TEST

/* ---- reload ---- */

static int reload_begin(void)
{
	int fd = asker_open(&world);
	asker_send(&world, fd, SPAN("{\"verb\":\"reload\"}\n"));
	for (int i = 0; i < 20 && !world.told; i++)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	ck_assert(world.told != NULL);
	return fd;
}

static void reload_end(const struct reload_result *result)
{
	reload_done *told = world.told;
	world.told = NULL;
	told(world.told_ctx, result);
}

static json_t *reload_answer(const struct reload_result *result)
{
	int fd = reload_begin();
	/* Others are answered meanwhile. */
	json_decref(ask_data(&world, "{'verb':'status'}"));
	reload_end(result);
	json_t *answer = asker_receive(&world, fd);
	ck_assert_ptr_nonnull(answer);
	close(fd);
	return answer;
}

static char warning[] = "x.conf:3: a warning", mistake[] = "x.conf:\xff: an error";

START_TEST(test_reload_done)
{
	struct config_line line[] = {{.text = warning}};
	const struct config_report report = {.n = 1, .line = line};
	static const char *const restart[] = {"listen", "state.directory"};
	json_t *answer = reload_answer(&(struct reload_result){
		.is_done = true, .report = &report, .restart_n = 2, .restart = restart});
	ck_assert(json_is_true(json_object_get(answer, "ok")));
	ck_assert_str_eq(text_at(answer, "data.result"), "done");
	ck_assert_str_eq(text_at(answer, "data.messages.0"), warning);
	ck_assert_str_eq(text_at(answer, "data.restart.1"), "state.directory");
	json_decref(answer);
	answer = reload_answer(&(struct reload_result){.is_done = true});
	ck_assert_uint_eq(
		json_array_size(json_object_get(json_object_get(answer, "data"), "messages")), 0);
	json_decref(answer);
	ck_assert_uint_eq(world.reloads, 2);
}
END_TEST

START_TEST(test_reload_refused)
{
	struct config_line line[] = {{.text = mistake, .error = true}, {.text = warning}};
	const struct config_report report = {.n = 2, .errors = 1, .line = line};
	json_t *answer = reload_answer(&(struct reload_result){.report = &report});
	ck_assert(json_is_false(json_object_get(answer, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(text_at(answer, "error"), "refused"));
	ck_assert_str_eq(text_at(answer, "data.result"), "refused");
	ck_assert_str_eq(text_at(answer, "data.messages.0"), "x.conf:\xef\xbf\xbd: an error");
	ck_assert_str_eq(text_at(answer, "data.messages.1"), warning);
	json_decref(answer);
	answer = reload_answer(NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), EX_TEMPFAIL);
	ck_assert(json_is_null(json_object_get(answer, "data")));
	json_decref(answer);
}
END_TEST

/* The asker goes, the control goes: it is told all the same, and nothing breaks. */
START_TEST(test_reload_alone)
{
	struct config_line line[] = {{.text = warning}};
	const struct config_report report = {.n = 1, .line = line};
	/* As the daemon does: nobody reads what is written then. */
	(void)signal(SIGPIPE, SIG_IGN);
	close(reload_begin());
	for (int i = 0; i < 4; i++)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	reload_end(&(struct reload_result){.report = &report});
	int fd = reload_begin();
	control_free(world.control);
	world.control = NULL;
	reload_end(&(struct reload_result){.is_done = true, .report = &report});
	ck_assert_ptr_null(asker_receive(&world, fd));
	close(fd);
}
END_TEST

/* A daemon without those callbacks says so. */
START_TEST(test_without_callbacks)
{
	struct control_setup setup = world_setup(&world);
	struct errbuf err;
	control_free(world.control);
	setup.reload = NULL;
	setup.state = NULL;
	ck_assert_int_eq(control_new(&setup, world.config, &world.control, &err), 0);
	ask_refused(&world, "{'verb':'reload'}", EX_UNAVAILABLE, "cannot be told to reload");
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "snapshot"), "null");
	ck_assert_str_eq(text_at(data, "state"), "ok");
	json_decref(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_daemon");
	TCase *tests = tcase_create("control_daemon");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make_more, clean);
	tcase_add_loop_test(tests, test_explain_kinds, 0, ROWS(rows));
	tcase_add_test(tests, test_explain_class);
	tcase_add_test(tests, test_explain_override);
	tcase_add_test(tests, test_explain_names);
	tcase_add_test(tests, test_emergency);
	tcase_add_test(tests, test_why_code);
	tcase_add_test(tests, test_status_snapshot);
	tcase_add_test(tests, test_status_overrides);
	tcase_add_test(tests, test_metrics);
	tcase_add_test(tests, test_metric_kinds);
	tcase_add_test(tests, test_reload_done);
	tcase_add_test(tests, test_reload_refused);
	tcase_add_test(tests, test_reload_alone);
	tcase_add_test(tests, test_without_callbacks);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
