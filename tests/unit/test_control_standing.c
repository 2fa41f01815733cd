/* SPDX-License-Identifier: ISC */
/*
 * What people see of our standing: postures, culprits, the dossier. How a posture comes about is test_posture.c's;
 * removals and programmes are test_control_delist.c's.
 */
#include "control_standing_help.h"
#include "policyd/render.h"

/* ---- egress ---- */

START_TEST(test_absent)
{
	static const char *const requests[] = {"{'verb':'egress culprits'}",
		"{'verb':'egress dossier','args':{'address':'192.0.2.10'}}",
		"{'verb':'egress delist'}", "{'verb':'egress delists'}",
		"{'verb':'egress programmes'}",
		("{'verb':'egress posture',"
		 "'args':{'address':'192.0.2.10','posture':'ok','reason':'x'}}")};
	for (int i = 0; i < ROWS(requests); i++)
		ask_refused(&world, requests[i], EX_UNAVAILABLE, "does not look at its own");
	start(EGRESS LISTS);
	for (int i = 0; i < ROWS(requests); i++)
		ask_refused(&world, requests[i], EX_UNAVAILABLE, "keeps no postures");
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "postures"), "null");
	ck_assert_str_eq(text_at(data, "findings"), "null");
	ck_assert_str_eq(text_at(data, "removals"), "null");
	json_decref(data);
	stop();
}
END_TEST

START_TEST(test_egress)
{
	standing_start();
	standing_pass(2 * HOUR_US);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "postures.0.address"), "192.0.2.10");
	ck_assert_str_eq(text_at(data, "postures.0.posture"), "ok");
	ck_assert_str_eq(text_at(data, "postures.1.address"), "192.0.2.11");
	const json_t *ptr = row_of(json_object_get(data, "findings"), "check", "ptr");
	ck_assert_str_eq(text_at(ptr, "subject"), "192.0.2.10");
	ck_assert_str_eq(text_at(ptr, "result"), "fail");
	ck_assert_str_ne(text_at(ptr, "evidence"), "null");
	ck_assert_str_ne(text_at(ptr, "fix"), "null");
	ck_assert_says(data, "our own house (reverse DNS, SPF, DKIM, DMARC, MX): ");
	json_decref(data);
	found(5, "mixed: 127.0.0.2 spam");
	data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "postures.0.posture"), "hold");
	ck_assert_msg(strstr(text_at(data, "postures.0.why"), "127.0.0.2 spam") != NULL, "%s",
		text_at(data, "postures.0.why"));
	ck_assert_str_ne(text_at(data, "postures.0.since"), "null");
	ck_assert_says(data, "192.0.2.10 is at hold for 0s: ");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress','args':{'subject':'192.0.2.11'}}");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "postures")), 1);
	ck_assert_str_eq(text_at(data, "postures.0.address"), "192.0.2.11");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "findings")), 0);
	json_decref(data);
	standing_stop();
}
END_TEST

/* The shares of the ramp are told. */
START_TEST(test_recovering)
{
	standing_start();
	found(5, "mixed: 127.0.0.2 spam");
	standing_pass(HOUR_US);
	found(0, "");
	standing_pass(20 * MINUTE_US);
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "postures.0.posture"), "recover");
	ck_assert_str_eq(text_at(data, "postures.0.share"), "10%");
	ck_assert_int_eq(number_at(data, "postures", 0, "percent"), 10);
	ck_assert_str_ne(text_at(data, "postures.0.next"), "null");
	json_decref(data);
	standing_stop();
}
END_TEST

/* Our own house is looked at too; the exit code speaks of listings only. */
START_TEST(test_check)
{
	standing_start();
	json_t *data;
	standing_pass(2 * HOUR_US);
	ck_assert_int_eq(checked(CHECK, &data), 0);
	ck_assert_str_eq(
		text_at(row_of(json_object_get(data, "findings"), "check", "ptr"), "result"),
		"fail");
	ck_assert_says(data, "our own house");
	ck_assert_msg(
		strncmp(text_at(data, "result"), "OK: ", 4) == 0, "%s", text_at(data, "result"));
	json_decref(data);
	ck_assert_uint_eq(audit_open(standing.audit), 0);
	/* One list is one list. */
	ck_assert_int_eq(
		checked("{'verb':'egress check','args':{'wait':true,'list':'plain'}}", &data), 0);
	ck_assert_ptr_null(json_object_get(data, "findings"));
	json_decref(data);
	standing_stop();
}
END_TEST

/* Who looks now is told what is wrong now, also when it is no failure yet. */
START_TEST(test_check_fails_now)
{
	json_t *data;
	standing.has_names = true;
	standing_start();
	standing_pass(2 * HOUR_US);
	standing.has_names = false;
	pass(MINUTE_US);
	ck_assert_int_eq(checked(CHECK, &data), 0);
	const json_t *ptr = row_of(json_object_get(data, "findings"), "check", "ptr");
	ck_assert_str_eq(text_at(ptr, "result"), "pass");
	ck_assert_str_eq(text_at(ptr, "seen"), "fail");
	ck_assert_says(data, " fail at this look");
	render_egress(data, false);
	ck_assert_ptr_nonnull(row_of(json_object_get(data, "findings"), "check", "ptr"));
	json_decref(data);
	standing_stop();
}
END_TEST

#define MESSAGE(more)                                                                              \
	("{'verb':'egress check','args':{'wait':true" more                                         \
	 ",'message':'DKIM-Signature: a=rsa-sha256; d=example.org; s=S1\\nFrom: "                  \
	 "<a@mail.example.org>\\n"                                                                 \
	 "DKIM-Signature: d=lists.test; s=x-\\nDKIM-Signature: d=other.org; s=k\\n"                \
	 "Authentication-Results: mx.example.net; dkim=fail (bad \\u001b[1m) "                     \
	 "header.d=example.org'}}")

/* A message as it came elsewhere: its keys are looked at, and told beside what was found there. */
START_TEST(test_message)
{
	json_t *data;
	standing_start();
	standing_pass(2 * HOUR_US);
	ck_assert_int_eq(checked(MESSAGE(""), &data), 0);
	ck_assert_str_eq(text_at(data, "message.from"), "mail.example.org");
	ck_assert_str_eq(text_at(data, "message.organisation"), "null");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "signatures")), 3);
	ck_assert_str_eq(text_at(data, "signatures.0.name"), "s1._domainkey.example.org");
	ck_assert_str_eq(text_at(data, "signatures.0.algorithm"), "rsa-sha256");
	ck_assert_str_eq(text_at(data, "signatures.0.aligned"), "relaxed");
	ck_assert_str_eq(text_at(data, "signatures.0.key"), "fail");
	ck_assert_str_eq(text_at(data, "signatures.0.verdict"), "unknown");
	ck_assert_str_eq(text_at(data, "signatures.0.evidence"), "there is no key: no such name");
	/* No label ends in a hyphen. */
	ck_assert_str_eq(text_at(data, "signatures.1.aligned"), "no");
	ck_assert_str_eq(text_at(data, "signatures.1.key"), "unknown");
	ck_assert_str_eq(text_at(data, "signatures.2.name"), "k._domainkey.other.org");
	ck_assert_str_eq(text_at(data, "signatures.2.key"), "fail");
	ck_assert_str_eq(text_at(data, "results.0.server"), "mx.example.net");
	ck_assert_str_eq(text_at(data, "results.0.method"), "dkim");
	ck_assert_str_eq(text_at(data, "results.0.result"), "fail");
	ck_assert_str_eq(text_at(data, "results.0.detail"), "(bad ?[1m) header.d=example.org");
	ck_assert_says(
		data, "the message is from mail.example.org, with 3 signatures, one at least");
	json_decref(data);
	/* One list alone is looked at, and the keys. */
	ck_assert_int_eq(checked(MESSAGE(",'list':'plain'"), &data), 0);
	ck_assert_str_eq(text_at(data, "signatures.0.key"), "fail");
	json_decref(data);
	ask_refused(&world, "{'verb':'egress check','args':{'message':'From: a@example.org'}}",
		EX_DATAERR, "no DKIM-Signature");
	ask_refused(&world,
		"{'verb':'egress check','args':{'message':'DKIM-Signature: d=a.org; s=b'}}",
		EX_DATAERR, "no From");
	standing_stop();
}
END_TEST

/* Without waiting: what is known, and from then on the key is one of ours. */
START_TEST(test_message_begun)
{
	struct audit_figures figures;
	standing_start();
	json_t *data = ask_data(&world, "{'verb':'egress check','args':{'message':'DKIM-Signature: "
					"d=example.org; s=s1\\nFrom: a@example.org'}}");
	ck_assert_str_eq(text_at(data, "result"), "begun");
	ck_assert_str_eq(text_at(data, "signatures.0.aligned"), "strict");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "results")), 0);
	json_decref(data);
	audit_figures(standing.audit, &figures);
	ck_assert_uint_eq(figures.selectors, 1);
	standing_stop();
}
END_TEST

START_TEST(test_message_nowhere)
{
	start(EGRESS LISTS);
	ask_refused(&world, MESSAGE(""), EX_UNAVAILABLE, "set egress.audit");
	stop();
}
END_TEST

/* ---- egress culprits ---- */

START_TEST(test_culprits)
{
	standing_start();
	json_t *data = ask_data(&world, "{'verb':'egress culprits'}");
	ck_assert_says(data, "no posture has got worse");
	json_decref(data);
	crowd_sent(true);
	fell();
	data = ask_data(&world, "{'verb':'egress culprits'}");
	ck_assert_str_eq(text_at(data, "falls.0.address"), "192.0.2.10");
	ck_assert_str_eq(text_at(data, "falls.0.posture"), "hold");
	ck_assert_int_eq(number_at(data, "falls", 0, "recipients"), 28);
	ck_assert_str_eq(text_at(data, "culprits.0.account"), "alice@example.org");
	ck_assert_int_eq(number_at(data, "culprits", 0, "recipients"), 8);
	ck_assert_double_eq_tol(
		json_number_value(json_object_get(
			json_array_get(json_object_get(data, "culprits"), 0), "share")),
		28.6, 0.01);
	ck_assert_str_eq(text_at(data, "culprits.0.command"),
		"policyctl suspend alice@example.org --reason 'behind the fall of 192.0.2.10 to "
		"hold'");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "to_run")), 1);
	ck_assert_str_eq(text_at(data, "culprits.1.command"), "null");
	ck_assert_says(data, "192.0.2.10: accounts that stand out: 1, not suspended: 1");
	json_decref(data);
	data = ask_data(&world,
		"{'verb':'suspend','args':{'account':'alice@example.org','reason':'phished'}}");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress culprits','args':{'address':'192.0.2.10'}}");
	ck_assert(json_is_true(json_object_get(
		json_array_get(json_object_get(data, "culprits"), 0), "suspended")));
	ck_assert_uint_eq(json_array_size(json_object_get(data, "to_run")), 0);
	ck_assert_says(data, "all of them are suspended");
	json_decref(data);
	data = ask_data(&world, "{'verb':'egress culprits','args':{'address':'192.0.2.11'}}");
	ck_assert_uint_eq(json_array_size(json_object_get(data, "falls")), 0);
	json_decref(data);
	ask_refused(&world, "{'verb':'egress culprits','args':{'address':'192.0.2.1'}}", EX_USAGE,
		"192.0.2.1 is no address of ours; did you mean 192.0.2.1");
	standing_stop();
}
END_TEST

START_TEST(test_nobody)
{
	standing_start();
	crowd_sent(false);
	fell();
	json_t *data = ask_data(&world, "{'verb':'egress culprits'}");
	ck_assert_says(data, "nobody stands out; policyd never sees mail of local programs");
	ck_assert_says(data, "forwards");
	ck_assert_says(data, "non-delivery notices");
	ck_assert_says(data, "behind the same NAT");
	json_decref(data);
	standing_stop();
}
END_TEST

/* What is no plain word is quoted, and what looks like an option is none. */
static const struct {
	const char *login, *command, *grep;
} words[] = {
	{"it's me",
		"policyctl suspend 'it'\\''s me' --reason 'behind the fall of 192.0.2.10 to hold'",
		"grep -F -e 'it'\\''s me', "},
	{"$(reboot)", "policyctl suspend '$(reboot)' --reason ", "grep -F -e '$(reboot)', "},
	{"-rf", "policyctl suspend --reason 'behind the fall of 192.0.2.10 to hold' -- -rf",
		"grep -F -e -rf, "},
};

START_TEST(test_quoted)
{
	standing_start();
	sent(words[_i].login, 8);
	fell();
	json_t *data = ask_data(&world, "{'verb':'egress culprits'}");
	const char *command = text_at(data, "to_run.0.command");
	ck_assert_msg(
		strncmp(command, words[_i].command, strlen(words[_i].command)) == 0, "%s", command);
	json_decref(data);
	data = ask_data(&world, DOSSIER);
	ck_assert_ptr_nonnull(strstr(text_at(data, "text"), words[_i].grep));
	json_decref(data);
	standing_stop();
}
END_TEST

/* ---- egress dossier ---- */

static void first_line_is(const json_t *data, const char *text)
{
	ck_assert_msg(strncmp(text_at(data, "text"), text, strlen(text)) == 0, "%s",
		text_at(data, "text"));
}

START_TEST(test_dossier)
{
	standing_start();
	scripted("10.2.0.192.mixed", DNS_FOUND, 2);
	standing_pass(2 * HOUR_US);
	crowd_sent(true);
	fell();
	json_t *data = ask_data(&world, DOSSIER);
	first_line_is(data, "NOT READY: alice@example.org stands out and is not suspended: "
			    "policyctl suspend alice@example.org --reason ");
	ck_assert(json_is_false(json_object_get(data, "ready")));
	const char *text = text_at(data, "text");
	ck_assert_ptr_nonnull(strstr(text, "; ptr fails: "));
	ck_assert_ptr_nonnull(strstr(text, "192.0.2.10 on mixed (Mixed list) since "));
	ck_assert_ptr_nonnull(strstr(text, "page      https://mixed.test/spam\n"));
	ck_assert_ptr_nonnull(strstr(text, "takes     about 2d after it was asked for\n"));
	ck_assert_ptr_nonnull(strstr(text, "fell to hold: mixed: 127.0.0.2 spam"));
	ck_assert_ptr_nonnull(
		strstr(text, "queue not looked at: policyd cannot see it; run postqueue"));
	ck_assert_ptr_nonnull(strstr(text, "nothing that policyd knows of"));
	json_decref(data);
	json_decref(ask_data(&world,
		"{'verb':'suspend','args':{'account':'alice@example.org','reason':'phished'}}"));
	json_decref(ask_data(&world,
		"{'verb':'egress delist','args':{'list':'mixed','address':'192.0.2.10',"
		"'requested':true,'note':'form 17'}}"));
	standing.has_names = true;
	standing_pass(3 * HOUR_US);
	data = ask_data(&world, DOSSIER);
	text = text_at(data, "text");
	first_line_is(data, "READY\n");
	ck_assert(json_is_true(json_object_get(data, "ready")));
	ck_assert_ptr_nonnull(strstr(text, " suspend alice@example.org until "));
	ck_assert_ptr_nonnull(strstr(text, "(uid 0): phished\n"));
	ck_assert_ptr_nonnull(strstr(text, " delist egress:192.0.2.10 mixed by "));
	ck_assert_ptr_nonnull(strstr(text, "requested on "));
	ck_assert_ptr_nonnull(strstr(text, "28.6 % of all"));
	/* As people see it: the text alone. */
	render_egress(data, false);
	ck_assert_uint_eq(json_object_size(data), 1);
	ck_assert_ptr_nonnull(json_object_get(data, "text"));
	json_decref(data);
	standing_stop();
}
END_TEST

/* What nobody can look up is not known to be right. */
START_TEST(test_dossier_unknown)
{
	standing.is_mute = true;
	standing_start();
	json_t *data = ask_data(&world, DOSSIER);
	first_line_is(data, "NOT READY: ");
	ck_assert_ptr_nonnull(strstr(text_at(data, "text"), "ptr is not known"));
	json_decref(data);
	standing_pass(2 * HOUR_US);
	data = ask_data(&world, DOSSIER);
	const char *text = text_at(data, "text");
	ck_assert_ptr_nonnull(strstr(text, "ptr is not known"));
	ck_assert_ptr_nonnull(strstr(text, "fcrdns is not known"));
	ck_assert_ptr_nonnull(strstr(text, "helo is not known"));
	ck_assert_ptr_nonnull(strstr(text, "nobody stands out; policyd never sees"));
	json_decref(data);
	standing_stop();
}
END_TEST

/* Who was released with a verdict has been judged by a person. */
START_TEST(test_dossier_judged)
{
	standing.has_names = true;
	standing_start();
	standing_pass(2 * HOUR_US);
	crowd_sent(true);
	fell();
	pass(SECOND_US);
	json_decref(ask_data(&world,
		"{'verb':'suspend','args':{'account':'alice@example.org','reason':'phished'}}"));
	pass(SECOND_US);
	json_decref(ask_data(&world, "{'verb':'release','args':{'account':'alice@example.org',"
				     "'verdict':'confirmed','reason':'new password'}}"));
	json_t *data = ask_data(&world, DOSSIER);
	first_line_is(data, "READY\n");
	ck_assert_ptr_nonnull(strstr(text_at(data, "text"), "was released since, with a verdict"));
	json_decref(data);
	standing_stop();
}
END_TEST

/* ---- egress posture ---- */

static const struct {
	const char *args, *error;
} postures_wrong[] = {
	{"'address':'192.0.2.10','posture':'hodl','reason':'x'", "did you mean \"hold\"?"},
	{"'address':'192.0.2.10','posture':'xyzzy','reason':'x'",
		"ok, watch, recover, throttle or hold; auto gives it back"},
	{"'address':'192.0.2.99','posture':'hold','reason':'x'", "is no address of ours"},
	{"'address':'mail.example.org','posture':'hold','reason':'x'", "is no address of ours"},
	{"'address':'192.0.2.10','posture':'hold','reason':' '", "--reason needs"},
	{"'address':'192.0.2.10','posture':'hold','for':'soon','reason':'x'",
		"a duration is a whole number"},
	{"'address':'192.0.2.10','posture':'auto','for':'1h','reason':'x'", "leave out --for"},
};

START_TEST(test_posture_wrong)
{
	char request[300];
	standing_start();
	ck_assert_int_gt(snprintf(request, sizeof(request), "{'verb':'egress posture','args':{%s}}",
				 postures_wrong[_i].args),
		0);
	ask_refused(&world, request, EX_USAGE, postures_wrong[_i].error);
	standing_stop();
}
END_TEST

START_TEST(test_posture)
{
	struct posture_view view;
	standing_start();
	size_t kept = standing.kept;
	json_t *data = ask_data(&world,
		"{'verb':'egress posture','args':{'address':'192.0.2.10','posture':'throttle',"
		"'for':'2h','reason':'a customer moves'}}");
	ck_assert_str_eq(text_at(data, "posture"), "throttle");
	ck_assert(json_is_integer(json_object_get(data, "event")));
	ck_assert_str_eq(text_at(data, "until"), "2026-09-21T16:13:20Z");
	json_decref(data);
	ck_assert_uint_eq(standing.kept, kept + 1);
	ck_assert(postures_get(standing.postures, our_ip(), world.now, &view));
	ck_assert_int_eq(view.posture, POSTURE_THROTTLE);
	ck_assert(view.is_set);
	data = ask_data(&world, "{'verb':'audit'}");
	ck_assert_str_eq(text_at(data, "0.event"), "posture");
	ck_assert_str_eq(text_at(data, "0.account"), "egress:192.0.2.10");
	ck_assert_str_eq(text_at(data, "0.reason"),
		"set to throttle until 2026-09-21T16:13:20Z: a customer moves");
	ck_assert_ptr_nonnull(strstr(text_at(data, "0.author"), "(uid 0)"));
	json_decref(data);
	data = ask_data(&world,
		"{'verb':'egress posture','args':{'address':'192.0.2.10','posture':'auto',"
		"'reason':'moved'}}");
	ck_assert_str_eq(text_at(data, "until"), "null");
	json_decref(data);
	ck_assert(postures_get(standing.postures, our_ip(), world.now, &view));
	ck_assert(!view.is_set);
	standing_stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_standing");
	TCase *cases = tcase_create("control_standing");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, standing_make, clean);
	tcase_add_test(cases, test_absent);
	tcase_add_test(cases, test_egress);
	tcase_add_test(cases, test_recovering);
	tcase_add_test(cases, test_check);
	tcase_add_test(cases, test_check_fails_now);
	tcase_add_test(cases, test_message);
	tcase_add_test(cases, test_message_begun);
	tcase_add_test(cases, test_message_nowhere);
	tcase_add_test(cases, test_culprits);
	tcase_add_test(cases, test_nobody);
	tcase_add_loop_test(cases, test_quoted, 0, ROWS(words));
	tcase_add_test(cases, test_dossier);
	tcase_add_test(cases, test_dossier_unknown);
	tcase_add_test(cases, test_dossier_judged);
	tcase_add_loop_test(cases, test_posture_wrong, 0, ROWS(postures_wrong));
	tcase_add_test(cases, test_posture);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
