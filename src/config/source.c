/* SPDX-License-Identifier: ISC */
/* Reading configuration files. What is in them is not looked at here. */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/mem.h"

/* Up to one byte more than is taken, so that too much shows. Bytes read or -errno. */
static ssize_t descriptor_read(int fd, char *buf)
{
	size_t used = 0;

	while (used <= SOURCE_BYTES_MAX) {
		ssize_t n = read(fd, buf + used, SOURCE_BYTES_MAX + 1 - used);

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

int source_read(const char *path, char **ret_text, size_t *ret_n, struct errbuf *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char *text;

	if (fd < 0) {
		n = -errno;
		err_set(err, "cannot be read: %s", strerror(errno));
		return (int)n;
	}
	text = xmalloc(SOURCE_BYTES_MAX + 1);
	n = descriptor_read(fd, text);
	close(fd);
	if (n > (ssize_t)SOURCE_BYTES_MAX) {
		n = -EFBIG;
		err_set(err, "larger than %zu bytes: move parts into conf.d/", SOURCE_BYTES_MAX);
	} else if (n < 0) {
		err_set(err, "cannot be read: %s", strerror((int)-n));
	}
	if (n < 0) {
		free(text);
		return (int)n;
	}
	*ret_text = text;
	*ret_n = (size_t)n;
	return 0;
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
