/* SPDX-License-Identifier: ISC */
/* What people see of an answer, to the letter. */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/render.h"

#define ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static const struct {
	const char *columns, *json;
	unsigned width;
	bool is_colour;
	const char *shown;
} answers[] = {
	{"account=Account used=Used:r suspended=Suspended",
		"[{\"account\":\"alice\",\"used\":7,\"suspended\":true},"
		"{\"account\":\"bob@example.org\",\"used\":1000,\"suspended\":false},"
		"{\"account\":\"\",\"used\":null}]",
		0, false,
		"Account          Used  Suspended\n"
		"alice               7  yes\n"
		"bob@example.org  1000  no\n"
		"-                   -  -\n"},
	/* A wide character takes two columns, a combining one none. */
	{"a=A b=B", "[{\"a\":\"\xe6\x97\xa5\xe6\x9c\xac\",\"b\":1},{\"a\":\"e\xcc\x81t\",\"b\":2}]",
		0, false,
		"A     B\n"
		"\xe6\x97\xa5\xe6\x9c\xac  1\n"
		"e\xcc\x81t    2\n"},
	/* Without columns: those of the first row, numbers at the right. */
	{"", "[{\"n\":5,\"name\":\"x\"},{\"n\":12,\"name\":\"y\"}]", 0, false,
		" n  name\n"
		" 5  x\n"
		"12  y\n"},
	{"a=A", "[{\"a\":\"1\"}]", 0, true, "\033[1mA\033[0m\n1\n"},
	/* Escape sequences, C1 controls and direction marks stay text. */
	{"a=A", "[{\"a\":\"\\u001b[31mred\\u009b\\n\\u202ex\\u0000\"}]", 0, false,
		"A\n\\x1b[31mred\\x9b\\x0a\\u202ex\\x00\n"},
	/* Too wide for the screen: a block a row. */
	{"a=Long b=B", "[{\"a\":\"12345\",\"b\":\"12345\"},{\"a\":\"x\",\"b\":\"y\"}]", 11, false,
		"Long  12345\n"
		"B     12345\n"
		"\n"
		"Long  x\n"
		"B     y\n"},
	{"a=Long b=B", "[{\"a\":\"12345\",\"b\":\"12345\"}]", 12, false,
		"Long   B\n"
		"12345  12345\n"},
	/* What may be cut is, to the last column; what may be left out goes before all is a block. */
	{"a=A text=Text:c b=B_c:r", "[{\"a\":1,\"text\":\"0123456789 0123456789\",\"b\":2}]", 26,
		false,
		"A  Text                B c\n"
		"1  0123456789 0123...    2\n"},
	{"a=A text=Text:c b=B:o c=C:ro",
		"[{\"a\":\"x\",\"text\":\"0123456789 0123456789\",\"b\":"
		"\"y\",\"c\":3}]",
		22, false,
		"A  Text              B\n"
		"x  0123456789 01...  y\n"},
	{"a=A text=Text:c b=B:o", "[{\"a\":\"x\",\"text\":\"0123456789 0123456789\",\"b\":\"y\"}]",
		18, false,
		"A     x\n"
		"Text  0123456789 0123456789\n"
		"B     y\n"},
	{"a=A text=Text:c",
		"[{\"a\":\"x\",\"text\":\"\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac"
		"\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\"}]",
		20, false,
		"A  Text\n"
		"x  \xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac"
		"\xe6\x97\xa5...\n"},
	/* What may be left out is, where it says nothing. */
	{"a=A b=B:o c=C:r", "[{\"a\":\"x\",\"b\":null,\"c\":1},{\"a\":\"y\",\"c\":2}]", 0, false,
		"A  C\nx  1\ny  2\n"},
	/* A name is cut last, and less. */
	{"a=A:n b=B:c",
		"[{\"a\":\"2001:db8:85a3:8d3:1319:8a2e:370:7348\",\"b\":\"0123456789 "
		"0123456789\"}]",
		54, false,
		"A                                     B\n"
		"2001:db8:85a3:8d3:1319:8a2e:370:7348  0123456789 01...\n"},
	/* Blocks on every screen; their lines are broken between words, links stay whole. */
	{"a=LONG:b b=B:o t=Text",
		"[{\"a\":\"x\",\"b\":\"\",\"t\":\"one two three four five six "
		"https://a.example/very/long/indeed\\u001b\"},{\"a\":\"y\",\"b\":\"z\"}]",
		28, false,
		"LONG  x\n"
		"Text  one two three four\n"
		"      five six\n"
		"      https://a.example/very/long/indeed\\x1b\n"
		"\n"
		"LONG  y\n"
		"B     z\n"
		"Text  -\n"},
	/* A list of words in a cell. */
	{"a=A", "[{\"a\":[\"x\",\"y\\u001b\"]},{\"a\":[]}]", 0, false, "A\nx, y\\x1b\n-\n"},
	{"", "[]", 0, false, "There is nothing to show.\n"},
	{"", "[\"a\",\"b\"]", 0, false, "a, b\n"},
	{"", "\"done\"", 0, false, "done\n"},
	{"",
		"{\"version\":\"1\",\"open_messages\":2,\"none\":null,\"listeners\":[\"a\",\"b\"],"
		"\"e\":[],"
		"\"store\":{\"state\":\"ok\",\"error\":null}}",
		0, false,
		"version:       1\n"
		"open messages: 2\n"
		"none:          -\n"
		"listeners:     a, b\n"
		"e:             none\n"
		"store:\n"
		"  state: ok\n"
		"  error: -\n"},
	/* Sentences stand one a line. */
	{"", "{\"result\":\"refused\",\"messages\":[\"f:1: a, b\",\"x\\u001b\"],\"restart\":[]}", 0,
		false,
		"result:   refused\n"
		"messages:\n"
		"  f:1: a, b\n"
		"  x\\x1b\n"
		"restart:  none\n"},
	/* A text alone is its lines; what stands beside another member is a value like others. */
	{"", "{\"text\":\"# a\\n\\tb = \\\"c\\\";\\n\\nlast\"}", 0, false,
		"# a\n\tb = \"c\";\n\nlast\n"},
	{"", "{\"text\":\"a\\n\"}", 0, false, "a\n"},
	{"", "{\"text\":\"\"}", 0, false, ""},
	{"", "{\"text\":\"\\u001b[31m\\u0000\\r\\n\"}", 0, false, "\\x1b[31m\\x00\\x0d\n"},
	{"", "{\"text\":\"a\\nb\",\"n\":1}", 0, false, "text: a\\x0ab\nn:    1\n"},
	{"", "{\"text\":1}", 0, false, "text: 1\n"},
	/* An object's lists become tables below it, each with its columns. */
	{"limits: name=Limit used=Used:r decisions: at=Time",
		"{\"limits\":[{\"name\":\"hourly\",\"used\":5}],\"account\":\"a\","
		"\"decisions\":[{\"at\":\"now\",\"x\":1}]}",
		0, false,
		"account: a\n"
		"\n"
		"limits:\n"
		"Limit   Used\n"
		"hourly     5\n"
		"\n"
		"decisions:\n"
		"Time\n"
		"now\n"},
};

START_TEST(test_answer)
{
	char *shown = NULL;
	size_t n;
	json_t *data = json_loads(answers[_i].json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(data);
	struct render render = {
		.out = open_memstream(&shown, &n),
		.width = answers[_i].width,
		.is_colour = answers[_i].is_colour,
	};
	render_data(&render, answers[_i].columns, data);
	ck_assert_int_eq(fclose(render.out), 0);
	json_decref(data);
	ck_assert_str_eq(shown, answers[_i].shown);
	free(shown);
}
END_TEST

static const struct {
	const char *text;
	size_t n;
	const char *shown;
	size_t width;
} texts[] = {
	{"plain", 5, "plain", 5},
	{"", 0, "", 0},
	{"a\0b", 3, "a\\x00b", 6},
	{"\x7f\t", 2, "\\x7f\\x09", 8},
	{"\xff\xc3", 2, "\\xff\\xc3", 8},
	{"\xc0\xaf", 2, "\\xc0\\xaf", 8},                    /* overlong */
	{"\xed\xa0\x80", 3, "\\xed\\xa0\\x80", 12},          /* a surrogate */
	{"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80", 16}, /* above U+10FFFF */
	{"\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80", 2},
	{"\xc2\x85", 2, "\\x85", 4},            /* C1: next line */
	{"\xe2\x80\x8b", 3, "\\u200b", 6},      /* zero width space */
	{"\xf3\xa0\x80\x81", 4, "\\ue0001", 7}, /* language tag */
	{"\xc3\xbc", 2, "\xc3\xbc", 1},
};

START_TEST(test_escape)
{
	size_t width;
	char *shown = render_escape(span_make(texts[_i].text, texts[_i].n), &width);
	ck_assert_str_eq(shown, texts[_i].shown);
	ck_assert_uint_eq(width, texts[_i].width);
	free(shown);
}
END_TEST

/* Whatever is nested, it ends, and stays valid. */
START_TEST(test_depth)
{
	char *shown = NULL;
	size_t n;
	json_t *data = json_string("x");
	for (int i = 0; i < 200; i++)
		data = json_pack("{s:o}", "a", data);
	struct render render = {.out = open_memstream(&shown, &n)};
	render_data(&render, "", data);
	ck_assert_int_eq(fclose(render.out), 0);
	json_decref(data);
	ck_assert_uint_lt(n, 4000);
	free(shown);
}
END_TEST

/* ---- egress, as people read it ---- */

#define ROW(verdict, seen, state, more)                                                            \
	"{\"subject\":\"192.0.2.10\",\"list\":\"zen\",\"verdict\":\"" verdict                      \
	"\",\"seen\":\"" seen "\",\"list_state\":\"" state "\"" more "}"
#define LISTED                                                                                     \
	ROW("listed", "listed", "OK",                                                              \
		",\"codes\":[\"127.0.0.2\",\"127.0.0.4\"],\"meaning\":\"spam\",\"kind\":"          \
		"\"behaviour\",\"severity\":5,\"age\":\"2h\",\"since\":\"S\",\"txt\":null,"        \
		"\"delist\":\"D\"")
#define WELCOME ROW("listed", "listed", "OK", ",\"codes\":[\"127.0.0.30\"],\"kind\":\"welcome\"")

static const struct {
	const char *rows;
	bool is_whole;
	size_t listed, left;
	const char *said; /* the last of the summary */
} egress[] = {
	{ROW("clean", "clean", "OK", ""), false, 0, 0, "rows not shown: 1 clean;"},
	{ROW("clean", "clean", "OK", ""), true, 0, 1, "first"},
	{ROW("clean", "clean", "DEAD", "") "," ROW("unknown", "unknown", "DEAD", ""), false, 0, 0,
		"rows not shown: 2 on lists that are not believed;"},
	{ROW("clean", "clean", "OK", "") "," ROW("unknown", "unknown", "DEAD", ""), false, 0, 0,
		"rows not shown: 1 clean, 1 on lists that are not believed;"},
	/* What an operator must see. */
	{ROW("unknown", "unknown", "OK", ""), false, 0, 1, "first"},
	{ROW("clean", "listed", "OK", ""), false, 0, 1, "first"},
	{ROW("clean", "listed", "DEAD", ""), false, 0, 1, "first"},
	{LISTED, false, 1, 1, "first"},
	{WELCOME, false, 0, 1, "first"},
	{LISTED "," LISTED "," LISTED "," LISTED "," LISTED "," LISTED "," LISTED "," LISTED
		"," LISTED "," LISTED "," LISTED,
		false, 10, 11, "first"},
	{LISTED "," LISTED "," LISTED "," LISTED "," LISTED "," LISTED "," LISTED "," LISTED
		"," LISTED "," LISTED "," LISTED,
		true, 11, 11, "first"},
};

static json_t *egress_data(const char *rows)
{
	json_t *listings = NULL;
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	fprintf(out, "[%s]", rows);
	ck_assert_int_eq(fclose(out), 0);
	listings = json_loads(text, 0, NULL);
	free(text);
	ck_assert_ptr_nonnull(listings);
	return json_pack("{s:[s], s:n, s:[], s:o, s:[], s:i}", "summary", "first", "note",
		"addresses", "listings", listings, "lists_not_ok", "left_out", 0);
}

START_TEST(test_egress)
{
	json_t *data = egress_data(egress[_i].rows);
	render_egress(data, egress[_i].is_whole);
	const json_t *summary = json_object_get(data, "summary");
	const char *said = json_string_value(json_array_get(summary, json_array_size(summary) - 1));
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listed")), egress[_i].listed);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), egress[_i].left);
	ck_assert_msg(strncmp(said, egress[_i].said, strlen(egress[_i].said)) == 0, "%s", said);
	ck_assert_ptr_null(json_object_get(data, "note"));
	ck_assert_ptr_null(json_object_get(data, "left_out"));
	json_decref(data);
}
END_TEST

START_TEST(test_egress_block)
{
	json_t *data = egress_data(LISTED);
	json_object_set_new(data, "note", json_string("auto found nothing"));
	json_object_set_new(data, "left_out", json_integer(3));
	render_egress(data, false);
	char *block = json_dumps(json_object_get(data, "listed"), JSON_COMPACT);
	ck_assert_str_eq(block,
		"[{\"listing\":\"192.0.2.10 on zen (behaviour, severity 5)\",\"says\":\"127.0.0.2, "
		"127.0.0.4 spam\",\"since\":\"S, for 2h\",\"txt\":null,\"delist\":\"D\"}]");
	free(block);
	const json_t *row = json_array_get(json_object_get(data, "listings"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(row, "codes")), "127.0.0.2 +1");
	ck_assert_ptr_nonnull(json_object_get(data, "note"));
	ck_assert_int_eq(json_integer_value(json_object_get(data, "left_out")), 3);
	json_decref(data);
	/* Whatever it is given: no answer, another one, that of status. */
	render_egress(NULL, false);
	data = json_pack("{s:{s:n, s:s}}", "egress", "note", "a", "b");
	render_egress(data, false);
	ck_assert_uint_eq(json_object_size(json_object_get(data, "egress")), 1);
	json_decref(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render");
	TCase *tests = tcase_create("render");
	SRunner *runner = srunner_create(suite);
	/* wcwidth() knows only what the locale knows. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return EXIT_FAILURE;
	tcase_add_loop_test(tests, test_answer, 0, ROWS(answers));
	tcase_add_loop_test(tests, test_escape, 0, ROWS(texts));
	tcase_add_test(tests, test_depth);
	tcase_add_loop_test(tests, test_egress, 0, ROWS(egress));
	tcase_add_test(tests, test_egress_block);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
