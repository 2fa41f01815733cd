/* SPDX-License-Identifier: ISC */
/* The command table: grammar, command lines and requests. Answers are
 * test_control.c's. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/command.h"
#include "policyd/control.h"

#define WORDS_MAX  10
#define ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static char *text_of(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
	return text;
}

/* ---- grammar ---- */

static const struct {
	const char *grammar;
	/* Of the last argument. */
	const char *name, *option, *value;
	int result;
	bool is_required, is_repeated;
} grammars[] = {
	{"ACCOUNT", "account", "", "ACCOUNT", 0, true, false},
	{"[VERB]", "verb", "", "VERB", 0, false, false},
	{"ACCOUNT --reason TEXT", "reason", "--reason", "TEXT", 0, true, false},
	{"[--for DURATION]", "for", "--for", "DURATION", 0, false, false},
	{"[--json]", "json", "--json", "", 0, false, false},
	{"  [-c FILE]  ", "c", "-c", "FILE", 0, false, false},
	{"[--set NAME=VALUE]...", "set", "--set", "NAME=VALUE", 0, false, true},
	{"FILE...", "file", "", "FILE", 0, true, true},
	{"[VERB", NULL, NULL, NULL, -1, false, false},
	{"VERB]", NULL, NULL, NULL, -1, false, false},
	{"--reason", NULL, NULL, NULL, -1, false, false},
	{"[--for", NULL, NULL, NULL, -1, false, false},
	{"[]", NULL, NULL, NULL, -1, false, false},
	{"--", NULL, NULL, NULL, -1, false, false},
	{"[--]", NULL, NULL, NULL, -1, false, false},
	{"A_WORD_THAT_IS_MUCH_TOO_LONG", NULL, NULL, NULL, -1, false, false},
	{"A B C D E F G H I J K L M N O P Q", NULL, NULL, NULL, -1, false, false},
};

START_TEST(test_grammar)
{
	struct command_spec spec = {0};
	int r = command_spec_add(&spec, grammars[_i].grammar);
	ck_assert_int_eq(r < 0, grammars[_i].result < 0);
	if (r != 0)
		return;
	const struct command_arg *arg = &spec.arg[spec.n - 1];
	ck_assert_str_eq(arg->name, grammars[_i].name);
	ck_assert(span_equal(arg->option, span_of(grammars[_i].option)));
	ck_assert(span_equal(arg->value, span_of(grammars[_i].value)));
	ck_assert_int_eq(arg->is_required, grammars[_i].is_required);
	ck_assert_int_eq(arg->is_repeated, grammars[_i].is_repeated);
}
END_TEST

START_TEST(test_rows)
{
	const struct command_row *row = &command_rows[_i];
	struct command_spec spec = {0};
	ck_assert_ptr_eq(command_find(span_of(row->verb)), row);
	ck_assert_int_eq(command_spec_add(&spec, row->grammar), 0);
	ck_assert_uint_gt(strlen(row->help), 0);
	ck_assert_uint_gt(strlen(command_right_name(row->right)), 0);
	for (size_t i = 0; i < spec.n; i++) {
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(spec.arg[i].name, spec.arg[j].name);
	}
	/* Changing needs a right; looking does not. */
	bool changes = _i == COMMAND_suspend || _i == COMMAND_release ||
		       _i == COMMAND_override_set || _i == COMMAND_override_unset ||
		       _i == COMMAND_reset || _i == COMMAND_reload || _i == COMMAND_signal_add ||
		       _i == COMMAND_egress_delist || _i == COMMAND_egress_posture;
	ck_assert_int_eq(row->right > RIGHT_VIEW, changes);
}
END_TEST

/* Verbs of one word or more; the verbs of a group stand together. */
START_TEST(test_groups)
{
	const char *verb = command_rows[_i].verb;
	for (size_t n = 0; n <= strlen(verb); n++) {
		struct span group = span_make(verb, n);
		bool is_in = n > 0 && verb[n] == ' ';
		ck_assert_int_eq(command_in_group(&command_rows[_i], group), is_in);
		ck_assert(!is_in || command_is_group(group));
		bool is_past = false;
		for (int i = _i + 1; is_in && i < COMMAND_COUNT; i++) {
			bool is_next = command_in_group(&command_rows[i], group);
			ck_assert(!is_next || !is_past);
			is_past = !is_next;
		}
	}
}
END_TEST

static const struct {
	const char *words;
	bool is_verb, is_group;
} beginnings[] = {
	{"status", true, false},
	{"override", false, true},
	{"override ", false, false},
	{"overrid", false, false},
	{"override set", true, false},
	{"override set alice", false, false},
	{"egress", true, true},
	{"egress check", true, false},
	{"egress lists", true, true},
	{"egress lists test", true, false},
	{"egress  lists", false, false},
	{"lists", false, false},
	{"", false, false},
};

START_TEST(test_beginnings)
{
	struct span words = span_of(beginnings[_i].words);
	ck_assert_int_eq(command_find(words) != NULL, beginnings[_i].is_verb);
	ck_assert_int_eq(command_is_group(words), beginnings[_i].is_group);
}
END_TEST

/* ---- suggestions ---- */

static const struct {
	const char *typed, *error;
} complaints[] = {
	{"supend", "unknown verb \"supend\"; did you mean \"suspend\"?"},
	{"suspned", "unknown verb \"suspned\"; did you mean \"suspend\"?"},
	{"stat", "unknown verb \"stat\"; did you mean \"status\"?"},
	{"STATUS", "unknown verb \"STATUS\"; did you mean \"status\"?"},
	{"relase", "unknown verb \"relase\"; did you mean \"release\"?"},
	{"hepl", "unknown verb \"hepl\"; did you mean \"help\"?"},
	{"reste", "unknown verb \"reste\"; did you mean \"reset\"?"},
	{"over", "unknown verb \"over\"; did you mean \"override\"?"},
	{"overide set", "unknown verb \"overide set\"; did you mean \"override\"?"},
	{"override", "override needs one of set, unset, list"},
	{" override ", "override needs one of set, unset, list"},
	{"config", "config needs one of check, show, defaults"},
	{"override sett", "unknown verb \"override sett\"; did you mean \"override set\"?"},
	{"override uns", "unknown verb \"override uns\"; did you mean \"override unset\"?"},
	{"config chekc", "unknown verb \"config chekc\"; did you mean \"config check\"?"},
	{"override x", "unknown verb \"override x\": override needs one of set, unset, list"},
	{"override set x", "unknown verb \"override set x\"; did you mean \"override set\"?"},
	{"egress chekc", "unknown verb \"egress chekc\"; did you mean \"egress check\"?"},
	{"egress list", "unknown verb \"egress list\"; did you mean \"egress lists\"?"},
	{"egress lists tset",
		"unknown verb \"egress lists tset\"; did you mean \"egress lists test\"?"},
	{"egress listst test",
		"unknown verb \"egress listst test\"; did you mean \"egress lists\"?"},
	{"egres lists", "unknown verb \"egres lists\"; did you mean \"egress\"?"},
	{"egress xyzzy",
		"unknown verb \"egress xyzzy\": egress stands alone or with one of "
		"check, lists, clients, culprits, dossier, delist, delists, programmes, posture"},
	{"egress lists xyzzy", "unknown verb \"egress lists xyzzy\": egress lists stands alone or "
			       "with one of test"},
	{"xyzzy", "unknown verb \"xyzzy\""},
	{"", "unknown verb \"\""},
	{" ", "unknown verb \"\""},
	{"a", "unknown verb \"a\""},
	{"a-word-that-is-longer-than-all-verbs-and-than-any-that-is-shown-whole",
		"unknown verb "
		"\"a-word-that-is-longer-than-all-verbs-and-than-any-that-is-sh\""},
};

START_TEST(test_complain)
{
	struct errbuf err;
	ck_assert_ptr_null(command_find(span_of(complaints[_i].typed)));
	command_complain(span_of(complaints[_i].typed), &err);
	ck_assert_str_eq(err.text, complaints[_i].error);
}
END_TEST

/* ---- command lines ---- */

static const struct {
	const char *grammar;
	const char *word[WORDS_MAX];
	const char *json; /* NULL: an error, and */
	const char *error;
} lines[] = {
	{"ACCOUNT", {"alice"}, "{\"account\":\"alice\"}", NULL},
	{"ACCOUNT", {NULL}, NULL, "ACCOUNT is missing"},
	{"ACCOUNT", {"a", "b"}, NULL, "one argument too many: b"},
	{"A [B]", {"1"}, "{\"a\":\"1\"}", NULL},
	{"A [B]", {"1", "2"}, "{\"a\":\"1\",\"b\":\"2\"}", NULL},
	{"A --x Y", {"1", "--x", "2"}, "{\"a\":\"1\",\"x\":\"2\"}", NULL},
	{"A --x Y", {"--x", "2", "1"}, "{\"a\":\"1\",\"x\":\"2\"}", NULL},
	{"A --x Y", {"--x=2", "1"}, "{\"a\":\"1\",\"x\":\"2\"}", NULL},
	{"A --x Y", {"--x=", "1"}, "{\"a\":\"1\",\"x\":\"\"}", NULL},
	{"A --x Y", {"--x=a=b", "1"}, "{\"a\":\"1\",\"x\":\"a=b\"}", NULL},
	{"A --x Y", {"--x", "--x", "1"}, "{\"a\":\"1\",\"x\":\"--x\"}", NULL},
	{"A --x Y", {"1"}, NULL, "--x Y is missing"},
	{"A --x Y", {"1", "--x"}, NULL, "--x Y lacks its value"},
	{"A --x Y", {"1", "--x=1", "--x=2"}, NULL, "--x Y is given twice"},
	{"A --x Y", {"1", "--xy", "2"}, NULL, "unknown option --xy"},
	{"A --x Y", {"1", "--y"}, NULL, "unknown option --y"},
	{"A [--x]", {"--x", "1"}, "{\"a\":\"1\",\"x\":true}", NULL},
	{"A [--x]", {"--x=1", "1"}, NULL, "--x takes no value"},
	{"A [--x]", {"--", "--x"}, "{\"a\":\"--x\"}", NULL},
	{"A", {"-"}, "{\"a\":\"-\"}", NULL},
	{"A", {""}, "{\"a\":\"\"}", NULL},
	{"[-c FILE]", {"-c", "f"}, "{\"c\":\"f\"}", NULL},
	{"[-c FILE]", {"-cf"}, "{\"c\":\"f\"}", NULL},
	{"[-c FILE]", {"-c=f"}, "{\"c\":\"f\"}", NULL},
	{"[--set N=V]...", {NULL}, "{}", NULL},
	{"[--set N=V]...", {"--set", "a=1"}, "{\"set\":[\"a=1\"]}", NULL},
	{"[--set N=V]...", {"--set", "a=1", "--set=b=2"}, "{\"set\":[\"a=1\",\"b=2\"]}", NULL},
	{"A FILE...", {"1", "2", "3"}, "{\"a\":\"1\",\"file\":[\"2\",\"3\"]}", NULL},
	{"A", {"\xff"}, NULL, "A is not valid UTF-8"},
	{"A", {"m\xc3\xbcller"}, "{\"a\":\"m\xc3\xbcller\"}", NULL},
};

START_TEST(test_line)
{
	struct command_spec spec = {0};
	struct errbuf err;
	json_t *args, *checked;
	char *word[WORDS_MAX];
	size_t n = 0;
	for (; n < WORDS_MAX && lines[_i].word[n]; n++)
		word[n] = strdup(lines[_i].word[n]);
	ck_assert_int_eq(command_spec_add(&spec, lines[_i].grammar), 0);
	int r = command_args_parse(&spec, n, word, &args, &err);
	if (r == 0) {
		r = command_args_check(&spec, args, &checked, &err);
		json_decref(args);
	}
	while (n > 0)
		free(word[--n]);
	if (!lines[_i].json) {
		ck_assert_int_lt(r, 0);
		ck_assert_str_eq(err.text, lines[_i].error);
		return;
	}
	ck_assert_int_eq(r, 0);
	char *text = text_of(checked);
	ck_assert_str_eq(text, lines[_i].json);
	free(text);
}
END_TEST

/* ---- which words are the verb ---- */

static const struct {
	const char *word[WORDS_MAX];
	const char *verb; /* NULL: none, and what was looked at is */
	const char *text;
	const char *rest[WORDS_MAX];
} typed[] = {
	{{"status"}, "status", "status", {NULL}},
	{{"-s", "x", "--json", "show", "a"}, "show", "show", {"-s", "x", "--json", "a"}},
	{{"override", "-s", "x", "set", "a"}, "override set", "override set", {"-s", "x", "a"}},
	{{"override", "sett", "a"}, NULL, "override sett", {"a"}},
	{{"override"}, NULL, "override", {NULL}},
	{{"nonsense", "set"}, NULL, "nonsense", {"set"}},
	{{"egress"}, "egress", "egress", {NULL}},
	{{"egress", "192.0.2.1"}, "egress", "egress 192.0.2.1", {"192.0.2.1"}},
	{{"egress", "--json"}, "egress", "egress", {"--json"}},
	{{"egress", "check", "check", "--wait"}, "egress check", "egress check",
		{"check", "--wait"}},
	{{"egress", "lists"}, "egress lists", "egress lists", {NULL}},
	{{"egress", "--json", "lists", "test", "zen"}, "egress lists test", "egress lists test",
		{"--json", "zen"}},
	{{"egress", "lists", "tset", "zen"}, "egress lists", "egress lists tset", {"tset", "zen"}},
	{{"--", "egress", "--", "lists", "--", "x"}, "egress lists", "egress lists x", {"--", "x"}},
	{{"--json"}, NULL, "", {"--json"}},
	{{"-s"}, NULL, "", {"-s"}},
	{{NULL}, NULL, "", {NULL}},
};

START_TEST(test_verb)
{
	char *word[WORDS_MAX + 1] = {strdup("policyctl")};
	int argc = 1;
	size_t n;
	for (; argc <= WORDS_MAX && typed[_i].word[argc - 1]; argc++)
		word[argc] = strdup(typed[_i].word[argc - 1]);
	const struct command_line line = command_line_find(argc, word);
	ck_assert_str_eq(line.text, typed[_i].text);
	ck_assert_pstr_eq(line.row ? line.row->verb : NULL, typed[_i].verb);
	char **rest = command_line_rest(argc, word, &line, &n);
	for (size_t i = 0; i < n; i++)
		ck_assert_pstr_eq(rest[i], typed[_i].rest[i]);
	ck_assert_ptr_null(typed[_i].rest[n]);
	free(rest);
	while (argc > 0)
		free(word[--argc]);
}
END_TEST

/* ---- requests over the socket ---- */

static const struct {
	const char *line;
	int result;
	const char *text; /* the arguments, or the error (its beginning) */
} requests[] = {
	{"{\"verb\":\"status\"}", 0, "{}"},
	{"{\"verb\":\"status\",\"args\":null}", 0, "{}"},
	{" {\"args\":{},\"verb\":\"status\"}\r", 0, "{}"},
	{"{\"verb\":\"show\",\"args\":{\"account\":\"a\"}}", 0, "{\"account\":\"a\"}"},
	{"{\"verb\":\"top\",\"args\":{\"count\":5}}", 0, "{\"count\":\"5\"}"},
	{"{\"verb\":\"top\",\"args\":{\"count\":1.5}}", 0, "{\"count\":\"1.5\"}"},
	{"{\"verb\":\"top\",\"args\":{\"by\":null}}", 0, "{}"},
	{"{\"verb\":\"status\",\"progress\":true}", 0, "{}"},
	{"{\"verb\":\"status\",\"progress\":1}", CONTROL_LINE_BROKEN, "the request must have"},
	{"{\"verb\":\"egress lists test\",\"args\":{\"zone\":\"zen\"}}", 0, "{\"zone\":\"zen\"}"},
	{"{\"verb\":\"egress check\",\"args\":{\"wait\":true},\"progress\":true}", 0,
		"{\"wait\":true}"},
	{"{\"verb\":\"show\"}", CONTROL_LINE_REFUSED, "ACCOUNT is missing"},
	{"{\"verb\":\"show\",\"args\":{\"account\":null}}", CONTROL_LINE_REFUSED,
		"ACCOUNT is missing"},
	{"{\"verb\":\"show\",\"args\":{\"account\":true}}", CONTROL_LINE_REFUSED,
		"ACCOUNT must be text"},
	{"{\"verb\":\"show\",\"args\":{\"account\":[\"a\"]}}", CONTROL_LINE_REFUSED,
		"ACCOUNT must be text"},
	{"{\"verb\":\"show\",\"args\":{\"account\":\"a\",\"x\":1}}", CONTROL_LINE_REFUSED,
		"unknown argument \"x\""},
	{"{\"verb\":\"show\",\"args\":[]}", CONTROL_LINE_REFUSED, "args must be an object"},
	{"{\"verb\":\"nonsense\"}", CONTROL_LINE_REFUSED, "unknown verb \"nonsense\""},
	{"{\"verb\":\"help\"}", CONTROL_LINE_REFUSED, "help is done by policyctl itself"},
	{"{\"verb\":\"config check\"}", CONTROL_LINE_REFUSED,
		"config check is done by policyctl itself"},
	{"{\"verb\":\"override list\"}", 0, "{}"},
	{"{\"verb\":\"override set\",\"args\":{\"account\":\"a\",\"limit\":\"l\","
	 "\"rate\":\"5/1h\",\"reason\":\"r\"}}",
		0, "{\"account\":\"a\",\"limit\":\"l\",\"rate\":\"5/1h\",\"reason\":\"r\"}"},
	{"{\"verb\":\"override set\",\"args\":{\"account\":\"a\",\"limit\":\"l\","
	 "\"reason\":\"r\"}}",
		CONTROL_LINE_REFUSED, "RATE is missing"},
	{"{\"verb\":\"override  list\"}", CONTROL_LINE_REFUSED, "unknown verb"},
	{"{\"verb\":\"override\"}", CONTROL_LINE_REFUSED, "override needs one of set"},
	{"{\"verb\":\"override set \"}", CONTROL_LINE_REFUSED, "unknown verb"},
	{"{\"verb\":7}", CONTROL_LINE_BROKEN, "the verb must be text"},
	{"{}", CONTROL_LINE_BROKEN, "the request must have"},
	{"{\"verb\":\"status\",\"more\":1}", CONTROL_LINE_BROKEN, "the request must have"},
	{"{\"verb\":\"status\",\"verb\":\"top\"}", CONTROL_LINE_BROKEN, "the request is no JSON"},
	{"{\"verb\":\"status\"} x", CONTROL_LINE_BROKEN, "the request is no JSON"},
	{"{\"verb\":\"a\\u0000b\"}", CONTROL_LINE_BROKEN, "the request is no JSON"},
	{"{\"verb\":\"\xff\"}", CONTROL_LINE_BROKEN, "the request is no JSON"},
	{"[]", CONTROL_LINE_BROKEN, "the request must have"},
	{"", CONTROL_LINE_BROKEN, "the request is no JSON"},
	{"GET / HTTP/1.1", CONTROL_LINE_BROKEN, "the request is no JSON"},
	{"[[[[[[[[[[[[", CONTROL_LINE_BROKEN, "the request is nested too deeply"},
	{"{\"verb\":\"show\",\"args\":{\"account\":\"[[[[[[[[[[\\\"[[\"}}", 0,
		"{\"account\":\"[[[[[[[[[[\\\"[[\"}"},
};

START_TEST(test_request)
{
	struct control_request request;
	struct errbuf err;
	int r = control_line_parse(span_of(requests[_i].line), &request, &err);
	ck_assert_int_eq(r, requests[_i].result);
	if (r != 0) {
		ck_assert(span_starts(span_of(err.text), span_of(requests[_i].text)));
		return;
	}
	ck_assert_int_eq(
		request.wants_progress, strstr(requests[_i].line, "\"progress\":true") != NULL);
	char *text = text_of(request.args);
	ck_assert_str_eq(text, requests[_i].text);
	free(text);
}
END_TEST

START_TEST(test_request_bounds)
{
	struct control_request request;
	struct errbuf err;
	static const char nul[] = "{\"verb\":\"sta\0us\"}";
	struct span status = SPAN("{\"verb\":\"status\"}");
	char *line = malloc(CONTROL_LINE_MAX);
	ck_assert_int_eq(control_line_parse(span_make(nul, sizeof(nul) - 1), &request, &err),
		CONTROL_LINE_BROKEN);
	memset(line, ' ', CONTROL_LINE_MAX);
	for (size_t i = 0; i < status.n; i++)
		line[i] = status.p[i];
	ck_assert_int_eq(
		control_line_parse(span_make(line, CONTROL_LINE_MAX - 1), &request, &err), 0);
	json_decref(request.args);
	ck_assert_int_eq(control_line_parse(span_make(line, CONTROL_LINE_MAX), &request, &err),
		CONTROL_LINE_BROKEN);
	free(line);
}
END_TEST

START_TEST(test_request_written)
{
	json_t *args = json_pack("{s:s}", "account", "a\nb");
	char *line = control_line_format(&command_rows[COMMAND_show], args);
	ck_assert_str_eq(line, "{\"verb\":\"show\",\"args\":{\"account\":\"a\\nb\"}}\n");
	free(line);
	/* Only what takes long asks to be told of it: an older daemon does not know
   * the word. */
	line = control_line_format(&command_rows[COMMAND_egress_check], args);
	ck_assert_str_eq(line, "{\"verb\":\"egress check\",\"args\":{\"account\":\"a\\nb\"},"
			       "\"progress\":true}\n");
	free(line);
	char *longest = malloc(CONTROL_LINE_MAX);
	memset(longest, 'x', CONTROL_LINE_MAX - 1);
	longest[CONTROL_LINE_MAX - 1] = '\0';
	json_object_set_new(args, "account", json_string(longest));
	ck_assert_ptr_null(control_line_format(&command_rows[COMMAND_show], args));
	free(longest);
	json_decref(args);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tests = tcase_create("command");
	SRunner *runner = srunner_create(suite);
	tcase_add_loop_test(tests, test_grammar, 0, ROWS(grammars));
	tcase_add_loop_test(tests, test_rows, 0, COMMAND_COUNT);
	tcase_add_loop_test(tests, test_groups, 0, COMMAND_COUNT);
	tcase_add_loop_test(tests, test_beginnings, 0, ROWS(beginnings));
	tcase_add_loop_test(tests, test_complain, 0, ROWS(complaints));
	tcase_add_loop_test(tests, test_line, 0, ROWS(lines));
	tcase_add_loop_test(tests, test_verb, 0, ROWS(typed));
	tcase_add_loop_test(tests, test_request, 0, ROWS(requests));
	tcase_add_test(tests, test_request_bounds);
	tcase_add_test(tests, test_request_written);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
