/* SPDX-License-Identifier: ISC */
/*
 * Where log lines go. They gather for a moment, so that a flood of refusals costs one system call a
 * batch, and are written by another thread, so that a pipe nobody reads does not hold up the mail.
 */
#include "logger.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
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
	struct sockaddr_un syslog;
	/* Writing thread only. */
	bool is_file;  /* standard error never blocks: whole batches are written */
	bool is_stuck; /* the last piece was not taken in time */
	int syslog_fd; /* -1: not connected */
};

static const int priorities[] = {
	[LEVEL_ERROR] = LOG_ERR,
	[LEVEL_WARNING] = LOG_WARNING,
	[LEVEL_NOTICE] = LOG_NOTICE,
};

/* ---- on the writing thread ---- */

/* Once stuck, no more waiting until a piece is taken again: the queue would only fill up. */
static int await_room(struct logger *logger, int fd)
{
	struct pollfd out = {.fd = fd, .events = POLLOUT};
	if (poll(&out, 1, logger->is_stuck ? 0 : STUCK_MS) == 1)
		return 0;
	logger->is_stuck = true;
	return -ETIMEDOUT;
}

static int piece_write(struct logger *logger, struct span *bytes)
{
	size_t n = logger->is_file || bytes->n < PIECE ? bytes->n : PIECE;
	int r = logger->is_file ? 0 : await_room(logger, STDERR_FILENO);
	if (r != 0)
		return r;
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

static int syslog_connect(struct logger *logger)
{
	if (logger->syslog_fd >= 0)
		close(logger->syslog_fd);
	logger->syslog_fd = -1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&logger->syslog, sizeof(logger->syslog)) != 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	logger->syslog_fd = fd;
	return 0;
}

static int syslog_send(struct logger *logger, struct span line)
{
	if (logger->syslog_fd < 0)
		return -ENOTCONN;
	int r = await_room(logger, logger->syslog_fd);
	if (r != 0)
		return r;
	if (send(logger->syslog_fd, line.p, line.n, MSG_NOSIGNAL) < 0)
		return -errno;
	logger->is_stuck = false;
	return 0;
}

/* Each line begins with the digit of its level. */
static size_t syslog_format(struct span line, const char *when, char *buf, size_t size)
{
	int n = snprintf(buf, size, "<%d>%s policyd[%ld]: %.*s",
		LOG_MAIL | priorities[line.p[0] - '0'], when, (long)getpid(), (int)line.n - 1,
		line.p + 1);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

/*
 * Not syslog(3), which waits without end for a syslogd that is stuck. One that was started anew is
 * found again, with one try a batch.
 */
static int syslog_write(void *ctx, struct span bytes)
{
	struct logger *logger = ctx;
	char when[32], text[LOG_LINE_MAX + 128];
	time_t seconds = time(NULL);
	struct tm tm = {0};
	bool may_connect = true;
	int r = 0;
	localtime_r(&seconds, &tm);
	if (strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm) == 0)
		return -EINVAL;
	while (bytes.n && r == 0) {
		const char *end = memchr(bytes.p, '\n', bytes.n);
		size_t n = end ? (size_t)(end - bytes.p) : bytes.n;
		struct span line = span_make(
			text, syslog_format(span_make(bytes.p, n), when, text, sizeof(text)));
		r = syslog_send(logger, line);
		if ((r == -ENOTCONN || r == -ECONNREFUSED) && may_connect) {
			may_connect = false;
			r = syslog_connect(logger);
			if (r == 0)
				r = syslog_send(logger, line);
		}
		bytes = span_make(bytes.p + n + 1, bytes.n - n - (end ? 1 : 0));
	}
	return r;
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
	size_t at = span_copy(span_of(log_level_word(level)), line, sizeof(line));
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

struct logger *logger_new(struct event_base *base, const char *syslog_path, struct errbuf *err)
{
	struct logger *logger = xcalloc(1, sizeof(*logger));
	struct lines_setup setup = {
		.write = syslog_path ? syslog_write : stderr_write,
		.dropped = count_dropped,
		.ctx = logger,
	};
	struct stat stat;
	logger->is_file = fstat(STDERR_FILENO, &stat) == 0 && S_ISREG(stat.st_mode);
	logger->syslog_fd = -1;
	logger->syslog.sun_family = AF_UNIX;
	span_copy(span_of(syslog_path), logger->syslog.sun_path, sizeof(logger->syslog.sun_path));
	logger->lines = lines_new(&setup, err);
	if (!logger->lines) {
		free(logger);
		return NULL;
	}
	logger->gathered = evtimer_new(base, on_gathered, logger);
	logger->written =
		event_new(base, lines_fd(logger->lines), EV_READ | EV_PERSIST, on_written, logger);
	event_add(logger->written, NULL);
	log_set_sink(syslog_path ? syslog_sink : stderr_sink, logger);
	return logger;
}

void logger_flush(struct logger *logger)
{
	if (logger)
		lines_flush(logger->lines);
}

void logger_free(struct logger *logger)
{
	if (!logger)
		return;
	log_set_sink(NULL, NULL);
	event_free(logger->gathered);
	event_free(logger->written);
	lines_free(logger->lines);
	if (logger->syslog_fd >= 0)
		close(logger->syslog_fd);
	free(logger);
}
