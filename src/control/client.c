/* SPDX-License-Identifier: ISC */
/*
 * The asking side of the control socket: one line there, one line back, and perhaps some before it
 * that tell how far it is; blocking. What the answer means, and how it looks, is not known here.
 */
#include "policyd/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "policyd/mem.h"

#define WAIT_S 30 /* what the daemon grants a connection for each step, too */

/* The longest answer: 10,000 audit rows of full length stay below it. */
#define ANSWER_MAX   (UINT32_C(64) << 20)
#define ANSWER_FIRST 16384

/* Lines of progress before an answer: hours of them. */
#define PROGRESS_MAX 100000

/* Accounts and addresses may hold NUL. */
#define ANSWER_FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int errno_tell(const char *path, const char *what, struct errbuf *err)
{
	int r = -errno;
	if (r == -EAGAIN)
		err_set(err, "%s: no answer within %d s", path, WAIT_S);
	else
		err_set(err, "%s: %s: %s", path, what, strerror(-r));
	return r;
}

static int path_connect(int fd, const char *path, struct errbuf *err)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct span text = span_of(path);
	if (text.n >= sizeof(address.sun_path)) {
		err_set(err, "%.60s...: the path of a socket has at most %zu bytes", path,
			sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	span_copy(text, address.sun_path, sizeof(address.sun_path));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0)
		return errno_tell(path, "setsockopt", err);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return errno_tell(path, "cannot connect", err);
	return 0;
}

static int line_send(int fd, const char *path, struct span line, struct errbuf *err)
{
	while (line.n) {
		ssize_t n = send(fd, line.p, line.n, MSG_NOSIGNAL);
		/* Whoever refuses us has said why before it closed: read that first. */
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno_tell(path, "cannot ask", err);
		line = span_make(line.p + n, line.n - (size_t)n);
	}
	return 0;
}

/* What has come and has not been looked at. */
struct inbox {
	int fd;
	const char *path;
	char *buf;
	size_t n, size;
	size_t scanned; /* bytes known to hold no newline */
};

static int inbox_fill(struct inbox *in, bool *ret_is_end, struct errbuf *err)
{
	if (in->n == in->size && in->size >= ANSWER_MAX) {
		err_set(err, "%s: the answer is too long", in->path);
		return -EPROTO;
	}
	if (in->n == in->size) {
		in->size = in->size ? in->size * 2 : ANSWER_FIRST;
		in->buf = xrealloc(in->buf, in->size, 1);
	}
	for (;;) {
		ssize_t got = recv(in->fd, in->buf + in->n, in->size - in->n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno_tell(in->path, "no answer", err);
		*ret_is_end = got == 0;
		in->n += (size_t)got;
		return 0;
	}
}

/* The next line without its newline; what stands before the end is one as well. */
static int line_receive(struct inbox *in, struct span *ret, struct errbuf *err)
{
	bool is_end = false;
	while (!is_end) {
		const char *from = in->buf ? in->buf + in->scanned : NULL;
		const char *end = from ? memchr(from, '\n', in->n - in->scanned) : NULL;
		in->scanned = end ? 0 : in->n;
		if (end) {
			*ret = span_make(in->buf, (size_t)(end - in->buf));
			return 0;
		}
		int r = inbox_fill(in, &is_end, err);
		if (r != 0)
			return r;
	}
	*ret = span_make(in->buf, in->n);
	return 0;
}

static void line_drop(struct inbox *in, size_t line_n)
{
	in->n -= line_n + 1;
	memmove(in->buf, in->buf + line_n + 1, in->n);
}

static bool was_progress(const json_t *line, const struct control_ear *ear)
{
	const json_t *told = json_object_get(line, "progress");
	if (!json_is_object(told))
		return false;
	json_int_t done = json_integer_value(json_object_get(told, "done"));
	json_int_t total = json_integer_value(json_object_get(told, "total"));
	const char *text = json_string_value(json_object_get(told, "text"));
	if (ear)
		ear->progress(
			ear->ctx, &(struct control_progress){.done = done > 0 ? (uint64_t)done : 0,
					  .total = total > 0 ? (uint64_t)total : 0,
					  .text = text ? text : ""});
	return true;
}

/* Lines of progress, and the answer. */
static int answer_receive(
	struct inbox *in, const struct control_ear *ear, json_t **ret_answer, struct errbuf *err)
{
	struct span line;
	for (unsigned i = 0; i < PROGRESS_MAX; i++) {
		int r = line_receive(in, &line, err);
		if (r != 0)
			return r;
		json_t *json = line.n ? json_loadb(line.p, line.n, ANSWER_FLAGS, NULL) : NULL;
		if (json_is_boolean(json_object_get(json, "ok"))) {
			*ret_answer = json;
			return 0;
		}
		bool is_progress = line.n < in->n && was_progress(json, ear);
		json_decref(json);
		if (!is_progress) {
			err_set(err, "%s: %s", in->path,
				line.n ? "the answer is not one of policyd's"
				       : "closed without an answer");
			return -EPROTO;
		}
		line_drop(in, line.n);
	}
	err_set(err, "%s: progress and no answer", in->path);
	return -EPROTO;
}

int control_ask(const char *path, const char *line, const struct control_ear *ear,
	json_t **ret_answer, struct errbuf *err)
{
	int fd CLEANUP(fd_close) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno_tell(path, "socket", err);
	struct inbox in = {.fd = fd, .path = path};
	int r = path_connect(fd, path, err);
	if (r == 0)
		r = line_send(fd, path, span_of(line), err);
	if (r == 0)
		r = answer_receive(&in, ear, ret_answer, err);
	free(in.buf);
	return r;
}
