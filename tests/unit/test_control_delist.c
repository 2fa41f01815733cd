/* SPDX-License-Identifier: ISC */
/*
 * What people tell of removals and of programmes. What the ledger makes of it is test_ledger.c's.
 */
#include "control_standing_help.h"

/* ---- egress delist ---- */

static const struct {
	const char *args, *error;
} delists_wrong[] = {
	{"'list':'mixed'", "LIST and ADDRESS are both needed"},
	{"'address':'192.0.2.10'", "LIST and ADDRESS are both needed"},
	{"'list':'mixde','address':'192.0.2.10','requested':true,'note':'x'",
		"did you mean \"mixed\"?"},
	{"'list':'mixed','address':'192.0.2.12','requested':true,'note':'x'",
		"192.0.2.12 is no address or name of ours; did you mean 192.0.2.1"},
	{"'list':'mixed','address':'192.0.2.10','note':'x'", "say one of --requested"},
	{"'list':'mixed','address':'192.0.2.10','requested':true,'refused':true,'note':'x'",
		"say one of --requested"},
	{"'list':'mixed','address':'192.0.2.10','requested':true", "--note needs 1 to 500 bytes"},
	{"'list':'mixed','address':'192.0.2.10','requested':true,'note':' '",
		"--note needs 1 to 500 bytes"},
	{"'list':'sorbs','address':'192.0.2.10','requested':true,'note':'x'", "is no more"},
};

START_TEST(test_delist_wrong)
{
	char request[300];
	standing_start();
	ck_assert_int_gt(snprintf(request, sizeof(request), "{'verb':'egress delist','args':{%s}}",
				 delists_wrong[_i].args),
		0);
	ask_refused(&world, request, EX_USAGE, delists_wrong[_i].error);
	ck_assert_ptr_null(ledger_at(standing.ledger, 0));
	standing_stop();
}
END_TEST

START_TEST(test_delist)
{
	standing_start();
	scripted("10.2.0.192.mixed", DNS_FOUND, 2);
	standing_pass(HOUR_US);
	json_t *data = ask_data(&world,
		"{'verb':'egress delist','args':{'list':'mixed','address':'192.0.2.10',"
		"'requested':true,'note':'form 17'}}");
	ck_assert_str_eq(text_at(data, "verdict"), "listed");
	ck_assert_str_eq(text_at(data, "expected"), "2d");
	ck_assert_str_eq(text_at(data, "delist"), "https://mixed.test/spam");
	ck_assert(json_is_integer(json_object_get(data, "event")));
	json_decref(data);
	const struct ledger_entry *entry =
		ledger_find(standing.ledger, SPAN("192.0.2.10"), SPAN("mixed"));
	ck_assert_ptr_nonnull(entry);
	ck_assert_str_eq(entry->note, "form 17");
	ck_assert_int_eq(entry->verdict, SEEN_LISTED);
	ck_assert_int_eq(entry->due.us, world.now.wall.us + 48 * HOUR_US);
	/* Stored before it was acknowledged, as the log has it. */
	data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(data, "0.event"), "delist");
	ck_assert_str_eq(text_at(data, "0.account"), "egress:192.0.2.10");
	ck_assert_str_eq(text_at(data, "0.limit"), "mixed");
	ck_assert_str_eq(text_at(data, "0.reason"), "requested: form 17");
	json_decref(data);
	standing_pass(49 * HOUR_US);
	data = ask_data(&world, "{'verb':'egress delist'}");
	ck_assert_str_eq(text_at(data, "0.told"), "requested");
	ck_assert_str_eq(text_at(data, "0.expected"), "overdue");
	json_decref(data);
	data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "removals.0.list"), "mixed");
	json_decref(data);
	/* It goes, and comes back. */
	ledger_listing(
		standing.ledger, SPAN("192.0.2.10"), SPAN("mixed"), SEEN_CLEAN, world.now.wall);
	data = ask_data(&world, SHOW);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "removals")), 0);
	json_decref(data);
	standing_pass(DAY_US);
	ledger_listing(
		standing.ledger, SPAN("192.0.2.10"), SPAN("mixed"), SEEN_LISTED, world.now.wall);
	data = ask_data(&world, SHOW);
	ck_assert_says(data, "192.0.2.10 came back on mixed 1d after removal");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress delists'}");
	ck_assert_str_eq(text_at(data, "0.relisted"), "1d after removal");
	ck_assert_str_eq(text_at(data, "0.told"), "null");
	json_decref(data);
	data = ask_data(&world, DOSSIER);
	ck_assert_ptr_nonnull(strstr(text_at(data, "text"), "came back 1d after removal"));
	json_decref(data);
	standing_stop();
}
END_TEST

START_TEST(test_delist_refused)
{
	standing_start();
	json_t *data = ask_data(&world,
		"{'verb':'egress delist','args':{'list':'mixed','address':'192.0.2.10',"
		"'refused':true,'note':'ask in a week'}}");
	ck_assert_str_eq(text_at(data, "expected"), "null");
	ck_assert_ptr_nonnull(strstr(text_at(data, "note"), "does not see it listed"));
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress delists'}");
	ck_assert_str_eq(text_at(data, "0.told"), "refused");
	ck_assert_str_eq(text_at(data, "0.note"), "ask in a week");
	json_decref(data);
	standing_stop();
}
END_TEST

/* ---- egress programmes ---- */

static const struct {
	const char *args, *error;
} programmes_wrong[] = {
	{"'note':'x'", "go with --enrol NAME or --leave NAME"},
	{"'enrol':'snds','leave':'snds','note':'x'", "say one of --enrol and --leave"},
	{"'enrol':'sdns','note':'x'", "did you mean \"snds\"?"},
	{"'enrol':'snds'", "--note needs"},
	{"'enrol':'snds','note':'x','until':'soon'", "--until needs a date"},
	{"'enrol':'snds','note':'x','until':'2027-02-29'", "--until needs a date"},
	{"'enrol':'snds','note':'x','until':'2027-13-01'", "--until needs a date"},
	{"'enrol':'snds','note':'x','until':'2026-01-01'", "is over already"},
	{"'leave':'snds','note':'x'", "we are not enrolled in snds"},
	{"'leave':'snds','note':'x','until':'2027-01-01'", "--until goes with --enrol"},
};

START_TEST(test_programmes_wrong)
{
	char request[300];
	standing_start();
	ck_assert_int_gt(
		snprintf(request, sizeof(request), "{'verb':'egress programmes','args':{%s}}",
			programmes_wrong[_i].args),
		0);
	ask_refused(&world, request, EX_USAGE, programmes_wrong[_i].error);
	ck_assert_ptr_null(programmes_at(standing.ledger, 0));
	standing_stop();
}
END_TEST

START_TEST(test_programmes)
{
	static const char *const names[] = {"snds", "jmrp", "yahoo-cfl", "validity-fbl",
		"senderscore", "postmaster-tools", "spamcop", "dnswl", "rir-abuse-contact"};
	standing_start();
	json_t *data = ask_data(&world, "{'verb':'egress programmes'}");
	ck_assert_uint_eq(json_array_size(data), ROWS(names));
	for (int i = 0; i < ROWS(names); i++) {
		const json_t *row = row_of(data, "programme", names[i]);
		ck_assert_str_eq(text_at(row, "standing"), "no");
		ck_assert_int_gt((int)strlen(text_at(row, "gives")), 10);
		ck_assert_int_eq(strncmp(text_at(row, "url"), "https://", 8), 0);
		ck_assert_str_ne(text_at(row, "identifies"), "null");
	}
	ck_assert_str_eq(text_at(row_of(data, "programme", "snds"), "renew"), "300d");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress programmes','args':{'enrol':'SNDS',"
				"'note':'account of the desk'}}");
	ck_assert_str_eq(text_at(data, "programme"), "snds");
	json_decref(data);
	ck_assert_int_eq(programme_find(standing.ledger, SPAN("snds"))->until.us,
		world.now.wall.us + 300 * DAY_US);
	data = ask_data(&world, "{'verb':'egress programmes','args':{'enrol':'dnswl',"
				"'until':'2026-10-10','note':'x'}}");
	ck_assert_str_eq(text_at(data, "until"), "2026-10-11T00:00:00Z");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress programmes'}");
	const json_t *row = row_of(data, "programme", "dnswl");
	ck_assert_str_eq(text_at(row, "standing"),
		"since 2026-09-21, until 2026-10-11, in 19d 9h: renew it");
	ck_assert(json_is_true(json_object_get(row, "is_to_be_renewed")));
	ck_assert(!json_is_true(
		json_object_get(row_of(data, "programme", "snds"), "is_to_be_renewed")));
	json_decref(data);
	data = ask_data(
		&world, "{'verb':'egress programmes','args':{'leave':'dnswl','note':'too dear'}}");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress programmes'}");
	ck_assert_str_eq(
		text_at(row_of(data, "programme", "dnswl"), "standing"), "no, left on 2026-09-21");
	json_decref(data);
	data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(data, "2.event"), "programme");
	ck_assert_str_eq(text_at(data, "2.account"), "programme:dnswl");
	ck_assert_str_eq(text_at(data, "2.reason"), "left: too dear");
	json_decref(data);
	standing_stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_delist");
	TCase *cases = tcase_create("control_delist");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, standing_make, clean);
	tcase_add_loop_test(cases, test_delist_wrong, 0, ROWS(delists_wrong));
	tcase_add_test(cases, test_delist);
	tcase_add_test(cases, test_delist_refused);
	tcase_add_loop_test(cases, test_programmes_wrong, 0, ROWS(programmes_wrong));
	tcase_add_test(cases, test_programmes);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
