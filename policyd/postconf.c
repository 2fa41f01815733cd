/* SPDX-License-Identifier: ISC */
/* A child process, its output, and an end to waiting for it. What it says is others' business. */
#include "postconf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policyd/mem.h"

#define DEADLINE_MS 5000
#define OUTPUT_MAX  65536
#define ARGV_MAX    16
#define SLICE_MS    100 /* between two looks at whether the end has come */

/* Not in the path of everybody who may run policyctl. */
#define POSTCONF_FALLBACK "/usr/sbin/postconf"

static atomic_bool is_stopping;

void postconf_stop(void)
{
	atomic_store(&is_stopping, true);
}

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
		if (atomic_load(&is_stopping))
			return -ECANCELED;
		if (n == OUTPUT_MAX)
			return -E2BIG;
		if (poll(&ready, 1, left < SLICE_MS ? (int)left : SLICE_MS) <= 0)
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
static int run(char *const argv[], char **ret, struct errbuf *err)
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

int postconf_ask(const char *directory, const char *const more[], char **ret, struct errbuf *err)
{
	char *argv[ARGV_MAX];
	argv_make(argv, directory, more);
	return run(argv, ret, err);
}

bool postconf_line(struct span *rest, struct span *ret)
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

void postconf_pair(struct span line, struct span *ret_name, struct span *ret_value)
{
	const char *equals = line.n ? memchr(line.p, '=', line.n) : NULL;
	size_t n = equals ? (size_t)(equals - line.p) : line.n;
	*ret_name = span_trim(span_make(line.p, n));
	*ret_value = equals ? span_trim(span_make(equals + 1, line.n - n - 1)) : SPAN("");
}
