/* SPDX-License-Identifier: ISC */
/* What people see of scores and steps, and what they may do about them, over a real engine and store. */
#include <math.h>
#include <sysexits.h>

#include "control_help.h"
#include "policyd/metric.h"

#define ENFORCED                                                                                   \
	"limits = ( { name = \"hourly\"; rate = \"1000/1h\"; } );\n"                               \
	"signals = { mode = \"enforce\"; tune = (\n"                                               \
	"  { name = \"countries\"; mode = \"observe\"; },\n"                                       \
	"  { name = \"off-hours\"; weight = 0; },\n"                                               \
	"  { name = \"bounces\"; weight = 50; } ); };\n"                                           \
	"ladder = { slow_rate = \"7/1h\"; };\n"

static void make_enforced(void)
{
	make();
	world_reconfigure(&world, ENFORCED);
}

static double number_at(const json_t *json, const char *path)
{
	char name[32];
	const char *dot = strchr(path, '.');
	if (!dot)
		return json_number_value(json_object_get(json, path));
	span_copy(span_make(path, (size_t)(dot - path)), name, sizeof(name));
	const json_t *inner = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10))
						  : json_object_get(json, name);
	return number_at(inner, dot + 1);
}

static json_t *row_of(json_t *rows, const char *name)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (strcmp(text_at(row, "signal"), name) == 0)
			return row;
	}
	return NULL;
}

/* "add" in the order that policyctl sends. */
static json_t *add(const char *account, const char *signal, const char *more)
{
	char request[512];
	ck_assert_int_lt(snprintf(request, sizeof(request),
				 "{'verb':'signal add','args':{'account':'%s','signal':'%s'%s}}",
				 account, signal, more),
		(int)sizeof(request));
	return ask(&world, request);
}
#define WHY ",'reason':'a list of passwords'"

static void add_well(const char *account, const char *signal, const char *more)
{
	json_t *answer = add(account, signal, more);
	ck_assert_msg(json_is_true(json_object_get(answer, "ok")), "%s", text_at(answer, "error"));
	json_decref(answer);
}

static json_t *show(const char *account)
{
	char request[256];
	ck_assert_int_gt(snprintf(request, sizeof(request),
				 "{'verb':'show','args':{'account':'%s'}}", account),
		0);
	return ask_data(&world, request);
}

/* ---- signals ---- */

START_TEST(test_signals)
{
	json_t *rows = ask_data(&world, "{'verb':'signals'}");
	ck_assert_uint_eq(json_array_size(rows), SIGNAL_COUNT);
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		const json_t *row = json_array_get(rows, i);
		static const char *const texts[] = {
			"signal", "family", "mode", "half_life", "window", "says"};
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
			ck_assert_msg(
				strlen(text_at(row, texts[j])) > 1, "row %zu: %s", i, texts[j]);
	}
	const json_t *bounces = row_of(rows, "bounces");
	ck_assert_str_eq(text_at(bounces, "mode"), "enforce");
	ck_assert_double_eq_tol(
		number_at(bounces, "cap"), signal_rows[SIGNAL_BOUNCES].cap / 2, 0.05);
	ck_assert_str_eq(text_at(row_of(rows, "countries"), "mode"), "observe");
	ck_assert_str_eq(text_at(row_of(rows, "off-hours"), "mode"), "off");
	ck_assert_str_eq(text_at(row_of(rows, "off-hours"), "needs"), "null");
	json_decref(rows);
}
END_TEST

/* Who has no database should not wait for what needs one. */
START_TEST(test_needs)
{
	metric_set(METRIC_GEOIP_LOADED, 0);
	json_t *rows = ask_data(&world, "{'verb':'signals'}");
	ck_assert_str_eq(
		text_at(row_of(rows, "countries"), "needs"), "geoip (none is loaded: silent)");
	json_decref(rows);
	metric_set(METRIC_GEOIP_LOADED, 1);
	rows = ask_data(&world, "{'verb':'signals'}");
	ck_assert_str_eq(text_at(row_of(rows, "countries"), "needs"), "geoip");
	json_decref(rows);
}
END_TEST

/* All is observed: then each signal is. */
START_TEST(test_signals_observed)
{
	world_reconfigure(&world, "limits = ( { name = \"hourly\"; rate = \"1000/1h\"; } );\n"
				  "signals = { mode = \"observe\"; };\n");
	json_t *rows = ask_data(&world, "{'verb':'signals'}");
	ck_assert_str_eq(text_at(row_of(rows, "bounces"), "mode"), "observe");
	json_decref(rows);
}
END_TEST

/* ---- signal add ---- */

START_TEST(test_add)
{
	add_well("Alice@Example.org", "reported", ",'n':'3'" WHY);
	json_t *data = show("alice@example.org");
	ck_assert_double_gt(number_at(data, "ladder.score"), 0);
	ck_assert_str_eq(text_at(data, "evidence.0.signal"), "reported");
	ck_assert_double_gt(number_at(data, "evidence.0.points"), 0);
	ck_assert_str_eq(text_at(data, "evidence.0.mode"), "enforce");
	ck_assert_str_eq(text_at(data, "evidence.0.at"), "2026-09-21T14:13:20Z");
	/* One decimal, whatever is behind it. */
	double score = number_at(data, "ladder.score") * 10;
	ck_assert_double_eq_tol(score, round(score), 1e-6);
	json_decref(data);
	json_t *rows = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(rows, "0.event"), "signal");
	ck_assert_str_eq(text_at(rows, "0.account"), "alice@example.org");
	ck_assert_str_eq(text_at(rows, "0.limit"), "reported 3");
	ck_assert_str_eq(text_at(rows, "0.reason"), "a list of passwords");
	json_decref(rows);
}
END_TEST

static const struct {
	const char *account, *signal, *more, *error;
} refused[] = {
	{"alice", "complants", WHY, "did you mean \"complaints\""},
	{"alice", "zzzzzzzzzzzzzz", WHY, "policyctl signals shows them all"},
	{"alice", "travel", WHY, "policyd finds \"travel\" itself; what can be told are bounces, "},
	{"alice", "reported", ",'n':'0'" WHY, "a number from 1 to 100000"},
	{"alice", "reported", ",'n':'100001'" WHY, "a number from 1 to 100000"},
	{"alice", "reported", ",'n':'-1'" WHY, "a number from 1 to 100000"},
	{"alice", "reported", ",'n':'1e3'" WHY, "a number from 1 to 100000"},
	{"alice", "reported", "", "--reason"},
	{"alice", "reported", ",'reason':' '", "--reason"},
	{"alice", "reported", ",'reason':'a\\nb'", "control character"},
	{"from_domain:example.org", "reported", WHY, "sends nothing"},
	{"@example.org", "reported", WHY, "sends nothing"},
};

START_TEST(test_add_refused)
{
	json_t *answer = add(refused[_i].account, refused[_i].signal, refused[_i].more);
	ck_assert(json_is_false(json_object_get(answer, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(answer, "exit")), EX_USAGE);
	const char *error = text_at(answer, "error");
	ck_assert_msg(strstr(error, refused[_i].error), "%s", error);
	json_decref(answer);
	json_t *rows = ask_data(&world, "{'verb':'audit'}");
	ck_assert_uint_eq(json_array_size(rows), 0);
	json_decref(rows);
}
END_TEST

/* ---- show, explain, top, status ---- */

START_TEST(test_show_calm)
{
	(void)mail(&world, "alice", "a.1");
	json_t *data = show("alice");
	ck_assert_str_eq(text_at(data, "ladder.step"), "none");
	ck_assert_str_eq(text_at(data, "ladder.would_be"), "none");
	ck_assert_str_eq(text_at(data, "ladder.since"), "null");
	ck_assert_str_eq(text_at(data, "ladder.probation_until"), "null");
	ck_assert_str_eq(text_at(data, "ladder.forgiven_until"), "null");
	ck_assert_double_gt(number_at(data, "ladder.thresholds.note"), 0);
	ck_assert_double_gt(number_at(data, "ladder.thresholds.suspend"),
		number_at(data, "ladder.thresholds.hold"));
	ck_assert(json_is_array(json_object_get(data, "evidence")));
	ck_assert(json_is_array(json_object_get(data, "normal")));
	ck_assert_str_eq(text_at(data, "ladder.capped"), "null");
	/* Why a threshold is not what the configuration says. */
	ck_assert_ptr_nonnull(strstr(text_at(data, "ladder.thresholds_say"), "x 2.5 until 2026-"));
	ck_assert_ptr_nonnull(strstr(
		text_at(data, "ladder.thresholds_say"), ": what is normal here is being learnt"));
	/* A day old nothing is: no line says that it sends nothing. */
	char *normal = json_dumps(json_object_get(data, "normal"), 0);
	ck_assert_ptr_nonnull(strstr(normal, "none has settled yet"));
	ck_assert_ptr_null(strstr(normal, "an hour"));
	free(normal);
	json_decref(data);
}
END_TEST

START_TEST(test_explain)
{
	(void)mail(&world, "alice", "a.1");
	json_t *data = ask_data(&world, "{'verb':'explain','args':{'account':'alice'}}");
	ck_assert_str_eq(text_at(data, "ladder.step"), "none");
	ck_assert_str_eq(text_at(data, "ladder.holds"), "nothing");
	ck_assert_str_eq(text_at(data, "ladder.mode"), "enforce");
	ck_assert_ptr_nonnull(strstr(text_at(data, "ladder.where"), "test.conf:"));
	json_decref(data);
}
END_TEST

START_TEST(test_top)
{
	(void)mail(&world, "carol", "c.1");
	add_well("alice", "reported", ",'n':'40'" WHY);
	add_well("bob", "reported", ",'n':'80'" WHY);
	json_t *rows = ask_data(&world, "{'verb':'top','args':{'by':'score'}}");
	ck_assert_uint_ge(json_array_size(rows), 2);
	ck_assert_str_eq(text_at(rows, "0.account"), "bob");
	ck_assert_str_eq(text_at(rows, "1.account"), "alice");
	ck_assert_double_gt(number_at(rows, "0.score"), number_at(rows, "1.score"));
	ck_assert_ptr_nonnull(strstr(text_at(rows, "0.evidence"), "reported: "));
	json_decref(rows);
	rows = ask_data(&world, "{'verb':'top','args':{'by':'score','count':'1'}}");
	ck_assert_uint_eq(json_array_size(rows), 1);
	json_decref(rows);
	/* As it was before there were scores. */
	rows = ask_data(&world, "{'verb':'top'}");
	ck_assert_str_eq(text_at(rows, "0.account"), "carol");
	ck_assert_ptr_null(json_object_get(json_array_get(rows, 0), "score"));
	json_decref(rows);
	ask_refused(&world, "{'verb':'top','args':{'by':'points'}}", EX_USAGE,
		"--by needs score, or a unit");
}
END_TEST

START_TEST(test_status)
{
	add_well("alice", "reported", ",'n':'90'" WHY);
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "ladder.mode"), "enforce");
	ck_assert_str_eq(text_at(data, "ladder.brake"), "off");
	ck_assert_double_eq(number_at(data, "ladder.scored"), 1);
	ck_assert(json_is_integer(json_object_get(
		json_object_get(json_object_get(data, "ladder"), "accounts_at"), "suspend")));
	ck_assert_double_gt(number_at(data, "ladder.memory_bytes"), 0);
	json_decref(data);
}
END_TEST

/* ---- release ---- */

#define RELEASE(more) "{'verb':'release','args':{'account':'alice','reason':'asked her'" more "}}"

START_TEST(test_release_false_positive)
{
	add_well("alice", "reported", ",'n':'60'" WHY);
	json_t *data = ask_data(&world, RELEASE(",'verdict':'false-positive'"));
	ck_assert_double_gt(number_at(data, "score_was"), 0);
	ck_assert_str_eq(text_at(data, "verdict"), "false-positive");
	ck_assert_str_eq(text_at(data, "since"), "null");
	json_decref(data);
	data = show("alice");
	ck_assert_double_eq(number_at(data, "ladder.score"), 0);
	ck_assert_str_eq(text_at(data, "ladder.step"), "none");
	ck_assert_str_eq(text_at(data, "ladder.probation_until"), "null");
	ck_assert_str_ne(text_at(data, "ladder.forgiven_until"), "null");
	json_decref(data);
	json_t *rows = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(rows, "1.event"), "release");
	ck_assert_str_eq(text_at(rows, "1.limit"), "false-positive");
	json_decref(rows);
}
END_TEST

/* Without a verdict it is watched more closely for a while. */
START_TEST(test_release_probation)
{
	add_well("alice", "reported", ",'n':'60'" WHY);
	json_decref(
		ask_data(&world, "{'verb':'suspend','args':{'account':'alice','reason':'spam'}}"));
	json_t *before = show("alice");
	json_decref(ask_data(&world, RELEASE("")));
	json_t *after = show("alice");
	ck_assert_double_eq_tol(
		number_at(after, "ladder.score"), number_at(before, "ladder.score") / 2, 0.11);
	ck_assert_str_eq(text_at(after, "ladder.step"), "none");
	ck_assert_str_ne(text_at(after, "ladder.probation_until"), "null");
	ck_assert_double_eq_tol(number_at(after, "ladder.thresholds.hold"),
		number_at(before, "ladder.thresholds.hold") / 2, 0.11);
	json_decref(before);
	json_decref(after);
}
END_TEST

START_TEST(test_release_refused)
{
	ask_refused(&world, RELEASE(""), 1, "at no step of the ladder");
	/* What is not known cannot have been judged wrongly. */
	ask_refused(&world, RELEASE(",'verdict':'confirmed'"), 1, "at no step of the ladder");
	ask_refused(&world, RELEASE(",'verdict':'maybe'"), EX_USAGE,
		"--verdict needs false-positive or confirmed");
	/* The desk may know more than policyd. */
	(void)mail(&world, "alice", "a.1");
	world.now.mono.us += 30 * DAY_US;
	world.now.wall.us += 30 * DAY_US;
	ask_refused(&world, RELEASE(""), 1, "at no step of the ladder");
	json_decref(ask_data(&world, RELEASE(",'verdict':'confirmed'")));
}
END_TEST

START_TEST(test_release_suspension)
{
	json_decref(
		ask_data(&world, "{'verb':'suspend','args':{'account':'alice','reason':'spam'}}"));
	ck_assert_int_eq(mail(&world, "alice", "a.1").action, ACTION_REJECT);
	json_t *data = ask_data(&world, RELEASE(",'verdict':'confirmed'"));
	ck_assert_str_eq(text_at(data, "since"), "2026-09-21T14:13:20Z");
	json_decref(data);
	ck_assert_int_eq(mail(&world, "alice", "a.2").action, ACTION_DUNNO);
}
END_TEST

int main(void)
{
	static const struct {
		const char *name;
		const TTest *const *test;
		int rows;
	} rows[] = {
		{"signals", &test_signals, 0},
		{"needs", &test_needs, 0},
		{"signals_observed", &test_signals_observed, 0},
		{"add", &test_add, 0},
		{"add_refused", &test_add_refused, ROWS(refused)},
		{"show_calm", &test_show_calm, 0},
		{"explain", &test_explain, 0},
		{"top", &test_top, 0},
		{"status", &test_status, 0},
		{"release_false_positive", &test_release_false_positive, 0},
		{"release_probation", &test_release_probation, 0},
		{"release_refused", &test_release_refused, 0},
		{"release_suspension", &test_release_suspension, 0},
	};
	Suite *suite = suite_create("control_signals");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		TCase *tests = tcase_create(rows[i].name);
		tcase_add_checked_fixture(tests, make_enforced, clean);
		tcase_set_timeout(tests, 60);
		if (rows[i].rows)
			tcase_add_loop_test(tests, *rows[i].test, 0, rows[i].rows);
		else
			tcase_add_test(tests, *rows[i].test);
		suite_add_tcase(suite, tests);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
