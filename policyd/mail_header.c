/* SPDX-License-Identifier: ISC */
/* Only the fields that are looked at go over the socket: its lines are shorter than a header may be. */
#include "mail_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "policyd/mailauth.h"
#include "policyd/mem.h"
#include "policyd/utf8.h"

/* Of them, so that they fit in a line with what JSON adds. */
#define FIELDS_MAX (32 * 1024)
#define PATH_SHOWN 200

static void fd_close(const int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
}

/* True: the empty line behind the header is among the n bytes; from: where was not looked yet. */
static bool has_end(const char *p, size_t from, size_t n)
{
	for (size_t i = from > 2 ? from - 2 : 1; i < n; i++) {
		bool is_crlf = p[i] == '\r' && i + 1 < n && p[i + 1] == '\n';
		if (p[i - 1] == '\n' && (p[i] == '\n' || is_crlf))
			return true;
	}
	return false;
}

/* Into buf, until the header is over; the number of bytes, or -errno. */
static ssize_t header_get(int fd, char *buf, size_t size)
{
	size_t n = 0;
	while (n < size) {
		ssize_t got = read(fd, buf + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		size_t before = n;
		n += (size_t)got;
		if (got == 0 || has_end(buf, before, n))
			break;
	}
	return (ssize_t)n;
}

/* For free(); NULL: they are too long. */
static char *fields_of(struct span header, size_t *ret_n)
{
	char *text = xmalloc(FIELDS_MAX);
	struct span field;
	size_t n = 0;
	while (message_auth_field(&header, &field)) {
		if (field.n > FIELDS_MAX - n) {
			free(text);
			return NULL;
		}
		memcpy(text + n, field.p, field.n);
		n += field.n;
	}
	char *repaired = utf8_repair(span_make(text, n), ret_n);
	free(text);
	return repaired;
}

static int header_check(struct span header, const char *path, struct errbuf *err)
{
	struct message_auth auth;
	const char *lacks = NULL;
	message_auth_parse(header, &auth);
	if (auth.signatures == 0)
		lacks = "DKIM-Signature";
	else if (!auth.from_domain[0])
		lacks = "From";
	if (!lacks)
		return EX_OK;
	err_set(err,
		"%.*s: its header has no %s that can be read: it must be a mail of ours as it was "
		"received elsewhere",
		PATH_SHOWN, path, lacks);
	return EX_DATAERR;
}

static int header_put(json_t *args, struct span header, const char *path, struct errbuf *err)
{
	size_t n = 0;
	int code = header_check(header, path, err);
	if (code != EX_OK)
		return code;
	char *fields = fields_of(header, &n);
	if (!fields) {
		err_set(err,
			"%.*s: From, DKIM-Signature and Authentication-Results are longer than %d "
			"bytes",
			PATH_SHOWN, path, FIELDS_MAX);
		return EX_DATAERR;
	}
	json_object_set_new(args, "message", json_stringn(fields, n));
	free(fields);
	return EX_OK;
}

int mail_header_read(json_t *args, struct errbuf *err)
{
	const char *name = json_string_value(json_object_get(args, "message"));
	if (!name)
		return EX_OK;
	/* A copy: it is replaced by what is read. */
	char *path = xstrdup(name);
	bool is_input = strcmp(path, "-") == 0;
	int fd CLEANUP(fd_close) = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *header = xmalloc(MESSAGE_HEADER_MAX);
	ssize_t n = fd < 0 ? -errno : header_get(fd, header, MESSAGE_HEADER_MAX);
	int code = EX_NOINPUT;
	if (n < 0)
		err_set(err, "%.*s: %s", PATH_SHOWN, is_input ? "standard input" : path,
			strerror((int)-n));
	else
		code = header_put(args, span_make(header, (size_t)n),
			is_input ? "standard input" : path, err);
	free(header);
	free(path);
	return code;
}
