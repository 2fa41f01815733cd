/* SPDX-License-Identifier: ISC */
/* Reading configuration files. What is in them is not looked at here. */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/mem.h"

/* Up to one byte more than is taken, so that too much shows. Bytes read or -errno. */
static ssize_t descriptor_read(int fd, char *buf, size_t max)
{
	size_t used = 0;

	while (used <= max) {
		ssize_t n = read(fd, buf + used, max + 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* A file, or a pipe that a shell made; a device could make us wait for ever. 0 or -errno. */
static int descriptor_check(
	int fd, const struct source_want *want, struct stat *ret, struct errbuf *err)
{
	struct stat stat;
	int r = fstat(fd, &stat) == 0 ? 0 : -errno;

	if (r == 0 && S_ISDIR(stat.st_mode))
		r = -EISDIR;
	if (r != 0) {
		err_set(err, "cannot be read: %s", strerror(-r));
		return r;
	}
	if (!S_ISREG(stat.st_mode) && !(want->may_pipe && S_ISFIFO(stat.st_mode))) {
		err_set(err, "is no regular file: give the path of one");
		return -EINVAL;
	}
	*ret = stat;
	if ((uintmax_t)stat.st_size <= want->max)
		return 0;
	err_set(err, "larger than %zu bytes", want->max);
	return -EFBIG;
}

/* Whoever writes into a pipe has this long for each piece. */
#define PIPE_DEADLINE_MS 5000

/* All that comes until the end, up to one byte more than is taken. Bytes or -errno. */
static ssize_t pipe_read(int fd, char *buf, size_t max)
{
	size_t used = 0;
	while (used <= max) {
		struct pollfd in = {.fd = fd, .events = POLLIN};
		if (poll(&in, 1, PIPE_DEADLINE_MS) <= 0)
			return -ETIMEDOUT;
		ssize_t n = read(fd, buf + used, max + 1 - used);
		if (n == 0)
			return (ssize_t)used;
		if (n > 0)
			used += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
	return -EFBIG;
}

/* The size is known, but files grow. */
static int descriptor_text(
	int fd, const struct source_want *want, char **ret_text, size_t *ret_n, struct errbuf *err)
{
	struct stat stat;
	int r = descriptor_check(fd, want, &stat, err);
	if (r != 0)
		return r;
	bool is_pipe = S_ISFIFO(stat.st_mode);
	size_t max = is_pipe ? want->max : (size_t)stat.st_size;
	char *text = xmalloc(max + 2);
	ssize_t n = is_pipe ? pipe_read(fd, text, max) : descriptor_read(fd, text, max);
	if (!is_pipe && n > (ssize_t)max) {
		n = -EAGAIN;
		err_set(err, "grew while it was read: try again");
	} else if (n < 0) {
		err_set(err, "cannot be read: %s", strerror((int)-n));
	}
	if (n < 0) {
		free(text);
		return (int)n;
	}
	if (want->ret_stat)
		*want->ret_stat = stat;
	text[n] = '\0';
	*ret_text = text;
	*ret_n = (size_t)n;
	return 0;
}

int source_read(const struct source_want *want, char **ret_text, size_t *ret_n, struct errbuf *err)
{
	/* A FIFO without a writer would keep open() waiting. */
	int fd = open(want->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		int r = -errno;
		err_set(err, "cannot be read: %s", strerror(errno));
		return r;
	}
	int r = descriptor_text(fd, want, ret_text, ret_n, err);
	close(fd);
	return r;
}

static int is_dropin(const struct dirent *entry)
{
	struct span name = span_of(entry->d_name);

	return name.p[0] != '.' && span_ends(name, SPAN(".conf"));
}

/* By byte: alphasort() would sort by the locale of whoever starts us. */
static int name_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Joined; long parts are bounded by the file system. */
static char *path_join(struct span directory, const char *name)
{
	char *path;

	if (asprintf(&path, "%.*s%s", (int)directory.n, directory.p, name) < 0)
		return xstrdup(name);
	return path;
}

int source_list_dropins(const char *path, struct config_strings *ret, struct errbuf *err)
{
	ptrdiff_t slash = span_rfind(span_of(path), '/');
	char *directory = path_join(span_make(path, (size_t)(slash + 1)), "conf.d/");
	struct config_strings list = {0};
	struct dirent **entry;
	int n = scandir(directory, &entry, is_dropin, name_compare);
	int r = n < 0 ? -errno : 0;

	if (r == -ENOENT || r == -ENOTDIR)
		r = 0;
	else if (r < 0)
		err_set(err, "%.300s cannot be read: %s", directory, strerror(-r));
	if (n > SOURCE_DROPINS_MAX) {
		r = -E2BIG;
		err_set(err, "%.300s has %d files *.conf: at most %d are taken, join some",
			directory, n, SOURCE_DROPINS_MAX);
	}
	if (n > 0)
		list.text = xcalloc((size_t)n, sizeof(*list.text));
	for (int i = 0; i < n; i++) {
		if (r == 0)
			list.text[list.n++] = path_join(span_of(directory), entry[i]->d_name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	free(directory);
	*ret = list;
	return r;
}
