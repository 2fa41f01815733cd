/* SPDX-License-Identifier: ISC */
/*
 * The asking side of the control socket: one line there, one line back, blocking. What the answer
 * means, and how it looks, is not known here.
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

/* Reads up to the newline, or the end, into *ret (for free()). */
static int line_receive(int fd, const char *path, char **ret, size_t *ret_n, struct errbuf *err)
{
	size_t n = 0, size = ANSWER_FIRST;
	char *buf = xmalloc(size);
	while (n == 0 || buf[n - 1] != '\n') {
		if (n == size && size < ANSWER_MAX)
			buf = xrealloc(buf, size *= 2, 1);
		if (n == size) {
			err_set(err, "%s: the answer is too long", path);
			free(buf);
			return -EPROTO;
		}
		ssize_t got = recv(fd, buf + n, size - n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int r = errno_tell(path, "no answer", err);
			free(buf);
			return r;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*ret = buf;
	*ret_n = n;
	return 0;
}

static int answer_parse(const char *path, struct span line, json_t **ret_answer, struct errbuf *err)
{
	json_t *answer = line.n ? json_loadb(line.p, line.n, ANSWER_FLAGS, NULL) : NULL;
	if (json_is_boolean(json_object_get(answer, "ok"))) {
		*ret_answer = answer;
		return 0;
	}
	json_decref(answer);
	err_set(err, "%s: %s", path,
		line.n ? "the answer is not one of policyd's" : "closed without an answer");
	return -EPROTO;
}

int control_ask(const char *path, const char *line, json_t **ret_answer, struct errbuf *err)
{
	char *buf = NULL;
	size_t n = 0;
	int fd CLEANUP(fd_close) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno_tell(path, "socket", err);
	int r = path_connect(fd, path, err);
	if (r == 0)
		r = line_send(fd, path, span_of(line), err);
	if (r == 0)
		r = line_receive(fd, path, &buf, &n, err);
	if (r == 0)
		r = answer_parse(path, span_make(buf, n), ret_answer, err);
	free(buf);
	return r;
}
