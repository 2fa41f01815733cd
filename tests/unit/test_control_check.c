/* SPDX-License-Identifier: ISC */
/* Looking now: what was seen, exit codes, progress, deadlines, askers that go.
 */
#include "control_egress_help.h"

/* ---- egress check ---- */

/* What one look sees decides, by kind; both addresses, both lists. */
static const struct {
	struct {
		const char *name;
		enum dns_result result;
		uint8_t last;
	} dns[3];
	int exit;
	const char *status, *result;
} looks[] = {
	{{{NULL, 0, 0}}, 0, "OK", "OK: clean: 2 of 2 addresses"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 2}}, 2, "CRITICAL",
		"CRITICAL: 192.0.2.10 is LISTED on mixed"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 3}}, 2, "CRITICAL", "severity 2)"},
	{{{"10.2.0.192.plain", DNS_FOUND, 99}}, 2, "CRITICAL", "(behaviour, severity 3)"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 10}}, 1, "WARNING", "(policy, severity 3)"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 20}}, 1, "WARNING", "(neighbour, severity 1)"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 30}}, 0, "OK", "OK: clean: 2 of 2 addresses"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 80}}, 0, "OK", "OK: clean: 2 of 2 addresses"},
	/* Behaviour goes before unknown, unknown before what informs. */
	{{{"10.2.0.192.mixed", DNS_FOUND, 2}, {"11.2.0.192.mixed", DNS_SERVFAIL, 0}}, 2, "CRITICAL",
		"192.0.2.10 is LISTED"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 10}, {"11.2.0.192.mixed", DNS_SERVFAIL, 0}}, 3, "UNKNOWN",
		"UNKNOWN: 192.0.2.11 on 1 of 2 lists: unknown"},
	{{{"10.2.0.192.mixed", DNS_FOUND, 2}, {"10.2.0.192.plain", DNS_FOUND, 2},
		 {"11.2.0.192.mixed", DNS_FOUND, 20}},
		2, "CRITICAL", "192.0.2.10 is LISTED on mixed"},
	{{{"11.2.0.192.plain", DNS_TIMEOUT, 0}}, 3, "UNKNOWN",
		"UNKNOWN: 192.0.2.11 on 1 of 2 lists: unknown"},
	{{{"11.2.0.192.plain", DNS_REFUSED, 0}}, 3, "UNKNOWN", "UNKNOWN"},
	/* A code that the list does not have says nothing. */
	{{{"10.2.0.192.mixed", DNS_FOUND, 123}}, 3, "UNKNOWN", "UNKNOWN"},
	/* Without its test points a list says nothing, whatever it answers. */
	{{{"2.0.0.127.plain", DNS_NXDOMAIN, 0}, {"10.2.0.192.plain", DNS_FOUND, 2}}, 3, "UNKNOWN",
		"UNKNOWN"},
	{{{"1.0.0.127.plain", DNS_FOUND, 2}, {"10.2.0.192.plain", DNS_FOUND, 2},
		 {"11.2.0.192.plain", DNS_FOUND, 2}},
		3, "UNKNOWN", "UNKNOWN"},
	{{{"2.0.0.127.plain", DNS_NXDOMAIN, 0}, {"10.2.0.192.mixed", DNS_FOUND, 2}}, 2, "CRITICAL",
		"192.0.2.10 is LISTED on mixed"},
};

START_TEST(test_check)
{
	json_t *data;
	start(EGRESS LISTS);
	for (int i = 0; i < 3 && looks[_i].dns[i].name; i++)
		scripted(looks[_i].dns[i].name, looks[_i].dns[i].result, looks[_i].dns[i].last);
	ck_assert_int_eq(checked(CHECK, &data), looks[_i].exit);
	ck_assert_str_eq(text_at(data, "status"), looks[_i].status);
	const char *result = text_at(data, "result");
	ck_assert_msg(strstr(result, looks[_i].result), "%s", result);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 4);
	ck_assert_int_eq(json_integer_value(json_object_get(data, "questions")), 8);
	json_decref(data);
	stop();
}
END_TEST

START_TEST(test_check_one)
{
	json_t *data;
	start(EGRESS LISTS);
	scripted("10.2.0.192.mixed", DNS_FOUND, 2);
	ck_assert_int_eq(
		checked("{'verb':'egress check','args':{'wait':true,'subject':'192.0.2.11'}}",
			&data),
		0);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 2);
	json_decref(data);
	ck_assert_int_eq(
		checked("{'verb':'egress check','args':{'wait':true,'list':'PLAIN.test'}}", &data),
		0);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 2);
	json_decref(data);
	ck_assert_int_eq(checked("{'verb':'egress check','args':{'wait':true,'list':'mixed',"
				 "'subject':'192.0.2.10'}}",
				 &data),
		2);
	ck_assert_uint_eq(json_array_size(json_object_get(data, "listings")), 1);
	json_decref(data);
	stop();
}
END_TEST

#define ONE(more)     "addresses = ( { address = \"192.0.2.10\"; " more "} );"
#define BOTH          "addresses = ( { address = \"192.0.2.10\"; }, { address = \"2001:db8::10\"; } );"
#define SUBJECT(text) ",'subject':'" text "'"
#define NOT_TAKEN     "no list that is asked takes "

/* What is ours and nobody looks up is not known: it may be listed. */
static const struct {
	const char *egress, *args, *listed;
	int exit;
	const char *result;
} missing[] = {
	{BOTH, "", NULL, 3, "UNKNOWN: clean: 1 of 2 addresses; " NOT_TAKEN "2001:db8::10"},
	{BOTH, "", "10.2.0.192.plain", 2, "CRITICAL: 192.0.2.10 is LISTED on plain"},
	{BOTH, SUBJECT("192.0.2.10"), NULL, 0, "OK: clean: 1 of 1 address;"},
	{BOTH, SUBJECT("2001:db8::10"), NULL, 3, "0 of 1 address; " NOT_TAKEN "2001:db8::10"},
	/* One list is asked: what it does not take is not its business. */
	{BOTH, ",'list':'plain'", NULL, 0, "OK: clean: 1 of 1 address;"},
	/* Of names those that are there to be looked up. */
	{ONE("") " domains = [ \"a.net\" ];", "", NULL, 3, "0 of 1 name; " NOT_TAKEN "a.net"},
	{ONE("") " domains = [ \"a.net\" ];", SUBJECT("A.net"), NULL, 3, NOT_TAKEN "a.net"},
	{ONE("helo = \"mail.a.net\"; "), "", NULL, 0, "OK: clean: 1 of 1 address;"},
	{ONE("helo = \"mail.a.net\"; "), SUBJECT("mail.a.net"), NULL, 3, "no list that is enabled"},
};

START_TEST(test_check_missing)
{
	json_t *data;
	char text[512], request[160];
	ck_assert_int_gt(
		snprintf(text, sizeof(text),
			LIMITS "egress = { %s " AT_ONCE "};\nblocklists = ( " PLAIN " );\n",
			missing[_i].egress),
		0);
	ck_assert_int_gt(
		snprintf(request, sizeof(request), "{'verb':'egress check','args':{'wait':true%s}}",
			missing[_i].args),
		0);
	start(text);
	if (missing[_i].listed)
		scripted(missing[_i].listed, DNS_FOUND, 2);
	ck_assert_int_eq(checked(request, &data), missing[_i].exit);
	const char *result = text_at(data, "result");
	ck_assert_msg(strstr(result, missing[_i].result), "%s", result);
	json_decref(data);
	stop();
}
END_TEST

/* Nothing to look up is nothing known. */
START_TEST(test_check_nothing)
{
	start(LIMITS);
	ask_refused(&world, CHECK, 3, "no address and no domain of ours is known");
	ask_refused(&world, "{'verb':'egress check'}", 3, "set egress.addresses");
	egress_addresses_found(
		world_of.egress, NULL, 0, "only private addresses: 10.0.0.5", world.now);
	ask_refused(&world, CHECK, 3, "only private addresses: 10.0.0.5");
	json_t *data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "note"), "only private addresses: 10.0.0.5");
	ck_assert_says(data, "no address and no domain of ours is known");
	ck_assert_says(data, "only private addresses: 10.0.0.5");
	json_decref(data);
	stop();
	world_of.script_n = 0;
	start(EGRESS "blocklists = ();\n");
	json_t *nothing;
	ck_assert_int_eq(checked(CHECK, &nothing), 3);
	ck_assert_says(nothing, "no list is enabled");
	json_decref(nothing);
	stop();
}
END_TEST

/* Begun, and told at once; the answers count all the same, and it is dropped
 * when it is over. */
START_TEST(test_check_begun)
{
	start(EGRESS LISTS);
	scripted("10.2.0.192.mixed", DNS_FOUND, 2);
	json_t *data = ask_data(&world, "{'verb':'egress check'}");
	ck_assert_str_eq(text_at(data, "result"), "begun");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "questions")), 8);
	json_decref(data);
	for (int i = 0; i < 10; i++)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	data = ask_data(&world, SHOW);
	ck_assert_str_eq(text_at(data, "listings.0.verdict"), "listed");
	json_decref(data);
	stop();
}
END_TEST

/* ---- progress, deadlines, askers that go ---- */

static size_t checks_under_way(void)
{
	size_t n = 0;
	for (egress_check i = 1; i < 10000; i++) {
		struct egress_check_state state;
		n += egress_check_state(world_of.egress, i, &state);
	}
	return n;
}

static int asker_of(const char *line)
{
	int fd = asker_open(&world);
	asker_send(&world, fd, span_of(line));
	for (int i = 0; i < 5; i++)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	return fd;
}

/* Answers n of the questions that are open with "no such name". */
static void answer_some(size_t n)
{
	const struct dns_answer none = {
		.result = DNS_NXDOMAIN, .ttl_s = 60, .fetched = world.now.mono};
	for (size_t i = 0; i < n && world_of.open_n; i++)
		egress_answered(
			world_of.egress, world_of.open[--world_of.open_n], &none, world.now);
	pump();
}

START_TEST(test_progress)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of(CHECK_TOLD);
	ck_assert_uint_eq(world_of.open_n, 8);
	answer_some(3);
	json_t *line = asker_receive(&world, fd);
	const json_t *progress = json_object_get(line, "progress");
	ck_assert_int_eq(json_integer_value(json_object_get(progress, "done")), 3);
	ck_assert_int_eq(json_integer_value(json_object_get(progress, "total")), 8);
	ck_assert(json_is_string(json_object_get(progress, "text")));
	ck_assert_ptr_null(json_object_get(line, "ok"));
	json_decref(line);
	answer_some(2);
	line = asker_receive(&world, fd);
	progress = json_object_get(line, "progress");
	ck_assert_int_eq(json_integer_value(json_object_get(progress, "done")), 5);
	json_decref(line);
	answer_some(100);
	line = asker_receive(&world, fd);
	ck_assert(json_is_true(json_object_get(line, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(line, "exit")), 3);
	json_decref(line);
	/* One line an answer again, and the next command is heard. */
	asker_send(&world, fd, SPAN("{\"verb\":\"egress clients\"}\n"));
	line = asker_receive(&world, fd);
	ck_assert(json_is_array(json_object_get(line, "data")));
	json_decref(line);
	close(fd);
	stop();
}
END_TEST

/* A command that was sent meanwhile waits for its turn, also while progress is
 * written. */
START_TEST(test_progress_pipelined)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of(CHECK_TOLD "{\"verb\":\"egress clients\"}\n");
	answer_some(3);
	json_t *line = asker_receive(&world, fd);
	ck_assert(json_is_object(json_object_get(line, "progress")));
	json_decref(line);
	for (int i = 0; i < 10; i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	answer_some(100);
	do {
		line = asker_receive(&world, fd);
		ck_assert_ptr_nonnull(line);
		bool is_progress = json_object_get(line, "progress") != NULL;
		ck_assert(is_progress || json_is_object(json_object_get(line, "data")));
		json_decref(is_progress ? line : NULL);
		line = is_progress ? NULL : line;
	} while (!line);
	json_decref(line);
	line = asker_receive(&world, fd);
	ck_assert(json_is_array(json_object_get(line, "data")));
	json_decref(line);
	close(fd);
	stop();
}
END_TEST

/* Who does not ask for progress gets one line. */
START_TEST(test_no_progress)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of("{\"verb\":\"egress check\",\"args\":{\"wait\":true}}\n");
	answer_some(3);
	for (int i = 0; i < 10; i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	answer_some(100);
	json_t *line = asker_receive(&world, fd);
	ck_assert(json_is_true(json_object_get(line, "ok")));
	json_decref(line);
	close(fd);
	stop();
}
END_TEST

/* Silence: unknown, in time. */
START_TEST(test_deadline)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of("{\"verb\":\"egress check\",\"args\":{\"wait\":true}}\n");
	world.now.mono.us += 54 * SECOND_US;
	world.now.wall.us += 54 * SECOND_US;
	pump();
	json_t *line = asker_receive(&world, fd);
	ck_assert_int_eq(json_integer_value(json_object_get(line, "exit")), 3);
	ck_assert_str_eq(text_at(line, "data.status"), "UNKNOWN");
	ck_assert_str_eq(text_at(line, "data.listings.3.verdict"), "unknown");
	json_decref(line);
	close(fd);
	stop();
}
END_TEST

/* Also when nobody turns the wheel: the answer does not depend on it. */
START_TEST(test_deadline_without_ticks)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of("{\"verb\":\"egress check\",\"args\":{\"wait\":true}}\n");
	world.now.mono.us += 55 * SECOND_US;
	json_t *line = asker_receive(&world, fd);
	ck_assert_int_eq(json_integer_value(json_object_get(line, "exit")), 3);
	json_decref(line);
	close(fd);
	stop();
}
END_TEST

static const char *const leavers[] = {CHECK_TOLD,
	"{\"verb\":\"egress check\",\"args\":{\"wait\":true}}\n",
	"{\"verb\":\"egress lists test\",\"args\":{\"zone\":\"mixed\"}}\n"};

START_TEST(test_asker_goes)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of(leavers[_i]);
	ck_assert_uint_eq(checks_under_way(), 1);
	size_t pokes = world_of.pokes;
	close(fd);
	for (int i = 0; i < 20 && checks_under_way(); i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_uint_eq(checks_under_way(), 0);
	ck_assert_uint_gt(world_of.pokes, pokes);
	stop();
}
END_TEST

/* The end of what it says is not the end of what it hears. */
START_TEST(test_asker_only_listens)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of(CHECK_TOLD);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	for (int i = 0; i < 5; i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_uint_eq(checks_under_way(), 1);
	answer_some(100);
	json_t *line = asker_receive(&world, fd);
	ck_assert_ptr_nonnull(line);
	json_decref(line);
	close(fd);
	stop();
}
END_TEST

/* Equal ones share one look; it goes when the last of them has gone. */
START_TEST(test_shared)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int first = asker_of(CHECK_TOLD), second = asker_of(CHECK_TOLD);
	ck_assert_uint_eq(checks_under_way(), 1);
	ck_assert_uint_eq(world_of.asked, 8);
	int other = asker_of("{\"verb\":\"egress check\",\"args\":{\"wait\":true,\"list\":"
			     "\"mixed\"}}\n");
	ck_assert_uint_eq(checks_under_way(), 2);
	close(first);
	for (int i = 0; i < 5; i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_uint_eq(checks_under_way(), 2);
	/* Later it is another one. */
	world.now.mono.us += 6 * SECOND_US;
	int late = asker_of(CHECK_TOLD);
	ck_assert_uint_eq(checks_under_way(), 3);
	close(second);
	close(other);
	close(late);
	for (int i = 0; i < 20 && checks_under_way(); i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_uint_eq(checks_under_way(), 0);
	stop();
}
END_TEST

/* The same asked again at once is answered from the same look. */
START_TEST(test_shared_answer)
{
	json_t *data;
	start(EGRESS LISTS);
	ck_assert_int_eq(checked(CHECK, &data), 0);
	json_decref(data);
	size_t asked = world_of.asked;
	world.now.mono.us += 4 * SECOND_US;
	ck_assert_int_eq(checked(CHECK, &data), 0);
	json_decref(data);
	ck_assert_uint_eq(world_of.asked, asked);
	world.now.mono.us += 6 * SECOND_US;
	ck_assert_int_eq(checked(CHECK, &data), 0);
	json_decref(data);
	ck_assert_uint_gt(world_of.asked, asked);
	stop();
}
END_TEST

START_TEST(test_too_many)
{
	static const char *const subjects[] = {"", "192.0.2.10", "192.0.2.11"};
	static const char *const names[] = {"", "mixed", "plain", "l4", "l5", "l6"};
	int fd[EGRESS_CHECKS_MAX];
	start(EGRESS "blocklists = ( " MIXED ", " PLAIN ", { name = \"l4\"; zone = \"l4.test\"; }, "
		     "{ name = \"l5\"; zone = \"l5.test\"; }, { name = \"l6\"; zone "
		     "= \"l6.test\"; "
		     "} );\n");
	world_of.is_silent = true;
	for (int i = 0; i < EGRESS_CHECKS_MAX; i++) {
		char line[256], subject[64] = "", list[64] = "";
		if (i / 6)
			ck_assert_int_gt(snprintf(subject, sizeof(subject), ",\"subject\":\"%s\"",
						 subjects[i / 6]),
				0);
		if (i % 6)
			ck_assert_int_gt(
				snprintf(list, sizeof(list), ",\"list\":\"%s\"", names[i % 6]), 0);
		ck_assert_int_gt(
			snprintf(line, sizeof(line),
				"{\"verb\":\"egress check\",\"args\":{\"wait\":true%s%s}}\n",
				subject, list),
			0);
		fd[i] = asker_of(line);
	}
	ck_assert_uint_eq(checks_under_way(), EGRESS_CHECKS_MAX);
	ask_refused(&world, "{'verb':'egress lists test','args':{'zone':'mixed'}}", EX_TEMPFAIL,
		"16 checks are under way");
	for (int i = 0; i < EGRESS_CHECKS_MAX; i++)
		close(fd[i]);
	for (int i = 0; i < 20 && checks_under_way(); i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_uint_eq(checks_under_way(), 0);
	stop();
}
END_TEST

/* The control goes while somebody waits. */
START_TEST(test_freed_meanwhile)
{
	start(EGRESS LISTS);
	world_of.is_silent = true;
	int fd = asker_of(CHECK_TOLD);
	stop();
	ck_assert_ptr_null(asker_receive(&world, fd));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_check");
	TCase *cases = tcase_create("control_check");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, make, clean);
	tcase_add_loop_test(cases, test_check, 0, ROWS(looks));
	tcase_add_test(cases, test_check_one);
	tcase_add_loop_test(cases, test_check_missing, 0, ROWS(missing));
	tcase_add_test(cases, test_check_nothing);
	tcase_add_test(cases, test_check_begun);
	tcase_add_test(cases, test_progress);
	tcase_add_test(cases, test_progress_pipelined);
	tcase_add_test(cases, test_no_progress);
	tcase_add_test(cases, test_deadline);
	tcase_add_test(cases, test_deadline_without_ticks);
	tcase_add_loop_test(cases, test_asker_goes, 0, ROWS(leavers));
	tcase_add_test(cases, test_asker_only_listens);
	tcase_add_test(cases, test_shared);
	tcase_add_test(cases, test_shared_answer);
	tcase_add_test(cases, test_too_many);
	tcase_add_test(cases, test_freed_meanwhile);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
