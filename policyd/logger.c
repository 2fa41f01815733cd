/* SPDX-License-Identifier: ISC */
/*
 * Where log lines go. They gather for a moment, so that a flood of refusals costs one system call a batch,
 * and are written by another thread, so that a pipe nobody reads does not hold up the mail.
 */
#include "logger.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "policyd/lines.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/metric.h"

#define GATHER_US 20000
#define STUCK_MS  1000
#define PIECE     4096 /* a pipe that polls writable takes PIPE_BUF bytes without blocking */

struct logger {
	struct lines *lines;
	struct event *gathered, *written;
	bool is_gathering;
	bool is_stuck; /* writing thread only: the last piece was not taken in time */
};

static const struct {
	int priority;
	const char *word;
} levels[] = {
	[LEVEL_ERROR] = {LOG_ERR, "ERROR"},
	[LEVEL_WARNING] = {LOG_WARNING, "WARNING"},
	[LEVEL_NOTICE] = {LOG_NOTICE, "NOTICE"},
	[LEVEL_INFO] = {LOG_INFO, "INFO"},
	[LEVEL_DEBUG] = {LOG_DEBUG, "DEBUG"},
};

/* ---- on the writing thread ---- */

/* Once stuck, no more waiting until a piece is taken again: the queue would only fill up. */
static int piece_write(struct logger *logger, struct span *bytes)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	size_t n = bytes->n < PIECE ? bytes->n : PIECE;
	if (poll(&out, 1, logger->is_stuck ? 0 : STUCK_MS) != 1) {
		logger->is_stuck = true;
		return -ETIMEDOUT;
	}
	ssize_t written = write(STDERR_FILENO, bytes->p, n);
	if (written < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	logger->is_stuck = false;
	*bytes = span_make(bytes->p + written, bytes->n - (size_t)written);
	return 0;
}

static int stderr_write(void *ctx, struct span bytes)
{
	int r = 0;
	while (bytes.n && r == 0)
		r = piece_write(ctx, &bytes);
	return r;
}

/* Each line begins with the digit of its level. */
static int syslog_write(void *ctx, struct span bytes)
{
	(void)ctx;
	while (bytes.n) {
		const char *end = memchr(bytes.p, '\n', bytes.n);
		size_t n = end ? (size_t)(end - bytes.p) : bytes.n;
		if (n > 1)
			syslog(levels[bytes.p[0] - '0'].priority, "%.*s", (int)n - 1, bytes.p + 1);
		bytes = span_make(bytes.p + n + 1, bytes.n - n - (end ? 1 : 0));
	}
	return 0;
}

/* ---- on the loop thread ---- */

static void count_dropped(void *ctx, uint64_t lines)
{
	(void)ctx;
	metric_add(METRIC_LOG_DROPPED, lines);
}

static void gather(struct logger *logger, struct span line)
{
	static const struct timeval moment = {.tv_usec = GATHER_US};
	lines_put(logger->lines, line);
	if (logger->is_gathering)
		return;
	logger->is_gathering = true;
	event_add(logger->gathered, &moment);
}

static void stderr_sink(void *ctx, enum log_level level, const char *text, size_t n)
{
	char line[LOG_LINE_MAX + 16];
	size_t at = span_copy(span_of(levels[level].word), line, sizeof(line));
	line[at++] = ' ';
	at += span_copy(span_make(text, n), line + at, sizeof(line) - at);
	gather(ctx, span_make(line, at));
}

static void syslog_sink(void *ctx, enum log_level level, const char *text, size_t n)
{
	char line[LOG_LINE_MAX + 16];
	line[0] = (char)('0' + level);
	size_t at = 1 + span_copy(span_make(text, n), line + 1, sizeof(line) - 1);
	gather(ctx, span_make(line, at));
}

static void on_gathered(evutil_socket_t fd, short what, void *arg)
{
	struct logger *logger = arg;
	(void)fd;
	(void)what;
	logger->is_gathering = false;
	lines_flush(logger->lines);
}

static void on_written(evutil_socket_t fd, short what, void *arg)
{
	const struct logger *logger = arg;
	(void)fd;
	(void)what;
	lines_collect(logger->lines);
}

struct logger *logger_new(struct event_base *base, bool to_syslog, struct errbuf *err)
{
	struct logger *logger = xcalloc(1, sizeof(*logger));
	struct lines_setup setup = {
		.write = to_syslog ? syslog_write : stderr_write,
		.dropped = count_dropped,
		.ctx = logger,
	};
	logger->lines = lines_new(&setup, err);
	if (!logger->lines) {
		free(logger);
		return NULL;
	}
	logger->gathered = evtimer_new(base, on_gathered, logger);
	logger->written =
		event_new(base, lines_fd(logger->lines), EV_READ | EV_PERSIST, on_written, logger);
	event_add(logger->written, NULL);
	log_set_sink(to_syslog ? syslog_sink : stderr_sink, logger);
	return logger;
}

void logger_free(struct logger *logger)
{
	if (!logger)
		return;
	log_set_sink(NULL, NULL);
	event_free(logger->gathered);
	event_free(logger->written);
	lines_free(logger->lines);
	free(logger);
}
