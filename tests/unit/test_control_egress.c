/* SPDX-License-Identifier: ISC */
/*
 * What people are told of our addresses and of the lists. What is concluded
 * from answers is test_egress*.c's; looking now is test_control_check.c's.
 */
#include "control_egress_help.h"

/* ---- egress ---- */

START_TEST(test_absent)
{
	static const char *const verbs[] = {
		"egress", "egress check", "egress lists", "egress clients", "egress lists test"};
	for (int i = 0; i < ROWS(verbs); i++) {
		char request[128];
		ck_assert_int_gt(snprintf(request, sizeof(request), "{'verb':'%s'%s}", verbs[i],
					 i == 4 ? ",'args':{'zone':'x'}" : ""),
			0);
		ask_refused(&world, request, EX_UNAVAILABLE, "does not look at its own addresses");
	}
	json_t *data = ask_data(&world, "{'verb':'status'}");
	ck_assert_str_eq(text_at(data, "egress"), "null");
	json_decref(data);
}
END_TEST

START_TEST(test_unasked)
{
	start(EGRESS LISTS);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "addresses.0.address"), "192.0.2.10");
	ck_assert_str_eq(text_at(data, "addresses.0.helo"), "mail.example.org");
	ck_assert_str_eq(text_at(data, "addresses.0.transport"), "smtp");
	ck_assert_str_eq(text_at(data, "addresses.0.origin"), "egress.addresses");
	ck_assert_str_eq(text_at(data, "addresses.1.helo"), "null");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 4);
	ck_assert_str_eq(text_at(data, "listings.0.verdict"), "unknown");
	ck_assert_str_eq(text_at(data, "listings.0.age"), "null");
	ck_assert_str_eq(text_at(data, "listings.0.since"), "null");
	ck_assert_str_eq(text_at(data, "listings.0.kind"), "null");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "lists_not_ok")), 2);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "resolvers")), 0);
	ck_assert_says(data, "clean: 0 of 2 addresses; lists believed: 0 of 2");
	ck_assert_says(data, "unknown: 192.0.2.10 on 2 of 2 lists, 192.0.2.11 on 2 of 2 lists");
	json_decref(data);
	stop();
}
END_TEST

START_TEST(test_clean)
{
	start(EGRESS LISTS);
	pass(30 * MINUTE_US);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "listings.0.verdict"), "clean");
	ck_assert_str_eq(text_at(data, "listings.0.list_state"), "OK");
	ck_assert_str_eq(text_at(data, "listings.0.unknown_because"), "null");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "lists_not_ok")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "summary")), 2);
	ck_assert_says(data, "clean: 2 of 2 addresses; lists believed: 2 of 2");
	/* mail.example.org and example.org, by HELO. */
	ck_assert_says(data, "names of ours that are not looked up: 2; no list that is asked");
	json_decref(data);
	data = ask_data(&world, "{'verb':'status'}");
	const json_t *egress = json_object_get(data, "egress");
	ck_assert_int_eq(json_integer_value(json_object_get(egress, "addresses")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(egress, "lists_ok")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(egress, "unknown")), 0);
	ck_assert(json_is_integer(json_object_get(json_object_get(egress, "listed"), "behaviour")));
	json_decref(data);
	stop();
}
END_TEST

START_TEST(test_listed)
{
	start(EGRESS LISTS);
	scripted("11.2.0.192.mixed", DNS_FOUND, 2);
	scripted("10.2.0.192.plain", DNS_FOUND, 77);
	world_of.script[world_of.script_n++] = (struct script){
		.name = "11.2.0.192.mixed", .text = "see \033[31m\xff https://mixed.test/"};
	pass(HOUR_US);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "listings.0.subject"), "192.0.2.11");
	ck_assert_str_eq(text_at(data, "listings.0.why"), "egress");
	ck_assert_str_eq(text_at(data, "listings.0.list"), "mixed");
	ck_assert_str_eq(text_at(data, "listings.0.verdict"), "listed");
	ck_assert_str_eq(text_at(data, "listings.0.seen"), "listed");
	ck_assert_str_eq(text_at(data, "listings.0.codes.0"), "127.0.0.2");
	ck_assert_str_eq(text_at(data, "listings.0.meaning"), "spam");
	ck_assert_str_eq(text_at(data, "listings.0.kind"), "behaviour");
	ck_assert_int_eq(number_at(data, "listings", 0, "severity"), 5);
	ck_assert_str_eq(text_at(data, "listings.0.delist"), "https://mixed.test/spam");
	ck_assert_msg(strstr(text_at(data, "listings.0.txt"), "https://mixed.test/"), "%s",
		text_at(data, "listings.0.txt"));
	ck_assert_ptr_null(strchr(text_at(data, "listings.0.txt"), '\033'));
	ck_assert_int_eq((int)strlen(text_at(data, "listings.0.since")), 20);
	ck_assert_int_eq((int)strlen(text_at(data, "listings.0.next_at")), 20);
	/* Without codes of its own: behaviour, severity 3. */
	ck_assert_str_eq(text_at(data, "listings.1.subject"), "192.0.2.10");
	ck_assert_str_eq(text_at(data, "listings.1.codes.0"), "127.0.0.77");
	ck_assert_str_eq(text_at(data, "listings.1.kind"), "behaviour");
	ck_assert_int_eq(number_at(data, "listings", 1, "severity"), 3);
	ck_assert_str_eq(text_at(data, "listings.1.meaning"), "null");
	ck_assert_str_eq(text_at(data, "listings.2.verdict"), "clean");
	const char *first = text_at(data, "summary.0");
	ck_assert_msg(strncmp(first, "192.0.2.11 is LISTED on mixed for ", 34) == 0, "%s", first);
	ck_assert_msg(strstr(first, ": 127.0.0.2 spam (behaviour, severity 5)"), "%s", first);
	ck_assert_says(data, "clean: 0 of 2 addresses");
	json_decref(data);
	stop();
}
END_TEST

/* Worst first: behaviour by severity, policy, neighbour, unknown, what informs,
 * clean. */
START_TEST(test_order)
{
	static const struct {
		const char *name;
		uint8_t last;
	} rows[] = {{"14.2.0.192.mixed", 30}, {"13.2.0.192.mixed", 20}, {"12.2.0.192.mixed", 10},
		{"11.2.0.192.mixed", 3}, {"15.2.0.192.mixed", 2}, {"16.2.0.192.mixed", 123}};
	static const char *const order[] = {"192.0.2.15", "192.0.2.11", "192.0.2.12", "192.0.2.13",
		"192.0.2.16", "192.0.2.14", "192.0.2.10"};
	start(LIMITS "egress = { addresses = ( { address = \"192.0.2.10\"; }, { address = "
		     "\"192.0.2.11\"; "
		     "}, { address = \"192.0.2.12\"; }, { address = \"192.0.2.13\"; }, { "
		     "address = "
		     "\"192.0.2.14\"; }, { address = \"192.0.2.15\"; }, { address = "
		     "\"192.0.2.16\"; } ); "
		     "listed_looks = 1; listed_of = 1; };\nblocklists = ( " MIXED " );\n");
	for (int i = 0; i < ROWS(rows); i++)
		scripted(rows[i].name, DNS_FOUND, rows[i].last);
	pass(HOUR_US);
	json_t *data = ask_data(&world, SHOW);
	for (int i = 0; i < ROWS(order); i++) {
		char path[64];
		ck_assert_int_gt(snprintf(path, sizeof(path), "listings.%d.subject", i), 0);
		ck_assert_str_eq(text_at(data, path), order[i]);
	}
	ck_assert_says(data, "clean: 2 of 7 addresses");
	ck_assert_says(data, "unknown: 192.0.2.16 on 1 of 1 lists");
	ck_assert_str_eq(text_at(data, "listings.4.verdict"), "unknown");
	ck_assert_ptr_nonnull(strstr(text_at(data, "listings.4.unknown_because"), "127.0.0.123"));
	json_decref(data);
	stop();
}
END_TEST

START_TEST(test_not_believed)
{
	start(EGRESS LISTS);
	scripted("2.0.0.127.plain", DNS_NXDOMAIN, 0);
	pass(HOUR_US);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "lists_not_ok.0.list"), "plain");
	ck_assert_str_eq(text_at(data, "lists_not_ok.0.state"), "DEAD");
	ck_assert_says(data, "plain is not believed: DEAD");
	ck_assert_says(data, "lists believed: 1 of 2");
	json_decref(data);
	stop();
}
END_TEST

/* Nor is an address clean that no list takes. */
START_TEST(test_not_looked_up)
{
	start(LIMITS "egress = { addresses = ( { address = \"2001:db8::10\"; }, { address = "
		     "\"192.0.2.10\"; } ); " AT_ONCE "};\nblocklists = ( " PLAIN " );\n");
	pass(HOUR_US);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_says(data, "clean: 1 of 2 addresses; lists believed: 1 of 1");
	ck_assert_says(data, "not looked up: 2001:db8::10; no list that is asked takes it");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress','args':{'subject':'192.0.2.10'}}");
	ck_assert_says(data, "clean: 1 of 1 address;");
	ck_assert(!says(data, "not looked up"));
	json_decref(data);
	stop();
}
END_TEST

/* Names beyond the bound, and those that no list takes. */
START_TEST(test_names_left)
{
	size_t n;
	char *text = NULL;
	struct egress_figures figures;
	FILE *out = open_memstream(&text, &n);
	fprintf(out,
		LIMITS "egress = { addresses = ( { address = \"192.0.2.10\"; } ); domains = [ ");
	for (int i = 0; i < EGRESS_DOMAINS_MAX + 10; i++)
		fprintf(out, "%s\"d%d.a\"", i ? ", " : "", i);
	fprintf(out, " ]; };\nblocklists = ( " PLAIN ", " NAMES " );\n");
	ck_assert_int_eq(fclose(out), 0);
	start(text);
	free(text);
	egress_figures(world_of.egress, &figures);
	ck_assert_uint_ge(figures.cut, 10);
	char said[64];
	ck_assert_int_gt(snprintf(said, sizeof(said), "names of ours that are not looked up: %zu;",
				 figures.cut),
		0);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_says(data, said);
	json_decref(data);
	ck_assert_int_eq(checked(CHECK, &data), 0);
	ck_assert_says(data, said);
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress','args':{'subject':'192.0.2.10'}}");
	ck_assert(!says(data, "not looked up"));
	json_decref(data);
	stop();
}
END_TEST

/* An answer that is not confirmed yet is no listing, and is not hidden. */
START_TEST(test_unconfirmed)
{
	start(LIMITS "egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n" LISTS);
	pass(20 * MINUTE_US);
	scripted("10.2.0.192.mixed", DNS_FOUND, 2);
	json_t *data;
	json_t *unused;
	ck_assert_int_eq(checked(CHECK, &unused), 2);
	json_decref(unused);
	data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "listings.0.list"), "mixed");
	ck_assert_str_eq(text_at(data, "listings.0.verdict"), "clean");
	ck_assert_str_eq(text_at(data, "listings.0.seen"), "listed");
	ck_assert_says(data, "the last answer of mixed said 192.0.2.10 is listed");
	json_decref(data);
	stop();
}
END_TEST

static const struct {
	const char *typed, *error;
} strangers[] = {
	{"192.0.2.12", "192.0.2.12 is no address or name of ours; did you mean 192.0.2.1"},
	{"2001:db8::99", "there are 2: 192.0.2.10, 192.0.2.11"},
	{"chekc", "did you mean \"egress check\"?"},
	{"", "is no address or name of ours"},
};

START_TEST(test_stranger)
{
	char request[128];
	start(EGRESS LISTS);
	ck_assert_int_gt(snprintf(request, sizeof(request),
				 "{'verb':'egress','args':{'subject':'%s'}}", strangers[_i].typed),
		0);
	ask_refused(&world, request, EX_USAGE, strangers[_i].error);
	ck_assert_int_gt(
		snprintf(request, sizeof(request),
			"{'verb':'egress check','args':{'subject':'%s'}}", strangers[_i].typed),
		0);
	ask_refused(&world, request, EX_USAGE, strangers[_i].error);
	stop();
}
END_TEST

START_TEST(test_one_subject)
{
	start(LIMITS "egress = { addresses = ( { address = \"192.0.2.10\"; helo = "
		     "\"Mail.Example.org\"; "
		     "}, "
		     "{ address = \"::ffff:192.0.2.11\"; } ); };\nblocklists = ( " PLAIN ", " NAMES
		     " );\n");
	json_t *data = ask_data(&world, "{'verb':'egress','args':{'subject':' 192.0.2.11 '}}");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 1);
	ck_assert_str_eq(text_at(data, "listings.0.subject"), "192.0.2.11");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress','args':{'subject':'MAIL.example.org.'}}");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 1);
	ck_assert_str_eq(text_at(data, "listings.0.subject"), "mail.example.org");
	ck_assert_str_eq(text_at(data, "listings.0.why"), "helo");
	ck_assert_str_eq(text_at(data, "listings.0.list"), "names");
	ck_assert_says(data, "clean: 0 of 1 name;");
	json_decref(data);
	stop();
}
END_TEST

/* ---- egress lists, lists test, clients ---- */

static const json_t *row_named(const json_t *rows, const char *list)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (strcmp(text_at(row, "list"), list) == 0)
			return row;
	}
	ck_abort_msg("no row %s", list);
	return NULL;
}

START_TEST(test_lists)
{
	start(EGRESS LISTS);
	scripted("2.0.0.127.plain", DNS_SERVFAIL, 0);
	pass(30 * MINUTE_US);
	json_t *data = ask_data(&world, "{'verb':'egress lists'}");
	const json_t *row = row_named(data, "mixed");
	ck_assert_str_eq(text_at(row, "zone"), "mixed.test");
	ck_assert_str_eq(text_at(row, "title"), "Mixed list");
	ck_assert_str_eq(text_at(row, "subjects.0"), "ipv4");
	ck_assert(json_is_true(json_object_get(row, "enabled")));
	ck_assert_str_eq(text_at(row, "state"), "OK");
	ck_assert_str_eq(text_at(row, "interval"), "15m");
	ck_assert_str_eq(text_at(row_named(data, "plain"), "state"), "UNREACHABLE");
	ck_assert_str_ne(text_at(row_named(data, "plain"), "why"), "null");
	row = row_named(data, "known");
	ck_assert(json_is_false(json_object_get(row, "enabled")));
	ck_assert_str_eq(text_at(row, "state"), "null");
	ck_assert_str_eq(text_at(row, "next_at"), "null");
	json_decref(data);
	stop();
}
END_TEST

/* A key is asked with, and never told. */
START_TEST(test_key_is_masked)
{
	char path[128], text[1024];
	json_t *data;
	ck_assert_int_gt(snprintf(path, sizeof(path), "%s/key", world.dir), 0);
	FILE *out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs("sesamopenwide1234\n", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_gt(
		snprintf(text, sizeof(text),
			"%sblocklists = ( { name = \"secret\"; zone = \"<key>.secret.test\"; "
			"subjects = [ \"ipv4\" ]; key_file = \"%s\"; } );\n",
			EGRESS, path),
		0);
	start(text);
	scripted("10.2.0.192.sesamopenwide1234.secret.test", DNS_FOUND, 2);
	static const char *const requests[] = {CHECK, SHOW, "{'verb':'egress lists'}",
		"{'verb':'egress lists test','args':{'zone':'secret'}}", "{'verb':'status'}"};
	for (int i = 0; i < ROWS(requests); i++) {
		int exit = checked(requests[i], &data);
		ck_assert_int_eq(exit, i == 0 ? 2 : 0);
		char *dump = json_dumps(data, 0);
		ck_assert_msg(!strstr(dump, "sesamopen"), "%s", dump);
		ck_assert(i == 4 || strstr(dump, "secret"));
		free(dump);
		json_decref(data);
	}
	stop();
}
END_TEST

static const struct {
	const char *zone, *dns;
	enum dns_result result;
	uint8_t last;
	int exit;
	const char *state, *answer, *right;
} tests[] = {
	{"mixed", NULL, 0, 0, 0, "OK", "127.0.0.2", "true"},
	{"mixed.test", NULL, 0, 0, 0, "OK", "127.0.0.2", "true"},
	/* Known and not enabled: asked for this once. */
	{"known", NULL, 0, 0, 0, "OK", "127.0.0.2", "true"},
	{"plain", "2.0.0.127.plain", DNS_NXDOMAIN, 0, 1, "DEAD", "not listed", "false"},
	{"plain", "2.0.0.127.plain", DNS_SERVFAIL, 0, 1, "UNREACHABLE", "SERVFAIL", "false"},
	{"plain", "1.0.0.127.plain", DNS_FOUND, 2, 1, "WORLD", "127.0.0.2", "true"},
};

START_TEST(test_lists_test)
{
	char request[128];
	json_t *data;
	start(EGRESS LISTS);
	if (tests[_i].dns)
		scripted(tests[_i].dns, tests[_i].result, tests[_i].last);
	ck_assert_int_gt(
		snprintf(request, sizeof(request),
			"{'verb':'egress lists test','args':{'zone':'%s'}}", tests[_i].zone),
		0);
	ck_assert_int_eq(checked(request, &data), tests[_i].exit);
	ck_assert_str_eq(text_at(data, "state"), tests[_i].state);
	ck_assert_uint_ge(json_array_size(json_object_get(data, "points")), 2);
	const json_t *point = json_array_get(json_object_get(data, "points"), 0);
	ck_assert_ptr_nonnull(strstr(text_at(point, "asked"), "2.0.0.127."));
	ck_assert_str_eq(text_at(point, "expected"), "listed");
	ck_assert_msg(
		strstr(text_at(point, "answer"), tests[_i].answer), "%s", text_at(point, "answer"));
	ck_assert_int_eq(json_is_true(json_object_get(point, "right")),
		strcmp(tests[_i].right, "true") == 0);
	json_decref(data);
	stop();
}
END_TEST

static const struct {
	const char *zone, *error;
} zones_wrong[] = {
	{"plian", "did you mean \"plain\"?"},
	{"xyzzy.invalid", "is no list that is known"},
	{"", "is no list that is known"},
	{"spam.dnsbl.sorbs.net", "spam.dnsbl.sorbs.net is no more: "},
};

START_TEST(test_lists_test_wrong)
{
	char request[128];
	start(EGRESS LISTS);
	ck_assert_int_gt(
		snprintf(request, sizeof(request),
			"{'verb':'egress lists test','args':{'zone':'%s'}}", zones_wrong[_i].zone),
		0);
	ask_refused(&world, request, EX_USAGE, zones_wrong[_i].error);
	stop();
}
END_TEST

static const struct {
	const char *list, *error;
} lists_wrong[] = {
	{"mixd", "did you mean \"mixed\"?"},
	{"known", "known is known, and not enabled"},
	{"xyzzy.invalid", "xyzzy.invalid is no list that is known"},
};

START_TEST(test_check_wrong_list)
{
	char request[128];
	start(EGRESS LISTS);
	ck_assert_int_gt(
		snprintf(request, sizeof(request), "{'verb':'egress check','args':{'list':'%s'}}",
			lists_wrong[_i].list),
		0);
	ask_refused(&world, request, EX_USAGE, lists_wrong[_i].error);
	ck_assert_uint_eq(world_of.asked, 0);
	stop();
}
END_TEST

START_TEST(test_clients)
{
	struct ip ip;
	start(EGRESS "blocklists = ( { name = \"plain\"; zone = \"plain.test\"; "
		     "clients = true; } );\n");
	ck_assert_int_eq(ip_parse(SPAN("198.51.100.7"), &ip), 0);
	json_t *data = ask_data(&world, "{'verb':'egress clients'}");
	ck_assert_uint_eq(json_array_size(data), 0);
	json_decref(data);
	scripted("7.100.51.198.plain", DNS_FOUND, 2);
	pass(10 * MINUTE_US);
	egress_client_seen(world_of.egress, &ip, SPAN("login:alice"), world.now);
	pass(2 * SECOND_US);
	data = ask_data(&world, "{'verb':'egress clients'}");
	ck_assert_uint_eq(json_array_size(data), 1);
	ck_assert_str_eq(text_at(data, "0.client"), "198.51.100.7");
	ck_assert_str_eq(text_at(data, "0.account"), "alice");
	ck_assert_str_eq(text_at(data, "0.list"), "plain");
	ck_assert_str_eq(text_at(data, "0.state"), "listed");
	json_decref(data);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_egress");
	TCase *cases = tcase_create("control_egress");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, make, clean);
	tcase_add_test(cases, test_absent);
	tcase_add_test(cases, test_unasked);
	tcase_add_test(cases, test_clean);
	tcase_add_test(cases, test_listed);
	tcase_add_test(cases, test_order);
	tcase_add_test(cases, test_not_believed);
	tcase_add_test(cases, test_not_looked_up);
	tcase_add_test(cases, test_names_left);
	tcase_add_test(cases, test_unconfirmed);
	tcase_add_loop_test(cases, test_stranger, 0, ROWS(strangers));
	tcase_add_test(cases, test_one_subject);
	tcase_add_test(cases, test_lists);
	tcase_add_test(cases, test_key_is_masked);
	tcase_add_loop_test(cases, test_lists_test, 0, ROWS(tests));
	tcase_add_loop_test(cases, test_lists_test_wrong, 0, ROWS(zones_wrong));
	tcase_add_loop_test(cases, test_check_wrong_list, 0, ROWS(lists_wrong));
	tcase_add_test(cases, test_clients);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
