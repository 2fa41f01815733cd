/* SPDX-License-Identifier: ISC */
/* Lines of a file, plain or gzip. What a line means is not known here. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "policyd/replay.h"

#ifdef POLICYD_ZLIB
#include <zlib.h>
#define CHUNK (256 * 1024)
#endif

struct input {
	char *path;
	int fd;
#ifdef POLICYD_ZLIB
	gzFile gz; /* reads plain files as they are */
#endif
	uint64_t number, total;
	size_t at, n; /* of buf: what has been read and not returned */
	size_t size;
	char *buf;
};

int input_open(const char *path, struct input **ret, struct errbuf *err)
{
	struct stat st;
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		int r = -errno;
		err_set(err, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	struct input *in = xcalloc(1, sizeof(*in));
	in->path = xstrdup(is_stdin ? "standard input" : path);
	in->fd = fd;
	in->total = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	in->size = 64 * 1024;
	in->buf = xmalloc(in->size);
#ifdef POLICYD_ZLIB
	in->gz = gzdopen(fd, "rb");
	if (!in->gz) {
		close(fd);
		input_close(in);
		err_set(err, "%s: out of memory for gzip", path);
		return -ENOMEM;
	}
	(void)gzbuffer(in->gz, CHUNK);
#endif
	*ret = in;
	return 0;
}

void input_close(struct input *in)
{
	if (!in)
		return;
#ifdef POLICYD_ZLIB
	if (in->gz)
		(void)gzclose(in->gz);
#else
	close(in->fd);
#endif
	free(in->path);
	free(in->buf);
	free(in);
}

/* Bytes, 0 at the end, or negative with err. */
static int read_some(struct input *in, char *buf, size_t n, struct errbuf *err)
{
#ifdef POLICYD_ZLIB
	int code = Z_OK, got = gzread(in->gz, buf, (unsigned)n);
	const char *why = got > 0 ? "" : gzerror(in->gz, &code);
	/*
	 * At the end, Z_BUF_ERROR says that the file was cut: half a log must not pass for a whole.
	 */
	if (got < 0 || code == Z_BUF_ERROR) {
		err_set(err, "%s: %s", in->path, got < 0 ? why : "ends in the middle");
		return -EIO;
	}
	return got;
#else
	ssize_t got = read(in->fd, buf, n);
	if (got < 0) {
		int r = -errno;
		err_set(err, "%s: %s", in->path, strerror(errno));
		return r;
	}
	if (got >= 2 && in->number == 0 && memcmp(buf, "\x1f\x8b", 2) == 0) {
		err_set(err, "%s: is gzip, and this policyctl was built without zlib", in->path);
		return -ENOTSUP;
	}
	return (int)got;
#endif
}

/* Makes room behind what is not returned yet. False: a line is longer than any may be. */
static bool make_room(struct input *in)
{
	if (in->at) {
		memmove(in->buf, in->buf + in->at, in->n - in->at);
		in->n -= in->at;
		in->at = 0;
	}
	if (in->n < in->size)
		return true;
	if (in->size >= INPUT_LINE_MAX)
		return false;
	in->size *= 2;
	in->buf = xrealloc(in->buf, in->size, 1);
	return true;
}

static int line_of(struct input *in, size_t n, size_t with_newline, struct span *ret)
{
	*ret = span_make(in->buf + in->at, n);
	in->at += with_newline;
	in->number++;
	return 1;
}

int input_line(struct input *in, struct span *ret, struct errbuf *err)
{
	size_t looked = 0;
	for (;;) {
		size_t left = in->n - in->at;
		char *lf = left > looked ? memchr(in->buf + in->at + looked, '\n', left - looked)
					 : NULL;
		if (lf) {
			size_t n = (size_t)(lf - (in->buf + in->at));
			return line_of(in, n, n + 1, ret);
		}
		looked = left;
		if (!make_room(in)) {
			err_set(err, "%s:%llu: a line is longer than %d bytes", in->path,
				(unsigned long long)in->number + 1, INPUT_LINE_MAX);
			return -E2BIG;
		}
		int got = read_some(in, in->buf + in->n, in->size - in->n, err);
		if (got < 0)
			return got;
		if (got == 0)
			return left ? line_of(in, left, left, ret) : 0;
		in->n += (size_t)got;
	}
}

void input_where(const struct input *in, uint64_t *ret_done, uint64_t *ret_total)
{
	off_t at = lseek(in->fd, 0, SEEK_CUR);
	*ret_done = at > 0 ? (uint64_t)at : 0;
	*ret_total = in->total;
}

uint64_t input_number(const struct input *in)
{
	return in->number;
}
