/* SPDX-License-Identifier: ISC */
/* Asking postconf(1). Which answers make which action impossible is the configuration's business. */
#include "postfix_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policyd/mem.h"

#define DEADLINE_MS 5000
#define OUTPUT_MAX  65536
#define ARGV_MAX    8

/* Not in the path of everybody who may run policyctl. */
#define POSTCONF_FALLBACK "/usr/sbin/postconf"

static int64_t now_ms(void)
{
	struct timespec t = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- one run ---- */

static int spawn_try(pid_t *ret, const char *program, char *const argv[], int out)
{
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	int r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnp(ret, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Reads to the end into buf[OUTPUT_MAX]. The length, or -ETIMEDOUT, -E2BIG or what read(2) says. */
static ssize_t output_read(int fd, char *buf, int64_t until_ms)
{
	size_t n = 0;
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		int64_t left = until_ms - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (n == OUTPUT_MAX)
			return -E2BIG;
		if (poll(&ready, 1, (int)left) <= 0)
			continue;
		ssize_t got = read(fd, buf + n, OUTPUT_MAX - n);
		if (got == 0)
			return (ssize_t)n;
		if (got < 0 && errno != EINTR)
			return -errno;
		n += got > 0 ? (size_t)got : 0;
	}
}

/* Its exit code; -ETIMEDOUT: it was killed, because it did not end in time. */
static int child_end(pid_t child, int64_t until_ms)
{
	static const struct timespec pause = {.tv_nsec = 5000000};
	int status = 0;
	pid_t got;
	while ((got = waitpid(child, &status, WNOHANG)) == 0 && now_ms() < until_ms)
		(void)nanosleep(&pause, NULL);
	if (got == child)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	return -ETIMEDOUT;
}

static int failure_tell(int r, struct errbuf *err)
{
	switch (r) {
	case -ENOENT:
		err_set(err, "there is no postconf");
		return r;
	case -ETIMEDOUT:
		err_set(err, "postconf gave no answer within %d s", DEADLINE_MS / 1000);
		return r;
	case -E2BIG:
		err_set(err, "postconf said more than %d bytes", OUTPUT_MAX);
		return r;
	default:
		err_set(err, "postconf: %s", strerror(-r));
		return r;
	}
}

/* What a postconf with these arguments prints, NUL-terminated, for free(). 0 or negative. */
static int postconf_run(char *const argv[], char **ret, struct errbuf *err)
{
	int ends[2];
	pid_t child = -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return failure_tell(-errno, err);
	int r = spawn_try(&child, argv[0], argv, ends[1]);
	if (r == -ENOENT)
		r = spawn_try(&child, POSTCONF_FALLBACK, argv, ends[1]);
	close(ends[1]);
	if (r != 0) {
		close(ends[0]);
		return failure_tell(r, err);
	}
	int64_t until_ms = now_ms() + DEADLINE_MS;
	char *buf = xcalloc(OUTPUT_MAX + 1, 1);
	ssize_t n = output_read(ends[0], buf, until_ms);
	close(ends[0]);
	/* One that still writes or waits has had its time. */
	int code = child_end(child, n < 0 ? 0 : until_ms);
	if (n >= 0 && code == 0 && !memchr(buf, '\0', (size_t)n)) {
		*ret = buf;
		return 0;
	}
	free(buf);
	if (n < 0 || code < 0)
		return failure_tell(n < 0 ? (int)n : code, err);
	err_set(err, "postconf ended with %d: run \"postconf -n\" to see why", code);
	return -EIO;
}

/* ---- what it says ---- */

/* Takes the next line off. False at the end. */
static bool line_next(struct span *rest, struct span *ret)
{
	const char *newline = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	if (rest->n == 0)
		return false;
	size_t n = newline ? (size_t)(newline - rest->p) : rest->n;
	size_t used = newline ? n + 1 : n;
	*ret = span_trim(span_make(rest->p, n));
	*rest = span_make(rest->p + used, rest->n - used);
	return true;
}

/* The first value that is set counts. */
static void fact_set(char **fact, struct span value)
{
	if (!*fact && value.n)
		*fact = xstrndup(value.p, value.n);
}

/* A line for each parameter, in the order they were asked for. */
static void read_main(struct postfix_answers *answers, const char *text)
{
	struct span rest = span_of(text), line;
	if (line_next(&rest, &line))
		fact_set(&answers->content_filter, line);
	if (line_next(&rest, &line))
		fact_set(&answers->smtpd_proxy_filter, line);
}

/*
 * "submission/inet/content_filter = value". What takes mail in through a network or from postscreen
 * is an smtpd; the same words mean nothing to the others.
 */
static void read_service(struct postfix_answers *answers, struct span line)
{
	const char *equals = memchr(line.p, '=', line.n);
	size_t n = equals ? (size_t)(equals - line.p) : 0;
	struct span name = span_trim(span_make(line.p, n));
	struct span value = equals ? span_trim(span_make(equals + 1, line.n - n - 1)) : SPAN("");
	if (span_ends(name, SPAN("/inet/content_filter")) ||
		span_ends(name, SPAN("/pass/content_filter")))
		fact_set(&answers->content_filter, value);
	if (span_ends(name, SPAN("/inet/smtpd_proxy_filter")) ||
		span_ends(name, SPAN("/pass/smtpd_proxy_filter")))
		fact_set(&answers->smtpd_proxy_filter, value);
}

/* argv of postconf for strings that it does not change. */
static void argv_make(char *argv[ARGV_MAX], const char *directory, const char *const more[])
{
	size_t n = 0;
	argv[n++] = (char *)(uintptr_t) "postconf";
	if (directory) {
		argv[n++] = (char *)(uintptr_t) "-c";
		argv[n++] = (char *)(uintptr_t)directory;
	}
	for (size_t i = 0; more[i] && n + 1 < ARGV_MAX; i++)
		argv[n++] = (char *)(uintptr_t)more[i];
	argv[n] = NULL;
}

int postfix_ask(const char *directory, struct postfix_answers *ret, struct errbuf *err)
{
	/* -x: "$my_filter" as what it stands for. */
	static const char *const main_cf[] = {
		"-x", "-h", "content_filter", "smtpd_proxy_filter", NULL};
	static const char *const master_cf[] = {"-x", "-P", NULL};
	struct postfix_answers answers = {0};
	char *argv[ARGV_MAX], *text = NULL, *services = NULL;
	argv_make(argv, directory, main_cf);
	int r = postconf_run(argv, &text, err);
	if (r != 0)
		return r;
	read_main(&answers, text);
	free(text);
	argv_make(argv, directory, master_cf);
	r = postconf_run(argv, &services, err);
	if (r != 0) {
		postfix_answers_deinit(&answers);
		return r;
	}
	struct span rest = span_of(services), line;
	while (line_next(&rest, &line))
		read_service(&answers, line);
	free(services);
	*ret = answers;
	return 0;
}

void postfix_answers_deinit(struct postfix_answers *answers)
{
	free(answers->content_filter);
	free(answers->smtpd_proxy_filter);
	*answers = (struct postfix_answers){0};
}

/* ---- the check ---- */

/* What only says something, or refuses, any Postfix can do. */
static bool may_depend(enum action action)
{
	return action < ACTION_COUNT && action_rows[action].accepts && action != ACTION_DUNNO &&
	       action != ACTION_INFO && action != ACTION_WARN;
}

static bool is_worth_asking(const struct config *config)
{
	for (size_t i = 0; i < config->limits_n; i++) {
		if (may_depend(config->limits[i].action.action))
			return true;
	}
	return may_depend(config->suspension.action.action);
}

static void report_warn(struct config_report *report, const char *text)
{
	report->line = xrealloc(report->line, report->n + 1, sizeof(*report->line));
	report->line[report->n++] = (struct config_line){.text = xstrdup(text)};
}

int postfix_check(const struct config *config, const char *directory, struct config_report *report)
{
	struct postfix_answers answers;
	struct errbuf err, told;
	if (!directory && !config->postfix.config_directory && !is_worth_asking(config))
		return 0;
	if (!directory)
		directory = config->postfix.config_directory;
	if (postfix_ask(directory, &answers, &err) != 0) {
		err_set(&told, "%s%s%.300s; actions are not checked against Postfix",
			directory ? directory : "", directory ? ": " : "", err.text);
		report_warn(report, told.text);
		return 0;
	}
	const struct postfix_facts facts = {.content_filter = answers.content_filter,
		.smtpd_proxy_filter = answers.smtpd_proxy_filter};
	int r = config_check_postfix(config, &facts, report);
	postfix_answers_deinit(&answers);
	return r;
}
