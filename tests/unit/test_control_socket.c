/* SPDX-License-Identifier: ISC */
/* The control socket: connections, bounds, rights. What commands say is test_control.c's. */
#include <sys/wait.h>
#include <sysexits.h>

#include "control_help.h"

static const char suspend_a[] =
	"{\"verb\":\"suspend\",\"args\":{\"account\":\"a\",\"reason\":\"r\"}}\n";

/* ---- askers that go, a control that goes ---- */

/* What was asked is done, whether or not somebody stays for the answer. */
START_TEST(test_asker_goes)
{
	int fd = asker_open(&world);
	asker_send(&world, fd, span_of(suspend_a));
	close(fd);
	for (int i = 0; i < 100 && mail(&world, "a", "1.a").action == ACTION_DUNNO; i++)
		event_base_loop(world.base, EVLOOP_ONCE);
	ck_assert_int_eq(mail(&world, "a", "1.b").action, ACTION_REJECT);
}
END_TEST

/* A command that waits for the store when the control goes ends without harm. */
START_TEST(test_freed_meanwhile)
{
	int fd = asker_open(&world), other = asker_open(&world);
	asker_send(&world, fd, span_of(suspend_a));
	asker_send(&world, other, SPAN("{\"verb\":\"audit\"}\n"));
	event_del(world.collect);
	for (int i = 0; i < 4; i++)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	control_free(world.control);
	world.control = NULL;
	ck_assert_int_ne(access(world.path, F_OK), 0);
	ck_assert_ptr_null(asker_receive(&world, fd));
	ck_assert_ptr_null(asker_receive(&world, other));
	close(fd);
	close(other);
}
END_TEST

/* ---- rights ---- */

/* Asks as another user, in a child: prints the exit code of the answer, or 255. */
static int ask_as(uid_t uid, const char *line)
{
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		json_t *answer;
		if (setgid(uid) != 0 || setuid(uid) != 0 ||
			control_ask(world.path, line, NULL, &answer, NULL) != 0)
			_exit(255);
		_exit((int)json_integer_value(json_object_get(answer, "exit")));
	}
	int status;
	while (waitpid(child, &status, WNOHANG) == 0) {
		const struct timeval soon = {.tv_usec = 10000};
		event_base_loopexit(world.base, &soon);
		event_base_dispatch(world.base);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

#define NOBODY 65534 /* Debian's nobody */

START_TEST(test_rights)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(ask_as(NOBODY, "{\"verb\":\"status\"}\n"), 0);
	ck_assert_int_eq(ask_as(NOBODY, suspend_a), EX_NOPERM);
	ck_assert_uint_eq(accounts(), 0);
	struct config *config = world_config(&world, "\"nobody\", \"no-such-user\"");
	control_reconfigure(world.control, config);
	config_unref(config);
	ck_assert_int_eq(ask_as(NOBODY, suspend_a), 0);
	ck_assert_uint_eq(accounts(), 1);
	control_reconfigure(world.control, world.config);
	ck_assert_int_eq(ask_as(NOBODY, suspend_a), EX_NOPERM);
}
END_TEST

/* ---- the connection ---- */

START_TEST(test_pipelined)
{
	int fd = asker_open(&world);
	asker_send(&world, fd,
		SPAN("{\"verb\":\"show\"}\n{\"verb\":\"status\"}\n{\"verb\":\"audit\"}\n{\"ve"));
	json_t *answer = asker_receive(&world, fd);
	ck_assert_str_eq(text_at(answer, "error"), "ACCOUNT is missing");
	json_decref(answer);
	answer = asker_receive(&world, fd);
	ck_assert_str_eq(text_at(answer, "data.version"), "1.2.3");
	json_decref(answer);
	answer = asker_receive(&world, fd);
	ck_assert(json_is_array(json_object_get(answer, "data")));
	json_decref(answer);
	asker_send(&world, fd, SPAN("rb\":\"status\"}\n"));
	/* The end of what it says is not the end of what it hears. */
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	answer = asker_receive(&world, fd);
	ck_assert_str_eq(text_at(answer, "data.version"), "1.2.3");
	json_decref(answer);
	ck_assert_ptr_null(asker_receive(&world, fd));
	close(fd);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	struct span line = SPAN("{\"verb\":\"status\"}\n");
	int fd = asker_open(&world);
	for (size_t i = 0; i < line.n; i++) {
		asker_send(&world, fd, span_make(line.p + i, 1));
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	}
	json_t *answer = asker_receive(&world, fd);
	ck_assert_str_eq(text_at(answer, "data.version"), "1.2.3");
	json_decref(answer);
	close(fd);
}
END_TEST

static const struct {
	const char *bytes;
	size_t n, repeat;
	const char *error;
} broken[] = {
	{"GET / HTTP/1.0\r\n\r\n", 18, 1, "no JSON object"},
	{"\n", 1, 1, "no JSON object"},
	{"{\"verb\":\"st\0\"}\n", 15, 1, "no JSON object"},
	{"0123456789abcdef", 16, CONTROL_LINE_MAX / 16, "longer than"},
	{"0123456789abcdef", 16, 65536, "longer than"},
	{"[[[[[[[[[[[[[[[[", 16, CONTROL_LINE_MAX / 16, "longer than"},
};

/* One answer, then the end; others notice nothing. */
START_TEST(test_broken)
{
	int fd = asker_open(&world);
	for (size_t i = 0; i < broken[_i].repeat; i++)
		asker_send(&world, fd, span_make(broken[_i].bytes, broken[_i].n));
	json_t *answer = asker_receive(&world, fd);
	ck_assert_ptr_nonnull(answer);
	ck_assert_ptr_nonnull(strstr(text_at(answer, "error"), broken[_i].error));
	json_decref(answer);
	ck_assert_ptr_null(asker_receive(&world, fd));
	close(fd);
	json_decref(ask_data(&world, "{'verb':'status'}"));
}
END_TEST

START_TEST(test_crowd)
{
	enum { CROWD = 64 };
	int fd[CROWD];
	for (int i = 0; i < CROWD; i++) {
		fd[i] = asker_open(&world);
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	}
	int late = asker_open(&world);
	ck_assert_ptr_null(asker_receive(&world, late));
	close(late);
	/* One leaves, one may come. */
	close(fd[0]);
	event_base_loop(world.base, EVLOOP_NONBLOCK);
	json_decref(ask_data(&world, "{'verb':'status'}"));
	for (int i = 1; i < CROWD; i++)
		close(fd[i]);
}
END_TEST

/* Whoever may only look cannot shut out those who may act. */
START_TEST(test_crowd_of_lookers)
{
	enum { LOOKERS = 56 };
	int fd[LOOKERS + 1];
	if (geteuid() != 0)
		return;
	/* The kernel notes who connects; by the time of the accept we are root again. */
	ck_assert_int_eq(seteuid(NOBODY), 0);
	for (int i = 0; i <= LOOKERS; i++)
		fd[i] = asker_open(&world);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_ptr_null(asker_receive(&world, fd[LOOKERS]));
	json_decref(ask_data(&world, "{'verb':'status'}"));
	ck_assert_int_eq(ask_as(NOBODY, "{\"verb\":\"status\"}\n"), 255);
	struct config *config = world_config(&world, "\"nobody\"");
	control_reconfigure(world.control, config);
	config_unref(config);
	ck_assert_int_eq(ask_as(NOBODY, "{\"verb\":\"status\"}\n"), 0);
	for (int i = 0; i <= LOOKERS; i++)
		close(fd[i]);
}
END_TEST

START_TEST(test_socket)
{
	struct control_setup setup = world_setup(&world);
	struct control *second = NULL;
	struct errbuf err;
	struct stat st;
	ck_assert_int_eq(stat(world.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	ck_assert_int_eq(control_new(&setup, world.config, &second, &err), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, world.path));
	ck_assert_ptr_null(second);
	json_decref(ask_data(&world, "{'verb':'status'}"));
}
END_TEST

START_TEST(test_client_errors)
{
	struct errbuf err;
	json_t *answer;
	char path[200];
	ck_assert_int_eq(control_ask("/nonexistent/socket", "x\n", NULL, &answer, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/socket"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(control_ask(path, "x\n", NULL, &answer, &err), -ENAMETOOLONG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_socket");
	TCase *tests = tcase_create("control_socket");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, test_asker_goes);
	tcase_add_test(tests, test_freed_meanwhile);
	tcase_add_test(tests, test_rights);
	tcase_add_test(tests, test_pipelined);
	tcase_add_test(tests, test_byte_by_byte);
	tcase_add_loop_test(tests, test_broken, 0, ROWS(broken));
	tcase_add_test(tests, test_crowd);
	tcase_add_test(tests, test_crowd_of_lookers);
	tcase_add_test(tests, test_socket);
	tcase_add_test(tests, test_client_errors);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
